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
    CancelCommit,
    CloseSession,
    Commit,
    CopyConfig,
    CreateSubscription,
    DiscardChanges,
    Dispatch,
    Get,
    GetConfig,
    GetSchema,
    Lock,
    OperationError,
    RaiseMode,
    Unlock,
    Validate,
)
from ncclient.operations import EditConfig as NcclientEditConfig
from ncclient.transport.session import HelloHandler
from ncclient.xml_ import XMLError

from fabricd.model import clark

__all__ = [
    "Advertised",
    "CancelCommit",
    "CloseSession",
    "Commit",
    "CopyConfig",
    "CreateSubscription",
    "DiscardChanges",
    "Dispatch",
    "EditConfig",
    "Get",
    "GetConfig",
    "GetSchema",
    "Hello",
    "Lock",
    "Operation",
    "OperationError",
    "Unlock",
    "Validate",
    "XMLError",
    "handler",
    "offered",
    "read_hello",
    "repaired",
    "request",
    "write_hello",
]

Operation = type[Any]  # a subclass of ncclient's RPC, which comes without types
Handler = Any

# ncclient's hello knows the versions 1.0 of these only; some devices take a peer at its word.
_WE_OFFER = (
    "urn:ietf:params:netconf:capability:confirmed-commit:1.1",
    "urn:ietf:params:netconf:capability:validate:1.1",
)

# Acknowledgements are what handlers know to mend. Their patterns take the cube of the length on hostile input.
_MENDABLE = 1 << 12

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
class Advertised:
    """A YANG 1.0 module in a hello (RFC 6020 section 5.6.4)."""

    name: str
    revision: str
    namespace: str
    features: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()


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

    def parameters(self, capability: str) -> dict[str, str]:
        """What stands behind the `?` of a capability's URI; nothing where it is not advertised."""
        return dict(self.capabilities[capability].parameters) if self.has(capability) else {}

    def modules(self) -> tuple[Advertised, ...]:
        """Every module that is advertised."""
        found = []
        for uri in self.capabilities:
            one = self.capabilities[uri]
            said = one.parameters
            if "module" in said:
                features, deviations = (
                    tuple(filter(None, said.get(key, "").split(","))) for key in ("features", "deviations")
                )
                revision = said.get("revision", "")
                found.append(Advertised(said["module"], revision, one.namespace_uri, features, deviations))
        return tuple(found)


def handler(name: str) -> Handler:
    """ncclient's handler of that name, which also speaks for what we use beyond its own capabilities."""
    found = make_device_handler({"name": name})
    found.add_additional_netconf_params({"capabilities": list(_WE_OFFER)})
    return found


def repaired(device_handler: Handler, message: bytes) -> bytes | None:
    """A message that is not well-formed, as the handler mends those of its devices; None when it does not."""
    if len(message) > _MENDABLE:
        return None
    found = device_handler.handle_raw_dispatch(message.decode("utf-8", "replace"))
    if not isinstance(found, str):
        return None
    mended = found.encode()
    return mended if mended != message else None


def offered(device_handler: Handler) -> tuple[str, ...]:
    """The capabilities of our hello."""
    return tuple(dict.fromkeys(device_handler.get_capabilities()))


def write_hello(device_handler: Handler) -> bytes:
    """Our hello."""
    text: str = HelloHandler.build(offered(device_handler), device_handler)
    return text.encode()


def read_hello(message: bytes) -> Hello:
    """The server's hello. Raises ValueError when it is none."""
    try:
        root = etree.fromstring(message.lstrip(), etree.XMLParser(resolve_entities=False, no_network=True))
        if clark.local(root.tag) != "hello":
            raise ValueError(f"<{clark.local(root.tag)}> where a hello belongs")
        session_id, capabilities = HelloHandler.parse(root)  # takes elements as well as text
    except (etree.XMLSyntaxError, AttributeError, TypeError, IndexError) as error:
        raise ValueError("the hello cannot be read") from error
    shared = _SHARED.setdefault(tuple(capabilities), capabilities)
    return Hello((session_id or "").strip() if isinstance(session_id, str) else "", shared)


def request(
    operation: Operation, hello: Hello, device_handler: Handler, /, *arguments: object, **options: object
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
