"""yang/openconfig and the official OpenConfig release as libyang sees them, and copies of ours with something changed.

For the tests of our models. Knows nothing of the daemon.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import libyang

OURS = Path(__file__).resolve().parents[2] / "yang" / "openconfig"
MODULES = sorted(path.stem for path in OURS.glob("*.yang"))

RELEASE_LOAD_ORDER = (
    "iana-if-type",
    "openconfig-policy-forwarding",
    "openconfig-interfaces",
    "openconfig-if-ethernet",
    "openconfig-if-aggregate",
    "openconfig-vlan",
    "openconfig-if-ip",
    "openconfig-lldp",
    "openconfig-lacp",
    "openconfig-network-instance",
    "openconfig-acl",
    "openconfig-platform",
    "openconfig-system",
    "openconfig-qos",
    "openconfig-routing-policy",
    "openconfig-bgp-policy",
    "openconfig-defined-sets",
    "openconfig-bfd",
    "openconfig-spanning-tree",
    "openconfig-ethernet-segments",
)


@dataclass(frozen=True)
class Mutation:
    """One wrong statement in one module, and the difference it has to show up as."""

    name: str
    module: str
    old: str
    new: str
    path: str
    facet: str


def load(folder: Path, modules: Iterable[str]) -> libyang.Context:
    context = libyang.Context(str(folder))
    for module in modules:
        context.load_module(module)
    return context


def load_release(folder: Path) -> libyang.Context:
    types = sorted(path.stem for path in folder.glob("openconfig-*-types.yang"))
    return load(folder, [*types, *RELEASE_LOAD_ORDER])


def mutated_copy(folder: Path, mutations: tuple[Mutation, ...]) -> Path:
    shutil.copytree(OURS, folder)
    for mutation in mutations:
        file = folder / f"{mutation.module}.yang"
        text = file.read_text()
        pattern = r"\s+".join(re.escape(word) for word in mutation.old.split())
        mutated, replaced = re.subn(pattern, lambda _, new=mutation.new: new, text, count=1)  # type: ignore[misc]
        assert replaced, f"{mutation.module} no longer has {mutation.old!r}"
        file.write_text(mutated)
    return folder
