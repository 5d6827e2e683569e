"""The examples compiled, and their trees to be looked into by paths of bare names.

For test_fabric_golden.py. Looks only at what is printed, as a switch would.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from fabricd.intent.documents import Document, DraftKind, parse_documents
from fabricd.intent.fabric.compile import CompiledFabric, compile_fabric
from fabricd.intent.fabric.document import read_draft_fabric
from fabricd.schema import ModelSet, Schema

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"


@functools.cache
def compiled(example: str) -> CompiledFabric:
    path = EXAMPLES / example / "fabric.yaml"
    (draft,) = parse_documents([Document(path.name, path.read_bytes())], max_bytes=1 << 20, kinds=(DraftKind.FABRIC,))
    with Schema(ModelSet.fabric()) as schema:
        fabric, _ = read_draft_fabric(schema, draft)
    return compile_fabric(fabric)


class Tree:
    """A device's tree. Paths are of bare names and, in brackets, the values of keys in any order."""

    def __init__(self, device: str, content: Any) -> None:
        self.device, self.content = device, content

    def at(self, path: str, below: Any = None) -> Any:
        found = self.content if below is None else below
        for step in path.split("/"):
            name, _, key = step.partition("[")
            if not isinstance(found, dict):
                return None
            found = next((value for member, value in found.items() if bare(member) == name), None)
            if key and found is not None:
                wanted = sorted(key.removesuffix("]").split(","))
                found = next((entry for entry in found if sorted(keys(entry)) == wanted), None)
        return found

    def entries(self, path: str, below: Any = None) -> list[Any]:
        return self.at(path, below) or []

    def names(self, path: str, below: Any = None) -> set[str]:
        return {",".join(keys(entry)) for entry in self.entries(path, below)}


def bare(value: object) -> str:
    text = str(value)
    return text.rpartition(":")[2] if text.startswith(("openconfig-", "iana-")) else text


def keys(entry: dict[str, Any]) -> list[str]:
    """OpenConfig's list entries have nothing but key leaves and containers."""
    return [bare(value) for value in entry.values() if not isinstance(value, dict)]
