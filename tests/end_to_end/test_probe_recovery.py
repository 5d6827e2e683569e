"""A probe that could not take back what it tried: the device is asked again, before anything else is done there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest
from installation import installed
from reconcile_fabric import QUIET, Fabric, base, document, fabric, ports_config

from fabricd.errors import ConflictError, DeviceError
from fabricd.model.device import Protocol
from fabricd.model.outcome import Event
from fabricd.model.probe import ProbeOptions
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.reconcile.probing import Probes
from fabricd.simulator.faults import Fault, Kind, Rpc
from fabricd.southbound.probe import probe


def probes(one: Fabric) -> Probes:
    return Probes(controller=one.controller, store=one.store, schemas=one.schemas, prober=probe, known=())


@pytest.mark.parametrize("started_anew", [False, True])
async def test_what_a_probe_could_not_take_back_is_taken_back_soon(tmp_path: Path, started_anew: bool) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, confirm_within=120.0) as one:
        switch = one.switch("leaf1")
        await switch.change({"/system/config/hostname": "leaf1"})
        before = switch.running
        # The probe's own two attempts are refused, one when the trial ends and one when the probe does.
        switch.faults.add(Fault(rpc=Rpc.CANCEL, kind=Kind.REFUSE, times=2))
        with pytest.raises(DeviceError, match="cancellation"):
            async for _ in probes(one).probe("leaf1", ProbeOptions(deadline=600.0), author="tester"):
                pass
        if started_anew:
            await one.controller.stop(grace=2.0)
            await one.sessions.close()
            one.start_over()
            await one.controller.start()

        async def as_before() -> bool:
            return switch.running == before and switch.live.datastore.pending is None

        async def recorded() -> bool:
            return bool(await one.records("leaf1", Event.RECOVERED)) and not await one.store.open_transactions()

        await one.until(as_before, "the switch runs what it ran")
        await one.until(recorded, "the journal says so")


async def test_a_daemon_that_is_stopped_takes_back_first_what_a_probe_tried(tmp_path: Path) -> None:
    async with installed(tmp_path) as installation:
        await installation.start()
        switch = installation.simulation.switches["leaf1"]
        before = switch.running
        # Longer than the server waits for calls that are under way.
        switch.faults.add(Fault(rpc=Rpc.CANCEL, kind=Kind.DELAY, seconds=8.0, times=1000))

        async def tried() -> bool:
            return switch.live.datastore.pending is not None

        async with aclosing(installation.client.probe(pb.ProbeRequest(device="leaf1"))) as steps:
            reading = asyncio.ensure_future(anext(steps))
            await installation.until(tried)
            assert await installation.stop() == 0
            await asyncio.gather(reading, return_exceptions=True)
        assert switch.running == before
        assert switch.live.datastore.pending is None
        assert "Traceback" not in installation.log


async def test_nothing_is_open_after_a_probe(tmp_path: Path) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}) as one:
        async for _ in probes(one).probe("leaf1", ProbeOptions(), author="tester"):
            pass
        assert await one.store.open_transactions() == []
        notes = await one.records("leaf1", Event.NOTE)
        assert len({note.decision for note in notes}) == 1
        assert notes[0].decision in notes[0].message
        assert notes[-1].message.startswith("probed: 0 findings")


async def test_a_probe_waits_for_a_round_and_is_refused_when_that_leaves_a_write_open(tmp_path: Path) -> None:
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, read_timeout=1.0, write_timeout=1.0) as one:
        await one.submit(base(9000))
        await one.in_sync("leaf1")
        faults = one.switch("leaf1").faults
        faults.add(Fault(rpc=Rpc.SET, kind=Kind.STALL, after=True))
        await one.submit(base(9100))
        async with asyncio.timeout(30):
            while not faults.stalled:
                await asyncio.sleep(0.01)
        # Whether it was carried out is not to be found out for a while.
        faults.add(Fault(rpc=Rpc.GET, kind=Kind.STALL, times=1000))
        with pytest.raises(ConflictError, match="a write is open"):
            await drained(probes(one).probe("leaf1", ProbeOptions(), author="tester"))


async def test_a_device_that_is_probed_keeps_no_worker(tmp_path: Path) -> None:
    async with fabric(
        tmp_path, {"leaf1": Protocol.GNMI, "leaf2": Protocol.GNMI}, settings=QUIET.model_copy(update={"concurrency": 1})
    ) as one:
        switch = one.switch("leaf1")
        switch.faults.add(Fault(rpc=Rpc.HELLO, kind=Kind.STALL))
        probing = asyncio.create_task(drained(probes(one).probe("leaf1", ProbeOptions(), author="tester")))
        async with asyncio.timeout(30):
            while not switch.faults.stalled:
                await asyncio.sleep(0.01)
        one.controller.reconcile_now(["leaf1"])
        await one.submit(document("both", ["leaf1", "leaf2"], ports_config(Ethernet1={"mtu": 9000})))
        await one.in_sync("leaf2")
        assert not probing.done()
        switch.faults.release()
        await probing
        await one.in_sync("leaf1")


async def drained(probe: AsyncGenerator[object, None]) -> None:
    async for _ in probe:
        pass
