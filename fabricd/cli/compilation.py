"""Documents to device trees without a daemon, by the daemon's own code: what offline commands work with.

Called by cli/offline, which imports it only when it is needed: it brings libyang and networkx along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import orjson

from fabricd.errors import InputError, Problem
from fabricd.intent import Document, Draft, compile_device, parse_documents, read_draft
from fabricd.intent.documents import DocumentFormat, DraftKind
from fabricd.intent.fabric import pools
from fabricd.intent.fabric.compile import CompiledFabric, compile_fabric
from fabricd.intent.fabric.document import read_draft_fabric, read_fabric
from fabricd.intent.fabric.paths import ComputedPath, compute_paths
from fabricd.intent.fabric.resolve import resolve
from fabricd.intent.fabric.resolved import Allocations, ResolvedFabric
from fabricd.intent.fabric.values import Fabric
from fabricd.model.device import Device, Profile, Protocol
from fabricd.model.intent import ConfigIntent
from fabricd.model.path import Path as DataPath
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.schema import ModelSet, Schema
from fabricd.settings import ReconcileSettings, data_folder
from fabricd.southbound.profiles import load_profiles

T = TypeVar("T")
_FORMATS = {pb.FORMAT_JSON: DocumentFormat.JSON, pb.FORMAT_YAML: DocumentFormat.YAML}
_USUAL_PROFILE = "openconfig"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(slots=True)
class Compiled:
    """Everything that came out of the documents. `trees` are the bytes that a daemon without history would store."""

    trees: dict[str, bytes] = field(default_factory=dict)
    fabrics: dict[str, CompiledFabric] = field(default_factory=dict)
    configs: int = 0
    problems: list[Problem] = field(default_factory=list)


def compile_documents(read: Iterable[pb.Document], numbers: Mapping[str, Allocations] | None = None) -> Compiled:
    """All documents compiled, merged by priority and validated, for the models that ship with fabricd.

    `numbers` are those handed out before, by fabric. Problems of one part do not hide those of others.
    """
    found = Compiled()
    nothing: tuple[Draft, ...] = ()
    drafts = _caught(found.problems, partial(_drafts, read), nothing)
    intents: dict[str, list[ConfigIntent]] = {}
    profiles: dict[str, str] = {}
    with Schema(ModelSet.managed()) as schema:
        for draft in drafts:
            if draft.kind is DraftKind.FABRIC:
                compiled = _caught(found.problems, partial(_fabric, draft, numbers or {}), None)
                if compiled is None:
                    continue
                found.fabrics[draft.name] = compiled
                for name, tree in compiled.trees.items():
                    profiles.setdefault(name, compiled.resolved.devices[name].profile)
                    claims = tuple(map(DataPath.parse, compiled.claims[name]))
                    layer = ConfigIntent(draft.name, (name,), tree, draft.owner, draft.priority, claims)
                    intents.setdefault(name, []).append(layer)
            else:
                intent = _caught(found.problems, partial(read_draft, schema, draft), None)
                if intent is None:
                    continue
                found.configs += 1
                for name in draft.devices:
                    intents.setdefault(name, []).append(intent)
        known = load_profiles(data_folder("config") / "profiles")
        for name, layers in sorted(intents.items()):
            profile = known.get(profiles.get(name, "")) or known.get(_USUAL_PROFILE) or Profile(_USUAL_PROFILE)
            device = Device(name, "", 0, Protocol.GNMI, profile)
            desired = _caught(found.problems, partial(compile_device, schema, device, layers, 1), None)
            if desired is not None:
                found.trees[name] = desired.config
    found.problems += _unwritable(found.trees)
    return found


def one_fabric(read: Iterable[pb.Document]) -> tuple[Draft, Fabric]:
    """The only fabric of the documents. Raises InputError when there is none, or more than one."""
    drafts = [draft for draft in _drafts(read) if draft.kind is DraftKind.FABRIC]
    if len(drafts) != 1:
        named = ", ".join(draft.name for draft in drafts)
        raise InputError(
            f"one fabric is wanted, and there are {len(drafts)}: {named}" if drafts else "there is no fabric"
        )
    with Schema(ModelSet.fabric()) as schema:
        return drafts[0], read_draft_fabric(schema, drafts[0])[0]


def resolved_fabric(draft: Draft, fabric: Fabric) -> ResolvedFabric:
    """With numbers and addresses, but not checked: what is not right yet can be looked at. Raises InputError."""
    return _located(draft, lambda: resolve(fabric, Allocations()))


def paths_of(draft: Draft, resolved: ResolvedFabric) -> tuple[ComputedPath, ...]:
    return _located(draft, lambda: compute_paths(resolved))


def checked_fabric(draft: Draft, fabric: Fabric) -> ResolvedFabric:
    """As switches will be told: checked and steered. Raises InputError."""
    return _located(draft, lambda: compile_fabric(fabric)).resolved


def fabric_of_revision(told: pb.GetRevisionResponse, name: str = "") -> ResolvedFabric:
    """The fabric of a revision, with the numbers that it has. Raises InputError when there is none of that name, or
    several and no name."""
    fabrics = {one.name: one for one in told.intents if one.kind == "fabric" and name in ("", one.name)}
    if len(fabrics) != 1:
        number = told.revision.number
        several = f"revision {number} has several fabrics, name one: {', '.join(sorted(fabrics))}"
        none = f"revision {number} has no fabric{f' {name!r}' if name else ''}"
        raise InputError(several if fabrics else none)
    (intent,) = fabrics.values()
    with Schema(ModelSet.fabric()) as schema:
        fabric, _ = read_fabric(schema, intent.fabric_json.encode(), name=intent.name)
    return compile_fabric(fabric, pools.load(intent.allocations_json.encode())).resolved


def read_numbers(file: Path) -> dict[str, Allocations]:
    """Numbers handed out before, by fabric; none when there is no such file. Raises InputError."""
    if not file.exists():
        return {}
    try:
        plain = orjson.loads(file.read_bytes())
        return {name: Allocations(one["held"], one["released"]) for name, one in plain.items()}
    except OSError as error:
        raise InputError.of([Problem(error.strerror or str(error), path=str(file))]) from error
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise InputError.of([Problem("is no file of numbers that compile has written", path=str(file))]) from error


def numbers_of(found: Compiled) -> bytes:
    """The text of that file: indented, because people keep it in a repository."""
    plain = {
        name: {"held": one.resolved.allocations.held, "released": one.resolved.allocations.released}
        for name, one in found.fabrics.items()
    }
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _drafts(read: Iterable[pb.Document]) -> tuple[Draft, ...]:
    documents = [Document(one.source, one.content, _FORMATS.get(one.format)) for one in read]
    return parse_documents(documents, max_bytes=ReconcileSettings().document_max_bytes, kinds=tuple(DraftKind))


def _fabric(draft: Draft, numbers: Mapping[str, Allocations]) -> CompiledFabric:
    with Schema(ModelSet.fabric()) as schema:
        fabric, _ = read_draft_fabric(schema, draft)
    return _located(draft, lambda: compile_fabric(fabric, numbers.get(draft.name, Allocations())))


def _located(draft: Draft, work: Callable[[], T]) -> T:
    """Problems get the file and line of the draft where they are about its content, else its name."""
    try:
        return work()
    except InputError as error:
        raise InputError.of(draft.located(problem) for problem in error.problems) from error


def _caught(problems: list[Problem], work: Callable[[], T], otherwise: T) -> T:
    try:
        return work()
    except InputError as error:
        problems += error.problems
        return otherwise


def _unwritable(names: Sequence[str] | Mapping[str, bytes]) -> Iterable[Problem]:
    return (Problem("cannot be the name of a file", device=name) for name in names if not _FILE_NAME.fullmatch(name))
