"""Fabrics made by programs: typed bindings of the model fabricd-fabric, and a few lines around them.

Used by other people's programs (pip install fabricd[sdk]) and by config/examples/sdk. Must not know the daemon's rooms.
"""

from fabricd.sdk.fabric import FabricDocument

__all__ = ["FabricDocument"]
