"""The contract of Target: both adapters, with both model sets, against a simulated switch over the wire."""

from __future__ import annotations

import asyncio

import pytest
from target_bench import HOSTNAME, INTERFACES, LLDP, ROOTS, SYSTEM, Bench, document, interface

from fabricd.model.device import Protocol
from fabricd.model.edit import Dialect, EditConfig, GnmiSet
from fabricd.model.path import Path
from fabricd.southbound.target import Target

pytestmark = pytest.mark.asyncio(loop_scope="module")


TWO = document(
    "leaf1",
    interface("Ethernet1", description="to spine1", mtu=9214, enabled=True),
    interface("Ethernet2", enabled=False),
    dns={"config": {"search": ["a.example", "b.example"]}},
)


# --- reading


async def test_it_is_a_target_with_a_name_and_a_dialect(bench: Bench) -> None:
    target = await bench.connect()
    assert isinstance(target, Target)
    assert target.name == "leaf1"
    assert target.dialect is (Dialect.GNMI if bench.protocol is Protocol.GNMI else Dialect.NETCONF)
    assert not target.closed


async def test_capabilities_name_the_models(bench: Bench) -> None:
    found = await (await bench.connect()).capabilities()
    assert {"openconfig-interfaces", "openconfig-system"} <= {name for name, _ in found.models}
    assert found.features


async def test_what_is_fetched_is_what_the_switch_runs(bench: Bench) -> None:
    await bench.configure(TWO)
    fetched = await (await bench.connect()).fetch(ROOTS)
    assert bench.read(fetched) == bench.running()
    assert fetched.size == sum(len(part.data) for part in fetched.parts)


async def test_an_empty_switch_is_empty(bench: Bench) -> None:
    assert bench.read(await (await bench.connect()).fetch(ROOTS)) == {}


async def test_an_absent_root_is_empty_and_hides_no_other(bench: Bench) -> None:
    await bench.configure(document("leaf1"))
    target = await bench.connect()
    assert bench.read(await target.fetch((LLDP, SYSTEM, INTERFACES))) == bench.running()
    assert bench.read(await target.fetch((LLDP,))) == {}


async def test_only_the_roots_are_fetched(bench: Bench) -> None:
    await bench.configure(TWO)
    fetched = bench.read(await (await bench.connect()).fetch((INTERFACES,)))
    assert list(fetched) == ["openconfig-interfaces:interfaces"]


async def test_a_root_may_be_one_entry_of_a_list(bench: Bench) -> None:
    await bench.configure(TWO)
    path = Path.parse("/openconfig-interfaces:interfaces/interface[name='Ethernet2']")
    fetched = bench.read(await (await bench.connect()).fetch((path,)))
    assert [one["name"] for one in fetched["openconfig-interfaces:interfaces"]["interface"]] == ["Ethernet2"]


async def test_equal_configurations_have_equal_digests_over_sessions_and_restarts(bench: Bench) -> None:
    await bench.configure(TWO)
    first = await (await bench.connect()).fetch(ROOTS)
    second = await (await bench.connect()).fetch(ROOTS)
    assert first == second
    await bench.switch.restart()
    assert (await (await bench.connect()).fetch(ROOTS)).digest == first.digest


async def test_a_changed_leaf_changes_the_digest(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    before = await target.fetch(ROOTS)
    await bench.switch.change({HOSTNAME: "other"})
    assert (await target.fetch(ROOTS)).digest != before.digest
    await bench.switch.change({HOSTNAME: "leaf1"})
    assert (await target.fetch(ROOTS)).digest == before.digest


async def test_state_holds_what_is_in_force(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    path = Path.parse("/openconfig-system:system/state/hostname")
    state = await target.state((path,))
    assert b"leaf1" in b"".join(part.data for part in state.parts)
    assert b"<state" not in b"".join(part.data for part in (await target.fetch(ROOTS)).parts)
    assert b'state"' not in b"".join(part.data for part in (await target.fetch(ROOTS)).parts)


async def test_five_megabytes_are_fetched(bench: Bench) -> None:
    await bench.configure(
        document("leaf1", *(interface(f"Ethernet{number}", description="x" * 100_000) for number in range(50)))
    )
    fetched = await (await bench.connect()).fetch(ROOTS)
    assert fetched.size > 5_000_000
    assert bench.read(fetched) == bench.running()


async def test_several_requests_at_a_time_in_one_session(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    fetched = await asyncio.gather(*(target.fetch(ROOTS) for _ in range(8)))
    assert len({one.digest for one in fetched}) == 1


# --- writing


async def test_nothing_lasts_before_confirm_and_all_of_it_after(bench: Bench) -> None:
    target = await bench.connect()
    await target.stage(bench.payload(TWO))
    assert bench.running() == {}
    await target.confirm()
    assert bench.running() == bench.schema_json(TWO)
    assert bench.read(await target.fetch(ROOTS)) == bench.running()


async def test_creations_changes_and_deletions_go_in_one(bench: Bench) -> None:
    await bench.configure(TWO)
    wanted = document(
        "renamed",
        interface("Ethernet1", mtu=1500, enabled=True),
        interface("Ethernet3", description="new", enabled=True),
        dns={"config": {"search": ["b.example", "c.example"]}},
    )
    target = await bench.connect()
    before = bench.switch.version
    await target.stage(bench.payload(wanted))
    await target.confirm()
    assert bench.running() == bench.schema_json(wanted)
    assert bench.switch.version == before + 1


@pytest.mark.parametrize(
    "name", ["Ethernet1/2", "a]b", "a=b", "a b", "it's", 'say "x"', "back\\slash", "ü", "[1]", "<&>"]
)
async def test_keys_of_any_kind(bench: Bench, name: str) -> None:
    target = await bench.connect()
    wanted = document("leaf1", interface(name, description=name))
    await target.stage(bench.payload(wanted))
    await target.confirm()
    assert bench.running() == bench.schema_json(wanted)
    path = Path.parse("/openconfig-interfaces:interfaces").child(
        Path.parse(f"/interface[name={name.replace(chr(92), chr(92) * 2).replace(']', chr(92) + ']')}]").segments[0]
    )
    assert bench.read(await target.fetch((path,)))["openconfig-interfaces:interfaces"]["interface"][0]["name"] == name
    await target.stage(bench.payload(document("leaf1")))
    await target.confirm()
    assert bench.running() == bench.schema_json(document("leaf1"))


async def test_a_cancelled_change_leaves_nothing_and_no_lock(bench: Bench) -> None:
    target, other = await bench.connect(), await bench.connect()
    await target.stage(bench.payload(TWO))
    await target.cancel()
    assert bench.running() == {}
    await other.stage(bench.payload(document("other")))
    await other.confirm()
    assert bench.running() == bench.schema_json(document("other"))
    await target.stage(bench.payload(TWO))
    await target.confirm()
    assert bench.running() == bench.schema_json(TWO)


async def test_cancel_without_stage_is_nothing(bench: Bench) -> None:
    target = await bench.connect()
    await target.cancel()
    await target.cancel()
    assert not target.closed


async def test_an_empty_payload_changes_nothing(bench: Bench) -> None:
    await bench.configure(TWO)
    target = await bench.connect()
    before = bench.switch.version
    await target.stage(bench.payload(TWO))
    await target.confirm()
    assert bench.switch.version == before


async def test_the_other_dialects_payload_is_a_mistake_of_the_program(bench: Bench) -> None:
    target = await bench.connect()
    wrong = EditConfig(b"<config/>") if target.dialect is Dialect.GNMI else GnmiSet()
    with pytest.raises(TypeError):
        await target.stage(wrong)
    await target.stage(bench.payload(TWO))
    await target.confirm()


async def test_a_change_is_staged_once_at_a_time(bench: Bench) -> None:
    target = await bench.connect()
    with pytest.raises(RuntimeError):
        await target.confirm()
    await target.stage(bench.payload(TWO))
    with pytest.raises(RuntimeError):
        await target.stage(bench.payload(TWO))
    await target.confirm()
    assert bench.running() == bench.schema_json(TWO)
