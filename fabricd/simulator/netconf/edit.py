"""edit-config on plain data (RFC 6241 section 7.2, RFC 7950 sections 7.5.8 to 7.8.6): operations, order, error tags.

Called by the NETCONF session. Turns a <config> element into an edit of a parsed tree; knows no datastore.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lxml import etree

from fabricd.model import clark
from fabricd.model.path import Path
from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.engine import Edit
from fabricd.simulator.entries import Entries, Key, key_of
from fabricd.simulator.netconf.errors import BASE, RpcError, missing, unknown
from fabricd.simulator.netconf.marks import TAG
from fabricd.simulator.netconf.offer import Mode
from fabricd.simulator.netconf.xml import elements, prefixes
from fabricd.simulator.request import Part, Request
from fabricd.simulator.tree import Object, entry_key
from fabricd.simulator.values import Json, from_text, to_text

_OPERATION = f"{{{BASE}}}operation"
_DEFAULT = f"{{{TAG}}}default"
_MOST_PARTS = 1_000  # each may have to be tried again together with those before it
_YANG = "urn:ietf:params:xml:ns:yang:1"


class Op(StrEnum):
    MERGE = "merge"
    REPLACE = "replace"
    CREATE = "create"
    DELETE = "delete"
    REMOVE = "remove"
    NONE = "none"


@dataclass(slots=True)
class Manners:
    """How a switch takes edits. `warnings` collects what is told beside ok (quirk 44), `met` the quirks that made a
    difference."""

    basic: Mode = Mode.EXPLICIT
    replaces: bool = True
    tolerates_missing: bool = False
    warnings: list[RpcError] = field(default_factory=list)
    met: set[str] = field(default_factory=set)


def edit_of(outline: Outline, config: etree._Element, default: Op, manners: Manners | None = None) -> Request:
    """The edit that a <config> element stands for, a part for each top-level element. A part raises RpcError and leaves
    a half-changed tree then."""
    taken = manners or Manners()

    def part(element: etree._Element) -> Edit:
        def edit(tree: Object) -> None:
            _Editor(outline, taken).child(tree, outline.root, element, default, "")

        return edit

    tops = elements(config)
    if len(tops) > _MOST_PARTS:
        raise RpcError("resource-denied", f"more than {_MOST_PARTS} top-level elements in one edit")
    parts = tuple(Part(part(element)) for element in tops)
    if default is Op.REPLACE:
        parts = (Part(_replacing(Request(parts))),)
    return Request(parts, one=True)


def _replacing(edit: Edit) -> Edit:
    """Default-operation replace is about the whole datastore: its parts cannot be told from each other."""

    def replace(tree: Object) -> None:
        tree.clear()
        edit(tree)

    return replace


class _Editor:
    def __init__(self, outline: Outline, manners: Manners) -> None:
        self._outline = outline
        self._manners = manners
        self._known = Entries()

    def child(self, data: Object, node: Node, element: etree._Element, op: Op, path: str) -> None:
        """One element inside the one that stands for `node`, whose data is `data`."""
        child = self._node(node, element, path)
        place = f"{path}/{child.member}"
        own = self._operation(element, op, place)
        if not child.config:
            raise RpcError("invalid-value", "this is state, it cannot be configured", path=place)
        if child.kind is NodeKind.LIST:
            self._entry(data, child, element, own, place)
        elif child.kind is NodeKind.CONTAINER:
            self._container(data, child, element, own, place)
        elif child.kind is NodeKind.LEAF_LIST:
            self._item(data, child, element, own, place)
        elif next(element.itersiblings(element.tag), None) is not None:
            raise RpcError("bad-element", "given twice", path=place, info={"bad-element": child.name})
        elif node.kind is not NodeKind.LIST or child.name not in node.keys:
            self._leaf(data, child, element, own, place)
        elif own in (Op.DELETE, Op.REMOVE) and _OPERATION in element.attrib:
            raise RpcError("bad-element", "a key goes with its entry", path=place, info={"bad-element": child.name})

    def _children(self, data: Object, node: Node, parent: etree._Element, op: Op, path: str) -> None:
        for element in elements(parent):
            self.child(data, node, element, op, path)

    def _node(self, parent: Node, element: etree._Element, path: str) -> Node:
        namespace, name = clark.split(element.tag)
        child = parent.child_in(namespace, name)
        if child is not None:
            return child
        if namespace not in self._outline.names:
            raise RpcError(
                "unknown-namespace",
                f"unknown namespace {namespace!r}",
                path=f"{path}/{name}",
                info={"bad-element": name, "bad-namespace": namespace},
            )
        raise unknown(f"{path}/{self._outline.names[namespace]}:{name}", name)

    def _container(self, data: Object, node: Node, element: etree._Element, op: Op, path: str) -> None:
        held = data.get(node.member)
        exists = isinstance(held, dict) and (bool(held) or node.presence)
        if op in (Op.DELETE, Op.REMOVE):
            self._check_delete(op, exists, path)
            data.pop(node.member, None)
            return
        if op is Op.CREATE and exists:
            raise RpcError("data-exists", "exists already", path=path)
        inner: Object = held if isinstance(held, dict) and op is not Op.REPLACE else {}
        self._children(inner, node, element, op, path)
        if inner or (node.presence and (op is not Op.NONE or exists)):
            data[node.member] = inner
        else:
            data.pop(node.member, None)

    def _entry(self, data: Object, node: Node, element: etree._Element, op: Op, path: str) -> None:
        made = self._keys(node, element, path)
        path += "".join(f"[{name}='{to_text(made[name])}']" for name in node.keys)
        held = data.get(node.member)
        entries: list[Json] = held if isinstance(held, list) else []
        wanted = key_of(made, node)
        found = self._known.find(entries, wanted, node)
        if op in (Op.DELETE, Op.REMOVE):
            self._check_delete(op, found is not None, path)
            self._take_out(data, node, entries, wanted)
            return
        if op is Op.CREATE and found is not None:
            raise RpcError("data-exists", "exists already", path=path)
        if op is Op.NONE and found is None:
            raise RpcError("data-missing", "does not exist", path=path)
        entry = made
        if isinstance(found, dict):
            entry = found
            if op is Op.REPLACE:
                entry.clear()
                entry.update(made)
        self._children(entry, node, element, op, path)
        if found is None:
            self._known.add(entries, wanted, entry, node)
        data[node.member] = entries
        if op is not Op.NONE:
            self._place(entries, entry, node, element, path)

    def _keys(self, node: Node, element: etree._Element, path: str) -> Object:
        made: Object = {}
        for name in node.keys:
            key = element.find(f"{{{node.namespace}}}{name}")
            if key is None:
                raise missing(name, path=path, kind="application")
            child = node.child(name)
            assert child is not None
            made[name] = self._value(child, key)
        return made

    def _leaf(self, data: Object, node: Node, element: etree._Element, op: Op, path: str) -> None:
        exists = self._exists(data, node)
        if op in (Op.DELETE, Op.REMOVE):
            self._check_delete(op, exists, path)
            data.pop(node.member, None)
        elif op is Op.CREATE and exists:
            raise RpcError("data-exists", "exists already", path=path)
        elif op is not Op.NONE:
            self._set(data, node, element, path)
        elif not exists:
            raise RpcError("data-missing", "does not exist", path=path)

    def _exists(self, data: Object, node: Node) -> bool:
        """Whether create and delete find a leaf there, which depends on the basic mode (RFC 6243 section 2)."""
        match self._manners.basic:
            case Mode.REPORT_ALL:
                return node.member in data or bool(node.defaults)
            case Mode.TRIM:
                return node.member in data and to_text(data[node.member]) not in node.defaults
            case _:
                return node.member in data

    def _set(self, data: Object, node: Node, element: etree._Element, path: str) -> None:
        value = self._value(node, element)
        mark = element.get(_DEFAULT)
        if mark is None or mark.strip() not in ("true", "1"):
            data[node.member] = value
            return
        # Tagged as default: the leaf goes back to the switch (RFC 6243 section 4.3).
        if to_text(value) not in node.defaults:
            raise RpcError("invalid-value", "tagged as default, and is not the default", path=path)
        data.pop(node.member, None)

    def _item(self, data: Object, node: Node, element: etree._Element, op: Op, path: str) -> None:
        value = self._value(node, element)
        path += f"[.='{to_text(value)}']"
        held = data.get(node.member)
        values: list[Json] = held if isinstance(held, list) else []
        written = key_of(value, node)
        found = self._known.find(values, written, node)
        exists = found is not None
        if op in (Op.DELETE, Op.REMOVE):
            self._check_delete(op, exists, path)
            self._take_out(data, node, values, written)
            return
        if op is Op.CREATE and exists:
            raise RpcError("data-exists", "exists already", path=path)
        if op is Op.NONE:
            if not exists:
                raise RpcError("data-missing", "does not exist", path=path)
            return
        if not exists:
            self._known.add(values, written, value, node)
        data[node.member] = values
        self._place(values, found if exists else value, node, element, path)

    def _take_out(self, data: Object, node: Node, values: list[Json], key: Key) -> None:
        """What is there of this key, out of its list, and with the last one the list."""
        if self._known.find(values, key, node) is None:
            return
        self._known.take_out(values, key, node)
        if not values:
            del data[node.member]

    def _operation(self, element: etree._Element, inherited: Op, path: str) -> Op:
        text = element.get(_OPERATION)
        if foreign := next((name for name in map(str, element.attrib) if not name.startswith("{")), None):
            # An `operation` that is not NETCONF's: passed over, it would do something else than was meant.
            raise _attribute("unknown-attribute", foreign, f"there is no attribute {foreign} here", element, path)
        if text is None:
            # What stands below an element that is created or replaced is new with it.
            return inherited
        refused = text == Op.REPLACE and not self._manners.replaces
        if refused:
            self._manners.met.add("no_replace")
        if refused or text not in (Op.MERGE, Op.REPLACE, Op.CREATE, Op.DELETE, Op.REMOVE):
            raise _attribute("bad-attribute", "operation", f"operation cannot be {text!r}", element, path)
        return Op(text)

    def _check_delete(self, op: Op, exists: bool, path: str) -> None:
        if op is not Op.DELETE or exists:
            return
        error = RpcError("data-missing", "does not exist", path=path, warning=self._manners.tolerates_missing)
        if not error.warning:
            raise error
        self._manners.met.add("delete_missing")
        self._manners.warnings.append(error)

    def _value(self, node: Node, element: etree._Element) -> Json:
        assert node.value is not None
        if elements(element):
            raise RpcError("bad-element", f"{node.name} is a leaf", info={"bad-element": node.name})
        return from_text(node.value, element.text or "", prefixes(self._outline, element))

    def _place(self, held: list[Json], one: Json, node: Node, element: etree._Element, path: str) -> None:
        """yang:insert with yang:key or yang:value (RFC 7950 sections 7.7.9 and 7.8.6)."""
        insert = element.get(f"{{{_YANG}}}insert")
        if insert is None:
            return
        if not node.user_ordered:
            raise _attribute("bad-attribute", "insert", f"{node.name} is not ordered by user", element, path)
        if insert not in ("first", "last", "before", "after"):
            raise _attribute("bad-attribute", "insert", f"insert cannot be {insert!r}", element, path)
        anchor: Json = None
        if insert in ("before", "after"):
            anchor = self._anchor(held, node, element, path)
            if anchor == one:
                return
        del held[next(at for at, each in enumerate(held) if each is one or each == one)]
        if insert == "first":
            held.insert(0, one)
        elif insert == "last":
            held.append(one)
        else:
            at = next(at for at, each in enumerate(held) if each is anchor or each == anchor)
            held.insert(at + (insert == "after"), one)

    def _anchor(self, held: list[Json], node: Node, element: etree._Element, path: str) -> Json:
        if node.kind is NodeKind.LEAF_LIST:
            text = element.get(f"{{{_YANG}}}value")
            if text is None:
                raise _attribute("missing-attribute", "value", "yang:value is missing", element, path)
            assert node.value is not None
            value = from_text(node.value, text, prefixes(self._outline, element))
            if value in held:
                return value
        else:
            text = element.get(f"{{{_YANG}}}key")
            if text is None:
                raise _attribute("missing-attribute", "key", "yang:key is missing", element, path)
            given = dict(Path.parse(f"/entry{text}").segments[0].keys)
            known = prefixes(self._outline, element)
            wanted = tuple(
                to_text(from_text(child.value, given.get(name, ""), known))
                for name in node.keys
                if (child := node.child(name)) is not None and child.value is not None
            )
            for each in held:
                if isinstance(each, dict) and entry_key(each, node) == wanted:
                    return each
        raise RpcError(
            "bad-attribute",
            "there is no such entry to insert at",
            path=path,
            app_tag="missing-instance",
            info={"bad-attribute": "value" if node.kind is NodeKind.LEAF_LIST else "key", "bad-element": node.name},
        )


def _attribute(tag: str, name: str, message: str, element: etree._Element, path: str) -> RpcError:
    """What is wrong with an attribute of an element."""
    return RpcError(tag, message, path=path, info={"bad-attribute": name, "bad-element": clark.local(element.tag)})
