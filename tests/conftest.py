"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

PROJECT = Path(__file__).resolve().parent.parent

# A shell without job control starts what runs in its background with SIGINT ignored, and children inherit that: Ctrl-C
# could then not be tried.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Properties are tried on the same examples at every run, and may take the time that a busy machine needs: what fails
# was broken by a change. New examples are looked for with `--hypothesis-profile=search --hypothesis-seed=NUMBER`.
settings.register_profile(
    "search",
    derandomize=False,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.register_profile("tests", settings.get_profile("search"), derandomize=True)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def openconfig_release() -> Path:
    """Folder with the modules of the official OpenConfig release, flat; skips where there is none."""
    folder = Path(os.environ.get("FABRICD_OPENCONFIG_RELEASE") or PROJECT.parent / "shared" / "openconfig" / "yang")
    if not (folder / "openconfig-interfaces.yang").is_file():
        pytest.skip("no official OpenConfig release here (set FABRICD_OPENCONFIG_RELEASE to its folder)")
    return folder
