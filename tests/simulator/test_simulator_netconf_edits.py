"""Edits of a simulated switch over NETCONF that are odd, and what RFC 6241 and RFC 7950 say of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lxml import etree
from netconf_documents import IF, RUNNING, commit, config, interface
from raw_netconf import NC, YANG, Client, edit, session

from fabricd.simulator import Simulation, Switch

SYS = "http://openconfig.net/yang/system"
SEARCH = "/system/dns/config/search"


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        yield connected


def search(*values: str, insert: str = "") -> str:
    marks = f' xmlns:yang="{YANG}" {insert}' if insert else ""
    written = "".join(f"<search{marks}>{value}</search>" for value in values)
    return f'<system xmlns="{SYS}"><dns><config>{written}</config></dns></system>'


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_value_inserted_at_itself_stays_where_it_is(client: Client, left: Switch, where: str) -> None:
    await commit(client, search("a.example", "b.example", "c.example"))
    await commit(client, search("b.example", insert=f'yang:insert="{where}" yang:value="b.example"'))
    assert left.value(SEARCH) == ["a.example", "b.example", "c.example"]
    await commit(client, search("c.example", insert='yang:insert="before" yang:value="a.example"'))
    assert left.value(SEARCH) == ["c.example", "a.example", "b.example"]


def server(address: str, marks: str = "", port: int = 0) -> str:
    more = f"<port>{port}</port>" if port else ""
    return f"<server {marks}><address>{address}</address><config><address>{address}</address>{more}</config></server>"


async def test_an_entry_that_one_edit_inserts_and_names_again_is_one_entry(client: Client, left: Switch) -> None:
    def servers(*given: str) -> str:
        return f'<system xmlns="{SYS}" xmlns:yang="{YANG}"><dns><servers>{"".join(given)}</servers></dns></system>'

    first = 'yang:insert="first"'
    await commit(client, servers(server("10.0.0.1")))
    await commit(client, servers(server("10.0.0.1"), server("10.0.0.2", first), server("10.0.0.2", port=54)))
    found = left.value("/system/dns/servers/server")
    assert isinstance(found, list)
    assert found == [
        {"address": "10.0.0.2", "config": {"address": "10.0.0.2", "port": 54}},
        {"address": "10.0.0.1", "config": {"address": "10.0.0.1"}},
    ]
    gone = server("10.0.0.3", 'nc:operation="remove"')
    await commit(client, servers(server("10.0.0.1"), server("10.0.0.3", first), gone))
    assert left.value("/system/dns/servers/server") == found


async def test_a_value_that_one_edit_moves_and_deletes_is_gone(client: Client, left: Switch) -> None:
    await commit(client, search("a.example", "b.example"))
    first, gone = 'yang:insert="first"', 'nc:operation="delete"'
    both = f'<search xmlns:yang="{YANG}" {first}>b.example</search><search {gone}>b.example</search>'
    await commit(client, f'<system xmlns="{SYS}"><dns><config>{both}</config></dns></system>')
    assert left.value(SEARCH) == ["a.example"]


async def test_default_operation_replace_is_about_the_whole_datastore(client: Client, left: Switch) -> None:
    replace = "<default-operation>replace</default-operation>"
    await commit(client, interface(config()), f'<system xmlns="{SYS}"><config><hostname>h</hostname></config></system>')
    await client.ok(edit(interface(config(name="Ethernet2"), name="Ethernet2"), replace))
    await client.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]") is None
    assert left.value("/interfaces/interface[name=Ethernet2]/name") == "Ethernet2"
    assert left.value("/system") is None
    await client.ok(edit("", replace))
    await client.ok("<commit/>")
    assert left.running == b"{}"


async def test_every_character_of_a_text_survives_reading_and_writing_back(client: Client, left: Switch) -> None:
    banner = "one\r\ntwo\rthree\n\tfour  <&>'\" \u00e9\U0001f642 "
    await left.change({"/system/config/motd-banner": banner})
    shown = await client.ask(RUNNING)
    assert shown.findtext(f".//{{{SYS}}}motd-banner") == banner
    await client.ok(edit("", "<default-operation>replace</default-operation>"))
    data = shown.find(f"{{{NC}}}data")
    assert data is not None
    await commit(client, "".join(etree.tostring(one, encoding="unicode") for one in data))
    assert left.value("/system/config/motd-banner") == banner


@pytest.mark.parametrize("on_error", ["stop-on-error", "continue-on-error", "rollback-on-error"])
async def test_a_replace_of_the_whole_with_a_mistake_replaces_nothing(
    client: Client, left: Switch, on_error: str
) -> None:
    await commit(client, interface(config()))
    wrong = f'<system xmlns="{SYS}"><config><hostname>h</hostname><nothing/></config></system>'
    more = f"<default-operation>replace</default-operation><error-option>{on_error}</error-option>"
    error = await client.refused(edit(interface(config(name="Ethernet2"), name="Ethernet2") + wrong, more))
    assert error["error-tag"] == "unknown-element"
    await client.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]/name") == "Ethernet1"
    assert left.value("/interfaces/interface[name=Ethernet2]") is None


async def test_what_rule_of_the_models_is_broken_is_told_by_its_tags(client: Client) -> None:
    """RFC 7950 sections 15.4 and 15.5."""
    lacks_target = interface(config(name="Ethernet2"))
    await client.ok(edit(lacks_target))
    error = await client.refused("<commit/>")
    assert (error["error-tag"], error["error-app-tag"]) == ("data-missing", "instance-required")
    assert error["error-path"].endswith("/openconfig-interfaces:name")
    await client.ok("<discard-changes/>")
    med = (
        '<bgp-actions xmlns="http://openconfig.net/yang/bgp-policy"><config><set-med>5</set-med></config></bgp-actions>'
    )
    statement = f"<statement><name>s</name><config><name>s</name></config><actions>{med}</actions></statement>"
    definition = f"<name>p</name><config><name>p</name></config><statements>{statement}</statements>"
    policy = f"<policy-definitions><policy-definition>{definition}</policy-definition></policy-definitions>"
    lacks_action = f'<routing-policy xmlns="http://openconfig.net/yang/routing-policy">{policy}</routing-policy>'
    error = await client.refused(edit(lacks_action, "<test-option>test-then-set</test-option>"))
    assert (error["error-tag"], error["error-app-tag"]) == ("operation-failed", "must-violation")
    assert error["error-path"].endswith("openconfig-bgp-policy:config")


@pytest.mark.parametrize("attribute", ["operation", "insert"])
async def test_an_attribute_of_no_namespace_is_unknown(client: Client, left: Switch, attribute: str) -> None:
    await commit(client, interface(config()))
    unmeant = (
        f'<interfaces xmlns="{IF}"><interface {attribute}="delete"><name>Ethernet1</name></interface></interfaces>'
    )
    error = await client.refused(edit(unmeant))
    assert error["error-tag"] == "unknown-attribute"
    assert error["info"] == {"bad-attribute": attribute, "bad-element": "interface"}
    assert error["error-path"].endswith("/openconfig-interfaces:interface")
    await client.ok("<commit/>")
    assert left.value("/interfaces/interface[name=Ethernet1]/name") == "Ethernet1"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("<config><name>Ethernet1</name><mtu>1500</mtu><mtu>9000</mtu></config>", "mtu"),
        ("<name>Ethernet2</name>", "name"),
    ],
)
async def test_a_leaf_that_is_given_twice_is_refused(client: Client, content: str, name: str) -> None:
    error = await client.refused(edit(interface(content)))
    assert error["error-tag"] == "bad-element"
    assert error["info"] == {"bad-element": name}
