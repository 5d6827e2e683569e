"""Which edits come first, and how much traffic each disturbs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricd.model.edit import Edit, Operation
from fabricd.model.path import Path
from fabricd.model.plan import Disruption
from fabricd.plan import classify, deleted_share, ordered, worst

CREATE, REPLACE, DELETE = Operation.CREATE, Operation.REPLACE, Operation.DELETE
PORT = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']"
ADDRESSES = f"{PORT}/subinterfaces/subinterface[index='0']/openconfig-if-ip:ipv4/addresses"
INSTANCE = "/openconfig-network-instance:network-instances/network-instance[name='default']"
BGP = f"{INSTANCE}/protocols/protocol[identifier='openconfig-policy-types:BGP'][name='bgp']/bgp"
PEER = f"{BGP}/neighbors/neighbor[neighbor-address='10.0.0.1']"
GROUP = f"{BGP}/peer-groups/peer-group[peer-group-name='spines']"


def edit(operation: Operation, path: str, value: object = None) -> Edit:
    text = None if value is None else json.dumps(value)
    old, new = (text, None) if operation is DELETE else (None, text)
    return Edit(operation, Path.parse(path), old, new)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (edit(REPLACE, f"{PORT}/config/description", "x"), "hitless"),
        (edit(REPLACE, f"{PORT}/config/mtu", 9000), "link-bounce"),
        (edit(REPLACE, f"{PORT}/config/enabled", False), "link-bounce"),
        (edit(DELETE, PORT, {"openconfig-interfaces:name": "Ethernet1"}), "link-bounce"),
        (edit(REPLACE, f"{PORT}/openconfig-if-ethernet:ethernet/config/port-speed", "x"), "link-bounce"),
        (
            edit(
                REPLACE, f"{PORT}/openconfig-if-ethernet:ethernet/openconfig-vlan:switched-vlan/config/access-vlan", 7
            ),
            "link-bounce",
        ),
        (edit(CREATE, f"{ADDRESSES}/address[ip='10.0.0.0']", {"x": {"prefix-length": 31}}), "hitless"),
        (edit(DELETE, f"{ADDRESSES}/address[ip='10.0.0.0']", {"x": {"prefix-length": 31}}), "session-reset"),
        (edit(REPLACE, "/openconfig-lldp:lldp/config/enabled", True), "hitless"),
        (edit(REPLACE, "/openconfig-system:system/config/hostname", "x"), "hitless"),
        (edit(CREATE, "/openconfig-system:system/ntp/servers/server[address='1.1.1.1']", {"a": 1}), "hitless"),
        (edit(REPLACE, "/openconfig-system:system/logging/console/x", "x"), "hitless"),
        (edit(REPLACE, "/openconfig-system:system/dns/config/search", "x"), "hitless"),
        (edit(CREATE, PEER, {"config": {"peer-as": 1}}), "hitless"),
        (edit(DELETE, PEER, {"config": {"peer-as": 1}}), "session-reset"),
        (edit(REPLACE, f"{PEER}/config/peer-as", 65001), "session-reset"),
        (edit(REPLACE, f"{PEER}/config/auth-password", "x"), "session-reset"),
        (edit(REPLACE, f"{PEER}/timers/config/hold-time", 9), "session-reset"),
        (edit(REPLACE, f"{PEER}/config/description", "x"), "hitless"),
        (edit(DELETE, GROUP, {"config": {}}), "session-reset"),
        (edit(REPLACE, f"{BGP}/global/config/as", 1), "session-reset"),
        (edit(REPLACE, f"{BGP}/global/config/router-id", "1.1.1.1"), "session-reset"),
        (edit(CREATE, f"{INSTANCE}/vlans/vlan[vlan-id='10']", {"config": {"name": "x"}}), "hitless"),
        (edit(DELETE, f"{INSTANCE}/vlans/vlan[vlan-id='10']", {"config": {"name": "x"}}), "link-bounce"),
        (edit(REPLACE, "/vendor-thing:thing/config/knob", 1), "unknown"),
        (edit(CREATE, "/vendor-thing:thing", {"config": {"knob": 1}}), "unknown"),
    ],
)
def test_an_edit_is_classed_by_what_it_touches(made: Edit, expected: str) -> None:
    assert classify(made) == Disruption(expected)


def test_a_subtree_counts_as_the_worst_inside_it() -> None:
    harmless = {"config": {"name": "Ethernet1", "description": "x"}, "name": "Ethernet1"}
    assert classify(edit(CREATE, PORT, harmless)) is Disruption.HITLESS
    harmless["config"]["mtu"] = "9000"  # type: ignore[index]
    assert classify(edit(CREATE, PORT, harmless)) is Disruption.LINK_BOUNCE
    whole = {"openconfig-network-instance:network-instance": [{"name": "default", "config": {"type": "x"}}]}
    assert classify(edit(CREATE, "/openconfig-network-instance:network-instances", whole)) is Disruption.HITLESS


def test_unknown_is_the_worst() -> None:
    assert worst(Disruption) is Disruption.UNKNOWN
    assert worst([Disruption.HITLESS, Disruption.SESSION_RESET]) is Disruption.SESSION_RESET
    assert worst([]) is Disruption.HITLESS


def test_dependents_are_deleted_before_what_they_need_and_created_after_it() -> None:
    paths = [PORT, f"{ADDRESSES}/address[ip='10.0.0.0']", INSTANCE, GROUP, PEER]
    deletes = [edit(DELETE, path, {"a": 1}) for path in paths]
    creates = [edit(CREATE, path, {"a": 1}) for path in paths]
    assert ordered([*creates, *deletes]) == (*reversed(deletes), *creates)


def test_an_address_that_moves_is_deleted_where_it_was_first() -> None:
    other = ADDRESSES.replace("Ethernet1", "Ethernet2")
    new = edit(CREATE, f"{ADDRESSES}/address[ip='10.0.0.0']", {"a": 1})
    old = edit(DELETE, f"{other}/address[ip='10.0.0.0']", {"a": 1})
    assert ordered([new, old]) == (old, new)


@given(st.lists(st.sampled_from([PORT, GROUP, PEER, INSTANCE, "/x:y"]), max_size=8))
def test_edits_of_one_layer_keep_their_order(paths: list[str]) -> None:
    edits = [edit(REPLACE, path, number) for number, path in enumerate(paths)]
    result = ordered(edits)
    assert sorted(result, key=edits.index) == edits
    for path in set(paths):
        assert [one for one in result if one.path.text == path] == [one for one in edits if one.path.text == path]


def test_what_a_device_wants_first_comes_first_among_deletes_and_among_the_rest() -> None:
    first = [Path.parse(path) for path in (PEER, "/openconfig-network-instance:network-instances/network-instance")]
    creates = [edit(CREATE, path, {"a": 1}) for path in (PORT, GROUP, PEER)]
    deletes = [edit(DELETE, path, {"a": 1}) for path in (PORT, GROUP, PEER)]
    port, group, peer = creates
    old_port, old_group, old_peer = deletes
    assert ordered([*creates, *deletes], first) == (old_peer, old_group, old_port, peer, group, port)
    # Whatever brings about what is above such a path counts too.
    everything = edit(CREATE, "/openconfig-network-instance:network-instances", {"a": 1})
    assert ordered([port, everything], first[1:]) == (everything, port)
    other = edit(CREATE, PEER.replace("10.0.0.1", "10.0.0.2"), {"a": 1})
    assert ordered([port, other], first[:1]) == (port, other)


@given(
    st.lists(st.sampled_from([PORT, GROUP, PEER, INSTANCE, "/x:y"])), st.lists(st.sampled_from([PORT, PEER, "/x:y"]))
)
def test_no_edit_is_lost_whatever_comes_first(paths: list[str], first: list[str]) -> None:
    edits = [edit(DELETE if number % 2 else REPLACE, path, number) for number, path in enumerate(paths)]
    result = ordered(edits, [Path.parse(path) for path in first])
    assert sorted(result, key=edits.index) == edits
    kinds = [one.operation is DELETE for one in result]
    assert kinds == sorted(kinds, reverse=True)


def test_entries_of_a_list_stay_in_their_order_whatever_comes_first() -> None:
    servers = "/openconfig-system:system/dns/servers"
    moves = [
        Edit(CREATE, Path.parse(f"{servers}/server[address='{address}']"), new="{}", after=after)
        for address, after in (("10.0.0.1", ""), ("10.0.0.2", "[address='10.0.0.1']"))
    ]
    assert ordered(moves, [moves[1].path]) == tuple(moves)


def test_the_share_that_is_deleted_counts_leaves() -> None:
    subtree = edit(DELETE, PORT, {"name": "x", "config": {"name": "x", "list": [1, 2], "empty": [None]}})
    assert deleted_share([subtree, edit(REPLACE, "/a:b", 1)], 10) == 0.4
    assert deleted_share([subtree], 0) == 0.0
    assert deleted_share([], 10) == 0.0
