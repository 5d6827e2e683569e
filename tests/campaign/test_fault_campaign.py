"""Six hundred faults by seed: the daemon ends in sync or says why not, and leaves nothing behind."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from campaign import PHASES, campaign, cases

CASES = 300
GROWTH = 24.0  # MiB that switches and daemon together may grow by in three quarters of the cases


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("net", [True, False], ids=["switches revert by themselves", "nothing is taken back"])
async def test_no_fault_leaves_a_device_astray(net: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Records of failed calls that pytest keeps would keep the calls, and with them their connections.
    monkeypatch.setattr(logging.getLogger("grpc._common"), "disabled", True)
    wanted = cases(range(CASES), net=net)
    async with campaign(tmp_path, net=net) as run:
        results, balance = await run.run(wanted)
    assert [(result.case, result.said, result.wrong) for result in results if result.wrong] == []
    assert len(results) == CASES
    assert (balance.locks, balance.pending, balance.sessions) == (0, 0, 0)
    assert balance.grown < GROWTH
    assert sum(result.struck > 0 for result in results) > CASES * 3 // 4
    met = {(result.case.protocol, result.case.phase) for result in results if result.struck}
    if net:
        assert met == {(protocol, phase) for protocol, phases in PHASES.items() for phase in phases}
