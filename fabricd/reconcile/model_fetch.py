"""The models that a device itself hands out: which they are, and their texts with everything that they need.

Called by northbound, which installs what was gathered. Reads devices only; must not know NETCONF.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fabricd.errors import DeviceProtocolError, DeviceRefusedError, InputError
from fabricd.schema import ModelSet
from fabricd.schema.features import possible_features
from fabricd.schema.module_files import ModuleFile, Pile
from fabricd.schema.module_text import ModuleText, Needed, read_module_text
from fabricd.southbound.sessions import Sessions

_MOST_ASKED = 20_000  # modules and submodules; ten times what the largest router has


class Listed(Protocol):
    """A module as a device lists it. `features` are those that it has enabled, `deviations` names the modules that
    deviate it, `submodules` are (name, revision)."""

    @property
    def name(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def implemented(self) -> bool: ...
    @property
    def features(self) -> tuple[str, ...]: ...
    @property
    def deviations(self) -> tuple[str, ...]: ...
    @property
    def submodules(self) -> tuple[tuple[str, str], ...]: ...


class Offered(Protocol):
    """A text that a device lists as one that it hands out; `format` is yang, yin, ..."""

    @property
    def name(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def format(self) -> str: ...


@runtime_checkable
class TellsModels(Protocol):
    """A Target that knows the text of its device's models. Raises DeviceError."""

    async def modules(self) -> Sequence[Listed]: ...
    async def schemas(self) -> Sequence[Offered]: ...
    async def schema_text(self, name: str, revision: str = "") -> str: ...


@dataclass(frozen=True, slots=True)
class Gathering:
    """How far it is: `done` of `total` modules, `step` is the one being asked for."""

    done: int
    total: int
    step: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything a device handed out. `modules` it implements, `deviations` change them; `features` are those that it
    has enabled, by module, the modules that deviate others left out; `missing` are NAME@REVISION of what it names, or
    what its modules need, and does not hand out, and MODULE:FEATURE of what their texts do not have."""

    files: tuple[ModuleFile, ...]
    modules: tuple[str, ...]
    deviations: tuple[str, ...]
    features: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...]


class ModelFetches:
    """Asks for one text at a time and lets go of the device in between, so that reconciling goes on."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def gather(self, device: str) -> AsyncGenerator[Gathering | Gathered, None]:
        """Progress, and Gathered as the last item.

        Raises InputError for a device that speaks of its models' names only (gNMI), DeviceProtocolError for one that
        gives another module than it was asked for, or what is no YANG; DeviceError when it cannot be asked.
        """
        yield Gathering(0, 0, "asking for the list of modules")
        async with self._sessions.open(device) as target:
            if not isinstance(target, TellsModels):
                raise InputError(
                    f"{device} tells the names of its models only, not their text: install a model set from files, and "
                    f"see `fabricctl models check {device}`"
                )
            search = _Search(device, await target.modules(), await target.schemas())
        while search.waiting:
            wanted = search.waiting[0]
            yield Gathering(search.done, search.done + len(search.waiting), wanted.name)
            text = await self._text(device, wanted)
            # Reading a large module takes a while, and a device chooses how large it is.
            await asyncio.to_thread(search.take, text)
        yield search.result()

    async def _text(self, device: str, wanted: Needed) -> str | None:
        try:
            async with self._sessions.open(device) as target:
                if not isinstance(target, TellsModels):
                    raise DeviceRefusedError("the device speaks another protocol now", device=device)
                return await target.schema_text(wanted.name, wanted.revision)
        except DeviceRefusedError:
            return None


class _Search:
    """What is still to be asked for, and what came. Owned by one gathering."""

    def __init__(self, device: str, listed: Sequence[Listed], offered: Sequence[Offered]) -> None:
        self._device = device
        self._listed = listed
        self._revisions = {one.name: one.revision for one in offered if one.format == "yang"}
        self._revisions |= {name: revision for one in listed for name, revision in one.submodules}
        self._revisions |= {one.name: one.revision for one in listed}
        # One that is implemented counts before one that is there for its types only.
        self._revisions |= {one.name: one.revision for one in listed if one.implemented}
        self.waiting: deque[Needed] = deque()
        self._asked: set[Needed] = set()
        self._pile = Pile()
        self._heads: dict[str, ModuleText] = {}
        self._missing: list[str] = []
        for one in listed:
            self._want(Needed(one.name, one.revision))
            for submodule in one.submodules:
                self._want(Needed(*submodule))
            for deviation in one.deviations:
                self._want(Needed(deviation))

    @property
    def done(self) -> int:
        return len(self._asked) - len(self.waiting)

    def take(self, text: str | None) -> None:
        """The answer for the first one that waits; None: the device refused. Raises DeviceProtocolError."""
        wanted = self.waiting[0]
        label = f"{wanted.name}@{wanted.revision}" if wanted.revision else wanted.name
        if text is None:
            self._missing.append(label)
        else:
            head = self._head(wanted, label, text)
            for needed in (*head.imports, *head.includes):
                self._want(needed)
        self.waiting.popleft()

    def _head(self, wanted: Needed, label: str, text: str) -> ModuleText:
        source = f"{self._device}: {label}"
        data = text.strip().encode()
        try:
            self._pile.add(source, data)
            head = read_module_text(data, source=source)
        except InputError as error:
            raise DeviceProtocolError(f"the device hands out as {label} what is no module: {error}") from error
        if head.name != wanted.name or (wanted.revision and head.revision != wanted.revision):
            given = f"{head.name}@{head.revision}" if head.revision else head.name
            raise DeviceProtocolError(f"asked for module {label}, the device gives {given}", device=self._device)
        self._heads[head.name] = head
        return head

    def _want(self, needed: Needed) -> None:
        exact = needed if needed.revision else Needed(needed.name, self._revisions.get(needed.name, ""))
        if exact not in self._asked:
            if len(self._asked) >= _MOST_ASKED:
                message = f"the device names more than {_MOST_ASKED} modules, or its modules need that many"
                raise DeviceProtocolError(message, device=self._device)
            self._asked.add(exact)
            self.waiting.append(exact)

    def result(self) -> Gathered:
        deviations = {name for one in self._listed for name in one.deviations}
        there = {name for name, head in self._heads.items() if not head.belongs_to}
        implemented = {one.name for one in self._listed if one.implemented}
        named = {one.name: one.features for one in self._listed if one.implemented and one.name in there}
        try:
            features = dict(possible_features(self._heads.values(), named, named))
        except InputError as error:
            raise DeviceProtocolError(f"the device hands out modules that cannot be: {error}") from error
        self._missing += (
            f"{module}:{name}" for module in named for name in named[module] if name not in features.get(module, ())
        )
        return Gathered(
            files=tuple(self._pile.files),
            modules=ModelSet.in_order((implemented - deviations) & there),
            deviations=tuple(sorted(deviations & there)),
            features={name: features.get(name, ()) for name in there if not self._heads[name].deviates},
            missing=tuple(sorted(self._missing)),
        )
