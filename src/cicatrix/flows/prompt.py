"""Prompts for what a triage found. Nothing is read and nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cicatrix.core.prompt import Wishes, prompts
from cicatrix.flows.context import Context
from cicatrix.flows.seed_000 import InvalidInput

__all__ = ["MOST_FILES", "NoFailures", "prompt"]

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
    triage_report: Mapping[str, Any],
    *,
    max_files: int = MAX_FILES,
    prefer_minimal_diff: bool = True,
    verification: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """One prompt for each class of failure in a report of `cicatrix.flows.triage.triage`, primary first.

    `max_files` bounds both the files that are named as hints and the files that a repair may change.
    `prefer_minimal_diff` asks for the smallest change, else for the cause. `verification` are the lawbook's steps.
    Raises NoFailures when nothing failed, InvalidInput for `max_files` outside of 1..50.
    """
    if isinstance(max_files, bool) or not 1 <= max_files <= MOST_FILES:
        raise InvalidInput("maxFiles", f"must be a whole number from 1 to {MOST_FILES}, not {max_files!r}")
    made = prompts(
        triage_report,
        Wishes(max_files=max_files, prefer_minimal_diff=prefer_minimal_diff, verification=verification),
    )
    if not made:
        raise NoFailures(triage_report["summary"]["overall"])
    ctx.log("prompt.made", requestId=triage_report["requestId"], hashes=",".join(one["promptHash"] for one in made))
    return made
