"""Confirmed commits of a simulated switch over NETCONF (RFC 6241 section 8.4), and running without candidate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest
from manual_time import ManualTime
from netconf_documents import CANDIDATE, RUNNING, commit, config, interface
from raw_netconf import NC, Client, edit, errors, session, text

from fabricd.simulator import Simulation, SimulationConfig, Switch, SwitchConfig
from fabricd.simulator.quirks import Quirks

Configure = Callable[..., SimulationConfig]
MTU = "/interfaces/interface[name=Ethernet1]/config/mtu"
OWN = "urn:fabricd:simulator"


@dataclass(frozen=True)
class Bench:
    """A switch whose time stands still until a test moves it."""

    simulation: Simulation
    switch: Switch
    time: ManualTime

    def session(self) -> AbstractAsyncContextManager[Client]:
        return session(self.simulation, self.switch)


def settings(**changes: object) -> dict[str, object]:
    return {
        "switches": (SwitchConfig.model_validate({"name": "left", "ports": ("Ethernet1",)} | changes),),
        "links": (),
    }


@pytest.fixture
async def bench(configure: Configure) -> AsyncIterator[Bench]:
    time = ManualTime()
    async with Simulation(configure(**settings()), time, time.sleep) as simulation:
        yield Bench(simulation, simulation.switches["left"], time)


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[Client]:
    async with bench.session() as connected:
        await commit(connected, interface(config("<mtu>1500</mtu>")))
        yield connected


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.005)


def confirmed(timeout: int = 60, more: str = "") -> str:
    return f"<commit><confirmed/><confirm-timeout>{timeout}</confirm-timeout>{more}</commit>"


def with_mtu(mtu: int) -> str:
    return edit(interface(config(f"<mtu>{mtu}</mtu>")))


async def test_a_confirmed_commit_is_reverted_when_its_time_is_over(bench: Bench, client: Client) -> None:
    await client.ok(with_mtu(9000))
    await client.ok(confirmed(60))
    assert bench.switch.value(MTU) == 9000
    bench.time.advance(59)
    assert "<mtu>9000</mtu>" in text(await client.ask(RUNNING))
    bench.time.advance(1)
    await until(lambda: bench.switch.value(MTU) == 1500)
    assert "<mtu>1500</mtu>" in text(await client.ask(RUNNING))


async def test_the_default_time_is_ten_minutes(bench: Bench, client: Client) -> None:
    await client.ok(with_mtu(9000))
    await client.ok("<commit><confirmed/></commit>")
    bench.time.advance(599)
    assert "<mtu>9000</mtu>" in text(await client.ask(RUNNING))
    bench.time.advance(1)
    await until(lambda: bench.switch.value(MTU) == 1500)


async def test_a_confirming_commit_keeps_it_and_what_the_candidate_has_besides(bench: Bench, client: Client) -> None:
    await client.ok(with_mtu(9000))
    await client.ok(confirmed())
    await client.ok(edit(interface(config("<description>more</description>"))))
    await client.ok("<commit/>")
    bench.time.advance(1000)
    assert "<mtu>9000</mtu>" in text(await client.ask(RUNNING))
    assert bench.switch.value("/interfaces/interface[name=Ethernet1]/config/description") == "more"
    await bench.switch.restart()
    assert bench.switch.value(MTU) == 9000


async def test_a_follow_up_starts_the_time_anew_and_keeps_the_first_rollback_point(
    bench: Bench, client: Client
) -> None:
    await client.ok(with_mtu(9000))
    await client.ok(confirmed(60))
    bench.time.advance(50)
    await client.ok(with_mtu(9100))
    await client.ok(confirmed(60))
    bench.time.advance(50)
    assert "<mtu>9100</mtu>" in text(await client.ask(RUNNING))
    bench.time.advance(10)
    await until(lambda: bench.switch.value(MTU) == 1500)


async def test_without_persist_it_belongs_to_its_session_and_ends_with_it(bench: Bench, client: Client) -> None:
    async with bench.session() as other:
        await other.ok(with_mtu(9000))
        await other.ok(confirmed())
        for attempt in ("<commit/>", "<cancel-commit/>", confirmed()):
            assert (await client.refused(attempt))["error-tag"] == "in-use"
        denied = await client.refused("<lock><target><running/></target></lock>")
        assert denied["error-tag"] == "lock-denied"
        assert int(denied["info"]["session-id"]) > 0
        assert bench.switch.value(MTU) == 9000
    await until(lambda: bench.switch.value(MTU) == 1500)
    await client.ok("<commit/>")


async def test_kill_session_reverts_its_commit(bench: Bench, client: Client) -> None:
    async with bench.session() as other:
        await other.ok(with_mtu(9000))
        await other.ok(confirmed())
        holder = (await client.refused("<commit/>"))["info"]["session-id"]
        await client.ok(f"<kill-session><session-id>{holder}</session-id></kill-session>")
        await until(lambda: bench.switch.value(MTU) == 1500)


async def test_with_persist_any_session_that_knows_the_id_confirms_it(bench: Bench, client: Client) -> None:
    async with bench.session() as other:
        await other.ok(with_mtu(9000))
        await other.ok(confirmed(60, "<persist>secret</persist>"))
    assert (await client.refused("<commit/>"))["error-tag"] == "in-use"
    wrong = await client.refused("<commit><persist-id>guess</persist-id></commit>")
    assert (wrong["error-tag"], wrong["info"]["bad-element"]) == ("invalid-value", "persist-id")
    await client.ok(confirmed(100, "<persist-id>secret</persist-id>"))
    bench.time.advance(99)
    await client.ok("<commit><persist-id>secret</persist-id></commit>")
    bench.time.advance(1000)
    assert "<mtu>9000</mtu>" in text(await client.ask(RUNNING))
    late = await client.refused("<commit><persist-id>secret</persist-id></commit>")
    assert late["error-tag"] == "invalid-value"


async def test_running_cannot_be_locked_while_another_session_has_a_confirmed_commit_going_on(
    bench: Bench, client: Client
) -> None:
    lock = "<lock><target><running/></target></lock>"
    async with bench.session() as other:
        await other.ok(with_mtu(9000))
        await other.ok(confirmed(60, "<persist>secret</persist>"))
        denied = await client.refused(lock)
        assert denied["error-tag"] == "lock-denied"
        assert int(denied["info"]["session-id"]) > 0
        await other.ok(lock)
        await other.ok("<close-session/>")
        await other.closed()
    # It goes on without a session now, and whoever comes to confirm it may lock first.
    async with asyncio.timeout(20):
        while errors(await client.ask(lock)):
            await asyncio.sleep(0.005)
    await client.ok("<commit><persist-id>secret</persist-id></commit>")
    assert bench.switch.value(MTU) == 9000


async def test_cancel_commit_reverts_at_once(bench: Bench, client: Client) -> None:
    assert (await client.refused("<cancel-commit/>"))["error-tag"] == "operation-failed"
    await client.ok(with_mtu(9000))
    await client.ok(confirmed())
    await client.ok("<cancel-commit/>")
    assert bench.switch.value(MTU) == 1500
    await client.ok(with_mtu(9000))
    await client.ok(confirmed(60, "<persist>p</persist>"))
    assert (await client.refused("<cancel-commit/>"))["error-tag"] == "in-use"
    await client.ok("<cancel-commit><persist-id>p</persist-id></cancel-commit>")
    assert bench.switch.value(MTU) == 1500


async def test_losing_power_reverts_even_what_persists(bench: Bench, client: Client) -> None:
    await client.ok(with_mtu(9000))
    await client.ok(confirmed(60, "<persist>p</persist>"))
    await bench.switch.restart()
    assert bench.switch.value(MTU) == 1500
    async with bench.session() as again:
        late = await again.refused("<commit><persist-id>p</persist-id></commit>")
        assert late["error-tag"] == "invalid-value"


@pytest.mark.parametrize(
    ("content", "tag", "element"),
    [
        ("<confirmed/><confirm-timeout>0</confirm-timeout>", "invalid-value", "confirm-timeout"),
        ("<confirmed/><confirm-timeout>soon</confirm-timeout>", "invalid-value", "confirm-timeout"),
        ("<confirmed/><confirm-timeout>4294967296</confirm-timeout>", "invalid-value", "confirm-timeout"),
        ("<confirmed/><persist/>", "invalid-value", "persist"),
        ("<persist>p</persist>", "missing-element", "confirmed"),
        ("<confirm-timeout>5</confirm-timeout>", "missing-element", "confirmed"),
        ("<confirmed/><confirmed/>", "unknown-element", "confirmed"),
    ],
)
async def test_parameters_of_commit_that_make_no_sense(
    bench: Bench, client: Client, content: str, tag: str, element: str
) -> None:
    await client.ok(with_mtu(9000))
    error = await client.refused(f"<commit>{content}</commit>")
    assert (error["error-tag"], error["info"]["bad-element"]) == (tag, element)
    assert bench.switch.value(MTU) == 1500


async def test_without_confirmed_commit_nothing_of_it_is_there(configure: Configure) -> None:
    async with (
        Simulation(configure(**settings(confirmed_commit=False))) as simulation,
        session(simulation, simulation.switches["left"]) as client,
    ):
        assert (await client.refused("<commit><confirmed/></commit>"))["error-tag"] == "unknown-element"
        assert (await client.refused("<cancel-commit/>"))["error-tag"] == "operation-not-supported"
        await client.ok("<commit/>")


async def test_a_switch_without_candidate_takes_edits_of_running_as_a_whole(configure: Configure) -> None:
    async with Simulation(configure(**settings(candidate=False, writable_running=True))) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            await client.ok(edit(interface(config("<mtu>9000</mtu>")), target="running"))
            assert left.value(MTU) == 9000
            lacking = edit(interface("<config><name>Ethernet2</name></config>", name="Ethernet2"), target="running")
            found = errors(await client.ask(lacking))
            assert {error["error-tag"] for error in found} == {"operation-failed"}
            assert "Ethernet2" not in text(await client.ask(RUNNING))
            bad = edit(interface(config("<mtu>70000</mtu>")), target="running")
            assert (await client.refused(bad))["error-tag"] == "invalid-value"
            for absent in (CANDIDATE, "<commit/>", "<discard-changes/>", edit(interface(config()))):
                assert (await client.refused(absent))["error-tag"] == "operation-not-supported"
            whole = f'<config xmlns="{NC}">{interface(config("<mtu>1500</mtu>"))}</config>'
            copy = f"<copy-config><target><running/></target><source>{whole}</source></copy-config>"
            await client.ok(copy)
            assert left.value(MTU) == 1500
            async with session(simulation, left) as other:
                await other.ok("<lock><target><running/></target></lock>")
                for attempt in (copy, edit(interface(config()), target="running")):
                    assert (await client.refused(attempt))["error-tag"] == "in-use"


async def test_startup_is_copied_to_deleted_and_what_a_reboot_starts_from(configure: Configure) -> None:
    startup = "<get-config><source><startup/></source></get-config>"
    keep = "<copy-config><target><startup/></target><source><running/></source></copy-config>"
    forget = "<delete-config><target><startup/></target></delete-config>"
    async with Simulation(configure(**settings(startup=True))) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left) as client:
            await commit(client, interface(config("<mtu>9000</mtu>")))
            assert "mtu" not in text(await client.ask(startup))
            await client.ok(keep)
            assert "<mtu>9000</mtu>" in text(await client.ask(startup))
            await client.ok("<validate><source><startup/></source></validate>")
            await commit(client, interface(config("<mtu>1500</mtu>")))
            assert (await client.refused(edit(interface(config()), target="startup")))["error-tag"] == (
                "operation-not-supported"
            )
            async with session(simulation, left) as other:
                await other.ok("<lock><target><startup/></target></lock>")
                for attempt in (keep, forget):
                    assert (await client.refused(attempt))["error-tag"] == "in-use"
        await left.restart()
        assert left.value(MTU) == 9000
        async with session(simulation, left) as client:
            await client.ok(forget)
            assert left.value(MTU) == 9000
        await left.restart()
        assert left.value(MTU) is None


async def test_quirk_42_reverts_the_standard_commit_and_keeps_its_own(configure: Configure) -> None:
    time = ManualTime()
    quirks = Quirks(own_confirmed_commit=True)
    async with Simulation(configure(**settings(quirks=quirks)), time, time.sleep) as simulation:
        left = simulation.switches["left"]
        own = f'<commit-configuration xmlns="{OWN}">%s</commit-configuration>'
        pending = own % "<confirmed/><confirm-timeout>60</confirm-timeout>"
        async with session(simulation, left) as client:
            await client.ok(with_mtu(9000))
            await client.ok(confirmed(60, "<persist>p</persist>"))
            assert left.value(MTU) is None
            assert "own_confirmed_commit" in left.met
            await client.ok(with_mtu(9000))
            await client.ok(pending)
        async with session(simulation, left) as other:
            assert left.value(MTU) == 9000
            await other.ok(own % "")
            time.advance(1000)
            assert "<mtu>9000</mtu>" in text(await other.ask(RUNNING))
            await other.ok(with_mtu(1500))
            await other.ok(pending)
            time.advance(60)
            await until(lambda: left.value(MTU) == 9000)
