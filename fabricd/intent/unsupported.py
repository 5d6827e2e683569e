"""What a kind of device cannot take: refused at submit when it matters, left out in silence when it is the default.

Called by compile.py inside a schema worker. Pure; must not know sessions or the store.
"""

from __future__ import annotations

from collections.abc import Sequence

from fabricd.errors import InputError, Problem
from fabricd.intent.explain import says
from fabricd.model.device import Device
from fabricd.model.intent import ConfigIntent
from fabricd.model.path import covered
from fabricd.schema import Schema

_PROBLEMS = 50


def refuse_unsupported(schema: Schema, device: Device, intents: Sequence[ConfigIntent], config: bytes) -> bytes:
    """Refuse leaves of `config` (all intents, merged) that the profile's `unsupported` or deviations take away, unless
    they are `omitted` there, or have the default that the models without deviations give them.

    Returns what is left of `config` in the models of the device. Raises InputError with a problem for each leaf,
    naming the intent that wins there.
    """
    left, lost = (config, ()) if schema.models.plain is None else schema.fitting(config)
    likeness = device.profile.likeness
    given = [one for one in lost if not covered(likeness.omitted, one[0])]
    given += schema.plain.leaves(config, likeness.unsupported)
    problems: list[Problem] = []
    for path in schema.plain.but_defaults(given)[:_PROBLEMS]:
        saying = (
            one.name for one in sorted(intents, key=lambda one: (-one.priority, one.name)) if says(one.config, path)
        )
        problems.append(
            Problem(
                f"devices of the profile {device.profile.name!r} have no such thing, and it is not the default",
                device=device.name,
                intent=next(saying, ""),
                path=path.text,
            )
        )
    if problems:
        raise InputError.of(problems)
    return left
