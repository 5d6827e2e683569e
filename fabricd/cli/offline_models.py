"""What `fabricd models install` does: a new model set in the daemon's folder, without the daemon.

Called by the fabricd command. Replaces nothing: what an existing set must fit only the daemon knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fabricd.cli.model_source import read_source
from fabricd.daemon import model_folder, read_model_sets
from fabricd.errors import ConflictError, InputError
from fabricd.reconcile.model_sets import LOAD_WITHIN, may_be_named
from fabricd.schema.features import read_chosen
from fabricd.schema.model_folder import InstalledSet
from fabricd.schema.module_files import read_modules
from fabricd.schema.trial import load_elsewhere
from fabricd.settings import load_settings


def install(
    config: Path,
    source: str,
    name: str,
    *,
    modules: tuple[str, ...] | None,
    features: Sequence[str] = (),
    ref: str = "",
    inside: str = "",
) -> InstalledSet:
    """Raises InputError for what cannot be read or does not load, ConflictError for a name that is taken. Nothing is
    changed then."""
    settings = load_settings(config)
    may_be_named(name)
    if not settings.state_directory.is_dir():
        raise InputError(f"state_directory: {settings.state_directory} is not a directory")
    if name in read_model_sets(settings):
        raise ConflictError(f"there is a model set {name!r}: replace it by `fabricctl models install`")
    read = read_modules(read_source(source, ref=ref, inside=inside).files)
    folder = model_folder(settings)
    candidate = folder.lay_out(
        name,
        read,
        chosen=modules,
        features=read_chosen(features),
        origin=f"{source} ({ref})" if ref else source,
        installed=datetime.now(UTC),
    )
    try:
        candidate = replace(candidate, implemented=asyncio.run(load_elsewhere(candidate.models, within=LOAD_WITHIN)))
        folder.adopt(candidate)
    except BaseException:
        folder.discard(candidate)
        raise
    return candidate
