"""What quirks do to a write: refuse it, drop a part of it, add to it (3, 4, 7, 11 to 13, 15, 17, 18, 26, 27, 30).

Called by the behaviour of a switch with the trees before and after a write. Pure: changes the tree after, remembers
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from fabricd.errors import InputError, Problem
from fabricd.schema.outline import Node, NodeKind, Outline
from fabricd.simulator.facts import below, entries
from fabricd.simulator.quirks.declaration import Quirks
from fabricd.simulator.quirks.places import bound, fill, set_values, settings
from fabricd.simulator.tree import Object, concrete, entry_key
from fabricd.simulator.values import Json, to_text

INTERFACES = ("openconfig-interfaces:interfaces", "interface")
INSTANCES = ("openconfig-network-instance:network-instances", "network-instance")
ACL_SETS = ("openconfig-acl:acl", "acl-sets", "acl-set")
FAMILIES = ("openconfig-if-ip:ipv4", "openconfig-if-ip:ipv6")
_ETHERNET = "openconfig-if-ethernet:ethernet"
_AGGREGATION = "openconfig-if-aggregate:aggregation"
_AGGREGATE = "openconfig-if-aggregate:aggregate-id"

Change = Callable[[Object, Object], bool]
"""Changes the second tree, having seen the first; True when it did."""
Check = Callable[[Object, Object], None]
"""Raises InputError for what the second tree has and the first does not."""
Bound = tuple[str, str]
"""(interface, subinterface)"""
Holder = tuple[str, str, str]
"""(interface, subinterface, family)"""
Noted = tuple[Mapping[str, Json], frozenset[Bound], Mapping[Holder, frozenset[str]]]
"""Lag-types, memberships and addresses before an operation; empty where no quirk asks for them."""


class Intake:
    """The quirks of one switch that act on writes."""

    def __init__(self, outline: Outline, quirks: Quirks, ports: tuple[str, ...]) -> None:
        """Raises InputError for a path that the models do not have."""
        unsupported = [bound(outline, "unsupported", text) for text in quirks.unsupported]
        added = settings(outline, "adds_values", quirks.adds_values)

        def check_support(before: Object, after: Object) -> None:
            for place in unsupported:
                had = set_values(before, place)
                for where, value in set_values(after, place).items():
                    if had.get(where) != value:
                        raise _refusal("this switch does not have it", str(where))

        def add(before: Object, after: Object) -> bool:
            return sum(fill(after, setting) for setting in added) > 0

        self._checks: dict[str, Check] = {
            name: check
            for name, wanted, check in (
                ("unsupported", bool(unsupported), check_support),
                ("wants_config_keys", quirks.wants_config_keys, lambda b, a: check_config_keys(outline.root, b, a)),
                ("default_instance", bool(quirks.default_instance),
                 lambda b, a: check_default_instance(b, a, quirks.default_instance)),
                ("static_protocol", bool(quirks.static_protocol),
                 lambda b, a: check_static_protocol(b, a, quirks.static_protocol)),
                ("dotted_interface_refs", quirks.dotted_interface_refs, check_interface_ids),
                ("keeps_ports", quirks.keeps_ports, lambda b, a: check_ports(b, a, ports)),
            )
            if wanted
        }  # fmt: skip
        self._lags = quirks.lag_with_members
        self._addresses = quirks.instance_before_address
        self._changes: dict[str, Change] = {
            name: change
            for name, wanted, change in (
                ("phantom_interfaces", bool(quirks.phantom_interfaces),
                 lambda _, after: add_phantoms(after, quirks.phantom_interfaces)),
                ("acl_priority", quirks.acl_priority, drop_acl_descriptions),
                ("adds_values", bool(added), add),
            )
            if wanted
        }  # fmt: skip

    @property
    def in_parts(self) -> bool:
        """Whether the order within a request matters."""
        return self._lags or self._addresses

    def noted(self, before: Object) -> Noted:
        """What has to be known of the tree before one operation."""
        lags = lag_types(before) if self._lags else {}
        return (lags, memberships(before), addresses(before)) if self._addresses else (lags, frozenset(), {})

    def part(self, before: Noted, after: Object) -> set[str]:
        """What one operation of a request (one edit-config) brings about; the names of the quirks that did."""
        lags, bound_before, addressed = before
        met = set()
        if self._lags and drop_lag_types(lags, after):
            met.add("lag_with_members")
        if self._addresses and drop_addresses(bound_before, addressed, after):
            met.add("instance_before_address")
        return met

    def candidate(self, before: Object, after: Object, meet: Callable[[str], None]) -> None:
        """What an edit of the candidate is refused for at once. Raises InputError with the path."""
        self._check(["unsupported"], before, after, meet)

    def whole(self, before: Object, after: Object, meet: Callable[[str], None]) -> None:
        """What a whole write brings about. Raises InputError with the path of what is refused."""
        self._check(self._checks, before, after, meet)
        for name, change in self._changes.items():
            if change(before, after):
                meet(name)

    def _check(self, names: Iterable[str], before: Object, after: Object, meet: Callable[[str], None]) -> None:
        for name in names:
            try:
                if name in self._checks:
                    self._checks[name](before, after)
            except InputError:
                meet(name)
                raise

    def __bool__(self) -> bool:
        return bool(self._checks or self._changes or self.in_parts)


def check_config_keys(node: Node, before: Object, after: Object, path: str = "") -> None:
    """3. New entries need the leaves that their keys refer to."""
    for member, value in after.items():
        child = node.child(member)
        assert child is not None
        place = f"{path}/{member}"
        held = before.get(member)
        if child.kind is NodeKind.LIST and isinstance(value, list):
            had = (
                {entry_key(one, child): one for one in held if isinstance(one, dict)} if isinstance(held, list) else {}
            )
            for entry in value:
                assert isinstance(entry, dict)
                where = f"{path}/{concrete(entry, child)}"
                known = had.get(entry_key(entry, child))
                if known is None:
                    _check_entry(child, entry, where)
                check_config_keys(child, known or {}, entry, where)
        elif isinstance(value, dict):
            check_config_keys(child, held if isinstance(held, dict) else {}, value, place)


def _check_entry(node: Node, entry: Object, path: str) -> None:
    config = node.child("config")
    if config is None:
        return
    for name in node.keys:
        leaf = config.child(name)
        if leaf is not None and leaf.member not in below(entry, config.member):
            raise _refusal(f"a new entry needs config/{name} too", path)


def check_default_instance(before: Object, after: Object, name: str) -> None:
    """11. The default network instance has one name only."""
    known = {one.get("name") for one in entries(before, *INSTANCES)}
    for instance in entries(after, *INSTANCES):
        own = str(instance.get("name"))
        kind = to_text(below(instance, "config").get("type")).rpartition(":")[2]
        default = kind == "DEFAULT_INSTANCE" or own.lower() == "default"
        if default and own != name and own not in known:
            raise _refusal(f"the default network instance is called {name!r} here", _instance_path(instance))


def check_static_protocol(before: Object, after: Object, name: str) -> None:
    """12. The protocol STATIC has one name only."""
    known = {(instance, to_text(protocol.get("name"))) for instance, protocol in _static(before)}
    for instance, protocol in _static(after):
        own = to_text(protocol.get("name"))
        if own != name and (instance, own) not in known:
            where = f"{instance}/protocols/protocol[identifier='{protocol.get('identifier')}'][name='{own}']"
            raise _refusal(f"the protocol STATIC is called {name!r} here", where)


def _static(tree: Object) -> Iterator[tuple[str, Object]]:
    for instance in entries(tree, *INSTANCES):
        for protocol in entries(instance, "protocols", "protocol"):
            if to_text(protocol.get("identifier")).rpartition(":")[2] == "STATIC":
                yield _instance_path(instance), protocol


def check_interface_ids(before: Object, after: Object) -> None:
    """13. A subinterface in a network instance has the id NAME.INDEX."""
    known = {(path, to_text(one.get("id"))) for path, one in _members(before)}
    for path, member in _members(after):
        config, own = below(member, "config"), to_text(member.get("id"))
        if "subinterface" not in config or (path, own) in known:
            continue
        if own != (wanted := f"{config.get('interface')}.{config['subinterface']}"):
            raise _refusal(f"its id is {wanted!r} here", f"{path}/interfaces/interface[id='{own}']")


def check_ports(before: Object, after: Object, ports: tuple[str, ...]) -> None:
    """26. A physical port cannot be deleted."""
    left = {one.get("name") for one in entries(after, *INTERFACES)}
    for interface in entries(before, *INTERFACES):
        if (name := interface.get("name")) in ports and name not in left:
            path = f"/{INTERFACES[0]}/interface[name='{name}']"
            raise _refusal("a physical port cannot be deleted", path)


def lag_types(tree: Object) -> dict[str, Json]:
    """The lag-type of every interface that has one."""
    found = ((one, below(one, _AGGREGATION, "config")) for one in entries(tree, *INTERFACES))
    return {to_text(one.get("name")): config["lag-type"] for one, config in found if "lag-type" in config}


def drop_lag_types(had: Mapping[str, Json], after: Object) -> bool:
    """17. A lag-type that is written goes, unless a member names the aggregate once the operation is done."""
    interfaces = entries(after, *INTERFACES)
    joined = {below(one, _ETHERNET, "config").get(_AGGREGATE) for one in interfaces}
    dropped = False
    for one in interfaces:
        config, name = below(one, _AGGREGATION, "config"), to_text(one.get("name"))
        if "lag-type" in config and config["lag-type"] != had.get(name) and name not in joined:
            del config["lag-type"]
            dropped = True
    return dropped


def drop_addresses(had_bound: frozenset[Bound], had: Mapping[Holder, frozenset[str]], after: Object) -> bool:
    """18. Addresses that stood before an interface came into a network instance (other than the default one) go."""
    came = memberships(after) - had_bound
    if not came:
        return False
    dropped = False
    for key, holder in _addressed(after):
        if (key[0], key[1]) not in came or key not in had:
            continue
        held = entries(holder, "address")
        kept: list[Json] = [one for one in held if to_text(one.get("ip")) not in had[key]]
        if len(kept) < len(held):
            holder["address"] = kept
            if not kept:
                del holder["address"]
            dropped = True
    return dropped


def addresses(tree: Object) -> dict[Holder, frozenset[str]]:
    """The addresses of every subinterface and family."""
    return {
        key: frozenset(to_text(one.get("ip")) for one in entries(holder, "address")) for key, holder in _addressed(tree)
    }


def memberships(tree: Object) -> frozenset[Bound]:
    """The subinterfaces that are in a network instance other than the default one."""
    found: set[Bound] = set()
    for instance in entries(tree, *INSTANCES):
        kind = to_text(below(instance, "config").get("type")).rpartition(":")[2]
        if kind != "DEFAULT_INSTANCE" and str(instance.get("name")).lower() != "default":
            found |= {bound_of(one) for one in entries(instance, "interfaces", "interface")}
    return frozenset(found)


def bound_of(member: Object) -> Bound:
    """The interface and subinterface (0 when none is named) that an entry in a network instance is about."""
    config = below(member, "config")
    return to_text(config.get("interface")), to_text(config.get("subinterface", 0))


def _addressed(tree: Object) -> Iterator[tuple[Holder, Object]]:
    """Every `addresses` container by (interface, subinterface, family); a VLAN interface has index 0."""
    for interface in entries(tree, *INTERFACES):
        name = to_text(interface.get("name"))
        places = [(to_text(one.get("index")), one) for one in entries(interface, "subinterfaces", "subinterface")]
        places.append(("0", below(interface, "openconfig-vlan:routed-vlan")))
        for index, place in places:
            for family in FAMILIES:
                if addresses := below(place, family, "addresses"):
                    yield (name, index, family), addresses


def add_phantoms(tree: Object, names: tuple[str, ...]) -> bool:
    """15. Interfaces that are there whether or not anybody configured them."""
    held = {one.get("name"): one for one in entries(tree, *INTERFACES)}
    added = False
    for name in names:
        if name not in held:
            interfaces = tree.setdefault(INTERFACES[0], {})
            assert isinstance(interfaces, dict)
            found = interfaces.setdefault(INTERFACES[1], [])
            assert isinstance(found, list)
            held[name] = {"name": name}
            found.append(held[name])
        config = held[name].setdefault("config", {})
        assert isinstance(config, dict)
        for leaf, value in (("name", name), ("type", "iana-if-type:ethernetCsmacd")):
            added |= leaf not in config
            config.setdefault(leaf, value)
    return added


def drop_acl_descriptions(before: Object, after: Object) -> bool:
    """27. The entries of ACLs keep no description."""
    dropped = False
    for acl in entries(after, *ACL_SETS):
        for entry in entries(acl, "acl-entries", "acl-entry"):
            dropped |= below(entry, "config").pop("description", None) is not None
    return dropped


def _members(tree: Object) -> Iterator[tuple[str, Object]]:
    for instance in entries(tree, *INSTANCES):
        for member in entries(instance, "interfaces", "interface"):
            yield _instance_path(instance), member


def _instance_path(instance: Object) -> str:
    return f"/{INSTANCES[0]}/network-instance[name='{to_text(instance.get('name'))}']"


def _refusal(message: str, path: str) -> InputError:
    return InputError.of([Problem(message, path=path)])
