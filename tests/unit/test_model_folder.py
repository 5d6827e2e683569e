"""Model sets on disk: whole or not at all, whatever interrupts, and damage is named."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fabricd.errors import InputError
from fabricd.schema import ModelSet, Schema
from fabricd.schema.model_folder import InstalledSet, ModelFolder
from fabricd.schema.module_files import ModuleFile, read_modules

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def text(name: str, more: str = "") -> bytes:
    return f"module {name} {{ namespace urn:{name}; prefix {name}; revision 2026-01-01; {more} }}".encode()


def laid_out(folder: ModelFolder, *texts: bytes, name: str = "mine", deviations: tuple[str, ...] = ()) -> InstalledSet:
    modules = read_modules([ModuleFile(f"file {number}", one) for number, one in enumerate(texts)])
    return folder.lay_out(
        name, modules, chosen=("a",), deviations=deviations, origin="a test", device="leaf1", installed=NOW
    )


def test_a_set_is_there_once_it_is_adopted_and_as_it_was_afterwards(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "models")
    deviation = (
        b"module d { namespace urn:d; prefix d; import a { prefix a; } deviation /a:x { deviate not-supported; } }"
    )
    one = laid_out(folder, text("a", "leaf x { type string; }"), deviation, deviations=("d",))
    assert folder.installed() == {}
    folder.adopt(one)
    assert ModelFolder(tmp_path / "models").installed() == {"mine": one}
    assert one.revisions == (("a", "2026-01-01"), ("d", ""))
    with Schema(one.models) as schema:
        assert [name for name, _ in schema.modules()] == ["a", "d"]


def test_the_old_set_stays_until_the_new_one_is_adopted(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "models")
    old = laid_out(folder, text("a"))
    folder.adopt(old)
    new = laid_out(folder, text("a", "leaf x { type string; }"))
    assert folder.installed()["mine"] == old
    folder.discard(new)
    assert not new.models.directories[0].exists()
    assert folder.installed()["mine"] == old
    again = laid_out(folder, text("a"))
    folder.discard(again)  # the same as the one in use, which must stay
    assert old.models.directories[0].is_dir()
    newer = laid_out(folder, text("a", "leaf x { type string; }"))
    folder.adopt(newer)
    assert folder.installed()["mine"] == newer


def test_what_a_crash_left_behind_goes_and_sets_stay(tmp_path: Path) -> None:
    root = tmp_path / "models"
    folder = ModelFolder(root)
    kept = laid_out(folder, text("a"))
    folder.adopt(kept)
    laid_out(folder, text("a", "leaf x { type string; }"))
    laid_out(folder, text("a"), name="never")
    (root / "mine" / ".new-123").mkdir()
    (root / "mine" / ".new-123" / "a.yang").touch()
    folder.tidy()
    assert sorted(one.name for one in root.glob("*/*")) == sorted(["set.json", kept.models.directories[0].name])
    assert folder.installed() == {"mine": kept}


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[3]]
from tests.unit.test_model_folder import CHANGES, ModelFolder

left = int(sys.argv[4])

def counted(step):
    def call(*given, **named):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return step(*given, **named)
    return call

os.fsync, os.open, os.rmdir, os.unlink = map(counted, (os.fsync, os.open, os.rmdir, os.unlink))
Path.open, Path.rename, Path.replace, Path.unlink, Path.mkdir = map(
    counted, (Path.open, Path.rename, Path.replace, Path.unlink, Path.mkdir)
)
CHANGES[sys.argv[1]](ModelFolder(Path(sys.argv[2])))
"""


def _install(folder: ModelFolder) -> None:
    folder.adopt(laid_out(folder, text("a", "leaf x { type string; }"), text("b")))


CHANGES: dict[str, Callable[[ModelFolder], None]] = {"install": _install, "remove": lambda one: one.remove("mine")}


@pytest.mark.slow
@pytest.mark.parametrize(("change", "had"), [("install", False), ("install", True), ("remove", True)])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_set(tmp_path: Path, change: str, had: bool) -> None:
    old = {"mine": laid_out(ModelFolder(tmp_path / "old"), text("a"))} if had else {}
    for step in range(100):
        root = tmp_path / str(step)
        if had:
            ModelFolder(root).adopt(laid_out(ModelFolder(root), text("a")))
        project = str(Path(__file__).resolve().parents[2])
        done = subprocess.run([sys.executable, "-c", KILLED, change, str(root), project, str(step)], check=False)
        folder = ModelFolder(root)
        sets = {name: one.revisions for name, one in folder.installed().items()}
        new = {"mine": (("a", "2026-01-01"), ("b", "2026-01-01"))} if change == "install" else {}
        assert sets in ({name: one.revisions for name, one in old.items()}, new)
        for one in folder.installed().values():
            with Schema(one.models):
                pass
        folder.tidy()
        used = [held for one in folder.installed().values() for held in ("set.json", one.models.directories[0].name)]
        assert sorted(held.name for held in root.glob("*/*")) == sorted(used)
        if done.returncode == 0:
            assert (sets, step > 3) == (new, True)
            return
        assert done.returncode == -signal.SIGKILL
        if sets != new:
            CHANGES[change](folder)  # again, to its end
        assert {name: one.revisions for name, one in folder.installed().items()} == new
    raise AssertionError("it never came to an end")


def test_a_removed_set_is_gone(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "models")
    folder.adopt(laid_out(folder, text("a")))
    folder.remove("mine")
    assert folder.installed() == {}
    assert not (tmp_path / "models" / "mine").exists()


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"folder": "../../etc"}', b"\xff"])
def test_a_damaged_set_is_named(tmp_path: Path, damage: bytes) -> None:
    folder = ModelFolder(tmp_path / "models")
    folder.adopt(laid_out(folder, text("a")))
    (tmp_path / "models" / "mine" / "set.json").write_bytes(damage)
    with pytest.raises(InputError, match=r"mine/set.json: the model set is damaged"):
        folder.installed()


def test_names_on_disk_come_from_the_text_not_from_whoever_sent_it(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "models")
    modules = read_modules([ModuleFile("../../evil", text("a"))])
    one = folder.lay_out("mine", modules, chosen=("a",), origin="", installed=NOW)
    (directory,) = one.models.directories
    assert [file.name for file in directory.iterdir()] == ["a@2026-01-01.yang"]


def test_features_are_kept_with_the_set(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "models")
    one = laid_out(folder, text("a", "feature x; feature y; leaf l { if-feature x; type string; }"))
    assert one.models.features == (("a", ("x", "y")),)
    folder.adopt(one)
    assert ModelFolder(tmp_path / "models").installed() == {"mine": one}
    modules = read_modules(
        [ModuleFile("a file", text("a", "feature x; feature y; leaf l { if-feature x; type string; }"))]
    )
    fewer = folder.lay_out("mine", modules, chosen=("a",), features={"a": ("y",)}, origin="", installed=NOW)
    assert (fewer.models.features, fewer.models.directories) == ((("a", ("y",)),), one.models.directories)
    folder.discard(fewer)  # its modules are those of the set in use
    assert folder.installed() == {"mine": one}
    folder.adopt(fewer)
    assert folder.installed() == {"mine": fewer}
    with pytest.raises(InputError, match="module a has no feature 'z'"):
        folder.lay_out("mine", modules, chosen=("a",), features={"a": ("z",)}, origin="", installed=NOW)
    assert folder.installed() == {"mine": fewer}


def test_modules_are_ordered_types_first() -> None:
    names = ["acme", "openconfig-vlan", "openconfig-vlan-types", "openconfig-interfaces", "iana-if-type"]
    assert ModelSet.in_order(names) == (
        "iana-if-type", "openconfig-vlan-types", "openconfig-interfaces", "openconfig-vlan", "acme"
    )  # fmt: skip
