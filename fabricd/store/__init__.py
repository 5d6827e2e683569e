"""Revisions, intents, device status, journal and open transactions, durable.

Used by reconcile, northbound and the daemon. The only user of SQLAlchemy; must not know devices or gRPC.
"""
