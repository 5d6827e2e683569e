"""What is checked of a gNMI server, written once for every client (gNMI specification 0.10).

Used by the gnmi_*.py scripts. Knows the clients only as GnmiClient.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from checking import Check, NotOfferedError, refused

Updates = list[tuple[str, Any]]


class GnmiClient(ABC):
    """One channel, in the client's own way. Paths are texts with bare names; values are what JSON gives. Every method
    raises RefusedError with the name of the gRPC status, NotOfferedError where the client cannot."""

    @abstractmethod
    def capabilities(self) -> tuple[set[str], set[str], str]:
        """Encodings in small letters, model names, version."""

    @abstractmethod
    def get(self, paths: Sequence[str], kind: str = "ALL", encoding: str = "json_ietf") -> Updates: ...

    @abstractmethod
    def set(
        self,
        *,
        delete: Sequence[str] = (),
        replace: Mapping[str, Any] | None = None,
        update: Mapping[str, Any] | None = None,
        encoding: str = "json_ietf",
    ) -> list[str]:
        """The operations that the response names."""

    def union_replace(self, values: Mapping[str, Any]) -> list[str]:
        raise NotOfferedError

    def once(self, path: str, encoding: str = "json_ietf") -> Updates:
        """What a subscription of mode ONCE gives before its sync_response; fails when there is none."""
        raise NotOfferedError

    def poll(self, path: str, between: Callable[[], None]) -> tuple[Updates, Updates]:
        """What two polls give; `between` is done between them."""
        raise NotOfferedError

    def stream(self, path: str, act: Callable[[], None], *, updates_only: bool = False, **how: Any) -> Updates:
        """The first message after the sync_response; `act` is done once that has come. Deletes have the value None.
        `how`: mode, sample_interval in nanoseconds."""
        raise NotOfferedError

    @abstractmethod
    def stranger(self) -> GnmiClient:
        """The same with a wrong password, which may be refused at once."""

    @abstractmethod
    def close(self) -> None: ...


def entry(number: int) -> str:
    return f"/interfaces/interface[name=Ethernet{number}]"


def config(number: int, **leaves: Any) -> dict[str, Any]:
    return {"config": {"name": f"Ethernet{number}", "type": "iana-if-type:ethernetCsmacd", **leaves}}


def value(client: GnmiClient, path: str, kind: str = "CONFIG", encoding: str = "json_ietf") -> Any:
    [(_, found)] = client.get([path], kind, encoding)
    return found


def put(client: GnmiClient, number: int, **leaves: Any) -> None:
    client.set(update={entry(number): config(number, **leaves)})


def _capabilities(client: GnmiClient, number: int) -> None:
    encodings, models, version = client.capabilities()
    assert encodings >= {"json", "json_ietf", "ascii", "proto"}, encodings
    assert "openconfig-interfaces" in models
    assert version.startswith("0.")


def _login(client: GnmiClient, number: int) -> None:
    refused("UNAUTHENTICATED", lambda: client.stranger().get(["/interfaces"]))


def _update(client: GnmiClient, number: int) -> None:
    assert client.set(update={entry(number): config(number, mtu=9000)}) == ["UPDATE"]
    assert value(client, f"{entry(number)}/config/mtu") == 9000


def _update_keeps(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    client.set(update={f"{entry(number)}/config": {"description": "kept"}})
    assert value(client, f"{entry(number)}/config/mtu") == 9000


def _replace(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    assert client.set(replace={entry(number): config(number, description="alone")}) == ["REPLACE"]
    refused("NOT_FOUND", lambda: client.get([f"{entry(number)}/config/mtu"], "CONFIG"))
    assert value(client, f"{entry(number)}/config/description") == "alone"


def _delete(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    assert client.set(delete=[f"{entry(number)}/config/mtu"]) == ["DELETE"]
    client.set(delete=[entry(number)])
    refused("NOT_FOUND", lambda: client.get([entry(number)], "CONFIG"))


def _delete_absent(client: GnmiClient, number: int) -> None:
    assert client.set(delete=[entry(number)]) == ["DELETE"]


def _order(client: GnmiClient, number: int) -> None:
    """Deletes, replaces, updates, whatever order they are written in."""
    put(client, number, mtu=9000)
    path = entry(number)
    done = client.set(
        update={f"{path}/config": {"description": "last"}}, delete=[path], replace={path: config(number, mtu=1500)}
    )
    assert done == ["DELETE", "REPLACE", "UPDATE"], done
    assert value(client, f"{path}/config/description") == "last"
    assert value(client, f"{path}/config/mtu") == 1500


def _atomic(client: GnmiClient, number: int) -> None:
    bad = {entry(number): config(number), f"{entry(number)}/config/mtu": "many"}
    refused({"INVALID_ARGUMENT", "ABORTED"}, lambda: client.set(update=bad))
    refused("NOT_FOUND", lambda: client.get([entry(number)], "CONFIG"))


def _unknown_path(client: GnmiClient, number: int) -> None:
    refused({"NOT_FOUND", "INVALID_ARGUMENT"}, lambda: client.set(update={"/interfaces/colour": "blue"}))
    refused({"NOT_FOUND", "INVALID_ARGUMENT"}, lambda: client.get(["/interfaces/colour"]))


def _key_contradicts(client: GnmiClient, number: int) -> None:
    refused("INVALID_ARGUMENT", lambda: client.set(update={entry(number): {"name": "Ethernet0x"}}))


def _root(client: GnmiClient, number: int) -> None:
    put(client, number)
    assert f"Ethernet{number}" in json.dumps(value(client, "/"))


def _types(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    shown = {kind: json.dumps(client.get([entry(number)], kind)) for kind in ("ALL", "CONFIG", "STATE", "OPERATIONAL")}
    assert "oper-status" in shown["ALL"]
    assert "oper-status" in shown["STATE"]
    assert "oper-status" in shown["OPERATIONAL"]
    assert "oper-status" not in shown["CONFIG"]
    # By the leaf's name: a counter may well pass through the number.
    assert '"mtu"' in shown["CONFIG"]
    assert '"mtu"' in shown["STATE"]
    assert '"mtu"' not in shown["OPERATIONAL"]


def _wildcard(client: GnmiClient, number: int) -> None:
    put(client, number)
    found = client.get(["/interfaces/interface[name=*]/config/name"], "CONFIG")
    assert f"Ethernet{number}" in [one for _, one in found]


def _json(client: GnmiClient, number: int) -> None:
    client.set(update={entry(number): config(number, mtu=9000)}, encoding="json")
    found = value(client, f"{entry(number)}/config", encoding="json")
    assert found["mtu"] == 9000, found


def _ascii(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    assert "9000" in str(client.get([f"{entry(number)}/config"], "CONFIG", "ascii"))


def _proto(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    found = client.get([f"{entry(number)}/config"], "CONFIG", "proto")
    assert 9000 in [one for _, one in found], found
    assert len(found) > 1, "a leaf each"


def _keys(client: GnmiClient, number: int) -> None:
    """A key with everything that a path means something by."""
    name = f"Eth{number}/1:2"
    client.set(update={f"/interfaces/interface[name={name}]": {**config(number), "config": {"name": name,
               "type": "iana-if-type:ethernetCsmacd"}}})  # fmt: skip
    assert value(client, f"/interfaces/interface[name={name}]/config/name") == name
    client.set(delete=[f"/interfaces/interface[name={name}]"])


def _large(client: GnmiClient, number: int) -> None:
    text = "ü€" * 200_000
    client.set(update={f"{entry(number)}": config(number, description=text)})
    assert value(client, f"{entry(number)}/config/description") == text
    client.set(delete=[entry(number)])


def _once(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    assert 9000 in [one for _, one in client.once(f"{entry(number)}/config")]


def _once_proto(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    assert 9000 in [one for _, one in client.once(f"{entry(number)}/config", "proto")]


def _poll(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    path = f"{entry(number)}/config"
    first, second = client.poll(path, lambda: put(client, number, mtu=1500))
    assert 9000 in [one for _, one in first], first
    assert 1500 in [one for _, one in second], second


def _on_change(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    found = client.stream(f"{entry(number)}/config", lambda: put(client, number, mtu=1500), mode="on_change")
    assert [one for path, one in found if path.endswith("mtu")] == [1500], found


def _updates_only(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    found = client.stream(
        f"{entry(number)}/config", lambda: put(client, number, mtu=1500), mode="on_change", updates_only=True
    )
    assert [one for path, one in found if path.endswith("mtu")] == [1500], found


def _deleted(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    path = f"{entry(number)}/config"
    found = client.stream(path, lambda: client.set(delete=[f"{path}/mtu"]) and None, mode="on_change")
    assert [one for _, one in found] == [None], found


def _sample(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    found = client.stream(f"{entry(number)}/config", lambda: None, mode="sample", sample_interval=100_000_000)
    assert 9000 in [one for _, one in found], found


def _target_defined(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    found = client.stream(f"{entry(number)}/config", lambda: put(client, number, mtu=1500), mode="target_defined")
    assert 1500 in [one for path, one in found if path.endswith("mtu")], found


def _union_replace(client: GnmiClient, number: int) -> None:
    put(client, number, mtu=9000)
    kept = value(client, "/")
    [system] = [one for name, one in kept.items() if name.endswith("interfaces")]
    assert client.union_replace({"/": {"openconfig-interfaces:interfaces": system}}) == ["UNION_REPLACE"]
    assert value(client, f"{entry(number)}/config/mtu") == 9000


CHECKS: dict[str, Check[GnmiClient]] = {
    "capabilities": _capabilities,
    "wrong password": _login,
    "update": _update,
    "update keeps the rest": _update_keeps,
    "replace": _replace,
    "delete": _delete,
    "delete what is absent": _delete_absent,
    "delete, replace, update": _order,
    "a Set is atomic": _atomic,
    "unknown path": _unknown_path,
    "key contradicts body": _key_contradicts,
    "union_replace": _union_replace,
    "get of the root": _root,
    "get by type": _types,
    "get with wildcard": _wildcard,
    "encoding JSON": _json,
    "encoding ASCII": _ascii,
    "encoding PROTO": _proto,
    "keys with / and :": _keys,
    "large value": _large,
    "subscribe once": _once,
    "subscribe once, PROTO": _once_proto,
    "subscribe poll": _poll,
    "stream on change": _on_change,
    "stream, updates only": _updates_only,
    "stream of a deletion": _deleted,
    "stream by samples": _sample,
    "stream target-defined": _target_defined,
}
