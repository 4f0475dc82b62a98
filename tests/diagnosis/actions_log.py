"""Logs and jobs in GitHub Actions form, written for these tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cicatrix.core.facts import Job, Step

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass
class ActionsLog:
    """Builds a log line by line, a second apart for each step, and the job that goes with it."""

    moment: datetime = START
    lines: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def step(
        self, name: str, *output: str, command: str | None = None, conclusion: str | None = "success"
    ) -> ActionsLog:
        self.moment += timedelta(seconds=10)
        begun = self.moment
        if command is not None:
            self._write(
                f"##[group]Run {command}", f"\x1b[36;1m{command}\x1b[0m", "shell: /usr/bin/bash -e {0}", "##[endgroup]"
            )
        self._write(*output)
        if conclusion == "failure":
            self._write("##[error]Process completed with exit code 1.")
        self.moment += timedelta(seconds=5)
        self.steps.append(
            Step(
                number=len(self.steps) + 1,
                name=name,
                status="completed" if conclusion else "in_progress",
                conclusion=conclusion,
                started_at=begun,
                completed_at=self.moment if conclusion else None,
            )
        )
        return self

    def setup(self) -> ActionsLog:
        return self.step("Set up job", "Current runner version: '2.330.0'", "Prepare all required actions")

    def post(self, *output: str) -> ActionsLog:
        return self.step("Post Check out", "Post job cleanup.", *output)

    def _write(self, *output: str) -> None:
        for line in output:
            self.moment += timedelta(milliseconds=1)
            self.lines.append(f"{self.moment:%Y-%m-%dT%H:%M:%S.%f}0Z {line}")

    @property
    def text(self) -> bytes:
        return ("\ufeff" + "\n".join(self.lines) + "\n").encode()

    def job(self, **changes: object) -> Job:
        values: dict[str, object] = {
            "id": "11",
            "run_id": "7",
            "run_attempt": 1,
            "name": "build",
            "status": "completed",
            "conclusion": "failure",
            "started_at": START,
            "completed_at": self.moment,
            "runner_id": "3",
            "steps": tuple(self.steps),
        }
        return Job(**{**values, **changes})  # type: ignore[arg-type]  # the tests change single fields by name


def failing(name: str, *output: str, command: str | None = None) -> ActionsLog:
    """A whole log in which step `name` fails with `output`, after a set-up and before clean-up."""
    log = ActionsLog().setup().step("Check out", "HEAD is now at 0a1b2c3", command="actions/checkout@v4")
    return log.step(name, *output, command=command or name, conclusion="failure").post("Cleaning up orphan processes")
