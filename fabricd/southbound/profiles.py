"""Profiles: what is known of kinds of device, read from one TOML file each.

Called by the daemon and the check command. Must not know any device of its own.
"""

from __future__ import annotations

import json
import math
from pathlib import Path as FilePath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, ValidationError, ValidationInfo, model_validator

from fabricd.errors import InputError, Problem
from fabricd.model.device import Alias, GnmiTraits, Likeness, NetconfTraits, Profile, Timeouts, WriteTraits
from fabricd.model.path import Path
from fabricd.settings import data_folder
from fabricd.southbound.netconf.handlers import HANDLERS
from fabricd.southbound.netconf.templates import read_template
from fabricd.toml_file import Table, place, problems_of, read_toml

_PROFILE, _TIMEOUTS = Profile(""), Timeouts()
_GNMI, _NETCONF, _WRITE, _LIKENESS = GnmiTraits(), NetconfTraits(), WriteTraits(), Likeness()


def _path(value: object) -> Path:
    if not isinstance(value, str):
        raise ValueError("a path is a string")
    try:
        return Path.parse(value)
    except InputError as error:
        raise ValueError(error.message) from error


def _inner(path: Path) -> Path:
    if not path.segments:
        raise ValueError("the root cannot be meant here")
    return path


def _handler(name: str) -> str:
    if name not in HANDLERS:
        raise ValueError(f"ncclient has no device handler of this name (there are: {', '.join(sorted(HANDLERS))})")
    return name


def _template(text: str) -> str:
    read_template(text)
    return text


def _json(value: object) -> str:
    """RFC 7951 JSON text of a leaf's or leaf-list's value."""
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, str | bool | int | float) or (isinstance(one, float) and not math.isfinite(one)):
            raise ValueError("a value is a string, a number, a boolean, or a list of these")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _deviation(name: str, info: ValidationInfo[FilePath]) -> str:
    """Absolute name of a file of deviations. The context is the folder that the profile is in."""
    for folder in (info.context, data_folder("yang") / "deviations"):
        file = folder / name
        if file.is_file():
            return str(file.absolute())
    raise ValueError(f"there is no file {name} beside the profile, nor in yang/deviations")


_Path = Annotated[Path, PlainValidator(_path)]
_Node = Annotated[Path, PlainValidator(_path), AfterValidator(_inner)]
_Seconds = Annotated[float, Field(gt=0, le=3600, strict=False)]
_SecondsOrNone = Annotated[float, Field(ge=0, le=3600, strict=False)]
_Text = Annotated[str, Field(min_length=1)]
_Nodes = list[_Node]


class _Timeouts(Table):
    connect: _Seconds = _TIMEOUTS.connect
    read: _Seconds = _TIMEOUTS.read
    write: _Seconds = _TIMEOUTS.write


class _Gnmi(Table):
    encoding: Literal["json_ietf", "json"] = _GNMI.encoding
    origin: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$")] = _GNMI.origin
    prefix: bool = _GNMI.prefix
    names: Literal["bare", "qualified"] = _GNMI.names
    read: Literal["together", "each", "once"] = _GNMI.read
    commit: Literal["yes", "no", "probe"] = _GNMI.commit


class _Netconf(Table):
    handler: Annotated[str, AfterValidator(_handler)] = _NETCONF.handler
    confirmed_commit: Literal["standard", "own", "no"] = _NETCONF.confirmed_commit
    operations: dict[Literal["commit-confirmed", "confirm", "cancel"], Annotated[str, AfterValidator(_template)]] = (
        Field(default_factory=dict)
    )
    sessions: Annotated[int, Field(ge=0, le=1000)] = _NETCONF.sessions
    lock: bool = _NETCONF.lock

    @model_validator(mode="after")
    def _operations_are_those_needed(self) -> Self:
        if self.confirmed_commit != "own" and self.operations:
            raise ValueError('operations are only used with confirmed_commit = "own"')
        if self.confirmed_commit == "own":
            for name in ("commit-confirmed", "confirm"):
                if name not in self.operations:
                    raise ValueError(f'confirmed_commit = "own" needs operations.{name}')
        return self


class _Write(Table):
    shape: Literal["leaves", "subtrees", "root"] = _WRITE.shape
    replace: bool = _WRITE.replace
    first: _Nodes = Field(default_factory=list)
    before: _Nodes = Field(default_factory=list)
    settle: _SecondsOrNone = _WRITE.settle
    in_force: bool = _WRITE.in_force


class _Alias(Table):
    path: _Node
    key: _Text
    name: _Text
    device_name: _Text


class _Likeness(Table):
    defaults: dict[_Node, Annotated[str, PlainValidator(_json)]] = Field(default_factory=dict)
    omits_defaults: bool = _LIKENESS.omits_defaults
    explicit: _Nodes = Field(default_factory=list)
    unsupported: _Nodes = Field(default_factory=list)
    omitted: _Nodes = Field(default_factory=list)
    secrets: _Nodes = Field(default_factory=list)
    secrets_anew: _Nodes = Field(default_factory=list)
    alias: list[_Alias] = Field(default_factory=list)
    interface_refs: bool = _LIKENESS.interface_refs
    attach_default: bool = _LIKENESS.attach_default

    @model_validator(mode="after")
    def _left_out_or_refused(self) -> Self:
        for path in self.omitted:
            if path in self.unsupported:
                raise ValueError(f"{path} is in omitted and in unsupported: either it is left out, or refused")
        return self


class _Profile(Table):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    models: _Text = _PROFILE.models
    deviations: list[Annotated[_Text, AfterValidator(_deviation)]] = Field(default_factory=list)
    authoritative: list[_Path] = Field(default_factory=list)
    protected: list[_Path] = Field(default_factory=list)
    system_entries: _Nodes = Field(default_factory=list)
    confirm_within: _SecondsOrNone = _PROFILE.confirm_within
    max_message_bytes: Annotated[int, Field(ge=1 << 16, le=(1 << 31) - 1)] = _PROFILE.max_message_bytes
    timeouts: _Timeouts = Field(default_factory=_Timeouts)
    gnmi: _Gnmi = Field(default_factory=_Gnmi)
    netconf: _Netconf = Field(default_factory=_Netconf)
    write: _Write = Field(default_factory=_Write)
    likeness: _Likeness = Field(default_factory=_Likeness)


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
    """One profile, deviations as absolute file names. Raises InputError naming file and key of every mistake."""
    try:
        read = _Profile.model_validate(read_toml(file), context=file.parent)
    except ValidationError as error:
        raise InputError.of(problems_of(error, file)) from error
    return _profile(read)


def _profile(read: _Profile) -> Profile:
    gnmi, netconf, write, likeness = read.gnmi, read.netconf, read.write, read.likeness
    return Profile(
        name=read.name,
        models=read.models,
        deviations=tuple(read.deviations),
        authoritative=tuple(read.authoritative),
        protected=tuple(read.protected),
        system_entries=tuple(read.system_entries),
        timeouts=Timeouts(read.timeouts.connect, read.timeouts.read, read.timeouts.write),
        max_message_bytes=read.max_message_bytes,
        confirm_within=read.confirm_within,
        gnmi=GnmiTraits(gnmi.encoding, gnmi.origin, gnmi.prefix, gnmi.names, gnmi.read, gnmi.commit),
        netconf=NetconfTraits(
            handler=netconf.handler,
            confirmed_commit=netconf.confirmed_commit,
            operations=tuple((name, text.strip()) for name, text in sorted(netconf.operations.items())),
            sessions=netconf.sessions,
            lock=netconf.lock,
        ),
        write=WriteTraits(
            write.shape, write.replace, tuple(write.first), tuple(write.before), write.settle, write.in_force
        ),
        likeness=Likeness(
            defaults=tuple(likeness.defaults.items()),
            omits_defaults=likeness.omits_defaults,
            explicit=tuple(likeness.explicit),
            unsupported=tuple(likeness.unsupported),
            omitted=tuple(likeness.omitted),
            secrets=tuple(likeness.secrets),
            secrets_anew=tuple(likeness.secrets_anew),
            aliases=tuple(Alias(one.path, one.key, one.name, one.device_name) for one in likeness.alias),
            interface_refs=likeness.interface_refs,
            attach_default=likeness.attach_default,
        ),
    )
