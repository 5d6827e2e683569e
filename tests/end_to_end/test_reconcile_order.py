"""Lists whose order belongs to the user are rewritten without a loss of what is not fabricd's, over the wire."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import orjson
import pytest
from reconcile_fabric import Fabric, document, fabric

from fabricd.intent import Document
from fabricd.model.device import Likeness, Protocol, WriteTraits
from fabricd.model.outcome import OutcomeKind
from fabricd.model.path import Path

RULES = "openconfig-routing-policy:routing-policy"
POLICY = f"/{RULES}/policy-definitions/policy-definition[name='in']"
STATEMENTS = "/routing-policy/policy-definitions/policy-definition/statements/statement"
PROTOCOL = "conditions/config/install-protocol-eq"
BGP = "openconfig-policy-types:BGP"
LIKENESS = Likeness(
    omitted=(
        Path.parse(f"{STATEMENTS}/{PROTOCOL}"),
        Path.parse(f"{STATEMENTS}[name='system']"),
    ),
    unsupported=(Path.parse(f"{STATEMENTS}/actions/set-tag"),),
)
TAG = "actions/set-tag/config/mode"


def policy(*names: str) -> Document:
    statements = [
        {
            "name": name,
            "config": {"name": name},
            "actions": {"config": {"policy-result": "ACCEPT_ROUTE"}},
        }
        for name in names
    ]
    found = {"name": "in", "config": {"name": "in"}, "statements": {"statement": statements}}
    config = {RULES: {"policy-definitions": {"policy-definition": [found]}}}
    return document("base", ["leaf1"], config, replace=True)


def statement(name: str) -> str:
    return f"{POLICY}/statements/statement[name='{name}']"


def order(made: Fabric) -> list[str]:
    """The statements as the switch runs them."""
    tree: dict[str, Any] = orjson.loads(made.switch("leaf1").running)
    (found,) = tree[RULES]["policy-definitions"]["policy-definition"]
    return [entry["name"] for entry in found["statements"]["statement"]]


@pytest.mark.parametrize(
    ("protocol", "write"),
    [
        (Protocol.GNMI, WriteTraits()),
        (Protocol.GNMI, WriteTraits(replace=False)),
        (Protocol.GNMI, WriteTraits("subtrees", replace=False)),
        (Protocol.GNMI, WriteTraits("root", replace=False)),
        (Protocol.NETCONF, WriteTraits()),
    ],
)
async def test_a_rewritten_list_keeps_what_does_not_count(
    tmp_path: File, protocol: Protocol, write: WriteTraits
) -> None:
    async with fabric(tmp_path, {"leaf1": protocol}, likeness=LIKENESS, write=write) as made:
        await made.submit(policy("a", "b", "d"))
        await made.in_sync("leaf1")
        switch = made.switch("leaf1")
        theirs = {
            f"{statement('a')}/{PROTOCOL}": BGP,
            f"{statement('b')}/{TAG}": "INLINE",
            f"{statement('system')}/actions/config/policy-result": "REJECT_ROUTE",
        }
        await switch.change(
            theirs | {f"{statement('d')}/{PROTOCOL}": BGP, f"{statement('system')}/config/name": "system"}
        )
        assert (await made.checked("leaf1")).outcome is OutcomeKind.IN_SYNC
        await made.submit(policy("b", "c", "a"))
        await made.in_sync("leaf1")
        assert [name for name in order(made) if name != "system"] == ["b", "c", "a"]
        assert {path: switch.value(path) for path in theirs} == theirs
        assert switch.value(f"{statement('d')}/name") is None


DEVIATIONS = f"""module less-deviations {{
  namespace "urn:less-deviations";
  prefix less;
  import openconfig-routing-policy {{ prefix oc-rpol; }}
  deviation "{"".join(f"/oc-rpol:{name}" for name in f"{STATEMENTS[1:]}/{PROTOCOL}".split("/"))}" {{
    deviate not-supported;
  }}
}}
"""


@pytest.mark.parametrize("replaces", [True, False])
async def test_a_list_that_holds_what_nobody_can_write_back_waits_for_a_word(tmp_path: File, replaces: bool) -> None:
    file = tmp_path / "less-deviations.yang"
    file.write_text(DEVIATIONS)
    write = WriteTraits(replace=replaces)
    async with fabric(tmp_path, {"leaf1": Protocol.GNMI}, deviations=(str(file),), write=write) as made:
        await made.submit(policy("a", "b", "c"))
        await made.in_sync("leaf1")
        switch, leaf = made.switch("leaf1"), f"{statement('a')}/{PROTOCOL}"
        await switch.change({leaf: BGP, f"{statement('c')}/{PROTOCOL}": BGP})
        await made.submit(policy("b", "a"))
        view = await made.outcome("leaf1", OutcomeKind.HELD)
        assert f"{leaf};" in view.status.error_message  # and nothing of c, which is to go
        assert switch.value(leaf) == BGP
        assert order(made) == ["a", "b", "c"]
        assert (await made.checked("leaf1", approve=True)).outcome is OutcomeKind.APPLIED
        assert switch.value(leaf) is None
        assert order(made) == ["b", "a"]


async def test_netconf_moves_entries_and_has_nothing_to_lose(tmp_path: File) -> None:
    file = tmp_path / "less-deviations.yang"
    file.write_text(DEVIATIONS)
    async with fabric(tmp_path, {"leaf1": Protocol.NETCONF}, deviations=(str(file),)) as made:
        await made.submit(policy("a", "b"))
        await made.in_sync("leaf1")
        switch, leaf = made.switch("leaf1"), f"{statement('a')}/{PROTOCOL}"
        await switch.change({leaf: BGP})
        await made.submit(policy("b", "c", "a"))
        await made.in_sync("leaf1")
        assert switch.value(leaf) == BGP
        assert order(made) == ["b", "c", "a"]
