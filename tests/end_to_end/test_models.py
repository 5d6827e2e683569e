"""Model sets over the wire: installed, replaced, fetched from switches, used without a restart, refused when wrong."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from northbound_harness import Authority, Service, interfaces, serving, switches

from fabricd.errors import (
    ConflictError,
    DeviceError,
    DeviceProtocolError,
    DeviceUnreachableError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
)
from fabricd.model.device import Device, Profile, Protocol, Timeouts, Trust
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.simulator import Fault, Kind, Rpc, Simulation

MANAGED = Path(__file__).resolve().parents[2] / "yang" / "openconfig"
MTU = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/mtu"


def module(name: str, body: str = "", *, imports: Sequence[str] = (), revision: str = "2026-01-01") -> bytes:
    imported = "".join(f"  import {one} {{ prefix {one}; }}\n" for one in imports)
    return (
        f'module {name} {{\n  yang-version 1.1;\n  namespace "urn:test:{name}";\n  prefix {name};\n{imported}'
        f"  revision {revision};\n{body}\n}}\n"
    ).encode()


def managed() -> list[tuple[str, bytes]]:
    return [(file.name, file.read_bytes()) for file in sorted(MANAGED.glob("*.yang"))]


def narrow() -> list[tuple[str, bytes]]:
    """The managed models, with an MTU of at most 2000."""
    wide, limited = b"leaf mtu {\n      type uint16;", b'leaf mtu {\n      type uint16 { range "1..2000"; }'
    found = [(name, text.replace(wide, limited)) for name, text in managed()]
    assert found != managed()
    return found


@dataclass
class Bench:
    service: Service
    simulation: Simulation | None = None
    handed_out: Path = Path()

    async def install(
        self,
        name: str,
        files: Sequence[tuple[str, bytes]],
        *,
        modules: Sequence[str] = (),
        features: Sequence[str] = (),
    ) -> pb.ModelSet:
        async with self.service.client() as client:
            stream = client.install_models(name, files, modules=modules, features=features, origin="a test")
            *_, last = [one async for one in stream]
        return last.installed

    async def fetch(self, device: str, name: str) -> pb.ModelsProgress:
        async with self.service.client() as client:
            *_, last = [one async for one in client.fetch_models(device, name)]
        return last

    async def names(self) -> list[str]:
        async with self.service.client() as client:
            return [one.name for one in await client.models()]


def netconf_device(simulation: Simulation, device: Device) -> Device:
    switch = simulation.switches[device.name]
    trust = Trust(known_hosts=str(simulation.known_hosts_file))
    return replace(device, protocol=Protocol.NETCONF, port=switch.netconf_port, trust=trust)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Devices that are switched off."""
    async with serving(tmp_path, running=False) as service:
        yield Bench(service)


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Bench]:
    """leaf1 by gNMI, leaf2 by NETCONF; they hand out what is in the folder `handed-out`."""
    shutil.copytree(MANAGED, tmp_path / "handed-out")
    async with contextlib.AsyncExitStack() as stack:
        running = switches(tmp_path, "leaf1", "leaf2", models=str(tmp_path / "handed-out"))
        simulation, devices = await stack.enter_async_context(running)
        patience = Profile("openconfig", timeouts=Timeouts(60.0, 3.0, 3.0))
        devices["leaf2"] = replace(netconf_device(simulation, devices["leaf2"]), profile=patience)
        service = await stack.enter_async_context(serving(tmp_path, devices=devices, running=False))
        yield Bench(service, simulation, tmp_path / "handed-out")


async def test_a_set_is_installed_listed_and_removed(bench: Bench) -> None:
    installed = await bench.install("mine", managed())
    assert installed.origin == "a test"
    assert "openconfig-interfaces" in [one.name for one in installed.modules]
    assert await bench.names() == ["managed", "mine"]
    async with bench.service.client() as client:
        await client.remove_models("mine")
        assert await bench.names() == ["managed"]
        with pytest.raises(NotFoundError, match="mine"):
            await client.remove_models("mine")
        with pytest.raises(ConflictError, match="built in"):
            await client.remove_models("managed")


async def test_chosen_modules_are_implemented_in_the_order_given(bench: Bench) -> None:
    files = [("a.yang", module("a", imports=["b"])), ("b.yang", module("b", "  leaf there { type string; }"))]
    installed = await bench.install("small", files, modules=["b", "a"])
    assert [one.name for one in installed.modules] == ["a", "b"]


@pytest.mark.parametrize(
    ("files", "modules", "told"),
    [
        ([("x.yang", b"module x { leaf ")], [], "x.yang: line 1: the text ends in the middle of a statement"),
        ([("x.yang", b"\xff\xfe")], [], "x.yang: line 1: not UTF-8 text"),
        ([("README", b"hello")], [], "README: line 1: the text ends"),
        ([], [], "there are no YANG modules in it"),
        ([("a.yang", module("a"))], [], "none of the 1 modules is of OpenConfig"),
        ([("a.yang", module("a"))], ["b"], "no module b"),
        ([("a.yang", module("a", "  leaf x { type nonsense; }"))], ["a"], "do not compile: Referenced type"),
        ([("a.yang", module("a", imports=["gone"]))], ["a"], "module a does not load"),
        ([("a.yang", module("a", imports=["b"])), ("b.yang", module("b", imports=["a"]))], ["a"], "circular"),
        ([("1.yang", module("a")), ("2.yang", module("a", "leaf b {type string;}"))], ["a"], "says something else"),
    ],
)
async def test_modules_that_are_wrong_change_nothing(
    bench: Bench, files: list[tuple[str, bytes]], modules: list[str], told: str
) -> None:
    with pytest.raises(InputError) as refused:
        await bench.install("bad", files, modules=modules)
    assert told in str(refused.value)
    assert await bench.names() == ["managed"]
    assert not (bench.service.socket.parent / "models" / "bad").exists()


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "x" * 64, "managed"])
async def test_a_set_needs_a_name_of_its_own(bench: Bench, name: str) -> None:
    with pytest.raises((InputError, ConflictError)):
        await bench.install(name, managed())


@pytest.mark.parametrize("name", ["", "../elsewhere", "managed"])
async def test_a_name_that_cannot_be_is_refused_before_a_device_is_asked(bench: Bench, name: str) -> None:
    with pytest.raises((InputError, ConflictError)):  # leaf1 is switched off
        await bench.fetch("leaf1", name)


async def test_models_that_a_switch_hands_out_become_a_set_and_are_what_it_is_checked_by(live: Bench) -> None:
    last = await live.fetch("leaf2", "leaf2-models")
    assert last.installed.fetched_from == "leaf2"
    assert "openconfig-network-instance" in [one.name for one in last.installed.modules]
    async with live.service.client() as client:
        await client.submit([interfaces("leaf2")])
        found = await client.check_models("leaf2")
        assert (found.against, list(found.untakeable)) == ("leaf2-models", [])
        assert found.leaves == 3
        # A dry run of what it would get.
        bad = await client.check_models("leaf2", [interfaces("leaf2", mtu=1500)])
        assert not bad.untakeable


async def test_a_gnmi_switch_tells_names_only(live: Bench) -> None:
    with pytest.raises(InputError, match="names of its models only"):
        await live.fetch("leaf1", "leaf1-models")
    async with live.service.client() as client:
        await client.submit([interfaces("leaf1")])
        found = await client.check_models("leaf1")
    assert (found.against, list(found.untakeable), list(found.modules)) == ("", [], [])


async def test_what_a_device_cannot_take_is_told_leaf_by_leaf_with_the_intent(bench: Bench) -> None:
    await bench.install("narrow", narrow())
    async with bench.service.client() as client:
        await client.submit([interfaces("leaf1", mtu=9000, name="jumbo", source="jumbo.yaml")])
        found = await client.check_models("leaf1", models="narrow")
        (one,) = found.untakeable
        assert (one.path, one.value_json, one.reason) == (MTU, "9000", "value")
        assert (one.intent, one.source) == ("jumbo", "jumbo.yaml")
        only = await bench.install("types", managed(), modules=["openconfig-types"])
        assert only.name == "types"
        found = await client.check_models("leaf1", models="types")
        assert {one.reason for one in found.untakeable} == {"module"}
        assert "openconfig-interfaces" in found.untakeable[0].message


async def test_what_a_deviation_takes_away_is_put_down_to_it(bench: Bench) -> None:
    config = "/oc-if:interfaces/oc-if:interface/oc-if:config/oc-if"
    deviation = (
        "module few { yang-version 1.1; namespace urn:few; prefix few; import openconfig-interfaces { prefix oc-if; }\n"
        f'deviation "{config}:mtu" {{ deviate not-supported; }}\n'
        f'deviation "{config}:type" {{ deviate replace {{ type string {{ length 1..5; }} }} }} }}'
    ).encode()
    files = [*managed(), ("few.yang", deviation)]
    await bench.install("few", files, modules=["few", "iana-if-type", "openconfig-interfaces"])
    async with bench.service.client() as client:
        await client.submit([interfaces("leaf1")])
        found = await client.check_models("leaf1", models="few")
    assert [(one.path.rpartition("/")[2], one.reason) for one in found.untakeable] == [
        ("type", "value"), ("mtu", "not-supported")
    ]  # fmt: skip
    assert "takes it away" in found.untakeable[1].message


async def test_a_dead_or_unknown_device_changes_nothing(bench: Bench) -> None:
    with pytest.raises(DeviceUnreachableError):
        await bench.fetch("leaf1", "dead")
    with pytest.raises(NotFoundError, match="nobody"):
        await bench.fetch("nobody", "dead")
    async with bench.service.client() as client:
        with pytest.raises(NotFoundError, match="nothing is desired"):
            await client.check_models("leaf1")
        with pytest.raises(NotFoundError, match="there is no device"):
            await client.check_models("nobody")
        await client.submit([interfaces("leaf1")])
        with pytest.raises(DeviceUnreachableError):
            await client.check_models("leaf1")
        with pytest.raises(InputError, match=r"bad.yaml"):
            await client.check_models("leaf1", [pb.Document(source="bad.yaml", content=b"kind: nonsense")])
    assert await bench.names() == ["managed"]


async def test_only_admins_install(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    server = authority.issue("localhost", alternative_names=["localhost"])
    async with serving(
        tmp_path, running=False, tcp_address="localhost:0", tls_certificate=server.certificate, tls_key=server.key,
        tls_client_ca=authority.file, roles={"olga": "operator", "vera": "viewer"},
    ) as service:  # fmt: skip
        async with service.tls_client(authority.issue("vera")) as client:
            assert [one.name for one in await client.models()] == ["managed"]
        async with service.tls_client(authority.issue("olga")) as client:
            with pytest.raises(PermissionDeniedError, match="admin"):
                [one async for one in client.install_models("mine", managed())]
            with pytest.raises(PermissionDeniedError, match="admin"):
                await client.remove_models("mine")


@pytest.mark.parametrize(
    ("honest", "lie", "told"),
    [
        (
            "module openconfig-lldp ",
            "module openconfig-llpd ",
            r"asked for module openconfig-lldp@.*gives openconfig-llpd",
        ),
        ("revision 20", "revision 19", r"asked for module openconfig-lldp@20.*gives openconfig-lldp@19"),
        ("module openconfig-lldp {", "no module", r"hands out as openconfig-lldp@.* what is no module"),
    ],
)
async def test_a_device_that_gives_something_else_than_asked_for_is_told(
    live: Bench, honest: str, lie: str, told: str
) -> None:
    file = live.handed_out / "openconfig-lldp.yang"
    assert honest in file.read_text()
    file.write_text(file.read_text().replace(honest, lie))
    with pytest.raises(DeviceProtocolError, match=told):
        await live.fetch("leaf2", "lies")
    assert await live.names() == ["managed"]


async def test_a_device_whose_modules_need_no_end_of_others_is_left(live: Bench) -> None:
    file = live.handed_out / "openconfig-lldp.yang"
    many = "".join(f"  import more-{number} {{ prefix m{number}; }}\n" for number in range(20_000))
    file.write_text(file.read_text().replace("  import ", f"{many}  import ", 1))
    with pytest.raises(DeviceProtocolError, match="names more than 20000 modules"):
        await live.fetch("leaf2", "endless")
    assert await live.names() == ["managed"]


@pytest.mark.parametrize("kind", [Kind.STALL, Kind.DROP, Kind.GARBAGE, Kind.CUT_INSIDE, Kind.WRONG])
async def test_a_device_that_goes_bad_meanwhile_changes_nothing_and_is_asked_anew(live: Bench, kind: Kind) -> None:
    assert live.simulation is not None
    switch = live.simulation.switches["leaf2"]
    switch.faults.add(Fault(rpc=Rpc.GET, kind=kind))
    with pytest.raises(DeviceError) as refused:
        await live.fetch("leaf2", "bad")
    assert refused.value.device == "leaf2"
    switch.faults.release()
    assert await live.names() == ["managed"]
    assert (await live.fetch("leaf2", "good")).installed.name == "good"


async def test_a_module_that_is_needed_and_not_handed_out_is_named(live: Bench) -> None:
    (live.handed_out / "openconfig-types.yang").unlink()
    with pytest.raises(InputError) as refused:
        await live.fetch("leaf2", "incomplete")
    told = [problem.message for problem in refused.value.problems]
    assert any("openconfig-types" in message and "does not hand it out" in message for message in told)
    assert await live.names() == ["managed"]
