"""The models of a simulation: their outline, and the workers that parse and validate against them.

Used by datastores and both protocols. Must not know what a switch is.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import orjson

from fabricd.errors import InputError, Problem
from fabricd.schema.context import Context, SchemaFault
from fabricd.schema.features import every_feature
from fabricd.schema.models import ModelSet
from fabricd.schema.outline import Outline, outline_of
from fabricd.schema.tree import Defaults, Tree
from fabricd.simulator.cases import leave_one
from fabricd.simulator.conditions import outlived
from fabricd.simulator.differences import carry_out, differences
from fabricd.simulator.tree import Object, remove

T = TypeVar("T")
Edit = Callable[[Object], None]
EMPTY = b"{}"
_LIMIT = 128 << 20


class Engine:
    """One model set and its worker threads, shared by all switches of a simulation. A context never leaves its
    thread, and no tree outlives a call."""

    def __init__(self, models: ModelSet, outline: Outline, threads: int) -> None:
        self._models = models
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="simulator-schema")
        self._local = threading.local()
        self._contexts: list[Context] = []
        self.outline = outline

    @classmethod
    async def open(cls, models: str, threads: int, deviations: Sequence[Path] = ()) -> Engine:
        """`models` and `deviations` as in SimulationConfig. Raises InputError when they cannot be loaded."""
        chosen = ModelSet.managed()
        if models != "managed":
            chosen = every_feature(ModelSet.from_directory(Path(models).name, Path(models)))
        chosen = replace(chosen, deviations=(*chosen.deviations, *deviations))
        return cls(chosen, await asyncio.to_thread(outline_of, chosen), threads)

    def close(self) -> None:
        """Stop the workers; waits for what they are at."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    async def edited(self, config: bytes, edit: Edit, *, whole: bool, running: bytes = EMPTY) -> bytes:
        """The canonical configuration after an edit of its parsed form; the edit runs in a worker.

        `whole`: validate all of it, as for a commit; otherwise only names and types. Then what is as in `running`, and
        has lost its condition, goes. Raises InputError with the places, or whatever the edit raises.
        """

        def work() -> bytes:
            document = parse(config)
            edit(document)
            if self.outline.chooses:
                leave_one(parse(config), document, self.outline.root)
            edited = orjson.dumps(document)
            return self._settled(edited, running) if whole else self._checked(edited, whole=False)

        return await self.run(work)

    async def half(self, before: bytes, after: bytes) -> bytes:
        """The canonical configuration that has the first half of what differs, or as much less of it as is valid."""

        def work() -> bytes:
            changes = list(differences(parse(before), parse(after), self.outline.root, deep=True))
            for count in range((len(changes) + 1) // 2, 0, -1):
                tree = parse(before)
                carry_out(tree, changes[:count])
                with suppress(InputError):
                    return self._checked(orjson.dumps(tree), whole=True)
            return before

        return await self.run(work)

    async def checked(self, config: bytes, *, whole: bool, running: bytes = EMPTY) -> bytes:
        """The canonical form of a configuration; raises InputError as `edited` does."""
        return await self.run(lambda: self._settled(config, running) if whole else self._checked(config, whole=False))

    async def run(self, work: Callable[[], T]) -> T:
        """Do something long in a worker, away from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def with_defaults(self, data: Object, defaults: Defaults) -> Object:
        """Data (configuration, or configuration and state) with its default values as RFC 6243 has them; to be called
        in a worker."""
        if defaults is Defaults.EXPLICIT:
            return data
        with Tree.parse(self._context(), orjson.dumps(data), limit=_LIMIT, state=True) as tree:
            return parse(tree.print(defaults=defaults))

    def _context(self) -> Context:
        """That of this worker."""
        context: Context | None = getattr(self._local, "context", None)
        if context is None:
            context = self._local.context = Context(self._models)
            self._contexts.append(context)
        return context

    def _settled(self, config: bytes, running: bytes) -> bytes:
        """A configuration that is checked as a whole, without what goes by itself."""
        while True:
            try:
                return self._checked(config, whole=True)
            except InputError as error:
                document = parse(config)
                gone = outlived(self.outline, error, document, parse(running))
                if not gone:
                    raise
                for place in gone:
                    remove(document, place.steps)
                config = orjson.dumps(document)

    def _checked(self, config: bytes, *, whole: bool) -> bytes:
        try:
            with Tree.parse(self._context(), config, limit=_LIMIT) as tree:
                if whole:
                    tree.validate()
                return tree.canonical()
        except SchemaFault:
            # The context is spent; the next call gets a new one.
            self._local.context = None
            raise


def parse(config: bytes) -> Object:
    """The parsed form. Raises InputError for what is not a JSON object."""
    try:
        document = orjson.loads(config)
    except orjson.JSONDecodeError as error:
        raise InputError.of([Problem(error.msg, line=error.lineno, column=error.colno)]) from error
    if not isinstance(document, dict):
        raise InputError("a configuration is a JSON object")
    return document
