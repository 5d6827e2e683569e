"""Fixtures that the test files of this folder share."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path as File

import pytest
import pytest_asyncio
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from store_records import NOON, POSTGRESQL
from target_bench import Bench, World

from fabricd.model.device import Protocol
from fabricd.store import Store


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["managed", "release"])
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    release = request.getfixturevalue("openconfig_release") if request.param == "release" else None
    async with World.running(tmp_path_factory.mktemp(request.param), release) as world:
        yield world
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\ncontract of Target, {request.param} models, both adapters: {world.tried} checks")


@pytest_asyncio.fixture(loop_scope="module", params=list(Protocol))
async def bench(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Bench]:
    await world.reset()
    world.tried += 1
    bench = Bench(world, request.param)
    yield bench
    await bench.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def place(request: pytest.FixtureRequest, tmp_path: File) -> AsyncIterator[str]:
    """A database of the test's own, empty."""
    if request.param == "sqlite":
        yield str(tmp_path / "store.db")
        return
    if not POSTGRESQL:
        pytest.skip("FABRICD_TEST_POSTGRESQL is not set")
    server = make_url(POSTGRESQL).set(drivername="postgresql+psycopg")
    name = f"fabricd_test_{uuid.uuid4().hex}"
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        async with engine.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name}"))
        await engine.dispose()


@pytest.fixture
async def store(place: str) -> AsyncIterator[Store]:
    async with await Store.open(place, clock=lambda: NOON) as opened:
        yield opened
