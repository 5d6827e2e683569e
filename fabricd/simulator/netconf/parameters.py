"""Parameters of NETCONF operations out of their XML, with the error tags of RFC 6241 appendix A for what is wrong.

Used by every file of operations. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml import etree

from fabricd.model import clark
from fabricd.simulator.datastore import Store
from fabricd.simulator.netconf.errors import BASE, RpcError, missing
from fabricd.simulator.netconf.offer import WITH_DEFAULTS
from fabricd.simulator.netconf.xml import elements

_MOST_SECONDS = (1 << 32) - 1


def only(rpc: etree._Element, *names: str, namespace: str = BASE, several: Sequence[str] = ()) -> None:
    """Refuse parameters that this operation (with these capabilities) does not have, and those given twice, unless
    they are among `several`."""
    seen: set[str] = set()
    for one in elements(rpc):
        own, name = clark.split(one.tag)
        # Stock ncclient sends <config> as it is given, often without a namespace; real devices take that.
        bare = not own and name == "config"
        # The operations of RFC 6241 have it from another module, those of RFC 8526 have one of their own.
        space = WITH_DEFAULTS if name == "with-defaults" and namespace == BASE else namespace
        if (own != space and not bare) or name not in names or name in seen:
            raise RpcError("unknown-element", f"no parameter {name} here", kind="protocol", info={"bad-element": name})
        if name not in several:
            seen.add(name)


def child(rpc: etree._Element, name: str, namespace: str = BASE) -> etree._Element | None:
    """A parameter, None when it is not given."""
    wanted = f"{{{namespace}}}{name}"
    return next((one for one in rpc if one.tag == wanted), None)  # find() takes ten times as long


def text(rpc: etree._Element, name: str, namespace: str = BASE) -> str | None:
    """A parameter's text without white space, None when it is not given."""
    element = child(rpc, name, namespace)
    return None if element is None else re.sub(r"\s+", "", element.text or "")


def invalid(name: str, given: str) -> RpcError:
    """A parameter with a value that it cannot have."""
    return RpcError("invalid-value", f"{name} cannot be {given!r}", kind="protocol", info={"bad-element": name})


def choice(rpc: etree._Element, name: str, allowed: Sequence[str], default: str, namespace: str = BASE) -> str:
    """A parameter that is one of a few words."""
    given = text(rpc, name, namespace)
    if given is None:
        return default
    if given not in allowed:
        raise invalid(name, given)
    return given


def seconds(rpc: etree._Element, name: str, default: int, namespace: str = BASE) -> int:
    """A duration: 1 to 2^32-1."""
    given = text(rpc, name, namespace)
    if given is None:
        return default
    if not re.fullmatch(r"[0-9]{1,10}", given) or not 1 <= int(given) <= _MOST_SECONDS:
        raise invalid(name, given)
    return int(given)


def named_store(rpc: etree._Element, name: str, namespace: str = BASE) -> etree._Element:
    """The one element inside <source> or <target>."""
    element = child(rpc, name, namespace)
    if element is None:
        raise missing(name)
    named = elements(element)
    if len(named) != 1:
        raise missing(f"{name} datastore")
    return named[0]


def store(rpc: etree._Element, name: str, allowed: Sequence[Store], namespace: str = BASE) -> Store:
    """The datastore that <source> or <target> names, one of those allowed."""
    named = named_store(rpc, name, namespace)
    own, local = clark.split(named.tag)
    if own not in (namespace, "") or local not in tuple(allowed):
        raise RpcError("operation-not-supported", f"{name} {local} is not supported here", kind="protocol")
    return Store(local)


def config(rpc: etree._Element, namespace: str = BASE) -> etree._Element:
    """The <config> of an edit; a <url> is not supported."""
    found = child(rpc, "config", namespace)
    if found is None:
        found = rpc.find("config")
    if found is None:
        if child(rpc, "url", namespace) is not None:
            raise RpcError("operation-not-supported", "configuration from a url is not supported", kind="protocol")
        raise missing("config")
    return found
