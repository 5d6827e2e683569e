"""The loop that brings every device to its desired tree, and what puts devices on its queue.

Used by northbound and started by the daemon. Must not know a concrete adapter.
"""
