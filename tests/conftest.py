"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

# A shell without job control starts what runs in its background with SIGINT ignored, and children inherit that: Ctrl-C
# could then not be tried.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def openconfig_release() -> Path:
    """Folder with the modules of the official OpenConfig release, flat; skips where there is none."""
    folder = Path(os.environ.get("FABRICD_OPENCONFIG_RELEASE") or PROJECT.parent / "shared" / "openconfig" / "yang")
    if not (folder / "openconfig-interfaces.yang").is_file():
        pytest.skip("no official OpenConfig release here (set FABRICD_OPENCONFIG_RELEASE to its folder)")
    return folder
