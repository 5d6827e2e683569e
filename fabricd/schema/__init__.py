"""OpenConfig trees by libyang: read, validate, compare, change, print. Bytes in, bytes and values out.

Used by intent, plan, reconcile and the simulator. The only user of libyang; must not know devices.
"""
