"""Reads and writes revisions, intents and trees on a connection that it is given.

Used by store.py. Knows those tables and the blobs; must not know engines, locks or who may write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fabricd.errors import ConflictError, NotFoundError, RequestIdUsedError, StoreError
from fabricd.model.intent import ConfigIntent, Desired, FabricIntent, Intent, Revision
from fabricd.store import codec
from fabricd.store.tables import blobs, intents, requests, revisions, trees
from fabricd.store.values import DesiredHead, NewRevision, Request

# Engines bound the number of values in one statement.
_MOST_VALUES = 500

_config = blobs.alias("config_blob")
_scope = blobs.alias("scope_blob")
_allocations = blobs.alias("allocations_blob")
_document = blobs.alias("document_blob")
_FURTHER_COLUMNS = (
    _allocations.c.size.label("allocations_size"),
    _allocations.c.content.label("allocations_content"),
    _document.c.size.label("document_size"),
    _document.c.content.label("document_content"),
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A new revision with its contents hashed, and those that the store lacks packed."""

    new: NewRevision
    addresses: dict[bytes, str]
    packed: dict[str, codec.Blob]
    scopes: dict[str, bytes]


def contents(new: NewRevision) -> tuple[dict[bytes, str], dict[str, bytes]]:
    """Every content of a revision with its address, and the encoded scope of each device. Costs CPU by the size."""
    scopes = {tree.device: codec.scope_to_json(tree.scope) for tree in new.trees}
    submitted = {content for intent in new.intents for content in _contents(intent)}
    every = {*submitted, *(tree.config for tree in new.trees), *scopes.values()}
    return {content: codec.address(content) for content in every}, scopes


def _contents(intent: Intent) -> tuple[bytes, ...]:
    if isinstance(intent, ConfigIntent):
        return intent.config, intent.document
    return intent.fabric, intent.document, intent.allocations


def packed(addresses: dict[bytes, str], known: set[str]) -> dict[str, codec.Blob]:
    """Frames of the contents that the store does not have yet. Costs CPU by the size."""
    return {
        digest: codec.Blob(digest, len(content), codec.pack(content))
        for content, digest in addresses.items()
        if digest not in known
    }


async def known_blobs(connection: AsyncConnection, digests: Iterable[str]) -> set[str]:
    wanted = list(digests)
    known: set[str] = set()
    for at in range(0, len(wanted), _MOST_VALUES):
        found = await connection.execute(
            select(blobs.c.digest).where(blobs.c.digest.in_(wanted[at : at + _MOST_VALUES]))
        )
        known.update(found.scalars())
    return known


async def check(connection: AsyncConnection, new: NewRevision, current: int) -> None:
    """Raises RequestIdUsedError, or ConflictError when the base is not current."""
    await check_request(connection, new.request_id)
    if new.base != current:
        raise ConflictError(f"based on revision {new.base}, but revision {current} is current")


async def check_request(connection: AsyncConnection, request_id: str) -> None:
    """Raises RequestIdUsedError."""
    known = await read_request(connection, request_id) if request_id else None
    if known is not None:
        raise RequestIdUsedError(f"request id {request_id!r} was used at revision {known.revision}")


async def write_request(connection: AsyncConnection, request: Request) -> None:
    await connection.execute(
        insert(requests).values(
            id=request.id,
            digest=request.digest,
            revision=request.revision,
            unchanged=request.unchanged,
            time=request.time,
        )
    )


async def write(connection: AsyncConnection, prepared: Prepared, number: int, created: datetime) -> Revision:
    new = prepared.new
    missing = set(prepared.packed) - await known_blobs(connection, prepared.packed)
    if missing:
        await connection.execute(
            insert(blobs),
            [
                {"digest": blob.digest, "size": blob.size, "content": blob.content}
                for digest, blob in prepared.packed.items()
                if digest in missing
            ],
        )
    revision = Revision(
        number=number,
        parent=new.base,
        author=new.author,
        comment=new.comment,
        created=created,
        request_id=new.request_id,
        changed=tuple(sorted({*(tree.device for tree in new.trees), *new.dropped})),
        rollback_of=new.rollback_of,
    )
    await connection.execute(
        insert(revisions).values(
            number=number,
            parent=revision.parent,
            author=revision.author,
            comment=revision.comment,
            created=created,
            request_id=new.request_id,
            changed=codec.to_json(revision.changed).decode(),
            rollback_of=new.rollback_of,
        )
    )
    if new.request_id:
        await write_request(connection, Request(new.request_id, new.request_digest, number, False, created))
    if new.intents or new.withdrawn:
        await connection.execute(insert(intents), list(_intent_rows(prepared, number)))
    if new.trees or new.dropped:
        await connection.execute(insert(trees), list(_tree_rows(prepared, number)))
    return revision


def _intent_rows(prepared: Prepared, number: int) -> Iterable[dict[str, object]]:
    for intent in prepared.new.intents:
        details: dict[str, object] = {
            "devices": intent.devices,
            "owner": intent.owner,
            "priority": intent.priority,
            "source": intent.source,
        }
        if isinstance(intent, ConfigIntent):
            details["replace"] = [codec.path_to_json(path) for path in intent.replace]
        addresses = [prepared.addresses[content] for content in _contents(intent)]
        yield {
            "name": intent.name,
            "revision": number,
            "config": addresses[0],
            "allocations": addresses[2] if isinstance(intent, FabricIntent) else None,
            "document": addresses[1],
            "details": codec.to_json(details).decode(),
        }
    for name in prepared.new.withdrawn:
        yield {"name": name, "revision": number, "config": None, "allocations": None, "document": None, "details": ""}


def _tree_rows(prepared: Prepared, number: int) -> Iterable[dict[str, object]]:
    for tree in prepared.new.trees:
        yield {
            "device": tree.device,
            "revision": number,
            "config": prepared.addresses[tree.config],
            "scope": prepared.addresses[prepared.scopes[tree.device]],
            "digest": tree.digest,
        }
    for device in prepared.new.dropped:
        yield {"device": device, "revision": number, "config": None, "scope": None, "digest": ""}


async def read_revision(connection: AsyncConnection, number: int) -> Revision:
    row = (await connection.execute(select(revisions).where(revisions.c.number == number))).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no revision {number}")
    return _revision(row)


async def read_revisions(connection: AsyncConnection, limit: int, before: int) -> list[Revision]:
    query = select(revisions).order_by(revisions.c.number.desc()).limit(limit)
    if before:
        query = query.where(revisions.c.number < before)
    return [_revision(row) for row in await connection.execute(query)]


async def read_request(connection: AsyncConnection, request_id: str) -> Request | None:
    row = (await connection.execute(select(requests).where(requests.c.id == request_id))).one_or_none()
    return None if row is None else Request(row.id, row.digest, row.revision, row.unchanged, row.time)


def _revision(row: Any) -> Revision:
    return Revision(
        number=row.number,
        parent=row.parent,
        author=row.author,
        comment=row.comment,
        created=row.created,
        request_id=row.request_id,
        changed=tuple(codec.from_json(row.changed, f"revision {row.number}")),
        rollback_of=row.rollback_of,
    )


async def read_intents(connection: AsyncConnection, revision: int) -> tuple[Intent, ...]:
    newest = (
        select(intents.c.name, func.max(intents.c.revision).label("revision"))
        .where(intents.c.revision <= revision)
        .group_by(intents.c.name)
        .subquery()
    )
    query = (
        select(intents.c.name, intents.c.details, intents.c.allocations, intents.c.document, blobs, *_FURTHER_COLUMNS)
        .join(newest, (intents.c.name == newest.c.name) & (intents.c.revision == newest.c.revision))
        .join(blobs, blobs.c.digest == intents.c.config)
        .outerjoin(_allocations, _allocations.c.digest == intents.c.allocations)
        .outerjoin(_document, _document.c.digest == intents.c.document)
        .order_by(intents.c.name)
    )
    return tuple(_intent(row) for row in await connection.execute(query))


async def read_intent_revisions(connection: AsyncConnection, revision: int) -> dict[str, int]:
    query = (
        select(intents.c.name, func.max(intents.c.revision).label("newest"))
        .where(intents.c.revision <= revision)
        .group_by(intents.c.name)
    )
    return {row.name: row.newest for row in await connection.execute(query)}


def _intent(row: Any) -> Intent:
    what = f"intent {row.name}"
    details = codec.from_json(row.details, what)
    try:
        devices, owner, priority = tuple(details["devices"]), details["owner"], details["priority"]
        content = codec.unpack_blob(row.digest, row.size, row.content, what)
        document = codec.unpack_blob(row.document, row.document_size, row.document_content, what)
        source = details["source"]
        if row.allocations is None:
            replace = codec.paths_from_json(details["replace"])
            return ConfigIntent(row.name, devices, content, owner, priority, replace, source, document)
        allocations = codec.unpack_blob(row.allocations, row.allocations_size, row.allocations_content, what)
        return FabricIntent(row.name, devices, content, allocations, owner, priority, source, document)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{what} in the store is damaged: {error!r}") from error


async def read_desired(connection: AsyncConnection, device: str, revision: int) -> Desired | None:
    query = (
        select(
            trees.c.revision,
            trees.c.digest,
            _config.c.digest.label("config_digest"),
            _config.c.size.label("config_size"),
            _config.c.content.label("config_content"),
            *_SCOPE_COLUMNS,
        )
        .outerjoin(_config, _config.c.digest == trees.c.config)
        .outerjoin(_scope, _scope.c.digest == trees.c.scope)
        .where(trees.c.device == device, trees.c.revision <= revision)
        .order_by(trees.c.revision.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None or row.config_digest is None:
        return None
    what = f"the tree of {device}"
    head = _head(device, row)
    config = codec.unpack_blob(row.config_digest, row.config_size, row.config_content, what)
    return Desired(device, head.revision, config, head.digest, head.scope)


_SCOPE_COLUMNS = (
    _scope.c.digest.label("scope_digest"),
    _scope.c.size.label("scope_size"),
    _scope.c.content.label("scope_content"),
)


async def read_desired_head(connection: AsyncConnection, device: str, revision: int) -> DesiredHead | None:
    query = (
        select(trees.c.revision, trees.c.digest, *_SCOPE_COLUMNS)
        .outerjoin(_scope, _scope.c.digest == trees.c.scope)
        .where(trees.c.device == device, trees.c.revision <= revision)
        .order_by(trees.c.revision.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None or row.scope_digest is None else _head(device, row)


def _head(device: str, row: Any) -> DesiredHead:
    scope = codec.unpack_blob(row.scope_digest, row.scope_size, row.scope_content, f"the scope of {device}")
    return DesiredHead(device, row.revision, row.digest, codec.scope_from_json(scope))


async def read_desired_digests(connection: AsyncConnection, revision: int) -> dict[str, str]:
    newest = (
        select(trees.c.device, func.max(trees.c.revision).label("revision"))
        .where(trees.c.revision <= revision)
        .group_by(trees.c.device)
        .subquery()
    )
    query = (
        select(trees.c.device, trees.c.digest)
        .join(newest, (trees.c.device == newest.c.device) & (trees.c.revision == newest.c.revision))
        .where(trees.c.config.is_not(None))
        .order_by(trees.c.device)
    )
    return {row.device: row.digest for row in await connection.execute(query)}
