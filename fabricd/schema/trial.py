"""Whether a model set loads, tried in a process of its own: what it does to libyang there harms nobody here.

Called by reconcile/model_sets with modules that nobody has loaded before; `main` is the other process.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

import orjson

from fabricd.errors import InputError
from fabricd.schema.context import SchemaFault
from fabricd.schema.models import ModelSet
from fabricd.schema.schema import Schema

_CODE = str(Path(__file__).resolve().parents[2])  # where this package was loaded from
_MEMORY = 4 << 30  # bytes of address space; a full OpenConfig release takes a tenth


async def load_elsewhere(models: ModelSet, *, within: float) -> tuple[tuple[str, str], ...]:
    """The modules that are implemented then, as Schema.modules tells them.

    Raises InputError when the modules do not load, crash what loads them, or take longer than `within` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        # -P: nothing that lies about in the current folder is taken for a module of Python.
        sys.executable, "-P", "-m", __name__,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_CODE, os.environ.get("PYTHONPATH", ""))))},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(within):
            answer, _ = await process.communicate(_packed(models))
    except TimeoutError as error:
        raise InputError(f"model set {models.name}: the modules do not load within {within:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise InputError(f"model set {models.name}: loading the modules ended in a crash ({process.returncode})")
    told = orjson.loads(answer)
    if told["error"]:
        raise InputError(told["error"])
    return tuple((name, revision) for name, revision in told["modules"])


def _packed(models: ModelSet) -> bytes:
    return orjson.dumps(
        {
            "name": models.name,
            "directories": [str(one) for one in models.directories],
            "modules": models.modules,
            "deviations": [str(one) for one in models.deviations],
            "features": models.features,
        }
    )


def _unpacked(data: bytes) -> ModelSet:
    fields = orjson.loads(data)
    return ModelSet(
        fields["name"],
        tuple(map(Path, fields["directories"])),
        tuple(fields["modules"]),
        tuple(map(Path, fields["deviations"])),
        features=tuple((module, tuple(names)) for module, names in fields["features"]),
    )


def main() -> None:
    """Load the set described on standard input; say on standard output what is implemented, or why it does not load."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer: dict[str, object] = {"error": "", "modules": ()}
    try:
        with Schema(_unpacked(sys.stdin.buffer.read())) as schema:
            answer["modules"] = schema.modules()
    except (InputError, SchemaFault) as error:
        answer["error"] = error.message
    sys.stdout.buffer.write(orjson.dumps(answer))


if __name__ == "__main__":
    main()
