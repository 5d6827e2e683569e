"""The installed fabricctl in a folder of its own, with the address of a daemon in its environment."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from northbound_harness import COMMANDS, DEADLINE, Service, interfaces

from fabricd.simulator import Simulation


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in a folder, with the daemon's address in the environment."""

    folder: Path
    service: Service
    simulation: Simulation

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FABRICD_", "NO_COLOR"))}
        return {**kept, "FABRICD_ADDRESS": self.service.address, "TERM": "xterm-256color"}

    async def start(self, *arguments: str, **options: Any) -> asyncio.subprocess.Process:
        options = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE, **options}
        environment = {**self.environment, **options.pop("environment", {})}
        return await asyncio.create_subprocess_exec(
            COMMANDS / "fabricctl", *arguments, cwd=self.folder, env=environment, **options
        )

    async def run(self, *arguments: str, given: bytes = b"", **environment: str) -> Ran:
        process = await self.start(*arguments, stdin=asyncio.subprocess.PIPE, environment=environment)
        async with asyncio.timeout(DEADLINE):
            out, err = await process.communicate(given)
        assert process.returncode is not None
        assert b"Traceback" not in err
        return Ran(process.returncode, out.decode(), err.decode())

    def write(self, device: str, **content: Any) -> str:
        file = self.folder / f"{device}.yaml"
        file.write_bytes(interfaces(device, **content).content)
        return file.name
