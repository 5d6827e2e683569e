"""The fabric compiler: from switches, cabling, networks and paths to an OpenConfig tree per device.

Used by reconcile/submission and by fabricctl offline. Pure: no I/O, no adapter, no store, libyang only by schema.
"""
