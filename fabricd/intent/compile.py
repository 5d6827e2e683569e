"""From all intents of a revision to the one tree each device shall run, with the scope that fabricd owns on it.

Called by reconcile/submission inside a schema worker. Pure; must not know the store or any adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from fabricd.errors import InputError, Problem
from fabricd.intent.documents import Draft
from fabricd.intent.membership import attached
from fabricd.intent.numbers import quote_long_numbers
from fabricd.intent.released import released_paths
from fabricd.intent.unsupported import refuse_unsupported
from fabricd.model.device import Device, Likeness, Profile
from fabricd.model.intent import ConfigIntent, Desired, Scope
from fabricd.model.path import Path, Segment, covered
from fabricd.schema import Schema, digest


def read_draft(schema: Schema, draft: Draft) -> ConfigIntent:
    """The draft as an intent: its configuration read strictly and made canonical, its claims qualified by module.

    It is read by the models without deviations: what a device does not have is for compile_device to judge. Raises
    InputError naming every problem, with the intent, the data path, and line and column where known.
    """
    schema = schema.plain
    try:
        config = _read(schema, draft)
        claimed = schema.roots(config) if draft.replace is True else _qualified(schema, draft.replace or ())
    except InputError as error:
        secrets = schema.secret_leaves(Likeness())
        raise InputError.of(draft.located(_without_secret(found, secrets)) for found in error.problems) from error
    return ConfigIntent(draft.name, draft.devices, config, draft.owner, draft.priority, claimed)


def _read(schema: Schema, draft: Draft) -> bytes:
    try:
        return schema.read(draft.config, source=draft.name, limit=len(draft.config))
    except InputError:
        # RFC 7951 wants 64-bit numbers quoted, which people who write YAML cannot be expected to know.
        mended = quote_long_numbers(schema.models, draft.config)
        if mended == draft.config:
            raise
        return schema.read(mended, source=draft.name, limit=len(mended))


def compile_device(
    schema: Schema,
    device: Device,
    intents: Sequence[ConfigIntent],
    revision: int,
    previous: Desired | None = None,
) -> Desired:
    """Merge by priority, validate the whole, refuse what is protected or not supported, work out the scope.

    `intents` are all those that name the device, at least one; `previous` is its tree so far: what that set and this
    does not set any more is taken away from the device. The tree is one of the models without the device's deviations,
    validated by both. Raises InputError naming every problem.
    """
    models, likeness = schema.plain, device.profile.likeness
    try:
        config = models.merge([(intent.name, intent.priority, intent.config) for intent in intents])
        if likeness.attach_default:
            config = models.canonical(attached(config))
        models.validate(config, device=device.name)
        left = refuse_unsupported(schema, device, intents, config)
        if schema is not models:
            schema.validate(left, device=device.name)
    except InputError as error:
        raise InputError.of(
            _without_secret(replace(found, device=device.name), models.secret_leaves(likeness))
            for found in error.problems
        ) from error
    schema = models
    scope = scope_of(schema, config, device.profile, [path for intent in intents for path in intent.replace])
    _refuse_protected(schema, device, intents, scope)
    released = released_paths(schema, previous, config, scope.subtrees)
    if previous is not None and likeness.interface_refs:
        # Nobody will know any more what was called so: these are looked for by the names that the device uses.
        names = schema.names(Likeness(interface_refs=True), previous.config)
        released = _sorted(map(names.outward_path, released))
    if released:
        roots = _sorted((*scope.roots, *(Path(path.segments[:1]) for path in released)))
        scope = replace(scope, roots=roots, released=released)
    return Desired(device.name, revision, config, _digest(config, scope), scope)


def scope_of(schema: Schema, config: bytes, profile: Profile, claimed: Iterable[Path]) -> Scope:
    """What fabricd owns on a device of that profile which shall run `config`. `claimed` are the intents' subtrees."""
    subtrees = _sorted((*_qualified(schema, profile.authoritative, strict=False), *claimed))
    return Scope(
        roots=_sorted((*schema.roots(config), *(Path(path.segments[:1]) for path in subtrees if path.segments))),
        subtrees=subtrees,
        protected=_sorted(_qualified(schema, profile.protected, strict=False)),
        system_entries=_sorted(_qualified(schema, profile.system_entries, strict=False)),
    )


def current_scope(desired: Desired, profile: Profile) -> Scope:
    """The scope of a stored tree as the profile has it now: what has become protected since is not written either."""
    return replace(
        desired.scope,
        protected=_sorted((*desired.scope.protected, *profile.protected)),
        system_entries=_sorted((*desired.scope.system_entries, *profile.system_entries)),
    )


def touched_devices(
    before: Mapping[str, Mapping[str, ConfigIntent]], after: Mapping[str, Mapping[str, ConfigIntent]]
) -> tuple[str, ...]:
    """Devices of which a changed intent says something else than before: only these need to be compiled.

    Both map the names of changed intents to what they say, by device.
    """
    nothing: Mapping[str, ConfigIntent] = {}
    return tuple(
        sorted(
            {
                device
                for name in {*before, *after}
                for old, new in ((before.get(name, nothing), after.get(name, nothing)),)
                for device in {*old, *new}
                if old.get(device) != new.get(device)
            }
        )
    )


def unknown_devices(drafts: Iterable[Draft], known: Callable[[str], bool]) -> list[Problem]:
    """One Problem for each device that a draft names and the inventory does not."""
    return [
        draft.located(Problem(f"there is no device {device!r} in the inventory", path="devices"))
        for draft in drafts
        for device in draft.devices
        if not known(device)
    ]


def _without_secret(problem: Problem, secrets: Iterable[Path]) -> Problem:
    """Messages quote values: not where that is a secret."""
    if not problem.path.startswith("/"):
        return problem
    names = Path.parse(problem.path).names
    if any(path.names == names for path in secrets):
        return replace(problem, message="the intents contradict each other, or the models do not allow this secret")
    return problem


def _refuse_protected(schema: Schema, device: Device, intents: Sequence[ConfigIntent], scope: Scope) -> None:
    problems = [
        Problem(
            f"is protected by the profile {device.profile.name!r} and never written",
            device=device.name,
            intent=intent.name,
            path=path.text,
        )
        for intent in intents
        for path in (
            *schema.offending(intent.config, scope.protected),
            *(claim for claim in intent.replace if covered(scope.protected, claim)),
        )
    ]
    if problems:
        raise InputError.of(problems)


def _qualified(schema: Schema, paths: Iterable[Path], *, strict: bool = True) -> tuple[Path, ...]:
    """The paths with the module of their top node, found among those the schema knows. `strict` refuses others;
    a profile may name what this model set does not have."""
    found: list[Path] = []
    problems: list[Problem] = []
    for path in paths:
        node = schema.node(path) if path.segments else None
        if node is not None:
            first = path.segments[0]
            found.append(
                Path((Segment(first.name, first.module or _top_module(schema, path), first.keys), *path.segments[1:]))
            )
        elif strict:
            problems.append(Problem("names no node of the device's models", path=path.text))
    if problems:
        raise InputError.of(problems)
    return tuple(found)


def _top_module(schema: Schema, path: Path) -> str:
    top = schema.node(Path(path.segments[:1]))
    return top.module if top is not None else ""


def _sorted(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple({path.text: path for path in sorted(paths, key=lambda path: path.text)}.values())


def _digest(config: bytes, scope: Scope) -> str:
    groups = (scope.roots, scope.subtrees, scope.protected, scope.system_entries)
    text = "\n\n".join("\n".join(path.text for path in group) for group in groups)
    return digest(config + b"\0" + text.encode())
