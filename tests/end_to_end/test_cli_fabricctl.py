"""The installed fabricctl, run as people run it, against a real daemon's API and simulated switches."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from fabricctl_shell import Shell
from northbound_harness import DEADLINE, interfaces, serving, switches

MTU = "/openconfig-interfaces:interfaces/interface[name='Ethernet1']/config/mtu"


async def test_a_fabric_is_submitted_converges_and_is_looked_at(shell: Shell) -> None:
    """One story through most commands: exit codes, what they print to people, and what to programs."""
    shell.write("leaf1")
    shell.write("leaf2")
    tried = await shell.run("submit", ".", "--dry-run")
    assert tried.code == 2
    assert "Dry run: 2 edits on 2 devices: 2 to create" in tried.out
    assert (await shell.run("revisions", "--json")).document == {"revisions": []}

    done = await shell.run("submit", ".", "-m", "the fabric", "--wait")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == "revision 1: changes leaf1, leaf2"
    assert done.out.splitlines()[-1] == "2/2 in sync"
    assert b"9000" in shell.simulation.switches["leaf1"].running

    again = await shell.run("submit", ".", "--json")
    assert (again.code, again.document["unchanged"], again.document["revision"]) == (0, True, 1)

    status = (await shell.run("status", "--json")).document
    assert [(one["device"], one["in_sync"], one["desired_revision"]) for one in status["devices"]] == [
        ("leaf1", True, 1), ("leaf2", True, 1)
    ]  # fmt: skip
    table = await shell.run("status", "leaf1")
    assert table.out.splitlines()[0].split() == [
        "DEVICE",
        "MODE",
        "STATE",
        "OUTCOME",
        "REVISION",
        "CHECKED",
        "DRIFT",
    ]
    assert "leaf2" not in table.out
    assert table.out.splitlines()[-1] == "1/1 in sync, revision 1"

    nothing = await shell.run("plan")
    assert (nothing.code, nothing.out) == (0, "Plan: no changes.\n")

    listed = (await shell.run("devices", "--json")).document["devices"]
    assert [one["device"] for one in listed] == ["leaf1", "leaf2"]
    assert set(listed[0]) == {"device", "address", "protocol", "profile", "mode"}
    revision = (await shell.run("revisions", "--json")).document["revisions"][0]
    assert (revision["number"], revision["comment"], revision["current"]) == (1, "the fabric", True)
    shown = json.loads((await shell.run("show", "leaf1")).out)
    assert shown["openconfig-interfaces:interfaces"]["interface"][0]["config"]["mtu"] == 9000
    assert (await shell.run("show", "leaf1", "--json")).document["config"] == shown


async def test_pending_changes_are_exit_code_2_and_read_like_a_diff(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"))
    mode = await shell.run("mode", "leaf1", "observe", "--reason", "change 4711")
    assert (mode.code, mode.out) == (0, "leaf1: observe\n")
    held = await shell.run("submit", shell.write("leaf1", mtu=1500))
    assert (held.code, held.out.splitlines()[-1].strip()) == (2, "leaf1 drifted, mode observe")

    plan = await shell.run("plan", "leaf1")
    assert plan.code == 2
    assert plan.out.splitlines() == [
        "leaf1  1 edit, link-bounce",
        f"  ~ {MTU}  9000 -> 1500  [link-bounce]",
        "",
        "Plan: 1 edit on 1 device: 1 to change; worst disruption link-bounce.",
    ]
    as_json = await shell.run("plan", "--json")
    assert as_json.code == 2
    assert as_json.document["plans"][0]["edits"] == [
        {"operation": "replace", "path": MTU, "old": 9000, "new": 1500, "disruption": "link-bounce"}
    ]
    diff = await shell.run("diff", "--json")
    assert (diff.code, diff.document["from_revision"], diff.document["to_revision"]) == (0, 1, 2)
    assert (await shell.run("diff", "1", "2")).out.splitlines()[1].startswith(f"  ~ {MTU}")
    assert (await shell.run("diff", "--device", "leaf2")).out.endswith("no changes.\n")

    back = await shell.run("mode", "leaf1", "default", "--json")
    assert back.document == {"devices": [{"device": "leaf1", "mode": "enforce"}]}
    waited = await shell.run("reconcile", "leaf1", "--wait")
    assert (waited.code, waited.out.splitlines()[-1]) == (0, "1/1 in sync")
    rolled = await shell.run("rollback", "1", "--comment", "too small", "--json")
    assert (rolled.code, rolled.document["revision"], rolled.document["devices"][0]["in_sync"]) == (0, 3, True)
    assert b"9000" in shell.simulation.switches["leaf1"].running


async def test_withdrawing_and_reconciling_without_waiting(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"), shell.write("leaf2"))
    tried = await shell.run("submit", "--withdraw", "leaf2", "-n")
    assert tried.code == 2
    assert "leaf2 would no longer be managed" in tried.out
    gone = await shell.run("submit", "--withdraw", "leaf2")
    assert (gone.code, gone.out.splitlines()[-1]) == (0, "1/1 done")
    assert (await shell.run("status")).out.splitlines()[-1] == "1/1 in sync, 1 not managed, revision 2"
    assert (await shell.run("reconcile", "leaf1", "--json")).document == {
        "queued": ["leaf1"], "devices": [], "waited": False
    }  # fmt: skip


async def test_standard_input_and_json_documents_are_read(shell: Shell) -> None:
    document = {
        "kind": "config", "name": "piped", "devices": ["leaf1"],
        "config": {"openconfig-system:system": {"config": {"hostname": "leaf1"}}},
    }  # fmt: skip
    done = await shell.run("submit", "-", given=json.dumps(document).encode())
    assert done.code == 0
    assert b'"hostname":"leaf1"' in shell.simulation.switches["leaf1"].running.replace(b" ", b"")


# Mistakes


async def test_a_mistake_is_one_line_with_its_place_on_standard_error(shell: Shell) -> None:
    file = shell.folder / "mistake.yaml"
    file.write_bytes(interfaces("leaf1").content.replace(b"mtu: 9000", b"mtu: ninethousand"))
    refused = await shell.run("submit", "mistake.yaml")
    assert (refused.code, refused.out) == (1, "")
    (line,) = refused.err.splitlines()
    assert line.startswith("error: mistake.yaml: leaf1: ")
    assert "mtu" in line
    assert "line 11" in line
    assert (await shell.run("revisions", "--json")).document == {"revisions": []}


MISTAKES = [
    (["submit"], "nothing to submit"),
    (["submit", "missing.yaml"], "missing.yaml: No such file or directory"),
    (["submit", "empty"], "empty: no *.yaml, *.yml or *.json in this folder"),
    (["status", "leaf9"], "no device 'leaf9'"),
    (["plan", "leaf9"], "no device 'leaf9'"),
    (["show", "leaf1"], "no revision yet"),
    (["diff", "7"], "revision"),
    (["rollback", "7"], "revision"),
    (["rollback", "seven"], "REVISION"),
    (["mode", "leaf1", "off"], "'off' is not a mode; after the devices say enforce, observe, pause or default"),
    (["mode", "leaf1"], "'leaf1' is not a mode"),
    (["mode", "pause"], "no device is named"),
    (["log", "--after", "99999"], "99999"),
    (["nonsense"], "nonsense"),
    (["status", "--nonsense"], "--nonsense"),
    (["--address", "nowhere", "status"], "neither unix:/path nor host:port"),
    (["--address", "localhost:1", "status"], "needs TLS"),
    (["--address", "localhost:1", "--ca", "x", "status"], "go together"),
    (["--address", "localhost:1", "--ca", "x", "--cert", "x", "--key", "x", "status"], "x: No such file"),
    (["status", "--address", "unix:/nowhere.sock"], "unix:/nowhere.sock: there is no such socket"),
]


async def test_errors_are_exit_code_1_and_clear_lines(shell: Shell) -> None:
    (shell.folder / "empty").mkdir()
    for arguments, said in MISTAKES:
        ran = await shell.run(*arguments)
        assert (ran.code, ran.out) == (1, ""), arguments
        assert said in ran.err, arguments
        assert all(line.startswith("error: ") for line in ran.err.splitlines()), arguments


async def test_a_name_that_no_device_has_is_remarked_on_by_log(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"))
    mistyped = await shell.run("log", "--device", "leaf11")
    assert (mistyped.code, mistyped.out) == (0, "")
    assert "there is no device 'leaf11' in the inventory" in mistyped.err
    assert (await shell.run("log", "--device", "leaf1")).err == ""


async def test_a_stale_base_and_a_used_request_id_are_errors(shell: Shell) -> None:
    await shell.run("submit", shell.write("leaf1"), "--base", "0", "--request-id", "r1")
    again = await shell.run("submit", shell.write("leaf1"), "--request-id", "r1", "--json")
    assert (again.code, again.document["repeated_request"]) == (0, True)
    for arguments in (["--base", "0"], ["--request-id", "r1"]):
        assert (await shell.run("submit", shell.write("leaf1", mtu=1500), *arguments)).code == 1


async def test_a_device_that_is_off_is_exit_code_1_within_the_time_given(shell: Shell) -> None:
    await shell.simulation.switches["leaf1"].stop()
    assert (await shell.run("submit", shell.write("leaf1"), "--no-wait")).code == 0
    async with asyncio.timeout(DEADLINE), shell.service.client() as client:
        while (await client.status(["leaf1"])).devices[0].error_code != "DEVICE_UNREACHABLE":
            await asyncio.sleep(0.02)
    ran = await shell.run("submit", shell.write("leaf1", mtu=9100), "--timeout", "2")
    assert ran.code == 1
    assert "0/1 in sync" in ran.out
    assert "DEVICE_UNREACHABLE" in ran.out
    plan = await shell.run("plan")
    assert (plan.code, "leaf1  cannot be read" in plan.out) == (1, True)
    without = await shell.run("submit", shell.write("leaf1", mtu=1500), "--no-wait")
    assert without.code == 0


# The journal


async def test_the_log_is_one_json_object_a_line_and_follows_over_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    async with switches(tmp_path, "leaf1") as (simulation, devices):
        async with serving(tmp_path, devices=devices) as service:
            shell = Shell(folder, service, simulation)
            await shell.run("submit", shell.write("leaf1"))
            follower = await shell.start("log", "--follow", "--json")
            assert follower.stdout is not None
            assert json.loads(await follower.stdout.readline())["sequence"] == 1
        async with serving(tmp_path, devices=devices) as service:
            shell = Shell(folder, service, simulation)
            await shell.run("submit", shell.write("leaf1", mtu=1500))
            records = (await shell.run("log", "--json")).lines
            seen = [1]
            async with asyncio.timeout(DEADLINE):
                while seen[-1] < records[-1]["sequence"]:
                    seen.append(json.loads(await follower.stdout.readline())["sequence"])
            assert seen == [record["sequence"] for record in records]
            applied = [record for record in records if record["outcome"] == "applied"]
            assert [record["revision"] for record in applied] == [1, 2]
            assert set(applied[0]["durations"]) >= {"fetch", "total"}
            follower.send_signal(signal.SIGINT)
            _, err = await follower.communicate()
            assert (follower.returncode, err) == (130, b"")

            last = (await shell.run("log", "--json", "--last", "2")).lines
            assert last == records[-2:]
            assert (await shell.run("log", "--json", "--after", str(records[2]["sequence"]))).lines == records[3:]
            of_device = (await shell.run("log", "--json", "--device", "leaf1")).lines
            assert {record["device"] for record in of_device} == {"leaf1"}
            people = await shell.run("log", "--last", "3")
            assert len([line for line in people.out.splitlines() if not line.startswith("         ")]) == 3
