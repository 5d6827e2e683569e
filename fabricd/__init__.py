"""fabricd: a daemon that owns the configuration of a data-centre fabric."""

# Written here and read by the build: asking for the installed package's metadata would cost every command 40 ms.
__version__ = "0.1.0"

__all__ = ["__version__"]
