"""Frozen values that the rooms hand to each other: path, edit, plan, intent, revision, outcome.

Used by every room but errors. Does no I/O and knows no library.
"""
