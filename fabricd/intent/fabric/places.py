"""Where in a fabric document a problem is: data paths of its lists' entries.

Used by whoever finds problems in a Fabric (pools, resolve, checks). Knows the model's names, no values.
"""

from __future__ import annotations

ROOT = "/fabricd-fabric:fabric"


def place(section: str, leaf: str = "", /, **keys: object) -> str:
    """place("devices", "asn", name="leaf1") is /fabricd-fabric:fabric/devices[name='leaf1']/asn."""
    predicates = "".join(f"[{key}={_quoted(str(value))}]" for key, value in keys.items())
    return f"{ROOT}/{section}{predicates}" + (f"/{leaf}" if leaf else "")


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"
