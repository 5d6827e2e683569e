"""The largest message that a device takes, found by sending some, the same over both protocols.

Used by the experiments about limits. Knows no protocol.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fabricd.model.probe import Certainty
from fabricd.southbound.probe.bench import Bench

LIMITS = (4 << 20, 1 << 20, 256 << 10, 64 << 10)
"""Limits in bytes that servers have, the one that most have first. Smaller ones are tried while larger ones hold."""

MARGIN = 32 << 10
"""So much above a limit has to be refused where it holds, and so much below it taken."""

Ask = Callable[[int], Awaitable[str]]
"""How a message of so many bytes is refused for its size, "" where it is not."""


async def tell_limit(bench: Bench[Any], what: str, ask: Ask) -> None:
    """Find the limit that holds, and a message below it that is taken."""
    refused, how, taken, limit = 0, "", 0, 0
    for one in LIMITS:
        if one + MARGIN > bench.profile.max_message_bytes:
            continue
        if not (said := await ask(one + MARGIN)):
            taken = limit = one + MARGIN
            break
        refused, how, limit = one + MARGIN, said, one
        if not await ask(one - MARGIN):
            taken = one - MARGIN
            break
    if not refused:
        return
    bench.found(
        "message-bytes",
        f"Messages of more than {limit >> 10} KiB are refused; larger configurations are read in pieces.",
        f"{what} of {refused >> 10} KiB: {how}",
        *((f"{what} of {taken >> 10} KiB: taken",) if taken else ()),
        quirks=(38,),
        learned={"max_message_bytes": limit},
        certainty=Certainty.SEEN if taken else Certainty.LIKELY,
    )
