"""One probe from beginning to end: experiments in their order, what was tried taken back, the profile written.

Handed to reconcile by the daemon, which holds the device meanwhile. Must not know what any experiment looks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fabricd.errors import DeviceProtocolError, DeviceRefusedError
from fabricd.model.device import Device, NetconfTraits, Profile, Protocol
from fabricd.model.path import Path
from fabricd.model.probe import ProbeOptions, ProbeReport, ProbeStep
from fabricd.schema import ModelSet, Schema, SchemaPool
from fabricd.schema.nodes import Kind
from fabricd.southbound.probe import gnmi_limits, gnmi_speech, gnmi_writing, names, netconf_experiments, scratch
from fabricd.southbound.probe.bench import Bench, Experiment, Needs
from fabricd.southbound.probe.gnmi_ground import GnmiGround
from fabricd.southbound.probe.ground import Ground, NoNetError, Surroundings
from fabricd.southbound.probe.looking import SETTLE, picture_experiment, tell_of_settling
from fabricd.southbound.probe.netconf_ground import NetconfGround
from fabricd.southbound.probe.report import report_of
from fabricd.southbound.probe.schema_work import Work
from fabricd.southbound.probe.traceless import LINE_BROKE, to_the_end

Told = Callable[[ProbeStep], None]
Note = Callable[[str], Awaitable[None]]

_LOCKED = ("running", "candidate")
_PATIENCE = 15.0  # seconds until what was tried is gone from sight, beyond what the device was seen to take


async def probe(
    device: Device,
    options: ProbeOptions,
    *,
    models: ModelSet,
    schemas: SchemaPool,
    known: Sequence[Profile],
    commit: str,
    note: Note,
    told: Told,
) -> ProbeReport:
    """Find out what a device does that nobody else talks to meanwhile, within `options.timeout` seconds.

    `known` are the profiles there are: origins and operations that one of them names are tried here too. `commit` is
    the id under which changes are tried; `note` writes to the journal, and is told before anything is sent that might
    be left behind; `told` hears how far it is. Raises DeviceError, also when time is over: then, and when it is
    cancelled, what was tried is taken back.
    """
    work = Work(schemas, models)
    profile = Profile(
        options.profile or f"{device.name}-probed",
        models=device.profile.models,
        deviations=device.profile.deviations,
        authoritative=device.profile.authoritative,
        protected=device.profile.protected,
        system_entries=device.profile.system_entries,
        timeouts=device.profile.timeouts,
        confirm_within=device.profile.confirm_within,
        netconf=NetconfTraits(handler=device.profile.netconf.handler),
    )
    around = Surroundings(replace(device, profile=profile), note, work, options.deadline, options.write, commit)
    roots, namespaces = await schemas.run(models, _tops)
    try:
        async with asyncio.timeout(options.timeout):
            if device.protocol is Protocol.GNMI:
                return await _over_gnmi(GnmiGround(around), around, options, known, roots, told)
            ground = NetconfGround(around, namespaces)
            return await _over_netconf(ground, around, options, known, roots, told)
    except TimeoutError as error:
        raise DeviceProtocolError(
            f"the probe did not end within {options.timeout:g} s; what it tried was taken back", device=device.name
        ) from error


def _tops(schema: Schema) -> tuple[tuple[Path, ...], dict[str, str]]:
    """The top-level containers of configuration, and XML namespaces."""
    tops = schema.context.nodes.top.values()
    roots = tuple(
        Path.parse(f"/{node.qualified}") for node in tops if node.kind is Kind.CONTAINER and not node.is_state
    )
    return roots, schema.namespaces()


async def _over_gnmi(
    ground: GnmiGround, around: Surroundings, options: ProbeOptions, known: Sequence[Profile], roots: tuple[Path, ...],
    told: Told,
) -> ProbeReport:  # fmt: skip
    ground.roots = roots
    await ground.connect()
    bench: Bench[Any] = Bench(ground, around.work, options, around.device.profile, tuple(known))
    picture = picture_experiment(gnmi_writing.notifications, (34, 35))
    reading: tuple[Experiment[Any], ...] = (*gnmi_speech.EXPERIMENTS, gnmi_writing.NET, *gnmi_limits.EXPERIMENTS)
    writing: tuple[Experiment[Any], ...] = (
        SETTLE,
        *gnmi_writing.EXPERIMENTS,
        *names.EXPERIMENTS,
        picture,
        *gnmi_writing.LAST,
    )
    try:
        await _all(bench, around, gnmi_speech.EXPERIMENTS, reading + writing, told)
        await _begin(bench)
        await _all(bench, around, reading[len(gnmi_speech.EXPERIMENTS) :], reading + writing, told)
        await _all(bench, around, writing, reading + writing, told)
        await gnmi_writing.tell_of_sets(bench)
        return await _reported(bench, around.device)
    finally:
        await to_the_end(ground.close())


async def _over_netconf(
    ground: NetconfGround, around: Surroundings, options: ProbeOptions, known: Sequence[Profile],
    roots: tuple[Path, ...], told: Told,
) -> ProbeReport:  # fmt: skip
    ground.roots = roots
    await ground.connect()
    bench: Bench[Any] = Bench(ground, around.work, options, around.device.profile, tuple(known))
    reading: tuple[Experiment[Any], ...] = netconf_experiments.experiments(around.device)
    writing: tuple[Experiment[Any], ...] = (
        *netconf_experiments.EDITING,
        SETTLE,
        *names.EXPERIMENTS,
        picture_experiment(_not_watched),
    )
    try:
        await _begin(bench)
        await _all(bench, around, reading, reading + writing, told)
        if bench.profile.netconf.lock and ground.has_candidate:
            await ground.lock(*_LOCKED)
        await _all(bench, around, writing, reading + writing, told)
        return await _reported(bench, around.device)
    finally:
        await to_the_end(ground.close())


@asynccontextmanager
async def _not_watched(_: Bench[Any]) -> AsyncIterator[None]:
    yield


async def _begin(bench: Bench[Any]) -> None:
    """The configuration as it is found, and names that it does not have."""
    bench.before = bench.ground.before = await bench.ground.config()
    options = bench.options
    bench.names = scratch.chosen(bench.document, interface=options.interface, instance=options.instance)
    taken = [name for name in (options.interface, options.instance) if name and f'"{name}"'.encode() in bench.before]
    if taken:
        raise DeviceRefusedError(f"{taken[0]} is on the device: name something that is not", tag="taken")


async def _all(
    bench: Bench[Any],
    around: Surroundings,
    some: Sequence[Experiment[Any]],
    every: Sequence[Experiment[Any]],
    told: Told,
) -> None:
    for one in some:
        told(ProbeStep(every.index(one), len(every), one.step))
        if why := _unmet(bench, one.needs):
            bench.open_question(one.name, why, one.quirks)
            continue
        if one.needs is not Needs.READING and not bench.noted:
            await around.note(
                f"a probe tries changes on {', '.join(bench.names.interfaces)} and {bench.names.instance}, under the "
                f"commit id {around.commit} where the device takes back in {around.deadline:g} s what is not confirmed"
            )
            bench.noted = True
        await _asked(bench, one)


async def _asked(bench: Bench[Any], one: Experiment[Any]) -> None:
    for left in reversed(range(2 if one.basis else 1)):
        try:
            await one.run(bench)
        except DeviceRefusedError as error:
            bench.open_question(one.name, error.message, one.quirks)
        except LINE_BROKE as error:
            await bench.ground.recover()
            if left:
                continue
            bench.open_question(one.name, error.message, one.quirks)
        except NoNetError as error:
            bench.open_question(one.name, f"{error.message}; with --write it can be tried", one.quirks)
        else:
            bench.asked.append(one.name)
        return


def _unmet(bench: Bench[Any], needs: Needs) -> str:
    """Why an experiment is not begun."""
    ground: Ground = bench.ground
    if needs is not Needs.READING and ground.hindrance:
        return ground.hindrance
    if needs is Needs.TRYING and not ground.tries:
        return "changes cannot be tried without lasting; with --write they are made and put back"
    if needs is Needs.FORCE and not (ground.has_net or bench.options.write):
        return "the device takes nothing back by itself; with --write changes are made and put back"
    if needs is Needs.WRITING and not bench.options.write:
        return "it shows only when something lasts; with --write it is made and put back"
    return ""


async def _reported(bench: Bench[Any], device: Device) -> ProbeReport:
    tell_of_settling(bench)
    return report_of(bench, device, await _left(bench))


async def _left(bench: Bench[Any]) -> tuple[str, ...]:
    """Where the configuration differs in the end, after the time that the device takes to show a change. When the line
    breaks it is looked at once more: nothing else is lost by that."""
    found: list[str] = []

    async def is_as_before() -> bool:
        found[:] = await bench.work.differences(bench.before, await bench.ground.config())
        return not found

    async def look() -> None:
        await bench.ground.tidy()
        await bench.until(is_as_before, _PATIENCE)

    try:
        await look()
    except LINE_BROKE:
        await bench.ground.recover()
        await look()
    return tuple(found)
