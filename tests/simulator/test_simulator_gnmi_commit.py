"""The Commit extension of a simulated switch: every state with every event, on a clock that tests move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
import raw_netconf
from gnmi_documents import HOSTNAME
from manual_time import ManualTime
from pygnmi.spec.v080 import gnmi_pb2
from raw_gnmi import SECONDS, Client, commit, connected, refused, update

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import (
    CommitCancel,
    CommitConfirm,
    CommitRequest,
    CommitSetRollbackDuration,
)
from fabricd.simulator import Fault, Kind, Rpc, Simulation, SimulationConfig, Switch, SwitchConfig

STATUS = grpc.StatusCode
Configure = Callable[..., SimulationConfig]


@pytest.fixture
async def simulation(configure: Configure, time: ManualTime) -> AsyncIterator[Simulation]:
    async with Simulation(configure(), clock=time, sleep=time.sleep) as running:
        yield running


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with connected(simulation, left) as connected_client:
        await connected_client.set(update=[update(HOSTNAME, "before")])
        yield connected_client


async def begin(client: Client, identifier: str = "one", seconds: int | None = None, name: str = "during") -> None:
    request = CommitRequest() if seconds is None else CommitRequest(rollback_duration={"seconds": seconds})
    await client.set(update=[update(HOSTNAME, name)], extension=commit(identifier, commit=request))


async def confirm(client: Client, identifier: str = "one") -> Any:
    return await client.set(extension=commit(identifier, confirm=CommitConfirm()))


async def cancel(client: Client, identifier: str = "one") -> Any:
    return await client.set(extension=commit(identifier, cancel=CommitCancel()))


async def prolong(client: Client, seconds: float, identifier: str = "one") -> Any:
    duration = {"seconds": int(seconds), "nanos": round(seconds % 1 * 1e9)}
    action = CommitSetRollbackDuration(rollback_duration=duration)
    return await client.set(extension=commit(identifier, set_rollback_duration=action))


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0.01)


async def pass_by(time: ManualTime, seconds: float) -> None:
    """Move the clock and give everything that was due the time to happen."""
    time.advance(seconds)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_confirmed_commit_stays(client: Client, left: Switch, time: ManualTime) -> None:
    await begin(client)
    assert left.value(HOSTNAME) == "during"
    assert (await confirm(client)).response == []
    await pass_by(time, 10_000)
    await client.set(update=[update(HOSTNAME, "later")])
    assert left.value(HOSTNAME) == "later"


async def test_a_cancelled_commit_is_reverted(client: Client, left: Switch) -> None:
    await begin(client)
    await cancel(client)
    assert left.value(HOSTNAME) == "before"
    assert (await refused(cancel(client)))[0] is STATUS.FAILED_PRECONDITION


@pytest.mark.parametrize(("given", "seconds"), [(None, 600), (30, 30)])
async def test_a_commit_that_nobody_confirms_is_reverted_in_time(
    client: Client, left: Switch, time: ManualTime, given: int | None, seconds: int
) -> None:
    await begin(client, seconds=given)
    await pass_by(time, seconds - 1)
    assert left.value(HOSTNAME) == "during"
    time.advance(1)
    await until(lambda: left.value(HOSTNAME) == "before")
    assert (await refused(confirm(client)))[0] is STATUS.FAILED_PRECONDITION


async def test_while_one_is_pending_nobody_else_writes(simulation: Simulation, client: Client, left: Switch) -> None:
    await begin(client)
    async with connected(simulation, left) as other:
        for each in (client, other):
            assert (await refused(begin(each, "two")))[0] is STATUS.FAILED_PRECONDITION
            assert (await refused(begin(each, "one")))[0] is STATUS.FAILED_PRECONDITION
            plain = each.set(update=[update(HOSTNAME, "no")])
            assert (await refused(plain))[0] is STATUS.FAILED_PRECONDITION
        assert left.value(HOSTNAME) == "during"
        await confirm(other)
    assert left.value(HOSTNAME) == "during"


async def test_the_wrong_id_is_an_invalid_argument_while_one_is_pending(client: Client, left: Switch) -> None:
    await begin(client)
    for event in (confirm(client, "two"), cancel(client, "two"), prolong(client, 30, "two")):
        assert (await refused(event))[0] is STATUS.INVALID_ARGUMENT
    assert left.value(HOSTNAME) == "during"
    await confirm(client)


async def test_when_none_is_pending_there_is_nothing_to_confirm(client: Client, left: Switch) -> None:
    for event in (confirm(client), cancel(client), prolong(client, 30)):
        assert (await refused(event))[0] is STATUS.FAILED_PRECONDITION
    assert left.value(HOSTNAME) == "before"


async def test_a_new_duration_starts_the_time_anew(client: Client, left: Switch, time: ManualTime) -> None:
    await begin(client, seconds=30)
    await pass_by(time, 29)
    await prolong(client, 60.5)
    await pass_by(time, 60)
    assert left.value(HOSTNAME) == "during"
    time.advance(0.5)
    await until(lambda: left.value(HOSTNAME) == "before")


async def test_a_commit_needs_an_id_an_action_and_a_duration_above_zero(client: Client, left: Switch) -> None:
    version = left.version
    for wrong in (begin(client, ""), begin(client, seconds=0), begin(client, seconds=-1)):
        assert (await refused(wrong))[0] is STATUS.INVALID_ARGUMENT
    assert (await refused(client.set(extension=commit("one"))))[0] is STATUS.INVALID_ARGUMENT
    twice = commit("one", commit=CommitRequest()) * 2
    assert (await refused(client.set(extension=twice)))[0] is STATUS.INVALID_ARGUMENT
    assert left.version == version
    await begin(client)
    for wrong in (prolong(client, 0), confirm(client, "")):
        assert (await refused(wrong))[0] is STATUS.INVALID_ARGUMENT
    absent = client.set(extension=commit("one", set_rollback_duration=CommitSetRollbackDuration()))
    assert (await refused(absent))[0] is STATUS.INVALID_ARGUMENT
    await confirm(client)


async def test_a_commit_cannot_be_amended(client: Client, left: Switch) -> None:
    await begin(client)
    for action in ({"confirm": CommitConfirm()}, {"cancel": CommitCancel()}):
        more = client.set(update=[update(HOSTNAME, "more")], extension=commit("one", **action))
        assert (await refused(more))[0] is STATUS.INVALID_ARGUMENT
    assert left.value(HOSTNAME) == "during"


async def test_a_commit_that_does_not_validate_leaves_nothing_pending(client: Client, left: Switch) -> None:
    wrong = client.set(update=[update("/interfaces/interface[name=a]", {"config": {"name": "b"}})],
                       extension=commit("one", commit=CommitRequest()))  # fmt: skip
    assert (await refused(wrong))[0] is STATUS.ABORTED
    await client.set(update=[update(HOSTNAME, "free")])
    assert left.value(HOSTNAME) == "free"


async def test_a_commit_of_nothing_is_pending_all_the_same(client: Client) -> None:
    await client.set(extension=commit("one", commit=CommitRequest()))
    assert (await refused(client.set(update=[update(HOSTNAME, "no")])))[0] is STATUS.FAILED_PRECONDITION
    await cancel(client)


async def test_losing_power_reverts_what_is_pending(simulation: Simulation, client: Client, left: Switch) -> None:
    await begin(client)
    await left.restart()
    assert left.value(HOSTNAME) == "before"
    async with connected(simulation, left) as again:
        assert (await refused(confirm(again)))[0] is STATUS.FAILED_PRECONDITION
        await begin(again)
        await confirm(again)
    await left.restart()
    assert left.value(HOSTNAME) == "during"


async def test_netconf_sees_the_same_pending_commit(simulation: Simulation, client: Client, left: Switch) -> None:
    await begin(client)
    async with raw_netconf.session(simulation, left) as session:
        edited = raw_netconf.edit('<system xmlns="http://openconfig.net/yang/system"><config><hostname>x</hostname>'
                                  "</config></system>")  # fmt: skip
        await session.ok(edited)
        await session.refused("<commit/>")
    assert left.value(HOSTNAME) == "during"
    await cancel(client)
    assert left.value(HOSTNAME) == "before"


async def test_subscribers_hear_of_the_change_and_of_its_reverting(client: Client) -> None:
    stream = client.subscribe("STREAM", HOSTNAME, updates_only=True)
    assert (await stream.read()).sync_response
    await begin(client)
    assert (await stream.read()).update.update[0].val.json_ietf_val == b'"during"'
    await cancel(client)
    assert (await stream.read()).update.update[0].val.json_ietf_val == b'"before"'
    stream.cancel()


async def test_faults_strike_each_step_of_a_commit(client: Client, left: Switch) -> None:
    left.faults.add(*(Fault(rpc=rpc, kind=Kind.REFUSE, message=rpc) for rpc in (Rpc.COMMIT, Rpc.CONFIRM, Rpc.CANCEL)))
    assert (await refused(begin(client))) == (STATUS.ABORTED, "commit")
    assert left.value(HOSTNAME) == "before"
    await begin(client)
    assert (await refused(confirm(client))) == (STATUS.ABORTED, "confirm")
    assert (await refused(cancel(client))) == (STATUS.ABORTED, "cancel")
    await confirm(client)
    assert left.value(HOSTNAME) == "during"


async def test_an_error_has_no_answer_in_it(client: Client) -> None:
    call = client.stub.Set(gnmi_pb2.SetRequest(extension=commit("x", confirm=CommitConfirm())),
                           metadata=client.metadata, timeout=SECONDS)  # fmt: skip
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.details() == "no confirmed commit is pending"


async def test_a_switch_without_confirmed_commits_does_not_know_the_extension(configure: Configure) -> None:
    switch = SwitchConfig(name="left", confirmed_commit=False)
    async with Simulation(configure(switches=(switch,), links=())) as simulation:
        left = simulation.switches["left"]
        async with connected(simulation, left) as client:
            assert (await refused(begin(client)))[0] is STATUS.UNIMPLEMENTED
            assert left.value(HOSTNAME) is None
            await client.set(update=[update(HOSTNAME, "plain")])
