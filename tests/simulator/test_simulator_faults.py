"""Faults: in order, for their requests only, used up, counted; what happens to the switch as a whole, over the wire."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import raw_netconf
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from quirk_trees import flat, outline, trees
from raw_gnmi import connected, refused, update, values
from raw_netconf import edit

from fabricd.simulator import (
    Fault,
    Faults,
    Kind,
    Rpc,
    Simulation,
    SimulationConfig,
    Switch,
    SwitchConfig,
    random_faults,
)
from fabricd.simulator.differences import carry_out, differences
from fabricd.simulator.faults import SPOILED, SWITCH, DroppedError, RefusedError

Configure = Callable[..., SimulationConfig]
HOSTNAME = "/system/config/hostname"
FEW = settings(max_examples=30)
DOMAIN = "/system/config/domain-name"
SYSTEM = '<system xmlns="http://openconfig.net/yang/system"><config>{}</config></system>'

# Alone

kinds = st.sampled_from([Kind.REFUSE, Kind.DROP, Kind.CLOCK, *SPOILED])
faults = st.builds(
    Fault, rpc=st.sampled_from([Rpc.GET, Rpc.SET]), kind=kinds, times=st.integers(1, 3), after=st.booleans()
)


@FEW
@given(st.lists(faults, max_size=6))
async def test_faults_strike_in_order_each_its_times_and_are_counted(given_faults: list[Fault]) -> None:
    suffered: list[Fault] = []
    held = Faults(suffered.append)
    held.add(*given_faults)
    assert held.waiting == tuple(given_faults)
    for rpc in (Rpc.GET, Rpc.SET):
        for late in (False, True):
            expected = [
                one.kind for one in given_faults if (one.rpc, one.late) == (rpc, late) for _ in range(one.times)
            ]
            assert [await struck(held, rpc, after=late, suffered=suffered) for _ in expected] == expected
            assert await held.strike(rpc, after=late) is None
    assert held.waiting == ()
    assert held.struck == sum(one.times for one in given_faults)
    assert sum(held.counts.values()) == held.struck


async def struck(held: Faults, rpc: Rpc, *, after: bool, suffered: list[Fault]) -> Kind:
    """The kind of what struck."""
    before = len(suffered)
    try:
        fault = await held.strike(rpc, after=after)
    except RefusedError:
        return Kind.REFUSE
    except DroppedError:
        return Kind.DROP
    if len(suffered) > before:
        return suffered[-1].kind
    assert fault is not None
    return fault.kind


def test_what_comes_after_half_a_write_waits_for_the_next() -> None:
    held = Faults()
    held.add(Fault(rpc=Rpc.SET, kind=Kind.PARTIAL), Fault(rpc=Rpc.SET, kind=Kind.REFUSE))
    assert asyncio.run(held.strike(Rpc.SET)) is None
    assert held.partial(Rpc.COMMIT) is None
    fault = held.partial(Rpc.SET, Rpc.COMMIT)
    assert fault is not None
    assert fault.kind is Kind.PARTIAL
    assert held.partial(Rpc.SET) is None
    with pytest.raises(RefusedError):
        asyncio.run(held.strike(Rpc.SET))


@FEW
@given(st.integers(), st.integers(0, 40))
def test_the_same_seed_gives_the_same_faults(seed: int, count: int) -> None:
    found = random_faults(seed, count)
    assert found == random_faults(seed, count)
    assert len(found) == count
    assert all(one.times == 1 and one.kind not in (Kind.STALL, Kind.STALL_INSIDE) for one in found)
    only = random_faults(seed, count, [Rpc.SET, Rpc.NOTIFY], [Kind.PARTIAL, Kind.FLOOD])
    assert {(one.rpc, one.kind) for one in only} <= {(Rpc.SET, Kind.PARTIAL), (Rpc.NOTIFY, Kind.FLOOD)}


def test_every_kind_comes_up_and_none_that_cannot_strike() -> None:
    assert {one.kind for one in random_faults(1, 500)} == set(Kind) - {Kind.STALL, Kind.STALL_INSIDE}
    with pytest.raises(ValueError, match="none of the kinds"):
        random_faults(1, 1, [Rpc.GET], [Kind.FLOOD])


@pytest.mark.parametrize(
    "fields",
    [{"rpc": "get", "kind": "flood"}, {"rpc": "get", "kind": "partial"},
     {"rpc": "set", "kind": "partial", "after": True},
     {"rpc": "get", "kind": "delay", "seconds": -1.0}, {"rpc": "get", "kind": "drop", "times": 0},
     {"rpc": "get", "kind": "clock", "seconds": float("nan")}, {"rpc": "get", "kind": "drop", "colour": 1}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate(fields)


@FEW
@given(trees(), trees(), st.booleans())
def test_all_differences_carried_out_make_the_other_tree(before: Any, after: Any, deep: bool) -> None:
    had, has = flat(before), flat(after)
    changes = list(differences(before, after, outline().root, deep=deep))
    assert bool(changes) == (had != has)
    carry_out(before, changes)
    assert flat(before) == has


def test_the_page_names_every_request_and_kind() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text()
    firsts = " ".join(
        line.split("|")[1] for line in page.partition("## Faults")[2].splitlines() if line.startswith("|")
    )
    assert {*Rpc, *Kind} == set(re.findall(r"`([a-z-]+)`", firsts)) - {"rpc", "kind"}


# Over the wire


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


def test_the_groups_of_kinds_do_not_overlap() -> None:
    assert not SPOILED & SWITCH


async def test_half_of_a_set_takes_effect_and_it_is_refused(simulation: Simulation, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.SET, kind=Kind.PARTIAL, message="half of it"))
    async with connected(simulation, left) as client:
        answer = await refused(client.set(update=[update(HOSTNAME, "h"), update(DOMAIN, "d")]))
        assert "half of it" in answer[1]
    assert (left.value(HOSTNAME), left.value(DOMAIN)) in [("h", None), (None, "d")]
    assert (left.counts.commits, left.counts.refused, left.counts.faults) == (0, 1, 1)


async def test_half_of_a_commit_takes_effect_and_it_is_refused(simulation: Simulation, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.COMMIT, kind=Kind.PARTIAL))
    async with raw_netconf.session(simulation, left) as session:
        await session.ok(edit(SYSTEM.format("<hostname>h</hostname><domain-name>d</domain-name>")))
        assert left.running == b"{}"
        await session.refused("<commit/>")
        assert (left.value(HOSTNAME), left.value(DOMAIN)) in [("h", None), (None, "d")]
        await session.ok("<commit/>")
    assert (left.value(HOSTNAME), left.value(DOMAIN)) == ("h", "d")


async def test_half_a_commit_is_not_for_a_set_without_one_nor_for_its_confirmation(
    simulation: Simulation, left: Switch
) -> None:
    both = {"update": [update(HOSTNAME, "h"), update(DOMAIN, "d")]}
    async with connected(simulation, left) as client, raw_netconf.session(simulation, left) as session:
        left.faults.add(Fault(rpc=Rpc.COMMIT, kind=Kind.PARTIAL))
        await client.set(**both)
        assert left.counts.faults == 0
        left.faults.release()
        await session.ok(edit(SYSTEM.format("<hostname>i</hostname><domain-name>e</domain-name>")))
        await session.ok("<commit><confirmed/></commit>")
        left.faults.add(Fault(rpc=Rpc.COMMIT, kind=Kind.PARTIAL))
        await session.ok(edit(SYSTEM.format("<hostname>j</hostname><domain-name>f</domain-name>")))
        await session.ok("<commit/>")
        assert (left.value(HOSTNAME), left.value(DOMAIN)) == ("j", "f")
        await session.ok(edit(SYSTEM.format("<hostname>k</hostname>")))
        await session.refused("<commit/>")
        assert left.counts.faults == 1


async def test_the_back_door_is_no_request_that_faults_strike(simulation: Simulation, left: Switch) -> None:
    left.faults.add(Fault(rpc=Rpc.SET, kind=Kind.PARTIAL))
    await left.change({HOSTNAME: "h"})
    assert left.value(HOSTNAME) == "h"
    async with connected(simulation, left) as client:
        await refused(client.set(update=[update(HOSTNAME, "i"), update(DOMAIN, "d")]))
    assert left.counts.faults == 1


async def test_half_of_a_set_is_half_of_it_on_a_switch_that_keeps_what_stands_before_a_mistake(
    configure: Configure,
) -> None:
    switches = (SwitchConfig(name="left", quirks={"partial_failure": True}),)
    async with Simulation(configure(switches=switches, links=())) as simulation:
        left = simulation.switches["left"]
        left.faults.add(Fault(rpc=Rpc.SET, kind=Kind.PARTIAL))
        async with connected(simulation, left) as client:
            await refused(client.set(update=[update(HOSTNAME, "h"), update(DOMAIN, "d")]))
        assert (left.value(HOSTNAME), left.value(DOMAIN)) in [("h", None), (None, "d")]


@pytest.mark.parametrize("after", [False, True])
async def test_a_reboot_inside_a_request_loses_what_was_not_saved(configure: Configure, after: bool) -> None:
    switches = (SwitchConfig(name="left", startup=True),)
    async with Simulation(configure(switches=switches, links=())) as simulation:
        left = simulation.switches["left"]
        left.faults.add(Fault(rpc=Rpc.COMMIT, kind=Kind.REBOOT, seconds=0.05, after=after))
        booted = left.booted
        async with raw_netconf.session(simulation, left) as session:
            await session.ok(edit(SYSTEM.format("<hostname>h</hostname>")))
            session.send(session.framed(session.rpc("<commit/>")))
            await session.closed()
        await until(lambda: left.powered and left.booted > booted)
        assert left.commits == int(after)
        assert left.running == b"{}"
        async with connected(simulation, left) as client:
            await client.capabilities()


async def test_a_switch_that_is_stopped_does_not_come_back_from_a_reboot(simulation: Simulation, left: Switch) -> None:
    left.reboot(0.05)
    await left.stop()
    await asyncio.sleep(0.2)
    assert not left.powered
    await left.start()
    assert left.powered


async def test_the_clock_jumps(simulation: Simulation, left: Switch) -> None:
    async with connected(simulation, left) as client:
        before = (await client.get("/system/state/boot-time")).notification[0].timestamp
        left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.CLOCK, seconds=-3600.0))
        after = (await client.get("/system/state/boot-time")).notification[0].timestamp
        assert 3500 < (before - after) / 1_000_000_000 < 3600
        await client.set(update=[update(HOSTNAME, "h")])
        assert values(await client.get(HOSTNAME)) == ["h"]


async def certificate(simulation: Simulation, switch: Switch) -> bytes:
    """What a client that trusts the simulation's authority is shown."""
    context = ssl.create_default_context(cafile=str(simulation.ca_file))
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection(switch.host, switch.gnmi_port, ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def test_a_new_certificate_and_host_key_show_from_the_next_connection_on(
    simulation: Simulation, left: Switch
) -> None:
    first, key = await certificate(simulation, left), left.identity.host_key_public
    async with connected(simulation, left) as client:
        left.faults.add(Fault(rpc=Rpc.GET, kind=Kind.CERTIFICATE))
        await client.get("/system")
        await client.get("/system")  # this connection stands
    assert await certificate(simulation, left) != first
    assert left.identity.host_key_public != key
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        async with raw_netconf.session(simulation, left):
            pass
    await left.restart()
    assert await certificate(simulation, left) != first


async def test_a_certificate_of_another_authority_is_one_that_nobody_trusts(
    simulation: Simulation, left: Switch
) -> None:
    left.renew_identity(other_authority=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        await certificate(simulation, left)


async def test_faults_of_the_file_strike_first(configure: Configure) -> None:
    fault = {"rpc": "get", "kind": "refuse", "message": "from the file"}
    async with Simulation(configure(switches=({"name": "left", "fault": [fault]},), links=())) as simulation:
        left = simulation.switches["left"]
        async with connected(simulation, left) as client:
            assert "from the file" in (await refused(client.get("/system")))[1]
            assert (await client.get("/system")).notification
    assert left.faults.counts == {(Rpc.GET, Kind.REFUSE): 1}
