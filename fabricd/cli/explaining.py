"""fabricctl explain: why a device has a value, who wanted it, where that stands, and who was overruled.

Registered by fabricctl. Asks the daemon one thing and shows the answer, to people or as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

from fabricd.cli.options import Json, OneDevice, RevisionOption, answered
from fabricd.cli.terminal import ExitCode, Terminal, assembled
from fabricd.northbound.v1 import fabricd_pb2 as pb

_LONGEST = 200  # characters of a value; what is longer is a subtree, and `fabricctl show` prints it


def explain(
    context: typer.Context,
    device: OneDevice,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A data path; names may be without their modules.")],
    revision: RevisionOption = 0,
    as_json: Json = False,
) -> int:
    """Tell why a device shall have a value, and who wanted it.

    The intent that won is told with its file and line, and those that it covers.

    Exit code 0: something is desired there; 2: nothing is; 1: an error.

    \b
    Examples:
      fabricctl explain leaf1 /interfaces/interface[name=Ethernet1]/config/mtu
      fabricctl explain leaf1 '/lldp/config' --json
    """
    found = answered(context, lambda client: client.explain(device, path, revision), _tell, as_json=as_json)
    return ExitCode.DONE if found.claims else ExitCode.PENDING


def _tell(terminal: Terminal, found: pb.ExplainResponse) -> None:
    for line in _lines(found):
        terminal.line(line)


def _lines(found: pb.ExplainResponse) -> Iterable[Text]:
    value = _short(found.value_json) if found.value_json else "nothing is desired here"
    yield assembled((found.device, "bold"), f" {found.path}")
    yield assembled("  ", (value, "green" if found.value_json else "dim"), f"  (revision {found.revision})")
    if found.owned:
        yield assembled(("  what is not desired here is deleted from the device", "dim"))
    if found.left_out:
        yield assembled(("  left out: such a device does without it", "yellow"))
    for claim in found.claims:
        where = f"{claim.source}:{claim.line}" if claim.line else claim.source
        by = ", ".join(text for text in (f"{claim.kind} intent", f"priority {claim.priority}", claim.owner) if text)
        won = ("  wins    ", "green") if claim.wins else ("  covered ", "yellow")
        yield assembled(won, (claim.intent, "bold"), f" ({by})", f"  {where}" if where else "")
        said = f"says {_short(claim.value_json)}" + (f", by its {claim.concern}" if claim.concern else "")
        yield assembled(f"          {said}")
        comment = f": {claim.comment}" if claim.comment else ""
        yield assembled((f"          since revision {claim.revision} by {claim.author}{comment}", "dim"))


def _short(value_json: str) -> str:
    text = json.dumps(json.loads(value_json), ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
