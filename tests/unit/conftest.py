"""Fixtures of the unit tests: a schema over our models, and over the official release."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fabricd.schema import ModelSet, Schema


@pytest.fixture(scope="session", params=["managed", "release"])
def model_set(request: pytest.FixtureRequest) -> ModelSet:
    """The models that ship with fabricd, then the official OpenConfig release."""
    if request.param == "managed":
        return ModelSet.managed()
    return ModelSet.from_directory("release", request.getfixturevalue("openconfig_release"))


@pytest.fixture(scope="session")
def either_schema(model_set: ModelSet) -> Iterator[Schema]:
    with Schema(model_set) as schema:
        yield schema
