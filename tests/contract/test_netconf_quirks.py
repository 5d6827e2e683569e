"""The NETCONF adapter on simulated switches that have quirks: what is written arrives, what runs is read.

One switch a quirk, and one of each kind with the profile that is shipped for it. Where a quirk cannot be overlooked it
is checked that it was met; others, such as a replace that is not known, must never be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

import orjson
import pytest
import pytest_asyncio
from target_bench import DEADLINE, INTERFACES, ROOTS, Alarm, document, eventually, interface

from fabricd.errors import DeviceRefusedError, DeviceUnreachableError
from fabricd.model.device import Device, Login, NetconfTraits, Profile, Protocol, SecretReference, Timeouts, Trust
from fabricd.model.edit import Dialect, Edit, Operation, Payload
from fabricd.model.path import Path
from fabricd.schema import ModelSet, Schema
from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.kinds import kind_names
from fabricd.simulator.quirks import Quirks
from fabricd.southbound import netconf
from fabricd.southbound.profiles import load_profiles
from fabricd.southbound.sessions import Sessions

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST_NAME = Path.parse("/openconfig-system:system/config/hostname")
PORTS = ("Ethernet1", "Ethernet2")
OWN = "urn:fabricd:simulator"
OWN_COMMIT = NetconfTraits(
    confirmed_commit="own",
    operations=(
        (
            "commit-confirmed",
            f'<commit-configuration xmlns="{OWN}"><confirmed/><confirm-timeout>{{seconds}}</confirm-timeout>'
            "</commit-configuration>",
        ),
        ("confirm", f'<commit-configuration xmlns="{OWN}"/>'),
        ("cancel", '<cancel-commit xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>'),
    ),
)
QUIRKS: dict[str, tuple[Quirks, NetconfTraits]] = {
    "with_defaults": (Quirks(with_defaults="trim"), NetconfTraits()),
    "claims_explicit": (Quirks(claims_explicit=True), NetconfTraits()),
    "message_bytes": (Quirks(message_bytes=60_000), NetconfTraits()),
    "stuck_lock": (Quirks(stuck_lock=3), NetconfTraits()),
    "own_confirmed_commit": (Quirks(own_confirmed_commit=True), OWN_COMMIT),
    "error_before_hello": (Quirks(error_before_hello=True), NetconfTraits()),
    "delete_missing": (Quirks(delete_missing="warning"), NetconfTraits()),
    "no_replace": (Quirks(no_replace=True), NetconfTraits()),
    "silent_when_full": (Quirks(sessions=1, silent_when_full=True), NetconfTraits(sessions=1)),
}
SHIPPED = load_profiles(FilePath(__file__).resolve().parents[2] / "config" / "profiles")
PROFILES = {name: SHIPPED[name] for name in kind_names()} | {
    name: Profile("test", timeouts=Timeouts(connect=60, read=DEADLINE, write=DEADLINE), netconf=traits)
    for name, (_, traits) in QUIRKS.items()
}
OLD = document("old", interface("Ethernet1", description="to spine1"), interface("Ethernet2", mtu=9000))
NEW = document("new", interface("Ethernet1", enabled=True, description="to spine2"))


@dataclass
class Field:
    """The switches, one named after each quirk and kind, and what talks to them."""

    simulation: Simulation
    schema: Schema
    alarm: Alarm
    login: Login
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        devices = {name: self.device(name) for name in PROFILES}

        async def connect(device: Device) -> netconf.NetconfTarget:
            return await netconf.connect(device, namespaces=self.schema.namespaces())

        self.sessions = Sessions(devices, {Protocol.NETCONF: connect})

    def switch(self, name: str) -> Switch:
        return self.simulation.switches[name]

    def device(self, name: str) -> Device:
        return Device(
            name=name,
            address="127.0.0.1",
            port=self.switch(name).netconf_port,
            protocol=Protocol.NETCONF,
            profile=PROFILES[name],
            login=self.login,
            trust=Trust(known_hosts=str(self.simulation.known_hosts_file)),
        )

    async def actual(self, name: str) -> bytes:
        """What is fetched, as the models read it."""
        async with self.sessions.open(name) as target:
            fetched = await target.fetch(ROOTS)
        tree = self.schema.read_device(fetched.parts, fetched.encoding)
        assert tree.skipped == ()
        return self.schema.canonical(tree.config)

    def wanted(self, value: dict[str, object]) -> bytes:
        return self.schema.read(orjson.dumps(value))

    def payload(self, actual: bytes, value: dict[str, object]) -> Payload | None:
        """What turns `actual` into `value`; None when they are the same."""
        wanted = self.wanted(value)
        edits = self.schema.diff(actual, wanted)
        return self.schema.render(edits, wanted, Dialect.NETCONF) if edits else None

    def hostname(self, actual: bytes, name: str) -> Payload:
        """What changes the host's name and nothing else."""
        wanted = self.schema.apply([Edit(Operation.REPLACE, HOST_NAME, None, f'"{name}"')], actual)
        return self.schema.render(self.schema.diff(actual, wanted), wanted, Dialect.NETCONF)

    async def write(self, name: str, value: dict[str, object]) -> None:
        """As a round does it: fetch, stage, confirm; and nothing is left to do then."""
        payload = self.payload(await self.actual(name), value)
        assert payload is not None
        async with self.sessions.open(name) as target:
            assert target.reverts
            await target.stage(payload, f"id of {name}")
            await target.confirm()
        self.alarm.ring()
        assert self.payload(await self.actual(name), value) is None

    def is_met(self, name: str) -> bool:
        return name in self.switch(name).met


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def switches(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Field]:
    folder = tmp_path_factory.mktemp("quirks")
    (folder / "password").write_text("a password\n")
    (folder / "password").chmod(0o600)
    config = SimulationConfig(
        state_directory=folder / "switches",
        username="operator",
        password="a password",
        switches=(
            *(SwitchConfig(name=name, ports=PORTS, quirks=quirks) for name, (quirks, _) in QUIRKS.items()),
            *(SwitchConfig(name=name, ports=PORTS, kind=name) for name in kind_names()),
        ),
    )
    alarm = Alarm()
    with Schema(ModelSet.managed()) as schema:
        async with Simulation(config, sleep=alarm.sleep) as simulation:
            login = Login("operator", SecretReference("file", str(folder / "password")))
            found = Field(simulation, schema, alarm, login)
            yield found
            await found.sessions.close()


@pytest.mark.parametrize("name", sorted(QUIRKS))
async def test_what_is_written_arrives_and_leaves_nothing_to_do(switches: Field, name: str) -> None:
    switch = switches.switch(name)
    await switch.change(replace={"/": OLD})
    await switches.write(name, NEW)
    assert switches.schema.diff(switches.wanted(NEW), switches.schema.read(switch.running)) == ()
    await switches.write(name, OLD)
    if name in ("claims_explicit", "error_before_hello", "stuck_lock"):
        assert switches.is_met(name)


async def test_containers_that_are_too_big_together_are_read_apart(switches: Field) -> None:
    name = "message_bytes"
    searched = [f"{number}.{'x' * 60}.example" for number in range(500)]
    big = document("old", interface("Ethernet1", description="y" * 40_000), dns={"config": {"search": searched}})
    await switches.switch(name).change(replace={"/": big})
    assert switches.payload(await switches.actual(name), big) is None
    assert switches.is_met(name)


async def test_the_switchs_own_commit_is_taken_back_like_any_other(switches: Field) -> None:
    name = "own_confirmed_commit"
    switch = switches.switch(name)
    await switch.change(replace={"/": OLD})
    before = switches.schema.read(switch.running)
    payload = switches.payload(before, NEW)
    assert payload is not None

    def is_back() -> bool:
        return switches.schema.read(switch.running) == before

    async with switches.sessions.open(name) as target:
        await target.stage(payload, "id")
        assert not is_back()
        await target.cancel()
        assert is_back()
        await target.stage(payload, "id")
        switches.alarm.ring()
        await eventually(is_back)
        await target.cancel()
        await target.stage(payload, "id")
        await target.close()
    async with switches.sessions.open(name) as target:
        assert not is_back()
        assert await target.resolve("id") is True
        assert is_back()
        assert await target.resolve("id") is False


@pytest.mark.parametrize("name", kind_names())
async def test_each_kind_takes_a_change_back_and_keeps_what_is_confirmed(switches: Field, name: str) -> None:
    switch = switches.switch(name)
    payload = switches.hostname(await switches.actual(name), f"of-{name}")
    before = switch.running
    async with switches.sessions.open(name) as target:
        assert target.reverts
        await target.stage(payload, "id-1")
        assert switch.running != before
        await target.cancel()
        assert switch.running == before
        await target.stage(payload, "id-2")
        await target.confirm()
        switches.alarm.ring()
        assert await target.resolve("id-2") is False
    assert orjson.loads(switch.running)["openconfig-system:system"]["config"]["hostname"] == f"of-{name}"


async def test_a_switch_that_is_full_answers_nothing_and_is_left_in_peace(switches: Field) -> None:
    name = "silent_when_full"
    with pytest.raises(DeviceRefusedError):
        await anext(switches.sessions.watch(name, (INTERFACES,)))
    async with switches.sessions.open(name), asyncio.timeout(DEADLINE):
        hasty = switches.device(name)
        hasty = replace(hasty, profile=replace(hasty.profile, timeouts=Timeouts(connect=0.5)))
        with pytest.raises(DeviceUnreachableError):
            await netconf.connect(hasty)
    assert switches.is_met(name)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with switches.sessions.open(name):
                raise ZeroDivisionError
