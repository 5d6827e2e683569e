"""From what users submit to one desired tree per device.

Used by reconcile/submission. Pure: does no I/O, knows no device.
"""
