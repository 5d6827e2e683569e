"""Names of the gRPC metadata that client and server exchange.

Used by both. Imports nothing, so that a command line starts quickly.
"""

from __future__ import annotations

AUTHOR_KEY = "fabricd-author"
"""By which a caller on the unix socket says who it is."""
DETAIL_LIMIT_KEY = "fabricd-detail-bytes"
"""By which a caller says how many bytes of error details it takes (its own grpc.max_metadata_size allowing)."""
DETAILS_KEY = "grpc-status-details-bin"
"""Where gRPC implementations put a google.rpc.Status."""
