"""Proof that yang/openconfig says what the official OpenConfig release says.

Called by pytest; the comparison with the release needs the release (see conftest) and skips without it, the rest
always runs. Knows nothing of the daemon.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from managed_models import MODULES, OURS, Mutation, load, load_release, mutated_copy
from model_mutations import MUTATIONS

from fabricd.schema.compare import Difference, compare, node_count


def found(differences: list[Difference], mutation: Mutation) -> bool:
    return any((found.path, found.facet) == (mutation.path, mutation.facet) for found in differences)


def test_every_node_is_defined_as_in_the_official_release(
    openconfig_release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, official = load(OURS, MODULES), load_release(openconfig_release)
    differences = compare(ours, official)
    compared = node_count(ours)
    with capsys.disabled():
        print(
            f"\nyang/openconfig: {len(MODULES)} modules, {compared} nodes compared with the official release "
            f"({node_count(official)} nodes), {len(differences)} differences"
        )
    assert not differences, "\n".join(map(str, differences))
    assert compared > 1000, "most of the models did not take part in the comparison"


def test_all_mutations_at_once_are_found_against_the_official_release(openconfig_release: Path, tmp_path: Path) -> None:
    mutated = load(mutated_copy(tmp_path / "yang", MUTATIONS), MODULES)
    differences = compare(mutated, load_release(openconfig_release))
    assert [mutation.name for mutation in MUTATIONS if not found(differences, mutation)] == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_a_single_wrong_statement_is_found(mutation: Mutation, tmp_path: Path) -> None:
    """Against our unchanged modules, which the test above proves equal; so this runs without the release too."""
    mutated = load(mutated_copy(tmp_path / "yang", (mutation,)), MODULES)
    differences = compare(mutated, load(OURS, MODULES))
    assert found(differences, mutation), "\n".join(map(str, differences)) or "no difference at all"


def test_a_set_of_models_agrees_with_itself_and_with_a_larger_one() -> None:
    everything = load(OURS, MODULES)
    assert compare(everything, load(OURS, MODULES)) == []
    part = load(OURS, ["iana-if-type", "openconfig-interfaces"])
    assert compare(part, everything) == []
    assert any(difference.facet == "module" for difference in compare(everything, part))


def test_a_notification_is_reported_as_not_compared_even_if_both_sides_have_it(tmp_path: Path) -> None:
    mutation = next(mutation for mutation in MUTATIONS if mutation.name == "notification")
    folder = mutated_copy(tmp_path / "yang", (mutation,))
    assert [found.facet for found in compare(load(folder, MODULES), load(folder, MODULES))] == ["notification"]


def test_modules_load_in_any_order() -> None:
    forwards, backwards = load(OURS, MODULES), load(OURS, MODULES[::-1])
    assert compare(forwards, backwards) == []
    assert compare(backwards, forwards) == []
