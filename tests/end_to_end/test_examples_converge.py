"""The examples run: switches become what they say by both protocols, change there and back, and are let go as is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from example_fabrics import document, running
from reconcile_fabric import Fabric as Rooms

from fabricd.model.device import Protocol
from fabricd.model.outcome import OutcomeKind
from fabricd.simulator import Switch

DEFAULT = "/network-instances/network-instance[name=default]"
NAMES = {"routed": "hall1", "evpn": "dc1", "three-stage": "campus"}
STEERING = {
    "routed": {"leaf3", "spine2"},
    "evpn": {"leaf1", "spine1", "spine2"},
    "three-stage": {"p1-spine1", "super2", "p2-spine1"},
}
"""Devices that a path gives forwarding policies."""
FILTERS: dict[str, dict[str, set[str]]] = {
    "routed": {},
    "evpn": {"leaf1": {"web-in"}, "leaf2": {"web-in"}, "leaf3": {"app-out-6"}},
    "three-stage": {},
}
CABLED = ("10.254.", "2001:db8:fe:")
"""Neighbours at the other end of a cable; nobody is at the end of the others in the simulation (the overlay's sessions
take several hops, and external peers are outside)."""
MORE: dict[str, tuple[tuple[tuple[str, str], ...], set[str]]] = {
    "routed": (
        (
            ("  networks:\n", "  networks:\n    more: {vlan: 200, gateways: [10.9.0.1/24, '2001:db8:9::1/64']}\n"),
            (
                "    web2: {ports: leaf2:Ethernet11, network: rack2}\n",
                "    web2: {ports: leaf2:Ethernet11, network: rack2, tagged: [more]}\n",
            ),
        ),
        {"leaf2"},
    ),
    "evpn": (
        (
            ("  networks:\n", "  networks:\n    more: {vlan: 200, vrf: blue, gateways: [10.20.90.1/24]}\n"),
            ("network: blue-app, acl-out", "network: blue-app, tagged: [more], acl-out"),
        ),
        {"leaf3", "leaf4"},  # the hypervisor has every network
    ),
    "three-stage": (
        (
            ("  networks:\n", "  networks:\n    more: {vlan: 200, vrf: prod, gateways: [10.130.0.1/22]}\n"),
            (
                "    db1: {ports: p1-leaf2:Ethernet12, network: back, tagged: [cluster]}",
                "    db1: {ports: p1-leaf2:Ethernet12, network: back, tagged: [cluster, more]}",
            ),
        ),
        {"p1-leaf2"},
    ),
}
"""A network more, and the tag that brings it to a port; the devices that this concerns."""


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[Protocol.GNMI, Protocol.NETCONF], ids=lambda first: f"{first}-first")
async def rooms(request: pytest.FixtureRequest, example: str, tmp_path: Path) -> AsyncIterator[Rooms]:
    """Every switch is spoken to by one protocol in one run, and by the other one in the other."""
    async with running(example, tmp_path, request.param) as found:
        yield found


def configurations(rooms: Rooms) -> dict[str, bytes]:
    return {name: switch.running for name, switch in rooms.simulation.switches.items()}


def held(switch: Switch, path: str) -> Any:
    """What is configured at a path; an empty list for nothing."""
    return switch.value(path) or []


async def sessions(switch: Switch) -> dict[str, str]:
    """The session state of every BGP neighbour."""
    found: dict[str, str] = {}
    state: Any = await switch.state()
    for instance in state["openconfig-network-instance:network-instances"]["network-instance"]:
        for protocol in instance.get("protocols", {}).get("protocol", ()):
            for one in protocol.get("bgp", {}).get("neighbors", {}).get("neighbor", ()):
                found[one["neighbor-address"]] = one["state"]["session-state"]
    return found


async def nothing_to_do(rooms: Rooms) -> None:
    """No device differs from the current revision, as read just now."""
    _, plans = await rooms.submissions.plan()
    found = {one.plan.device: (one.error, one.plan.edits, one.plan.skipped) for one in plans}
    assert found == dict.fromkeys(rooms.devices, ("", (), ()))


async def test_an_example_converges_changes_there_and_back_and_is_let_go(example: str, rooms: Rooms) -> None:
    assert {device.protocol for device in rooms.devices.values()} == {Protocol.GNMI, Protocol.NETCONF}
    answer = await rooms.submit(document(example), comment="the example")
    assert sorted(answer.changed) == sorted(rooms.devices)
    await rooms.in_sync(*rooms.devices)

    # It runs: every session inside the fabric is up, paths and ACLs are there.
    for name, switch in rooms.simulation.switches.items():
        states = await sessions(switch)
        assert {peer for peer, state in states.items() if state == "ESTABLISHED"} == {
            peer for peer in states if peer.startswith(CABLED)
        }, name
        policies = held(switch, f"{DEFAULT}/policy-forwarding/policies/policy")
        assert bool(policies) == (name in STEERING[example]), name
        acls = {one["name"] for one in held(switch, "/acl/acl-sets/acl-set")}
        assert acls == FILTERS[example].get(name, set()), name
    await nothing_to_do(rooms)

    # Nothing is there but what the fabric says.
    before = configurations(rooms)
    for name, config in before.items():
        desired = await rooms.store.desired(name)
        assert desired is not None
        assert orjson.loads(config) == orjson.loads(desired.config), name

    # Said again, nothing happens.
    commits = {name: switch.commits for name, switch in rooms.simulation.switches.items()}
    assert (await rooms.submit(document(example))).unchanged

    # A network more, and back: byte for byte what it was, and only where it matters.
    changes, concerned = MORE[example]
    answer = await rooms.submit(document(example, *changes))
    assert set(answer.changed) == concerned
    await rooms.in_sync(*rooms.devices)
    changed = configurations(rooms)
    assert {name for name in before if changed[name] != before[name]} == concerned
    assert all(b'"Vlan200"' in changed[name] for name in concerned)
    await nothing_to_do(rooms)
    answer = await rooms.submit(document(example))
    assert set(answer.changed) == concerned
    await rooms.in_sync(*rooms.devices)
    await nothing_to_do(rooms)
    after = configurations(rooms)
    assert {name: orjson.loads(tree) for name, tree in after.items()} == {n: orjson.loads(t) for n, t in before.items()}
    assert after == before
    moved = {name for name, switch in rooms.simulation.switches.items() if switch.commits != commits[name]}
    assert moved == concerned

    # Let go: what runs stays, and nobody looks after it any more.
    await rooms.submit(withdraw=[NAMES[example]])
    await rooms.until(lambda: _let_go(rooms), "all devices are let go")
    assert (await rooms.submissions.plan())[1] == ()
    for name in rooms.devices:
        assert await rooms.store.desired(name) is None
    assert configurations(rooms) == before
    name = min(rooms.devices)
    await rooms.switch(name).change({"/system/config/login-banner": "mine"})
    await rooms.checked(name)
    assert rooms.switch(name).value("/system/config/login-banner") == "mine"


async def _let_go(rooms: Rooms) -> bool:
    views = [await rooms.view(name) for name in rooms.devices]
    return all(view.status.outcome is OutcomeKind.UNMANAGED for view in views)
