"""What the text of a YANG module says of itself: its name, revision, features, and what it needs. Read without libyang.

Called by module_files and by whoever gathers modules from devices. Knows statements, not what they mean to data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fabricd.errors import InputError, Problem

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<line>//[^\n]*)|(?P<block>/\*.*?\*/)"
    r"|(?P<double>\"(?:[^\"\\]|\\.)*\")|(?P<single>'[^']*')"
    r"|(?P<open>\{)|(?P<close>\})|(?P<end>;)"
    r"|(?P<unclosed>/\*|[\"'])|(?P<plain>(?:(?!/[/*])[^\s;{}\"'])+)",
    re.DOTALL,
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}")
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Needed:
    """An import or include (RFC 7950 sections 7.1.5 and 7.1.6). `revision` is empty where any will do."""

    name: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature (RFC 7950 section 7.20.1). `conditions` are its if-feature expressions, all of which must hold, with
    every name in them as MODULE:NAME."""

    name: str
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleText:
    """A module or submodule. `revision` is the newest one it lists, empty when there is none; `belongs_to` names the
    module of a submodule and is empty for a module. `deviates`: it changes other modules (RFC 7950 section 7.20.3)."""

    name: str
    revision: str = ""
    namespace: str = ""
    belongs_to: str = ""
    imports: tuple[Needed, ...] = ()
    includes: tuple[Needed, ...] = ()
    deviates: bool = False
    features: tuple[Feature, ...] = ()

    @property
    def module(self) -> str:
        """The module that what is said here belongs to."""
        return self.belongs_to or self.name

    @property
    def file_name(self) -> str:
        """RFC 7950 section 5.2."""
        return f"{self.name}@{self.revision}.yang" if self.revision else f"{self.name}.yang"


@dataclass(frozen=True, slots=True)
class _Statement:
    depth: int
    keyword: str
    argument: str
    line: int


def read_module_text(text: bytes, *, source: str = "") -> ModuleText:
    """The head of one module. Raises InputError with `source` as the path, and the line, for what is not YANG text."""
    try:
        plain = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _wrong("not UTF-8 text", source, text.count(b"\n", 0, error.start) + 1) from error
    if "\0" in plain:
        raise _wrong("holds a NUL character", source, plain.count("\n", 0, plain.index("\0")) + 1)
    statements = _statements(plain, source)
    head = next(statements, None)
    if head is None or head.keyword not in ("module", "submodule"):
        raise _wrong("neither a module nor a submodule", source, head.line if head else 1)
    if not _IDENTIFIER.fullmatch(head.argument):
        raise _wrong(f"{head.argument[:40]!r} is no name of a module", source, head.line)
    namespace = belongs_to = ""
    deviates = False
    revisions: list[str] = []
    needed: dict[str, list[Needed]] = {"import": [], "include": []}
    prefixes: dict[str, str] = {}
    features: dict[str, list[str]] = {}
    above = head
    for one in statements:
        if one.depth == 0:
            raise _wrong("something follows the module", source, one.line)
        if one.depth == 1:
            above = one
            if one.keyword in needed:
                if not _IDENTIFIER.fullmatch(one.argument):
                    raise _wrong(f"{one.argument[:40]!r} is no name of a module", source, one.line)
                needed[one.keyword].append(Needed(one.argument))
            elif one.keyword == "revision":
                if not _REVISION.fullmatch(one.argument):
                    raise _wrong(f"{one.argument[:40]!r} is no date of a revision", source, one.line)
                revisions.append(one.argument)
            elif one.keyword == "namespace":
                namespace = one.argument
            elif one.keyword == "belongs-to":
                belongs_to = one.argument
            elif one.keyword == "deviation":
                deviates = True
            elif one.keyword == "feature":
                if not _IDENTIFIER.fullmatch(one.argument):
                    raise _wrong(f"{one.argument[:40]!r} is no name of a feature", source, one.line)
                features.setdefault(one.argument, [])
        elif one.depth == 2 and one.keyword == "revision-date" and above.keyword in needed:
            needed[above.keyword][-1] = Needed(above.argument, one.argument)
        elif one.depth == 2 and one.keyword == "prefix" and above.keyword == "import":
            prefixes[one.argument] = above.argument
        elif one.depth == 2 and one.keyword == "if-feature" and above.keyword == "feature":
            features[above.argument].append(one.argument)
    if (head.keyword == "submodule") != bool(belongs_to):
        raise _wrong("a submodule names the module it belongs to, a module does not", source, head.line)
    own = belongs_to or head.argument
    return ModuleText(
        name=head.argument,
        revision=max(revisions, default=""),
        namespace=namespace,
        belongs_to=belongs_to,
        imports=tuple(needed["import"]),
        includes=tuple(needed["include"]),
        deviates=deviates,
        features=tuple(
            Feature(name, tuple(_qualified(condition, prefixes, own) for condition in conditions))
            for name, conditions in features.items()
        ),
    )


def _qualified(condition: str, prefixes: Mapping[str, str], own: str) -> str:
    """An if-feature expression (RFC 7950 section 7.20.2) with module names for prefixes."""

    def name(found: re.Match[str]) -> str:
        prefix, _, last = found[0].rpartition(":")
        return found[0] if found[0] in ("and", "or", "not") else f"{prefixes.get(prefix, own)}:{last}"

    return re.sub(r"[^\s()]+", name, condition)


def _statements(text: str, source: str) -> Iterator[_Statement]:
    """Every statement with its depth, in the order of the text (RFC 7950 section 6.3)."""
    depth = 0
    words: list[str] = []
    joins = False  # a + stands between two quoted strings
    started = line = 1
    at = 0
    for token in _tokens(text):
        kind = token.lastgroup or ""
        here, line, at = line, line + token[0].count("\n"), token.end()
        if kind in ("space", "line", "block"):
            continue
        if kind == "unclosed":
            raise _wrong("a string or comment is not closed", source, here)
        if kind == "close":
            if words or depth == 0:
                raise _wrong("a } stands where none belongs", source, here)
            depth -= 1
        elif kind in ("open", "end"):
            if not words:
                raise _wrong("a statement has no keyword", source, here)
            yield _Statement(depth, words[0], words[1] if len(words) > 1 else "", started)
            words, joins = [], False
            depth += kind == "open"
            if depth > _DEEPEST:
                raise _wrong(f"statements are nested deeper than {_DEEPEST}", source, here)
        elif kind == "plain" and token[0] == "+" and len(words) == 2:
            joins = True
        elif joins:
            words[1], joins = words[1] + _unquoted(token[0], kind), False
        elif len(words) == 2:
            raise _wrong(f"a ; or {{ is missing before {token[0][:40]!r}", source, here)
        else:
            started = here if not words else started
            words.append(_unquoted(token[0], kind))
    if depth or words or at < len(text):
        raise _wrong("the text ends in the middle of a statement", source, line)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while found := _TOKEN.match(text, at):
        yield found
        at = found.end()


def _unquoted(text: str, kind: str) -> str:
    return text if kind == "plain" else text[1:-1]


def _wrong(message: str, source: str, line: int) -> InputError:
    return InputError.of([Problem(message, path=source, line=line)])
