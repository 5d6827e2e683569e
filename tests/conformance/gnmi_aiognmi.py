"""aiognmi. A process of its own; see checking.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from aiognmi import AsyncgNMIClient
from aiognmi.proto.gnmi.gnmi_pb2_grpc import gNMIStub
from checking import RefusedError, run, where
from gnmi_checks import CHECKS, GnmiClient, Updates

LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)
NO_SUBSCRIBE = "the client has no call for Subscribe"
LIMITS = {
    **dict.fromkeys([name for name in CHECKS if name.startswith(("subscribe", "stream"))], NO_SUBSCRIBE),
    "encoding PROTO": "it drops unsigned scalars",
}


class _Client(AsyncgNMIClient):
    """With a channel that verifies: its own `connect` cannot read an authority's file, and has gRPC abort without."""

    async def connect(self) -> None:
        credentials = grpc.ssl_channel_credentials(root_certificates=Path(where()["ca"]).read_bytes())
        self.channel = grpc.aio.secure_channel(self.target, credentials, options=self.get_grpc_options())
        self.stub = gNMIStub(self.channel)


class Aiognmi(GnmiClient):
    def __init__(self, password: str = "") -> None:
        at = where()
        self._client = _Client(
            at["address"], at["gnmi_port"], at["username"], password or at["password"],
            grpc_options=[("grpc.max_receive_message_length", 64 << 20)],
        )  # fmt: skip
        LOOP.run_until_complete(self._client.connect())

    def capabilities(self) -> tuple[set[str], set[str], str]:
        found = self._said(self._client.get_capabilities())
        models = {model["name"] for model in found["supported_models"]}
        return {str(one).lower() for one in found["supported_encodings"]}, models, found["gNMI_version"]

    def get(self, paths: Sequence[str], kind: str = "ALL", encoding: str = "json_ietf") -> Updates:
        found = self._said(self._client.get(paths=list(paths), data_type=kind, encoding=encoding))
        return [(one["path"], one["val"]) for notification in found["notifications"] for one in notification["updates"]]

    def set(
        self,
        *,
        delete: Sequence[str] = (),
        replace: Mapping[str, Any] | None = None,
        update: Mapping[str, Any] | None = None,
        encoding: str = "json_ietf",
    ) -> list[str]:
        answer = self._said(
            self._client.set(delete=list(delete), replace=_pairs(replace), update=_pairs(update), encoding=encoding)
        )
        return [one["op"] for one in answer["update_results"]]

    def union_replace(self, values: Mapping[str, Any]) -> list[str]:
        answer = self._said(self._client.set(union_replace=_pairs(values), encoding="json_ietf"))
        return [one["op"] for one in answer["update_results"]]

    def stranger(self) -> GnmiClient:
        return Aiognmi("wrong")

    def close(self) -> None:
        LOOP.run_until_complete(self._client.close())

    def _said(self, call: Any) -> dict[str, Any]:
        reply = LOOP.run_until_complete(call)
        if isinstance(reply.raw_result, grpc.aio.AioRpcError):
            raise RefusedError(reply.raw_result.code().name)
        found: dict[str, Any] = reply.result
        return found


def _pairs(values: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [{"path": path, "data": value} for path, value in (values or {}).items()]


@contextmanager
def connect() -> Iterator[GnmiClient]:
    client = Aiognmi()
    try:
        yield client
    finally:
        client.close()


run(CHECKS, connect, LIMITS)
