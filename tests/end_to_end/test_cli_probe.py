"""fabricctl probe, as people and scripts run it: findings, a profile, and nothing left on the switch."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from fabricctl_shell import Shell
from northbound_harness import DEADLINE
from test_operational import AS_WRITTEN, hall

from fabricd.model.outcome import Event
from fabricd.simulator import Quirks
from fabricd.southbound.profiles import load_profile

SPARE = {"name": "Ethernet9", "config": {"name": "Ethernet9", "type": "iana-if-type:ethernetCsmacd", "enabled": False}}


async def test_a_device_is_probed_and_its_profile_written(tmp_path: Path) -> None:
    quirks = Quirks(omits_defaults=True, static_protocol="static")
    async with hall(tmp_path, AS_WRITTEN, running=True, quirks=quirks) as one:
        shell = Shell(tmp_path, one.service, one.simulation)
        for switch in one.simulation.switches.values():
            await switch.change({"/interfaces": {"openconfig-interfaces:interface": [SPARE]}})
        before = {name: switch.running for name, switch in one.simulation.switches.items()}
        told = await shell.run("probe", "leaf1", "--output", "leaf1.toml", "--name", "ours")
        assert (told.code, told.err) == (0, "")
        assert "omits-defaults (1)" in told.out
        assert told.out.splitlines()[-2:] == ["leaf1 over netconf: 2 findings, 0 not decided", "profile in leaf1.toml"]
        profile = load_profile(tmp_path / "leaf1.toml")
        assert (profile.name, profile.likeness.omits_defaults) == ("ours", True)
        assert [alias.device_name for alias in profile.likeness.aliases] == ["static"]

        again = await shell.run("probe", "leaf1", "--output", "leaf1.toml")
        assert (again.code, "there is such a file already" in again.err) == (1, True)
        read = await shell.run("probe", "spine1", "--json")
        assert read.code == 2  # over gNMI some things show only with --write
        names = {finding["name"] for finding in read.document["findings"]}
        assert names == {"omits-defaults", "static-protocol"}
        only = await shell.run("probe", "spine1", "--write", "--output", "-")
        assert only.code == 0
        assert only.out.startswith("# Found out by a probe of spine1 over gnmi.")
        (tmp_path / "only.toml").write_text(only.out)
        assert load_profile(tmp_path / "only.toml").name == "spine1-probed"
        assert "spine1 over gnmi: 2 findings, 0 not decided" in only.err
        missing = await shell.run("probe", "nobody")
        assert (missing.code, "nobody" in missing.err) == (1, True)
        gone = await shell.run("probe", "gone")
        assert gone.code == 1
        wrong = await shell.run("probe", "leaf1", "--interface", "x" * 64)
        assert (wrong.code, "interface is no name of at most 63" in wrong.err) == (1, True)

        # Told before a device is touched.
        nowhere = await shell.run("probe", "leaf1", "--output", "no/such/folder/leaf1.toml")
        assert (nowhere.code, "there is no folder no/such/folder" in nowhere.err) == (1, True)
        both = await shell.run("probe", "leaf1", "--output", "-", "--json")
        assert (both.code, both.out, "both want standard output" in both.err) == (1, "", True)

        notes = [record for record in await one.service.store.journal(0, 1000, ["leaf1"]) if record.event is Event.NOTE]
        assert [note.message.partition(" ")[0] for note in notes] == ["a", "probed:"]
        assert {name: switch.running for name, switch in one.simulation.switches.items()} == before


async def test_ctrl_c_ends_a_probe_and_takes_back_what_it_tried(tmp_path: Path) -> None:
    async with hall(tmp_path, AS_WRITTEN, running=True) as one:
        shell = Shell(tmp_path, one.service, one.simulation)
        for name in ("leaf1", "spine1"):
            switch = one.simulation.switches[name]
            before = switch.running
            switch.faults.stall_commit(after=True)  # what is tried is in force, and the probe waits for the answer
            process = await shell.start("probe", name)
            async with asyncio.timeout(DEADLINE):
                while not switch.faults.stalled:
                    await asyncio.sleep(0.01)
                assert switch.pending
                second = await shell.run("probe", name)
                assert (second.code, "being probed already" in second.err) == (1, True)
                process.send_signal(signal.SIGINT)
                assert await process.wait() == 130
                switch.faults.release()
                while switch.live.datastore.pending is not None or switch.running != before:
                    await asyncio.sleep(0.01)
