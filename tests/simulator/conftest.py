"""Two cabled switches on free ports, with either set of models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from manual_time import ManualTime

from fabricd.simulator import LinkConfig, Simulation, SimulationConfig, Switch, SwitchConfig

Configure = Callable[..., SimulationConfig]


@pytest.fixture(params=["managed", "release"])
def either_models(request: pytest.FixtureRequest) -> str:
    """What SimulationConfig.models takes: ours, then the official release."""
    return "managed" if request.param == "managed" else str(request.getfixturevalue("openconfig_release"))


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Makes the configuration of left:Ethernet1 -- right:Ethernet1, ports 2 not cabled."""

    def make(**changes: object) -> SimulationConfig:
        values: dict[str, object] = {
            "state_directory": tmp_path / "simulation",
            "username": "operator",
            "password": "secret",
            "token": "a-token",
            "switches": tuple(SwitchConfig(name=name, ports=("Ethernet1", "Ethernet2")) for name in ("left", "right")),
            "links": (LinkConfig(a="left:Ethernet1", b="right:Ethernet1"),),
        }
        return SimulationConfig.model_validate(values | changes)

    return make


@pytest.fixture
def time() -> ManualTime:
    """A clock that stands still, for simulations that are made with it."""
    return ManualTime()


@pytest.fixture
async def simulation(configure: Configure) -> AsyncIterator[Simulation]:
    """The two switches with our models, running."""
    async with Simulation(configure()) as running:
        yield running


@pytest.fixture
async def either_simulation(configure: Configure, either_models: str) -> AsyncIterator[Simulation]:
    """The two switches with either set of models, running."""
    async with Simulation(configure(models=either_models)) as running:
        yield running


@pytest.fixture
def left(simulation: Simulation) -> Switch:
    return simulation.switches["left"]


@pytest.fixture
def right(simulation: Simulation) -> Switch:
    return simulation.switches["right"]
