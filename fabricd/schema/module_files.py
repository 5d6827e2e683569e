"""A bounded pile of YANG files on its way into a model set: what may be in it, and under which names it is kept.

Used by whoever brings modules (files, archives, devices) and by model_folder. Writes no disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fabricd.errors import InputError, Problem
from fabricd.schema.module_text import ModuleText, read_module_text

_FEATURE = re.compile(rb"(?<![\w-])feature\s")
MOST_FILES = 3_000
MOST_FILE_BYTES = 4 << 20
MOST_BYTES = 96 << 20


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """One YANG file. `source` is where it was found, for messages only: never a place to write to."""

    source: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Module:
    """A file whose head was read."""

    file: ModuleFile
    head: ModuleText


class Pile:
    """Files gathered one by one, refused as soon as they are too many or too large. Owned by who gathers."""

    def __init__(self) -> None:
        self.files: list[ModuleFile] = []
        self._bytes = 0

    def add(self, source: str, text: bytes) -> None:
        """Raises InputError naming the file that is one too many, or too large."""
        self._bytes += len(text)
        if len(text) > MOST_FILE_BYTES:
            raise _refused(f"has more than the {MOST_FILE_BYTES >> 20} MiB that a module may have", source)
        if len(self.files) >= MOST_FILES:
            raise _refused(f"is one more than the {MOST_FILES} files that a model set may have", source)
        if self._bytes > MOST_BYTES:
            raise _refused(f"makes the model set larger than {MOST_BYTES >> 20} MiB", source)
        self.files.append(ModuleFile(source, text))


def read_modules(files: Iterable[ModuleFile]) -> dict[str, Module]:
    """Modules by the file name they are kept under, which comes from their text.

    The same text twice is fine; two texts for one module and revision are not. Raises InputError naming every file
    that is no YANG text.
    """
    found: dict[str, Module] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            head = read_module_text(file.text, source=file.source)
        except InputError as error:
            problems += error.problems
            continue
        known = found.setdefault(head.file_name, Module(file, head))
        if known.file.text != file.text:
            message = f"says something else than {known.file.source} of {head.name} {head.revision}".rstrip()
            problems.append(Problem(message, path=file.source))
    if not found and not problems:
        problems.append(Problem("there are no YANG modules in it"))
    if problems:
        raise InputError.of(problems)
    return found


def heads_with_features(folders: Iterable[Path]) -> tuple[ModuleText, ...]:
    """The heads of those modules in folders of .yang files that have features: few do, and reading a head takes longer
    than looking for the word. What is no YANG text is left to whoever loads it. Raises InputError for a file that
    cannot be read."""
    found: list[ModuleText] = []
    for folder in folders:
        for file in sorted(folder.glob("*.yang")):
            try:
                text = file.read_bytes()
            except OSError as error:
                raise _refused(error.strerror or str(error), str(file)) from error
            if _FEATURE.search(text) is not None:
                with suppress(InputError):
                    found.append(read_module_text(text, source=str(file)))
    return tuple(found)


def _refused(message: str, source: str) -> InputError:
    return InputError.of([Problem(message, path=source)])
