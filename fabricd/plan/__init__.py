"""From the differences of one device to an ordered plan with disruption classes.

Used by reconcile inside a schema worker. Pure: does no I/O, knows no adapter and no store.
"""
