"""Switches that speak gNMI and NETCONF over the wire, with one validated datastore behind both.

Started by the fabricd simulate command and by tests. Knows nothing of the daemon.
"""
