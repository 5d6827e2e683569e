"""Addresses that the models let be spelled in several ways, IPv6 and MAC: brought into the one spelling of the RFCs.

Called by Schema for what devices send and people submit, and by applied.py. Must not know what is compared with what.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Any

import orjson

from fabricd.schema.context import Context
from fabricd.schema.loose import members_once
from fabricd.schema.nodes import SchemaNode

_ADDRESS = re.compile(r"([0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]+)(%[^/]*)?(/[0-9]{1,3})?")
_CANDIDATE = re.compile(rb'"([0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]+(?:%[^"\\/]*)?(?:/[0-9]{1,3})?)"')
_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+")
_DIGIT = re.compile(r"[0-9A-Fa-f]")
_TOO_LONG = "1:2:3:4:5:6:7:8:9"


def respelled(context: Context, config: bytes) -> bytes:
    """A configuration with every address as RFC 5952 (IPv6) and RFC 6991 (MAC, in lower case) have it; the same object
    where that is so already. Raises InputError for a leaf given twice."""
    odd = {text for text in {found.decode() for found in _CANDIDATE.findall(config)} if _usual(text) != text}
    if not odd:
        return config
    document = members_once(config)
    return orjson.dumps(_members(context, None, document, odd))


def in_one_spelling(node: SchemaNode, text: str) -> str:
    """A leaf's value in the usual spelling of its type: of an address only where the type is one, since a description
    may be spelled like one."""
    usual = _usual(text)
    if usual == text or node.check(text) is None or node.check(usual) is None:
        return text
    _, zone, length = _parts(text)
    # What takes an address and not this takes no free text either; and what takes nine groups takes no IPv6.
    strange = (_DIGIT.sub("g", text, count=1), f"{_TOO_LONG}{zone}{length}")
    return text if any(node.check(one) is not None for one in strange) else usual


def _members(context: Context, above: SchemaNode | None, value: dict[str, Any], odd: set[str]) -> dict[str, Any]:
    for name, held in value.items():
        node = context.nodes.member(above, name)
        if node is not None:
            value[name] = _value(context, node, held, odd)
    return value


def _value(context: Context, node: SchemaNode, value: Any, odd: set[str]) -> Any:
    if isinstance(value, dict):
        return _members(context, node, value, odd)
    if isinstance(value, list):
        return [_value(context, node, one, odd) for one in value]
    return in_one_spelling(node, value) if isinstance(value, str) and value in odd else value


def _parts(text: str) -> tuple[str, str, str]:
    """Address, zone and prefix length; all empty for what is spelled like no address."""
    found = _ADDRESS.fullmatch(text)
    return ("", "", "") if found is None else (found[1], found[2] or "", found[3] or "")


def _usual(text: str) -> str:
    if ":" not in text:
        return text
    if _PAIRS.fullmatch(text):
        return text.lower()
    address, zone, length = _parts(text)
    try:
        return f"{IPv6Address(address)}{zone}{length}"
    except ValueError:
        return text
