"""How long tests of the adapters wait: on a busy machine as well, and no longer than that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fabricd.model.device import Timeouts

IN_TIME = 30.0
"""Seconds in which everything happens that does not wait for the end of a profile's timeout."""
GROWING = (0.5, 5.0, 40.0)
"""Timeouts to try in turn where one has to be short for its end and long enough for what comes before it."""


def answers_within(asker: Any, seconds: float) -> None:
    """Requests get so long from here on. `asker` is what sends them: NetconfTarget.rpc or a GnmiTarget's calls."""
    timeouts = Timeouts(seconds, seconds, seconds)
    asker.device = replace(asker.device, profile=replace(asker.device.profile, timeouts=timeouts))


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(IN_TIME):
        while not condition():
            await asyncio.sleep(0.005)
