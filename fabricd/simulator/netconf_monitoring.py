"""What a simulated switch tells of its NETCONF server: capabilities, schemas and their text, sessions (RFC 6022).

Called by the NETCONF operations. Reads the outline and the model files, changes nothing.
"""

from __future__ import annotations

import re
from urllib.parse import quote
from xml.sax.saxutils import escape

from lxml import etree

from fabricd.schema.outline import Outline
from fabricd.simulator.netconf_errors import BASE, RpcError
from fabricd.simulator.netconf_xml import elements

MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
BASE_1_1 = "urn:ietf:params:netconf:base:1.1"
_CAPABILITIES = (
    "urn:ietf:params:netconf:base:1.0",
    BASE_1_1,
    "urn:ietf:params:netconf:capability:candidate:1.0",
    "urn:ietf:params:netconf:capability:validate:1.1",
    "urn:ietf:params:netconf:capability:rollback-on-error:1.0",
    f"{MONITORING}?module=ietf-netconf-monitoring&revision=2010-10-04",
)
_STORES = ("running", "candidate")


def capabilities(outline: Outline) -> tuple[str, ...]:
    """Capability URIs for the hello: protocol first, then a line for every implemented module (RFC 6020 section
    5.6.4)."""
    modules = []
    for module in outline.modules:
        if module.implemented and module.file is not None:
            revision = f"&revision={module.revision}" if module.revision else ""
            modules.append(f"{module.namespace}?module={quote(module.name)}{revision}")
    return (*_CAPABILITIES, *modules)


def hello(uris: tuple[str, ...], session: int) -> bytes:
    """The server's <hello>."""
    listed = "".join(f"<capability>{escape(uri)}</capability>" for uri in uris)
    body = f"<capabilities>{listed}</capabilities><session-id>{session}</session-id>"
    return f'<?xml version="1.0" encoding="UTF-8"?><hello xmlns="{BASE}">{body}</hello>'.encode()


def monitoring_state(outline: Outline, uris: tuple[str, ...], sessions: list[int], wanted: etree._Element) -> str:
    """/netconf-state when a subtree filter names it, whole or those of its containers that are named."""
    asked = [one for one in elements(wanted) if one.tag == f"{{{MONITORING}}}netconf-state"]
    if not asked:
        return ""
    named = {etree.QName(child).localname for one in asked for child in elements(one)}
    parts = {
        "capabilities": "".join(f"<capability>{escape(uri)}</capability>" for uri in uris),
        "datastores": "".join(f"<datastore><name>{name}</name></datastore>" for name in _STORES),
        "schemas": "".join(
            f"<schema><identifier>{module.name}</identifier><version>{module.revision}</version><format>yang</format>"
            f"<namespace>{escape(module.namespace)}</namespace><location>NETCONF</location></schema>"
            for module in outline.modules
            if module.file is not None
        ),
        "sessions": "".join(
            f"<session><session-id>{one}</session-id><transport>netconf-ssh</transport></session>" for one in sessions
        ),
    }
    shown = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items() if not named or name in named)
    return f'<netconf-state xmlns="{MONITORING}">{shown}</netconf-state>'


def schema_text(outline: Outline, identifier: str, version: str) -> str:
    """The YANG text of a module or submodule. Raises RpcError invalid-value when there is none (RFC 6022 section
    3.1)."""
    for module in outline.modules:
        if module.name == identifier and module.file is not None and version in ("", module.revision):
            return module.file.read_text(encoding="utf-8")
    if re.fullmatch(r"[A-Za-z_][\w.-]*", identifier) and not any(one.name == identifier for one in outline.modules):
        for folder in {module.file.parent for module in outline.modules if module.file is not None}:
            file = folder / f"{identifier}.yang"
            if file.is_file():
                text = file.read_text(encoding="utf-8")
                if text.lstrip().startswith("submodule") and (not version or f"revision {version}" in text):
                    return text
    raise RpcError("invalid-value", f"there is no schema {identifier} {version}".rstrip(), app_tag="data-missing")
