"""PEOPLE IN: the flows from a shell. `main` is the command `cicatrix`; the rest is imported when it is needed."""

from __future__ import annotations

from .shell import main, run

__all__ = ["main", "run"]
