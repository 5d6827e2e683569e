"""Kinds of simulated switches: named sets of quirks and protocol settings, one file each in config/simulator.

Read by simulation files (`kind = "..."`) and by the command that lists them. Knows nothing of what quirks do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fabricd.errors import InputError, Problem
from fabricd.settings import data_folder
from fabricd.simulator.quirks import Quirks
from fabricd.toml_file import place, problems_of, read_toml


@dataclass(frozen=True, slots=True)
class SwitchKind:
    """One kind. `quirks` and `settings` are the tables of its file; `settings` are keys of [[switch]]."""

    name: str
    description: str
    quirks: dict[str, Any]
    settings: dict[str, Any]

    def applied(self, switch: dict[str, Any]) -> dict[str, Any]:
        """A [[switch]] table with what the kind says where the table says nothing, quirk by quirk."""
        own = switch.get("quirks", {})
        if isinstance(own, Quirks):
            own = own.model_dump(exclude_unset=True)
        # What is no table is left to whoever checks the table as a whole.
        quirks = {**self.quirks, **own} if isinstance(own, dict) else own
        return {**self.settings, **switch, "quirks": quirks}


def kind_names() -> tuple[str, ...]:
    """The names of all kinds."""
    return tuple(sorted(file.stem for file in _folder().glob("*.toml")))


@cache
def kind_called(name: str) -> SwitchKind:
    """The kind of that name. Raises InputError for one that is not there, or whose file is wrong."""
    if name not in kind_names():
        raise InputError(f"there is no kind {name!r}, there are {', '.join(kind_names())}")
    file = _folder() / f"{name}.toml"
    content = read_toml(file)
    description, quirks = content.pop("description", ""), content.pop("quirks", {})
    if not description or not isinstance(description, str):
        raise InputError.of([Problem("a text is needed", path=place(file, "description"))])
    try:
        Quirks.model_validate(quirks)
    except ValidationError as error:
        raise InputError.of(problems_of(error, file, "quirks")) from error
    return SwitchKind(name, description, quirks, content)


def _folder() -> Path:
    return data_folder("config") / "simulator"
