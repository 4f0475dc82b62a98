"""What a lawbook says, as frozen values. Field by field: foundations 10; the built-in values stand in `keys.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from cicatrix.core.health.model import Check
from cicatrix.core.verdict import FailureClass


class Mode(StrEnum):
    """Binds automatic triggers. A person's request acts unless the mode is `off`."""

    OFF = "off"
    SHADOW = "shadow"
    ACT = "act"


class Mixed(StrEnum):
    """What follows when some failed jobs of a run are eligible and some are not."""

    BLOCK = "block"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Reruns allowed: hard bounds per job, and sums over the last rolling 24 h."""

    per_job: int
    per_job_and_sha: int
    per_pull_request: int
    per_pull_request_day: int
    per_repository_day: int
    per_organisation_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """Runner minutes that reruns may use in the last rolling 24 h. None is no limit."""

    per_pull_request_day: int | None
    per_repository_day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serial:
    """Bounds of single-job reruns one after another: attempts they may spend, and minutes they may take."""

    max_attempts: int
    max_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SideEffects:
    """Jobs that change something outside the run."""

    jobs: tuple[str, ...]
    environments: Literal["never", "allow"]
    allow: tuple[str, ...]
    """Shown names of jobs that may rerun all the same; `*` stands for any text."""

    def allows(self, job_name: str) -> bool:
        """Whether `allow` names the job."""
        return any(_matches(pattern, job_name) for pattern in self.allow)

    def word(self, job_name: str) -> str | None:
        """The word of `jobs` that the job's name holds, whatever the case; None when it holds none or is allowed.

        A final `e` does not count, so that `migrate` finds `DB migration` too.
        """
        if self.allows(job_name):
            return None
        name = job_name.casefold()
        return next((word for word in self.jobs if _stem(word.casefold()) in name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """When many failures together mean an outage rather than many accidents."""

    failed_jobs: int
    """More failed jobs than this in one run, without one shared cause, is `too_many_failures`."""
    pull_requests: int
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRules:
    cooldown_minutes: int
    no_signal_change_threshold: int
    """Reruns in a row that failed with an equal signature before the job is held."""
    max_wait_minutes_for_green: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationPolicy:
    """One policy of behaviour 8: what an automatic trigger may do, where and how often."""

    action_type: str
    allowed_envs: frozenset[str]
    cooldown_seconds: int
    max_runs_per_window: int | None
    window_seconds: int | None
    idempotency_key_template: tuple[str, ...]
    requires_approval: bool
    enforcement_mode: Literal["strict", "permissive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    minimum_percent: int
    """A rule whose observed precision falls below this acts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remediation:
    allow: tuple[str, ...]
    """Ids of fixes that may run."""
    max_files: int
    max_lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    via: Literal["repository_dispatch", "workflow_dispatch"]
    workflow: str
    """The validation workflow's file name below .github/workflows."""
    deadline: timedelta
    per_commit: int
    per_case: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    health_below: int
    deliver: Literal["draft_pull_request", "direct_push"]
    up_to: Literal["report", "draft", "validated", "merge"]
    direct_push: tuple[str, ...]
    """Branches to which a revert may be pushed directly."""
    create_per_day: int
    merge_per_day: int
    max_target_age: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who is told about failures below a path."""

    path: str
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lawbook:
    """The resolved rules of one repository. Every limit in Cicatrix comes from here, never from a caller."""

    version: str
    mode: Mode
    eligible: frozenset[FailureClass]
    attempts: Attempts
    minutes: Minutes
    mixed: Mixed
    serial: Serial
    allow_all_jobs: bool
    forks: Literal["never", "allow"]
    merge_queue: Literal["refuse", "allow"]
    auto_merge: Literal["refuse", "allow"]
    side_effects: SideEffects
    storm: Storm
    stop_rules: StopRules
    automation: tuple[AutomationPolicy, ...]
    precision: Precision
    checks: tuple[Check, ...]
    remediation: Remediation
    dispatch: Dispatch
    rollback: Rollback
    owners: tuple[Owner, ...]
    delegated: frozenset[str]


def _stem(word: str) -> str:
    return word[:-1] if len(word) > len("site") and word.endswith("e") else word


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None
