"""The NETCONF adapter: devices read and written with ncclient's operations over an asyncssh transport.

`connect` is handed to Sessions by the daemon. Must not know schemas: replies stay the bytes the device sent.
"""

from fabricd.southbound.netconf.adapter import NetconfTarget, connect
from fabricd.southbound.netconf.notifications import OwnSessions

__all__ = ["NetconfTarget", "OwnSessions", "connect"]
