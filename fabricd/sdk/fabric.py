"""FabricDocument: a fabric intent that a program builds piece by piece, each value checked as it is set.

Called by users of the SDK. Holds pyangbind objects (bindings.py); must not know the daemon, clients or devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from pyangbind.lib import pybindJSON

from fabricd.errors import InputError, Problem
from fabricd.intent.fabric.document import read_fabric
from fabricd.intent.fabric.notation import TOP
from fabricd.intent.fabric.values import Fabric, OverlayType, PoolPurpose, Role
from fabricd.schema import ModelSet, Schema
from fabricd.sdk.bindings import fabricd_fabric

Leaf = str | int | bool | Sequence[str] | Sequence[int]
"""What a leaf may be given: one value, or those of a leaf-list."""


class FabricDocument:
    """A fabric intent in the making. Leaves are named as in docs/fabric.md, with _ for -.

    Every method that adds something returns the bindings' object for it, whose attributes are the rest of its leaves.
    Raises InputError, with the data path, for what the type of a leaf does not allow, and for entries that are there
    already; `check` says everything else that is wrong.
    """

    def __init__(self, name: str, *, owner: str = "", priority: int = 100) -> None:
        self.name, self.owner, self.priority = name, owner, priority
        self._root: Any = fabricd_fabric()  # type: ignore[no-untyped-call]
        self.bindings: Any = self._root.fabric

    def settings(self, container: str, **leaves: Leaf) -> Any:
        """Set leaves of a container: defaults, underlay, overlay, system, or underlay.bfd."""
        at = self.bindings
        for name in container.split("."):
            at = getattr(at, name)
        return _filled(at, f"/{TOP}/{container.replace('.', '/')}", leaves)

    def overlay(self, kind: OverlayType | str, **leaves: Leaf) -> Any:
        return self.settings("overlay", type=str(kind), **leaves)

    def pool(self, name: str, purpose: PoolPurpose | str, *, prefixes: Leaf = (), ranges: Leaf = ()) -> Any:
        return self.add("pools", name, purpose=str(purpose), prefixes=prefixes, ranges=ranges)

    def device(self, name: str, role: Role | str, **leaves: Leaf) -> Any:
        return self.add("devices", name, role=str(role), **leaves)

    def link(self, a: str, b: str, **leaves: Leaf) -> Any:
        """Both ends as DEVICE:PORT."""
        return self.add("links", a, b, **leaves)

    def vrf(self, name: str, **leaves: Leaf) -> Any:
        return self.add("vrfs", name, **leaves)

    def network(self, name: str, vlan: int, **leaves: Leaf) -> Any:
        return self.add("networks", name, vlan=vlan, **leaves)

    def attachment(self, name: str, *ports: str, **leaves: Leaf) -> Any:
        """Ports as DEVICE:PORT; those of several devices make an ethernet segment, and need `lag`."""
        return self.add("attachments", name, ports=ports, **leaves)

    def add(self, list_name: str, *keys: str | int, **leaves: Leaf) -> Any:
        """An entry of any top-level list of the model, by its key or keys in order."""
        entries = getattr(self.bindings, list_name.replace("-", "_"))
        path = f"/{TOP}/{list_name.replace('_', '-')}"
        try:
            entry = entries.add(" ".join(map(str, keys)))
        except (KeyError, ValueError) as error:
            shown = " ".join(map(str, keys))
            raise InputError.of([Problem(f"{shown!r} is there already, or cannot be its key", path=path)]) from error
        return _filled(entry, f"{path}[{' '.join(map(str, keys))}]", leaves)

    def content(self) -> dict[str, Any]:
        """What stands under `fabric` in a document, as RFC 7951 JSON values."""
        found: dict[str, Any] = orjson.loads(pybindJSON.dumps(self._root, mode="ietf", indent=None))
        return dict(found.get(TOP, {}))

    def document(self) -> bytes:
        """The intent as a JSON document, to be written to a file or submitted (`fabricd.client`)."""
        return orjson.dumps(
            {
                "kind": "fabric",
                "name": self.name,
                "owner": self.owner,
                "priority": self.priority,
                "fabric": self.content(),
            },
            option=orjson.OPT_INDENT_2,
        )

    def check(self) -> Fabric:
        """Validate by the model, as a submission will. Raises InputError with every problem and its data path."""
        with Schema(ModelSet.fabric()) as schema:
            fabric, _ = read_fabric(schema, self.content(), name=self.name, source=self.name)
        return fabric


def _filled(at: Any, path: str, leaves: dict[str, Leaf]) -> Any:
    for name, value in leaves.items():
        shown = f"{path}/{name.replace('_', '-')}"
        # A setter that is not there would silently become an attribute of an object without slots.
        if name not in at._pyangbind_elements:
            raise InputError.of([Problem("the model has no such leaf", path=shown)])
        try:
            if isinstance(value, str | int):
                setattr(at, name, value)
            else:
                held = getattr(at, name)
                for one in value:
                    held.append(one)
        except (TypeError, ValueError) as error:
            raise InputError.of([Problem(f"{value!r} is not allowed here", path=shown)]) from error
    return at
