"""Model sets: which YANG modules a schema is made of, and where they are.

Made by whoever reads profiles and settings, used by context.py. Loads nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

from fabricd.errors import InputError
from fabricd.settings import data_folder


class Format(StrEnum):
    """How a document is written: RFC 7951 JSON, or RFC 7950 XML (a sequence of top-level elements)."""

    JSON = "json"
    XML = "xml"


# libyang wants a module implemented before a default may name one of its identities, hence types come first.
_RELEASE_ORDER = (
    "openconfig-policy-forwarding",
    "openconfig-interfaces",
    "openconfig-if-ethernet",
    "openconfig-if-aggregate",
    "openconfig-vlan",
    "openconfig-if-ip",
    "openconfig-lldp",
    "openconfig-lacp",
    # An import alone does not implement a module, and only implemented modules lend their identities to data.
    "openconfig-local-routing",
    "openconfig-network-instance",
    "openconfig-acl",
    "openconfig-platform",
    "openconfig-aaa",
    "openconfig-messages",
    "openconfig-system-grpc",
    "openconfig-system-logging",
    "openconfig-system",
    "openconfig-qos",
    "openconfig-routing-policy",
    "openconfig-bgp-policy",
    "openconfig-defined-sets",
    "openconfig-bfd",
    "openconfig-spanning-tree",
    "openconfig-ethernet-segments",
)


@dataclass(frozen=True, slots=True)
class ModelSet:
    """The modules of one kind of device: `modules` in load order, looked for in `directories`; `deviations` are files
    loaded after them. `plain` is the set without the deviations of one kind of device, None where it has none.
    `features` are (module, its features that are enabled). Equal values share a context in each worker."""

    name: str
    directories: tuple[Path, ...]
    modules: tuple[str, ...]
    deviations: tuple[Path, ...] = ()
    plain: ModelSet | None = None
    features: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def undeviated(self) -> ModelSet:
        """Its modules without any deviation."""
        return replace(self.plain or self, deviations=())

    @classmethod
    def managed(cls) -> Self:
        """The part of OpenConfig that ships with fabricd, and the deviation that its bgp-policy needs."""
        folder = data_folder("yang") / "openconfig"
        return cls("managed", (folder,), _all_modules(folder), _mends())

    @classmethod
    def fabric(cls) -> Self:
        """fabricd's own model of a fabric, which fabric intents are written in."""
        return cls("fabric", (data_folder("yang") / "fabricd",), ("fabricd-fabric",))

    @classmethod
    def from_directory(cls, name: str, path: Path, modules: tuple[str, ...] | None = None) -> Self:
        """A set in a folder of .yang files (searched with its sub-folders).

        Without `modules`: every *-types module, iana-if-type, and the modules of OpenConfig that configure a
        switch. The release's bgp-policy gets the deviation it needs (yang/deviations), unless the folder has it.
        Raises InputError when the folder holds none of them.
        """
        files = tuple(path.rglob("*.yang"))
        if not files:
            raise InputError(f"no YANG modules in {path}")
        names = {file.name.partition("@")[0].removesuffix(".yang") for file in files}
        chosen = modules or _types_first(names & set(_RELEASE_ORDER) | {one for one in names if _is_types(one)})
        if not chosen:
            raise InputError(f"model set {name}: none of the {len(names)} modules is of OpenConfig; choose some")
        if missing := [one for one in chosen if one not in names]:
            raise InputError(f"model set {name}: no module {', '.join(missing)} in {path}")
        mends = _mends() if "openconfig-bgp-policy" in chosen else ()
        folders = tuple(sorted({file.parent for file in files}))
        return cls(name, folders, tuple(chosen), tuple(file for file in mends if file.stem not in names))

    def with_features(self, features: Iterable[tuple[str, tuple[str, ...]]]) -> Self:
        """The same with these features, as in `features`."""
        return replace(self, features=tuple(features))

    @staticmethod
    def in_order(modules: Iterable[str]) -> tuple[str, ...]:
        """Modules in an order in which libyang can load them: types first, then those of OpenConfig as they build on
        each other, then all others by name."""
        return _types_first(set(modules))

    def deviating(self, files: Iterable[str]) -> Self:
        """The same, with these files of deviations loaded last; the set itself when there are none."""
        added = tuple(map(Path, files))
        return replace(self, deviations=(*self.deviations, *added), plain=self.plain or self) if added else self


def _mends() -> tuple[Path, ...]:
    return (data_folder("yang") / "deviations" / "fabricd-oc-bgp-policy-deviations.yang",)


def _is_types(name: str) -> bool:
    return name == "iana-if-type" or (name.startswith("openconfig-") and name.endswith("-types"))


def _types_first(names: set[str]) -> tuple[str, ...]:
    def order(name: str) -> tuple[int, int, str]:
        known = _RELEASE_ORDER.index(name) if name in _RELEASE_ORDER else len(_RELEASE_ORDER)
        return (0 if _is_types(name) else 1, known, name)

    return tuple(sorted(names, key=order))


def _all_modules(folder: Path) -> tuple[str, ...]:
    names = {file.stem for file in folder.glob("*.yang")}
    return _types_first({name for name in names if name.startswith("openconfig-") or _is_types(name)})
