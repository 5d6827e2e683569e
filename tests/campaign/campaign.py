"""Faults of every kind at every request, by seed, on a running fabric: what must hold during each case and after all.

For test_fault_campaign.py and run.py (`make campaign`). Owns the switches and the controller it starts.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "end_to_end"))

from reconcile_fabric import PORT, Fabric, document, fabric, ports_config, with_settings

from fabricd.intent import Document
from fabricd.model.device import Protocol, Timeouts
from fabricd.model.outcome import OutcomeKind
from fabricd.simulator import Fault, Kind, Rpc, Switch
from fabricd.simulator.datastore import Store
from fabricd.simulator.faults import random_faults

PHASES: dict[Protocol, dict[str, tuple[Rpc, ...]]] = {
    Protocol.GNMI: {
        "connect": (Rpc.HELLO,),
        "fetch": (Rpc.GET,),
        "stage": (Rpc.SET,),
        "commit": (Rpc.COMMIT,),
        "confirm": (Rpc.CONFIRM, Rpc.CANCEL),
        "verify": (Rpc.GET,),
        "notification": (Rpc.SUBSCRIBE, Rpc.NOTIFY),
    },
    Protocol.NETCONF: {
        "connect": (Rpc.HELLO,),
        "fetch": (Rpc.GET,),
        "stage": (Rpc.LOCK, Rpc.DISCARD, Rpc.SET),
        "validate": (Rpc.VALIDATE,),
        "commit": (Rpc.COMMIT,),
        "confirm": (Rpc.CONFIRM, Rpc.CANCEL),
        "verify": (Rpc.GET, Rpc.UNLOCK),
        "notification": (Rpc.SUBSCRIBE, Rpc.NOTIFY),
    },
}
"""What a round does, and which requests that is. gNMI validates as it sets. A fault of `verify` waits for the write."""

ONLY_WITH_NET = {Rpc.CONFIRM, Rpc.CANCEL}
ONLY_WITHOUT_SESSION = {Rpc.HELLO, Rpc.SUBSCRIBE, Rpc.CLOSE}

TIMEOUTS = Timeouts(connect=2.0, read=1.0, write=1.0)
NET = 2.0  # seconds until a switch takes an unconfirmed change back
PATIENCE = 60.0  # seconds for a device to be in sync again, or for sessions to end; a second is usual
SECTIONS = 4  # switches of one protocol
ROUNDS = 3  # in which a fault has to meet its request


@dataclass(frozen=True, slots=True)
class Case:
    """One case: what strikes, in which phase, and what makes the daemon act: a new revision, or a change behind its
    back that the switch tells."""

    seed: int
    protocol: Protocol
    phase: str
    faults: tuple[Fault, ...]
    trigger: str

    @property
    def kinds(self) -> str:
        return "+".join(f"{fault.kind}{' after' if fault.after else ''}" for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended. `said`: outcomes and codes of the rounds in which the fault was there. `wrong`: what must not
    be, empty if all was well."""

    case: Case
    struck: int
    said: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left after the last case: locks held, changes pending, sessions on the switches after the daemon's own
    are closed, and the growth of memory from a quarter of the cases on, in MiB."""

    locks: int
    pending: int
    sessions: int
    grown: float


def cases(seeds: Iterable[int], *, net: bool) -> list[Case]:
    """A case for each seed. Protocols and phases go round, so that each combination gets its share; the rest is chance
    that can be had again. Without a net nothing is confirmed or taken back, and gNMI has no commit."""
    found = []
    for seed in seeds:
        random = Random(seed)
        protocol = tuple(Protocol)[seed % 2]
        phases = {
            name: rpcs
            for name, rpcs in PHASES[protocol].items()
            if net or not (ONLY_WITH_NET & set(rpcs) or (protocol is Protocol.GNMI and Rpc.COMMIT in rpcs))
        }
        phase = tuple(phases)[seed // 2 % len(phases)]
        faults = random_faults(seed, random.choice((1, 1, 1, 2)), phases[phase], tuple(Kind))
        if any(fault.rpc is Rpc.CANCEL for fault in faults):
            # What is confirmed is not taken back: the confirmation has to go wrong first.
            faults = (Fault(rpc=Rpc.CONFIRM, kind=Kind.REFUSE), *faults)
        found.append(Case(seed, protocol, phase, faults, random.choice(("revision", "drift"))))
    return found


class Campaign:
    """Carries cases out, each switch one at a time, all switches side by side."""

    def __init__(self, made: Fabric, *, net: bool) -> None:
        self._made = made
        # A gNMI Set with the Commit extension is both; without a net there is none.
        self._writes = {Protocol.GNMI: Rpc.COMMIT if net else Rpc.SET, Protocol.NETCONF: Rpc.SET}
        self._heard: dict[str, list[Rpc]] = {name: [] for name in made.devices}
        for name in made.devices:
            self._listen(made.switch(name), self._heard[name])

    async def run(self, wanted: Sequence[Case]) -> tuple[list[Result], Balance]:
        """All cases; then what is left behind."""
        queues: dict[Protocol, asyncio.Queue[Case]] = {protocol: asyncio.Queue() for protocol in Protocol}
        for case in wanted:
            queues[case.protocol].put_nowait(case)
        results: list[Result] = []
        memory: list[int] = []

        async def work(name: str) -> None:
            queue = queues[self._made.devices[name].protocol]
            while not queue.empty():
                results.append(await self._carry_out(name, queue.get_nowait()))
                memory.append(_memory())

        await asyncio.gather(*map(work, self._made.devices))
        return sorted(results, key=lambda result: result.case.seed), await self._balance(memory)

    async def _carry_out(self, name: str, case: Case) -> Result:
        made, switch = self._made, self._made.switch(name)
        heard = self._heard[name]
        heard.clear()
        if any(fault.rpc in ONLY_WITHOUT_SESSION for fault in case.faults):
            await switch.stop()
            await made.checked(name)  # whoever had a session knows now that it is gone
            await switch.start()
        struck, last = switch.faults.struck, await made.store.last_sequence()
        if case.trigger == "drift" and case.phase != "notification":
            # The operator's own change is not to be struck; the switch tells of it, and the daemon comes within 50 ms.
            await switch.change({f"{PORT}/config/description": f"behind the back {case.seed}"})
        if case.phase != "verify":
            switch.faults.add(*case.faults)
        if case.trigger == "revision":
            await made.submit(_document(name, f"case {case.seed}"))
        elif case.phase == "notification":
            await switch.change({f"{PORT}/config/description": f"behind the back {case.seed}"})
        made.controller.reconcile_now([name])
        if case.phase == "verify":
            await self._until(lambda: self._written(name), PATIENCE)
            switch.faults.add(*case.faults)
        said, wrong = [], []
        for _ in range(ROUNDS):
            outcome, more = await self._said(name, last)
            said.append(outcome)
            wrong += more
            if more or switch.faults.struck - struck >= len(case.faults):
                break
            # It may have been over before the fault was there: the next round meets it, with something to write.
            last = await made.store.last_sequence()
            await made.submit(_document(name, f"case {case.seed}, round {len(said)}"))
            made.controller.reconcile_now([name])
        hit = switch.faults.struck - struck
        await self._mend(name, case)
        wrong += await self._in_sync(name)
        wrong += self._unread_writes(name)
        wrong += await self._left(name)
        return Result(case, hit, tuple(dict.fromkeys(said)), tuple(wrong))

    async def _said(self, name: str, last: int) -> tuple[str, list[str]]:
        """Outcome and code of the next round that is told after the record `last`, and what is wrong with it."""
        try:
            record = await self._made.next_round(name, last)
        except TimeoutError:
            return "", ["no outcome"]
        said = f"{record.outcome} {record.error_code}".strip()
        good = record.outcome in (OutcomeKind.IN_SYNC, OutcomeKind.APPLIED)
        if not good and not (record.error_code and record.message):
            return said, [f"does not say why: {said} {record.message}"]
        return said, []

    async def _mend(self, name: str, case: Case) -> None:
        """The fault is over: nothing waits or is held, the switch is on, and its keys are those that are trusted."""
        switch = self._made.switch(name)
        switch.faults.release()
        await self._until(lambda: switch.powered, PATIENCE)
        if any(fault.kind is Kind.CERTIFICATE for fault in case.faults):
            switch.renew_identity(other_authority=False)
            await self._made.simulation.publish()

    async def _in_sync(self, name: str) -> list[str]:
        """Ask again, as sweeps do, until the switch runs what is desired and fabricd says so."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while loop.time() < deadline:
            try:
                await self._made.checked(name)
            except TimeoutError:
                return ["no outcome any more"]
            if (await self._made.view(name)).in_sync:
                return []
            await asyncio.sleep(0.1)
        status = (await self._made.view(name)).status
        return [f"not in sync again: {status.outcome} {status.error_code} {status.error_message}"[:300]]

    def _written(self, name: str) -> bool:
        return self._writes[self._made.devices[name].protocol] in self._heard[name]

    def _unread_writes(self, name: str) -> list[str]:
        """Every write follows a read that came after the write before it."""
        read = False
        for rpc in self._heard[name]:
            if rpc is Rpc.GET:
                read = True
            elif rpc is self._writes[self._made.devices[name].protocol]:
                if not read:
                    return [f"written without having read: {' '.join(self._heard[name])}"]
                read = False
        return []

    async def _left(self, name: str) -> list[str]:
        """No lock, no pending change, no open transaction of this device; two sessions at most, one a watcher's."""
        switch = self._made.switch(name)
        wrong = [f"{store} is locked" for store in Store if switch.locked(store)]
        if switch.pending:
            wrong.append("a change is pending")
        if any(one.device == name for one in await self._made.store.open_transactions()):
            wrong.append("a transaction is open")
        if not await self._until(lambda: switch.netconf_sessions <= 2, PATIENCE):
            wrong.append(f"{switch.netconf_sessions} sessions")
        return wrong

    async def _balance(self, memory: Sequence[int]) -> Balance:
        made = self._made
        await made.controller.stop(grace=2.0)
        await made.sessions.close()
        switches = list(made.simulation.switches.values())
        await self._until(
            lambda: not any(switch.netconf_sessions + switch.gnmi_connections for switch in switches), PATIENCE
        )
        gc.collect()
        return Balance(
            locks=sum(switch.locked(store) for switch in switches for store in Store),
            pending=sum(switch.pending for switch in switches),
            sessions=sum(switch.netconf_sessions + switch.gnmi_connections for switch in switches),
            grown=(memory[-1] - memory[len(memory) // 4]) / (1 << 20) if memory else 0.0,
        )

    @staticmethod
    def _listen(switch: Switch, heard: list[Rpc]) -> None:
        strike = switch.faults.strike

        async def listening(rpc: Rpc, *, after: bool = False) -> Fault | None:
            if not after:
                heard.append(rpc)
            return await strike(rpc, after=after)

        switch.faults.strike = listening  # type: ignore[method-assign]

    @staticmethod
    async def _until(condition: Callable[[], bool], seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True


@asynccontextmanager
async def campaign(folder: Path, *, net: bool) -> AsyncIterator[Campaign]:
    """Switches of both protocols, in sync and watched. `net`: they take unconfirmed changes back by themselves."""
    protocols = {f"{protocol}{number}": protocol for protocol in Protocol for number in range(SECTIONS)}
    settings = with_settings(watch_changes=True, flap_count=1_000_000)
    async with fabric(folder, protocols, settings=settings, start=False) as made:
        for name, device in made.devices.items():
            profile = replace(device.profile, timeouts=TIMEOUTS, confirm_within=NET if net else 0.0)
            made.devices[name] = replace(device, profile=profile)
        made.start_over()
        await made.controller.start()
        await made.submit(*(_document(name, "before all") for name in made.devices))
        await made.in_sync(*made.devices)
        yield Campaign(made, net=net)


def _document(name: str, text: str) -> Document:
    return document(f"of-{name}", [name], ports_config(Ethernet1={"mtu": 9000, "description": text}), replace=True)


def _memory() -> int:
    return int(psutil.Process().memory_info().rss)
