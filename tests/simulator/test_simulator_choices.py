"""Whoever creates a node of one case of a choice deletes those of the others (RFC 7950 section 7.9)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import raw_gnmi
import raw_netconf
from raw_gnmi import connected, path, refused, update
from raw_netconf import edit, errors

from fabricd.simulator import Simulation, SimulationConfig, Switch

Configure = Callable[..., SimulationConfig]
POWER = """
module acme-power {
  yang-version 1.1;
  namespace "urn:acme:power";
  prefix power;
  revision 2026-01-01;
  container power {
    choice source {
      case mains {
        container mains { leaf volts { type uint16; } leaf phases { type uint8; } }
        leaf fuse { type uint8; }
      }
      case battery {
        leaf cells { type uint8; }
        choice chemistry { leaf lead { type empty; } leaf lithium { type string; } }
      }
    }
    list outlet {
      key name;
      leaf name { type string; }
      choice limit { mandatory true; leaf amps { type uint8; } leaf watts { type uint16; } }
    }
  }
}
"""
MAINS: dict[str, Any] = {"mains": {"volts": 230, "phases": 3}, "fuse": 16}
OUTLETS = [{"name": "a", "amps": 10}, {"name": "b", "amps": 10}]


@pytest.fixture
async def simulation(configure: Configure, tmp_path: Path) -> AsyncIterator[Simulation]:
    module = tmp_path / "acme-power.yang"
    module.write_text(POWER)
    async with Simulation(configure(deviations=(module,))) as running:
        await running.switches["left"].change({"/power": MAINS | {"outlet": OUTLETS}})
        yield running


@pytest.fixture
async def gnmi(simulation: Simulation, left: Switch) -> AsyncIterator[raw_gnmi.Client]:
    async with connected(simulation, left) as client:
        yield client


@pytest.fixture
async def netconf(simulation: Simulation, left: Switch) -> AsyncIterator[raw_netconf.Client]:
    async with raw_netconf.session(simulation, left) as client:
        yield client


def power(left: Switch) -> dict[str, Any]:
    """Without the outlets."""
    found = left.value("/power")
    assert isinstance(found, dict)
    return {name: value for name, value in found.items() if name != "outlet"}


def written(content: str) -> str:
    return edit(f'<power xmlns="urn:acme:power">{content}</power>')


@pytest.mark.parametrize("value", [{"cells": 6}, {"lithium": "LiFePO4"}, {"cells": 6, "lead": [None]}])
async def test_a_set_of_one_case_deletes_the_others(gnmi: raw_gnmi.Client, left: Switch, value: dict[str, Any]) -> None:
    await gnmi.set(update=[update("/power", value)])
    assert power(left) == value
    assert left.value("/power/outlet") == OUTLETS
    await gnmi.set(replace=[update("/power/mains", {"volts": 115})])
    assert power(left) == {"mains": {"volts": 115}}


async def test_choices_inside_of_cases_and_entries_are_choices_too(gnmi: raw_gnmi.Client, left: Switch) -> None:
    await gnmi.set(update=[update("/power", {"cells": 6, "lithium": "LiFePO4"})])
    await gnmi.set(update=[update("/power/lead", [None])])
    assert power(left) == {"cells": 6, "lead": [None]}
    await gnmi.set(update=[update("/power/outlet[name=b]/watts", 2300)])
    assert left.value("/power/outlet") == [OUTLETS[0], {"name": "b", "watts": 2300}]


async def test_what_is_only_said_again_or_deleted_chooses_nothing(gnmi: raw_gnmi.Client, left: Switch) -> None:
    await gnmi.set(update=[update("/power", MAINS)])
    assert power(left) == MAINS
    await gnmi.set(delete=[path("/power/mains/phases")], update=[update("/power/cells", 6)])
    assert power(left) == {"cells": 6}


async def test_two_cases_at_once_are_refused(gnmi: raw_gnmi.Client, netconf: raw_netconf.Client, left: Switch) -> None:
    before = left.running
    both = [update("/power/cells", 6), update("/power/fuse", 25)]
    for request in ({"update": both}, {"replace": [update("/power", {"cells": 6, "fuse": 25})]}):
        status, details = await refused(gnmi.set(**request))
        assert status in (grpc.StatusCode.ABORTED, grpc.StatusCode.INVALID_ARGUMENT)
        assert "case" in details
    await netconf.ok(written("<cells>6</cells><fuse>25</fuse>"))
    [error] = errors(await netconf.ask("<commit/>"))
    assert "case" in error["error-message"]
    assert left.running == before


async def test_a_choice_that_has_to_be_made_is_not_taken_back(gnmi: raw_gnmi.Client, left: Switch) -> None:
    status, details = await refused(gnmi.set(delete=[path("/power/outlet[name=a]/amps")]))
    assert (status, "choice" in details) == (grpc.StatusCode.ABORTED, True)
    await gnmi.set(delete=[path("/power/outlet[name=a]/amps")], update=[update("/power/outlet[name=a]/watts", 2300)])
    assert left.value("/power/outlet[name=a]") == {"name": "a", "watts": 2300}


@pytest.mark.parametrize("operation", ["merge", "replace", "create"])
async def test_an_edit_of_one_case_deletes_the_others(
    netconf: raw_netconf.Client, left: Switch, operation: str
) -> None:
    base = 'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"'
    await netconf.ok(written(f'<lithium {base} nc:operation="{operation}">LiFePO4</lithium>'))
    await netconf.ok("<commit/>")
    assert power(left) == {"lithium": "LiFePO4"}
    await netconf.ok(written(f'<mains {base} nc:operation="{operation}"><phases>1</phases></mains>'))
    await netconf.ok("<discard-changes/>")
    assert power(left) == {"lithium": "LiFePO4"}
