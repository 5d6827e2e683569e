"""What the picture says of what is shown: leaves that are gone, others that came, and values that changed.

Called by the experiment that takes the picture. Looks at what was seen, and has what would help tried; asks the models
for defaults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fabricd.model.path import Path, Segment
from fabricd.model.probe import Certainty
from fabricd.southbound.probe import remedies, scratch
from fabricd.southbound.probe.bench import Bench, generic
from fabricd.southbound.probe.picture import Picture
from fabricd.southbound.probe.plan import Plan
from fabricd.southbound.probe.verdicts import Verdict, interface_of, is_address

_INSTANCES = Path.parse("/openconfig-network-instance:network-instances")

_SHUFFLES = Verdict(
    "shuffles-lists", "Entries of lists come in another order at every read; fabricd tells them apart by key.", (37,)
)  # fmt: skip
_LAG = Verdict(
    "lag-with-members",
    "The lag-type of an aggregate is dropped when no member names the aggregate in the same update.", (17,),
    "write.shape",
)  # fmt: skip
_INSTANCE_FIRST = Verdict(
    "instance-before-address",
    "Putting an interface into a network instance takes the addresses away that it had before.", (18,), "write.first",
)  # fmt: skip
_OMITS = Verdict(
    "omits-defaults", "A leaf that has the models' default is not shown, whether or not it was written.", (1,),
    "likeness.omits_defaults",
)  # fmt: skip
_DROPS = Verdict("drops-leaves", "Leaves are accepted and dropped.", (27,), "likeness.omitted")
_ASSUMES = Verdict(
    "assumes-values", "Values are there that nobody wrote, and that the models do not say.", (2, 7, 10),
    "likeness.defaults",
)  # fmt: skip
_SYSTEM = Verdict(
    "system-entries", "Entries of lists are there that nobody wrote, in lists that somebody did write.", (27,),
    "likeness.omitted",
)  # fmt: skip
_SHOWS_DEFAULTS = Verdict(
    "shows-defaults", "Defaults are shown although explicit values were asked for; fabricd compares modulo defaults.",
    (6,),
)  # fmt: skip
_SECRETS = Verdict(
    "rewrites-secrets", "Secrets are shown otherwise than they were written, and always alike.", (9,),
    "likeness.secrets",
)  # fmt: skip
_SECRETS_ANEW = Verdict(
    "rewrites-secrets", "Secrets are shown otherwise than they were written, and otherwise at every read.", (9,),
    "likeness.secrets_anew",
)  # fmt: skip
_CHANGES = Verdict(
    "changes-values",
    "Values are accepted and shown otherwise; look at each of them, fabricd would write them again and again.", (),
)  # fmt: skip
_KEEPS = Verdict("keeps-ports", "The interfaces of ports cannot be deleted.", (26,), "system_entries")
_PHANTOMS = Verdict(
    "phantom-interfaces",
    "Interfaces are shown that nobody configured; their deletion is accepted and changes nothing.", (15,),
    "system_entries",
)  # fmt: skip


def judge_order(bench: Bench[Any], picture: Picture) -> None:
    """Whether the same entries come in another order."""
    first = list(picture.shown)
    others = (one for one in picture.readings[1:] if one.keys() == picture.shown.keys() and list(one) != first)
    _SHUFFLES.tell(bench, ("the same configuration was read several times, and in two orders" for _ in others))


async def judge_missing(bench: Bench[Any], picture: Picture) -> None:
    """Leaves that were written and are not shown."""
    names = bench.names
    dropped: list[Path] = []
    omitted: list[Path] = []
    addresses: list[Path] = []
    lag_types: list[Path] = []
    for path in (path for path in picture.written if path not in picture.shown):
        if path.name == scratch.LAG_TYPE:
            lag_types.append(path)
        elif is_address(path) and interface_of(path) == names.before and not _any_address(picture, names.before):
            addresses.append(path)
        elif await bench.work.default(path) == _canonical(picture.written[path]):
            omitted.append(path)
        else:
            dropped.append(path)
    if lag_types and not await _helps_with_member(bench, lag_types[0]):
        dropped += lag_types
    if addresses and _any_address(picture, names.after):
        evidence = f"address first, gone: {addresses[0]}", f"instance first, kept: the addresses of {names.after}"
        _INSTANCE_FIRST.tell(bench, evidence, (_INSTANCES,))
    else:
        dropped += addresses
    _OMITS.tell(bench, (f"written, not shown: {path} = {picture.written[path]}" for path in omitted), True)
    _DROPS.tell(bench, (f"written, not shown: {path}" for path in dropped), tuple(map(generic, dropped)))


async def _helps_with_member(bench: Bench[Any], path: Path) -> bool:
    """Tell of a lag-type that is gone, unless it goes all the same with a member."""
    remedy = await remedies.joined(bench)
    if remedy.helps is not False:
        evidence = f"written without a member, gone: {path}", remedy.said
        _LAG.tell(bench, evidence, "subtrees", certainty=remedy.certainty)
    return remedy.helps is not False


async def judge_added(bench: Bench[Any], picture: Picture) -> None:
    """Leaves that are shown and that nobody wrote."""
    came = [path for path in picture.shown if path not in picture.written and path not in picture.before]
    assumed: dict[Path, Path] = {}
    system: list[Path] = []
    defaults: list[Path] = []
    for path in came:
        if (entry := _foreign_entry(path, picture)) is not None:
            system.append(entry)
        elif await bench.work.default(path) == _canonical(picture.shown[path]):
            defaults.append(path)
        elif not _repeats_key(path):
            assumed[generic(path)] = path
    if assumed:
        await _tell_assumed(bench, picture, assumed)
    # They come and go with what they are in, so that they do not count on either side.
    left_out = tuple(_without_scratch(path, bench.names) for path in system)
    _SYSTEM.tell(bench, (f"not written, shown: {path}" for path in system), left_out)
    _SHOWS_DEFAULTS.tell(bench, (f"not written, shown: {path} = {picture.shown[path]}" for path in defaults))


async def _tell_assumed(bench: Bench[Any], picture: Picture, assumed: Mapping[Path, Path]) -> None:
    """`assumed` is a leaf of each sort. Where the models have another default fabricd writes that out, which the
    picture has too, on other objects."""
    values = {leaf: picture.shown[path] for leaf, path in assumed.items()}
    evidence = [f"not written, shown: {leaf} = {value}" for leaf, value in values.items()]
    certainty = Certainty.SEEN
    for leaf, path in assumed.items():
        if (default := await bench.work.default(path)) is None:
            continue
        written = [one for one in picture.written if generic(one) == leaf and _is(picture.written[one], default)]
        if written and all(picture.shown.get(one) == picture.written[one] for one in written):
            evidence.append(f"written, kept: {written[0]} = {picture.written[written[0]]}")
        else:
            certainty = Certainty.LIKELY
            evidence.append(f"not tried, or not kept, written out: {leaf} = {default}")
    _ASSUMES.tell(bench, evidence, tuple(values.items()), quirks=_assuming(values), certainty=certainty)


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
    for verdict, paths in ((_SECRETS, same), (_SECRETS_ANEW, anew)):
        verdict.tell(bench, (f"written one way, shown another: {path}" for path in paths), tuple(paths))
    _CHANGES.tell(
        bench, (f"{path}: written {picture.written[path]}, shown {picture.shown[path]}" for path in other)
    )  # fmt: skip


def judge_deleted(bench: Bench[Any], plan: Plan, picture: Picture) -> None:
    """Interfaces that cannot be deleted, and such as come back at once."""
    shown = {interface_of(path) for path in picture.shown}
    back = [name for name in plan.deletes if name in shown]
    _KEEPS.tell(bench, (f"deletion of {name}: {tag}" for name, tag in plan.kept.items()), _entries(plan.kept))
    _PHANTOMS.tell(bench, (f"deleted, still shown: {name}" for name in back), _entries(back))


def _entries(names: Iterable[str]) -> tuple[Path, ...]:
    """Interfaces that are called like these."""
    return tuple(scratch.interface(pattern) for pattern in dict.fromkeys(re.sub(r"\d.*", "*", name) for name in names))


def _any_address(picture: Picture, name: str) -> bool:
    return any(is_address(path) and interface_of(path) == name for path in picture.shown)


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


def _repeats_key(path: Path) -> bool:
    return any(path.name == key for segment in path.segments[-3:] for key, _ in segment.keys)


def _assuming(values: Mapping[Path, str]) -> tuple[int, ...]:
    off = {2} if any(value == "false" for value in values.values()) else set()
    other = {7, 10} if any(value != "false" for value in values.values()) else set()
    return tuple(sorted(off | other))


def _is(value: str, canonical: str) -> bool:
    return _canonical(value) == canonical


def _canonical(value: str) -> str:
    held = json.loads(value)
    if isinstance(held, bool):
        return "true" if held else "false"
    return str(held)
