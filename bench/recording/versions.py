"""Which software makes a recording."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_SOFTWARE = ("pumpbench", "numpy", "scipy", "pydantic", "pyserial", "pyvisa", "pyvisa-py")


def software_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that have a part in a run."""
    versions = {"python": platform.python_version()}
    for name in _SOFTWARE:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
