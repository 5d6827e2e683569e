"""Run in a process of its own by test_simulator_clients: stock ncclient (paramiko transport) against one switch.

Arguments: ADDRESS PORT HOST_KEY (base64). Prints what it saw as one JSON object.
"""

from __future__ import annotations

import json
import sys

from ncclient import manager
from ncclient.operations import RPCError

address, port, host_key = sys.argv[1:]
IF = "http://openconfig.net/yang/interfaces"
EDIT = (
    '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">'
    f'<interfaces xmlns="{IF}"><interface><name>Ethernet2</name><config><name>Ethernet2</name>'
    '<type xmlns:ift="urn:ietf:params:xml:ns:yang:iana-if-type">ift:ethernetCsmacd</type>'
    "<mtu>%d</mtu></config></interface></interfaces></config>"
)
FILTER = ("subtree", f'<interfaces xmlns="{IF}"><interface><name>Ethernet2</name></interface></interfaces>')

seen: dict[str, object] = {}
with manager.connect_ssh(
    address, port=int(port), username="operator", password="secret", hostkey_b64=host_key, timeout=60,
    look_for_keys=False, allow_agent=False,
) as client:  # fmt: skip
    seen["capabilities"] = list(client.server_capabilities)
    with client.locked("running"), client.locked("candidate"):
        client.discard_changes()
        client.edit_config(EDIT % 9000, target="candidate", default_operation="merge")
        client.validate("candidate")
        seen["before"] = client.get_config("running", filter=FILTER).data_xml
        client.commit()
        seen["after"] = client.get_config("running", filter=FILTER).data_xml
        try:
            client.edit_config(EDIT % 99999, target="candidate")
        except RPCError as error:
            seen["error"] = [error.tag, error.path]
        client.edit_config(EDIT % 1500, target="candidate")
        client.discard_changes()
    seen["state"] = client.get(filter=FILTER).data_xml
    seen["schema"] = client.get_schema("openconfig-interfaces").data
    client.edit_config(EDIT % 1600, target="candidate")
    client.commit(confirmed=True, timeout="60", persist="token")
    seen["confirmed"] = client.get_config("running", filter=("xpath", ({"i": IF}, "//i:mtu"))).data_xml
    client.cancel_commit(persist_id="token")
    seen["cancelled"] = client.get_config("running", filter=FILTER, with_defaults="report-all").data_xml
    client.create_subscription()
    client.edit_config(EDIT % 1700, target="candidate")
    client.commit()
    seen["told"] = client.take_notification(timeout=60).notification_xml
print(json.dumps(seen))
