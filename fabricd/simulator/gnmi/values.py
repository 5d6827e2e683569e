"""Messages from bytes, and typed values from and to RFC 7951 JSON (gNMI specification sections 2.2.3 and 2.3).

Called by the gNMI server of a switch. Never validates against the models.
"""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import TypeVar

import grpc
import orjson
from google.protobuf.message import DecodeError, Message
from pygnmi.spec.v080 import gnmi_pb2

from fabricd.schema.outline import Node, NodeKind, Value, ValueKind
from fabricd.simulator.gnmi.paths import GnmiError
from fabricd.simulator.tree import LEAVES, Object
from fabricd.simulator.values import Json, from_text, is_integer, plain, to_text

M = TypeVar("M", bound=Message)
ENCODINGS = (gnmi_pb2.JSON, gnmi_pb2.JSON_IETF, gnmi_pb2.ASCII, gnmi_pb2.PROTO)
LEAF_BY_LEAF = (gnmi_pb2.ASCII, gnmi_pb2.PROTO)
"""Encodings that have values for leaves only, so that whatever is above them is given as its leaves."""
_MAX_PRECISION = 18  # of a decimal64 (RFC 7950 section 9.3.4)


def read(kind: type[M], data: bytes) -> M:
    """A message from its bytes. Raises GnmiError INVALID_ARGUMENT."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"not a {kind.DESCRIPTOR.name}: {error}") from error


def check_encoding(encoding: int) -> None:
    """Raises GnmiError UNIMPLEMENTED for one that is not spoken."""
    if encoding not in ENCODINGS:
        name = gnmi_pb2.Encoding.Name(encoding) if encoding in gnmi_pb2.Encoding.values() else str(encoding)
        spoken = ", ".join(gnmi_pb2.Encoding.Name(one) for one in ENCODINGS)
        raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, f"encoding {name} is not spoken, only {spoken}")


def read_value(value: gnmi_pb2.TypedValue, node: Node, path: str) -> tuple[Json, bool]:
    """JSON, and whether it is loose. Raises GnmiError: INVALID_ARGUMENT for what is not JSON or does not fit,
    UNIMPLEMENTED for other encodings."""
    match value.WhichOneof("value"):
        case "json_ietf_val":
            return _json(value.json_ietf_val, path), False
        case "json_val":
            return _json(value.json_val, path), True
        case "any_val" | "proto_bytes" as kind:
            raise GnmiError(grpc.StatusCode.UNIMPLEMENTED, f"values as {kind} are not taken", path)
        case None:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "no value given", path)
        case kind:
            if node.kind not in LEAVES or node.value is None:
                raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"{kind} is for a leaf", path)
            if kind == "leaflist_val":
                return [_scalar(one, node.value, path) for one in value.leaflist_val.element], False
            scalar = _scalar(value, node.value, path)
            return ([scalar] if node.kind is NodeKind.LEAF_LIST else scalar), False


def _json(data: bytes, path: str) -> Json:
    try:
        found: Json = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"not JSON: {error}", path) from error
    return found


def _scalar(value: gnmi_pb2.TypedValue, kind: Value, path: str) -> Json:
    match value.WhichOneof("value"):
        case "string_val":
            return str(value.string_val)
        case "ascii_val":
            return from_text(kind, value.ascii_val)
        case "bool_val":
            return bool(value.bool_val)
        case "int_val":
            return _number(int(value.int_val), kind)
        case "uint_val":
            return _number(int(value.uint_val), kind)
        case "double_val" | "float_val" as name:
            # A float has seven digits; what follows them is not what anybody gave.
            return _digits(f"{value.float_val:.7g}" if name == "float_val" else repr(value.double_val))
        case "decimal_val":
            digits, precision = int(value.decimal_val.digits), int(value.decimal_val.precision)
            if precision > _MAX_PRECISION:
                raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"a precision of {precision} digits", path)
            return f"{Decimal(digits).scaleb(-precision):f}"
        case "bytes_val":
            return base64.b64encode(value.bytes_val).decode()
        case name:
            raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"{name} does not fit here", path)


def _digits(text: str) -> str:
    """A floating-point number without exponent, as decimal64 is written; one of another size as it is."""
    number = Decimal(text)
    return f"{number:f}" if number.is_finite() and abs(number.adjusted()) < _MAX_PRECISION + 2 else text


def _number(number: int, kind: Value) -> Json:
    kinds = {member.kind for member in kind.members} or {kind.kind}
    return str(number) if ValueKind.NUMBER not in kinds and kinds & {ValueKind.LONG, ValueKind.DECIMAL} else number


def typed(node: Node, json: Json, encoding: int, *, loose: bool = False) -> gnmi_pb2.TypedValue:
    """The value of a node, the members of its object qualified (RFC 7951 section 4: a text of its own). `loose`:
    JSON_IETF with the names and values of JSON. ASCII and PROTO are for leaves."""
    match encoding:
        case gnmi_pb2.PROTO:
            return _proto(node, json)
        case gnmi_pb2.ASCII:
            several = json if node.kind is NodeKind.LEAF_LIST and isinstance(json, list) else [json]
            return gnmi_pb2.TypedValue(ascii_val=", ".join(map(to_text, several)))
        case gnmi_pb2.JSON:
            return gnmi_pb2.TypedValue(json_val=orjson.dumps(_plain(node, json)))
        case _:
            return gnmi_pb2.TypedValue(json_ietf_val=orjson.dumps((_plain if loose else qualified)(node, json)))


def _proto(node: Node, json: Json) -> gnmi_pb2.TypedValue:
    assert node.value is not None
    if node.kind is NodeKind.LEAF_LIST and isinstance(json, list):
        elements = [_proto_scalar(node.value, one) for one in json]
        return gnmi_pb2.TypedValue(leaflist_val=gnmi_pb2.ScalarArray(element=elements))
    return _proto_scalar(node.value, json)


def _proto_scalar(value: Value, json: Json) -> gnmi_pb2.TypedValue:
    """The scalar of a YANG value (gNMI specification section 2.2.3)."""
    kinds = {member.kind for member in value.members} or {value.kind}
    match json:
        case bool():
            return gnmi_pb2.TypedValue(bool_val=json)
        case int():
            return _proto_number(value, json)
        case list():  # [null], the value of type empty (RFC 7951 section 6.9)
            return gnmi_pb2.TypedValue(bool_val=True)
        case str() if ValueKind.LONG in kinds and is_integer(json):
            return _proto_number(value, int(json))
        case str() if value.kind is ValueKind.DECIMAL:
            return gnmi_pb2.TypedValue(double_val=float(json))
        case _:
            return gnmi_pb2.TypedValue(string_val=to_text(json))


def _proto_number(value: Value, number: int) -> gnmi_pb2.TypedValue:
    if number < 0 or any(one.signed for one in (value, *value.members)):
        return gnmi_pb2.TypedValue(int_val=number)
    return gnmi_pb2.TypedValue(uint_val=number)


def qualified(node: Node, json: Json) -> Json:
    """An object whose own members all carry their module."""
    if not isinstance(json, dict):
        return json
    found: Object = {}
    for member, value in json.items():
        child = node.child(member)
        found[child.qualified if child is not None else member] = value
    return found


def _plain(node: Node, json: Json) -> Json:
    if node.kind in LEAVES and node.value is not None:
        return [plain(node.value, one) for one in json] if isinstance(json, list) else plain(node.value, json)
    if isinstance(json, list):
        return [_plain(node, entry) for entry in json]
    if not isinstance(json, dict):
        return json
    found: Object = {}
    for member, value in json.items():
        child = node.child(member)
        assert child is not None
        found[child.name if node.child(child.name) is child else child.qualified] = _plain(child, value)
    return found
