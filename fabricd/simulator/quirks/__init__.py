"""The ways in which a simulated switch differs from the specifications: as data, and what they do to writes and reads.

Named by simulation files and kinds; `behaviour` is what the datastore of a switch asks. Knows neither protocol.
"""

from fabricd.simulator.quirks.declaration import Quirks

__all__ = ["Quirks"]
