"""The gNMI adapter: devices read and written over grpc.aio with pygnmi's generated messages.

`connect` is handed to Sessions by the daemon. Must not know schemas: values stay the bytes the device sent.
"""

from fabricd.southbound.gnmi.adapter import GnmiTarget, connect

__all__ = ["GnmiTarget", "connect"]
