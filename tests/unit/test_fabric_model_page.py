"""The page on fabrics tells of every leaf of the model, of none that is not there, and its examples are good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from fabricd.intent.fabric import notation
from fabricd.intent.fabric.document import read_fabric
from fabricd.intent.fabric.values import PoolPurpose
from fabricd.schema import ModelSet, Schema
from fabricd.schema.outline import Node, NodeKind

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "fabric.md").read_text()


def _told() -> Iterator[tuple[str, str, str]]:
    """(section, leaf, default) of every row of the reference."""
    section = ""
    for line in PAGE.partition("## Reference")[2].splitlines():
        if line.startswith("### "):
            section = line[4:]
        elif row := re.fullmatch(r"\| `([^`]+)` \| [^|]+ \| ([^|]*) \| [^|]+ \|", line):
            yield section, row[1], row[2].strip().strip("`")


def _there(node: Node, section: str) -> Iterator[tuple[str, str, str]]:
    for child in node.children:
        if child.kind in (NodeKind.CONTAINER, NodeKind.LIST):
            yield from _there(child, f"{section}.{child.name}".strip("."))
        else:
            default = "key" if child.name in node.keys else child.defaults[0] if child.defaults else ""
            yield section, child.name, default


def test_every_leaf_is_told_and_none_is_invented() -> None:
    told = [(section, leaf) for section, leaf, _ in _told()]
    assert len(told) == len(set(told)) > 100
    assert set(told) == {(section, leaf) for section, leaf, _ in _there(notation.model(), "")}


def test_defaults_and_keys_are_told_as_they_are() -> None:
    defaults = {(section, leaf): default for section, leaf, default in _there(notation.model(), "")}
    assert {row: default for *row_, default in _told() if default != "required" for row in [tuple(row_)]} == {
        row: default for row, default in defaults.items() if (*row, "required") not in set(_told())
    }


def test_what_is_told_to_be_required_is() -> None:
    required = [f"{section}.{leaf}" for section, leaf, default in _told() if default == "required"]
    assert {"devices.role", "networks.vlan", "peers.peer-asn", "attachments.ports"} < set(required)
    text = (Path(__file__).resolve().parents[2] / "yang" / "fabricd" / "fabricd-fabric.yang").read_text()
    assert sorted(required) == sorted(_demanded(text.splitlines()))


def _demanded(lines: list[str]) -> Iterator[str]:
    """Leaves and leaf-lists that are mandatory, or have a least number of entries."""
    above: dict[int, str] = {}
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if found := re.fullmatch(r" *(container|list|leaf|leaf-list) (\S+) \{", line):
            above = {at: name for at, name in above.items() if at < indent} | {indent: " ".join(found.groups())}
        elif line.strip() in ("mandatory true;", "min-elements 1;"):
            kinds = [name.split() for at, name in sorted(above.items()) if at < indent]
            if kinds[-1][0] != "list":
                yield ".".join(name for _, name in kinds if name != "fabric")


def test_every_step_of_the_growing_example_is_good() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    content: dict[str, Any] = {}
    with Schema(ModelSet.fabric()) as schema:
        for block in blocks:
            loaded = YAML(typ="safe").load(block)
            more = loaded["fabric"] if "kind" in loaded else loaded
            assert ("kind" in loaded) != block.startswith("# add")
            for name, entries in more.items():
                content[name] = {**content.get(name, {}), **entries}
            fabric, _ = read_fabric(schema, content, name="dc1")
    assert len(fabric.devices) == 5
    assert fabric.paths[0].via == ("spine2",)


@pytest.mark.parametrize("purpose", PoolPurpose)
def test_pools_are_explained(purpose: PoolPurpose) -> None:
    assert f"| `{purpose}` |" in PAGE.partition("## Pools")[2].partition("## Reference")[0]
