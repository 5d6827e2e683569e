"""Which daemon a command speaks to: the connection options, and device names for shell completion.

Used by fabricctl. Knows the client; nothing of what is asked of the daemon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fabricd.cli.terminal import Color, Terminal
from fabricd.client import Client, Tls
from fabricd.errors import FabricdError, InputError

T = TypeVar("T")

# With their value; they may stand before or after the command.
_HOISTED = ("--address", "--ca", "--cert", "--key", "--server-name", "--color")
_FLAGS = ("--insecure",)
_COMPLETION_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Connection:
    """The options that all commands share."""

    address: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""
    insecure: bool = False
    color: Color = Color.AUTO

    @property
    def terminal(self) -> Terminal:
        return Terminal(self.color)

    def client(self) -> Client:
        """Raises InputError when some but not all of the TLS files were given."""
        files = [file for file in (self.ca, self.certificate, self.key) if file]
        if files and len(files) < 3:
            raise InputError("--ca, --cert and --key go together")
        tls = Tls(self.ca, self.certificate, self.key, self.server_name) if self._has_tls() else None  # type: ignore[arg-type]
        return Client.connect(self.address, tls=tls, insecure=self.insecure)

    def _has_tls(self) -> bool:
        return bool(self.ca and self.certificate and self.key)

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Do `work` with a client, then close it."""

        async def connected() -> T:
            async with self.client() as client:
                return await work(client)

        return asyncio.run(connected())

    def device_names(self) -> list[str]:
        """For completion: quickly, or nothing."""

        async def names(client: Client) -> list[str]:
            status = await client.status(timeout=_COMPLETION_TIMEOUT)
            return [device.device for device in status.devices]

        try:
            return self.run(names)
        except FabricdError:
            return []


def rejoin_completion(environment: MutableMapping[str, str]) -> None:
    """Mend what bash says of the line to complete: it takes unix:/path and host:port for three words each."""
    try:
        words, current = environment["COMP_WORDS"].split("\n"), int(environment["COMP_CWORD"])
    except (KeyError, ValueError):
        return
    joined: list[str] = []
    place = current
    for number, word in enumerate(words):
        if joined and (word == ":" or joined[-1].endswith(":")):
            joined[-1] += word
            place -= number <= current
        else:
            joined.append(word)
    environment["COMP_WORDS"], environment["COMP_CWORD"] = "\n".join(joined), str(place)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The arguments with the connection options first, so that they may be written after the command too.

    What follows `--` is left alone.
    """
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in _HOISTED:
            front.append(argument)
            front += [value for value in [next(remaining, None)] if value is not None]
        elif argument in _FLAGS or argument.partition("=")[0] in _HOISTED:
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest
