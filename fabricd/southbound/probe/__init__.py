"""The probe: finding out by experiment how one device differs from the specifications, and leaving no trace on it.

`probe` is handed to reconcile by the daemon. Knows both adapters' wires, since Target hides what is looked for here.
"""

from fabricd.southbound.probe.run import probe

__all__ = ["probe"]
