"""NETCONF errors (RFC 6241 section 4.3 and appendix A) and how they are written.

Raised by the NETCONF files of the simulator, written by the session. Knows no data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from fabricd.errors import FabricdError, InputError, Problem
from fabricd.model.path import Path
from fabricd.simulator.confirmed import CommitError, CommitFault
from fabricd.simulator.datastore import LockedError
from fabricd.simulator.faults import RefusedError
from fabricd.simulator.tree import Fault, TreeError

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"


class RpcError(FabricdError):
    """One <rpc-error>. `path` is a data path; `info` the content of error-info by element name; `warning`: the request
    was carried out all the same."""

    def __init__(
        self,
        tag: str,
        message: str,
        *,
        kind: str = "application",
        path: str = "",
        info: Mapping[str, str] | None = None,
        app_tag: str = "",
        warning: bool = False,
    ) -> None:
        super().__init__(message, path=path)
        self.tag = tag
        self.kind = kind
        self.info = info or {}
        self.app_tag = app_tag
        self.warning = warning


class SeveralError(FabricdError):
    """Several of them in one reply."""

    code = "INVALID_INPUT"

    def __init__(self, errors: Sequence[RpcError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


def unknown(path: str, name: str) -> RpcError:
    """An element nobody knows."""
    return RpcError("unknown-element", f"unknown element {name}", path=path, info={"bad-element": name})


def missing(name: str, *, path: str = "", kind: str = "protocol") -> RpcError:
    """An element that has to be there."""
    return RpcError("missing-element", f"element {name} is missing", kind=kind, path=path, info={"bad-element": name})


_TAGS = {
    Fault.UNKNOWN: "unknown-element",
    Fault.READ_ONLY: "invalid-value",
    Fault.SHAPE: "invalid-value",
    Fault.KEY: "missing-element",
    Fault.MISSING: "data-missing",
    Fault.EXISTS: "data-exists",
}

_OF_RULES = {"instance-required": "data-missing", "missing-choice": "data-missing"}
"""Of a broken rule of the models, where it is none of the usual tags (RFC 7950 section 15)."""


def errors_of(error: FabricdError, *, whole: bool = False) -> Sequence[RpcError]:
    """What to tell the client. `whole`: the configuration as a whole does not validate, rather than one value."""
    match error:
        case RpcError():
            return [error]
        case SeveralError():
            return error.errors
        case CommitError():
            return [_commit_error(error)]
        case LockedError():
            return [RpcError("in-use", error.message, info={"session-id": str(error.holder)} if error.holder else {})]
        case TreeError():
            return [RpcError(_TAGS[error.fault], error.message, path=error.path)]
        case InputError():
            return [_problem(problem, whole=whole) for problem in error.problems]
        case RefusedError():
            return [RpcError("operation-failed", error.message)]
        case _:
            return [RpcError("operation-failed", str(error))]


def _problem(problem: Problem, *, whole: bool) -> RpcError:
    tag = "operation-failed" if whole else "invalid-value"
    return RpcError(_OF_RULES.get(problem.rule, tag), problem.message, path=problem.path, app_tag=problem.rule)


def _commit_error(error: CommitError) -> RpcError:
    if error.fault is CommitFault.PENDING:
        return RpcError("in-use", error.message, info={"session-id": str(error.holder)} if error.holder else {})
    if error.fault is CommitFault.WRONG_ID:
        return RpcError("invalid-value", error.message, kind="protocol", info={"bad-element": "persist-id"})
    return RpcError("operation-failed", error.message, kind="protocol")


def written(error: RpcError, namespaces: Mapping[str, str]) -> str:
    """The element, in the base namespace as default. `namespaces` by module name, for the error-path."""
    parts = [
        "<rpc-error>",
        f"<error-type>{error.kind}</error-type><error-tag>{error.tag}</error-tag>",
        f"<error-severity>{'warning' if error.warning else 'error'}</error-severity>",
    ]
    if error.app_tag:
        parts.append(f"<error-app-tag>{escape(error.app_tag)}</error-app-tag>")
    if error.path:
        parts.append(_error_path(error.path, namespaces))
    if error.message:
        parts.append(f'<error-message xml:lang="en">{escape(error.message)}</error-message>')
    if error.info:
        info = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in error.info.items())
        parts.append(f"<error-info>{info}</error-info>")
    parts.append("</rpc-error>")
    return "".join(parts)


def _error_path(text: str, namespaces: Mapping[str, str]) -> str:
    """An absolute path whose every name has its module's name as prefix (RFC 7950 section 9.13)."""
    try:
        path = Path.parse(text)
    except InputError:
        return f"<error-path>{escape(text)}</error-path>"
    module, used, steps = "", {}, []
    for segment in path.segments:
        module = segment.module or module
        prefix = f"{module}:" if module in namespaces else ""
        if prefix:
            used[module] = namespaces[module]
        predicates = "".join(f"[{prefix}{name}={_literal(value)}]" for name, value in segment.keys)
        if segment.value is not None:
            predicates += f"[.={_literal(segment.value)}]"
        steps.append(f"/{prefix}{segment.name}{predicates}")
    declared = "".join(f" xmlns:{name}={quoteattr(namespace)}" for name, namespace in used.items())
    return f"<error-path{declared}>{escape(''.join(steps))}</error-path>"


def _literal(value: str) -> str:
    return f'"{value}"' if "'" in value else f"'{value}'"
