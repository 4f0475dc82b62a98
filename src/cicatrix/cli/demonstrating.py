"""`cicatrix demo`: the walk itself is `cicatrix.cli.demo`."""

from __future__ import annotations

from importlib import import_module

from . import state
from .errors import Code


def demo() -> int:
    """Run the walk; its exit code."""
    code = import_module("cicatrix.cli.demo").run(state.screen)
    return code if isinstance(code, int) else Code.DONE
