"""The report of a probe: what was found, and the profile that follows from it with a comment above each key.

Called at the end of a probe. Pure.
"""

from __future__ import annotations

from typing import Any

from fabricd.model.device import Device
from fabricd.model.probe import Certainty, Finding, ProbeReport
from fabricd.southbound.probe.bench import Bench
from fabricd.southbound.profile_text import profile_text


def report_of(bench: Bench[Any], device: Device, left: tuple[str, ...]) -> ProbeReport:
    """What the bench knows."""
    comments: dict[str, list[str]] = {}
    for one in bench.findings:
        for key in one.keys:
            comments.setdefault(key, []).append(_said(one))
    text = profile_text(bench.profile, _head(bench, device), comments)
    return ProbeReport(
        device=device.name,
        protocol=device.protocol,
        findings=tuple(bench.findings),
        undecided=tuple(bench.undecided),
        asked=tuple(bench.asked),
        profile=text,
        left=left,
    )


def _head(bench: Bench[Any], device: Device) -> list[str]:
    """What stands above all: where it comes from, and what no key says."""
    lines = [
        f"Found out by a probe of {device.name} over {device.protocol}. Look it through, and put it into the folder of "
        "profiles; docs/devices.md explains every key, docs/quirks.md the numbers.",
    ]
    silent = [one for one in bench.findings if not one.keys]
    if silent:
        lines += ["", "Needs nothing here:", *(f"- {_said(one)}" for one in silent)]
    if bench.undecided:
        lines += ["", "Not decided, so left at the default:", *(f"- {one.name}: {one.why}" for one in bench.undecided)]
    return lines


def _said(one: Finding) -> str:
    numbers = f"{', '.join(map(str, one.quirks))}: " if one.quirks else ""
    seen = "" if one.certainty is Certainty.SEEN else " (likely)"
    evidence = f" [{one.evidence[0]}]" if one.evidence else ""
    return f"{numbers}{one.message}{seen}{evidence}"
