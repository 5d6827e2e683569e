"""Run in a process of its own by test_simulator_gnmi_extensions: messages of gNMI 0.11, which cannot be loaded beside
pygnmi's.

Arguments: ADDRESS PORT CA_FILE, and as hexadecimals an Extension with a Commit, one with a Depth, a SetRequest with
union_replace, made elsewhere. Prints what it read from these, what it made itself, and what a switch said to it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import grpc
from gnmi_pb import gnmi_ext_pb2, gnmi_pb2, gnmi_pb2_grpc
from google.protobuf.json_format import MessageToDict

address, port, ca_file, commit_hex, depth_hex, union_hex = sys.argv[1:]
METADATA = (("username", "operator"), ("password", "secret"))
seen: dict[str, Any] = {}


def extension(**kind: Any) -> gnmi_ext_pb2.Extension:
    return gnmi_ext_pb2.Extension(**kind)


def commit(identifier: str, **action: Any) -> gnmi_ext_pb2.Extension:
    return extension(commit=gnmi_ext_pb2.Commit(id=identifier, **action))


def hostname(value: str) -> gnmi_pb2.Update:
    path = gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name=name) for name in ("system", "config", "hostname")])
    return gnmi_pb2.Update(path=path, val=gnmi_pb2.TypedValue(string_val=value))


seen["read"] = {
    "commit": MessageToDict(gnmi_ext_pb2.Extension.FromString(bytes.fromhex(commit_hex))),
    "depth": MessageToDict(gnmi_ext_pb2.Extension.FromString(bytes.fromhex(depth_hex))),
    "union": MessageToDict(gnmi_pb2.SetRequest.FromString(bytes.fromhex(union_hex))),
}
actions = {
    "commit": gnmi_ext_pb2.CommitRequest(rollback_duration={"seconds": 7}),
    "confirm": gnmi_ext_pb2.CommitConfirm(),
    "cancel": gnmi_ext_pb2.CommitCancel(),
    "set_rollback_duration": gnmi_ext_pb2.CommitSetRollbackDuration(rollback_duration={"seconds": 8}),
}
made = {name: commit("an-id", **{name: action}) for name, action in actions.items()}
made["depth"] = extension(depth=gnmi_ext_pb2.Depth(level=3))
made["union"] = gnmi_pb2.SetRequest(union_replace=[hostname("one"), hostname("two")])
seen["made"] = {name: message.SerializeToString().hex() for name, message in made.items()}

credentials = grpc.ssl_channel_credentials(Path(ca_file).read_bytes())
with grpc.secure_channel(f"{address}:{port}", credentials) as channel:
    stub = gnmi_pb2_grpc.gNMIStub(channel)

    def set_(**fields: Any) -> str:
        """The status a Set ends with."""
        try:
            reply = stub.Set(gnmi_pb2.SetRequest(**fields), metadata=METADATA, timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
        seen.setdefault("operations", []).extend(gnmi_pb2.UpdateResult.Operation.Name(one.op) for one in reply.response)
        return "OK"

    seen["sets"] = [
        set_(union_replace=[hostname("united")]),
        set_(update=[hostname("later")], extension=[commit("x", commit=gnmi_ext_pb2.CommitRequest())]),
        set_(update=[hostname("no")]),
        set_(extension=[commit("y", confirm=gnmi_ext_pb2.CommitConfirm())]),
        set_(extension=[commit("x", set_rollback_duration=actions["set_rollback_duration"])]),
        set_(extension=[commit("x", cancel=gnmi_ext_pb2.CommitCancel())]),
        set_(extension=[commit("x", cancel=gnmi_ext_pb2.CommitCancel())]),
    ]
    question: dict[str, Any] = {
        "path": [gnmi_pb2.Path(elem=[gnmi_pb2.PathElem(name="system")])],
        "type": gnmi_pb2.GetRequest.CONFIG,
        "encoding": gnmi_pb2.JSON_IETF,
    }
    for name, level in (("whole", 0), ("shallow", 1)):
        depth = extension(depth=gnmi_ext_pb2.Depth(level=level))
        found = stub.Get(gnmi_pb2.GetRequest(**question, extension=[depth]), metadata=METADATA, timeout=60)
        seen[name] = json.loads(found.notification[0].update[0].val.json_ietf_val)
print(json.dumps(seen))
