"""Secrets that a device shows as hashes: written when they changed, remembered without being kept, shown nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from fabricd.model.device import Likeness
from fabricd.model.path import ROOT, Path
from fabricd.plan import Memory, hidden_value, make_plan
from fabricd.schema import ModelSet, Schema
from tests.unit.peculiar_device import PeculiarDevice
from tests.unit.peculiar_plans import KEY, LIKENESS, PASSWORD, Bench, desired, edits, instance, instances


@pytest.fixture(scope="module")
def schema() -> Iterator[Schema]:
    with Schema(ModelSet.managed()) as opened:
        yield opened


def test_a_secret_is_written_when_it_changes_and_when_somebody_else_changed_it(schema: Schema) -> None:
    device = PeculiarDevice(instances(instance("DEFAULT", password="somebody's")))
    bench = Bench(schema, device)
    first = desired(schema, instances(instance("default", password="one")))
    second = desired(schema, instances(instance("default", password="two")))

    def password() -> str:
        (peer,) = device.neighbors()
        return str(peer["config"]["auth-password"])

    for target, secret in ((first, "one"), (second, "two"), (first, "one")):
        found = bench.converge(target)
        assert [edit.edit.path.name for edit in found.edits] == ["auth-password"]
        assert password() == secret
    for peer in device.neighbors():
        peer["config"]["auth-password"] = "behind our back"
    assert [new for _, _, new in edits(bench.converge(first))] == ['"(secret)"']
    assert password() == "one"
    for peer in device.neighbors():
        del peer["config"]["auth-password"]
    bench.converge(first)
    assert password() == "one"
    remembered = repr(bench.written)
    assert "one" not in remembered.replace("None", "")
    assert len(bench.written) == 1


def test_where_every_read_shows_another_hash_only_what_was_written_counts(schema: Schema) -> None:
    likeness = Likeness(secrets_anew=(PASSWORD,), aliases=LIKENESS.aliases)
    device = PeculiarDevice(instances(instance("DEFAULT", password="one")), anew=True)
    bench = Bench(schema, device, likeness)
    target = desired(schema, instances(instance("default", password="one")))
    assert bench.converge(target).edits != ()  # nobody knows what was there
    for peer in device.neighbors():
        peer["config"]["auth-password"] = "behind our back"
    assert bench.plan(target).plan.edits == ()
    bench.written = {}
    assert bench.converge(target).edits != ()


def test_no_plan_shows_a_secret_and_every_payload_carries_it(schema: Schema) -> None:
    device = PeculiarDevice(instances(instance("DEFAULT", password="old-secret")))
    bench = Bench(schema, device)
    for target in (
        desired(schema, instances(instance("default", password="new-secret"))),
        desired(schema, instances(instance("default", password="new-secret"), instance("red", password="new-secret"))),
    ):
        planned = bench.plan(target)
        assert "secret" in repr(planned.payload)
        assert "new-secret" not in repr(planned.plan)
        assert "old-secret" not in repr(planned.plan)
        assert "(secret)" in repr(planned.plan)
        assert planned.payload is not None
        device.carry_out(planned.payload)
        bench.written = planned.secrets_after


def test_a_value_is_shown_without_the_secrets_in_it() -> None:
    config = orjson.dumps(instances(instance("default", password="mine"), instance("red"))).decode()
    assert "mine" not in hidden_value(ROOT, config, LIKENESS.secrets)
    assert hidden_value(ROOT, config, LIKENESS.secrets).count("(secret)") == 1
    assert hidden_value(ROOT, config, ()) == config
    keyed = Path.parse(str(PASSWORD).replace("/neighbor/", "/neighbor[neighbor-address='10.0.0.1']/"))
    assert hidden_value(keyed, '"mine"', LIKENESS.secrets) == '"(secret)"'
    assert hidden_value(keyed.parent, "", LIKENESS.secrets) == ""


def test_an_unstable_secret_that_is_left_alone_does_not_count_as_written(schema: Schema) -> None:
    device = PeculiarDevice(instances(instance("default", password="somebody's")), instance="default")
    target = desired(schema, instances(instance("default", password="mine")))
    likeness = Likeness(secrets=(PASSWORD,))
    found = make_plan(
        schema,
        target,
        device.fetched(),
        dialect=None,
        avoid=(PASSWORD,),
        likeness=likeness,
        memory=Memory("leaf1", KEY),
    )
    assert found.plan.edits == ()
    assert found.secrets == {}
