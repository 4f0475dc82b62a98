"""Job logs: written from the steps of a job in the form of GitHub's plain-text logs, served by another host."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from .exchange import Response
from .state import Execution

LINK_SECONDS = 60
"""A log link is valid for one minute:
https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run"""


def has_log(execution: Execution) -> bool:
    """A log exists for a job that ran on a runner which lived to send it."""
    return execution.ran and execution.outcome.shape == "steps"


def link(origin: str, job_id: int, now: datetime) -> str:
    expires = int(now.timestamp()) + LINK_SECONDS
    return f"{origin}/actions-results/jobs/{job_id}?se={expires}&sig={signature(job_id, expires)}"


def signature(job_id: int, expires: int) -> str:
    return hashlib.sha256(f"{job_id}:{expires}".encode()).hexdigest()[:32]


def refuse(status: int, code: str) -> Response:
    """The log host's own kind of error: XML, not JSON."""
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'
    return Response(status, {"content-type": "application/xml"}, text.encode())


def valid_link(job_id: int, query: str, now: datetime) -> bool:
    values = parse_qs(query)
    expires = values.get("se", ["0"])[0]
    if not expires.isdigit() or values.get("sig") != [signature(job_id, int(expires))]:
        return False
    return now.timestamp() <= int(expires)


def log_text(execution: Execution) -> bytes:
    """The whole log: one line a fact, each with its time, groups and `##[error]` as the runner writes them."""
    outcome = execution.outcome
    if outcome.raw_log is not None:
        return outcome.raw_log
    names = list(execution.leaf.spec.steps)
    clock = execution.started_at
    lines: list[str] = []

    def say(text: str) -> None:
        nonlocal clock
        clock += timedelta(milliseconds=37)
        lines.append(f"{clock:%Y-%m-%dT%H:%M:%S}.{clock.microsecond:06d}0Z {text}")

    say("Current runner version: '2.330.0'")
    say("##[group]Operating System")
    say("Ubuntu")
    say("24.04.3")
    say("##[endgroup]")
    say("Complete job name: " + execution.name)
    failing = outcome.step if outcome.step in names else (names[-1] if names else None)
    for name in names:
        command = name.removeprefix("Run ")
        say(f"##[group]Run {command}")
        say(command)
        say("##[endgroup]")
        if name != failing:
            say(f"{command}: done")
            continue
        for line in outcome.log.splitlines():
            say(line)
        if outcome.conclusion == "success":
            continue
        if outcome.conclusion in ("cancelled", "timed_out"):
            say("##[error]The operation was canceled.")
        else:
            say("##[error]Process completed with exit code 1.")
        break
    say("Cleaning up orphan processes")
    return ("\ufeff" + "\n".join(lines) + "\n").encode()
