"""NETCONF of a simulated switch, over the wire, byte by byte: hello, framing, operations, error tags, locks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import asyncssh
import pytest
from lxml import etree
from raw_netconf import END, NC, YANG, Client, chunked, edit, errors, session, ssh, text

from fabricd.simulator import Simulation, SimulationConfig, Switch

Configure = Callable[..., SimulationConfig]
IF = "http://openconfig.net/yang/interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
SYS = "http://openconfig.net/yang/system"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
RUNNING = "<get-config><source><running/></source></get-config>"
CANDIDATE = "<get-config><source><candidate/></source></get-config>"


def interface(content: str, name: str = "Ethernet1", operation: str = "") -> str:
    mark = f' nc:operation="{operation}"' if operation else ""
    return f'<interfaces xmlns="{IF}"><interface{mark}><name>{name}</name>{content}</interface></interfaces>'


def config(content: str = "", name: str = "Ethernet1") -> str:
    kind = f'<type xmlns:ift="{IANA}">ift:ethernetCsmacd</type>'
    return f"<config><name>{name}</name>{kind}{content}</config>"


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        yield connected


@pytest.fixture
async def either(either_simulation: Simulation) -> AsyncIterator[Client]:
    async with session(either_simulation, either_simulation.switches["left"]) as connected:
        yield connected


async def commit(client: Client, *configs: str) -> None:
    for one in configs:
        await client.ok(edit(one))
    await client.ok("<commit/>")


async def test_hello_tells_what_there_is_and_nothing_else(simulation: Simulation, left: Switch) -> None:
    async with ssh(simulation, left) as connection:
        client = Client(await connection.create_process(subsystem="netconf", encoding=None))
        hello = await client.hello("1.1")
        uris = [one.text or "" for one in hello.iter(f"{{{NC}}}capability")]
        protocol = {uri for uri in uris if "?" not in uri}
        assert protocol == {
            "urn:ietf:params:netconf:base:1.0",
            "urn:ietf:params:netconf:base:1.1",
            "urn:ietf:params:netconf:capability:candidate:1.0",
            "urn:ietf:params:netconf:capability:validate:1.1",
            "urn:ietf:params:netconf:capability:rollback-on-error:1.0",
        }
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


async def test_candidate_runs_only_after_commit(either: Client, either_simulation: Simulation) -> None:
    left = either_simulation.switches["left"]
    await either.ok(edit(interface(config("<mtu>9000</mtu>"))))
    assert "<mtu>9000</mtu>" in text(await either.ask(CANDIDATE))
    assert "<mtu>9000</mtu>" not in text(await either.ask(RUNNING))
    assert left.running == b"{}"
    await either.ok("<validate><source><candidate/></source></validate>")
    await either.ok("<commit/>")
    assert "<mtu>9000</mtu>" in text(await either.ask(RUNNING))
    assert left.value("/interfaces/interface[name=Ethernet1]/config/mtu") == 9000
    await either.ok(edit(interface(config("<mtu>1500</mtu>"))))
    await either.ok("<discard-changes/>")
    await either.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]/config/mtu") == 9000


async def test_a_commit_that_does_not_validate_changes_nothing(either: Client, either_simulation: Simulation) -> None:
    left = either_simulation.switches["left"]
    await commit(either, interface(config("<mtu>9000</mtu>")))
    before, commits = left.running, left.commits
    await either.ok(edit(interface("<config><name>Ethernet9</name></config>")))
    for operation in ("<validate><source><candidate/></source></validate>", "<commit/>"):
        found = errors(await either.ask(operation))
        assert {error["error-tag"] for error in found} == {"operation-failed"}
        assert any("Ethernet1" in (error.get("error-path") or "") for error in found)
    assert (left.running, left.commits) == (before, commits)
    await either.ok("<discard-changes/>")
    await either.ok("<validate><source><candidate/></source></validate>")


@pytest.mark.parametrize(
    ("content", "tag", "path"),
    [
        (interface(config("<mtu>big</mtu>")), "invalid-value", "mtu"),
        (interface(config("<mtu>70000</mtu>")), "invalid-value", "mtu"),
        (interface(config("<colour>red</colour>")), "unknown-element", "colour"),
        ('<nothing xmlns="urn:nothing"/>', "unknown-namespace", "nothing"),
        (f'<nothing xmlns="{IF}"/>', "unknown-element", "nothing"),
        (interface("<state><mtu>1</mtu></state>"), "invalid-value", "state"),
        (f'<interfaces xmlns="{IF}"><interface><config/></interface></interfaces>', "missing-element", "interface"),
        (interface("", operation="delete"), "data-missing", "Ethernet1"),
        (interface("", operation="change"), "bad-attribute", "interface"),
        (f'<system xmlns="{SYS}" nc:operation="delete"/>', "data-missing", "system"),
        (
            f'<system xmlns="{SYS}"><config><hostname nc:operation="delete"/></config></system>',
            "data-missing",
            "hostname",
        ),
    ],
)
async def test_error_tags_and_paths_of_an_edit(client: Client, left: Switch, content: str, tag: str, path: str) -> None:
    await client.ok(edit(interface(config(), name="Ethernet2")))
    error = await client.refused(edit(f"{interface(config(), name='Ethernet3')}{content}"))
    assert (error["error-tag"], error["error-severity"]) == (tag, "error")
    assert path in error["error-path"]
    assert error["error-message"]
    candidate = text(await client.ask(CANDIDATE))
    assert "Ethernet2" in candidate
    assert "Ethernet3" not in candidate


async def test_error_path_has_a_declared_prefix_for_every_name(client: Client) -> None:
    reply = await client.ask(edit(interface(config("<mtu>70000</mtu>"))))
    element = reply.find(f".//{{{NC}}}error-path")
    assert element is not None
    assert element.text == (
        "/openconfig-interfaces:interfaces/openconfig-interfaces:interface"
        "[openconfig-interfaces:name='Ethernet1']/openconfig-interfaces:config/openconfig-interfaces:mtu"
    )
    assert element.nsmap["openconfig-interfaces"] == IF


async def test_operations_do_what_they_say(client: Client, left: Switch) -> None:
    mtu = "/interfaces/interface[name=Ethernet1]/config/mtu"
    await commit(client, interface(config("<mtu>1500</mtu>"), operation="create"))
    assert (await client.refused(edit(interface(config(), operation="create"))))["error-tag"] == "data-exists"
    await commit(client, interface(config("<description>x</description>")))
    assert left.value(mtu) == 1500
    await commit(client, interface(config("<description>x</description>"), operation="replace"))
    assert left.value(mtu) is None
    await commit(client, interface('<config><mtu nc:operation="remove"/></config>'))
    await commit(client, interface('<config><description nc:operation="delete"/></config>'))
    assert left.value("/interfaces/interface[name=Ethernet1]/config/description") is None
    await commit(client, interface("", operation="remove"), interface("", operation="remove"))
    assert left.running == b"{}"


async def test_default_operations(client: Client, left: Switch) -> None:
    await commit(client, interface(config("<mtu>1500</mtu>")))
    none = "<default-operation>none</default-operation>"
    absent = await client.refused(edit(interface("<config><mtu>9000</mtu></config>", name="Ethernet9"), none))
    assert absent["error-tag"] == "data-missing"
    await client.ok(edit(interface("<config><mtu>9000</mtu></config>"), none))
    await client.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]/config/mtu") == 1500
    await client.ok(edit(interface('<config><mtu nc:operation="replace">9000</mtu></config>'), none))
    created = f'<system xmlns="{SYS}"><config><hostname nc:operation="create">h</hostname></config></system>'
    await client.ok(edit(created, none))
    await client.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]/config/mtu") == 9000
    assert left.value("/system/config/hostname") == "h"
    replace = "<default-operation>replace</default-operation>"
    await client.ok(edit(interface(config(name="Ethernet2"), name="Ethernet2"), replace))
    await client.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]") is None
    assert left.value("/interfaces/interface[name=Ethernet2]") is not None


async def test_test_options(client: Client) -> None:
    lacking = interface("<config><name>Ethernet1</name></config>")
    for option in ("test-only", "test-then-set"):
        found = errors(await client.ask(edit(lacking, f"<test-option>{option}</test-option>")))
        assert {error["error-tag"] for error in found} == {"operation-failed"}
    await client.ok(edit(interface(config()), "<test-option>test-only</test-option>"))
    assert "Ethernet1" not in text(await client.ask(CANDIDATE))
    await client.ok(edit(lacking, "<test-option>set</test-option>"))
    assert "Ethernet1" in text(await client.ask(CANDIDATE))
    error = await client.refused(edit(lacking, "<test-option>maybe</test-option>"))
    assert error["error-tag"] == "invalid-value"


async def test_what_is_not_advertised_is_refused(client: Client) -> None:
    for content, tag in (
        (edit(interface(config()), target="running"), "operation-not-supported"),
        ("<edit-config><target><candidate/></target><url>file:///x</url></edit-config>", "operation-not-supported"),
        ("<get-config><source><startup/></source></get-config>", "operation-not-supported"),
        (
            '<get-config><source><running/></source><filter type="xpath" select="/x"/></get-config>',
            "operation-not-supported",
        ),
        ("<commit><confirmed/></commit>", "unknown-element"),
        ("<delete-config><target><candidate/></target></delete-config>", "operation-not-supported"),
        ("<cancel-commit/>", "operation-not-supported"),
        ("<edit-config><target><candidate/></target></edit-config>", "missing-element"),
        ("<edit-config><config/></edit-config>", "missing-element"),
        ("<kill-session/>", "missing-element"),
    ):  # fmt: skip
        assert (await client.refused(content))["error-tag"] == tag, content


async def test_user_order_is_kept_and_changed_by_insert(client: Client, left: Switch) -> None:
    def search(value: str, insert: str = "", at: str = "") -> str:
        mark = f' xmlns:yang="{YANG}" yang:insert="{insert}"' if insert else ""
        mark += f' yang:value="{at}"' if at else ""
        return f'<system xmlns="{SYS}"><dns><config><search{mark}>{value}</search></config></dns></system>'

    await commit(client, search("a.org"), search("b.org"), search("c.org", "first"))
    assert left.value("/system/dns/config/search") == ["c.org", "a.org", "b.org"]
    await commit(client, search("b.org", "before", "a.org"), search("d.org", "after", "c.org"))
    assert left.value("/system/dns/config/search") == ["c.org", "d.org", "b.org", "a.org"]
    await commit(client, search("c.org", "last"))
    assert left.value("/system/dns/config/search") == ["d.org", "b.org", "a.org", "c.org"]
    error = await client.refused(edit(search("e.org", "after", "x.org")))
    assert (error["error-tag"], error["error-app-tag"]) == ("bad-attribute", "missing-instance")
    assert (await client.refused(edit(search("e.org", "after"))))["error-tag"] == "missing-attribute"
    assert (await client.refused(edit(search("e.org", "somewhere"))))["error-tag"] == "bad-attribute"


async def test_entries_of_user_ordered_lists_move(client: Client, left: Switch) -> None:
    def server(address: str, attributes: str = "") -> str:
        return (
            f'<system xmlns="{SYS}"><dns><servers><server xmlns:yang="{YANG}" xmlns:s="{SYS}"{attributes}>'
            f"<address>{address}</address><config><address>{address}</address></config></server></servers></dns></system>"
        )

    await commit(client, server("2001:db8::1"), server("2001:db8:1::1"), server("192.0.2.1"))
    move = ' yang:insert="before" yang:key="[s:address=\'2001:db8:1::1\']"'
    await commit(client, server("192.0.2.1", move))
    servers = left.value("/system/dns/servers/server")
    assert [one["address"] for one in servers] == ["2001:db8::1", "192.0.2.1", "2001:db8:1::1"]


async def test_filters_select_by_node_and_content(client: Client) -> None:
    await commit(
        client, interface(config("<mtu>1500</mtu>")), interface(config("<mtu>9000</mtu>", "Ethernet2"), "Ethernet2")
    )

    async def names(content: str) -> list[str]:
        reply = await client.ask(f"<get-config><source><running/></source><filter>{content}</filter></get-config>")
        return [str(one.text) for one in reply.findall(f".//{{{IF}}}interface/{{{IF}}}name")]

    assert await names("") == []
    assert await names(f'<interfaces xmlns="{IF}"/>') == ["Ethernet1", "Ethernet2"]
    assert await names('<interfaces xmlns=""/>') == ["Ethernet1", "Ethernet2"]
    assert await names('<interfaces xmlns="urn:other"/>') == []
    assert await names(interface("", "Ethernet2")) == ["Ethernet2"]
    assert await names(
        f'<interfaces xmlns="{IF}"><interface><config><mtu>9000</mtu></config></interface></interfaces>'
    ) == ["Ethernet2"]
    assert (
        await names(f'<interfaces xmlns="{IF}"><interface><config><mtu>1</mtu></config></interface></interfaces>') == []
    )
    two = "<interface><name>Ethernet1</name></interface><interface><name>Ethernet2</name></interface>"
    assert await names(f'<interfaces xmlns="{IF}">{two}</interfaces>') == ["Ethernet1", "Ethernet2"]
    reply = await client.ask(
        "<get-config><source><running/></source><filter>"
        f'<interfaces xmlns="{IF}"><interface><config><mtu/></config></interface></interfaces></filter></get-config>'
    )
    assert "<mtu>9000</mtu>" in text(reply)
    assert "ethernetCsmacd" not in text(reply)


async def test_get_shows_state(either: Client) -> None:
    reply = await either.ask(f'<get><filter type="subtree">{interface("<state/>")}</filter></get>')
    assert "<oper-status>UP</oper-status>" in text(reply)
    assert "<in-pkts>" in text(reply)
    everything = text(await either.ask("<get/>"))
    assert "<port-id>Ethernet1</port-id>" in everything


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


async def test_close_session_answers_then_closes(client: Client) -> None:
    await client.ok("<close-session/>")
    await client.closed()


async def test_schemas_are_listed_and_given(either: Client) -> None:
    listed = await either.ask(
        f'<get><filter><netconf-state xmlns="{MONITORING}"><schemas/></netconf-state></filter></get>'
    )
    names = {one.text for one in listed.iter(f"{{{MONITORING}}}identifier")}
    assert {"openconfig-interfaces", "openconfig-network-instance"} <= names
    for name in names:
        reply = await either.ask(f'<get-schema xmlns="{MONITORING}"><identifier>{name}</identifier></get-schema>')
        given = reply.findtext(f"{{{MONITORING}}}data") or ""
        assert f"module {name}" in given
    for wrong in ("no-such-module", "../../etc/passwd"):
        error = await either.refused(f'<get-schema xmlns="{MONITORING}"><identifier>{wrong}</identifier></get-schema>')
        assert error["error-tag"] == "invalid-value"


async def test_copying_running_over_the_candidate_undoes_edits(client: Client) -> None:
    await client.ok(edit(interface(config())))
    await client.ok("<copy-config><target><candidate/></target><source><running/></source></copy-config>")
    assert "Ethernet1" not in text(await client.ask(CANDIDATE))


async def test_a_document_can_be_validated_without_touching_anything(client: Client, left: Switch) -> None:
    good, bad = interface(config()), interface("<config><name>Ethernet1</name></config>")
    await client.ok(f"<validate><source><config>{good}</config></source></validate>")
    found = errors(await client.ask(f"<validate><source><config>{bad}</config></source></validate>"))
    assert {error["error-tag"] for error in found} == {"operation-failed"}
    assert left.running == b"{}"


async def test_identities_keep_their_namespace_both_ways(either: Client, either_simulation: Simulation) -> None:
    ni, types = "http://openconfig.net/yang/network-instance", "http://openconfig.net/yang/network-instance-types"
    policy = "http://openconfig.net/yang/policy-types"
    protocol = (
        f'<identifier xmlns:p="{policy}">p:STATIC</identifier><name>static</name>'
        f'<config><identifier xmlns:p="{policy}">p:STATIC</identifier><name>static</name></config>'
    )
    await commit(
        either,
        f'<network-instances xmlns="{ni}"><network-instance><name>default</name><config><name>default</name>'
        f'<type xmlns:t="{types}">t:DEFAULT_INSTANCE</type></config><protocols><protocol>{protocol}</protocol>'
        "</protocols></network-instance></network-instances>",
    )
    [instance] = json.loads(either_simulation.switches["left"].running)[
        "openconfig-network-instance:network-instances"]["network-instance"]  # fmt: skip
    assert instance["config"]["type"] == "openconfig-network-instance-types:DEFAULT_INSTANCE"
    assert instance["protocols"]["protocol"][0]["identifier"] == "openconfig-policy-types:STATIC"
    shown = await either.ask(RUNNING)
    data = shown.find(f"{{{NC}}}data")
    assert data is not None
    await either.ok(
        edit("".join(etree.tostring(one).decode() for one in data), "<default-operation>replace</default-operation>")
    )
    version = either_simulation.switches["left"].version
    await either.ok("<commit/>")
    assert either_simulation.switches["left"].version == version
