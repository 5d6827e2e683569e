"""Replies: the <data> element cut out of one without parsing it, and rpc-errors judged by tag and severity.

Called by the adapter. Must not know sessions.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lxml import etree

from fabricd.errors import DeviceError, DeviceProtocolError, DeviceRefusedError, DeviceTooLargeError, DeviceTrustError
from fabricd.model import clark
from fabricd.model.device import Device

_LOG = logging.getLogger(__name__)

# Replies larger than this are read in a thread: below it the hand-over costs more than the work.
LARGE = 1 << 20

_ATTRIBUTES = rb"((?:\s+[^\s=<>/]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*"
_BEGINNING = re.compile(
    rb"\s*(?:<\?xml(?P<prolog>[^>]*)\?>)?\s*"
    rb"<(?P<reply>(?:[\w.-]+:)?rpc-reply)(?P<reply_attributes>" + _ATTRIBUTES + rb")>\s*"
    rb"<(?P<data>(?:[\w.-]+:)?data)(?P<data_attributes>" + _ATTRIBUTES + rb")(?P<empty>/?)>"
)
_DECLARATION = re.compile(rb"\s(xmlns(?::[^\s=]+)?)\s*=\s*(\"[^\"]*\"|'[^']*')")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"'](?!utf-8[\"'])", re.IGNORECASE)

# What will be refused again however often it is sent (RFC 6241 appendix A).
_FINAL = frozenset(
    {
        "invalid-value",
        "too-big",
        "missing-attribute",
        "bad-attribute",
        "unknown-attribute",
        "missing-element",
        "bad-element",
        "unknown-element",
        "unknown-namespace",
        "data-exists",
        "data-missing",
        "operation-not-supported",
        "malformed-message",
    }
)


Repair = Callable[[bytes], bytes | None]
"""Mends the mistakes that such devices make in XML; None where it knows of none."""


def _beyond_repair(_: bytes) -> bytes | None:
    return None


def parse(message: bytes, device: Device, repaired: Repair = _beyond_repair) -> etree._Element:
    """An XML document from a device; one that is not well-formed is tried again as `repaired` returns it.

    Raises DeviceProtocolError; entities are not expanded, nothing is loaded.
    """
    try:
        return etree.fromstring(
            message.lstrip(), etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)
        )
    except etree.XMLSyntaxError as error:
        mended = repaired(message)
        if mended is None:
            raise DeviceProtocolError("the device sent XML that is not well-formed", device=device.name) from error
    return parse(mended, device)


def data_element(reply: bytes, device: Device, what: str, repaired: Repair = _beyond_repair) -> bytes:
    """The whole <data> element of a reply, with the namespace declarations it inherits.

    The usual reply (nothing but <data> in it) is cut by its first and last tags: in a well-formed document the bytes
    between them cannot be anything else. All others are parsed. Raises as `judge`, and DeviceProtocolError for a
    reply without <data>.
    """
    found = _cut(reply)
    if found is not None:
        return found
    root = parse(reply, device, repaired)
    judge(root, device, what)
    for child in _children(root, "data"):
        child.tail = None
        # As UTF-8: in ASCII, names would be written with character references, which only values may have.
        return bytes(etree.tostring(child, encoding="utf-8", xml_declaration=False))
    raise DeviceProtocolError(f"the reply to {what} has no <data>", device=device.name)


def _cut(reply: bytes) -> bytes | None:
    start = _BEGINNING.match(reply)
    if start is None or (start["prolog"] is not None and _ENCODING.search(start["prolog"])):
        return None
    end = re.compile(rb"\s*</%b\s*>\s*" % re.escape(start["reply"]))
    if start["empty"]:
        return _opening(start) + b"/>" if end.fullmatch(reply, start.end()) else None
    closing = reply.rfind(b"</" + start["data"], start.end())
    after = reply.find(b">", closing) + 1 if closing >= 0 else 0
    if not after or reply[closing + 2 + len(start["data"]) : after - 1].strip():
        return None
    if not end.fullmatch(reply, after):
        return None
    return b"".join((_opening(start), b">", memoryview(reply)[start.end() : after]))


def _opening(start: re.Match[bytes]) -> bytes:
    """`<data ...` with the declarations of <rpc-reply> that it does not override; message-id stays behind."""
    own = {name for name, _ in _DECLARATION.findall(start["data_attributes"])}
    inherited = [
        b" %b=%b" % (name, value) for name, value in _DECLARATION.findall(start["reply_attributes"]) if name not in own
    ]
    return b"<" + start["data"] + b"".join(inherited) + start["data_attributes"]


def check(reply: bytes, device: Device, what: str, repaired: Repair = _beyond_repair) -> None:
    """Raise what the device reports as an error; see `judge`."""
    judge(parse(reply, device, repaired), device, what)


def judge(root: etree._Element, device: Device, what: str) -> None:
    """Look at every rpc-error (RFC 6241 section 4.3), also beside <ok/>. Warnings are logged.

    Raises DeviceTrustError for access-denied, else DeviceRefusedError with tag and path of the first error.
    """
    if clark.local(root.tag) != "rpc-reply":
        raise DeviceProtocolError(f"<{clark.local(root.tag)}> in answer to {what}", device=device.name)
    errors = []
    for one in _errors(root):
        if one.severity == "warning":
            _LOG.warning("%s: %s: the device warns: %s", device.name, what, one)
        else:
            errors.append(one)
    if errors:
        raise _raised(errors, device, what)


@dataclass(frozen=True, slots=True)
class _RpcError:
    """An rpc-error, "" for what it does not say. `holder` is the session that has what was asked for (error-info)."""

    tag: str
    app_tag: str
    severity: str
    path: str
    message: str
    holder: str

    @classmethod
    def read(cls, element: etree._Element) -> _RpcError:
        """By local names: older devices leave the namespace out."""

        def said(name: str) -> str:
            return " ".join((element.findtext(f"{{*}}{name}") or "").split())

        return cls(
            tag=said("error-tag"),
            app_tag=said("error-app-tag"),
            severity=said("error-severity"),
            path=said("error-path"),
            message=said("error-message"),
            holder=said("error-info/{*}session-id"),
        )

    def __str__(self) -> str:
        words = [self.tag or "no error-tag"]
        if self.app_tag:
            words.append(f"({self.app_tag})")
        if self.path:
            words.append(f"at {self.path}")
        if self.holder:
            # RFC 6241 section 7.5: 0 stands for an entity that is no NETCONF session.
            words.append(f"by session {self.holder}" if self.holder != "0" else "by something other than NETCONF")
        return " ".join(words) + (f": {self.message}" if self.message else "")


def _errors(root: etree._Element) -> Iterator[_RpcError]:
    """Errors stand beside <ok/> and <data>, or (in some devices) inside a results element; never inside <data>."""
    for child in root.iterchildren(tag=etree.Element):
        if clark.local(child.tag) == "data":
            continue
        for one in child.iter("{*}rpc-error"):
            yield _RpcError.read(one)


def _raised(errors: list[_RpcError], device: Device, what: str) -> DeviceError:
    first = errors[0]
    tag = first.tag or "operation-failed"
    message = f"{what} was refused: " + "; ".join(str(one) for one in errors)
    if any(one.tag == "access-denied" for one in errors):
        return DeviceTrustError(message, device=device.name, path=first.path)
    kind = DeviceTooLargeError if tag == "too-big" else DeviceRefusedError
    return kind(message, device=device.name, path=first.path, tag=tag, transient=tag not in _FINAL)


def _children(root: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in root.iterchildren(tag=etree.Element) if clark.local(child.tag) == name)
