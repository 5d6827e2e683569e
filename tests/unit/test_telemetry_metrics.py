"""Metrics as Prometheus reads them, over real HTTP."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fabricd import __version__
from fabricd.errors import InputError
from fabricd.model.outcome import DeviceStatus, Event, JournalRecord, OutcomeKind, Trigger
from fabricd.telemetry import Metrics, MetricsServer, start_metrics_server

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(clock=lambda: NOON)


@pytest.fixture
def server(metrics: Metrics) -> Iterator[MetricsServer]:
    started = start_metrics_server(metrics, port=0)
    yield started
    started.close()


def scrape(server: MetricsServer) -> dict[Sample, float]:
    with urllib.request.urlopen(f"http://{server.host}:{server.port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: dict[Sample, float], name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


async def test_a_scrape_shows_what_the_daemon_did(metrics: Metrics, server: MetricsServer) -> None:
    metrics.devices([DeviceStatus("leaf1"), DeviceStatus("leaf2"), DeviceStatus("leaf3", OutcomeKind.IN_SYNC)])
    metrics.reconciled(DeviceStatus("leaf1", OutcomeKind.IN_SYNC), Trigger.SCHEDULE, [("fetch", 0.03), ("total", 0.2)])
    metrics.reconciled(DeviceStatus("leaf2", OutcomeKind.DRIFTED, drift=4), Trigger.CHANGE)
    metrics.reconciled(DeviceStatus("leaf2", OutcomeKind.DRIFTED, drift=3), Trigger.CHANGE)
    metrics.southbound_error("leaf1", "DEVICE_TIMEOUT")
    metrics.queue_depth(7)
    metrics.journal_sequence(99)
    metrics.revision(5, NOON - timedelta(seconds=90))
    found = await asyncio.to_thread(scrape, server)
    assert value(found, "fabricd_devices", outcome="in-sync") == 2
    assert value(found, "fabricd_devices", outcome="drifted") == 1
    assert value(found, "fabricd_devices", outcome="unknown") == 0
    assert value(found, "fabricd_devices", outcome="failed") == 0
    assert value(found, "fabricd_drift_edits", device="leaf2") == 3
    assert value(found, "fabricd_reconciles_total", outcome="drifted", trigger="change") == 2
    assert value(found, "fabricd_reconciles_total", outcome="in-sync", trigger="schedule") == 1
    assert value(found, "fabricd_reconcile_duration_seconds_bucket", phase="fetch", le="0.05") == 1
    assert value(found, "fabricd_reconcile_duration_seconds_bucket", phase="fetch", le="0.02") == 0
    assert value(found, "fabricd_reconcile_duration_seconds_sum", phase="total") == 0.2
    assert value(found, "fabricd_southbound_errors_total", device="leaf1", code="DEVICE_TIMEOUT") == 1
    assert value(found, "fabricd_queue_depth") == 7
    assert value(found, "fabricd_journal_sequence") == 99
    assert value(found, "fabricd_revision") == 5
    assert value(found, "fabricd_revision_age_seconds") == 90
    assert [dict(labels)["version"] for name, labels in found if name == "fabricd_build_info"] == [__version__]
    assert value(found, "process_resident_memory_bytes")


async def test_before_the_first_revision_there_is_no_age(metrics: Metrics, server: MetricsServer) -> None:
    metrics.revision(0, None)
    found = await asyncio.to_thread(scrape, server)
    assert (value(found, "fabricd_revision"), value(found, "fabricd_revision_age_seconds")) == (0, 0)


async def test_a_device_that_left_the_inventory_is_not_shown(metrics: Metrics, server: MetricsServer) -> None:
    metrics.devices([DeviceStatus("leaf1", OutcomeKind.FAILED), DeviceStatus("leaf2", OutcomeKind.FAILED)])
    metrics.devices([DeviceStatus("leaf2", OutcomeKind.FAILED)])
    metrics.forget("leaf9")
    found = await asyncio.to_thread(scrape, server)
    assert value(found, "fabricd_devices", outcome="failed") == 1
    assert value(found, "fabricd_drift_edits", device="leaf1") is None


def test_the_journal_alone_keeps_revision_and_sequence_current(metrics: Metrics) -> None:
    metrics.written(JournalRecord(NOON - timedelta(seconds=30), Event.REVISION, revision=8, sequence=40))
    metrics.written(JournalRecord(NOON, Event.RECONCILE, revision=7, sequence=41))
    found = {name: metrics.registry.get_sample_value(f"fabricd_{name}") for name in _JOURNAL_METRICS}
    assert found == {"revision": 8, "revision_age_seconds": 30, "journal_sequence": 41}


_JOURNAL_METRICS = ("revision", "revision_age_seconds", "journal_sequence")


def test_two_daemons_in_one_process_do_not_share_numbers(metrics: Metrics) -> None:
    other = Metrics()
    metrics.queue_depth(1)
    assert other.registry.get_sample_value("fabricd_queue_depth") == 0


def test_an_address_in_use_is_refused_and_free_again_after_close(metrics: Metrics) -> None:
    first = start_metrics_server(metrics, port=0)
    with pytest.raises(InputError, match=rf"cannot serve metrics on 127.0.0.1:{first.port}"):
        start_metrics_server(metrics, port=first.port)
    first.close()
    first.close()
    start_metrics_server(metrics, port=first.port).close()
