"""Devices as spoken to: one Target protocol, a gNMI and a NETCONF adapter, sessions, inventory and profiles.

Used by reconcile through the Target protocol; only the daemon names the adapters. Must not know revisions.
"""
