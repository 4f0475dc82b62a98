"""What can be wrong with the settings, told in three lines."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting cannot be used. `what` went wrong, `why`, and what to do `next`. Holds no secret."""

    def __init__(self, what: str, why: str, next_step: str) -> None:
        super().__init__(f"{what} {why}")
        self.what = what
        self.why = why
        self.next = next_step
