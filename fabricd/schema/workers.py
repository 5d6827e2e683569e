"""Schema work off the event loop: a few threads, each with its own contexts.

Called by the daemon's rooms with a function over a Schema. Trees and nodes never leave the thread, bytes and values do.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fabricd.schema.context import SchemaFault
from fabricd.schema.models import ModelSet
from fabricd.schema.schema import Schema

T = TypeVar("T")


class SchemaPool:
    """`threads` worker threads. A context for a model set is made in a thread when it is first needed there, and kept.

    cffi gives the interpreter lock up inside libyang, so threads with contexts of their own run side by side.
    """

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="schema")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._made: set[Schema] = set()
        self._retired: set[ModelSet] = set()

    async def run(self, models: ModelSet, work: Callable[[Schema], T]) -> T:
        """`work(schema)` in a worker thread, with the errors it raises.

        Cancelling gives up waiting: work that has not begun is dropped, work under way ends on its own and its
        result is thrown away. A context in which libyang itself failed (SchemaFault) is not used again.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._work, models, work)

    def retire(self, models: ModelSet) -> None:
        """A model set that is not used any more, with whatever deviations: each thread frees its contexts when it works
        next."""
        with self._lock:
            self._retired.add(models.undeviated)

    def _work(self, models: ModelSet, work: Callable[[Schema], T]) -> T:
        schema = self._schema(models)
        try:
            return work(schema)
        except SchemaFault:
            self._forget(models)
            raise

    def _schema(self, models: ModelSet) -> Schema:
        held: dict[ModelSet, Schema] | None = getattr(self._local, "schemas", None)
        if held is None:
            held = self._local.schemas = {}
        if self._retired:
            with self._lock:
                self._retired.discard(models.undeviated)  # one that was replaced and came back
            for gone in [one for one in held if one.undeviated in self._retired]:
                self._forget(gone)
        if models not in held:
            held[models] = Schema(models)
            with self._lock:
                self._made.add(held[models])
        return held[models]

    def _forget(self, models: ModelSet) -> None:
        schema = self._local.schemas.pop(models)
        with self._lock:
            self._made.discard(schema)
        schema.close()

    async def close(self) -> None:
        """Wait for the work under way, drop what has not begun, free every context."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
        for schema in self._made:
            schema.close()
        self._made.clear()
