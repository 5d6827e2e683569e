"""The wheel that people install holds everything: models, profiles and commands work from it, away from the source."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
NOT_SOURCE = (".*", "build", "dist", "run", "tests", "*.egg-info", "__pycache__")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of a wheel built from a copy of this tree: building leaves things behind in it, and finds them."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(PROJECT, folder / "source", ignore=shutil.ignore_patterns(*NOT_SOURCE))
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--no-build-isolation", "--wheel-dir", folder, folder / "source"],
        check=True, timeout=200,
    )  # fmt: skip
    (wheel,) = folder.glob("fabricd-*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def run(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`python -m ARGUMENTS` with the unpacked wheel in front of everything else."""
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=site, env=os.environ | {"PYTHONPATH": str(site)}, timeout=120,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_documents_are_checked_with_the_models_inside_the_wheel(unpacked: Path) -> None:
    demo = unpacked / "fabricd" / "data" / "config" / "demo"
    done = run(unpacked, "fabricd", "check", "--json", demo / "fabric")
    assert json.loads(done.stdout) == {"ok": True, "problems": [], "devices": 0, "intents": 2, "compiled": 6}


def test_the_shipped_profile_is_inside_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "fabricd.toml").write_text(f'state_directory = "{tmp_path}"\n', encoding="utf-8")
    (tmp_path / "inventory.toml").write_text(
        '[[device]]\nname = "leaf1"\naddress = "192.0.2.1"\nprofile = "openconfig"\n[device.trust]\ninsecure = true\n',
        encoding="utf-8",
    )
    done = run(unpacked, "fabricd", "check", "--config", tmp_path / "fabricd.toml")
    assert (done.returncode, done.stderr) == (0, "")


def test_every_model_setting_and_example_of_the_source_is_inside_the_wheel(unpacked: Path) -> None:
    shipped = {
        file.relative_to(PROJECT)
        for folder in ("yang", "config")
        for file in (PROJECT / folder).rglob("*")
        if file.suffix in (".yang", ".toml", ".yaml")
    }
    assert shipped
    missing = [str(file) for file in shipped if not (unpacked / "fabricd" / "data" / file).is_file()]
    assert not missing
