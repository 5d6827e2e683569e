"""Submitted documents: from the bytes of a file to drafts of intents, every mistake with its line and column.

Called by reconcile/submission, in a worker thread. Pure; must not know the store, devices or model sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric import notation
from fabricd.intent.values import Loaded, Place, load_json, load_yaml
from fabricd.model.path import Path

YAML_MAX_BYTES = 2 << 20
"""YAML is read a hundred times slower than JSON: beyond this it is refused, so that nobody waits for minutes."""


class DocumentFormat(StrEnum):
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Document:
    """One file as submitted. `source` is its name, for messages; `format` None: JSON if it starts with '{' or '[',
    else YAML."""

    source: str
    content: bytes = field(repr=False)
    format: DocumentFormat | None = None


class DraftKind(StrEnum):
    CONFIG = "config"
    FABRIC = "fabric"


class _AnyEnvelope(BaseModel):
    """What surrounds every intent in a document."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/@:-]*$")]
    owner: Annotated[str, Field(max_length=200)] = ""
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100


class _FabricEnvelope(_AnyEnvelope):
    kind: Literal["fabric"]
    fabric: dict[str, Any]


class _Envelope(_AnyEnvelope):
    kind: Literal["config", "fabric"]
    devices: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    replace: bool | list[str] = False
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """An intent as written, not yet read by a schema. `replace` True: every top-level container in `config`.

    Of a fabric, `config` is what stands under `fabric`, in any notation (intent/fabric/notation); it names no devices.
    """

    name: str
    devices: tuple[str, ...]
    config: bytes = field(repr=False)
    owner: str = ""
    priority: int = 100
    replace: bool | tuple[Path, ...] = False
    source: str = ""
    places: Mapping[Place, tuple[int, int]] = field(default_factory=dict, repr=False)
    kind: DraftKind = DraftKind.CONFIG

    def located(self, problem: Problem) -> Problem:
        """The same problem with this intent's name, and line and column where the source is known."""
        line, column = self._place(problem.path)
        return replace(
            problem, intent=f"{self.source}: {self.name}" if self.source else self.name, line=line, column=column
        )

    def sets(self, path: str) -> bool:
        """Whether this intent itself says something at that data path."""
        return self._find(path)[1]

    def _place(self, path: str) -> tuple[int, int]:
        if not self.places:
            return 0, 0
        return self.places.get(self._find(path)[0] if path.startswith("/") else (path,), (0, 0))

    def _find(self, path: str) -> tuple[Place, bool]:
        """The place of the node at a data path, or of the nearest one above it; and whether it is the node itself."""
        value, place = orjson.loads(self.config), (str(self.kind),)  # type: tuple[Any, Place]
        try:
            segments = Path.parse(path).segments
        except InputError:
            return place, False
        if self.kind is DraftKind.FABRIC:
            below, found = notation.locate(value, segments[1:])
            return (*place, *below), found
        for segment in segments:
            names = value if isinstance(value, dict) else {}
            name = next((key for key in names if key.rpartition(":")[2] == segment.name), None)
            if name is None:
                return place, False
            value, place = names[name], (*place, name)
            if isinstance(value, list) and (segment.keys or segment.value is not None):
                value, place = _entry(value, place, segment.keys, segment.value)
                if isinstance(value, list):
                    return place, False
        return place, bool(segments)


def parse_documents(
    documents: Sequence[Document], *, max_bytes: int, kinds: Collection[DraftKind] = (DraftKind.CONFIG,)
) -> tuple[Draft, ...]:
    """All intents of all documents, in order. Other kinds than `kinds` are refused.

    Raises InputError naming every problem of the first document that cannot be read, or of all envelopes; a name
    that occurs twice is refused. `max_bytes` bounds each document, and is checked before anything is parsed.
    """
    for document in documents:
        if len(document.content) > max_bytes:
            message = f"{len(document.content)} bytes; a document may have {max_bytes} (reconcile.document_max_bytes)"
            raise InputError.of((Problem(message, intent=document.source),))
    drafts: list[Draft] = []
    problems: list[Problem] = []
    for document in documents:
        for loaded in _load(document):
            draft = _draft(loaded, document.source)
            if not isinstance(draft, Draft):
                problems += draft
            elif draft.kind in kinds:
                drafts.append(draft)
            else:
                taken = " and ".join(f"{kind} intents" for kind in kinds)
                problems.append(draft.located(Problem(f"only {taken} are taken here", path="kind")))
    problems += _twice(drafts)
    if problems:
        raise InputError.of(problems)
    return tuple(drafts)


def _load(document: Document) -> Iterator[Loaded]:
    try:
        text = document.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8: byte {error.start + 1} is {document.content[error.start]:#04x}"
        raise InputError.of((Problem(message, intent=document.source),)) from error
    kind = document.format or (DocumentFormat.JSON if text.lstrip().startswith(("{", "[")) else DocumentFormat.YAML)
    if kind is DocumentFormat.YAML:
        if len(document.content) > YAML_MAX_BYTES:
            message = f"{len(document.content)} bytes of YAML; above {YAML_MAX_BYTES} write it as JSON"
            raise InputError.of((Problem(message, intent=document.source),))
        found = load_yaml(text, document.source)
        if not found:
            raise InputError.of((Problem("the document is empty", intent=document.source),))
        yield from found
    else:
        loaded = load_json(text, document.source)
        yield from (map(Loaded, loaded.value) if isinstance(loaded.value, list) else (loaded,))


def _draft(loaded: Loaded, source: str) -> Draft | list[Problem]:
    if isinstance(loaded.value, dict) and loaded.value.get("kind") == DraftKind.FABRIC:
        return _fabric_draft(loaded, source)
    try:
        envelope = _Envelope.model_validate(loaded.value)
    except ValidationError as error:
        return [_envelope_problem(found["loc"], found["msg"], loaded, source) for found in error.errors()]
    try:
        claimed = envelope.replace if isinstance(envelope.replace, bool) else tuple(map(Path.parse, envelope.replace))
    except InputError as error:
        return [_envelope_problem(("replace",), error.message, loaded, source)]
    counted = Counter(envelope.devices)
    if len(counted) < len(envelope.devices):
        return [_envelope_problem(("devices",), f"{counted.most_common(1)[0][0]!r} is named twice", loaded, source)]
    return Draft(
        name=envelope.name,
        devices=tuple(envelope.devices),
        config=orjson.dumps(envelope.config),
        owner=envelope.owner,
        priority=envelope.priority,
        replace=claimed,
        source=source,
        places=loaded.places,
    )


def _fabric_draft(loaded: Loaded, source: str) -> Draft | list[Problem]:
    try:
        envelope = _FabricEnvelope.model_validate(loaded.value)
    except ValidationError as error:
        return [_envelope_problem(found["loc"], found["msg"], loaded, source) for found in error.errors()]
    return Draft(
        name=envelope.name,
        devices=(),
        config=orjson.dumps(envelope.fabric),
        owner=envelope.owner,
        priority=envelope.priority,
        source=source,
        places=loaded.places,
        kind=DraftKind.FABRIC,
    )


def _envelope_problem(place: tuple[str | int, ...], message: str, loaded: Loaded, source: str) -> Problem:
    name = loaded.value.get("name") if isinstance(loaded.value, dict) else None
    known = next(
        (loaded.places[place[:end]] for end in range(len(place), -1, -1) if place[:end] in loaded.places), (0, 0)
    )
    # A union's branches stand in pydantic's place too ("replace.bool"); people know only the key.
    path = ".".join(str(step) for step in place if step not in ("bool", "list[str]"))
    intent = (
        f"{source}: {name}" if source and isinstance(name, str) else source or (name if isinstance(name, str) else "")
    )
    return Problem(message, intent=intent, path=path, line=known[0], column=known[1])


def _twice(drafts: Sequence[Draft]) -> Iterator[Problem]:
    seen: dict[str, Draft] = {}
    for draft in drafts:
        if draft.name in seen:
            yield draft.located(
                Problem(f"the name is taken by another document ({seen[draft.name].source or 'the same file'})")
            )
        seen.setdefault(draft.name, draft)


def _entry(entries: list[Any], place: Place, keys: Sequence[tuple[str, str]], value: str | None) -> tuple[Any, Place]:
    """The list entry with these keys (or leaf-list entry with this value), or the list itself."""
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and keys:
            plain = {name.rpartition(":")[2]: inner for name, inner in entry.items()}
            if all(str(plain.get(name)) == wanted for name, wanted in keys):
                return entry, (*place, index)
        elif value is not None and str(entry) == value:
            return entry, (*place, index)
    return entries, place
