"""Changes that a gNMI device takes back by itself: against a scripted device with the Commit extension, and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from gnmi_scripts import SYSTEM, CommitTable, refusing, stall
from patience import answers_within, eventually
from pygnmi.spec.v080 import gnmi_ext_pb2, gnmi_pb2
from southbound_servers import GnmiServer, gnmi_device, gnmi_server, profile

from fabricd.errors import DeviceRefusedError, DeviceTimeoutError, DeviceTrustError
from fabricd.model.device import GnmiTraits
from fabricd.model.edit import GnmiSet
from fabricd.model.path import Path
from fabricd.southbound import gnmi

CHANGE = GnmiSet(updates=((Path.parse("/openconfig-system:system/config/hostname"), b'"leaf1"'),))


@asynccontextmanager
async def session(server: GnmiServer, *, commit: Any = "probe") -> AsyncIterator[gnmi.GnmiTarget]:
    """A session with a device that the profile says `commit` of, and 7 seconds to confirm."""
    kind = replace(profile(), gnmi=GnmiTraits(commit=commit), confirm_within=7.0)
    target = await gnmi.connect(gnmi_device(server, profile=kind))
    try:
        yield target
    finally:
        await target.close()


@asynccontextmanager
async def device() -> AsyncIterator[tuple[GnmiServer, CommitTable]]:
    server, table = GnmiServer(), CommitTable()
    server.set = table.script
    async with gnmi_server(server):
        yield server, table


async def test_whether_the_extension_is_there_is_found_out_once_and_changes_nothing() -> None:
    async with device() as (server, table), session(server) as target:
        assert not target.reverts
        await target.prepare()
        assert target.reverts
        asked = len(server.sets)
        await target.prepare()
        assert len(server.sets) == asked
        assert not any(request.update or request.replace or request.delete for request in server.sets)
        assert (table.pending, table.running) == ("", [])


@pytest.mark.parametrize("code", [None, *grpc.StatusCode])
async def test_only_one_answer_proves_the_extension(code: grpc.StatusCode | None) -> None:
    """A device that passes over an extension it does not know says OK, and would make the change last."""
    server = GnmiServer()
    if code not in (None, grpc.StatusCode.OK):

        async def refuse(request: Any, context: Any) -> Any:
            if request.extension:
                await context.abort(code, "no")
            return gnmi_pb2.SetResponse()

        server.set = refuse
    lost = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
    trust = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    async with gnmi_server(server), session(server) as target:
        if code in lost or code in trust:
            with pytest.raises(DeviceTrustError if code in trust else DeviceTimeoutError):
                await target.prepare()
        else:
            await target.prepare()
        assert target.reverts is (code is grpc.StatusCode.FAILED_PRECONDITION)


async def test_a_device_that_refuses_every_set_just_now_proves_nothing() -> None:
    async with device() as (server, table), session(server) as target:
        server.set = refusing(grpc.StatusCode.FAILED_PRECONDITION)  # as when somebody holds a lock
        await target.prepare()
        assert not target.reverts
        server.set = table.script
        table.pending = "somebody else's"
        await target.prepare()
        assert not target.reverts
        table.expire()
        await target.prepare()
        assert target.reverts


@pytest.mark.parametrize(("said", "there"), [("yes", True), ("no", False)])
async def test_the_profiles_word_is_not_doubted(said: str, there: bool) -> None:
    async with device() as (server, _), session(server, commit=said) as target:
        await target.prepare()
        assert target.reverts is there
        assert server.sets == []


async def test_no_time_to_confirm_means_without_that_net() -> None:
    server = GnmiServer()
    async with gnmi_server(server):
        kind = replace(profile(), gnmi=GnmiTraits(commit="yes"), confirm_within=0.0)
        target = await gnmi.connect(gnmi_device(server, profile=kind))
        await target.prepare()
        assert not target.reverts
        with pytest.raises(RuntimeError):
            await target.stage(CHANGE, "id-1")
        await target.close()


async def test_a_commit_is_in_force_at_once_and_lasts_when_it_is_confirmed() -> None:
    async with device() as (server, table), session(server, commit="yes") as target:
        await target.stage(CHANGE, "id-1")
        assert (table.pending, table.seconds) == ("id-1", 7.0)
        assert (table.running, table.kept) == (["hostname"], [])
        with pytest.raises(RuntimeError):
            await target.stage(CHANGE, "id-2")
        await target.confirm()
        assert (table.pending, table.kept) == ("", ["hostname"])
        await target.stage(CHANGE, "id-2")
        await target.cancel()
        assert (table.pending, table.running) == ("", ["hostname"])
        await target.cancel()
        await target.stage(CHANGE)
        await target.confirm()
        assert table.kept == ["hostname", "hostname"]


async def test_the_extension_is_what_other_implementations_read() -> None:
    """Field 4 of gnmi_ext.Extension, by the messages of pygnmi, which do not know it."""
    async with device() as (server, _), session(server, commit="yes") as target:
        await target.stage(CHANGE, "id-1")
        (extension,) = server.sets[0].extension
        assert extension.WhichOneof("ext") is None
        assert isinstance(extension, gnmi_ext_pb2.Extension)
        #            commit = 4 { id = 1 "id-1"      commit = 2 { rollback_duration = 1 { seconds = 1: 7 } } }
        assert extension.SerializeToString() == b"\x22\x0c\x0a\x04id-1\x12\x04\x0a\x02\x08\x07"


async def test_a_confirmation_that_comes_too_late_is_told() -> None:
    async with device() as (server, table), session(server, commit="yes") as target:
        await target.stage(CHANGE, "id-1")
        table.expire()
        with pytest.raises(DeviceRefusedError, match="took the change back") as caught:
            await target.confirm()
        assert caught.value.transient
        await target.stage(CHANGE, "id-2")
        await target.confirm()


async def test_a_confirmation_that_is_refused_for_another_reason_leaves_something_to_cancel() -> None:
    async with device() as (server, table), session(server, commit="yes") as target:
        await target.stage(CHANGE, "id-1")
        server.set = refusing(grpc.StatusCode.RESOURCE_EXHAUSTED)
        with pytest.raises(DeviceRefusedError):
            await target.confirm()
        server.set = table.script
        await target.cancel()
        assert (table.pending, table.running) == ("", [])


async def test_somebody_elses_commit_is_waited_for() -> None:
    async with device() as (server, table), session(server, commit="yes") as target:
        table.pending = "somebody else's"
        with pytest.raises(DeviceRefusedError, match="waits there for its confirmation") as caught:
            await target.stage(CHANGE, "id-1")
        assert (caught.value.tag, caught.value.transient) == ("FAILED_PRECONDITION", True)
        await target.cancel()
        assert table.pending == "somebody else's"
        table.expire()
        await target.stage(CHANGE, "id-1")


async def test_another_session_takes_back_what_was_left() -> None:
    async with device() as (server, table):
        async with session(server, commit="yes") as target:
            assert not await target.resolve("id-1")
            await target.stage(CHANGE, "id-1")
        async with session(server) as target:
            assert not await target.resolve("id-2")
            assert table.pending == "id-1"
            assert await target.resolve("id-1")
            assert (table.pending, table.running) == ("", [])
            assert not await target.resolve("id-1")
        async with session(server, commit="no") as target:
            asked = len(server.sets)
            with pytest.raises(DeviceRefusedError, match="by its profile"):
                await target.resolve("id-1")
            assert len(server.sets) == asked


@pytest.mark.parametrize("action", ["stage", "confirm", "resolve"])
async def test_no_answer_and_unknown_leave_the_effect_unknown(action: str) -> None:
    for trouble in (stall, refusing(grpc.StatusCode.UNKNOWN)):
        async with device() as (server, _), session(server, commit="yes") as target:
            if action == "confirm":
                await target.stage(CHANGE, "id-1")
            server.set = trouble
            answers_within(target._calls, 0.3)
            with pytest.raises(DeviceTimeoutError):
                await (
                    target.stage(CHANGE, "id-1") if action == "stage"
                    else target.confirm() if action == "confirm"
                    else target.resolve("id-1")
                )  # fmt: skip
            assert target.closed
            await target.cancel()


async def test_a_stage_that_is_cancelled_ends_the_session() -> None:
    async with device() as (server, _), session(server, commit="yes") as target:
        server.set = stall
        staging = asyncio.create_task(target.stage(CHANGE, "id-1"))
        await eventually(lambda: bool(server.sets))
        staging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await staging
        assert target.closed
        await target.cancel()


async def test_a_plain_set_is_still_staged_here() -> None:
    async with device() as (server, table), session(server) as target:
        await target.prepare()
        asked = len(server.sets)
        await target.stage(CHANGE)
        assert len(server.sets) == asked
        await target.confirm()
        assert table.kept == ["hostname"]
        assert await target.fetch((SYSTEM,))
