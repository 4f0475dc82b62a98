"""Prompts for what a triage found. Nothing is read and nothing is recorded."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from cicatrix.core.health.model import Check
from cicatrix.core.prompt import Wishes, prompts
from cicatrix.flows.context import Context
from cicatrix.flows.seed_000 import InvalidInput
from cicatrix.flows.triage import Triaged

__all__ = ["MOST_FILES", "NoFailures", "prompt", "verification_steps"]

MAX_FILES = 5
"""The seed's default."""
MOST_FILES = 50


class NoFailures(Exception):  # noqa: N818  -- named for what is the case, as GitHub's four errors are
    """There is nothing to write a prompt about (the API: 409 `NO_FAILURES`)."""

    code = "NO_FAILURES"

    def __init__(self, overall: str) -> None:
        self.what = "There is nothing to repair."
        self.why = f"The triage found no failing check; it says {overall}."
        self.next = "Ask again when a check has failed; `cicatrix triage` shows what is still going."
        super().__init__(f"{self.what} {self.why}")


def prompt(
    ctx: Context,
    triaged: Triaged,
    *,
    max_files: int = MAX_FILES,
    prefer_minimal_diff: bool = True,
) -> list[dict[str, Any]]:
    """One prompt for each class of failure that a triage found, primary first. The lawbook's checks verify a repair.

    `max_files` bounds both the files that are named as hints and the files that a repair may change.
    `prefer_minimal_diff` asks for the smallest change, else for the cause.
    Raises NoFailures when nothing failed, InvalidInput for `max_files` outside of 1..50.
    """
    if isinstance(max_files, bool) or not 1 <= max_files <= MOST_FILES:
        raise InvalidInput("maxFiles", f"must be a whole number from 1 to {MOST_FILES}, not {max_files!r}")
    steps = verification_steps(triaged.checks)
    wishes = Wishes(max_files=max_files, prefer_minimal_diff=prefer_minimal_diff, verification=steps)
    made = prompts(triaged.report, wishes)
    if not made:
        raise NoFailures(triaged.report["summary"]["overall"])
    ctx.log("prompt.made", requestId=triaged.report["requestId"], hashes=",".join(one["promptHash"] for one in made))
    return made


def verification_steps(checks: Sequence[Check]) -> tuple[str, ...]:
    """The checks that block, in the lawbook's order, each as one line for a shell at the repository's root.

    Quoted so that a shell hands the program the very arguments that `gate` gives it. What gives no more than a warning
    is left out: it need not succeed.
    """
    return tuple(_step(check) for check in checks if check.blocking)


def _step(check: Check) -> str:
    command = shlex.join(check.command)
    return command if check.directory == "." else f"(cd {shlex.quote(check.directory)} && {command})"
