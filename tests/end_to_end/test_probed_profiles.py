"""A fabric on switches of every kind, each with the profile that a probe of it wrote, becomes what it shall be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from kind_fabrics import KINDS, converge, running, sweep
from reconcile_fabric import DEADLINE, Fabric

from fabricd.model.device import Device, Protocol
from fabricd.model.probe import ProbeOptions, ProbeReport
from fabricd.reconcile.probing import Probes
from fabricd.settings import data_folder
from fabricd.southbound.probe import probe
from fabricd.southbound.profiles import load_profile, load_profiles

SWEEPS = 3
FABRIC = "evpn"  # of seven switches, one for each kind


async def probed(rooms: Fabric, folder: Path) -> dict[str, Device]:
    """The devices, each with its probed profile. They are probed side by side."""
    known = tuple(load_profiles(data_folder("config") / "profiles").values())
    probes = Probes(controller=rooms.controller, store=rooms.store, schemas=rooms.schemas, prober=probe, known=known)

    async def one(name: str) -> Device:
        *_, report = [item async for item in probes.probe(name, ProbeOptions(), author="tester")]
        assert isinstance(report, ProbeReport)
        assert report.left == ()
        file = folder / f"{name}.toml"
        file.write_text(report.profile)
        return replace(rooms.devices[name], profile=load_profile(file))

    return {device.name: device for device in await asyncio.gather(*map(one, rooms.devices))}


@pytest.mark.slow
@pytest.mark.parametrize("first", Protocol)
async def test_every_kind_converges_with_the_profile_that_a_probe_wrote(first: Protocol, tmp_path: Path) -> None:
    async with running(FABRIC, tmp_path, shift=0, first=first, profile="openconfig") as rooms:
        assert {one.kind for one in rooms.simulation.config.switches} == set(KINDS)
        # Some kinds make entries of their own as soon as anything is written.
        for name, switch in rooms.simulation.switches.items():
            await switch.change({"/system/config/hostname": name})
            async with asyncio.timeout(DEADLINE):
                while name.encode() not in (await switch.live.shown()).config:
                    await asyncio.sleep(0.02)
        before = {name: switch.running for name, switch in rooms.simulation.switches.items()}
        devices = await probed(rooms, tmp_path)
        assert {name: switch.running for name, switch in rooms.simulation.switches.items()} == before
        rooms.devices = devices
        await rooms.controller.update(devices, {rooms.models.name: rooms.models}, rooms.settings)
        await converge(rooms, FABRIC)
        await sweep(rooms, SWEEPS)
