"""Decoders of what devices send beyond replies: schema lists, YANG text, state, gathered leaves, archives of models.

Part of targets.py's list. Owns the seeds of these.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import orjson
from google.protobuf.message import DecodeError
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.cli.archive import read_archive
from fabricd.errors import DeviceError, InputError
from fabricd.model.device import Device, Profile, Protocol
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.path import ROOT
from fabricd.model.path import Path as DataPath
from fabricd.schema import ModelSet, Schema
from fabricd.schema.module_text import read_module_text
from fabricd.schema.observed import read_observed
from fabricd.southbound.gnmi.gathering import Gathering
from fabricd.southbound.netconf.reply import parse
from fabricd.southbound.netconf.schemas import read_library, read_modules_state, read_schemas

DEVICE = Device("leaf1", "192.0.2.1", 830, Protocol.NETCONF, Profile("fuzz"))
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
INTERFACES = DataPath.parse("/openconfig-interfaces:interfaces")
ROOTS = (INTERFACES, DataPath.parse("/openconfig-system:system"))


@cache
def _schema() -> Schema:
    return Schema(ModelSet.managed())


def schema_lists(data: bytes) -> None:
    """What a device tells of its own models, in each of the three ways."""
    try:
        root = parse(data, DEVICE)
    except DeviceError:
        return
    for read in (read_schemas, read_library, read_modules_state):
        with suppress(DeviceError):
            read(root, DEVICE)


def yang_text(data: bytes) -> None:
    with suppress(InputError):
        read_module_text(data)


def state_json(data: bytes) -> None:
    _observe(data, Encoding.JSON_IETF)


def state_xml(data: bytes) -> None:
    _observe(data, Encoding.XML)


def _observe(data: bytes, encoding: Encoding) -> None:
    part = Part(INTERFACES if encoding is Encoding.JSON_IETF else ROOT, data)
    with suppress(DeviceError):
        read_observed(_schema(), [Fetched(encoding, (part,), "", len(data))])


def gathered(data: bytes) -> None:
    """Leaves out of a subscription make one document a root, whatever order they come in, whatever they contradict."""
    try:
        response = gnmi_pb2.GetResponse.FromString(data)
    except DecodeError:
        return
    try:
        gathering = Gathering("leaf1", config=True)
        for notification in response.notification:
            gathering.add(notification)
        parts = tuple(gathering.parts(ROOTS))
        _schema().read_device(parts, Encoding.JSON_IETF)
    except DeviceError:
        return
    for part in parts:
        orjson.loads(part.data)


def archive(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(InputError):
            read_archive(Path(file.name))


def _tar(form: int) -> bytes:
    """Not compressed, so that its headers are within reach."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
        entry = tarfile.TarInfo(f"models/{'long' * 30}/a.yang")
        entry.size = len(YANG)
        tar.addfile(entry, io.BytesIO(YANG))
        if form == tarfile.PAX_FORMAT:
            entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "3"}
            tar.addfile(entry, io.BytesIO(b"1\n0\n3\n" + YANG))
    return packed.getvalue()


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("models/a.yang", YANG)
    return packed.getvalue()


YANG = (
    b'module a { yang-version 1.1; namespace "urn:a"; prefix a; import b { prefix b; revision-date 2024-01-01; }\n'
    b"  include c; revision 2025-01-01; /* a comment */ container top { leaf one { type string; } } // the end\n}"
)
SCHEMAS = (
    f'<data xmlns="{NC}"><netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><schemas><schema>'
    "<identifier>a</identifier><version>2025-01-01</version><format>yang</format><namespace>urn:a</namespace>"
    "<location>NETCONF</location></schema></schemas></netconf-state></data>"
).encode()
LIBRARY = (
    f'<data xmlns="{NC}"><yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"><module-set><name>s</name>'
    "<module><name>a</name><revision>2025-01-01</revision><namespace>urn:a</namespace><deviation>d</deviation></module>"
    "</module-set><schema><name>m</name><module-set>s</module-set></schema></yang-library></data>"
).encode()
STATE = {
    "interface": [
        {"name": "Ethernet1", "state": {"name": "Ethernet1", "oper-status": "UP", "counters": {"in-octets": "12"}}}
    ]
}
STATE_XML = (
    f'<data xmlns="{NC}"><interfaces xmlns="http://openconfig.net/yang/interfaces"><interface><name>Ethernet1</name>'
    "<state><oper-status>UP</oper-status></state></interface></interfaces></data>"
).encode()
ARCHIVES = (_tar(tarfile.PAX_FORMAT), _tar(tarfile.GNU_FORMAT), _zip())
