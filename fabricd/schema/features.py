"""Which YANG features of a set of modules are enabled: all that can be, or those that a device or a person names.

Called by model_folder, by reconcile/model_fetch and for sets in folders. Must not know libyang.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Mapping

from fabricd.errors import InputError, Problem
from fabricd.schema.models import ModelSet
from fabricd.schema.module_files import heads_with_features
from fabricd.schema.module_text import Feature, ModuleText

Chosen = Mapping[str, Collection[str]]
"""Features by module. A module that is not in it has all of its features."""

Enabled = tuple[tuple[str, tuple[str, ...]], ...]
"""(module, features) for every module with a feature that is enabled, by name."""

_MOST_ROUNDS = 100  # features that need each other in a chain
_DEEPEST = 64


def read_chosen(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Chosen features as people write them: MODULE:FEATURE, or MODULE: for none of that module. Raises InputError."""
    chosen: dict[str, tuple[str, ...]] = {}
    for text in texts:
        module, colon, name = text.partition(":")
        if not module or not colon:
            raise InputError(f"feature {text[:80]!r}: expected MODULE:FEATURE, or MODULE: for none of that module")
        chosen[module] = (*chosen.get(module, ()), *((name,) if name else ()))
    return chosen


def chosen_features(heads: Iterable[ModuleText], modules: Collection[str], chosen: Chosen) -> Enabled:
    """What a person chose, for the others of `modules` all that can be. Raises InputError naming each chosen feature
    that does not exist, or whose own if-feature does not hold."""
    declared = _declared(heads)
    enabled = _possible(declared, modules, chosen)
    found = dict(enabled)
    problems = [
        Problem(f"module {module} is not among those that are implemented: its features cannot be chosen")
        for module in sorted(set(chosen) - set(modules))
    ]
    for module in sorted(set(chosen) & set(modules)):
        for name in dict.fromkeys(chosen[module]):
            if name not in declared.get(module, {}):
                problems.append(Problem(f"module {module} has no feature {name[:80]!r}"))
            elif name not in found.get(module, ()):
                problems.append(Problem(f"feature {module}:{name} needs features that are not enabled"))
    if problems:
        raise InputError.of(problems)
    return enabled


def every_feature(models: ModelSet) -> ModelSet:
    """A set in folders, with every feature of its modules that can be enabled."""
    heads = heads_with_features(models.directories)
    return models.with_features(_possible(_declared(heads), models.modules, {})) if heads else models


def possible_features(heads: Iterable[ModuleText], modules: Collection[str], chosen: Chosen) -> Enabled:
    """Those of the chosen features that exist and whose own if-feature holds. Raises InputError for conditions that
    are too deep to follow."""
    return _possible(_declared(heads), modules, chosen)


def _possible(declared: Mapping[str, Mapping[str, Feature]], modules: Collection[str], chosen: Chosen) -> Enabled:
    on = {
        f"{module}:{name}": feature
        for module in sorted(set(modules) & set(declared))
        for name, feature in declared[module].items()
        if name in chosen.get(module, declared[module])
    }
    for _ in range(_MOST_ROUNDS):
        # What was taken away stays away: then every answer that counted on its absence stays true.
        lost = [
            name for name, feature in on.items() if not all(_holds(condition, on) for condition in feature.conditions)
        ]
        if not lost:
            break
        for name in lost:
            del on[name]
    else:
        raise InputError(f"features need each other in a chain of more than {_MOST_ROUNDS}")
    found: dict[str, list[str]] = {}
    for module, name in sorted(one.split(":", 1) for one in on):
        found.setdefault(module, []).append(name)
    return tuple((module, tuple(names)) for module, names in found.items())


def _declared(heads: Iterable[ModuleText]) -> dict[str, dict[str, Feature]]:
    """Features by module and name, those of submodules included; of several revisions the newest counts."""
    newest: dict[str, ModuleText] = {}
    for head in heads:
        if head.name not in newest or newest[head.name].revision < head.revision:
            newest[head.name] = head
    found: dict[str, dict[str, Feature]] = {}
    for head in newest.values():
        for feature in head.features:
            found.setdefault(head.module, {})[feature.name] = feature
    return found


def _holds(condition: str, on: Collection[str]) -> bool:
    """An if-feature expression. One that is none holds: libyang says what is wrong with it, and where."""
    words = deque(re.findall(r"[()]|[^\s()]+", condition))
    try:
        value = _either(words, on, 0)
    except IndexError:
        return True
    return value or bool(words)


def _either(words: deque[str], on: Collection[str], depth: int) -> bool:
    if depth > _DEEPEST:
        raise InputError(f"an if-feature is nested deeper than {_DEEPEST}")
    value = _both(words, on, depth)
    while words and words[0] == "or":
        words.popleft()
        value = _both(words, on, depth) or value
    return value


def _both(words: deque[str], on: Collection[str], depth: int) -> bool:
    value = _one(words, on, depth)
    while words and words[0] == "and":
        words.popleft()
        value = _one(words, on, depth) and value
    return value


def _one(words: deque[str], on: Collection[str], depth: int) -> bool:
    negated = False
    while (word := words.popleft()) == "not":
        negated = not negated
    if word == "(":
        value = _either(words, on, depth + 1)
        words.popleft()  # the closing one
    else:
        value = word in on
    return value != negated
