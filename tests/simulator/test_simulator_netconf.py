"""What NETCONF operations do on a simulated switch, over the wire: edits, error tags, filters, order, schemas."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from lxml import etree
from netconf_documents import CANDIDATE, IF, MONITORING, RUNNING, commit, config, interface
from raw_netconf import NC, YANG, Client, edit, errors, session, text

from fabricd.simulator import Simulation, Switch

SYS = "http://openconfig.net/yang/system"


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        yield connected


@pytest.fixture
async def either(either_simulation: Simulation) -> AsyncIterator[Client]:
    async with session(either_simulation, either_simulation.switches["left"]) as connected:
        yield connected


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
        assert {error["error-tag"] for error in found} == {"data-missing"}
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
    rollback = "<error-option>rollback-on-error</error-option>"
    error = await client.refused(edit(f"{interface(config(), name='Ethernet3')}{content}", rollback))
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
        ("<get-config><source><url>file:///x</url></source></get-config>", "operation-not-supported"),
        ("<copy-config><target><running/></target><source><candidate/></source></copy-config>",
         "operation-not-supported"),
        ("<delete-config><target><running/></target></delete-config>", "operation-not-supported"),
        ("<partial-lock xmlns='urn:ietf:params:xml:ns:netconf:partial-lock:1.0'/>", "operation-not-supported"),
        ("<commit-configuration xmlns='urn:fabricd:simulator'/>", "operation-not-supported"),
        ("<commit><soon/></commit>", "unknown-element"),
        ("<commit/><commit/>", "unknown-element"),
        ("<edit-config><target><candidate/></target></edit-config>", "missing-element"),
        ("<edit-config><config/></edit-config>", "missing-element"),
        ("<lock><target/></lock>", "missing-element"),
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
