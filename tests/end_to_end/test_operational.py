"""What switches say of themselves, over the wire by both protocols: state, wrong cables, what is not in force."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from northbound_harness import DEADLINE, NOBODY, PATIENT, Service, interfaces, serving

from fabricd.errors import NotFoundError
from fabricd.model.device import Device, Login, Protocol, SecretReference, Trust, WriteTraits
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.simulator import LinkConfig, Quirks, Simulation, SimulationConfig, SwitchConfig
from fabricd.southbound.profiles import load_profiles

PROJECT = Path(__file__).resolve().parents[2]
PORTS = ("Ethernet1", "Ethernet2", "Ethernet3")
NETCONF = ("leaf1",)
FABRIC = b"""\
kind: fabric
name: hall
fabric:
  underlay: {addressing: ipv4}
  pools:
    loopbacks: {purpose: loopback-ipv4, prefixes: [10.255.0.0/24]}
    links: {purpose: link-ipv4, prefixes: [10.254.0.0/24]}
    asns: {purpose: asn, ranges: [65001..65099]}
  devices: {spine1: {role: spine}, leaf1: {role: leaf}, leaf2: {role: leaf}}
  links:
    spine1:Ethernet1 - leaf1:Ethernet1:
    spine1:Ethernet2 - leaf2:Ethernet1:
"""
AS_WRITTEN = (("spine1:Ethernet1", "leaf1:Ethernet1"), ("spine1:Ethernet2", "leaf2:Ethernet1"))
SWAPPED = (("spine1:Ethernet1", "leaf2:Ethernet1"), ("spine1:Ethernet2", "leaf1:Ethernet1"))
ONE_MORE = (*AS_WRITTEN, ("leaf1:Ethernet3", "leaf2:Ethernet3"))


@dataclass(frozen=True)
class Hall:
    service: Service
    simulation: Simulation


@contextlib.asynccontextmanager
async def hall(
    folder: Path,
    cables: tuple[tuple[str, str], ...],
    *,
    running: bool = False,
    quirks: Quirks | None = None,
    kind: str = "",
    write: WriteTraits | None = None,
) -> AsyncIterator[Hall]:
    """Three switches cabled like that, leaf1 by NETCONF, and the daemon's northbound half."""
    names = ("spine1", "leaf1", "leaf2")
    config = SimulationConfig(
        state_directory=folder / "switches",
        switches=tuple(_switch(name, kind, quirks) for name in names),
        links=tuple(LinkConfig(a=a, b=b) for a, b in cables),
    )
    async with Simulation(config) as simulation:
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text("fabricd")
        login = Login("fabricd", password=SecretReference("file", str(password)))
        known = load_profiles(PROJECT / "config" / "profiles")[kind or "openconfig"]
        profile = replace(known, timeouts=PATIENT, write=write or known.write)
        trust = Trust(ca=str(simulation.ca_file), known_hosts=str(simulation.known_hosts_file))
        devices = {}
        for name, switch in simulation.switches.items():
            protocol = Protocol.NETCONF if name in NETCONF else Protocol.GNMI
            port = switch.netconf_port if name in NETCONF else switch.gnmi_port
            devices[name] = Device(name, switch.host, port, protocol, profile, login, trust)
        devices["gone"] = replace(devices["spine1"], name="gone", port=NOBODY)
        async with serving(folder, devices=devices, running=running) as service:
            yield Hall(service, simulation)


def _switch(name: str, kind: str, quirks: Quirks | None) -> SwitchConfig:
    if kind:  # its quirks are its own
        return SwitchConfig.model_validate({"name": name, "ports": PORTS, "kind": kind})
    return SwitchConfig(name=name, ports=PORTS, quirks=quirks or Quirks())


async def cabling(one: Hall, *devices: str) -> pb.CablingResponse:
    async with one.service.client() as client:
        await client.submit([pb.Document(source="hall.yaml", content=FABRIC)])
        return await client.cabling(devices)


async def test_cables_as_the_fabric_says_are_ok(tmp_path: Path) -> None:
    async with hall(tmp_path, AS_WRITTEN) as one:
        found = await cabling(one)
    assert [(cable.verdict, cable.fabric) for cable in found.cables] == [("ok", "hall"), ("ok", "hall")]
    assert not found.unread
    assert found.cables[0].a.found == "leaf1:Ethernet1"


async def test_swapped_cables_are_found_with_both_ends_and_named(tmp_path: Path) -> None:
    async with hall(tmp_path, SWAPPED) as one:
        found = await cabling(one)
        first, second = found.cables
        assert (first.verdict, second.verdict) == ("wrong", "wrong")
        assert (first.a.port, first.a.found) == ("spine1:Ethernet1", "leaf2:Ethernet1")
        assert (first.b.port, first.b.found) == ("leaf1:Ethernet1", "spine1:Ethernet2")
        assert list(first.swapped_with) == ["spine1:Ethernet2 - leaf2:Ethernet1"]
        only = await one.service.client().cabling(["leaf2"])
        assert [cable.name for cable in only.cables] == ["spine1:Ethernet2 - leaf2:Ethernet1"]


async def test_missing_unexpected_and_unreachable_are_told_apart(tmp_path: Path) -> None:
    async with hall(tmp_path, ONE_MORE[1:]) as one:
        found = await cabling(one)
        assert [(cable.verdict, cable.name) for cable in found.cables] == [
            ("missing", "spine1:Ethernet1 - leaf1:Ethernet1"),
            ("unexpected", "leaf1:Ethernet3 - leaf2:Ethernet3"),
            ("ok", "spine1:Ethernet2 - leaf2:Ethernet1"),
        ]
        assert found.cables[0].a.note == "the interface is down"
        for switch in ("spine1", "leaf2"):
            await one.simulation.switches[switch].stop()
        async with one.service.client() as client:
            dark = await client.cabling()
        assert sorted(dark.unread) == ["leaf2", "spine1"]
        assert {cable.name: cable.verdict for cable in dark.cables}["spine1:Ethernet2 - leaf2:Ethernet1"] == "unknown"


async def test_state_is_the_same_by_both_protocols(tmp_path: Path) -> None:
    async with hall(tmp_path, AS_WRITTEN, running=True) as one, one.service.client() as client:
        await client.submit([pb.Document(source="hall.yaml", content=FABRIC)])
        names = ["spine1", "leaf1", "leaf2"]

        async def established() -> bool:
            found = await client.operational(names)
            states = [session.state for device in found.devices for session in device.sessions]
            return len(states) == 4 and set(states) == {"ESTABLISHED"}

        async with asyncio.timeout(DEADLINE):
            while not await established():
                await asyncio.sleep(0.05)
        spine, *leaves = (await client.operational(names)).devices
        assert {(one.interface, one.system_name, one.port_id) for one in spine.neighbors} == {
            ("Ethernet1", "leaf1", "Ethernet1"), ("Ethernet2", "leaf2", "Ethernet1")
        }  # fmt: skip
        for leaf in leaves:
            states = {one.name: (one.admin_status, one.oper_status) for one in leaf.interfaces}
            assert states["Ethernet1"] == ("UP", "UP")
            assert states["Ethernet3"][1] == "DOWN"
            assert (leaf.sessions[0].peer_as, leaf.lldp_enabled, list(leaf.unread)) == (65001, True, [])
        (gone,) = (await client.operational(["gone"])).devices
        assert gone.error_code == "DEVICE_UNREACHABLE"
        with pytest.raises(NotFoundError):
            await client.operational(["nobody"])


async def in_sync(one: Hall, *devices: str) -> None:
    async with asyncio.timeout(DEADLINE), one.service.client() as client:
        while not all(device.in_sync for device in (await client.status(devices)).devices):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("device", ["leaf1", "leaf2"])
async def test_what_is_accepted_and_never_programmed_is_told(tmp_path: Path, device: str) -> None:
    quirks = Quirks(never_programs=("/interfaces/interface/config/description",))
    document = interfaces(device).content + b"          description: uplink\n"
    async with hall(tmp_path, (), running=True, quirks=quirks) as one, one.service.client() as client:
        await client.submit([pb.Document(source="doc.yaml", content=document)])
        await in_sync(one, device)
        (found,) = (await client.applied([device])).devices
        assert (found.error, found.waiting, list(found.untold)) == ("", False, [])
        (leaf,) = found.not_in_force
        assert leaf.path == "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/description"
        assert (leaf.configured_json, leaf.applied_json) == ('"uplink"', "")
        assert found.leaves >= 4


async def test_what_the_command_line_of_the_device_overrules_is_told_with_both_values(tmp_path: Path) -> None:
    quirks = Quirks(cli_values={"/interfaces/interface[name=Ethernet1]/config/mtu": 1500})
    async with hall(tmp_path, (), running=True, quirks=quirks) as one, one.service.client() as client:
        await client.submit([interfaces("leaf2", mtu=9000)])
        await in_sync(one, "leaf2")
        (found,) = (await client.applied(["leaf2"])).devices
        (leaf,) = found.not_in_force
        assert (leaf.configured_json, leaf.applied_json) == ("9000", "1500")


async def test_what_came_too_early_to_take_effect_is_told(tmp_path: Path) -> None:
    quirks = Quirks(feature_first={"/lldp/config/enabled": "/lldp/interfaces"})
    document = (
        interfaces("leaf2").content
        + b"  openconfig-lldp:lldp:\n    config: {enabled: true, system-description: here}\n"
        + b"    interfaces: {interface: [{name: Ethernet1, config: {name: Ethernet1, enabled: false}}]}\n"
    )
    async with hall(tmp_path, (), running=True, quirks=quirks) as one, one.service.client() as client:
        await client.submit([pb.Document(source="doc.yaml", content=document)])
        await in_sync(one, "leaf2")
        assert "feature_first" in one.simulation.switches["leaf2"].met
        (found,) = (await client.applied(["leaf2"])).devices
        assert {leaf.path.rpartition("]")[2] for leaf in found.not_in_force} >= {"/config/enabled"}


async def test_a_leaf_that_a_switch_lacks_hides_no_other(tmp_path: Path) -> None:
    quirks = Quirks(missing_counter="/interfaces/interface/state/counters/in-errors", late_counters=1.0)
    async with hall(tmp_path, AS_WRITTEN, quirks=quirks) as one:
        found = await cabling(one)
        assert [cable.verdict for cable in found.cables] == ["ok", "ok"]
        assert "missing_counter" in one.simulation.switches["spine1"].met
        async with one.service.client() as client:
            (leaf,) = (await client.operational(["leaf2"])).devices
    states = {one.name: (one.admin_status, one.oper_status) for one in leaf.interfaces}
    assert states["Ethernet1"] == ("UP", "UP")
    assert not [path for path in leaf.unread if "status" in path]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sonic", "iosxr", "all-quirks"])
async def test_switches_as_they_really_are_give_no_false_alarm(tmp_path: Path, kind: str) -> None:
    async with hall(tmp_path, AS_WRITTEN, running=True, kind=kind) as one, one.service.client() as client:
        await client.submit([pb.Document(source="hall.yaml", content=FABRIC)])
        await in_sync(one, "spine1", "leaf1", "leaf2")
        assert [cable.verdict for cable in (await client.cabling()).cables] == ["ok", "ok"]
        for found in (await client.applied()).devices:
            assert (found.device, found.error, list(found.not_in_force)) == (found.device, "", [])
            assert found.leaves > 50
        for device in (await client.operational(["spine1", "leaf1"])).devices:
            assert {one.name for one in device.interfaces} >= {"Ethernet1", "Loopback0"}


async def test_what_is_in_force_is_not_told(tmp_path: Path) -> None:
    async with hall(tmp_path, AS_WRITTEN, running=True) as one, one.service.client() as client:
        await client.submit([pb.Document(source="hall.yaml", content=FABRIC)])
        await in_sync(one, "spine1", "leaf1", "leaf2")
        found = (await client.applied()).devices
        assert [(one.device, list(one.not_in_force), list(one.untold)) for one in found] == [
            (name, [], []) for name in ("spine1", "leaf1", "leaf2")
        ]
        assert all(one.leaves > 20 for one in found)
