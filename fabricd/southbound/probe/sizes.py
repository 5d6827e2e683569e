"""Sizes of messages that are tried, the same over both protocols.

Used by the experiments about limits. Knows no protocol.
"""

LIMITS = (4 << 20, 1 << 20, 256 << 10)
"""Limits in bytes that servers have, the one that most have first. Smaller ones are tried while larger ones hold."""

MARGIN = 32 << 10
"""So much above a limit has to be refused where it holds."""
