"""fabricd: a daemon that owns the configuration of a data-centre fabric."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fabricd")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
