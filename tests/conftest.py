"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def openconfig_release() -> Path:
    """Folder with the modules of the official OpenConfig release, flat; skips where there is none."""
    folder = Path(os.environ.get("FABRICD_OPENCONFIG_RELEASE") or PROJECT.parent / "shared" / "openconfig" / "yang")
    if not (folder / "openconfig-interfaces.yang").is_file():
        pytest.skip("no official OpenConfig release here (set FABRICD_OPENCONFIG_RELEASE to its folder)")
    return folder
