"""What holds of any data and any request: differences lead from tree to tree, both filters agree, an answer comes."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from netconf_documents import IF, RUNNING, interface
from raw_netconf import NC, Client, chunked, edit, session

from fabricd.schema.models import ModelSet
from fabricd.schema.outline import Outline, outline_of
from fabricd.simulator import Simulation, Switch
from fabricd.simulator.differences import carry_out, differences
from fabricd.simulator.netconf.filter import XPath, filtered, selected
from fabricd.simulator.netconf.xml import to_xml
from fabricd.simulator.tree import Object, select

LEAVES = ("mtu", "description", "enabled")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "mtu": st.integers(68, 70), "description": st.sampled_from(["a", "b'c", "<&>"]), "enabled": st.booleans(),
}  # fmt: skip
SEARCH = "openconfig-system:system", "dns", "config", "search"


@functools.cache
def outline() -> Outline:
    """Not a fixture: pytest would write all of it out when a test fails."""
    return outline_of(ModelSet.managed())


@st.composite
def trees(draw: st.DrawFn) -> Object:
    """Interfaces with a few leaves, and a leaf-list whose order is the user's."""
    tree: Object = {}
    entries = []
    for name in sorted(draw(st.sets(st.sampled_from(["E1", "E2", "E'3"])))):
        config: Object = {"name": name}
        for leaf in draw(st.sets(st.sampled_from(LEAVES))):
            config[leaf] = draw(VALUES[leaf])
        entries.append({"name": name, "config": config})
    if entries:
        tree["openconfig-interfaces:interfaces"] = {"interface": list(entries)}
    if search := draw(st.lists(st.sampled_from(["x.org", "y.org", "z.org"]), unique=True)):
        system, dns, config_name, leaf = SEARCH
        tree[system] = {dns: {config_name: {leaf: list(search)}}}
    return tree


def sorted_entries(value: Any) -> Any:
    """The same with entries of system-ordered lists by name and members by name."""
    if isinstance(value, dict):
        return {name: sorted_entries(value[name]) for name in sorted(value) if value[name] not in ({}, [])}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted((sorted_entries(one) for one in value), key=lambda one: str(one.get("name")))
    return value


@given(trees(), trees())
def test_differences_carried_out_lead_from_one_tree_to_the_other(before: Object, after: Object) -> None:
    found = list(differences(before, after, outline().root))
    assert bool(found) is (before != after)
    for one in found:
        stood = [value for _, value in select(before, one.place.steps)]
        assert (one.before is None) is (not stood)
        stands = [value for _, value in select(after, one.place.steps)]
        assert stands == ([] if one.after is None else [one.after])
        carry_out(before, [one])
    assert sorted_entries(before) == sorted_entries(after)


@given(trees(), st.sampled_from(["", "E1", "E2"]), st.sampled_from(["", "config", *LEAVES]), st.integers(0, 3))
def test_a_subtree_filter_and_the_same_in_xpath_select_the_same(tree: Object, name: str, node: str, depth: int) -> None:
    inner = "" if not node else "<config/>" if node == "config" else f"<config><{node}/></config>"
    key = f"<name>{name}</name>" if name else ""
    subtree = etree.fromstring(
        f'<filter><interfaces xmlns="{IF}"><interface>{key}{inner}</interface></interfaces></filter>'
    )
    step = "" if not node else "/i:config" if node == "config" else f"/i:config/i:{node}"
    entry = f"/i:interfaces/i:interface{f'[i:name={name!r}]' if name else ''}"
    # Content that a subtree filter matches is in its answer (RFC 6241 section 6.2.5).
    expression = f"{entry}{step} | {entry}/i:name" if name and step else f"{entry}{step}"
    by_subtree = to_xml(outline(), filtered(outline(), tree, subtree, depth))
    by_xpath = selected(outline(), to_xml(outline(), tree), XPath(expression, {"i": IF}), depth)
    assert canonical(by_subtree) == canonical(by_xpath)


def canonical(xml: str) -> str:
    return etree.tostring(etree.fromstring(f"<data>{xml}</data>"), method="c14n", exclusive=True).decode()


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        yield connected


NAMES = (
    "get", "get-config", "edit-config", "copy-config", "delete-config", "lock", "unlock", "validate", "commit",
    "cancel-commit", "discard-changes", "kill-session",
)  # fmt: skip
PARTS = st.sampled_from([
    "<source><running/></source>", "<source><config/></source>", "<source/>", "<source><a/><b/></source>",
    "<target><candidate/></target>", "<target><running/></target>", "<target>candidate</target>",
    '<filter type="xpath" select="/"/>', '<filter type="xpath" select="//namespace::*"/>', "<filter>text</filter>",
    '<filter type="xpath" select="//@*"/>', f'<filter><interfaces xmlns="{IF}">x</interfaces></filter>',
    '<filter xmlns:x="urn:x" x:type="xpath"/>', "<config/>", "<config>text</config>",
    f'<config><interfaces xmlns="{IF}"><interface><name/></interface></interfaces></config>',
    f'<config><interfaces xmlns="{IF}"><interface><name><name/></name></interface></interfaces></config>',
    f'<config xmlns:nc="{NC}"><interfaces xmlns="{IF}" nc:operation="delete"/></config>',
    f'<config xmlns:nc="{NC}"><interfaces xmlns="{IF}" nc:operation="none">x</interfaces></config>',
    "<confirmed/>", "<persist>p</persist>", "<persist-id/>", "<confirm-timeout>-1</confirm-timeout>",
    "<session-id>\u0661</session-id>", "<session-id>99999999999999999999</session-id>",
    "<default-operation>none</default-operation>", "<error-option>continue-on-error</error-option>",
    '<with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">trim</with-defaults>',
])  # fmt: skip
OPERATIONS = st.tuples(st.sampled_from(NAMES), st.lists(PARTS, max_size=4))


async def test_whatever_is_asked_an_answer_comes(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    await client.ok(edit(interface("<config><name>Ethernet1</name></config>")))
    asked: list[str] = []

    @settings(max_examples=300)
    @given(OPERATIONS)
    def collect(operation: tuple[str, list[str]]) -> None:
        name, parts = operation
        asked.append(f"<{name}>{''.join(parts)}</{name}>")

    collect()
    for number, content in enumerate(asked):
        client.send(chunked(f'<rpc xmlns="{NC}" message-id="f{number}">{content}</rpc>'.encode()))
        reply = await client.reply()
        assert reply.get("message-id") == f"f{number}"
        assert len(reply), content
    await client.ask(RUNNING)
    assert not caplog.records
