"""The gNMI server of a simulated switch (gNMI specification 0.10).

Made by the switch, from `server`. Knows nothing of NETCONF.
"""
