"""Revisions, intents, device status, journal and open transactions, durable.

Used by reconcile, northbound and the daemon. The only user of SQLAlchemy; must not know devices or gRPC.
"""

from fabricd.store.store import Store
from fabricd.store.values import DesiredHead, NewRevision, Request

__all__ = ["DesiredHead", "NewRevision", "Request", "Store"]
