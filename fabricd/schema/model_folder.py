"""Model sets on disk: one folder for each below the state directory, changed as a whole or not at all.

Called by the daemon's start and by reconcile/model_sets, in a thread. Must not know devices or whether a set loads.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import xxhash
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fabricd.errors import InputError, Problem, StoreError
from fabricd.schema.features import Chosen, chosen_features
from fabricd.schema.models import ModelSet
from fabricd.schema.module_files import Module

_MANIFEST = "set.json"
_TEMPORARY = ".new-"


class _Manifest(BaseModel):
    """What set.json says. The file is the set: whichever folder it names is the one in use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str = Field(pattern=r"^[0-9a-f]{32}$")
    modules: tuple[str, ...]
    deviations: tuple[str, ...]
    mended: bool
    origin: str
    device: str
    installed: datetime
    revisions: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, tuple[str, ...]], ...] = ()
    implemented: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class InstalledSet:
    """A model set that was installed. `origin` says from what, for people; `device` is set when it was fetched from
    one. `revisions` are (name, revision) of every module and submodule in it, implemented or only imported;
    `implemented` the former, empty where nobody looked."""

    models: ModelSet
    origin: str
    device: str
    installed: datetime
    revisions: tuple[tuple[str, str], ...]
    implemented: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.models.name


class ModelFolder:
    """Owner of `root`: ROOT/NAME/set.json names the one folder of ROOT/NAME that holds the modules in use.

    A set is laid out beside the one in use, looked at, and adopted by one rename, or discarded.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def installed(self) -> dict[str, InstalledSet]:
        """Every set, by name. Raises InputError naming what is damaged."""
        found: dict[str, InstalledSet] = {}
        for file in sorted(self._root.glob(f"*/{_MANIFEST}")):
            try:
                manifest = _Manifest.model_validate_json(file.read_bytes())
            except (OSError, ValidationError) as error:
                raise InputError.of([Problem("the model set is damaged; install it again", path=str(file))]) from error
            found[file.parent.name] = self._set(file.parent.name, manifest)
        return found

    def lay_out(
        self,
        name: str,
        modules: Mapping[str, Module],
        *,
        chosen: tuple[str, ...] | None,
        deviations: Sequence[str] = (),
        features: Chosen = MappingProxyType({}),
        origin: str,
        device: str = "",
        installed: datetime,
    ) -> InstalledSet:
        """Write the files (by name) where they will stay, on disk when this returns, without using them yet.

        `chosen` modules are implemented (None: see ModelSet.from_directory), then those of them that deviate others,
        and `deviations`; with `features`, those that are not named with all of theirs. Raises InputError when one of
        them is not there, StoreError when the disk does not take it.
        """
        if chosen is not None:
            changing = {module.head.name for module in modules.values() if module.head.deviates}
            deviations = tuple(dict.fromkeys((*(one for one in chosen if one in changing), *deviations)))
            chosen = tuple(one for one in chosen if one not in changing)
        folder = self._root / name / _digest(modules)
        try:
            self._root.mkdir(mode=0o700, exist_ok=True)
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            if not folder.is_dir():
                _write_folder(folder, {file: module.file.text for file, module in modules.items()})
        except OSError as error:
            raise StoreError(f"{folder.parent}: {error.strerror}", path=str(folder.parent)) from error
        try:
            models = ModelSet.from_directory(name, folder, chosen)
            files = tuple(_file_of(one, modules, folder) for one in deviations)
            enabled = chosen_features((module.head for module in modules.values()), models.modules, features)
        except InputError:
            self._drop(folder)
            raise
        return InstalledSet(
            ModelSet(name, models.directories, models.modules, (*models.deviations, *files), features=enabled),
            origin,
            device,
            installed,
            tuple(sorted((module.head.name, module.head.revision) for module in modules.values())),
        )

    def adopt(self, candidate: InstalledSet) -> None:
        """Make it the set of its name, whole or not at all. Raises StoreError; the old one is in use then."""
        (folder,) = candidate.models.directories
        manifest = _Manifest(
            folder=folder.name,
            modules=candidate.models.modules,
            deviations=tuple(file.name for file in candidate.models.deviations if file.parent == folder),
            mended=any(file.parent != folder for file in candidate.models.deviations),
            origin=candidate.origin,
            device=candidate.device,
            installed=candidate.installed,
            revisions=candidate.revisions,
            features=candidate.models.features,
            implemented=candidate.implemented,
        )
        try:
            _write_file(folder.parent / _MANIFEST, manifest.model_dump_json(indent=2).encode())
        except OSError as error:
            raise StoreError(f"{folder.parent}: {error.strerror}", path=str(folder.parent)) from error

    def discard(self, candidate: InstalledSet) -> None:
        """Take away what was laid out and not adopted."""
        (folder,) = candidate.models.directories
        self._drop(folder)

    def remove(self, name: str) -> None:
        """The set is gone when this returns, also after a crash. Raises StoreError."""
        try:
            (self._root / name / _MANIFEST).unlink(missing_ok=True)
            _sync(self._root / name)
        except OSError as error:
            raise StoreError(f"{self._root / name}: {error.strerror}", path=str(self._root / name)) from error
        shutil.rmtree(self._root / name, ignore_errors=True)

    def tidy(self) -> None:
        """Take away what a crash left behind and what replaced sets left: only while nothing reads from it."""
        used = {folder for one in self.installed().values() for folder in one.models.directories}
        for folder in self._root.glob("*/*/"):
            if folder not in used:
                shutil.rmtree(folder, ignore_errors=True)
        for file in self._root.glob(f"*/{_TEMPORARY}*"):
            file.unlink(missing_ok=True)
        for empty in self._root.glob("*/"):
            if not any(empty.iterdir()):
                empty.rmdir()

    def _drop(self, folder: Path) -> None:
        """Unless it is the one in use."""
        manifest = folder.parent / _MANIFEST
        if not manifest.is_file():
            shutil.rmtree(folder.parent, ignore_errors=True)
        elif _Manifest.model_validate_json(manifest.read_bytes()).folder != folder.name:
            shutil.rmtree(folder, ignore_errors=True)

    def _set(self, name: str, manifest: _Manifest) -> InstalledSet:
        folder = self._root / name / manifest.folder
        models = ModelSet.from_directory(name, folder, manifest.modules)
        mends = models.deviations if manifest.mended else ()
        own = tuple(folder / file for file in manifest.deviations)
        return InstalledSet(
            ModelSet(name, (folder,), manifest.modules, (*mends, *own), features=manifest.features),
            manifest.origin,
            manifest.device,
            manifest.installed,
            manifest.revisions,
            manifest.implemented,
        )


def _digest(modules: Mapping[str, Module]) -> str:
    digest = xxhash.xxh3_128()
    for file in sorted(modules):
        digest.update(f"{file} {len(modules[file].file.text)}\n".encode())
        digest.update(modules[file].file.text)
    return digest.hexdigest()


def _file_of(name: str, modules: Mapping[str, Module], folder: Path) -> Path:
    files = sorted(file for file, module in modules.items() if module.head.name == name)
    if not files:
        raise InputError(f"no module {name} among the files")
    return folder / files[-1]  # the newest revision


def _write_folder(folder: Path, texts: Mapping[str, bytes]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=folder.parent))
    try:
        for name, text in texts.items():
            _write_synced(temporary / name, text)
        _sync(temporary)
        temporary.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _write_file(file: Path, content: bytes) -> None:
    temporary = file.with_name(f"{_TEMPORARY}{file.name}")
    _write_synced(temporary, content)
    temporary.replace(file)
    _sync(file.parent)


def _write_synced(file: Path, content: bytes) -> None:
    with file.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
