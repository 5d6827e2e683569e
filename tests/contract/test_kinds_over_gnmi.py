"""Kinds of switches over gNMI: each simulated kind understands us with its profile, and none is misread without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path as File
from typing import Any, Literal, get_args

import orjson
import pytest
import pytest_asyncio
from target_bench import DEADLINE, HOSTNAME, INTERFACES, ROOTS, SYSTEM, document, interface

from fabricd.errors import DeviceProtocolError, DeviceRefusedError, DeviceTimeoutError
from fabricd.model.device import Device, Login, Profile, Protocol, SecretReference, Timeouts, Trust
from fabricd.model.edit import GnmiSet
from fabricd.model.path import Path
from fabricd.schema import ModelSet, Schema
from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.kinds import kind_names
from fabricd.simulator.quirks import Quirks
from fabricd.southbound import gnmi
from fabricd.southbound.profiles import load_profiles

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROFILES = load_profiles(File(__file__).resolve().parents[2] / "config" / "profiles")
KINDS = kind_names()
HOSTNAME_PATH = Path.parse("/openconfig-system:system/config/hostname")
Reads = Literal["together", "each", "once"]


@dataclass
class World:
    """One simulated switch of each kind."""

    simulation: Simulation
    schema: Schema
    password: File

    def switch(self, kind: str) -> Switch:
        return self.simulation.switches[kind]

    def device(self, kind: str, profile: Profile) -> Device:
        return Device(
            name=kind,
            address="127.0.0.1",
            port=self.switch(kind).gnmi_port,
            protocol=Protocol.GNMI,
            profile=replace(profile, timeouts=Timeouts(60.0, DEADLINE, DEADLINE)),
            login=Login("operator", SecretReference("file", str(self.password))),
            trust=Trust(ca=str(self.simulation.ca_file)),
        )

    @asynccontextmanager
    async def session(self, kind: str, profile: Profile | None = None, **traits: Any) -> AsyncIterator[gnmi.GnmiTarget]:
        """With the kind's profile, or another, with these of its gNMI traits changed."""
        chosen = profile or PROFILES[kind]
        target = await gnmi.connect(self.device(kind, replace(chosen, gnmi=replace(chosen.gnmi, **traits))))
        try:
            yield target
        finally:
            await target.close()

    async def config(self, target: gnmi.GnmiTarget) -> dict[str, Any]:
        fetched = await target.fetch(ROOTS)
        found: dict[str, Any] = orjson.loads(self.schema.read_device(fetched.parts, fetched.encoding).config)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("kinds")
    password = folder / "password"
    password.write_text("a password\n")
    password.chmod(0o600)
    config = SimulationConfig(
        state_directory=folder / "switches",
        username="operator",
        password="a password",
        switches=tuple(
            SwitchConfig.model_validate({"name": kind, "kind": kind, "ports": ("Ethernet1",)}) for kind in KINDS
        ),
    )
    with Schema(ModelSet.managed()) as schema:
        async with Simulation(config) as simulation:
            yield World(simulation, schema, password)


def hostname(config: dict[str, Any]) -> Any:
    return config.get("openconfig-system:system", {}).get("config", {}).get("hostname")


async def write(world: World, kind: str, payload: GnmiSet) -> None:
    """Some kinds answer UNKNOWN to what they did, and then the session is over."""
    async with world.session(kind) as target:
        await target.stage(payload)
        try:
            await target.confirm()
        except DeviceTimeoutError:
            assert target.closed


async def until_shown(world: World, target: gnmi.GnmiTarget, name: str | None) -> None:
    """Some kinds take a while to show what they have accepted."""
    async with asyncio.timeout(DEADLINE):
        while hostname(await world.config(target)) != name:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("read", get_args(Reads))
@pytest.mark.parametrize("kind", KINDS)
async def test_a_kind_is_read_and_written_with_its_profile(world: World, kind: str, read: Reads) -> None:
    await world.switch(kind).change(delete=["/system"])
    async with world.session(kind, read=read) as target:
        await until_shown(world, target, None)
        await write(world, kind, GnmiSet(updates=((HOSTNAME_PATH, b'"leaf1"'),)))
        await until_shown(world, target, "leaf1")


@pytest.mark.parametrize("kind", KINDS)
async def test_leaf_by_leaf_is_the_same_configuration_as_in_a_get(world: World, kind: str) -> None:
    values: dict[str, Any] = {HOSTNAME: "leaf1", "/system/dns/config/search": ["b.example", "a.example"]}
    await world.switch(kind).change(values)
    async with world.session(kind, read="each") as target:
        await until_shown(world, target, "leaf1")
        whole = await world.config(target)
    async with world.session(kind, read="once") as target:
        leaves = await world.config(target)
    assert world.schema.diff(orjson.dumps(whole), orjson.dumps(leaves)) == ()


@pytest.mark.parametrize("wrong", [{"origin": "elsewhere"}, {"names": "bare"}, {"prefix": False}])
async def test_a_profile_that_is_wrong_is_an_error_and_no_empty_switch(world: World, wrong: dict[str, Any]) -> None:
    async with world.session("all-quirks", **wrong) as target:
        with pytest.raises((DeviceRefusedError, DeviceProtocolError)):
            await target.fetch(ROOTS)
    async with world.session("all-quirks", read="once", **wrong) as target:
        with pytest.raises((DeviceRefusedError, DeviceProtocolError)):
            await target.fetch(ROOTS)


@pytest.mark.parametrize("kind", KINDS)
async def test_whether_a_kind_takes_changes_back_is_found_out(world: World, kind: str) -> None:
    async with world.session(kind) as target:
        before = world.switch(kind).version
        try:
            await target.prepare()
        except DeviceTimeoutError:
            assert target.closed
        assert world.switch(kind).version == before
        assert target.reverts or target.closed or PROFILES[kind].gnmi.commit == "no"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("junos", "all-quirks")])
async def test_changes_are_told_by_kinds_that_tell_them(world: World, kind: str) -> None:
    await world.switch(kind).change({HOSTNAME: "before"})
    async with world.session(kind) as target, aclosing(target.changes((SYSTEM, INTERFACES))) as changes:
        assert (await anext(changes)).paths == ()
        await world.switch(kind).change({HOSTNAME: "after"})
        async with asyncio.timeout(DEADLINE):
            while not any(SYSTEM.covers(path) for path in (await anext(changes)).paths):
                pass


@pytest.mark.parametrize("ports", [300, 600])
async def test_a_switch_with_small_messages_is_read_in_pieces(world: World, tmp_path: File, ports: int) -> None:
    """Two containers that are too large for one message together, and one that is by itself."""
    config = SimulationConfig(
        state_directory=tmp_path,
        username="operator",
        password="a password",
        switches=(SwitchConfig(name="small", quirks=Quirks(message_bytes=262_144)),),
    )
    text = "x" * 500
    async with Simulation(config) as simulation:
        switch = simulation.switches["small"]
        entries = [interface(f"Ethernet{number}", description=text) for number in range(ports)]
        servers = [f"{letter}{number}.example" for letter in "ab" for number in range(4000)]
        await switch.change(replace={"/": document("small", *entries, dns={"config": {"search": servers}})})
        one = World(simulation, world.schema, world.password)
        async with one.session("small", Profile("small", max_message_bytes=262_144)) as target:
            for _ in range(2):
                assert world.schema.diff(orjson.dumps(await one.config(target)), switch.running) == ()
            assert not target.closed
