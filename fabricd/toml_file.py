"""Configuration files in TOML, read into pydantic models with every mistake named by file and key.

Called by settings, inventory, profiles and simulation. Must not know what the keys mean.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from fabricd.errors import InputError, Problem

MAXIMUM_BYTES = 64 << 20


class Table(BaseModel):
    """A TOML table whose unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def read_toml(path: Path) -> dict[str, Any]:
    """The document in `path`. Raises InputError naming the file (and line) when it cannot be read."""
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise InputError(f"{path}: larger than {MAXIMUM_BYTES >> 20} MB")
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {error}") from error


def place(file: Path, *keys: object) -> str:
    """`inventory.toml: device.leaf1.port`, the `path` of a Problem."""
    dotted = ".".join(str(key) for key in keys if key != "")
    return f"{file}: {dotted}" if dotted else str(file)


def problems_of(error: ValidationError, file: Path, *keys: object, device: str = "") -> Iterable[Problem]:
    """One Problem for each mistake pydantic found, its keys below `keys`. Values are left out: they may be secret."""
    for one in error.errors(include_url=False, include_input=False):
        where = [key for key in one["loc"] if key != "[key]"]  # pydantic's mark for a key that is the mistake
        message = "unknown key" if one["type"] == "extra_forbidden" else one["msg"].removeprefix("Value error, ")
        yield Problem(message, device=device, path=place(file, *keys, *where))
