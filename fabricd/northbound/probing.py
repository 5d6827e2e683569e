"""The RPC that probes a device. A part of the fabricd.v1 servicer.

Turns a request into options and what is found into messages. Decides nothing itself.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc.aio

from fabricd.errors import InputError
from fabricd.model.probe import ProbeOptions, ProbeReport
from fabricd.northbound.access import caller
from fabricd.northbound.convert import mirrored
from fabricd.northbound.v1 import fabricd_pb2 as pb
from fabricd.reconcile.probing import Probes

Context = grpc.aio.ServicerContext[Any, Any]

_LONGEST_NAME = 63
_USUAL = ProbeOptions()
_SECONDS = {"timeout": (10.0, 3600.0), "deadline": (5.0, 600.0), "patience": (1.0, 600.0)}


class ProbeMethods:
    """Mixed into the servicer. `_probes` is set by it."""

    _probes: Probes

    async def Probe(  # noqa: N802
        self, request: pb.ProbeRequest, context: Context
    ) -> AsyncGenerator[pb.ProbeProgress, None]:
        total = 0
        probing = self._probes.probe(request.device, _options(request), author=caller.get().author)
        async with aclosing(probing):
            async for one in probing:
                if isinstance(one, ProbeReport):
                    yield pb.ProbeProgress(done=total, total=total, step="done", result=_result(one))
                else:
                    total = one.total
                    yield pb.ProbeProgress(done=one.done, total=total, step=one.step)


def _options(request: pb.ProbeRequest) -> ProbeOptions:
    """Raises InputError for names that are none, and times out of range."""
    for name in ("interface", "instance", "profile"):
        text = getattr(request, name)
        if len(text) > _LONGEST_NAME or not text.isprintable():
            raise InputError(f"{name} is no name of at most {_LONGEST_NAME} printable characters")
    seconds = {name: getattr(request, name) or getattr(_USUAL, name) for name in _SECONDS}
    for name, value in seconds.items():
        least, most = _SECONDS[name]
        if not math.isfinite(value) or not least <= value <= most:
            raise InputError(f"{name} is none of {least:g} to {most:g} seconds")
    return ProbeOptions(
        write=request.write,
        interface=request.interface,
        instance=request.instance,
        profile=request.profile,
        **seconds,
    )


def _result(report: ProbeReport) -> pb.ProbeResult:
    return pb.ProbeResult(
        device=report.device,
        protocol=report.protocol,
        findings=[mirrored(pb.ProbeFinding, one) for one in report.findings],
        undecided=[mirrored(pb.ProbeUndecided, one) for one in report.undecided],
        asked=report.asked,
        profile_toml=report.profile,
        left=report.left,
    )
