"""Who may call what: every method times every role, and what makes a caller."""

from __future__ import annotations

import pytest

from fabricd.errors import PermissionDeniedError
from fabricd.northbound.access import Caller, authorize, identify, needed_role
from fabricd.northbound.failures import UnauthenticatedError
from fabricd.northbound.v1 import fabricd_pb2
from fabricd.settings import Role

ROLES: dict[str, Role] = {"grafana": "viewer", "ci.example.net": "operator", "root": "admin"}
METHODS = [method.name for method in fabricd_pb2.DESCRIPTOR.services_by_name["Fabricd"].methods]
CHANGES = {"Submit", "Rollback", "Reconcile", "SetMode"}
FOR_ADMINS = {"InstallModels", "FetchModels", "RemoveModels", "Probe"}


def tls(**names: list[bytes]) -> dict[str, list[bytes]]:
    return {"transport_security_type": [b"ssl"], **names}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_viewers_read_operators_change_and_admins_install(method: str, role: Role) -> None:
    who = Caller("someone", role, verified=True)
    if role != "admin" and method in FOR_ADMINS:
        with pytest.raises(PermissionDeniedError, match=rf"needs the role admin; someone is a {role}"):
            authorize(who, f"/fabricd.v1.Fabricd/{method}")
    elif role == "viewer" and method in CHANGES:
        with pytest.raises(PermissionDeniedError, match=r"needs the role operator; someone is a viewer"):
            authorize(who, f"/fabricd.v1.Fabricd/{method}")
    else:
        authorize(who, f"/fabricd.v1.Fabricd/{method}")


def test_a_method_nobody_listed_is_for_admins() -> None:
    assert needed_role("/fabricd.v1.Fabricd/FormatEverything") == "admin"
    with pytest.raises(PermissionDeniedError):
        authorize(Caller("ci", "operator", verified=True), "/fabricd.v1.Fabricd/FormatEverything")


def test_the_role_comes_by_common_name_or_alternative_name_and_the_higher_one_counts() -> None:
    who = identify("ipv4:1.2.3.4:5", tls(x509_common_name=[b"grafana"]), "", roles=ROLES, insecure=False)
    assert who == Caller("grafana", "viewer", verified=True)
    names = tls(x509_common_name=[b"grafana"], x509_subject_alternative_name=[b"other", b"ci.example.net"])
    assert identify("ipv4:1.2.3.4:5", names, "", roles=ROLES, insecure=False).role == "operator"


def test_a_certificate_without_a_role_gets_nothing_whatever_it_claims() -> None:
    with pytest.raises(PermissionDeniedError, match="mallory has no role"):
        identify("ipv4:1.2.3.4:5", tls(x509_common_name=[b"mallory"]), "root", roles=ROLES, insecure=False)
    with pytest.raises(UnauthenticatedError):
        identify("ipv4:1.2.3.4:5", tls(), "root", roles=ROLES, insecure=False)


def test_tcp_without_a_certificate_is_nobody_unless_switched_off_by_name() -> None:
    with pytest.raises(UnauthenticatedError):
        identify("ipv4:127.0.0.1:5", {}, "root", roles=ROLES, insecure=False)
    assert identify("ipv4:127.0.0.1:5", {}, "alice", roles=ROLES, insecure=True).role == "admin"


def test_a_claimed_name_says_so_and_cannot_hide_anything() -> None:
    who = identify("unix:", {}, "alice\x1b[2J\n", roles=ROLES, insecure=False)
    assert (who.role, who.author) == ("admin", "alice[2J (claimed)")
    assert identify("unix:", {}, "", roles=ROLES, insecure=False).author == "unix socket"
