"""Coverage-guided fuzzing of every decoder, one process each: `make fuzz` (SECONDS in all, default 60; SEED of what is
tried, default 0 for another one each time).

Prints a table; exits with 1 when a decoder raised what it must not, hung, crashed or took too much memory. The input
then lies in build/fuzz and belongs, once mended, into tests/fuzz/found, as TARGET.WHAT-IT-WAS.bin.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "fuzz"
LARGEST = 4096  # bytes of an input
PATIENCE = 10  # seconds for one input
MEMORY = 2048  # MiB

# Of libFuzzer's report: `#4821 DONE cov: 812 ft: 2104 corp: 240/9kb ... exec/s: 963 rss: 180Mb`
_PULSE = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+)", re.MULTILINE)
_INPUT = re.compile(r"Test unit written to (\S+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one process came to. `failure` is empty when all was well."""

    target: str
    runs: int
    coverage: int
    seconds: float
    failure: str


def fuzz(target: str, seconds: float, seed: int) -> Outcome:
    """Fuzz one target in a process of its own."""
    corpus, artifacts = BUILD / "corpus" / target, BUILD / "failures" / target
    corpus.mkdir(parents=True, exist_ok=True)
    artifacts.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    # libFuzzer ends its process without letting it tidy up.
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        done = subprocess.run(
            [
                sys.executable, str(HERE / "one.py"), target, str(corpus), f"-max_total_time={max(1, round(seconds))}",
                f"-max_len={LARGEST}", f"-timeout={PATIENCE}", f"-rss_limit_mb={MEMORY}",
                f"-artifact_prefix={artifacts}/", f"-seed={seed}",
            ],
            capture_output=True, text=True, errors="replace", check=False, env={**os.environ, "TMPDIR": scratch},
        )  # fmt: skip
    pulses = _PULSE.findall(done.stderr)
    runs, coverage = (int(pulses[-1][0]), int(pulses[-1][1])) if pulses else (0, 0)
    return Outcome(target, runs, coverage, time.monotonic() - begun, _failure(done.returncode, done.stderr))


def _failure(code: int, report: str) -> str:
    if code == 0:
        return ""
    written = _INPUT.search(report)
    said = [line for line in report.splitlines() if re.match(r"[\w.]*(Error|Exception)\b|SUMMARY|==\d+== ERROR", line)]
    return f"{said[0] if said else f'exit code {code}'} ({written[1] if written else 'no input written'})"


def main(seconds: float, seed: int) -> int:
    sys.path.insert(0, str(HERE))
    from targets import TARGETS

    share = seconds * 2 / len(TARGETS)  # two at a time
    with ThreadPoolExecutor(2) as side_by_side:
        outcomes = list(side_by_side.map(lambda target: fuzz(target, share, seed), TARGETS))
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table("decoder", "inputs", "a second", "coverage", "found")
    for one in outcomes:
        speed = f"{one.runs / one.seconds:,.0f}" if one.seconds else ""
        table.add_row(one.target, f"{one.runs:,}", speed, f"{one.coverage:,}", one.failure or "nothing")
    console.print(table)
    failed = [one for one in outcomes if one.failure or not one.runs]
    console.print(f"{len(outcomes) - len(failed)} decoders passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(float((sys.argv[1:] or [60])[0]), int((sys.argv[2:] or [0])[0])))
