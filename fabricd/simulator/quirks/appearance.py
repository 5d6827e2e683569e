"""What quirks do to a reading of the configuration (quirks 1, 2, 9, 10, 15, 27, 37).

Called by the behaviour of a switch with a tree that is its own to change. Pure: the same tree and salt, the same
reading.
"""

from __future__ import annotations

import hashlib
from random import Random

from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.facts import entries
from fabricd.simulator.quirks.declaration import Quirks
from fabricd.simulator.quirks.intake import ACL_SETS, INTERFACES, add_phantoms
from fabricd.simulator.quirks.places import bound, fill, is_leaf, settings
from fabricd.simulator.tree import Object, Place, select
from fabricd.simulator.values import Json, from_text, to_text

HIDDEN_ENTRY = 65535


class Appearance:
    """The quirks of one switch that act on reads."""

    def __init__(self, outline: Outline, quirks: Quirks) -> None:
        """Raises InputError for a path that the models do not have."""
        self._root = outline.root
        self._own = settings(outline, "own_defaults", quirks.own_defaults)
        self._off = settings(outline, "off_by_default", dict.fromkeys(quirks.off_by_default, False))
        self._phantoms = quirks.phantom_interfaces
        self._hidden_entries = quirks.acl_priority
        self._secrets = tuple(
            (bound(outline, "rewrites_secrets", path, leaf=True), how == "anew")
            for path, how in quirks.rewrites_secrets.items()
        )
        self._omits = quirks.omits_defaults
        # Its own default is not the models': what stands there is always shown.
        self._otherwise = frozenset(setting.place.node for setting in (*self._own, *self._off))
        self._shuffles = quirks.shuffles_lists
        self.steady = not (self._shuffles or any(anew for _, anew in self._secrets))
        """Whether the same configuration always looks the same."""

    def __bool__(self) -> bool:
        return bool(
            self._own or self._off or self._phantoms or self._hidden_entries or self._secrets
            or self._omits or self._shuffles
        )  # fmt: skip

    def present(self, tree: Object, salt: int) -> set[str]:
        """What is there besides what was written, and how secrets look: for configuration and state alike."""
        met: set[str] = set()
        if sum(fill(tree, setting) for setting in self._own):
            met.add("own_defaults")
        if sum(fill(tree, setting) for setting in self._off):
            met.add("off_by_default")
        if self._phantoms and add_phantoms(tree, self._phantoms):
            met.add("phantom_interfaces")
        if self._hidden_entries and add_hidden_entries(tree):
            met.add("acl_priority")
        if sum(rewrite_secret(tree, place, salt if anew else 0) for place, anew in self._secrets):
            met.add("rewrites_secrets")
        return met

    def take_out(self, state: Object) -> None:
        """15. Nothing is plugged in where an interface is shown that nobody has."""
        for one in entries(state, *INTERFACES):
            if one.get("name") in self._phantoms and isinstance(held := one.get("state"), dict):
                held["oper-status"] = "NOT_PRESENT"

    def omit(self, tree: Object) -> set[str]:
        """What is left out of the configuration."""
        return {"omits_defaults"} if self._omits and omit_defaults(tree, self._root, self._otherwise) else set()

    def disorder(self, tree: Object, salt: int) -> set[str]:
        """The order of the entries of lists."""
        random = Random(salt)  # noqa: S311 - an order that can be had again, no secret
        return {"shuffles_lists"} if self._shuffles and shuffle_lists(tree, self._root, random) else set()


def omit_defaults(tree: Object, node: Node, kept: frozenset[Node | None]) -> bool:
    """1. Leaves that have their default go, and with them the containers that have nothing else; entries stay, and so
    do the leaves that are `kept`."""
    omitted = False
    for member, value in list(tree.items()):
        child = node.child(member)
        assert child is not None
        if child.kind is NodeKind.LIST and isinstance(value, list):
            for entry in value:
                if isinstance(entry, dict):
                    omitted |= omit_defaults(entry, child, kept)
        elif isinstance(value, dict):
            omitted |= omit_defaults(value, child, kept)
            if not value and not child.presence:
                del tree[member]
        elif child not in kept and _has_default(child, node, value):
            del tree[member]
            omitted = True
    return omitted


def _has_default(leaf: Node, parent: Node, value: Json) -> bool:
    if not leaf.config or not leaf.defaults or leaf.name in parent.keys:
        return False
    assert leaf.value is not None
    values = [from_text(leaf.value, text) for text in leaf.defaults]
    return value == (values if leaf.kind is NodeKind.LEAF_LIST else values[0])


def add_hidden_entries(tree: Object) -> bool:
    """27. The entry that ends every ACL."""
    added = False
    for acl in entries(tree, *ACL_SETS):
        if any(one.get("sequence-id") == HIDDEN_ENTRY for one in entries(acl, "acl-entries", "acl-entry")):
            continue
        below = acl.setdefault("acl-entries", {})
        assert isinstance(below, dict)
        held = below.setdefault("acl-entry", [])
        assert isinstance(held, list)
        held.append(
            {
                "sequence-id": HIDDEN_ENTRY,
                "config": {"sequence-id": HIDDEN_ENTRY},
                "actions": {"config": {"forwarding-action": "openconfig-acl:DROP"}},
            }
        )
        added = True
    return added


def rewrite_secret(tree: Object, place: Place, salt: int) -> bool:
    """9. Secrets look like hashes; another salt, another look."""
    leaf = place.steps[-1].node.member
    found = list(select(tree, place.steps[:-1]))
    rewritten = False
    for _, holder in found:
        if isinstance(holder, dict) and leaf in holder:
            text = f"{salt:08x}${to_text(holder[leaf])}"
            holder[leaf] = f"$8${salt:08x}${hashlib.sha256(text.encode()).hexdigest()[:32]}"
            rewritten = True
    return rewritten


def shuffle_lists(tree: Object, node: Node, random: Random) -> bool:
    """37. Entries of the lists that the system orders, in any order."""
    moved = False
    for member, value in tree.items():
        child = node.child(member)
        assert child is not None
        if is_leaf(child):
            continue
        if child.kind is NodeKind.LIST and isinstance(value, list):
            for entry in value:
                if isinstance(entry, dict):
                    moved |= shuffle_lists(entry, child, random)
            if not child.user_ordered and len(value) > 1:
                before = list(value)
                random.shuffle(value)
                moved |= before != value
        elif isinstance(value, dict):
            moved |= shuffle_lists(value, child, random)
    return moved
