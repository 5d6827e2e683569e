"""Who calls, and what they may: roles by client certificate, or by the right to open the unix socket.

Asked by the gate before a request is even parsed. Knows nothing of what the methods do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from fabricd.errors import PermissionDeniedError
from fabricd.northbound.failures import UnauthenticatedError
from fabricd.settings import Role

_RANK: Mapping[Role, int] = {"viewer": 0, "operator": 1, "admin": 2}

_FABRICD = "/fabricd.v1.Fabricd/"
_NEEDED: Mapping[str, Role] = {
    **{
        _FABRICD + name: "viewer"
        for name in (
            "ListRevisions",
            "GetRevision",
            "Diff",
            "Status",
            "Plan",
            "GetDesired",
            "Explain",
            "Watch",
            "ListModels",
            "CheckModels",
            "Operational",
            "Cabling",
            "Applied",
        )
    },
    **{_FABRICD + name: "operator" for name in ("Submit", "Rollback", "Reconcile", "SetMode")},
    "/grpc.health.v1.Health/Check": "viewer",
    "/grpc.health.v1.Health/List": "viewer",
    "/grpc.health.v1.Health/Watch": "viewer",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "viewer",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "viewer",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """`verified` tells whether a certificate proved the name, or the caller merely said it."""

    name: str
    role: Role
    verified: bool

    @property
    def author(self) -> str:
        """The name as revisions and the journal carry it: what was only claimed says so."""
        return self.name if self.verified else f"{self.name} (claimed)" if self.name else "unix socket"


caller: ContextVar[Caller] = ContextVar("caller")
"""The caller of the RPC that the running task serves. Set by the gate."""


def needed_role(method: str) -> Role:
    """The least role that may call the method (`/package.Service/Method`). What is not listed is for admins."""
    return _NEEDED.get(method, "admin")


def identify(
    peer: str,
    security: Mapping[str, Iterable[bytes]],
    claimed: str,
    *,
    roles: Mapping[str, Role],
    insecure: bool,
) -> Caller:
    """The caller behind a connection. `peer` and `security` come from the transport, `claimed` from the caller.

    Raises UnauthenticatedError without a certificate where one is needed, PermissionDeniedError for one without a role.
    """
    if b"ssl" in security.get("transport_security_type", ()):
        return _by_certificate(security, roles)
    # Who may open the socket is the file system's decision (unix_mode).
    if peer.startswith("unix:") or insecure:
        return Caller(_printable(claimed), "admin", verified=False)
    raise UnauthenticatedError("a client certificate is needed")


def authorize(who: Caller, method: str) -> None:
    """Raises PermissionDeniedError unless the caller's role allows the method."""
    needed = needed_role(method)
    if _RANK[who.role] < _RANK[needed]:
        raise PermissionDeniedError(f"{method.rpartition('/')[2]} needs the role {needed}; {who.name} is a {who.role}")


def _by_certificate(security: Mapping[str, Iterable[bytes]], roles: Mapping[str, Role]) -> Caller:
    names = [
        name.decode("utf-8", "replace")
        for key in ("x509_common_name", "x509_subject_alternative_name")
        for name in security.get(key, ())
    ]
    if not names:
        raise UnauthenticatedError("the client certificate carries no name")
    known = [name for name in names if name in roles]
    if not known:
        raise PermissionDeniedError(f"the certificate of {_printable(names[0])} has no role here")
    best = max(known, key=lambda name: _RANK[roles[name]])
    return Caller(best, roles[best], verified=True)


def _printable(name: str) -> str:
    return "".join(char for char in name if char.isprintable())[:64]
