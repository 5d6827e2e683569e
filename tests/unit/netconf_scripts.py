"""What the scripted SSH server of the NETCONF tests says, or fails to say."""

from __future__ import annotations

from typing import Any

from lxml import etree
from southbound_servers import NetconfSessionSide, answer, localname

from fabricd.model.path import Path

ROOTS = (Path.parse("/openconfig-system:system"),)


def scripted(**answers: Any) -> Any:
    """A script that answers the named operations (`edit_config`) with the given bytes or coroutine function."""

    async def script(side: NetconfSessionSide, rpc: etree._Element) -> None:
        found = answers.get(localname(next(rpc.iterchildren(tag=etree.Element))).replace("-", "_"))
        if found is None:
            await answer(side, rpc)
        elif isinstance(found, bytes):
            await side.reply(rpc, found)
        else:
            await found(side, rpc)

    return script
