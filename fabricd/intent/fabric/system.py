"""What every switch of a fabric is told about itself and its services: name, DNS, NTP, syslog, banner, time zone.

A concern of compile.py: pure, from the resolved fabric and one of its devices to a fragment.
"""

from __future__ import annotations

from typing import Any

from fabricd.intent.fabric.fragment import keyed
from fabricd.intent.fabric.resolved import ResolvedDevice, ResolvedFabric

SYSLOG_PORT = 514


def system(fabric: ResolvedFabric, device: ResolvedDevice) -> dict[str, Any]:
    said = fabric.fabric.system
    config = {"hostname": device.name, "domain-name": said.domain or None, "login-banner": said.banner or None}
    found: dict[str, Any] = {"config": {name: value for name, value in config.items() if value}}
    if said.timezone:
        found["clock"] = {"config": {"timezone-name": said.timezone}}
    if said.dns or said.domain:
        found["dns"] = {
            "config": {"search": [said.domain] if said.domain else []},
            "servers": {"server": keyed("address", ({"address": one, "config": {"address": one}} for one in said.dns))},
        }
    if said.ntp:
        found["ntp"] = {
            "config": {"enabled": True},
            "servers": {"server": keyed("address", ({"address": one, "config": {"address": one}} for one in said.ntp))},
        }
    if said.syslog:
        found["logging"] = {
            "remote-servers": {
                "remote-server": keyed(
                    "host",
                    (
                        {"host": one, "config": {"host": one, "remote-port": SYSLOG_PORT}, "selectors": _SELECTORS}
                        for one in said.syslog
                    ),
                )
            }
        }
    return {"openconfig-system:system": found}


_EVERYTHING = {"facility": "openconfig-system-logging:ALL", "severity": "INFORMATIONAL"}
_SELECTORS = {"selector": keyed(("facility", "severity"), [{**_EVERYTHING, "config": _EVERYTHING}])}
