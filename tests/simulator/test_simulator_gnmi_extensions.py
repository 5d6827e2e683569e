"""The messages that are younger than pygnmi's agree with a second implementation, on paper and on the wire."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from gnmi_documents import HOSTNAME
from google.protobuf.duration_pb2 import Duration
from pygnmi.spec.v080 import gnmi_ext_pb2, gnmi_pb2
from raw_gnmi import extension, update

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Commit, CommitRequest, Depth, Extension, SetRequest
from fabricd.simulator import Simulation, Switch

SCRIPT = Path(__file__).with_name("gnmi_pb_script.py")


@pytest.fixture
async def seen(simulation: Simulation, left: Switch) -> dict[str, Any]:
    """What the other implementation's process saw."""
    commit = extension(commit=Commit(id="ours", commit=CommitRequest(rollback_duration=Duration(seconds=9))))
    depth = extension(depth=Depth(level=2))
    union = SetRequest(union_replace=[update(HOSTNAME, None, string_val="ours").SerializeToString()])
    process = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, left.host, str(left.gnmi_port), simulation.ca_file,
        *(message.SerializeToString().hex() for message in (commit, depth, union)),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(120):
        output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    found = json.loads(output)
    assert isinstance(found, dict)
    return found


async def test_each_reads_what_the_other_made_and_a_switch_reads_both(seen: dict[str, Any], left: Switch) -> None:
    read = seen["read"]
    assert read["commit"] == {"commit": {"id": "ours", "commit": {"rollbackDuration": "9s"}}}
    assert read["depth"] == {"depth": {"level": 2}}
    [one] = read["union"]["unionReplace"]
    assert one["val"] == {"stringVal": "ours"}

    made = {name: bytes.fromhex(text) for name, text in seen["made"].items()}
    for action in ("commit", "confirm", "cancel", "set_rollback_duration"):
        assert gnmi_ext_pb2.Extension.FromString(made[action]).SerializeToString() == made[action]
        found = Extension.FromString(made[action]).commit
        assert (found.id, found.WhichOneof("action")) == ("an-id", action)
    assert Extension.FromString(made["commit"]).commit.commit.rollback_duration.seconds == 7
    prolonged = Extension.FromString(made["set_rollback_duration"]).commit.set_rollback_duration
    assert prolonged.rollback_duration.seconds == 8
    assert Extension.FromString(made["depth"]).depth.level == 3
    kept = gnmi_pb2.SetRequest.FromString(made["union"]).SerializeToString()
    values = [gnmi_pb2.Update.FromString(each).val.string_val for each in SetRequest.FromString(kept).union_replace]
    assert values == ["one", "two"]

    assert seen["sets"] == [
        "OK", "OK", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "OK", "OK", "FAILED_PRECONDITION",
    ]  # fmt: skip
    assert seen["operations"] == ["UNION_REPLACE", "UPDATE"]
    assert seen["whole"] == {"openconfig-system:config": {"hostname": "united"}}
    assert seen["shallow"] == {}
    assert left.value(HOSTNAME) == "united"
