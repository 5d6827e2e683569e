"""The fabricd and fabricctl commands.

Entry points. Must hold no logic that another program could want.
"""

import os

# gRPC's C core writes lines of its own to standard error, in the middle of JSON lines and tables. What matters of them
# comes back as errors of the calls. It reads this once, when grpc is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
