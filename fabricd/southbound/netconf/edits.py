"""An edit as it was rendered, as elements to send: whole, or cut where a device does not take it in one message.

Called by the adapter. Must not know locks, commits or what is changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from fabricd.southbound.netconf.paths import BASE

ENVELOPE = 1 << 10
"""Bytes that an edit-config has around its configuration, at most."""


def config_elements(config: bytes, limit: int) -> list[etree._Element]:
    """NETCONF's config element; several of at most `limit` bytes where it is larger, cut between top-level containers,
    as a configuration that is too large is read. A container that is larger by itself stays whole.

    The bytes are ours, so whatever is wrong with them is a mistake in the program: ValueError.
    """
    whole = _parsed(config)
    if whole.tag not in ("config", f"{{{BASE}}}config"):
        raise ValueError(f"the edit is a {whole.tag} where NETCONF's config belongs")
    if len(config) <= limit:
        return [whole]
    # Through text: when lxml moves elements, prefixes get lost that only values use.
    room = limit - len(_wrapper(b""))
    return [_parsed(_wrapper(group)) for group in _grouped(map(etree.tostring, whole), room)]


def _parsed(text: bytes) -> etree._Element:
    try:
        return etree.fromstring(text, etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ValueError("the edit is not well-formed XML") from error


def _grouped(texts: Iterable[bytes], limit: int) -> list[bytes]:
    groups: list[bytes] = []
    for text in texts:
        if groups and len(groups[-1]) + len(text) <= limit:
            groups[-1] += text
        else:
            groups.append(text)
    return groups


def _wrapper(inside: bytes) -> bytes:
    return b'<config xmlns="%b">%b</config>' % (BASE.encode(), inside)
