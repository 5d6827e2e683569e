"""Probes on which something goes wrong at every step, and on devices that somebody else is at: no trace, no false
finding, and what it was is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest
import pytest_asyncio
from probe_bench import Bench, at_request, bench

from fabricd.errors import DeviceError, FabricdError
from fabricd.model.device import Protocol, Timeouts
from fabricd.model.probe import ProbeReport
from fabricd.schema import SchemaPool
from fabricd.simulator.datastore import Store
from fabricd.simulator.faults import DroppedError, Fault, Kind, RefusedError, Rpc
from fabricd.southbound.netconf import operations
from fabricd.southbound.netconf.rpc import Rpc as NetconfRpc
from fabricd.southbound.netconf.session import NetconfSession
from fabricd.southbound.probe.ground import StuckError

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = pytest.mark.parametrize("protocol", Protocol)
BANNER = "Somebody else was here."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def schemas() -> AsyncIterator[SchemaPool]:
    pool = SchemaPool(1)
    yield pool
    await pool.close()


@asynccontextmanager
async def busy_bench(folder: File, schemas: SchemaPool, protocol: Protocol, **config: Any) -> AsyncIterator[Bench]:
    """With a port that nobody uses, and an impatient prober."""
    async with bench(folder, schemas, protocol, **config) as one:
        port = {"name": "Ethernet1", "config": {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd"}}
        await one.switch.change({"/interfaces": {"openconfig-interfaces:interface": [port]}})
        one.before = one.switch.running
        one.device = replace(one.device, profile=replace(one.device.profile, timeouts=Timeouts(2.0, 2.0, 2.0)))
        yield one


def names(report: ProbeReport) -> set[str]:
    return {finding.name for finding in report.findings}


# Every step

Act = Callable[[Bench, asyncio.Task[ProbeReport]], Awaitable[None]]


async def drops(_: Bench, __: asyncio.Task[ProbeReport]) -> None:
    raise DroppedError("cut on purpose")


async def refuses(_: Bench, __: asyncio.Task[ProbeReport]) -> None:
    raise RefusedError("busy on purpose")


async def reboots(one: Bench, _: asyncio.Task[ProbeReport]) -> None:
    for rpc in Rpc:
        one.switch.faults.add(Fault(rpc=rpc, kind=Kind.REBOOT, seconds=0.2))


async def is_back(one: Bench) -> None:
    """The switch listens again."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(one.device.address, one.device.port)
                writer.close()
                return
            await asyncio.sleep(0.02)


async def is_given_up(_: Bench, probe: asyncio.Task[ProbeReport]) -> None:
    probe.cancel()


async def is_given_up_twice(_: Bench, probe: asyncio.Task[ProbeReport]) -> None:
    probe.cancel()
    asyncio.get_running_loop().call_later(0.02, probe.cancel)


POINTS = 4  # requests of a probe at which it happens


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize(
    ("act", "has_net"),
    [
        (drops, True), (refuses, True), (reboots, True), (is_given_up, True), (drops, False),
        (is_given_up_twice, False),
    ],
)  # fmt: skip
async def test_whatever_happens_at_whichever_request_nothing_stays(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol, act: Act, has_net: bool
) -> None:
    """A device without a net is written to, which has to be put back."""
    async with busy_bench(tmp_path, schemas, protocol, confirmed_commit=has_net) as one:
        seen = await requests_of(one, write=not has_net)
        for point in range(1, POINTS + 1):
            await struck(one, seen * point // (POINTS + 1), act, write=not has_net)
            one.switch.faults.release()
            await is_back(one)
            await one.is_untouched()


async def requests_of(one: Bench, **options: Any) -> int:
    """How many requests a probe makes."""
    seen = 0
    strike = one.switch.faults.strike

    async def counting(rpc: Rpc, *, after: bool = False) -> Fault | None:
        nonlocal seen
        seen += not after
        return await strike(rpc, after=after)

    one.switch.faults.strike = counting  # type: ignore[method-assign]
    await one.probe(**options)
    del one.switch.faults.strike  # type: ignore[misc]
    return seen


async def struck(
    one: Bench, number: int, act: Act, *, write: bool, only: Rpc | None = None, within: float = 5.0
) -> None:
    """Probe, with this happening at so manieth request."""
    running: list[asyncio.Task[ProbeReport]] = []

    async def strikes(_: Rpc) -> None:
        await act(one, running[0])

    with at_request(one.switch, number, strikes, only) as hit, suppress(asyncio.CancelledError, DeviceError):
        running.append(asyncio.create_task(one.probe(write=write, deadline=within)))
        report = await running[0]
        assert report.left == ()
        assert names(report) <= {"no-commit", "own-confirmed-commit"}
    assert hit
    running.clear()


@pytest.mark.parametrize(
    ("protocol", "has_net", "only"),
    [
        (Protocol.GNMI, True, Rpc.COMMIT), (Protocol.GNMI, False, Rpc.SET), (Protocol.NETCONF, True, Rpc.COMMIT),
        (Protocol.NETCONF, False, Rpc.COMMIT),
    ],
)  # fmt: skip
async def test_what_was_under_way_when_a_probe_was_given_up_does_not_come_after_its_end(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol, has_net: bool, only: Rpc
) -> None:
    """The switch has the request already, and carries it out whoever waits for the answer."""
    async with busy_bench(tmp_path, schemas, protocol, confirmed_commit=has_net) as one:
        for number in (1, 2, 3):
            await struck(one, number, is_given_up, write=not has_net, only=only, within=600.0)
            assert one.switch.live.datastore.pending is None
            await one.is_untouched()


@pytest.mark.slow
@BOTH
async def test_what_somebody_else_changes_meanwhile_is_kept_and_told(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    """A device without a net, which is written to and put back."""
    async with busy_bench(tmp_path, schemas, protocol, confirmed_commit=False) as one:
        seen = await requests_of(one, write=True)
        for point in (2, 3):
            changed: list[bool] = []
            text = f"{BANNER} {point}"

            async def changes(_: Rpc, one: Bench = one, text: str = text, changed: list[bool] = changed) -> None:
                # Over NETCONF the probe has locked what runs, and nobody can change it.
                with suppress(FabricdError):
                    await one.switch.change({"/system/config/login-banner": text})
                    changed.append(True)

            with at_request(one.switch, seen * point // (POINTS + 1), changes) as hit:
                report = await one.probe(write=True)
            assert hit
            assert bool(changed) is (protocol is Protocol.GNMI)
            assert report.left == (("/openconfig-system:system/config/login-banner",) if changed else ())
            if changed:
                assert one.switch.value("/system/config/login-banner") == text
                one.before = one.switch.running
                assert b"fabricd-probe" not in one.before
            await one.is_untouched()


# What is refused once


@pytest.mark.parametrize(
    ("protocol", "rpc", "before"),
    [
        (Protocol.NETCONF, Rpc.HELLO, 3),
        (Protocol.NETCONF, Rpc.VALIDATE, 0),
        (Protocol.NETCONF, Rpc.LOCK, 0),
        (Protocol.NETCONF, Rpc.COMMIT, 0),
        (Protocol.NETCONF, Rpc.SET, 1),
        (Protocol.GNMI, Rpc.GET, 1),
        (Protocol.GNMI, Rpc.CONFIRM, 0),
        (Protocol.GNMI, Rpc.COMMIT, 4),
        (Protocol.GNMI, Rpc.COMMIT, 5),
    ],
)
async def test_nothing_is_concluded_from_what_is_refused_once(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol, rpc: Rpc, before: int
) -> None:
    async with busy_bench(tmp_path, schemas, protocol) as one:
        waits = [Fault(rpc=rpc, kind=Kind.DELAY, times=before)] if before else []
        one.switch.faults.add(*waits, Fault(rpc=rpc, kind=Kind.REFUSE))
        report = await one.probe()
        assert one.switch.faults.counts[rpc, Kind.REFUSE] == 1
        assert report.findings == ()
        await one.is_untouched()


@pytest.mark.parametrize(
    ("protocol", "rpc"), [(Protocol.NETCONF, Rpc.COMMIT), (Protocol.GNMI, Rpc.COMMIT), (Protocol.GNMI, Rpc.SET)]
)
@pytest.mark.parametrize("before", [0, 3])
async def test_parts_of_what_was_refused_do_not_stay(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol, rpc: Rpc, before: int
) -> None:
    """No device takes these back by itself: the change was refused."""
    async with busy_bench(tmp_path, schemas, protocol) as one:
        waits = [Fault(rpc=rpc, kind=Kind.DELAY, times=before)] if before else []
        one.switch.faults.add(*waits, Fault(rpc=rpc, kind=Kind.PARTIAL))
        report = await one.probe()
        assert report.left == ()
        await one.is_untouched()


# Taking back


@BOTH
async def test_a_cancellation_that_is_lost_is_asked_for_again(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    async with busy_bench(tmp_path, schemas, protocol) as one:
        one.switch.faults.add(Fault(rpc=Rpc.CANCEL, kind=Kind.DROP))
        report = await one.probe()
        assert report.undecided == () or {one.name for one in report.undecided} == {"replace-flaps"}
        assert report.findings == ()
        await one.is_untouched()


async def test_a_cancellation_that_is_refused_ends_the_probe(tmp_path: File, schemas: SchemaPool) -> None:
    """Over NETCONF, where it also means that nothing is pending any more: what runs tells which."""
    async with busy_bench(tmp_path, schemas, Protocol.NETCONF) as one:
        one.switch.faults.add(Fault(rpc=Rpc.CANCEL, kind=Kind.REFUSE, times=1000))
        with pytest.raises(StuckError, match="its cancellation is refused"):
            await one.probe(deadline=60.0)
        one.switch.faults.release()
        await one.switch.live.datastore.cancel("fabricd-probe-1", 0)
        await one.is_untouched()


@BOTH
async def test_a_line_that_breaks_at_the_last_look_loses_no_finding(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    quirks = {"static_protocol": "static"}
    async with busy_bench(tmp_path, schemas, protocol, quirks=quirks) as one:
        gets = 0
        strike = one.switch.faults.strike

        async def counting(rpc: Rpc, *, after: bool = False) -> Fault | None:
            nonlocal gets
            gets += rpc is Rpc.GET and not after
            return await strike(rpc, after=after)

        one.switch.faults.strike = counting  # type: ignore[method-assign]
        await one.probe()
        del one.switch.faults.strike  # type: ignore[misc]
        one.switch.faults.add(
            Fault(rpc=Rpc.GET, kind=Kind.DELAY, times=gets - 1), Fault(rpc=Rpc.GET, kind=Kind.DROP)
        )  # fmt: skip
        report = await one.probe()
        assert one.switch.faults.counts[Rpc.GET, Kind.DROP] == 1
        assert (names(report), report.left) == ({"static-protocol"}, ())
        await one.is_untouched()


# Somebody else


@pytest.mark.parametrize("datastore", [Store.RUNNING, Store.CANDIDATE])
async def test_a_device_that_somebody_has_locked_is_read_only(
    tmp_path: File, schemas: SchemaPool, datastore: Store
) -> None:
    async with busy_bench(tmp_path, schemas, Protocol.NETCONF) as one:
        other = await NetconfSession.open(one.device)
        await NetconfRpc(one.device, other).ok(operations.Lock, "lock", datastore.value)
        commits = one.switch.commits
        report = await one.probe()
        assert names(report) == set()
        why = {question.name: question.why for question in report.undecided}
        assert "somebody else is at work on the device" in why["picture"]
        assert one.switch.commits == commits
        assert one.switch.live.datastore.locked(datastore)
        await other.close()
        await one.is_untouched()


async def test_a_gnmi_device_that_somebody_has_locked_is_read_only(tmp_path: File, schemas: SchemaPool) -> None:
    async with busy_bench(tmp_path, schemas, Protocol.GNMI) as one:
        netconf = replace(one.device, protocol=Protocol.NETCONF, port=one.switch.netconf_port)
        other = await NetconfSession.open(netconf)
        await NetconfRpc(netconf, other).ok(operations.Lock, "lock of running", "running")
        for write in (False, True):
            report = await one.probe(write=write)
            why = {question.name: question.why for question in report.undecided}
            assert "the device is locked" in why["picture"]
            assert (names(report), report.left) == (set(), ())
        await other.close()
        await one.is_untouched()


@BOTH
async def test_two_probes_of_one_device_at_once_leave_nothing(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    """The daemon allows one at a time; two daemons do not know of each other."""
    async with busy_bench(tmp_path, schemas, protocol) as one:
        reports = await asyncio.gather(one.probe(), one.probe(), return_exceptions=True)
        for report in reports:
            assert isinstance(report, ProbeReport | DeviceError)
        del reports, report
        await one.is_untouched()
