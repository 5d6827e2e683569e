"""Run in a process of its own by test_simulator_clients: pygnmi's own client class against one switch.

Arguments: ADDRESS PORT CA_FILE. Prints what it saw as one JSON object.
"""

from __future__ import annotations

import json
import sys

from pygnmi.client import gNMIclient

address, port, ca_file = sys.argv[1:]
ETHERNET1 = "/interfaces/interface[name=Ethernet1]"
CONFIG = {"name": "Ethernet1", "type": "iana-if-type:ethernetCsmacd", "mtu": 9000}

seen: dict[str, object] = {}
with gNMIclient((address, int(port)), username="operator", password="secret", path_cert=ca_file) as client:
    capabilities = client.capabilities()
    seen["encodings"] = capabilities["supported_encodings"]
    seen["models"] = [model["name"] for model in capabilities["supported_models"]]
    answer = client.set(update=[(ETHERNET1, {"config": CONFIG})], encoding="json_ietf")
    seen["operations"] = [one["op"] for one in answer["response"]]
    got = client.get(path=[f"{ETHERNET1}/config"], datatype="config", encoding="json_ietf")
    seen["config"] = got["notification"][0]["update"][0]["val"]
    got = client.get(path=["/interfaces/interface[name=*]/state/oper-status"], datatype="state", encoding="json_ietf")
    seen["oper-status"] = [one["val"] for one in got["notification"][0]["update"]]
    once = {"subscription": [{"path": f"{ETHERNET1}/config"}], "mode": "once", "encoding": "json_ietf"}
    replies = list(client.subscribe2(subscribe=once))
    seen["once"] = {one["path"].rpartition("/")[2]: one["val"] for one in replies[0]["update"]["update"]}
    seen["sync"] = replies[-1].get("sync_response")
    for encoding in ("proto", "ascii"):
        got = client.get(path=[f"{ETHERNET1}/config/mtu"], datatype="config", encoding=encoding)
        seen[encoding] = got["notification"][0]["update"][0]["val"]
    sampled = {"path": f"{ETHERNET1}/config/mtu", "mode": "sample", "sample_interval": 100_000_000}
    stream = client.subscribe2(subscribe={"subscription": [sampled], "mode": "stream", "encoding": "proto"})
    told = [next(stream) for _ in range(4)]
    stream.close()
    seen["samples"] = [one["update"]["update"][0]["val"] for one in told if "update" in one]
    poll = {"subscription": [{"path": f"{ETHERNET1}/config/mtu"}], "mode": "poll", "encoding": "json_ietf"}
    polled = client.subscribe2(subscribe=poll)
    seen["polls"] = [polled.get_update(timeout=10)["update"]["update"][0]["val"] for _ in range(2)]
    polled.close()
    client.set(replace=[(f"{ETHERNET1}/config", CONFIG | {"mtu": 1500})], encoding="json_ietf")
    client.set(delete=[f"{ETHERNET1}/config/mtu"])
print(json.dumps(seen))
