"""Someone with a login on the switches, who changes them behind the daemon's back.

Uses other people's clients (pygnmi's own, ncclient's own), so that nothing of fabricd is involved. Run by the demo as
    behind_the_back.py gnmi ADDRESS PORT CA_FILE PATH JSON
    behind_the_back.py netconf ADDRESS PORT KNOWN_HOSTS XML_FILE
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

USER, PASSWORD = "fabricd", os.environ["FABRICD_DEMO_PASSWORD"]


def by_gnmi(address: str, port: str, ca_file: str, path: str, value: str) -> None:
    """Set one path (gNMI section 3.4)."""
    from pygnmi.client import gNMIclient

    with gNMIclient((address, int(port)), username=USER, password=PASSWORD, path_cert=ca_file, gnmi_timeout=60) as gnmi:
        gnmi.set(update=[(path, json.loads(value))], encoding="json_ietf")


def by_netconf(address: str, port: str, known_hosts: str, xml_file: str) -> None:
    """Edit the candidate and commit it (RFC 6241 section 8.3)."""
    from ncclient import manager

    host_keys = {
        host: key for host, _, key in (line.split()[:3] for line in Path(known_hosts).read_text().splitlines())
    }
    with (
        manager.connect_ssh(
            address,
            port=int(port),
            username=USER,
            password=PASSWORD,
            hostkey_b64=host_keys[f"[{address}]:{port}"],
            timeout=60,
            allow_agent=False,
            look_for_keys=False,
        ) as session,
        session.locked("candidate"),
    ):
        session.edit_config(Path(xml_file).read_text(encoding="utf-8"), target="candidate")
        session.commit()


if __name__ == "__main__":
    {"gnmi": by_gnmi, "netconf": by_netconf}[sys.argv[1]](*sys.argv[2:])
