"""The only reader of the environment: flags, environment, files and defaults become one checked value.

Names are imported on first use, so that a command that needs no setting does not pay for pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .surroundings import Surroundings, inherited

if TYPE_CHECKING:
    from .errors import SettingsError
    from .hosts import HostEntry
    from .loading import load, warnings
    from .model import Settings
    from .rows import Setting, effective, reference

_HOME = {
    "HostEntry": "hosts",
    "Setting": "rows",
    "Settings": "model",
    "SettingsError": "errors",
    "effective": "rows",
    "load": "loading",
    "reference": "rows",
    "warnings": "loading",
}

__all__ = [
    "HostEntry",
    "Setting",
    "Settings",
    "SettingsError",
    "Surroundings",
    "effective",
    "inherited",
    "load",
    "reference",
    "warnings",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
