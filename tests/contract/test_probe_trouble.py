"""Probes that do not come to their end: given up, cut off, on switches that die, that somebody else works on, or that
take nothing back. Whatever happens, the switch is as it was."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest
import pytest_asyncio
from probe_bench import bench, shown
from target_bench import eventually

from fabricd.errors import DeviceError
from fabricd.model.device import Protocol
from fabricd.model.path import Path
from fabricd.schema import SchemaPool
from fabricd.simulator.datastore import Store
from fabricd.simulator.faults import Fault, Kind, Rpc
from fabricd.simulator.gnmi.subscribe import Reply, Subscriber

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = {"applies_after": 0.5}
"""A change of such a switch is pending long enough to do something meanwhile."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def schemas() -> AsyncIterator[SchemaPool]:
    pool = SchemaPool(1)
    yield pool
    await pool.close()


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_probe_that_is_given_up_takes_back_what_it_tried(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    async with bench(tmp_path, schemas, protocol, quirks=SLOW) as one:
        task = asyncio.create_task(one.probe())
        await eventually(lambda: one.switch.live.datastore.pending is not None)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await one.is_untouched()


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_probe_that_takes_too_long_is_given_up(tmp_path: File, schemas: SchemaPool, protocol: Protocol) -> None:
    async with bench(tmp_path, schemas, protocol, quirks={"applies_after": 1.5}) as one:
        with pytest.raises(DeviceError, match="within 1 s"):
            await one.probe(timeout=1.0)
        await one.is_untouched()


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_connection_that_is_cut_leaves_nothing_behind(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    async with bench(tmp_path, schemas, protocol) as one:
        # The first is the one that all others stand on, which is tried again.
        first = Fault(rpc=Rpc.COMMIT, kind=Kind.DELAY, after=True)
        one.switch.faults.add(first, Fault(rpc=Rpc.COMMIT, kind=Kind.DROP, after=True))
        report = await one.probe()
        assert any("broke" in question.why for question in report.undecided)
        assert "picture" in report.asked
        await one.is_untouched()


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_subscription_that_ends_is_not_a_silent_one(
    tmp_path: File, schemas: SchemaPool, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: Subscriber, requests: AsyncIterator[bytes]) -> AsyncIterator[Reply]:
        await anext(requests)
        return
        yield

    async with bench(tmp_path, schemas, Protocol.GNMI) as one:
        if at_once:
            monkeypatch.setattr(Subscriber, "replies", nothing)
        else:
            one.switch.faults.add(Fault(rpc=Rpc.NOTIFY, kind=Kind.REFUSE, times=1000))
        report = await one.probe()
        assert "silent-stream" not in {finding.name for finding in report.findings}
        [open_question] = [question for question in report.undecided if 34 in question.quirks]
        assert open_question.why == "the device ended the subscription"
        await one.is_untouched()


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_switch_that_dies_is_as_it_was_when_it_is_back(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    async with bench(tmp_path, schemas, protocol, quirks=SLOW) as one:
        task = asyncio.create_task(one.probe())
        await eventually(lambda: one.switch.live.datastore.pending is not None)
        await one.switch.stop()
        with pytest.raises(DeviceError):
            await task
        await one.switch.start()
        await one.is_untouched()


@pytest.mark.parametrize("protocol", Protocol)
async def test_what_cannot_be_cancelled_is_taken_back_by_the_switch_itself(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    """As when the prober dies without a word: nobody cancels what is pending."""
    async with bench(tmp_path, schemas, protocol, quirks=SLOW) as one:
        one.switch.faults.add(Fault(rpc=Rpc.CANCEL, kind=Kind.REFUSE, times=100))
        task = asyncio.create_task(one.probe(deadline=1.0))
        await eventually(lambda: one.switch.live.datastore.pending is not None)
        task.cancel()
        with suppress(asyncio.CancelledError, DeviceError):
            await task
        # gRPC keeps a connection as long as anybody keeps an error of one of its calls.
        del task
        gc.collect()
        await one.is_untouched()


async def test_what_a_gnmi_switch_would_not_take_back_is_tried_only_when_allowed(
    tmp_path: File, schemas: SchemaPool
) -> None:
    quirks = {"omits_defaults": True, "replace_flaps": True}
    async with bench(tmp_path, schemas, Protocol.GNMI, confirmed_commit=False, quirks=quirks) as one:
        report = await one.probe()
        assert one.switch.commits == 2  # the hostname, and an empty Set
        assert "no-commit" in {finding.name for finding in report.findings}
        assert all("--write" in question.why for question in report.undecided)
        assert 'commit = "no"' in report.profile
        await one.is_untouched()
        report = await one.probe(write=True)
        assert {"omits-defaults", "replace-flaps", "no-commit"} <= {finding.name for finding in report.findings}
        assert report.left == ()
        assert any("put back" in note for note in one.notes)
        await one.is_untouched()


async def test_a_netconf_switch_without_a_confirmed_commit_still_tells_what_it_refuses(
    tmp_path: File, schemas: SchemaPool
) -> None:
    quirks = {"static_protocol": "static", "omits_defaults": True}
    async with bench(tmp_path, schemas, Protocol.NETCONF, confirmed_commit=False, quirks=quirks) as one:
        report = await one.probe()
        assert "static-protocol" in {finding.name for finding in report.findings}
        assert any("--write" in question.why for question in report.undecided)
        await one.is_untouched()
        report = await one.probe(write=True)
        assert "omits-defaults" in {finding.name for finding in report.findings}
        await one.is_untouched()


async def test_changes_that_somebody_left_in_the_candidate_stay_there(tmp_path: File, schemas: SchemaPool) -> None:
    async with bench(tmp_path, schemas, Protocol.NETCONF) as one:
        store = one.switch.live.datastore

        def rename(tree: Any) -> None:
            tree["openconfig-system:system"]["config"]["hostname"] = "somebody-elses"

        await store.edit_candidate(rename, 0)
        report = await one.probe()
        assert all("somebody else" in question.why for question in report.undecided)
        assert b"somebody-elses" in store.config(Store.CANDIDATE)
        assert one.switch.running == one.before


async def test_what_is_protected_is_not_written(tmp_path: File, schemas: SchemaPool) -> None:
    async with bench(tmp_path, schemas, Protocol.GNMI) as one:
        port = {"name": "Ethernet1", "config": {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd"}}
        await one.switch.change({"/interfaces": {"openconfig-interfaces:interface": [port]}})
        one.before = one.switch.running
        paths = ("/openconfig-lldp:lldp", "/openconfig-interfaces:interfaces/interface[name='Ethernet1']")
        protected = tuple(map(Path.parse, paths))
        one.device = replace(one.device, profile=replace(one.device.profile, protected=protected))
        report = await one.probe()
        why = {question.name: question.why for question in report.undecided}
        assert "feature-first" not in why
        assert "no interface" in why["keeps-ports"]
        assert why["picture"] == "LLDP on an interface could not be looked at: protected"
        assert 'protected = [\n  "/openconfig-lldp:lldp"' in report.profile
        await one.is_untouched()


@pytest.mark.parametrize("protocol", Protocol)
async def test_settings_of_the_switch_itself_stay_as_they_are_meanwhile(
    tmp_path: File, schemas: SchemaPool, protocol: Protocol
) -> None:
    async with bench(tmp_path, schemas, protocol, quirks=SLOW) as one:
        await one.switch.change({"/lldp/config/hello-timer": "17", "/system/config/login-banner": "Keep out."})
        one.before = one.switch.running
        await shown(one.switch, b"Keep out.")
        seen: set[tuple[Any, Any]] = set()

        def look() -> None:
            timer, text = one.switch.value("/lldp/config/hello-timer"), one.switch.value("/system/config/login-banner")
            seen.add((timer, text))

        one.switch.live.datastore.listeners.append(lambda _: look())
        await one.probe()
        assert seen == {("17", "Keep out.")}
        await one.is_untouched()


async def test_names_that_are_on_the_device_are_not_taken(tmp_path: File, schemas: SchemaPool) -> None:
    async with bench(tmp_path, schemas, Protocol.GNMI) as one:
        loopback = {"name": "Loopback1001", "config": {"name": "Loopback1001", "type": "iana-if-type:softwareLoopback"}}
        await one.switch.change({"/interfaces": {"openconfig-interfaces:interface": [loopback]}})
        one.before = one.switch.running
        with pytest.raises(DeviceError, match="Loopback1001 is on the device"):
            await one.probe(interface="Loopback1001")
        await one.probe()
        assert "Loopback1002" in one.notes[-1]
        await one.is_untouched()
