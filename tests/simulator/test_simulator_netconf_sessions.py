"""NETCONF sessions with a simulated switch, byte by byte: hello, framing, logins, bounds, locks, kill and close."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncssh
import pytest
from netconf_documents import CANDIDATE, IF, MONITORING, RUNNING, commit, config, interface
from raw_netconf import END, NC, Client, chunked, edit, errors, session, ssh, text

from fabricd.simulator import Simulation, SimulationConfig, Switch

Configure = Callable[..., SimulationConfig]


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        yield connected


async def test_hello_tells_what_there_is_and_nothing_else(simulation: Simulation, left: Switch) -> None:
    async with ssh(simulation, left) as connection:
        client = Client(await connection.create_process(subsystem="netconf", encoding=None))
        hello = await client.hello("1.1")
        uris = [one.text or "" for one in hello.iter(f"{{{NC}}}capability")]
        protocol = {uri for uri in uris if "?" not in uri}
        assert protocol == {
            "urn:ietf:params:netconf:base:1.0",
            "urn:ietf:params:netconf:base:1.1",
            *(
                f"urn:ietf:params:netconf:capability:{name}"
                for name in ("candidate:1.0", "confirmed-commit:1.0", "confirmed-commit:1.1", "validate:1.1",
                             "rollback-on-error:1.0", "xpath:1.0", "notification:1.0", "interleave:1.0")
            ),
        }  # fmt: skip
        assert any(uri.startswith(f"{MONITORING}?module=ietf-netconf-monitoring") for uri in uris)
        assert any(uri.startswith(f"{IF}?module=openconfig-interfaces") for uri in uris)
        assert int(hello.findtext(f"{{{NC}}}session-id") or 0) > 0


@pytest.mark.parametrize("versions", [("1.0",), ("1.1",), ("1.0", "1.1")])
async def test_every_version_reads_and_writes(simulation: Simulation, left: Switch, versions: tuple[str, ...]) -> None:
    async with session(simulation, left, *versions) as client:
        await commit(client, interface(config("<mtu>9000</mtu>")))
        assert "<mtu>9000</mtu>" in text(await client.ask(RUNNING))
    assert left.value("/interfaces/interface[name=Ethernet1]/config/mtu") == 9000


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_chunk_borders_fall_anywhere(client: Client, left: Switch, size: int) -> None:
    message = client.rpc(edit(interface(config("<description>größer ✓ 漢字</description>"))))
    client.send(chunked(message, size))
    assert not errors(await client.reply())
    await client.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]/config/description") == "größer ✓ 漢字"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_bytes_may_come_one_at_a_time(simulation: Simulation, left: Switch, version: str) -> None:
    async with session(simulation, left, version) as client:
        for byte in client.framed(client.rpc(edit(interface(config("<description>ü</description>"))))):
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert not errors(await client.reply())


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_two_requests_in_one_packet_are_answered_in_order(
    simulation: Simulation, left: Switch, version: str
) -> None:
    async with session(simulation, left, version) as client:
        client.send(client.framed(client.rpc("<nonsense/>")) + client.framed(client.rpc(RUNNING)))
        first, second = await client.reply(), await client.reply()
        assert (first.get("message-id"), second.get("message-id")) == ("1", "2")
        assert errors(first)[0]["error-tag"] == "operation-not-supported"
        assert second.find(f"{{{NC}}}data") is not None


async def test_a_request_may_follow_the_hello_in_the_same_packet(simulation: Simulation, left: Switch) -> None:
    async with ssh(simulation, left) as connection:
        client = Client(await connection.create_process(subsystem="netconf", encoding=None))
        uris = "<capability>urn:ietf:params:netconf:base:1.1</capability>"
        hello = f'<hello xmlns="{NC}"><capabilities>{uris}</capabilities></hello>'
        client.send(hello.encode() + END + chunked(client.rpc(RUNNING)))
        await client._read(rb"(.*?)\]\]>\]\]>")
        client.version_1_1 = True
        assert (await client.reply()).find(f"{{{NC}}}data") is not None


async def test_every_attribute_of_a_request_comes_back_whatever_its_prefix(client: Client) -> None:
    client.send(chunked(
        f'<n:rpc xmlns:n="{NC}" xmlns:ex="urn:example" message-id="a &lt; b" ex:user="fred" more="1">'
        f"<n:get-config><n:source><n:running/></n:source></n:get-config></n:rpc>".encode()
    ))  # fmt: skip
    reply = await client.reply()
    assert dict(reply.attrib) == {"message-id": "a < b", "{urn:example}user": "fred", "more": "1"}
    assert reply.find(f"{{{NC}}}data") is not None


async def test_attributes_of_one_prefix_and_of_xml_itself_come_back_well_formed(client: Client) -> None:
    attributes = ' xml:lang="en" xmlns:a="urn:a" a:one="1" a:two="2"'
    client.send(client.framed(client.rpc("<validate><source><running/></source></validate>", attributes)))
    reply = await client.reply()
    assert dict(reply.attrib) == {
        "message-id": "1", "{http://www.w3.org/XML/1998/namespace}lang": "en", "{urn:a}one": "1", "{urn:a}two": "2",
    }  # fmt: skip


async def test_an_empty_line_may_stand_before_the_declaration(client: Client) -> None:
    """Clients in the field begin their messages so."""
    client.send(client.framed(b'\n<?xml version="1.0" encoding="utf-8"?>' + client.rpc("<discard-changes/>")))
    assert (await client.reply()).find(f"{{{NC}}}ok") is not None


async def test_malformed_xml_is_told_in_1_1_and_ends_a_1_0_session(simulation: Simulation, left: Switch) -> None:
    async with session(simulation, left, "1.1") as client:
        for broken in (b"<rpc", b"<!DOCTYPE rpc [<!ENTITY a 'b'>]><rpc/>", b"\xff\xfe"):
            client.send(chunked(broken))
            [error] = errors(await client.reply())
            assert (error["error-type"], error["error-tag"]) == ("rpc", "malformed-message")
        await client.ask(RUNNING)
    async with session(simulation, left, "1.0") as client:
        client.send(b"<rpc" + END)
        await client.closed()


@pytest.mark.parametrize(
    "broken", [b"no header", b"\n#0\n", b"\n#-1\n", b"\n#99999999999\n", b"\n##\n", b"\n#4\n<rpc\nx"]
)
async def test_broken_framing_ends_the_session(client: Client, broken: bytes) -> None:
    client.send(broken)
    [error] = errors(await client.reply())
    assert error["error-tag"] == "malformed-message"
    await client.closed()


@pytest.mark.parametrize("greeting", [
    b"<nonsense/>", b"<hello", f'<hello xmlns="{NC}"><capabilities/></hello>'.encode(),
    f'<hello xmlns="{NC}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities>'
    "<session-id>4</session-id></hello>".encode(),
])  # fmt: skip
async def test_a_wrong_hello_ends_the_session(simulation: Simulation, left: Switch, greeting: bytes) -> None:
    async with ssh(simulation, left) as connection:
        client = Client(await connection.create_process(subsystem="netconf", encoding=None))
        client.send(greeting + END)
        await client.closed()


async def test_requests_have_a_message_id_and_one_operation(client: Client) -> None:
    client.send(chunked(f'<rpc xmlns="{NC}">{RUNNING}</rpc>'.encode()))
    [error] = errors(await client.reply())
    assert (error["error-tag"], error["info"]["bad-attribute"]) == ("missing-attribute", "message-id")
    assert (await client.refused(""))["error-tag"] == "missing-element"
    client.send(chunked(b'<rpc xmlns="urn:other" message-id="1"/>'))
    assert errors(await client.reply())[0]["error-tag"] == "unknown-element"


async def test_too_large_messages_end_the_session(configure: Configure) -> None:
    async with (
        Simulation(configure(max_message_bytes=1 << 16)) as simulation,
        session(simulation, simulation.switches["left"]) as client,
    ):
        client.send(b"\n#70000\n" + b"x" * 100)
        assert errors(await client.reply())[0]["error-tag"] == "too-big"
        await client.closed()


async def test_sessions_are_bounded(configure: Configure) -> None:
    async with Simulation(configure(max_sessions=2)) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left), session(simulation, left), ssh(simulation, left) as connection:
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.create_process(subsystem="netconf", encoding=None)
        async with asyncio.timeout(20):
            while left._netconf.sessions:
                await asyncio.sleep(0.01)
        async with session(simulation, left) as client:
            await client.ask(RUNNING)


async def test_wrong_logins_and_other_subsystems_are_refused(simulation: Simulation, left: Switch) -> None:
    for login in ({"password": "wrong"}, {"username": "nobody"}):
        with pytest.raises(asyncssh.PermissionDenied):
            async with ssh(simulation, left, **login):
                pass
    async with ssh(simulation, left) as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process(subsystem="sftp", encoding=None)
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("ls", encoding=None)


async def test_a_known_public_key_logs_in_and_another_does_not(configure: Configure) -> None:
    key, other = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    line = key.export_public_key().decode().strip()
    async with Simulation(configure(authorized_keys=(line,))) as simulation:
        left = simulation.switches["left"]
        async with session(simulation, left, client_keys=[key], password=None) as client:
            await client.ask(RUNNING)
        with pytest.raises(asyncssh.PermissionDenied):
            async with ssh(simulation, left, client_keys=[other], password=None):
                pass


async def test_locks_belong_to_their_session(simulation: Simulation, left: Switch, client: Client) -> None:
    for store in ("running", "candidate"):
        await client.ok(f"<lock><target><{store}/></target></lock>")
    async with session(simulation, left) as other:
        for store in ("running", "candidate"):
            error = await other.refused(f"<lock><target><{store}/></target></lock>")
            assert (error["error-type"], error["error-tag"]) == ("protocol", "lock-denied")
            assert int(error["info"]["session-id"]) > 0
            assert (await other.refused(f"<unlock><target><{store}/></target></unlock>"))[
                "error-tag"
            ] == "operation-failed"
        assert (await other.refused(edit(interface(config()))))["error-tag"] == "in-use"
        assert (await other.refused("<commit/>"))["error-tag"] == "in-use"
        await client.ok(edit(interface(config())))
        await client.ok("<unlock><target><candidate/></target></unlock>")
        assert "Ethernet1" not in text(await other.ask(CANDIDATE))
        await other.ok(edit(interface(config())))
        error = await client.refused("<lock><target><candidate/></target></lock>")
        assert (error["error-tag"], error["info"]["session-id"]) == ("lock-denied", "0")
    assert (await client.refused("<lock><target><running/></target></lock>"))["error-tag"] == "lock-denied"


async def test_locks_and_changes_go_with_the_session(simulation: Simulation, left: Switch, client: Client) -> None:
    async with session(simulation, left) as other:
        await other.ok("<lock><target><candidate/></target></lock>")
        await other.ok(edit(interface(config())))
    async with asyncio.timeout(20):
        while errors(await client.ask("<lock><target><candidate/></target></lock>")):
            await asyncio.sleep(0.01)
    assert "Ethernet1" not in text(await client.ask(CANDIDATE))


async def test_kill_session_ends_another_and_frees_its_locks(
    simulation: Simulation, left: Switch, client: Client
) -> None:
    async with session(simulation, left) as other:
        await other.ok("<lock><target><running/></target></lock>")
        denied = await client.refused("<lock><target><running/></target></lock>")
        victim = denied["info"]["session-id"]
        await client.ok(f"<kill-session><session-id>{victim}</session-id></kill-session>")
        await client.ok("<lock><target><running/></target></lock>")
        with pytest.raises((ConnectionError, asyncssh.Error)):
            await other.ask(RUNNING)
    for wrong in (victim, "0", "me"):
        error = await client.refused(f"<kill-session><session-id>{wrong}</session-id></kill-session>")
        assert error["error-tag"] == "invalid-value"


async def test_whoever_closes_a_session_and_hears_nothing_more_holds_no_lock(
    simulation: Simulation, left: Switch
) -> None:
    lock = "<lock><target><running/></target></lock>"
    async with ssh(simulation, left) as connection, session(simulation, left) as other:
        client = Client(await connection.create_process(subsystem="netconf", encoding=None))
        await client.hello("1.1")
        await client.ok(lock)
        connection._transport.pause_reading()  # type: ignore[union-attr] # as a machine that hangs from here on
        client.send(client.framed(client.rpc("<close-session/>")))
        async with asyncio.timeout(20):
            while errors(await other.ask(lock)):
                await asyncio.sleep(0.01)


async def test_close_session_answers_then_closes(client: Client) -> None:
    await client.ok("<close-session/>")
    await client.closed()
