"""What a simulated switch tells of its NETCONF server: capabilities, datastores and locks, schemas and their text,
sessions, statistics (RFC 6022).

Called by the NETCONF operations. Reads the outline, the model files and the sessions, changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from fabricd.schema.outline import Outline
from fabricd.simulator.datastore import Datastore
from fabricd.simulator.netconf.errors import RpcError
from fabricd.simulator.netconf.offer import MONITORING, Offer
from fabricd.simulator.netconf.peers import Counters, Sessions


def time_text(nanoseconds: int) -> str:
    """yang:date-and-time of nanoseconds since 1970, to the microsecond."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    moment = datetime.fromtimestamp(whole, UTC).replace(microsecond=rest // 1000)
    return moment.isoformat().replace("+00:00", "Z")


def monitoring_state(
    outline: Outline, offer: Offer, uris: tuple[str, ...], sessions: Sessions, datastore: Datastore
) -> Callable[[], str]:
    """What writes /netconf-state; it may be called in a thread, what changes by itself is taken now."""
    stores = "".join(_datastore(datastore, offer))
    open_sessions = "".join(
        f"<session><session-id>{one.id}</session-id><transport>netconf-ssh</transport>"
        f"<username>{escape(one.username)}</username><source-host>{escape(one.source)}</source-host>"
        f"<login-time>{time_text(one.started)}</login-time>{_counters(one.counters)}</session>"
        for one in sessions.open()
    )
    counted = sessions.counters
    statistics = (
        f"<netconf-start-time>{time_text(counted.started)}</netconf-start-time>"
        f"<in-bad-hellos>{counted.in_bad_hellos}</in-bad-hellos><in-sessions>{counted.in_sessions}</in-sessions>"
        f"<dropped-sessions>{counted.dropped_sessions}</dropped-sessions>{_counters(counted)}"
    )

    def write() -> str:
        capabilities = "".join(f"<capability>{escape(uri)}</capability>" for uri in uris)
        schemas = "".join(
            f"<schema><identifier>{module.name}</identifier><version>{module.revision}</version><format>yang</format>"
            f"<namespace>{escape(module.namespace)}</namespace><location>NETCONF</location></schema>"
            for module in outline.modules
            if module.file is not None
        )
        return (
            f'<netconf-state xmlns="{MONITORING}"><capabilities>{capabilities}</capabilities>'
            f"<datastores>{stores}</datastores><schemas>{schemas}</schemas><sessions>{open_sessions}</sessions>"
            f"<statistics>{statistics}</statistics></netconf-state>"
        )

    return write


def _datastore(datastore: Datastore, offer: Offer) -> list[str]:
    found = []
    for store in offer.stores:
        held = datastore.locked(store)
        locks = "" if held is None else (
            f"<locks><global-lock><locked-by-session>{held.session}</locked-by-session>"
            f"<locked-time>{time_text(held.since)}</locked-time></global-lock></locks>"
        )  # fmt: skip
        found.append(f"<datastore><name>{store}</name>{locks}</datastore>")
    return found


def _counters(counted: Counters) -> str:
    return (
        f"<in-rpcs>{counted.in_rpcs}</in-rpcs><in-bad-rpcs>{counted.in_bad_rpcs}</in-bad-rpcs>"
        f"<out-rpc-errors>{counted.out_rpc_errors}</out-rpc-errors>"
        f"<out-notifications>{counted.out_notifications}</out-notifications>"
    )


def schema_text(outline: Outline, identifier: str, version: str) -> str:
    """The YANG text of a module or submodule. Raises RpcError invalid-value when there is none (RFC 6022 section
    3.1)."""
    for module in outline.modules:
        if module.name != identifier or module.file is None or version not in ("", module.revision):
            continue
        if module.file.is_file():  # it may have been taken away since
            return module.file.read_text(encoding="utf-8")
    if re.fullmatch(r"[A-Za-z_][\w.-]*", identifier) and not any(one.name == identifier for one in outline.modules):
        for folder in {module.file.parent for module in outline.modules if module.file is not None}:
            file = folder / f"{identifier}.yang"
            if file.is_file():
                text = file.read_text(encoding="utf-8")
                if text.lstrip().startswith("submodule") and (not version or f"revision {version}" in text):
                    return text
    raise RpcError("invalid-value", f"there is no schema {identifier} {version}".rstrip(), app_tag="data-missing")
