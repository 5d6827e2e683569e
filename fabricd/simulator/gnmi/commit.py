"""The Commit extension of a gNMI Set, carried out on the datastore (gNMI commit confirmed extension, section 3.2).

Called by the gNMI server. The pending commit itself is the datastore's, whichever protocol began it.
"""

from __future__ import annotations

import grpc
from google.protobuf.duration_pb2 import Duration

from fabricd.gnmi_extensions.gnmi_extensions_pb2 import Commit
from fabricd.simulator.confirmed import CommitError, CommitFault, Confirm
from fabricd.simulator.datastore import Datastore
from fabricd.simulator.faults import Rpc
from fabricd.simulator.gnmi.paths import GnmiError

DEFAULT_SECONDS = 600.0
STATUS = {
    CommitFault.PENDING: grpc.StatusCode.FAILED_PRECONDITION,
    CommitFault.NONE: grpc.StatusCode.FAILED_PRECONDITION,
    CommitFault.WRONG_ID: grpc.StatusCode.INVALID_ARGUMENT,
}
_RPCS = {"commit": Rpc.COMMIT, "confirm": Rpc.CONFIRM, "cancel": Rpc.CANCEL}


def rpc_of(commit: Commit | None) -> Rpc:
    """What a Set with this extension is for, beside what it sets."""
    return Rpc.SET if commit is None else _RPCS.get(str(commit.WhichOneof("action")), Rpc.SET)


def confirm_of(commit: Commit, *, changes: bool) -> Confirm | None:
    """How the change of this Set is to be confirmed; None when the Set is about a commit that is pending already.
    `changes`: there is something to set.

    Raises GnmiError INVALID_ARGUMENT for a missing id, action or duration, and for a change where there can be none.
    """
    action = commit.WhichOneof("action")
    if not commit.id:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "the Commit extension has no id")
    if action is None:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "the Commit extension has no action")
    if action == "commit":
        given = commit.commit.HasField("rollback_duration")
        seconds = _seconds(commit.commit.rollback_duration) if given else DEFAULT_SECONDS
        return Confirm(seconds, id=commit.id)
    if changes:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, f"a commit cannot be amended by a Set that is to {action}")
    return None


async def carry_out(datastore: Datastore, commit: Commit) -> None:
    """Confirm, cancel or prolong the pending commit. Raises CommitError, and GnmiError for a duration that is none."""
    match commit.WhichOneof("action"):
        case "confirm":
            await datastore.confirm(commit.id)
        case "cancel":
            await datastore.cancel(commit.id)
        case _:
            pending = datastore.pending
            if pending is None:
                raise CommitError(CommitFault.NONE)
            datastore.prolong(commit.id, _seconds(commit.set_rollback_duration.rollback_duration))


def _seconds(duration: Duration) -> float:
    seconds = float(duration.seconds + duration.nanos / 1e9)
    if seconds <= 0:
        raise GnmiError(grpc.StatusCode.INVALID_ARGUMENT, "the rollback duration has to be above 0")
    return seconds
