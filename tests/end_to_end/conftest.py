"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fabricctl_shell import Shell
from northbound_harness import Service, serving, switches
from reconcile_fabric import Fabric, base, fabric

from fabricd.client import Client
from fabricd.model.device import Protocol


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with (
        switches(tmp_path, "leaf1", "leaf2") as (simulation, devices),
        serving(tmp_path, devices=devices) as service,
    ):
        folder = tmp_path / "work"
        folder.mkdir()
        yield Shell(folder, service, simulation)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    async with service.client(author="alice") as client:
        yield client


@pytest.fixture(params=list(Protocol))
async def one(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fabric]:
    """One switch, `leaf1`, whose interfaces are owned wholly, in sync with MTU 9000 on Ethernet1."""
    async with fabric(tmp_path, {"leaf1": request.param}) as made:
        await made.submit(base(9000))
        await made.in_sync("leaf1")
        yield made
