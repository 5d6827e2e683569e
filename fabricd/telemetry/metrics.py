"""What Prometheus sees of the daemon.

Fed by reconcile, northbound and the daemon through typed methods. Holds numbers only, in a registry of its own.
"""

from __future__ import annotations

import platform
import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from fabricd import __version__
from fabricd.errors import InputError
from fabricd.model.outcome import DeviceStatus, Event, JournalRecord, OutcomeKind, Trigger

# From a digest comparison on a fast link to a commit on a slow switch.
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120)
_NEVER_RECONCILED = "unknown"


def _now() -> datetime:
    return datetime.now(UTC)


class Metrics:
    """All metrics of one daemon. The methods are called on its event loop; a scrape reads from another thread."""

    def __init__(self, *, clock: Callable[[], datetime] = _now) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._clock = clock
        self._outcomes: dict[str, str] = {}
        self._created: datetime | None = None
        self._devices = Gauge(
            "fabricd_devices", "Devices by the outcome of their last reconcile.", ["outcome"], registry=registry
        )
        self._drift = Gauge(
            "fabricd_drift_edits", "Edits that were found necessary and not made.", ["device"], registry=registry
        )
        self._duration = Histogram(
            "fabricd_reconcile_duration_seconds",
            "Time of one reconcile of one device, by phase (fetch, plan, apply, verify, total).",
            ["phase"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._reconciles = Counter(
            "fabricd_reconciles_total", "Reconciles that ended.", ["outcome", "trigger"], registry=registry
        )
        self._queue = Gauge("fabricd_queue_depth", "Devices waiting to be reconciled.", registry=registry)
        self._errors = Counter(
            "fabricd_southbound_errors_total", "Errors in talking to a device.", ["device", "code"], registry=registry
        )
        self._revision = Gauge(
            "fabricd_revision", "Number of the current revision, 0 before the first.", registry=registry
        )
        self._age = Gauge("fabricd_revision_age_seconds", "Age of the current revision.", registry=registry)
        self._age.set_function(self._revision_age)
        self._sequence = Gauge("fabricd_journal_sequence", "Number of the newest journal record.", registry=registry)
        self._cables = Gauge(
            "fabricd_cables", "Cables of the fabrics by what LLDP says of them.", ["verdict"], registry=registry
        )
        build = Info("fabricd_build", "What is running.", registry=registry)
        build.info({"version": __version__, "python": platform.python_version()})
        self._count_devices()

    def devices(self, statuses: Iterable[DeviceStatus]) -> None:
        """Sets the devices there are, as when the daemon starts or its inventory changes; others are forgotten."""
        found = list(statuses)
        for device in self._outcomes.keys() - {status.device for status in found}:
            self.forget(device)
        for status in found:
            self._show(status)
        self._count_devices()

    def reconciled(
        self, status: DeviceStatus, trigger: Trigger | None, durations: Iterable[tuple[str, float]] = ()
    ) -> None:
        """One reconcile ended with `status`. `durations` are seconds by phase."""
        self._show(status)
        self._count_devices()
        self._reconciles.labels(self._outcomes[status.device], str(trigger or "")).inc()
        for phase, seconds in durations:
            self._duration.labels(phase).observe(seconds)

    def forget(self, device: str) -> None:
        """The device is no longer in the inventory."""
        if self._outcomes.pop(device, None) is not None:
            self._drift.remove(device)
            self._count_devices()

    def southbound_error(self, device: str, code: str) -> None:
        """`code` is the stable code of fabricd's error."""
        self._errors.labels(device, code).inc()

    def cables(self, verdicts: Mapping[str, int] | None) -> None:
        """How many cables there are of each verdict (all of intent.fabric.cabling.Verdict); None: nobody looks."""
        if verdicts is None:
            self._cables.clear()
        for verdict, count in (verdicts or {}).items():
            self._cables.labels(verdict).set(count)

    def queue_depth(self, devices: int) -> None:
        self._queue.set(devices)

    def revision(self, number: int, created: datetime | None) -> None:
        """A revision became current; 0 and None before the first."""
        self._created = created
        self._revision.set(number)

    def written(self, record: JournalRecord) -> None:
        """A journal record was written: its number, and for a new revision that and its time."""
        self._sequence.set(record.sequence)
        if record.event is Event.REVISION:
            self._created = record.time
            self._revision.set(record.revision)

    def journal_sequence(self, sequence: int) -> None:
        self._sequence.set(sequence)

    def _show(self, status: DeviceStatus) -> None:
        self._outcomes[status.device] = str(status.outcome or _NEVER_RECONCILED)
        self._drift.labels(status.device).set(status.drift)

    def _count_devices(self) -> None:
        tally = Tally(self._outcomes.values())
        for outcome in (*OutcomeKind, _NEVER_RECONCILED):
            self._devices.labels(str(outcome)).set(tally[str(outcome)])

    def _revision_age(self) -> float:
        return max(0.0, (self._clock() - self._created).total_seconds()) if self._created else 0.0


class MetricsServer:
    """Serves the metrics over HTTP from a thread of its own until `close`."""

    def __init__(self, server: WSGIServer, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread
        self.host = str(server.server_address[0])
        self.port = server.server_port

    def close(self) -> None:
        """Takes up to half a second. May be called twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def start_metrics_server(metrics: Metrics, host: str = "127.0.0.1", port: int = 9639) -> MetricsServer:
    """Port 0 takes a free one. Raises InputError when the address cannot be had."""
    try:
        server, thread = start_http_server(port, addr=host, registry=metrics.registry)
    except OSError as error:
        raise InputError(f"cannot serve metrics on {host}:{port}: {error.strerror or error}") from error
    return MetricsServer(server, thread)
