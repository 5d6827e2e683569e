"""What the picture means: leaves that are gone, others that came, values that changed, and what is not in force.

Called by the experiment that takes the picture. Looks only at what was seen; asks the models for defaults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from fabricd.model.operational import NotInForce
from fabricd.model.path import Path, Segment
from fabricd.model.probe import Certainty
from fabricd.southbound.probe import scratch
from fabricd.southbound.probe.bench import Bench, generic
from fabricd.southbound.probe.picture import Picture
from fabricd.southbound.probe.plan import Plan

_MOST = 4  # pieces of evidence of one kind
_INSTANCES = Path.parse("/openconfig-network-instance:network-instances")
_LAG_TYPE = "lag-type"


def judge_order(bench: Bench[Any], picture: Picture) -> None:
    """Whether the same entries come in another order."""
    first = list(picture.shown)
    for other in picture.readings[1:]:
        if other.keys() == picture.shown.keys() and list(other) != first:
            bench.found(
                "shuffles-lists",
                "Entries of lists come in another order at every read; fabricd tells them apart by key.",
                f"{_READ_TWICE}, and in two orders",
                quirks=(37,),
            )
            return


_READ_TWICE = "the same configuration was read several times"


async def judge_missing(bench: Bench[Any], picture: Picture) -> None:
    """Leaves that were written and are not shown."""
    names = bench.names
    gone = [path for path in picture.written if path not in picture.shown]
    dropped: list[Path] = []
    omitted: list[Path] = []
    addresses: list[Path] = []
    lag_types: list[Path] = []
    for path in gone:
        is_default = await bench.work.default(path) == _canonical(picture.written[path])
        if path.name == _LAG_TYPE:
            lag_types.append(path)
        elif "address" in path.names and _about(path, names.before) and not _any_address(picture, names.before):
            addresses.append(path)
        elif is_default:
            omitted.append(path)
        else:
            dropped.append(path)
    if lag_types:
        bench.learn_traits("write", shape="subtrees")
        bench.found(
            "lag-with-members",
            "The lag-type of an aggregate is dropped when no member names the aggregate in the same update.",
            f"written without a member, gone: {lag_types[0]}",
            quirks=(17,),
            keys=("write.shape",),
            certainty=Certainty.LIKELY,
        )
    if addresses and _any_address(picture, names.after):
        bench.learn_traits("write", first=(_INSTANCES,))
        bench.found(
            "instance-before-address",
            "Putting an interface into a network instance takes the addresses away that it had before.",
            f"address first, gone: {addresses[0]}",
            f"instance first, kept: the addresses of {names.after}",
            quirks=(18,),
            keys=("write.first",),
        )
    else:
        dropped += addresses
    if omitted:
        bench.learn_traits("likeness", omits_defaults=True)
        bench.found(
            "omits-defaults",
            "A leaf that has the models' default is not shown, whether or not it was written.",
            *_some(f"written, not shown: {path} = {picture.written[path]}" for path in omitted),
            quirks=(1,),
            keys=("likeness.omits_defaults",),
        )
    if dropped:
        paths = tuple(dict.fromkeys(map(generic, dropped)))
        bench.learn_traits("likeness", omitted=paths)
        bench.found(
            "drops-leaves",
            "Leaves are accepted and dropped.",
            *_some(f"written, not shown: {path}" for path in dropped),
            quirks=(27,),
            keys=("likeness.omitted",),
        )


async def judge_added(bench: Bench[Any], picture: Picture) -> None:
    """Leaves that are shown and that nobody wrote."""
    came = [path for path in picture.shown if path not in picture.written and path not in picture.before]
    assumed: dict[Path, str] = {}
    system: list[Path] = []
    defaults: list[Path] = []
    for path in came:
        value = picture.shown[path]
        if (entry := _foreign_entry(path, picture)) is not None:
            system.append(entry)
        elif await bench.work.default(path) == _canonical(value):
            defaults.append(path)
        elif not _repeats_key(path):
            assumed[generic(path)] = value
    if assumed:
        bench.learn_traits("likeness", defaults=tuple(assumed.items()))
        bench.found(
            "assumes-values",
            "Values are there that nobody wrote, and that the models do not say.",
            *(f"not written, shown: {path} = {value}" for path, value in assumed.items()),
            quirks=_assuming(assumed),
            keys=("likeness.defaults",),
        )
    if system:
        # They come and go with what they are in, so that they do not count on either side.
        bench.learn_traits("likeness", omitted=tuple(_without_scratch(path, bench.names) for path in system))
        bench.found(
            "system-entries",
            "Entries of lists are there that nobody wrote, in lists that somebody did write.",
            *_some(f"not written, shown: {path}" for path in dict.fromkeys(system)),
            quirks=(27,),
            keys=("likeness.omitted",),
        )
    if defaults:
        bench.found(
            "shows-defaults",
            "Defaults are shown although explicit values were asked for; fabricd compares modulo defaults.",
            *_some(f"not written, shown: {path} = {picture.shown[path]}" for path in defaults),
            quirks=(6,),
        )


def judge_changed(bench: Bench[Any], picture: Picture) -> None:
    """Leaves that are shown otherwise than they were written. Values of secrets are not told."""
    secret = json.dumps(scratch.SECRET)
    same: list[Path] = []
    anew: list[Path] = []
    other: list[Path] = []
    for path, wanted in picture.written.items():
        shown = picture.shown.get(path)
        if shown is None or shown == wanted:
            continue
        if wanted != secret:
            other.append(path)
        elif any(one.get(path) != shown for one in picture.readings[1:]):
            anew.append(generic(path))
        else:
            same.append(generic(path))
    for key, paths, how in (("secrets", same, "always alike"), ("secrets_anew", anew, "otherwise at every read")):
        if paths:
            bench.learn_traits("likeness", **{key: tuple(dict.fromkeys(paths))})
            bench.found(
                "rewrites-secrets",
                f"Secrets are shown otherwise than they were written, and {how}.",
                *_some(f"written one way, shown another: {path}" for path in dict.fromkeys(paths)),
                quirks=(9,),
                keys=(f"likeness.{key}",),
            )
    if other:
        bench.found(
            "changes-values",
            "Values are accepted and shown otherwise; look at each of them, fabricd would write them again and again.",
            *_some(f"{path}: written {picture.written[path]}, shown {picture.shown[path]}" for path in other),
            quirks=(),
        )


def judge_force(bench: Bench[Any], plan: Plan, picture: Picture) -> tuple[NotInForce, ...]:
    """What is shown and not in force; returns what only another picture can explain (19 or 28)."""
    names = bench.names
    outside: list[NotInForce] = []
    overridden: list[NotInForce] = []
    absent: list[NotInForce] = []
    for one in picture.not_in_force:
        if one.path not in picture.shown or picture.shown[one.path] != one.configured:
            continue  # it is not even shown as it was written, which is told elsewhere
        if any(_about(one.path, name) for name in names.interfaces) and "address" in one.path.names:
            (outside if _about(one.path, names.plain) else absent).append(one)
        elif one.applied is not None and one.configured != json.dumps(scratch.SECRET):
            overridden.append(one)
        elif one.applied is None:
            absent.append(one)
    if outside and not any("address" in one.path.names for one in absent):
        bench.learn_traits("likeness", attach_default=True)
        bench.found(
            "explicit-membership",
            "An interface that is in no network instance is not in force.",
            f"in no instance, not in force: {outside[0].path}",
            f"in an instance, in force: the addresses of {names.after}",
            quirks=(29,),
            keys=("likeness.attach_default",),
        )
    if overridden:
        bench.found(
            "overridden-values",
            "Values are accepted and shown, and others are in force, set where OpenConfig does not reach.",
            *_some(f"{one.path}: written {one.configured}, in force {one.applied}" for one in overridden),
            quirks=(24,),
        )
    return tuple(one for one in absent if not _about(one.path, names.plain) and "address" not in one.path.names)


def judge_absent(bench: Bench[Any], plan: Plan, absent: Sequence[NotInForce], without: Sequence[NotInForce]) -> None:
    """`without` is what is not in force although nothing was switched on in the same change."""
    still = {one.path for one in without}
    late = [one.path for one in absent if one.path not in still]
    never = [one.path for one in absent if one.path in still]
    if late and plan.toggled:
        switch = Path.parse("/openconfig-lldp:lldp/config/enabled")
        bench.learn_traits("write", before=(switch,))
        bench.found(
            "feature-first",
            "What depends on a feature is shown and not in force when both come in one change.",
            f"with {switch} in the same change, not in force: {late[0]}",
            f"without it, in force: {late[0]}",
            quirks=(19,),
            keys=("write.before",),
        )
    elif late:
        bench.open_question("feature-first", f"came into force later for no reason that is known: {late[0]}", (19,))
    if never:
        tops = tuple(dict.fromkeys(_surroundings(path) for path in never))
        bench.learn_traits("likeness", unsupported=tops)
        bench.found(
            "never-in-force",
            "Subtrees are accepted and shown, and never in force.",
            *_some(f"shown, not in force: {path}" for path in never),
            quirks=(28,),
            keys=("likeness.unsupported",),
        )


def judge_deleted(bench: Bench[Any], plan: Plan, picture: Picture) -> None:
    """Interfaces that cannot be deleted, and such as come back at once."""
    shown = {name for path in picture.shown if (name := _interface_of(path))}
    back = [name for name in plan.deletes if name in shown]
    if plan.kept:
        _tell_entries(bench, tuple(plan.kept))
        bench.found(
            "keeps-ports",
            "The interfaces of ports cannot be deleted.",
            *_some(f"deletion of {name}: {tag}" for name, tag in plan.kept.items()),
            quirks=(26,),
            keys=("system_entries",),
        )
    if back:
        _tell_entries(bench, tuple(back))
        bench.found(
            "phantom-interfaces",
            "Interfaces are shown that nobody configured; their deletion is accepted and changes nothing.",
            *_some(f"deleted, still shown: {name}" for name in back),
            quirks=(15,),
            keys=("system_entries",),
        )


def _tell_entries(bench: Bench[Any], names: Iterable[str]) -> None:
    patterns = dict.fromkeys(re.sub(r"\d.*", "*", name) for name in names)
    entries = [scratch.interface(pattern) for pattern in patterns]
    bench.learn(system_entries=tuple(dict.fromkeys((*bench.profile.system_entries, *entries))))


def _interface_of(path: Path) -> str:
    if len(path) > 1 and path.segments[0].name == "interfaces" and path.segments[1].keys:
        return path.segments[1].keys[0][1]
    return ""


def _about(path: Path, name: str) -> bool:
    return _interface_of(path) == name


def _any_address(picture: Picture, name: str) -> bool:
    return any("address" in path.names and _about(path, name) for path in picture.shown)


def _foreign_entry(path: Path, picture: Picture) -> Path | None:
    """The outermost list entry that holds this leaf and in which nothing was written or there before."""
    for depth in range(1, len(path)):
        if path.segments[depth - 1].keys:
            entry = Path(path.segments[:depth])
            if not any(entry.covers(one) for one in (*picture.written, *picture.before)):
                return entry
    return None


def _without_scratch(path: Path, names: scratch.Scratch) -> Path:
    """Entries in scratch objects are so in all such objects."""
    own = {*names.interfaces, names.instance, names.bridge, names.acl}
    return Path(
        tuple(
            Segment(one.name, one.module) if any(value in own for _, value in one.keys) else one
            for one in path.segments
        )
    )


def _surroundings(path: Path) -> Path:
    """The container around the innermost list, which in OpenConfig holds nothing else; or else the leaf."""
    for depth in range(len(path), 1, -1):
        if path.segments[depth - 1].keys:
            return generic(Path(path.segments[: depth - 1]))
    return generic(path)


def _repeats_key(path: Path) -> bool:
    return any(path.name == key for segment in path.segments[-3:] for key, _ in segment.keys)


def _assuming(values: dict[Path, str]) -> tuple[int, ...]:
    off = {2} if any(value == "false" for value in values.values()) else set()
    other = {7, 10} if any(value != "false" for value in values.values()) else set()
    return tuple(sorted(off | other))


def _canonical(value: str) -> str:
    held = json.loads(value)
    if isinstance(held, bool):
        return "true" if held else "false"
    return str(held)


def _some(texts: Iterable[str]) -> list[str]:
    found = list(texts)
    return [*found[:_MOST], *([f"and {len(found) - _MOST} more"] if len(found) > _MOST else [])]
