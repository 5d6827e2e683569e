"""Model sets in a daemon's life: installed before and while it runs, used after a reload, kept over a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from installation import DEADLINE, DEVICES, PROJECT, Installation, installed

MANAGED = PROJECT / "yang" / "openconfig"


async def fabricd(installation: Installation, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "fabricd", *arguments, "--config", installation.folder / "fabricd.toml",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SWITCH_PASSWORD": "secret"},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def use(installation: Installation, profile: str) -> None:
    """Every device is of a profile that names a model set of the same name."""
    folder = installation.folder
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / f"{profile}.toml").write_text(f'name = "{profile}"\nmodels = "{profile}"\n')
    settings = (folder / "fabricd.toml").read_text()
    if "profiles =" not in settings:
        (folder / "fabricd.toml").write_text(f'profiles = "profiles"\n{settings}')
    inventory = (folder / "inventory.toml").read_text().splitlines()
    changed = [f'profile = "{profile}"' if line.startswith("profile =") else line for line in inventory]
    (folder / "inventory.toml").write_text("\n".join(changed))


@pytest.mark.slow
async def test_sets_are_used_after_a_reload_and_kept_over_a_kill(tmp_path: Path) -> None:
    async with installed(tmp_path) as one:
        code, out, err = await fabricd(one, "models", "install", str(MANAGED), "--name", "before")
        assert (code, out.startswith("before: 37 files")) == (0, True), err
        code, _, err = await fabricd(one, "models", "install", str(MANAGED), "--name", "before")
        assert (code, "replace it by" in err) == (1, True)
        await one.start()
        await one.submit_fabric()
        await one.converge()

        *_, last = [progress async for progress in one.client.fetch_models("leaf3", "leaf3-models")]
        assert last.installed.origin == "device leaf3"
        use(one, "leaf3-models")
        assert one.process is not None
        one.process.send_signal(signal.SIGHUP)

        async def reloaded() -> bool:
            devices = (await one.client.status()).devices
            return all(device.profile == "leaf3-models" and device.in_sync for device in devices)

        await one.until(reloaded)
        await one.kill()
        await one.start()
        await one.until(reloaded)
        sets = {found.name: found for found in await one.client.models()}
        assert sorted(sets) == ["before", "leaf3-models", "managed"]
        assert sorted(sets["leaf3-models"].devices) == sorted(DEVICES)
        checked = await one.client.check_models("leaf3")
        assert (checked.against, list(checked.untakeable)) == ("leaf3-models", [])
        assert checked.leaves > 50

        use(one, "nowhere")
        code, _, err = await fabricd(one, "check")
        assert (code, "'nowhere', which is neither installed nor in models.sets" in err) == (1, True)
