"""The reconcile log, metrics and what systemd is told.

Fed by reconcile, set up by the daemon. Must not decide anything.
"""
