"""The counters of a simulated switch's NETCONF server (RFC 6022 section 2.1.5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from lxml import etree
from netconf_documents import IF, MONITORING
from raw_netconf import END, NC, Client, edit, errors, session, ssh

from fabricd.simulator import Simulation, Switch


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        yield connected


async def test_every_message_and_session_is_counted_as_what_it_was(
    simulation: Simulation, left: Switch, client: Client
) -> None:
    wanted = f'<get><filter><netconf-state xmlns="{MONITORING}"><statistics/></netconf-state></filter></get>'

    @asynccontextmanager
    async def greeted() -> AsyncIterator[Client]:
        async with ssh(simulation, left) as connection:
            silent = Client(await connection.create_process(subsystem="netconf", encoding=None))
            await silent.greeting()
            yield silent

    async def counted() -> dict[str, int]:
        [statistics] = (await client.ask(wanted)).iter(f"{{{MONITORING}}}statistics")
        names = {etree.QName(one).localname: one.text or "" for one in statistics}
        return {name: int(text) for name, text in names.items() if name != "netconf-start-time"}

    before = await counted()
    client.send(client.framed(b"<rpc"))
    client.send(client.framed(f'<rpc xmlns="{NC}"><get/></rpc>'.encode()))
    client.send(client.framed(f'<hello xmlns="{NC}" message-id="1"/>'.encode()))
    assert [len(errors(await client.reply())) for _ in range(3)] == [1, 1, 1]
    nothing = f'<interfaces xmlns="{IF}"><nothing/><nowhere/></interfaces>'
    lldp = '<lldp xmlns="http://openconfig.net/yang/lldp"><nothing/></lldp>'
    several = await client.ask(edit(nothing + lldp, "<error-option>continue-on-error</error-option>"))
    assert len(errors(several)) == 2
    async with greeted():
        assert (await counted())["in-sessions"] == before["in-sessions"] + 1
    async with greeted() as wrong:
        wrong.send(b"<nothing/>" + END)
        await wrong.closed()
    async with session(simulation, left) as other:
        other.send(b"no chunk")
        await other.closed()
    async with session(simulation, left) as other:
        await other.ok("<close-session/>")
        await other.closed()
    async with asyncio.timeout(20):
        while (after := await counted())["dropped-sessions"] < before["dropped-sessions"] + 2:
            await asyncio.sleep(0.01)
    changes = {name: after[name] - before[name] for name in after}
    assert changes["in-bad-rpcs"] == 4
    assert changes["out-rpc-errors"] == 5
    assert changes["in-sessions"] == 4
    assert changes["in-bad-hellos"] == 1
    assert changes["dropped-sessions"] == 2
