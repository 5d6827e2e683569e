"""The fault campaign as a table: `make campaign` (CASES of each kind, default 300; SEED of the first, default 0).

Exits with 1 when a case went wrong or something was left behind.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from campaign import Balance, Result, campaign, cases
from rich.console import Console
from rich.table import Table


def show(console: Console, net: bool, results: Sequence[Result], balance: Balance) -> int:
    """A line for each protocol, phase and kind of fault. Returns how many cases went wrong."""
    title = "switches take unconfirmed changes back" if net else "nothing is taken back"
    table = Table("protocol", "phase", "fault", "cases", "struck", "what the daemon said", "wrong", title=title)
    groups: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        for kind in dict.fromkeys(str(fault.kind) for fault in result.case.faults):
            groups[str(result.case.protocol), result.case.phase, kind].append(result)
    for (protocol, phase, kind), members in sorted(groups.items()):
        said = Counter(one for result in members for one in result.said)
        wrong = sum(bool(result.wrong) for result in members)
        table.add_row(
            protocol, phase, kind, str(len(members)), str(sum(result.struck for result in members)),
            ", ".join(f"{outcome} {times}" for outcome, times in said.most_common()), str(wrong or ""),
        )  # fmt: skip
    console.print(table)
    failed = [result for result in results if result.wrong]
    for result in failed:
        console.print(f"seed {result.case.seed}: {result.case.kinds}: {'; '.join(result.wrong)}", markup=False)
    left = balance.locks + balance.pending + balance.sessions
    console.print(
        f"{len(results)} cases, {sum(result.struck for result in results)} faults struck, {len(failed)} went wrong; "
        f"left: {balance.locks} locks, {balance.pending} pending changes, {balance.sessions} sessions; "
        f"memory grew by {balance.grown:.1f} MiB"
    )
    return len(failed) + left


async def main(count: int, first: int) -> int:
    console = Console(width=None if sys.stdout.isatty() else 150)
    wrong = 0
    for net in (True, False):
        with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
            async with campaign(Path(folder), net=net) as run:
                results, balance = await run.run(cases(range(first, first + count), net=net))
        wrong += show(console, net, results, balance)
    return 1 if wrong else 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]))))
