"""Choices of the models (RFC 7950 section 7.9): one case gives way to another, whoever had written it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path as File
from typing import Any

import pytest
from reconcile_fabric import Fabric, document, fabric

from fabricd.errors import InputError
from fabricd.intent import Document
from fabricd.model.device import Protocol
from fabricd.model.outcome import Event, OutcomeKind

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
BATTERY: dict[str, Any] = {"cells": 6, "lithium": "LiFePO4"}
LEAD: dict[str, Any] = {"cells": 6, "lead": [None]}


@pytest.fixture(params=list(Protocol))
async def one(request: pytest.FixtureRequest, tmp_path: File) -> AsyncIterator[Fabric]:
    module = tmp_path / "acme-power.yang"
    module.write_text(POWER)
    async with fabric(tmp_path, {"leaf1": request.param}, modules=(module,)) as made:
        yield made


def wanted(value: dict[str, Any], **more: Any) -> Document:
    return document("power", ["leaf1"], {"acme-power:power": value}, **more)


async def converged(one: Fabric, value: dict[str, Any]) -> None:
    """In force, nothing is left to do, and no round before failed."""
    await one.in_sync("leaf1")
    assert one.switch("leaf1").value("/power") == value
    commits = one.switch("leaf1").commits
    assert (await one.checked("leaf1")).outcome is OutcomeKind.IN_SYNC
    assert one.switch("leaf1").commits == commits
    rounds = {record.outcome for record in await one.records("leaf1", Event.RECONCILE)}
    assert rounds <= {OutcomeKind.UNMANAGED, OutcomeKind.APPLIED, OutcomeKind.IN_SYNC}


@pytest.mark.parametrize("owns", [False, True])
async def test_one_case_takes_the_place_of_another_and_gives_it_back(one: Fabric, *, owns: bool) -> None:
    more = {"replace": True} if owns else {}
    for value in (MAINS, BATTERY, LEAD, MAINS, LEAD, BATTERY):
        await one.submit(wanted(value, **more))
        await converged(one, value)


@pytest.mark.parametrize("owns", [False, True])
async def test_what_somebody_else_chose_gives_way(one: Fabric, *, owns: bool) -> None:
    """Both cannot be: what an intent says is enforced, whether or not the rest is owned."""
    await one.switch("leaf1").change({"/power": MAINS})
    await one.submit(wanted(BATTERY, **({"replace": True} if owns else {})))
    await converged(one, BATTERY)
    await one.switch("leaf1").change({"/power/mains/volts": 115})
    assert one.switch("leaf1").value("/power") == {"mains": {"volts": 115}}
    assert (await one.checked("leaf1")).outcome is OutcomeKind.APPLIED
    await converged(one, BATTERY)


async def test_a_choice_in_an_entry_is_made_anew_in_one_write(one: Fabric) -> None:
    """It is mandatory: there is no valid configuration in between."""
    for limit in ({"amps": 10}, {"watts": 2300}, {"amps": 16}):
        value = {"outlet": [{"name": "a", **limit}, {"name": "b", "amps": 10}]}
        commits = one.switch("leaf1").commits
        await one.submit(wanted(value))
        await converged(one, value)
        assert one.switch("leaf1").commits == commits + 1


async def test_two_intents_that_choose_differently_are_refused(one: Fabric) -> None:
    await one.submit(wanted(MAINS))
    await converged(one, MAINS)
    other = document("other", ["leaf1"], {"acme-power:power": BATTERY})
    with pytest.raises(InputError) as refused:
        await one.submit(other)
    (problem, *_) = refused.value.problems
    assert problem.path.startswith("/acme-power:power")
    assert one.switch("leaf1").value("/power") == MAINS
