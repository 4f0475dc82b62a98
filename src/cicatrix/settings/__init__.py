"""The only reader of the environment: flags, environment, files and defaults become one checked value.

Names are imported on first use, so that a command that needs no setting does not pay for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .surroundings import Surroundings

if TYPE_CHECKING:
    from .errors import SettingsError
    from .hosts import HostEntry
    from .load import load, warnings
    from .model import Settings
    from .reference import Setting, effective, reference

_HOME = {
    "HostEntry": "hosts",
    "Setting": "reference",
    "Settings": "model",
    "SettingsError": "errors",
    "effective": "reference",
    "load": "load",
    "reference": "reference",
    "warnings": "load",
}

__all__ = [
    "HostEntry",
    "Setting",
    "Settings",
    "SettingsError",
    "Surroundings",
    "effective",
    "load",
    "reference",
    "warnings",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found  # also where a submodule bears the name: `load` is the function
    return found
