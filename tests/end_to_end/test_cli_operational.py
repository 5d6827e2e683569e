"""fabricctl state, cabling, applied and models, as people and scripts run them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fabricctl_shell import Shell
from test_operational import AS_WRITTEN, FABRIC, ONE_MORE, SWAPPED, hall, in_sync

from fabricd.model.device import Alias, Likeness, Profile
from fabricd.model.path import Path as DataPath
from fabricd.simulator import LinkConfig, Quirks

MANAGED = Path(__file__).resolve().parents[2] / "yang" / "openconfig"


async def test_swapped_cables_are_shown_with_both_ends(tmp_path: Path) -> None:
    (tmp_path / "hall.yaml").write_bytes(FABRIC)
    async with hall(tmp_path, SWAPPED) as one:
        shell = Shell(tmp_path, one.service, one.simulation)
        nothing = await shell.run("cabling")
        assert (nothing.code, nothing.out) == (0, "no fabric has a cable here\n")
        await shell.run("submit", "hall.yaml", "--no-wait")
        found = await shell.run("cabling")
        assert found.code == 2
        assert found.out.splitlines() == [
            "wrong      spine1:Ethernet1 - leaf1:Ethernet1",
            "           spine1:Ethernet1 should find leaf1:Ethernet1, finds leaf2:Ethernet1",
            "           leaf1:Ethernet1 should find spine1:Ethernet1, finds spine1:Ethernet2",
            "           its ends are plugged into the places of spine1:Ethernet2 - leaf2:Ethernet1",
            "wrong      spine1:Ethernet2 - leaf2:Ethernet1",
            "           spine1:Ethernet2 should find leaf2:Ethernet1, finds leaf1:Ethernet1",
            "           leaf2:Ethernet1 should find spine1:Ethernet2, finds spine1:Ethernet1",
            "           its ends are plugged into the places of spine1:Ethernet1 - leaf1:Ethernet1",
            "2 cables: 2 wrong",
        ]
        (cable,) = (await shell.run("cabling", "leaf1", "--json")).document["cables"]
        assert (cable["verdict"], cable["a"]["found"]) == ("wrong", "leaf2:Ethernet1")
        missing = await shell.run("cabling", "nobody")
        assert (missing.code, "nobody" in missing.err) == (1, True)


async def test_the_exit_code_tells_that_cabling_differs_or_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "hall.yaml").write_bytes(FABRIC)
    async with hall(tmp_path, ONE_MORE) as one:
        shell = Shell(tmp_path, one.service, one.simulation)
        await shell.run("submit", "hall.yaml", "--no-wait")
        more = await shell.run("cabling")
        assert (more.code, more.out.splitlines()[-1]) == (2, "3 cables: 2 ok, 1 unexpected")
        one.simulation.rewire(LinkConfig(a=a, b=b) for a, b in AS_WRITTEN[1:])
        fewer = await shell.run("cabling")
        assert (fewer.code, fewer.out.splitlines()[-1]) == (2, "2 cables: 1 ok, 1 missing")
        one.simulation.rewire(LinkConfig(a=a, b=b) for a, b in AS_WRITTEN)
        assert (await shell.run("cabling")).code == 0
        await one.simulation.switches["leaf2"].stop()
        dark = await shell.run("cabling")
        assert (dark.code, "leaf2 could not be asked" in dark.out) == (1, True)


async def test_state_and_what_is_not_in_force_are_shown(tmp_path: Path) -> None:
    (tmp_path / "hall.yaml").write_bytes(FABRIC)
    quirks = Quirks(never_programs=("/interfaces/interface/config/description",))
    async with hall(tmp_path, AS_WRITTEN, running=True, quirks=quirks) as one:
        shell = Shell(tmp_path, one.service, one.simulation)
        await shell.run("submit", "hall.yaml", "--no-wait")
        await in_sync(one, "spine1", "leaf1", "leaf2")
        state = await shell.run("state", "leaf1", "gone")
        assert state.code == 1
        assert "Ethernet1" in state.out
        assert "spine1:Ethernet1" in state.out
        assert "gone  cannot be read" in state.out
        applied = await shell.run("applied", "leaf1")
        assert applied.code == 2
        assert "config/description  " in applied.out
        assert "is configured, nothing is in force" in applied.out
        told = (await shell.run("applied", "leaf1", "--json")).document["devices"]
        assert told[0]["not_in_force"][0]["applied"] is None


async def test_models_are_installed_listed_checked_and_removed(shell: Shell) -> None:
    installed = await shell.run("models", "install", str(MANAGED), "--name", "mine")
    assert installed.code == 0, installed.err
    assert installed.out.startswith("mine: ")
    listed = (await shell.run("models", "list", "--json")).document["sets"]
    assert [one["name"] for one in listed] == ["managed", "mine"]
    assert listed[1]["origin"] == str(MANAGED)
    table = await shell.run("models", "list")
    assert table.out.splitlines()[0].split() == ["NAME", "MODULES", "NEWEST", "DEVICES", "FROM"]
    shell.write("leaf1", mtu=9000)
    await shell.run("submit", "leaf1.yaml")
    fine = await shell.run("models", "check", "leaf1", "--models", "mine")
    assert (fine.code, fine.out) == (0, "leaf1: all 3 leaves can be taken, by model set mine\n")
    wrong = await shell.run("models", "install", str(MANAGED), "--name", "few", "--feature", "openconfig-lldp:wings")
    assert (wrong.code, "module openconfig-lldp has no feature 'wings'" in wrong.err) == (1, True)
    few = await shell.run("models", "install", str(MANAGED), "--name", "few", "--modules", "openconfig-types")
    assert few.code == 0
    bad = await shell.run("models", "check", "leaf1", "--models", "few")
    assert bad.code == 2
    assert "module: the device has no module openconfig-interfaces" in bad.out
    assert "3 of 3 leaves cannot be taken" in bad.out
    assert (await shell.run("models", "remove", "few")).code == 0
    gone = await shell.run("models", "remove", "few")
    assert (gone.code, gone.err) == (1, "error: there is no model set 'few'\n")


async def test_what_cannot_be_taken_is_told_by_both_names(tmp_path: Path) -> None:
    entry = DataPath.parse("/openconfig-interfaces:interfaces/interface")
    likeness = Likeness(aliases=(Alias(entry, "name", "Ethernet1", "swp1"),))
    async with hall(tmp_path, AS_WRITTEN) as one:
        fleet = one.service.controller.fleet
        leaf1 = replace(fleet.devices["leaf1"], profile=Profile("calls-it-swp1", likeness=likeness))
        fleet.devices = {**fleet.devices, "leaf1": leaf1}
        shell = Shell(tmp_path, one.service, one.simulation)
        await shell.run("models", "install", str(MANAGED), "--name", "few", "--modules", "openconfig-types")
        shell.write("leaf1", mtu=9000)
        await shell.run("submit", "leaf1.yaml", "--no-wait")
        told = await shell.run("models", "check", "leaf1", "--models", "few")
    assert told.code == 2
    path = f"{entry}[name='{{}}']/config/mtu  9000"
    at = told.out.splitlines().index(f"! {path.format('Ethernet1')}")
    assert told.out.splitlines()[at + 1] == f"    sent as {path.format('swp1')}"
