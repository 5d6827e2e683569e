"""Requests and hellos as ncclient writes and reads them: its operations, capabilities and device handlers.

Called by the session and the adapter; nothing else knows how ncclient wants to be used. Does no I/O.
"""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass
from typing import Any

from lxml import etree
from ncclient.capabilities import Capabilities as NcclientCapabilities
from ncclient.manager import make_device_handler
from ncclient.operations import (
    CloseSession,
    Commit,
    CopyConfig,
    CreateSubscription,
    DiscardChanges,
    Get,
    GetConfig,
    Lock,
    OperationError,
    RaiseMode,
    Unlock,
    Validate,
)
from ncclient.operations import EditConfig as NcclientEditConfig
from ncclient.transport.session import HelloHandler
from ncclient.xml_ import XMLError

__all__ = [
    "CloseSession",
    "Commit",
    "CopyConfig",
    "CreateSubscription",
    "DiscardChanges",
    "EditConfig",
    "Get",
    "GetConfig",
    "Hello",
    "Lock",
    "OperationError",
    "Unlock",
    "Validate",
    "XMLError",
    "handler",
    "read_hello",
    "request",
    "write_hello",
]

Operation = type[Any]  # a subclass of ncclient's RPC, which comes without types
Handler = Any

_PLACE = re.compile(r"<(?:[\w.-]+:)?config(?:\s[^>]*)?/>")

# A hello that names 600 modules takes 600 KB once read; switches of one kind send the same one and share it.
_SHARED: weakref.WeakValueDictionary[tuple[str, ...], NcclientCapabilities] = weakref.WeakValueDictionary()


class EditConfig(NcclientEditConfig):  # type: ignore[misc]  # ncclient comes without types
    """ncclient's edit-config with the configuration just as it was written.

    When lxml moves an element into a message, it drops declarations of prefixes whose namespace is the default one
    there. The prefixes of identities (`oc-acl:ACL_IPV4`) and of key predicates would be left without a meaning.
    """

    def request(self, config: etree._Element, **options: Any) -> Any:
        """`config` is NETCONF's config element; options are ncclient's."""
        self._written = etree.tostring(config, encoding="unicode")
        return super().request(etree.Element(config.tag), **options)

    def _wrap(self, subele: etree._Element) -> str:
        message, places = _PLACE.subn(lambda _: self._written, super()._wrap(subele))
        if places != 1:
            raise ValueError(f"ncclient's edit-config has {places} places for the configuration")
        return message


@dataclass(frozen=True, slots=True)
class Hello:
    """What the server said first (RFC 6241 section 8.1)."""

    session_id: str
    capabilities: NcclientCapabilities

    def has(self, capability: str) -> bool:
        """Whether a capability was advertised, by URI or short form (`:candidate`, `:validate:1.1`)."""
        return capability in self.capabilities

    def uris(self) -> tuple[str, ...]:
        return tuple(self.capabilities)

    def modules(self) -> tuple[tuple[str, str, str], ...]:
        """(module, revision, namespace) of every YANG 1.0 module advertised (RFC 6020 section 5.6.4)."""
        found = []
        for uri in self.capabilities:
            one = self.capabilities[uri]
            if "module" in one.parameters:
                found.append((one.parameters["module"], one.parameters.get("revision", ""), one.namespace_uri))
        return tuple(found)


def handler() -> Handler:
    """ncclient's handler for devices that keep to the RFCs."""
    return make_device_handler({"name": "default"})


def write_hello(device_handler: Handler) -> bytes:
    """Our hello."""
    text: str = HelloHandler.build(NcclientCapabilities(device_handler.get_capabilities()), device_handler)
    return text.encode()


def read_hello(message: bytes) -> Hello:
    """The server's hello. Raises ValueError when it is none."""
    try:
        root = etree.fromstring(message, etree.XMLParser(resolve_entities=False, no_network=True))
        if etree.QName(root).localname != "hello":
            raise ValueError(f"<{etree.QName(root).localname}> where a hello belongs")
        session_id, capabilities = HelloHandler.parse(root)  # takes elements as well as text
    except (etree.XMLSyntaxError, AttributeError, TypeError, IndexError) as error:
        raise ValueError("the hello cannot be read") from error
    shared = _SHARED.setdefault(tuple(capabilities), capabilities)
    return Hello((session_id or "").strip() if isinstance(session_id, str) else "", shared)


def request(
    operation: Operation, hello: Hello, device_handler: Handler, *arguments: object, **options: object
) -> tuple[str, bytes]:
    """The message-id and text of an <rpc>, as ncclient's `operation` writes it.

    Raises OperationError (a capability that the operation needs is missing) or XMLError.
    """
    outbox = _Outbox(hello.capabilities)
    rpc = operation(outbox, device_handler=device_handler, async_mode=True, raise_mode=RaiseMode.NONE, huge_tree=True)
    rpc.request(*arguments, **options)
    return rpc.id, outbox.message.encode()


class _Outbox:
    """What an operation takes for its session. It keeps the message; ncclient's own reply listener is kept out, since
    replies are routed by our session."""

    can_pipeline = True
    id = None

    def __init__(self, capabilities: NcclientCapabilities) -> None:
        self.server_capabilities = capabilities
        self.message = ""

    def get_listener_instance(self, _: object) -> _Outbox:
        return self

    def register(self, *_: object) -> None:
        """A reply is expected; nothing to do here."""

    def send(self, message: str) -> None:
        self.message = message

    def close(self) -> None:
        """CloseSession closes as soon as it has written; our session waits for the reply first."""
