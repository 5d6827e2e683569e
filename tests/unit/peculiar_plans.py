"""Configurations for a peculiar device, and a bench on which plans for it are made and carried out."""

from __future__ import annotations

from typing import Any

import orjson

from fabricd.model.device import Alias, Likeness
from fabricd.model.edit import Dialect
from fabricd.model.intent import Desired, Scope
from fabricd.model.path import Path
from fabricd.model.plan import Plan
from fabricd.model.secret import WrittenSecrets
from fabricd.plan import Memory, Planned, make_plan
from fabricd.schema import Schema, digest
from tests.unit.peculiar_device import PeculiarDevice

INTERFACES = "openconfig-interfaces:interfaces"
INSTANCES = "openconfig-network-instance:network-instances"
ROOTS = (Path.parse(f"/{INTERFACES}"), Path.parse(f"/{INSTANCES}"))
PORT = f"/{INTERFACES}/interface/config"
PASSWORD = Path.parse(f"/{INSTANCES}/network-instance/protocols/protocol/bgp/neighbors/neighbor/config/auth-password")
LIKENESS = Likeness(
    defaults=((Path.parse(f"{PORT}/mtu"), "9100"), (Path.parse(f"{PORT}/enabled"), "false")),
    secrets=(PASSWORD,),
    aliases=(Alias(Path.parse("/network-instances/network-instance"), "name", "default", "DEFAULT"),),
    interface_refs=True,
)
KEY = bytes(range(32))


def port(name: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "config": {"name": name, "type": "iana-if-type:ethernetCsmacd", **config}}


def ports(*entries: dict[str, Any]) -> dict[str, Any]:
    return {INTERFACES: {"interface": list(entries)}}


def member(name: str, interface: str, index: int | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {"id": name, "interface": interface}
    if index is not None:
        config["subinterface"] = index
    return {"id": name, "config": config}


def instance(name: str, *members: dict[str, Any], password: str | None = None) -> dict[str, Any]:
    kind = "DEFAULT_INSTANCE" if name in ("default", "DEFAULT") else "L3VRF"
    entry: dict[str, Any] = {
        "name": name,
        "config": {"name": name, "type": f"openconfig-network-instance-types:{kind}"},
    }
    if members:
        entry["interfaces"] = {"interface": list(members)}
    if password is not None:
        identity = {"identifier": "openconfig-policy-types:BGP", "name": "bgp"}
        peer = {"neighbor-address": "10.0.0.1", "auth-password": password, "peer-as": 65002}
        entry["protocols"] = {
            "protocol": [
                {
                    **identity,
                    "config": identity,
                    "bgp": {
                        "global": {"config": {"as": 65001}},
                        "neighbors": {"neighbor": [{"neighbor-address": "10.0.0.1", "config": peer}]},
                    },
                }
            ]
        }
    return entry


def instances(*entries: dict[str, Any]) -> dict[str, Any]:
    return {INSTANCES: {"network-instance": list(entries)}}


def desired(schema: Schema, config: dict[str, Any], **scope: tuple[Path, ...]) -> Desired:
    data = schema.canonical(orjson.dumps(config))
    return Desired("leaf1", 7, data, digest(data), Scope(ROOTS, **{"subtrees": ROOTS, **scope}))


class Bench:
    """One device and what is remembered of its secrets, kept in line as the reconciler does it."""

    def __init__(self, schema: Schema, device: PeculiarDevice, likeness: Likeness = LIKENESS) -> None:
        self.schema, self.device, self.likeness = schema, device, likeness
        self.written: WrittenSecrets = {}

    def plan(self, target: Desired, dialect: Dialect | None = Dialect.GNMI) -> Planned:
        memory = Memory("leaf1", KEY, self.written)
        return make_plan(
            self.schema, target, self.device.fetched(), dialect=dialect, likeness=self.likeness, memory=memory
        )

    def converge(self, target: Desired) -> Plan:
        """Carry a plan out; then, and again, there is nothing to do."""
        planned = self.plan(target)
        self.written = planned.secrets
        if planned.payload is not None:
            self.device.carry_out(planned.payload)
            self.written = planned.secrets_after
        for _ in range(2):
            left = self.plan(target)
            assert left.plan.edits == ()
            self.written = left.secrets
        return planned.plan


def edits(plan: Plan) -> list[tuple[str, str, str | None]]:
    return [(edit.edit.operation.value, edit.edit.path.text, edit.edit.new) for edit in plan.edits]
