"""64-bit numbers and decimals as people write them, put into quotes as RFC 7951 section 6.1 wants them.

Called by intent/compile for documents that were refused as they are. Pure; knows types, but no validation.
"""

from __future__ import annotations

from typing import Any

import orjson

from fabricd.schema import ModelSet
from fabricd.schema.outline import Node, ValueKind, outline_of

_QUOTED = frozenset({ValueKind.LONG, ValueKind.DECIMAL})


def quote_long_numbers(models: ModelSet, config: bytes) -> bytes:
    """The same JSON with integers as strings wherever the models have a 64-bit or decimal type, and only there."""
    return orjson.dumps(_mended(outline_of(models).root, orjson.loads(config)))


def _mended(node: Node, value: Any) -> Any:
    match value:
        case dict():
            return {
                name: inner if (child := node.child(name)) is None else _mended(child, inner)
                for name, inner in value.items()
            }
        case list():
            return [_mended(node, inner) for inner in value]
        case int() if not isinstance(value, bool) and node.value is not None and node.value.kind in _QUOTED:
            return str(value)
        case _:
            return value
