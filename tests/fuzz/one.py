"""Fuzzes one decoder until libFuzzer's limits are reached. Arguments: TARGET, CORPUS folder, libFuzzer's options."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent))

# What is imported in here counts for coverage.
with atheris.instrument_imports(include=["fabricd"]):
    from targets import TARGETS

logging.disable(logging.WARNING)  # what devices warn of would drown the fuzzer's own report
NAME, CORPUS = sys.argv[1], Path(sys.argv[2])
TARGET = TARGETS[NAME]
for number, seed in enumerate(TARGET.seeds):
    (CORPUS / f"seed{number}").write_bytes(seed)
for file in (Path(__file__).resolve().parent / "found").glob(f"{NAME}.*.bin"):
    (CORPUS / file.name).write_bytes(file.read_bytes())

atheris.Setup([sys.argv[0], str(CORPUS), *sys.argv[3:]], TARGET.read)
# Schemas are loaded and a switch is started at the first input: that must not count as the time an input takes.
TARGET.read(TARGET.seeds[0])
atheris.Fuzz()
