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
    ref: str = ""
    """Inside GitHub Actions: the full branch of the run, which a detached checkout does not know; else empty."""
    sha: str = ""
    """Inside GitHub Actions: the commit that the run is of."""

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Surroundings:
        """From the process's environment unless another one is given."""
        found = os.environ if environ is None else environ
        inside = found.get("GITHUB_ACTIONS", "").strip().lower() == "true"
        ref = found.get("GITHUB_REF", "") if inside else ""
        return cls(
            inside_actions=inside,
            ref=ref if ref.startswith("refs/heads/") else "",
            sha=found.get("GITHUB_SHA", "") if inside else "",
            no_color=bool(found.get("NO_COLOR")) or found.get("TERM") == "dumb",
        )


def inherited() -> Mapping[str, str]:
    """The environment of this process, for what starts other programs: `checks.process` leaves little of it."""
    return dict(os.environ)
