"""The reconcile log, metrics and what systemd is told.

Fed by reconcile, set up by the daemon. Must not decide anything.
"""

from fabricd.telemetry.log import device_logger, log_journal, setup_logging
from fabricd.telemetry.metrics import Metrics, MetricsServer, start_metrics_server
from fabricd.telemetry.notify import ServiceNotifier
from fabricd.telemetry.records import journal_json, sentence

__all__ = [
    "Metrics",
    "MetricsServer",
    "ServiceNotifier",
    "device_logger",
    "journal_json",
    "log_journal",
    "sentence",
    "setup_logging",
    "start_metrics_server",
]
