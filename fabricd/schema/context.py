"""One libyang context with the modules of one model set, and what went wrong in it.

Made by Schema, used by every file that reads or writes trees. Belongs to one thread at a time.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from fabricd.errors import FabricdError, InputError, Problem
from fabricd.schema import raw, raw_context
from fabricd.schema.models import ModelSet
from fabricd.schema.nodes import SchemaNodes
from fabricd.schema.references import References


class SchemaFault(FabricdError):  # noqa: N818 (a fault is not an error of whoever called)
    """libyang failed in a way that no input explains (out of memory, an internal error). The context is spent."""

    code = "INTERNAL"


class Context:
    """Owner of a ly_ctx. Raises InputError when the modules do not load or compile."""

    def __init__(self, models: ModelSet) -> None:
        self.models = models
        self.pointer: Any = raw_context.new_context([str(folder) for folder in models.directories])
        if self.pointer is None:
            raise SchemaFault(f"model set {models.name}: no libyang context could be made")
        try:
            self._load()
        except BaseException:
            self.close()
            raise
        self.nodes = SchemaNodes(self.pointer)

    def _load(self) -> None:
        features = dict(self.models.features)
        for name in self.models.modules:
            if not raw_context.load_module(self.pointer, name, features.get(name, ())):
                raise self._refused(f"module {name} does not load")
        for file in self.models.deviations:
            if not raw_context.load_file(self.pointer, str(file)):
                raise self._refused(f"deviations {file.name} do not load")
        if not raw_context.compile_context(self.pointer):
            raise self._refused("the modules do not compile")

    def _refused(self, what: str) -> InputError:
        found = self.faults()
        # The first fault is the cause; those after it say that something that needed it failed too.
        reason = found[0].message if found else "no reason given"
        where = f" ({found[0].path})" if found and found[0].path else ""
        return InputError(f"model set {self.models.name}: {what}: {reason}{where}")

    @property
    def context(self) -> Context:
        return self

    def close(self) -> None:
        if self.pointer is not None:
            raw_context.destroy_context(self.pointer)
            self.pointer = None

    @cached_property
    def references(self) -> References:
        """Which leaves refer to which."""
        return References.of(self.nodes)

    def faults(self) -> list[raw.Fault]:
        """What libyang has to say since it was last asked. Raises SchemaFault when it is not about the input."""
        found = raw.faults(self.pointer)
        for fault in found:
            if fault.fatal:
                raise SchemaFault(fault.message, path=fault.path)
        return found

    def problems(self) -> tuple[Problem, ...]:
        """The same as Problems with data paths."""
        return tuple(
            Problem(fault.message, path=fault.path, line=fault.line, rule=fault.rule) for fault in self.faults()
        )

    def fault(self, doing: str) -> SchemaFault:
        """The error for a call that cannot fail by what was given to it."""
        found = raw.faults(self.pointer)
        return SchemaFault(f"libyang failed {doing}: {found[-1].message if found else 'no reason given'}")
