"""Filters and edits that would take a simulated switch too long are refused, and those that people write are not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.sax.saxutils import quoteattr

import pytest
from netconf_documents import IF, commit, config, interface
from raw_netconf import Client, edit, session, text

from fabricd.simulator import Simulation, Switch


@pytest.fixture
async def client(simulation: Simulation, left: Switch) -> AsyncIterator[Client]:
    async with session(simulation, left) as connected:
        await commit(connected, interface(config("<mtu>9000</mtu>")))
        yield connected


def get_config(select: str) -> str:
    wanted = f'<filter type="xpath" xmlns:i="{IF}" select={quoteattr(select)}/>'
    return f"<get-config><source><running/></source>{wanted}</get-config>"


@pytest.mark.parametrize(
    "select",
    [
        "//i:mtu",
        "//*[i:mtu]",
        "//i:interface[i:name='Ethernet1']//i:mtu",
        "/i:interfaces/i:interface[i:config[i:mtu > 1500]]",
        "//i:config[../i:name = 'Ethernet1' and i:mtu]",
        "/i:interfaces/i:interface[count(/i:interfaces/i:interface) = 1]",
        "//i:interface[not(contains(i:name, '//..[/a[/b]]'))]",
        "/i:interfaces/i:interface/i:name/following-sibling::i:config",
    ],
)
async def test_expressions_that_people_write_are_evaluated(client: Client, select: str) -> None:
    assert "<mtu>9000</mtu>" in text(await client.ask(get_config(select)))


@pytest.mark.parametrize(
    "select",
    [
        "//*[//*[//*]]",
        "//*/following::*",
        "//*/preceding :: *",
        "/*/*[count(/*/*[count(/*/*) > 1]) > 1]",
        "//i:interface[../i:interface[../i:interface/i:name = 'x']]",
        "/*/*[1 * /*/*[1 * /*/*]]",
        "//*[//a][//b][//c]",
        "/*/*/following-sibling::*/following-sibling::*",
        "//" * 9 + "a",
        "/a" * 1_001,
    ],
)
async def test_expressions_that_would_never_end_are_refused(client: Client, select: str) -> None:
    error = await client.refused(get_config(select))
    assert error["error-tag"] == "invalid-value"
    assert "too costly" in error["error-message"]


async def test_an_edit_has_a_number_of_top_level_elements(client: Client) -> None:
    error = await client.refused(edit(f'<interfaces xmlns="{IF}"/>' * 1_001))
    assert error["error-tag"] == "resource-denied"
    await client.ok(edit(f'<interfaces xmlns="{IF}"/>' * 1_000))


async def test_a_subtree_filter_has_a_number_of_elements(client: Client) -> None:
    many = f'<get><filter><interfaces xmlns="{IF}">{"<interface/>" * 10_000}</interfaces></filter></get>'
    assert (await client.refused(many))["error-tag"] == "resource-denied"
    fewer = f'<get><filter><interfaces xmlns="{IF}">{"<interface/>" * 100}</interfaces></filter></get>'
    assert "<mtu>9000</mtu>" in text(await client.ask(fewer))
