"""What a device sent, read with patience: other spellings are mended, what the models do not know is left out and told.

Called by Schema.read_device. Must not know sessions or protocols beyond the two encodings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from lxml import etree

from fabricd.errors import DeviceProtocolError, InputError, Problem
from fabricd.model import clark
from fabricd.model.edit import Operation
from fabricd.model.fetched import Encoding, Part
from fabricd.model.path import Path, Segment
from fabricd.schema import raw
from fabricd.schema.context import Context
from fabricd.schema.diff import differences
from fabricd.schema.locate import key_values
from fabricd.schema.loose import Walk, encoded, members_once
from fabricd.schema.nodes import Kind, SchemaNode
from fabricd.schema.tree import Tree

_STRICT = raw.STRICT | raw.PARSE_ONLY | raw.NO_STATE
_OUTER = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*<([^\s/>!?]+)([^>]*?)(/?)>")
_PREFIX = re.compile(rb"xmlns:([^\s=]+)\s*=")
_SKIPPED = 1000


@dataclass(frozen=True, slots=True)
class DeviceTree:
    """What a device runs, as RFC 7951 JSON, and the paths (at most a thousand) that were left out because the models do
    not know them or do not allow their values. State is neither."""

    config: bytes
    skipped: tuple[str, ...] = ()


def contradiction(error: InputError) -> DeviceProtocolError:
    """What was given twice, as the device's mistake."""
    return DeviceProtocolError(f"the device contradicts itself: {error.message}", path=error.path)


class DeviceReader:
    """Reads the parts of one answer into one tree. Make one for each answer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.tree = Tree(context)
        self.skipped: list[str] = []
        self._understood = False  # anything of it, be it state

    def read(self, parts: Sequence[Part], encoding: Encoding) -> None:
        """Raises DeviceProtocolError for what is no JSON or XML at all, has the wrong shape at its top, or says two
        different things of one leaf; and where the device sends a lot of which the models know nothing, because that
        device is not empty."""
        for part in parts:
            data = part.data.strip()
            if not data or data == b"null":
                continue
            if encoding is Encoding.XML:
                self._read_xml(data)
            else:
                self._read_json(part.path, data)
        if self.skipped and not self._understood:
            raise DeviceProtocolError("the models have nothing of what the device sent", path=self.skipped[0])

    def _read_json(self, path: Path, data: bytes) -> None:
        along = self._context.nodes.along(path)
        if along is None:
            self._skip(path.text)
            return
        if any(node.is_state for node in along):
            self._understood = True
            return
        if self._take(spliced(along, path, data), raw.JSON):
            return
        value = _plain(data, path)
        last = along[-1] if along else None
        is_object = last is None or last.kind is Kind.CONTAINER or (last.kind is Kind.LIST and path.segments[-1].keys)
        if is_object and not isinstance(value, dict):
            raise DeviceProtocolError("the device sent something else where an object belongs", path=path.text)
        document = _wrapped(along, path, value)
        if document is None:
            self._skip(path.text)
        else:
            self._read_loose(document, path)

    def _read_xml(self, data: bytes) -> None:
        content = inside(data)
        if content is not None and (not content.strip() or self._take(content, raw.XML)):
            return
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
        try:
            root = etree.fromstring(data, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise DeviceProtocolError(f"the device sent what is not XML: {error}") from error
        self._read_loose(_members(self._context, None, root, {}), Path())

    def _read_loose(self, document: dict[str, Any], path: Path) -> None:
        for check_values in (False, True):
            walk = Walk(self._context, check_values=check_values, limit=_SKIPPED)
            mended = walk.document(document)
            if walk.twice:
                raise DeviceProtocolError("the device contradicts itself: given twice", path=walk.twice[0])
            self._understood |= walk.met_state
            if self._take(orjson.dumps(mended), raw.JSON, keep_faults=check_values):
                for skipped, _reason in walk.skipped:
                    self._skip(skipped)
                return
        found = self._context.faults()
        reason = found[-1].message if found else "no reason given"
        raise DeviceProtocolError(f"the device sent what its models cannot hold: {reason}", path=path.text)

    def _take(self, data: bytes | None, form: int, *, keep_faults: bool = False) -> bool:
        """Merge a strict document into the tree; False when it is not one."""
        if data is None or b"\0" in data:
            return False
        first = raw.parse(self._context.pointer, data, form, _STRICT)
        if first is None:
            if not keep_faults:
                raw.forget_faults(self._context.pointer)
            return False
        self._understood = self._understood or any(map(_says_something, raw.siblings(first)))
        with Tree(self._context, first) as part:
            if self.tree.empty:
                self.tree.cell[0], part.cell[0] = part.first, raw.NULL
            else:
                self._agree(part)
                self.tree.merge(part)
        return True

    def _agree(self, part: Tree) -> None:
        """Parts may overlap, if they say the same: of two values there is no telling which the device runs."""
        tops = {top.schema for top in raw.siblings(self.tree.first)}
        if all(top.schema not in tops for top in raw.siblings(part.first)):
            return
        try:
            for found in differences(self._context, self.tree.first, part.first):
                if found.operation is Operation.REPLACE:
                    raise InputError.of([Problem("given twice", path=found.path.text)])
        except InputError as error:
            raise contradiction(error) from error

    def _skip(self, path: str) -> None:
        if len(self.skipped) < _SKIPPED and path not in self.skipped:
            self.skipped.append(path)


def _says_something(node: raw.DataNode) -> bool:
    """False for containers that stand for nothing."""
    is_value = node.schema.nodetype & (raw.TERMINAL | raw.ANY) or node.schema.flags & raw.PRESENCE
    return bool(is_value) or any(map(_says_something, raw.children(node)))


def _plain(data: bytes, path: Path) -> Any:
    try:
        return members_once(data)
    except InputError as error:
        raise DeviceProtocolError(f"the device contradicts itself: {error.message}", path=path.text) from error
    except orjson.JSONDecodeError as error:
        message = f"the device sent what is not JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        raise DeviceProtocolError(message, path=path.text) from error


def spliced(along: tuple[SchemaNode, ...], path: Path, data: bytes) -> bytes | None:
    """The part as a whole document, by putting text around it; None where that needs a look inside."""
    if any(node.kind is Kind.LIST and (segment.keys or node is not along[-1]) for node, segment in _pairs(along, path)):
        return None
    before = b"".join(b'{"%s":' % node.qualified.encode() for node in along)
    return before + data + b"}" * len(along)


def _wrapped(along: tuple[SchemaNode, ...], path: Path, value: Any) -> dict[str, Any] | None:
    """The part as a whole document of plain values; None when keys are missing or not allowed."""
    held = value
    for node, segment in reversed(list(_pairs(along, path))):
        if node.kind is Kind.LIST and (segment.keys or node is not along[-1]):
            keys = _keys(node, segment)
            if keys is None or not isinstance(held, dict):
                return None
            names = {key.name for key in node.keys} | set(keys)
            held = [keys | {name: one for name, one in held.items() if name not in names}]
        held = {node.qualified: held}
    return held if isinstance(held, dict) else None


def _keys(node: SchemaNode, segment: Segment) -> dict[str, Any] | None:
    values = key_values(node, segment)
    if values is None:
        return None
    checked = [(key.qualified, key.check(value)) for key, value in zip(node.keys, values, strict=True)]
    return {name: encoded(found) for name, found in checked if found is not None}


def _pairs(along: tuple[SchemaNode, ...], path: Path) -> list[tuple[SchemaNode, Segment]]:
    return list(zip(along, path.segments, strict=True))


def inside(data: bytes) -> bytes | None:
    """The content of a `<data>` element; None when prefixes it declares are used inside."""
    start = _OUTER.match(data)
    if start is None:
        return None
    if start[3]:
        return b""
    end = data.rfind(b"</")
    if end < start.end():
        return None
    content = data[start.end() : end]
    if any(prefix + b":" in content for prefix in _PREFIX.findall(start[2])):
        return None
    return content


def _members(context: Context, above: SchemaNode | None, element: Any, out: dict[str, Any]) -> dict[str, Any]:
    """Children of an XML element as loose JSON members; unknown ones and state are left empty for the walk to drop.

    `out` holds those of an earlier element for the same container.
    """
    for child in element:
        if not isinstance(child.tag, str):
            continue
        namespace, name = clark.split(child.tag)
        module = context.nodes.modules.get(namespace, namespace)
        node = context.nodes.member(above, f"{module}:{name}")
        member = f"{module}:{name}"
        if node is None or node.is_state:
            out[member] = None
        elif node.kind is Kind.LIST:
            out.setdefault(member, []).append(_members(context, node, child, {}))
        elif node.kind is Kind.CONTAINER:
            _members(context, node, child, out.setdefault(member, {}))
        else:
            text = "".join(child.itertext())
            value = text if raw.TYPE_STRING in node.base_types else text.strip()
            if node.kind is Kind.LEAF_LIST:
                out.setdefault(member, []).append(value)
            elif out.setdefault(member, value) != value:
                above_it = [clark.local(one.tag) for one in child.iterancestors()][-2::-1]
                path = "".join(f"/{one}" for one in (*above_it, name))
                raise DeviceProtocolError("the device contradicts itself: given twice", path=path)
    return out
