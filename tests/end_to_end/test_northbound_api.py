"""The methods of fabricd.v1 over a real channel, with the real store, schemas and reconciler behind it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from northbound_harness import DEADLINE, Service, interfaces, serving, switches

from fabricd.client import Client
from fabricd.errors import InputError, NotFoundError
from fabricd.northbound.server import SERVICE
from fabricd.northbound.v1 import fabricd_pb2 as pb


async def test_a_submission_becomes_a_revision_with_author_and_intents(client: Client) -> None:
    before = dt.datetime.now(dt.UTC)
    first = await client.submit([interfaces("leaf1"), interfaces("leaf2")], comment="the first")
    assert (first.revision, list(first.changed_devices), first.unchanged) == (1, ["leaf1", "leaf2"], False)
    found = await client.revision()
    assert (found.revision.number, found.revision.author, found.revision.comment, found.revision.current) == (
        1, "alice (claimed)", "the first", True
    )  # fmt: skip
    assert before <= found.revision.created.ToDatetime(dt.UTC) <= dt.datetime.now(dt.UTC)
    assert [(intent.name, list(intent.devices), intent.priority) for intent in found.intents] == [
        ("leaf1", ["leaf1"], 100), ("leaf2", ["leaf2"], 100)
    ]  # fmt: skip
    config = json.loads(found.intents[0].config_json)
    assert config["openconfig-interfaces:interfaces"]["interface"][0]["config"]["mtu"] == 9000


async def test_the_same_content_again_makes_no_revision(client: Client) -> None:
    await client.submit([interfaces("leaf1")])
    again = await client.submit([interfaces("leaf1")])
    assert (again.revision, again.unchanged, list(again.changed_devices)) == (1, True, [])
    assert len(await client.revisions()) == 1


async def test_a_dry_run_that_waits_for_a_device_keeps_nobody_from_submitting(tmp_path: Path) -> None:
    async with switches(tmp_path, "leaf1") as (simulation, devices), AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(tmp_path, devices=devices, running=False))
        client = await stack.enter_async_context(service.client())
        stalled = simulation.switches["leaf1"].faults
        stalled.stall_get()
        trying = asyncio.create_task(client.submit([interfaces("leaf1")], dry_run=True))
        async with asyncio.timeout(DEADLINE):
            while not stalled.stalled:
                await asyncio.sleep(0.02)
            assert (await client.submit([interfaces("leaf1", mtu=1500)])).revision == 1
        assert not trying.done()
        stalled.release()
        assert (await trying).revision == 0


async def test_a_dry_run_tells_what_would_change_and_changes_nothing(client: Client) -> None:
    tried = await client.submit([interfaces("leaf1")], dry_run=True)
    assert list(tried.changed_devices) == ["leaf1"]
    # The device is switched off, so its plan is not known, and says so.
    assert [(plan.device, plan.error_code) for plan in tried.plans] == [("leaf1", "DEVICE_UNREACHABLE")]
    assert await client.revisions() == []
    with pytest.raises(NotFoundError):
        await client.revision()


async def test_a_withdrawn_intent_is_gone_and_its_device_with_it(client: Client) -> None:
    await client.submit([interfaces("leaf1"), interfaces("leaf2")])
    answer = await client.submit([], withdraw=["leaf2"])
    assert (answer.revision, list(answer.changed_devices)) == (2, ["leaf2"])
    assert [intent.name for intent in (await client.revision()).intents] == ["leaf1"]
    with pytest.raises(NotFoundError, match="nothing"):
        await client.submit([], withdraw=["nothing"])


async def test_revisions_are_listed_newest_first_in_pages(client: Client) -> None:
    for mtu in (9000, 9100, 9200):
        await client.submit([interfaces("leaf1", mtu=mtu)])
    assert [(one.number, one.parent, one.current) for one in await client.revisions()] == [
        (3, 2, True), (2, 1, False), (1, 0, False)
    ]  # fmt: skip
    assert [one.number for one in await client.revisions(limit=1, before=3)] == [2]


async def test_a_diff_names_each_leaf_with_old_and_new_value(client: Client) -> None:
    await client.submit([interfaces("leaf1"), interfaces("leaf2")])
    await client.submit([interfaces("leaf1", mtu=9100)])
    found = await client.diff()
    assert (found.from_revision, found.to_revision, [plan.device for plan in found.devices]) == (1, 2, ["leaf1"])
    (edit,) = found.devices[0].edits
    assert (edit.operation, edit.old_json, edit.new_json) == (pb.OPERATION_REPLACE, "9000", "9100")
    assert edit.path.endswith("interface[name='Ethernet1']/config/mtu")
    assert edit.disruption
    back = await client.diff(2, 1, ["leaf1"])
    assert (back.devices[0].edits[0].old_json, back.devices[0].edits[0].new_json) == ("9100", "9000")
    assert not (await client.diff(1, 2, ["leaf2"])).devices
    with pytest.raises(NotFoundError):
        await client.diff(1, 99)


async def test_a_rollback_is_a_new_revision_with_the_old_content(client: Client) -> None:
    await client.submit([interfaces("leaf1")])
    await client.submit([interfaces("leaf1", mtu=9100)])
    answer = await client.rollback(1, comment="too large")
    assert (answer.revision, list(answer.changed_devices)) == (3, ["leaf1"])
    newest = (await client.revisions())[0]
    assert (newest.rollback_of, newest.comment) == (1, "too large")
    assert not (await client.diff(1, 3)).devices
    with pytest.raises(NotFoundError):
        await client.rollback(99)


async def test_desired_is_the_compiled_tree_of_any_revision(client: Client) -> None:
    await client.submit([interfaces("leaf1")])
    await client.submit([interfaces("leaf1", mtu=9100)])
    now, then = await client.desired("leaf1"), await client.desired("leaf1", 1)
    assert ("9100" in now.config_json, "9000" in then.config_json) == (True, True)
    assert now.digest != then.digest
    with pytest.raises(NotFoundError, match="leaf2"):
        await client.desired("leaf2")


async def test_status_tells_inventory_mode_and_outcome(client: Client) -> None:
    empty = await client.status()
    assert (empty.revision, [device.device for device in empty.devices]) == (0, ["leaf1", "leaf2"])
    await client.submit([interfaces("leaf1")])
    async with asyncio.timeout(DEADLINE):
        while (found := (await client.status(["leaf1"])).devices[0]).outcome != "unreachable":
            await asyncio.sleep(0.05)
    assert (found.protocol, found.mode, found.in_sync, found.error_code) == (
        "gnmi", "enforce", False, "DEVICE_UNREACHABLE"
    )  # fmt: skip
    with pytest.raises(NotFoundError, match="leaf9"):
        await client.status(["leaf1", "leaf9"])


async def test_a_plan_of_a_device_that_is_off_says_so_and_the_call_succeeds(client: Client) -> None:
    await client.submit([interfaces("leaf1")])
    found = await client.plan(["leaf1"])
    assert (found.revision, found.plans[0].error_code) == (1, "DEVICE_UNREACHABLE")
    with pytest.raises(NotFoundError, match="leaf9"):
        await client.plan(["leaf9"])


async def test_reconcile_queues_the_named_devices_or_all(client: Client) -> None:
    assert await client.reconcile(["leaf2"]) == ["leaf2"]
    assert await client.reconcile(["leaf2", "leaf2"]) == ["leaf2"]
    assert sorted(await client.reconcile()) == ["leaf1", "leaf2"]
    with pytest.raises(NotFoundError, match="leaf9"):
        await client.reconcile(["leaf9"])


async def test_a_mode_is_set_with_author_and_reason_and_given_back(client: Client) -> None:
    await client.set_mode(["leaf1"], "observe", reason="change 4711")
    assert (await client.status(["leaf1"])).devices[0].mode == "observe"
    records = [record async for record in client.watch(devices=["leaf1"])]
    told = next(record for record in records if record.event == "mode")
    assert told.author == "alice (claimed)"
    assert "change 4711" in told.message
    await client.set_mode(["leaf1"], "")
    assert (await client.status(["leaf1"])).devices[0].mode == "enforce"
    for devices, mode, kind in (
        (["leaf9"], "observe", NotFoundError),
        (["leaf1"], "off", InputError),
        ([], "", InputError),
    ):
        with pytest.raises(kind):
            await client.set_mode(devices, mode)


async def test_health_follows_the_daemon_for_each_service(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watching = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        serving_status = health_pb2.HealthCheckResponse.SERVING
        assert (await watching.read()).status == serving_status
        for name in ("", SERVICE):
            assert (await health.Check(health_pb2.HealthCheckRequest(service=name))).status == serving_status
        await service.server.set_serving(False)
        assert (await watching.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health.Check(health_pb2.HealthCheckRequest(service="other"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watching.cancel()


async def test_reflection_describes_the_api(service: Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        names = {one.name for one in (await call.read()).list_services_response.service}
        assert names == {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE))
        files = (await call.read()).file_descriptor_response.file_descriptor_proto
        assert pb.DESCRIPTOR.serialized_pb in files
        await call.done_writing()
