"""Lines that say where we are in a log: a step begins, the platform reports an error, the log ends."""

from __future__ import annotations

from enum import Enum

from cicatrix.diagnosis.scanner import Pattern

MANY = 4096


class Mark(Enum):
    ERROR = "error"
    """The runner marked a line as an error (GitHub Actions)."""
    STEP = "step"
    """A step's script is announced (GitHub Actions)."""
    POST = "post"
    """From here on steps clean up."""
    SETUP = "setup"
    """The runner introduces itself: the log begins here."""
    FAILED = "failed"
    """Another CI system, or a bare log, says that the job failed."""
    SUCCEEDED = "succeeded"


MARKS: tuple[tuple[Mark, Pattern], ...] = (
    (Mark.ERROR, Pattern(r"^##\[error\]", MANY)),
    (Mark.STEP, Pattern(r"^##\[group\]Run ", MANY)),
    (Mark.POST, Pattern(r"^Post job cleanup\.", MANY)),
    (Mark.SETUP, Pattern(r"^Current runner version: '")),
    (Mark.FAILED, Pattern(r"^Finished: (?:FAILURE|ABORTED|UNSTABLE)")),
    (Mark.FAILED, Pattern(r"^ERROR: Job failed")),
    (Mark.FAILED, Pattern(r"^Done\. Your build exited with [1-9]")),
    (Mark.FAILED, Pattern(r"^The command \".{1,300}\" (?:failed and )?exited with [1-9]")),
    (Mark.SUCCEEDED, Pattern(r"^Finished: SUCCESS")),
    (Mark.SUCCEEDED, Pattern(r"^Job succeeded")),
    (Mark.SUCCEEDED, Pattern(r"^Done\. Your build exited with 0")),
)
