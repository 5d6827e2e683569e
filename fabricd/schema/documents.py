"""Documents into trees, strictly: size, syntax, names, types and duplicates, every problem with its place.

Called by Schema.read and Tree.parse. Whole-tree rules (must, leafref, mandatory) are validate.py's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from lxml import etree

from fabricd.errors import InputError, Problem
from fabricd.model.path import Path
from fabricd.schema import raw
from fabricd.schema.context import Context
from fabricd.schema.loose import Walk, qualified_top
from fabricd.schema.models import Format

LIMIT_BYTES = 32 << 20
_PROBLEMS = 50


def parse(
    context: Context, data: bytes, form: Format, *, source: str = "", limit: int = LIMIT_BYTES, state: bool = False
) -> raw.DataNode:
    """First sibling of the tree a document holds, NULL for an empty one; the caller frees it.

    `state` admits state nodes. `source` is told in problems as the intent. Raises InputError.
    """
    if len(data) > limit:
        raise _refused(f"the document has {len(data):,} bytes, more than the {limit:,} that are read", source)
    if not data.strip():
        raise _refused("the document is empty", source)
    if b"\0" in data:
        raise _refused("the document holds a NUL byte", source)
    flags = raw.STRICT | raw.PARSE_ONLY | (0 if state else raw.NO_STATE)
    if form is Format.XML:
        _check_xml(data, source)
        first = raw.parse(context.pointer, data, raw.XML, flags)
        if first is None:
            raise InputError.of(_named(context.problems(), source))
        return first
    return _parse_json(context, data, source, flags)


def load_json(data: bytes, source: str = "") -> Any:
    """Plain values of a JSON text. Raises InputError with line and column."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        message = f"not JSON: {error.msg}"
        raise InputError.of([Problem(message, intent=source, line=error.lineno, column=error.colno)]) from error


def _parse_json(context: Context, data: bytes, source: str, flags: int) -> raw.DataNode:
    document = load_json(data, source)
    if not isinstance(document, dict):
        raise _refused("the top level must be an object", source)
    if any(":" not in name for name in document):
        document = qualified_top(context, document, source)
        data = orjson.dumps(document)
    first = raw.parse(context.pointer, data, raw.JSON, flags)
    if first is not None:
        return first
    told = context.problems()  # before the walk asks libyang about single values
    walk = Walk(context, state=not flags & raw.NO_STATE, mend=False, limit=_PROBLEMS)
    walk.document(document)
    problems = [_exact(problem, walk.skipped) for problem in told]
    known = {problem.path for problem in problems}
    problems += [Problem(reason, path=path) for path, reason in walk.skipped if path not in known]
    raise InputError.of(_named(tuple(problems[:_PROBLEMS]), source))


def _exact(problem: Problem, found: list[tuple[str, str]]) -> Problem:
    """libyang puts what it does not know down to the node above; the walk knows the name."""
    if any(path == problem.path for path, _ in found):
        return problem
    depth = len(Path.parse(problem.path).segments) if problem.path else 0
    for path, _ in found:
        if path.startswith(f"{problem.path}/") and len(Path.parse(path).segments) == depth + 1:
            return replace(problem, path=path)
    return problem


def _check_xml(data: bytes, source: str) -> None:
    # lxml bounds depth (256) and entity expansion, so that libyang only ever sees a well-formed document.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise _refused("XML with a document type is not read", source)
    body = data.lstrip()
    if body.startswith(b"<?xml"):
        body = body.partition(b"?>")[2]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, encoding="utf-8")
    try:
        etree.fromstring(b"<data>" + body + b"</data>", parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise InputError.of([Problem(f"not XML: {error.msg}", intent=source, line=line, column=column)]) from error


def _named(problems: tuple[Problem, ...], source: str) -> tuple[Problem, ...]:
    found = problems or (Problem("libyang gives no reason"),)
    return tuple(Problem(one.message, intent=source, path=one.path, line=one.line) for one in found)


def _refused(message: str, source: str) -> InputError:
    return InputError.of([Problem(message, intent=source)])
