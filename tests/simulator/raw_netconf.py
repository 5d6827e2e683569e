"""A bare NETCONF client for tests: an SSH channel, bytes in and out, framing by hand."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncssh
from lxml import etree

from fabricd.simulator import Simulation, Switch

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
YANG = "urn:ietf:params:xml:ns:yang:1"
SECONDS = 60.0
END = b"]]>]]>"


def chunked(message: bytes, size: int = 1 << 30) -> bytes:
    """A message in chunks of `size` bytes, cut wherever that falls."""
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\n#%d\n%b" % (len(part), part) for part in parts) + b"\n##\n"


class Client:
    """One session. Sends what it is told to, byte for byte."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process
        self._pending = b""
        self.version_1_1 = False
        self._message = 0

    async def hello(self, *versions: str) -> etree._Element:
        """Read the server's hello and answer with these base versions."""
        server = await self.greeting()
        uris = "".join(f"<capability>urn:ietf:params:netconf:base:{one}</capability>" for one in versions)
        self.send(f'<hello xmlns="{NC}"><capabilities>{uris}</capabilities></hello>'.encode() + END)
        self.version_1_1 = "1.1" in versions
        return server

    async def greeting(self) -> etree._Element:
        """Read the server's hello, and say nothing."""
        return etree.fromstring(await self._read(rb"(.*?)\]\]>\]\]>"))

    def send(self, data: bytes) -> None:
        self._process.stdin.write(data)

    def framed(self, message: bytes) -> bytes:
        return chunked(message) if self.version_1_1 else message + END

    def rpc(self, content: str, attributes: str = "") -> bytes:
        """An <rpc> with a message-id of its own."""
        self._message += 1
        return f'<rpc xmlns="{NC}" message-id="{self._message}"{attributes}>{content}</rpc>'.encode()

    async def ask(self, content: str) -> etree._Element:
        """Send an operation and return the reply."""
        self.send(self.framed(self.rpc(content)))
        reply = await self.reply()
        assert reply.get("message-id") == str(self._message)
        return reply

    async def ok(self, content: str) -> None:
        reply = await self.ask(content)
        assert reply.find(f"{{{NC}}}ok") is not None, etree.tostring(reply).decode()

    async def refused(self, content: str) -> dict[str, Any]:
        """The one error of a reply."""
        reply = await self.ask(content)
        [error] = errors(reply)
        return error

    async def reply(self) -> etree._Element:
        if not self.version_1_1:
            return etree.fromstring(await self._read(rb"(.*?)\]\]>\]\]>"))
        parts = []
        while True:
            header = await self._read(rb"\n#([0-9]+|#)\n")
            if header == b"#":
                return etree.fromstring(b"".join(parts))
            parts.append(await self._exactly(int(header)))

    async def closed(self) -> None:
        """Wait until the server has closed; fails the test when it does not."""
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(asyncssh.Error):  # the connection was cut, not the channel closed
                while await self._process.stdout.read(1 << 16):
                    pass

    async def _read(self, pattern: bytes) -> bytes:
        async with asyncio.timeout(SECONDS):
            while (found := re.match(pattern, self._pending, re.DOTALL)) is None:
                await self._more()
        self._pending = self._pending[found.end() :]
        return found[1]

    async def _exactly(self, size: int) -> bytes:
        async with asyncio.timeout(SECONDS):
            while len(self._pending) < size:
                await self._more()
        data, self._pending = self._pending[:size], self._pending[size:]
        return data

    async def _more(self) -> None:
        data = await self._process.stdout.read(1 << 16)
        if not data:
            raise ConnectionError("the server closed the session")
        self._pending += data


def errors(reply: etree._Element) -> list[dict[str, Any]]:
    """rpc-errors as dictionaries; `info` maps names to texts."""
    found = []
    for error in reply.findall(f"{{{NC}}}rpc-error"):
        entry: dict[str, Any] = {etree.QName(one).localname: one.text for one in error}
        info = error.find(f"{{{NC}}}error-info")
        entry["info"] = {etree.QName(one).localname: one.text for one in info} if info is not None else {}
        found.append(entry)
    return found


def text(reply: etree._Element) -> str:
    """A reply as it came."""
    return etree.tostring(reply).decode()


def edit(config: str, more: str = "", target: str = "candidate") -> str:
    """An edit-config."""
    return f'<edit-config><target><{target}/></target>{more}<config xmlns:nc="{NC}">{config}</config></edit-config>'


@asynccontextmanager
async def ssh(simulation: Simulation, switch: Switch, **login: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection that checks the host key against the simulation's known_hosts."""
    options = {"username": "operator", "password": "secret", "client_keys": None} | login
    async with asyncssh.connect(
        switch.host, switch.netconf_port, known_hosts=str(simulation.known_hosts_file), config=None, agent_path=None,
        **options,
    ) as connection:  # fmt: skip
        yield connection


@asynccontextmanager
async def session(simulation: Simulation, switch: Switch, *versions: str, **login: Any) -> AsyncIterator[Client]:
    """A session that has said hello (with 1.0 and 1.1 unless told otherwise)."""
    async with ssh(simulation, switch, **login) as connection:
        process = await connection.create_process(subsystem="netconf", encoding=None)
        client = Client(process)
        await client.hello(*(versions or ("1.0", "1.1")))
        yield client
