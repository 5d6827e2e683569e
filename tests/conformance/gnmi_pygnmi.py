"""pygnmi's own client class. A process of its own; see checking.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from checking import RefusedError, run, where
from gnmi_checks import CHECKS, GnmiClient, Updates
from pygnmi.client import gNMIclient, gNMIException

T = TypeVar("T")

LIMITS = {"union_replace": "its messages are older than that"}


class Pygnmi(GnmiClient):
    def __init__(self, password: str = "") -> None:
        at = where()
        self._client = gNMIclient(
            (at["address"], at["gnmi_port"]), username=at["username"], password=password or at["password"],
            path_cert=at["ca"], grpc_options=[("grpc.max_receive_message_length", 64 << 20)],
        )  # fmt: skip
        _said(lambda: self._client.connect(timeout=40))

    def capabilities(self) -> tuple[set[str], set[str], str]:
        found = _said(self._client.capabilities)
        models = {model["name"] for model in found["supported_models"]}
        return set(found["supported_encodings"]), models, found["gnmi_version"]

    def get(self, paths: Sequence[str], kind: str = "ALL", encoding: str = "json_ietf") -> Updates:
        found = _said(lambda: self._client.get(path=list(paths), datatype=kind.lower(), encoding=encoding))
        return [pair for one in found["notification"] for pair in _updates(one)]

    def set(
        self,
        *,
        delete: Sequence[str] = (),
        replace: Mapping[str, Any] | None = None,
        update: Mapping[str, Any] | None = None,
        encoding: str = "json_ietf",
    ) -> list[str]:
        answer = _said(
            lambda: self._client.set(
                delete=list(delete), replace=list((replace or {}).items()), update=list((update or {}).items()),
                encoding=encoding,
            )
        )  # fmt: skip
        return [one["op"] for one in answer["response"]]

    def once(self, path: str, encoding: str = "json_ietf") -> Updates:
        asked = {"subscription": [{"path": path}], "mode": "once", "encoding": encoding}
        replies = list(self._client.subscribe2(subscribe=asked))
        assert replies[-1].get("sync_response") is True, replies
        return [pair for one in replies if "update" in one for pair in _updates(one["update"])]

    def poll(self, path: str, between: Callable[[], None]) -> tuple[Updates, Updates]:
        asked = {"subscription": [{"path": path}], "mode": "poll", "encoding": "json_ietf"}
        subscriber = self._client.subscribe_poll(subscribe=asked)
        try:
            # It reads one answer behind: first comes what is there when the subscription begins, without a poll.
            first = _updates(subscriber.get_update(timeout=30)["update"])
            between()
            subscriber.get_update(timeout=30)
            return first, _updates(subscriber.get_update(timeout=30)["update"])
        finally:
            subscriber.close()

    def stream(self, path: str, act: Callable[[], None], *, updates_only: bool = False, **how: Any) -> Updates:
        asked = {
            "subscription": [{"path": path, **how}], "mode": "stream", "encoding": "json_ietf",
            "updates_only": updates_only,
        }  # fmt: skip
        subscriber = self._client.subscribe_stream(subscribe=asked)
        try:
            subscriber.get_update(timeout=30)  # up to the sync_response
            act()
            return _updates(subscriber.get_update(timeout=30)["update"])
        finally:
            subscriber.close()

    def stranger(self) -> GnmiClient:
        return Pygnmi("wrong")

    def close(self) -> None:
        self._client.close()


def _updates(notification: Mapping[str, Any]) -> Updates:
    prefix = notification.get("prefix") or ""
    changed = [(f"{prefix}/{one['path']}", one.get("val")) for one in notification.get("update", ())]
    return changed + [(f"{prefix}/{one}", None) for one in notification.get("delete", ())]


def _said(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except gNMIException as error:
        cause = error.orig_exc
        raise RefusedError(cause.code().name if isinstance(cause, grpc.RpcError) else str(error)) from error
    except grpc.RpcError as error:
        raise RefusedError(error.code().name) from error


@contextmanager
def connect() -> Iterator[GnmiClient]:
    client = Pygnmi()
    try:
        yield client
    finally:
        client.close()


run(CHECKS, connect, LIMITS)
