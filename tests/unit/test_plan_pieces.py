"""What a device wants in a transaction of its own goes first, cut out of what is created around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from fabricd.model.device import WriteTraits
from fabricd.model.edit import Dialect, Edit, GnmiSet, Operation
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.intent import Desired, Scope
from fabricd.model.path import ROOT, Path
from fabricd.plan import make_plan
from fabricd.plan.pieces import first_piece
from fabricd.schema import ModelSet, Schema

LLDP = "/openconfig-lldp:lldp"
ENABLED = Path.parse(f"{LLDP}/config/enabled")
CREATED = {
    "openconfig-lldp:config": {"enabled": False, "hello-timer": "30"},
    "openconfig-lldp:interfaces": {"interface": [{"name": "Ethernet1", "config": {"name": "Ethernet1"}}]},
}


def edit(path: str, new: Any, operation: Operation = Operation.CREATE) -> Edit:
    return Edit(operation, Path.parse(path), new=orjson.dumps(new).decode())


def default_of(path: Path) -> str | None:
    return {"enabled": "true", "hello-timer": "30", "suppress": "false"}.get(path.name)


def pieces(edits: tuple[Edit, ...], *before: str) -> tuple[list[tuple[str, Any]], str]:
    piece, path = first_piece(edits, [Path.parse(text) for text in before], default_of)
    return [(one.path.text, orjson.loads(one.new or "null")) for one in piece], path.text if path is not None else ""


def test_without_such_paths_all_goes_at_once() -> None:
    edits = (edit(LLDP, CREATED),)
    assert first_piece(edits, (), default_of) == (edits, None)
    assert first_piece(edits, [Path.parse("/openconfig-system:system")], default_of) == (edits, None)


def test_a_leaf_is_cut_out_of_the_container_that_is_created() -> None:
    edits = (edit(LLDP, CREATED), edit("/openconfig-system:system/config/hostname", "a"))
    assert pieces(edits, "/lldp/config/enabled") == ([(f"{LLDP}/config/enabled", False)], "/lldp/config/enabled")


def test_a_container_is_cut_out_with_the_modules_of_its_top_names() -> None:
    found, _ = pieces((edit(LLDP, CREATED),), "/lldp/config")
    inner = {"openconfig-lldp:enabled": False, "openconfig-lldp:hello-timer": "30"}
    assert found == [(f"{LLDP}/config", inner)]


def test_what_the_created_container_does_not_have_is_not_waited_for() -> None:
    edits = (edit(LLDP, CREATED),)
    assert first_piece(edits, [Path.parse("/lldp/config/system-name")], default_of) == (edits, None)
    assert first_piece(edits, [Path.parse("/lldp/config/enabled/deeper")], default_of) == (edits, None)


def test_an_entry_of_a_list_is_created_whole() -> None:
    entry = edit("/openconfig-interfaces:interfaces/interface[name='E1']", {"openconfig-interfaces:config": {}})
    edits = (edit(LLDP, CREATED), entry)
    found, path = first_piece(
        edits, [Path.parse("/interfaces/interface/config/mtu"), Path.parse("/interfaces")], default_of
    )
    assert (found, path) == ((entry,), Path.parse("/interfaces"))
    whole = edit("/openconfig-lldp:lldp/interfaces", {"openconfig-lldp:interface": [{"name": "E1"}]})
    found, _ = first_piece((whole, entry), [Path.parse("/lldp/interfaces/interface/config/enabled")], default_of)
    assert found == (whole,)


def test_the_first_path_that_has_edits_goes_first() -> None:
    edits = (edit(f"{LLDP}/config/enabled", True), edit("/openconfig-system:system/config/hostname", "a"))
    for before in (["/system", "/lldp"], ["/vlans", "/system"]):
        assert pieces(edits, *before)[1] == "/system"


def gone(path: str, old: Any) -> Edit:
    return Edit(Operation.DELETE, Path.parse(path), old=orjson.dumps(old).decode())


@pytest.mark.parametrize(
    "deletion",
    [
        gone(f"{LLDP}/config/system-name", "a"),  # it has no default
        gone(f"{LLDP}/config/suppress", True),  # it is switched off
        gone(LLDP, {"openconfig-lldp:config": {"enabled": True}}),  # it was at its default
        gone(LLDP, {"openconfig-lldp:interfaces": {"interface": [{"name": "E1", "config": {"enabled": False}}]}}),
        gone(f"{LLDP}/interfaces/interface[name='E1']", {"openconfig-lldp:config": {"enabled": False}}),
    ],
)
def test_deletions_stay_with_the_rest(deletion: Edit) -> None:
    edits = (deletion, edit("/openconfig-system:system/config/hostname", "a"))
    before = [
        Path.parse(path)
        for path in ("/lldp/config", "/lldp/interfaces/interface/config/enabled", "/lldp/config/enabled")
    ]
    assert first_piece(edits, before, default_of) == (edits, None)


def test_a_leaf_that_is_set_by_its_deletion_goes_first() -> None:
    other = edit("/openconfig-system:system/config/hostname", "a")
    leaf = gone(f"{LLDP}/config/enabled", False)
    config = gone(f"{LLDP}/config", {"openconfig-lldp:enabled": False, "openconfig-lldp:hello-timer": "10"})
    for deletion in (leaf, config, gone(LLDP, {"openconfig-lldp:config": {"enabled": False}})):
        assert first_piece((other, deletion), [ENABLED], default_of) == ((leaf,), ENABLED)
    below = gone(f"{LLDP}/config/hello-timer", "10")
    assert first_piece((other, below), [Path.parse("/lldp/config")], default_of)[0] == (below,)


@pytest.fixture(scope="module")
def schema() -> Any:
    with Schema(ModelSet.managed()) as made:
        yield made


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_payload_of_a_piece_holds_nothing_else_and_the_rest_follows(schema: Schema, dialect: Dialect) -> None:
    roots = (Path.parse(LLDP), Path.parse("/openconfig-system:system"))
    body = {"openconfig-lldp:lldp": {"config": CREATED["openconfig-lldp:config"]}}
    body["openconfig-lldp:lldp"]["interfaces"] = CREATED["openconfig-lldp:interfaces"]
    config = schema.canonical(orjson.dumps(body))
    desired = Desired("leaf1", 1, config, "d", Scope(roots=roots, subtrees=roots))

    def plan(actual: bytes, write: WriteTraits) -> Any:
        seen = Fetched(Encoding.JSON_IETF, (Part(ROOT, actual),), "x", len(actual))
        return make_plan(schema, desired, seen, dialect=dialect, write=write)

    write = WriteTraits(before=(ENABLED,))
    planned = plan(b"{}", write)
    assert planned.first == ENABLED
    assert [one.edit.path for one in planned.piece] == [ENABLED]
    if isinstance(planned.payload, GnmiSet):
        assert planned.payload == GnmiSet(updates=((ENABLED, b"false"),))
    else:
        assert b"hello-timer" not in planned.payload.config
    after = schema.apply([one.edit for one in planned.piece], b"{}")
    rest = plan(after, replace(write, before=()))
    assert rest.first is None
    assert len(rest.piece) == len(rest.plan.edits) > 0
