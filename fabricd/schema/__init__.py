"""The only user of libyang: contexts, parsing, validation, differences, payloads. Bytes in, bytes and values out.

Called by plan, reconcile, northbound, the command line and the simulator. Must not know devices, sessions or stores.
"""

from fabricd.schema.context import SchemaFault
from fabricd.schema.device import DeviceTree
from fabricd.schema.drift import Comparison
from fabricd.schema.likeness import Likened, SameSecret
from fabricd.schema.models import Format, ModelSet
from fabricd.schema.names import Names
from fabricd.schema.nodes import Kind, NodeInfo
from fabricd.schema.printing import digest
from fabricd.schema.schema import Schema
from fabricd.schema.tree import Defaults, Tree
from fabricd.schema.workers import SchemaPool

__all__ = [
    "Comparison",
    "Defaults",
    "DeviceTree",
    "Format",
    "Kind",
    "Likened",
    "ModelSet",
    "Names",
    "NodeInfo",
    "SameSecret",
    "Schema",
    "SchemaFault",
    "SchemaPool",
    "Tree",
    "digest",
]
