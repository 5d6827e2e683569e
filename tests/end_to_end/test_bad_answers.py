"""One device after the other answers badly: it is told what is wrong and where, no other device waits for it, and once
it is well again it converges without a restart of the daemon."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from bad_bench import BOTH, LARGEST, PATH, SECONDS, VICTIMS, Bench, around, benched, front, suffers
from bad_switches import Manners
from installation import DEVICES, descriptions
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.simulator import Fault, Kind, Rpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALWAYS = 1_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with benched(tmp_path_factory.mktemp("bad")) as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="module")
async def bench(shared: Bench) -> AsyncIterator[Bench]:
    async with around(shared) as bench:
        yield bench


@BOTH
async def test_a_device_that_refuses_an_edit(bench: Bench, protocol: str) -> None:
    victim = VICTIMS[protocol]
    faults = bench.switch(victim).faults
    faults.add(Fault(rpc=Rpc.SET, kind=Kind.REFUSE, times=ALWAYS, message="not on my watch"))
    await suffers(bench, victim, "DEVICE_REFUSED", "not on my watch", outcome="failed", path=PATH, mend=faults.release)


@BOTH
async def test_a_device_that_accepts_an_edit_and_drops_it(bench: Bench, protocol: str) -> None:
    victim, manners = VICTIMS[protocol], Manners(swallow=ALWAYS)
    async with front(bench, victim, manners) as away:
        says = "1 edits were accepted but did not take effect"
        installation = bench.installation
        commits = bench.switch(victim).commits
        (last,) = [record async for record in installation.client.watch(last=1)]
        first = next(bench.numbers)
        await installation.client.submit([descriptions("work", f"dropped {first}", [victim])])

        # Tried again and again it is at last left alone, by name, until a person looks.
        async def left_alone() -> bool:
            (status,) = (await installation.client.status([victim])).devices
            return status.outcome == "unstable" and list(status.unstable_paths) == [PATH]

        await installation.until(left_alone)
        told = [one for one in await bench.records(last.sequence, victim) if one.error_code == "NOT_CONVERGED"]
        assert {(one.outcome, one.error_path) for one in told} == {("failed", PATH)}
        assert all(says in one.message for one in told)
        assert 2 <= len(told) <= manners.swallowed
        if protocol == "gnmi":
            assert bench.switch(victim).commits == commits
        await away()
        await installation.client.reconcile([victim], approve=True)
        await installation.converge()
        assert bench.switch(victim).value(PATH) == f"dropped {first}"


@BOTH
async def test_a_device_that_dropped_one_edit_gets_it_again(bench: Bench, protocol: str) -> None:
    victim, manners = VICTIMS[protocol], Manners()
    async with front(bench, victim, manners):
        (last,) = [record async for record in bench.installation.client.watch(last=1)]
        manners.swallow = 1
        text = f"work {next(bench.numbers)}"
        await bench.installation.client.submit([descriptions("work", text)])
        told = await bench.record(last.sequence, victim, code="NOT_CONVERGED")
        assert (told.outcome, told.error_path, PATH in told.message) == ("failed", PATH, True)
        await bench.installation.converge()
        assert {name: bench.switch(name).value(PATH) for name in DEVICES} == dict.fromkeys(DEVICES, text)


def _in_updates(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A twist of every value in a GetResponse."""

    def twist(answer: bytes) -> bytes:
        response = gnmi_pb2.GetResponse.FromString(answer)
        for notification in response.notification:
            for update in notification.update:
                update.val.json_ietf_val = change(update.val.json_ietf_val)
        return bytes(response.SerializeToString())

    return twist


GARBAGE: dict[tuple[str, str], tuple[Callable[[bytes], bytes], str]] = {
    ("gnmi", "not JSON"): (_in_updates(lambda value: value[: len(value) // 2]), "not JSON"),
    ("gnmi", "not UTF-8"): (_in_updates(lambda value: b'{"a": "\xff"}'), "not JSON"),
    ("gnmi", "not an object"): (_in_updates(lambda value: b"[1, 2]"), "where an object belongs"),
    ("gnmi", "not a message"): (lambda answer: b"\xff" * 100, "Get"),
    ("netconf", "not XML"): (lambda answer: answer.replace(b"</interface>", b"</enterface>", 1), "not XML"),
    ("netconf", "not UTF-8"): (lambda answer: answer.replace(b"Ethernet1<", b"Ethernet\xff<"), "not XML"),
    ("netconf", "no data"): (lambda answer: re.sub(rb"<data.*</data>", b"", answer, flags=re.DOTALL), "no <data>"),
    ("netconf", "a bomb"): (
        lambda answer: b'<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>' + answer.replace(b"leaf3<", b"&b;<"),
        "",
    ),
}


@pytest.mark.parametrize(("protocol", "kind"), list(GARBAGE))
async def test_a_device_that_answers_garbage(bench: Bench, protocol: str, kind: str) -> None:
    victim = VICTIMS[protocol]
    twist, says = GARBAGE[protocol, kind]
    manners = Manners()
    async with front(bench, victim, manners) as away:
        manners.twist = twist
        path = "/openconfig-interfaces:interfaces" if "JSON" in says or "object" in says else ""
        await suffers(bench, victim, "DEVICE_PROTOCOL", says, outcome="failed", path=path, mend=away, by_itself=False)


async def test_a_device_that_answers_with_100_megabytes(bench: Bench) -> None:
    """More than its profile's max_message_bytes."""
    manners = Manners()
    async with front(bench, VICTIMS["netconf"], manners) as away:
        manners.twist = lambda answer: answer.replace(b"</data>", b" " * (100 << 20) + b"</data>")
        says = f"longer than {LARGEST} bytes"
        await suffers(bench, VICTIMS["netconf"], "DEVICE_TOO_LARGE", says, outcome="failed", mend=away, by_itself=False)


async def test_a_device_whose_answers_are_too_large_is_read_in_smaller_ones(bench: Bench) -> None:
    """By gNMI: each container by itself, and when that is too much, leaf by leaf."""
    victim, manners, installation = VICTIMS["gnmi"], Manners(), bench.installation
    async with front(bench, victim, manners) as away:
        manners.twist = _in_updates(lambda value: b" " * 2 * LARGEST + value)
        (last,) = [record async for record in installation.client.watch(last=1)]
        text = f"work {next(bench.numbers)}"
        await installation.client.submit([descriptions("work", text)])
        await installation.converge()
        assert bench.switch(victim).value(PATH) == text
        records = [one for one in await bench.records(last.sequence, victim) if one.event == "reconcile"]
        assert {(one.outcome, one.error_code) for one in records} <= {("applied", ""), ("in-sync", "")}
        assert manners.twisted >= 2
        await away()


def _loosely(value: Any) -> Any:
    """As devices write JSON: names and identities without modules, numbers in quotes, nodes that no model has."""
    match value:
        case dict():
            loose = {name.rpartition(":")[2]: _loosely(inner) for name, inner in value.items()}
            return {**loose, "acme-mood": "good"} if "name" in value else loose
        case list():
            return [_loosely(inner) for inner in value]
        case str():
            return value.removeprefix("iana-if-type:").removeprefix("openconfig-policy-types:")
        case int() if not isinstance(value, bool):
            return str(value)
        case _:
            return value


def _loose_xml(answer: bytes) -> bytes:
    answer = re.sub(rb"<type[^>]*>[\w-]+:(ethernetCsmacd|softwareLoopback)</type>", rb"<type> \1 </type>", answer)
    answer = answer.replace(b"</config>", b'<mood xmlns="urn:acme">good</mood></config>')
    return answer.replace(b"<mtu>9214</mtu>", b"<mtu>\n  9214\n</mtu>")


@BOTH
async def test_a_device_that_spells_otherwise_and_knows_more_is_understood(bench: Bench, protocol: str) -> None:
    victim, installation = VICTIMS[protocol], bench.installation
    twist = _in_updates(lambda value: json.dumps(_loosely(json.loads(value))).encode())
    manners = Manners(twist if protocol == "gnmi" else _loose_xml)
    async with front(bench, victim, manners):
        (last,) = [record async for record in installation.client.watch(last=1)]
        text = f"work {next(bench.numbers)}"
        await installation.client.submit([descriptions("work", text)])
        await installation.converge()
        records = [one for one in await bench.records(last.sequence, victim) if one.event == "reconcile"]
        assert ("applied", "") in {(one.outcome, one.error_code) for one in records}
        assert {(one.outcome, one.error_code) for one in records} <= {("applied", ""), ("in-sync", "")}
        assert [edit.path for one in records for edit in one.edits] == [PATH]
        (plan,) = (await installation.client.plan([victim])).plans
        assert (len(plan.edits), plan.error) == (0, "")
        assert any("mood" in path and "Ethernet1" in path for path in plan.skipped_paths), plan.skipped_paths
        assert manners.twisted >= 3


@BOTH
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_device_that_reboots_in_the_middle_of_a_write(bench: Bench, protocol: str, when: str) -> None:
    """It comes back with what it had persisted, which only reading it again can tell."""
    victim = VICTIMS[protocol]
    switch, gateway = bench.switch(victim), bench.gateways[victim]
    switch.faults.add(Fault(rpc=Rpc.SET if protocol == "gnmi" else Rpc.COMMIT, kind=Kind.STALL, after=when == "after"))
    commits = switch.commits

    async def crash() -> None:
        while not switch.faults.stalled:
            await asyncio.sleep(0.01)
        await gateway.close()
        await switch.stop()

    crashing = asyncio.ensure_future(crash())

    async def mend() -> None:
        await crashing
        await switch.start()
        await gateway.open()

    says = "the connection broke during " + ("Set" if protocol == "gnmi" else "commit")
    await suffers(bench, victim, "DEVICE_TIMEOUT", says, mend=mend, reached=True)
    if when == "after":
        assert switch.commits == commits + 1, "what had been done was done once more"


@BOTH
async def test_a_device_that_stalls_after_a_write_is_read_again_and_not_written_again(
    bench: Bench, protocol: str
) -> None:
    victim = VICTIMS[protocol]
    switch = bench.switch(victim)
    what = "Set" if protocol == "gnmi" else "commit"
    switch.faults.add(Fault(rpc=Rpc.SET if protocol == "gnmi" else Rpc.COMMIT, kind=Kind.STALL, after=True))
    commits = switch.commits
    (last,) = [record async for record in bench.installation.client.watch(last=1)]
    text = f"work {next(bench.numbers)}"
    await bench.installation.client.submit([descriptions("work", text)])
    told = await bench.record(last.sequence, victim, code="DEVICE_TIMEOUT")
    assert told.message == f"no answer to {what} within {SECONDS} s; read again, all of it is in force"
    await bench.installation.converge()
    assert (switch.commits, switch.value(PATH)) == (commits + 1, text)
