"""gRPC servers whose certificate is renewed while they run.

Called by northbound and the simulator. Must not know where certificates come from.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import grpc

_SETTLES = 0.1  # seconds; what it waits for takes microseconds on an idle machine


def server_credentials(
    first: grpc.ServerCertificateConfiguration,
    renewed: Callable[[], grpc.ServerCertificateConfiguration | None],
    *,
    require_client_authentication: bool,
) -> grpc.ServerCredentials:
    """Credentials that show `first` until `renewed`, which is asked at every handshake, gives something else than None.

    `renewed` runs on a thread of gRPC's, one call at a time, and must give a configuration only when it differs from
    the last one: each one given holds up the handshakes of others for a tenth of a second.
    """

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        configuration = renewed()
        if configuration is not None:
            # gRPC asks under a lock, but uses the answer after it: what it kept from the last configuration is freed
            # under a handshake that was told None a moment ago, and the process crashes (grpc/grpc issue 36693).
            # Nobody else can pass the lock meanwhile; let those who did make their handshaker.
            time.sleep(_SETTLES)
        return configuration

    # The stub does not know that None means no change.
    return grpc.dynamic_ssl_server_credentials(
        first,
        fetch,  # type: ignore[arg-type]
        require_client_authentication=require_client_authentication,
    )
