"""The daemon is killed with SIGKILL at random moments: nothing acknowledged is lost, and the fabric converges."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from pathlib import Path

import pytest
from installation import DEADLINE, DEVICES, Installation, descriptions, installed

from fabricd.errors import FabricdError
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.simulator.faults import Faults

ROUNDS = 12
HELD = 3  # in every so many-th round of writes the kill certainly hits one
DESCRIPTION = "/interfaces/interface[name=Ethernet1]/config/description"


class Watcher:
    """Follows the journal through one client over all restarts."""

    def __init__(self, installation: Installation) -> None:
        self.records: list[pb.JournalRecord] = []
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._follow(installation))

    async def _follow(self, installation: Installation) -> None:
        async for record in installation.client.watch(follow=True):
            async with self._news:
                self.records.append(record)
                self._news.notify_all()

    async def seen(self, event: str, revision: int) -> None:
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(
                lambda: any(record.event == event and record.revision == revision for record in self.records)
            )

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def written_everywhere(installation: Installation, text: str) -> None:
    """Every switch itself says so; the daemon's opinion does not count."""
    found = {name: installation.simulation.switches[name].value(DESCRIPTION) for name in DEVICES}
    assert found == dict.fromkeys(DEVICES, text)


async def journal_is_whole(installation: Installation, watcher: Watcher) -> None:
    """Dense from 1, and what the watcher got over all restarts is the same, once each and in order."""
    kept = [record async for record in installation.client.watch()]
    assert [record.sequence for record in kept] == list(range(1, len(kept) + 1))
    async with asyncio.timeout(DEADLINE):
        while not watcher.records or watcher.records[-1].sequence < kept[-1].sequence:
            await asyncio.sleep(0.02)
    seen = watcher.records[: len(kept)]
    assert [record.SerializeToString(deterministic=True) for record in seen] == [
        record.SerializeToString(deterministic=True) for record in kept
    ]


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_daemon_killed_while_it_takes_a_submission_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(20261123)
    acknowledged_rounds = 0
    async with installed(tmp_path) as installation:
        await installation.start()
        await installation.submit_fabric()
        await installation.converge()
        watcher = Watcher(installation)
        for number in range(ROUNDS):
            text = f"round {number}"
            submitting = asyncio.create_task(
                installation.client.submit([descriptions("rounds", text)], request_id=f"round-{number}")
            )
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            await installation.kill()
            answer = None
            with contextlib.suppress(FabricdError):
                answer = await submitting
            await installation.start()
            if answer is not None:
                acknowledged_rounds += 1
                revisions = {revision.number for revision in await installation.client.revisions(limit=1000)}
                assert answer.revision in revisions
            # Whoever got no answer asks again with the same request id: it is answered or done, never done twice.
            again = await installation.client.submit([descriptions("rounds", text)], request_id=f"round-{number}")
            if answer is not None:
                assert again.repeated_request
                assert again.revision == answer.revision
            await installation.converge()
            await written_everywhere(installation, text)
        made = await installation.client.revisions(limit=1000)
        assert len(made) == ROUNDS + 1, "a submission was carried out twice or lost"
        await journal_is_whole(installation, watcher)
        await watcher.close()
    print(f"\n{ROUNDS} kills, {acknowledged_rounds} submissions were acknowledged before")


async def _holds(faults: Faults) -> bool:
    return faults.stalled > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_daemon_killed_while_it_applies_a_revision_finishes_it_after_the_restart(tmp_path: Path) -> None:
    chance = random.Random(4711)
    open_transactions = 0
    async with installed(tmp_path) as installation:
        await installation.start()
        await installation.submit_fabric()
        await installation.converge()
        watcher = Watcher(installation)
        for number in range(ROUNDS):
            text = f"round {number}"
            faults = installation.simulation.switches[chance.choice(DEVICES)].faults
            if number % HELD == 0:
                faults.stall_commit(after=chance.choice((True, False)))
            answer = await installation.client.submit([descriptions("rounds", text)])
            await watcher.seen("apply", answer.revision)
            if number % HELD == 0:
                await installation.until(functools.partial(_holds, faults))
            else:
                await asyncio.sleep(chance.uniform(0.0, 0.08))
            await installation.kill()
            faults.release()
            await installation.start()
            await installation.converge()
            await written_everywhere(installation, text)
        await journal_is_whole(installation, watcher)
        open_transactions = sum(record.event == "recovered" for record in watcher.records)
        await watcher.close()
    assert open_transactions >= ROUNDS // HELD
    print(f"\n{ROUNDS} kills, {open_transactions} transactions were open and resolved")
