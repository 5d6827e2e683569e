"""The NETCONF server of a simulated switch (RFC 6241, RFC 6242).

Made by the switch, from `server`. Knows nothing of gNMI.
"""
