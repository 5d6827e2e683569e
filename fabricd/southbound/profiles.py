"""Profiles: what is known of kinds of device, read from one TOML file each.

Called by the daemon and the check command. Must not know any device of its own.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated

from pydantic import Field, ValidationError

from fabricd.errors import InputError, Problem
from fabricd.model.device import Profile, Timeouts
from fabricd.model.path import Path
from fabricd.toml_file import Table, place, problems_of, read_toml

_DEFAULTS = Timeouts()
_Seconds = Annotated[float, Field(gt=0, le=3600, strict=False)]


class _Timeouts(Table):
    connect: _Seconds = _DEFAULTS.connect
    read: _Seconds = _DEFAULTS.read
    write: _Seconds = _DEFAULTS.write


class _Profile(Table):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    models: Annotated[str, Field(min_length=1)] = "managed"
    authoritative: list[str] = Field(default_factory=list)
    protected: list[str] = Field(default_factory=list)
    system_entries: list[str] = Field(default_factory=list)
    timeouts: _Timeouts = Field(default_factory=_Timeouts)
    max_message_bytes: Annotated[int, Field(ge=1 << 16, le=(1 << 31) - 1)] = 64 << 20


def load_profiles(folder: FilePath) -> dict[str, Profile]:
    """Every `*.toml` in `folder`, by profile name. Raises InputError naming file and key of every mistake."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of profiles")
    profiles: dict[str, Profile] = {}
    problems: list[Problem] = []
    for file in sorted(folder.glob("*.toml")):
        try:
            profile = load_profile(file)
        except InputError as error:
            problems += error.problems
            continue
        if profile.name in profiles:
            problems.append(Problem(f"there is another profile named {profile.name!r}", path=place(file, "name")))
        profiles[profile.name] = profile
    if problems:
        raise InputError.of(problems)
    return profiles


def load_profile(file: FilePath) -> Profile:
    """One profile. Raises InputError naming file and key of every mistake."""
    try:
        read = _Profile.model_validate(read_toml(file))
    except ValidationError as error:
        raise InputError.of(problems_of(error, file)) from error
    problems: list[Problem] = []

    def paths(key: str, texts: list[str]) -> tuple[Path, ...]:
        found = []
        for index, text in enumerate(texts):
            try:
                found.append(Path.parse(text))
            except InputError as error:
                problems.append(Problem(error.message, path=place(file, key, index)))
        return tuple(found)

    profile = Profile(
        name=read.name,
        models=read.models,
        authoritative=paths("authoritative", read.authoritative),
        protected=paths("protected", read.protected),
        system_entries=paths("system_entries", read.system_entries),
        timeouts=Timeouts(read.timeouts.connect, read.timeouts.read, read.timeouts.write),
        max_message_bytes=read.max_message_bytes,
    )
    if problems:
        raise InputError.of(problems)
    return profile
