"""A made-up device with defaults, names and secrets of its own, which carries out gNMI requests.

For tests of plans: it shares no code with what they test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from fabricd.model.edit import GnmiSet
from fabricd.model.fetched import Encoding, Fetched, Part
from fabricd.model.path import ROOT
from fabricd.schema import digest
from tests.unit.schema_interpreters import bare, run_gnmi


class PeculiarDevice:
    """`config` is what was configured, members bare. What `fetched` shows differs from it:

    - an interface without a leaf of `own_defaults` has it with that value;
    - passwords of neighbors are hashed, with a new salt each time when `anew`.

    The default network instance can only be called `instance`, the id of an interface in one only NAME.INDEX.
    """

    def __init__(self, config: dict[str, Any], *, instance: str = "DEFAULT", anew: bool = False) -> None:
        self.config: dict[str, Any] = bare(config)
        self.own_defaults: dict[str, Any] = {"mtu": 9100, "enabled": False}
        self.instance = instance
        self.anew = anew
        self.reads = 0

    def carry_out(self, request: object) -> None:
        assert isinstance(request, GnmiSet)
        self.config = orjson.loads(run_gnmi(orjson.dumps(self.config), request))
        for instance in self.instances():
            if instance["config"].get("type", "").endswith("DEFAULT_INSTANCE"):
                assert instance["name"] == instance["config"]["name"] == self.instance
            for member in instance.get("interfaces", {}).get("interface", ()):
                config = member["config"]
                assert member["id"] == config["id"] == f"{config['interface']}.{config.get('subinterface', 0)}"

    def shown(self) -> dict[str, Any]:
        self.reads += 1
        shown: dict[str, Any] = orjson.loads(orjson.dumps(self.config))
        for port in shown.get("interfaces", {}).get("interface", ()):
            port["config"] = self.own_defaults | port.get("config", {})
        for peer in self.neighbors(shown):
            if "auth-password" in peer["config"]:
                salt = str(self.reads) if self.anew else "salt"
                hashed = hashlib.sha256((salt + peer["config"]["auth-password"]).encode()).hexdigest()
                peer["config"]["auth-password"] = hashed
        return shown

    def fetched(self) -> Fetched:
        data = orjson.dumps(self.shown())
        return Fetched(Encoding.JSON_IETF, (Part(ROOT, data),), digest(data), len(data))

    def ports(self) -> dict[str, dict[str, Any]]:
        """What is in force on each interface."""
        found = self.config.get("interfaces", {}).get("interface", ())
        return {port["name"]: self.own_defaults | port.get("config", {}) for port in found}

    def instances(self, config: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        yield from (config or self.config).get("network-instances", {}).get("network-instance", ())

    def neighbors(self, config: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        for instance in self.instances(config):
            for protocol in instance.get("protocols", {}).get("protocol", ()):
                yield from protocol.get("bgp", {}).get("neighbors", {}).get("neighbor", ())
