"""Where the process runs: what the terminal and GitHub's runner say of themselves. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a command must know before it reads any setting."""

    inside_actions: bool
    """`GITHUB_ACTIONS=true`: the runner reads our output for commands
    (https://docs.github.com/en/actions/reference/workflows-and-actions/variables)."""
    no_color: bool
    """`NO_COLOR` set to anything (https://no-color.org), or a terminal that says it is dumb."""

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Surroundings:
        """From the process's environment unless another one is given."""
        found = os.environ if environ is None else environ
        return cls(
            inside_actions=found.get("GITHUB_ACTIONS", "").strip().lower() == "true",
            no_color=bool(found.get("NO_COLOR")) or found.get("TERM") == "dumb",
        )
