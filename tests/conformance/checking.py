"""What every client script does: its checks one by one, each on a session of its own, and a JSON line for each.

Used by the scripts in the clients' processes. Knows no client, no protocol and nothing of fabricd.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

C = TypeVar("C")
SECONDS = 120  # for one check; clients wait less for an answer
Check = Callable[[C, int], None]
"""A client and the number of the check, from which it makes names that no other check uses."""


class NotOfferedError(Exception):
    """The client has no way to ask for this."""


class RefusedError(Exception):
    """The switch said no; `code` is the error-tag or the gRPC status."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def where() -> dict[str, Any]:
    """Where the switch is and how to log in, as run.py hands it over."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def refused(code: str | Iterable[str], ask: Callable[[], object]) -> None:
    """Fails unless the switch refuses with this code, or one of these."""
    allowed = {code} if isinstance(code, str) else set(code)
    try:
        ask()
    except RefusedError as error:
        if error.code not in allowed:
            raise AssertionError(f"refused with {error.code}, expected {' or '.join(sorted(allowed))}") from error
        return
    raise AssertionError("was not refused")


def run(
    checks: Mapping[str, Check[C]],
    connect: Callable[[], AbstractContextManager[C]],
    limits: Mapping[str, str],
    restore: Check[C] | None = None,
) -> None:
    """Carry the checks out, then end the process. `limits` are what the client itself cannot do, by check: not tried,
    and told as such. A client that waits for ever is interrupted, threads it leaves behind are not waited for. After a
    check that failed `restore` is done on a session of its own, so that no other fails for it."""
    signal.signal(signal.SIGALRM, _interrupt)
    for number, (name, check) in enumerate(checks.items(), 10):
        told: dict[str, str] = {"check": name}
        if name in limits:
            told["limit"] = limits[name]
        else:
            try:
                signal.alarm(SECONDS)
                with connect() as client:
                    check(client, number)
                told["ok"] = "yes"
            except NotOfferedError as error:
                told["limit"] = str(error) or "the client has no call for it"
            except Exception as error:  # noqa: BLE001 whatever a client raises is a check that failed
                told["failed"] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
                if restore is not None:
                    signal.alarm(SECONDS)
                    with suppress(Exception), connect() as client:
                        restore(client, number)
            finally:
                signal.alarm(0)
        print(json.dumps(told), flush=True)
    os._exit(0)


def _interrupt(*_: object) -> None:
    raise TimeoutError(f"not done within {SECONDS} s")
