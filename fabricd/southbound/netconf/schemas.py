"""What a device says of its own models: its YANG library, the schemas it hands out, and their text.

Used by whoever fetches models from a device. Must not know model sets: it reads and checks names, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from lxml import etree

from fabricd.errors import DeviceProtocolError, DeviceRefusedError
from fabricd.model.device import Device
from fabricd.southbound.netconf import operations
from fabricd.southbound.netconf.paths import BASE
from fabricd.southbound.netconf.reply import parse
from fabricd.southbound.netconf.rpc import Rpc

MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"

# More than ten times what the largest router has: a list that is longer is no list of modules.
MOST_MODULES = 20_000
# The longest module in the field has some 3 MB; one text must not take all memory.
MOST_TEXT = 32 << 20

# RFC 7950 section 6.2 and RFC 7895 (revision-identifier). These become file names, so nothing else may pass.
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,249}")
_REVISION = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?")

# How devices say that they know nothing by that name (RFC 6241 appendix A).
_NOT_KNOWN = frozenset({"unknown-element", "unknown-namespace", "bad-element", "invalid-value", "data-missing"})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SchemaEntry:
    """A schema that get-schema hands out (RFC 6022 section 2.1.3). `revision` is "" where the device gives none,
    `format` is `yang`, `yin`, `xsd`, ... without prefix."""

    name: str
    revision: str
    format: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the configuration's schema. `implemented` is false for one that is there for its types only;
    `deviations` names the modules that deviate it; `submodules` are (name, revision)."""

    name: str
    revision: str
    namespace: str
    implemented: bool = True
    features: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    submodules: tuple[tuple[str, str], ...] = ()


async def schemas(rpc: Rpc) -> tuple[SchemaEntry, ...]:
    """The schemas that can be had with `schema_text`, as listed in /netconf-state/schemas (RFC 6022).

    Empty where the device does not know that list. Raises DeviceError; DeviceProtocolError for names that are none,
    or more than MOST_MODULES of them.
    """
    return await _get(rpc, MONITORING, ("netconf-state", "schemas"), read_schemas)


async def schema_text(rpc: Rpc, name: str, revision: str = "", language: str = "yang") -> str:
    """The text of one schema (get-schema, RFC 6022 section 3.1).

    Raises DeviceRefusedError (invalid-value: the device does not have it; data-not-unique: give the revision), or
    DeviceProtocolError for an empty text, and for one of more than MOST_TEXT characters.
    """
    device = rpc.device
    what = f"get-schema of {name}" + (f"@{revision}" if revision else "")

    def read(data: bytes) -> str:
        text = "".join(map(str, parse(data, device).itertext(with_tail=False)))
        if not text.strip():
            raise DeviceProtocolError(f"the reply to {what} is empty", device=device.name)
        if len(text) > MOST_TEXT:
            raise DeviceProtocolError(f"the reply to {what} has more than {MOST_TEXT} characters", device=device.name)
        return text

    return await rpc.data(operations.GetSchema, what, read, name, version=revision or None, format=language)


async def modules(rpc: Rpc) -> tuple[Module, ...]:
    """The modules of the running configuration: by yang-library of RFC 8525, else by that of RFC 7895, else by the
    hello, which knows neither imports nor all features. Raises as `schemas`."""
    found = await _get(rpc, LIBRARY, ("yang-library",), read_library)
    return found or await _get(rpc, LIBRARY, ("modules-state",), read_modules_state) or _greeted(rpc)


async def _get(
    rpc: Rpc, namespace: str, path: tuple[str, ...], read: Callable[[etree._Element, Device], tuple[_T, ...]]
) -> tuple[_T, ...]:
    """`read` of what is at and below `path`; nothing where the device does not know what is asked for."""
    wanted = etree.Element(f"{{{BASE}}}filter", {"type": "subtree"})
    parent = wanted
    for step in path:
        parent = etree.SubElement(parent, f"{{{namespace}}}{step}")
    try:
        return await rpc.data(
            operations.Get, f"get of {path[0]}", lambda data: read(parse(data, rpc.device), rpc.device), filter=wanted
        )
    except DeviceRefusedError as error:
        if error.tag in _NOT_KNOWN:
            return ()
        raise


def read_schemas(data: etree._Element, device: Device) -> tuple[SchemaEntry, ...]:
    """/netconf-state/schemas (RFC 6022). What is only to be had elsewhere is left out: nobody asked us to trust that
    place."""
    found = []
    for one in _bounded(_below(data, "netconf-state", "schemas", "schema"), device):
        locations = _texts(one, "location")
        if not locations or "NETCONF" in locations:
            name, revision = _name(one, "identifier", "version", device)
            found.append(SchemaEntry(name, revision, _text(one, "format").rpartition(":")[2], _text(one, "namespace")))
    return tuple(dict.fromkeys(found))


def read_library(data: etree._Element, device: Device) -> tuple[Module, ...]:
    """/yang-library (RFC 8525): the module sets of the schema that running has."""
    sets = {_text(one, "name"): one for one in _below(data, "yang-library", "module-set")}
    of_schema = {_text(one, "name"): _texts(one, "module-set") for one in _below(data, "yang-library", "schema")}
    running = [
        _text(one, "schema")
        for one in _below(data, "yang-library", "datastore")
        if _text(one, "name").rpartition(":")[2] == "running"
    ]
    names = [name for schema in running for name in of_schema.get(schema, ())]
    chosen = [sets[name] for name in names if name in sets] or list(sets.values())
    modules = (module for one in chosen for module in _children(one, "module"))
    imported = (module for one in chosen for module in _children(one, "import-only-module"))
    found = (
        *(_module(one, device, True, _texts(one, "deviation")) for one in _bounded(modules, device)),
        *(_module(one, device, False, ()) for one in _bounded(imported, device)),
    )
    return tuple(dict.fromkeys(found))


def read_modules_state(data: etree._Element, device: Device) -> tuple[Module, ...]:
    """/modules-state (RFC 7895)."""
    return tuple(
        _module(
            one,
            device,
            _text(one, "conformance-type") != "import",
            tuple(_text(deviation, "name") for deviation in _children(one, "deviation")),
        )
        for one in _bounded(_below(data, "modules-state", "module"), device)
    )


def _module(one: etree._Element, device: Device, implemented: bool, deviations: tuple[str, ...]) -> Module:
    name, revision = _name(one, "name", "revision", device)
    return Module(
        name=name,
        revision=revision,
        namespace=_text(one, "namespace"),
        implemented=implemented,
        features=_texts(one, "feature"),
        deviations=tuple(_checked(deviation, device) for deviation in deviations),
        submodules=tuple(
            _name(part, "name", "revision", device) for part in _bounded(_children(one, "submodule"), device)
        ),
    )


def _greeted(rpc: Rpc) -> tuple[Module, ...]:
    """What the hello lists (RFC 6020 section 5.6.4)."""
    device = rpc.device
    return tuple(
        Module(
            _checked(one.name, device),
            _dated(one.revision, device),
            one.namespace,
            True,
            one.features,
            tuple(_checked(name, device) for name in one.deviations),
        )
        for one in rpc.hello.modules()[:MOST_MODULES]
    )


def _bounded(found: Iterable[etree._Element], device: Device) -> Iterator[etree._Element]:
    for number, one in enumerate(found):
        if number == MOST_MODULES:
            raise DeviceProtocolError(f"the device lists more than {MOST_MODULES} modules", device=device.name)
        yield one


def _name(one: etree._Element, name: str, revision: str, device: Device) -> tuple[str, str]:
    return _checked(_text(one, name), device), _dated(_text(one, revision), device)


def _checked(name: str, device: Device) -> str:
    if _IDENTIFIER.fullmatch(name) is None:
        raise DeviceProtocolError(f"the device names a module {name[:80]!r}, which is no name", device=device.name)
    return name


def _dated(revision: str, device: Device) -> str:
    if _REVISION.fullmatch(revision) is None:
        raise DeviceProtocolError(
            f"the device names a revision {revision[:80]!r}, which is no date", device=device.name
        )
    return revision


def _below(data: etree._Element, *names: str) -> Iterator[etree._Element]:
    """Every element at that place, whatever its namespace: some devices get it wrong, and it was asked for by it."""
    if not names:
        yield data
        return
    for child in _children(data, names[0]):
        yield from _below(child, *names[1:])


def _children(one: etree._Element, name: str) -> Iterator[etree._Element]:
    return one.iterchildren(f"{{*}}{name}")


def _text(one: etree._Element, name: str) -> str:
    return (one.findtext(f"{{*}}{name}") or "").strip()


def _texts(one: etree._Element, name: str) -> tuple[str, ...]:
    return tuple((child.text or "").strip() for child in _children(one, name))
