"""Every key of a lawbook: its kind, its built-in value and one sentence on it. The only place where they are listed.

Validation, JSON Schema, resolution, hash and the reference page are all derived from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cicatrix.core.lawbook.checks import Checks
from cicatrix.core.lawbook.kinds import Choice, Duration, Flag, Kind, Names, Reserved, Text, Whole
from cicatrix.core.lawbook.model import Mode
from cicatrix.core.lawbook.records import Owners, Policies
from cicatrix.core.verdict import RETRYABLE

HARD_CAP = 5
"""No lawbook allows more reruns of one job than this, in one run or on one head SHA."""

BUILT_IN_VERSION = "v1.0.0-dev"
"""The seed's label: it names the built-in lawbook, which holds in staging only (GE-2)."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. A `free` one limits nothing: the nearer layer wins."""

    kind: Kind
    default: Any
    about: str
    free: bool = False


_CLASSES = tuple(sorted(RETRYABLE))
_SPACED = {name.replace("_", " "): str(name) for name in _CLASSES}
_JOB = Text(r"[^\x00-\x1f\x7f]{1,200}", "a name of 1..200 characters on one line")


def _count(default: int, high: int, about: str) -> Key:
    return Key(Whole(low=0, high=high), default, about)


KEYS: Mapping[str, Key] = {
    "version": Key(
        Text(
            r"[A-Za-z0-9][A-Za-z0-9._+\-]{0,99}",
            "a label such as 2026-11-21.1: up to 100 letters, digits and . _ + -, no hash",
            never=r"[0-9A-Fa-f]{64}",
        ),
        BUILT_IN_VERSION,
        "Label of this file, shown in every answer; `LAWBOOK_HASH` may pin it.",
        free=True,
    ),
    "mode": Key(
        Choice(tuple(Mode)),
        Mode.SHADOW.value,
        "`off`: nothing; `shadow`: automatic triggers decide and record, never write; `act`: they act. "
        "A person's request acts unless the mode is `off`.",
    ),
    "eligible": Key(
        Names(Choice(_CLASSES), renamed=_SPACED), _CLASSES, "Failure classes that may be rerun. Others never can."
    ),
    "attempts.perJob": _count(2, HARD_CAP, "Reruns of one job in one workflow run."),
    "attempts.perJobAndSha": _count(2, HARD_CAP, "Reruns of one job on one head SHA, over all its runs."),
    "attempts.perPullRequest": _count(5, 1_000, "Job reruns on one head SHA of a pull request."),
    "attempts.perPullRequestDay": _count(15, 1_000, "Job reruns of one pull request in 24 hours."),
    "attempts.perRepositoryDay": _count(50, 100_000, "Job reruns of one repository in 24 hours."),
    "attempts.perOrganisationDay": _count(200, 1_000_000, "Job reruns of one organisation in 24 hours."),
    "minutes.perPullRequestDay": Key(
        Whole(low=0, high=1_000_000, nullable=True),
        None,
        "Runner minutes for reruns of one pull request in 24 hours; null is no limit.",
    ),
    "minutes.perRepositoryDay": Key(
        Whole(low=0, high=10_000_000, nullable=True),
        None,
        "Runner minutes for reruns of one repository in 24 hours; null is no limit.",
    ),
    "mixed": Key(
        Choice(("block", "serial")),
        "serial",
        "When only some failed jobs are eligible: rerun these one after another, or block.",
    ),
    "serial.maxAttempts": Key(Whole(low=1, high=HARD_CAP), 2, "Run attempts that serial reruns may spend."),
    "serial.maxMinutes": Key(Whole(low=1, high=1_440), 30, "Minutes after which no further serial rerun is sent."),
    "allowAllJobs": Key(Flag(), default=False, about="Whether the mode `ALL_JOBS` is allowed."),
    "forks": Key(Choice(("never", "allow")), "never", "Runs whose head is in a fork."),
    "mergeQueue": Key(Choice(("refuse", "allow")), "refuse", "Runs of a merge queue."),
    "autoMerge": Key(Choice(("refuse", "allow")), "refuse", "Pull requests that merge by themselves once green."),
    "sideEffects.jobs": Key(
        Names(_JOB, forbids=True),
        ("deploy", "migrate", "publish", "release"),
        "Words in the name of a job that changes something outside its run; such jobs never rerun.",
    ),
    "sideEffects.environments": Key(Choice(("never", "allow")), "never", "Jobs with a deployment environment."),
    "sideEffects.allow": Key(
        Names(_JOB), (), "Names of jobs that may rerun despite such a word; `*` stands for any text."
    ),
    "storm.failedJobs": Key(
        Whole(low=1, high=1_000), 5, "More failed jobs in one run without one shared cause are left to a person."
    ),
    "storm.pullRequests": Key(Whole(low=2, high=1_000), 3, "Pull requests with one signature that make an outage."),
    "storm.window": Key(Duration(larger_is_stricter=True), timedelta(hours=2), "The time in which they count."),
    "stopRules.cooldownMinutes": Key(
        Whole(low=0, high=1_440, larger_is_stricter=True), 5, "Minutes from an accepted rerun of a job to the next."
    ),
    "stopRules.noSignalChangeThreshold": Key(
        Whole(low=1, high=HARD_CAP), 2, "Reruns in a row that failed the same way before the job is held."
    ),
    "stopRules.maxWaitMinutesForGreen": Key(
        Whole(low=1, high=10_080, nullable=True), 60, "Minutes to wait for green before the case ends; null: no end."
    ),
    "automation": Key(Policies(), (), "What automatic triggers may do, by action, environment and rate."),
    "precision.minimumPercent": Key(
        Whole(low=0, high=100, larger_is_stricter=True), 90, "Observed precision below which a rule acts no more."
    ),
    "checks": Key(Checks(), (), "Stability checks that `gate` runs; without any, those that it detects.", free=True),
    "remediation.allow": Key(
        Names(Text(r"[a-z][a-z0-9.-]{0,63}", "the id of a fix, such as python.ruff-format")),
        (),
        "Ids of the fixes that may be run. None runs that is not listed.",
    ),
    "remediation.maxFiles": _count(20, 1_000, "Files that one remediation may change."),
    "remediation.maxLines": _count(500, 100_000, "Lines that one remediation may add and remove together."),
    "dispatch.via": Key(
        Choice(("repository_dispatch", "workflow_dispatch")), "repository_dispatch", "How validation is started."
    ),
    "dispatch.workflow": Key(
        Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.ya?ml", "a workflow's file name, such as post-remediation-check.yml"),
        "post-remediation-check.yml",
        "File name of the validation workflow below .github/workflows, on the default branch.",
        free=True,
    ),
    "dispatch.deadline": Key(Duration(), timedelta(minutes=10), "How long the validation's report is awaited."),
    "dispatch.perCommit": _count(1, 10, "Validations of one commit."),
    "dispatch.perCase": _count(3, 20, "Validations of one case."),
    "rollback.healthBelow": Key(Whole(low=0, high=100), 30, "Health below which a rollback is considered."),
    "rollback.deliver": Key(
        Choice(("draft_pull_request", "direct_push")),
        "draft_pull_request",
        "How a rollback is delivered. A direct push is for emergencies, and for the branches of `directPush` alone.",
    ),
    "rollback.upTo": Key(
        Choice(("report", "draft", "validated", "merge")),
        "validated",
        "How far a rollback goes by itself: a report, a draft, its validation, or a plain push of what was validated.",
    ),
    "rollback.directPush": Key(
        Names(Text(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}", "the name of a branch, such as main")),
        (),
        "Branches to which a revert may be pushed directly, plainly and never by force.",
    ),
    "rollback.createPerDay": _count(4, 100, "Rollbacks proposed in 24 hours."),
    "rollback.mergePerDay": _count(0, 100, "Rollbacks merged in 24 hours."),
    "rollback.maxTargetAge": Key(Duration(), timedelta(hours=72), "Age beyond which a commit is not rolled back."),
    "owners": Key(Owners(), (), "Who is told, for everything or by path.", free=True),
    "rules": Key(Reserved(4), (), "Own diagnosis rules; part 4."),
}

SECTIONS = frozenset(name.split(".")[0] for name in KEYS if "." in name)

DELEGATED = "delegated"
DELEGABLE = tuple(sorted({*(name for name, key in KEYS.items() if not key.free), *SECTIONS} - {"checks", "rules"}))
"""What `delegated:` may list: a key, or a section for all of its keys."""

DELEGATED_KIND: Kind = Names(Choice(DELEGABLE))
DELEGATED_ABOUT = "Keys that the layer below may loosen. Counts in an organisation's or a deployment's lawbook."

RENAMED: Mapping[str, str] = {
    "maxRerunsPerJob": "attempts.perJob",
    "maxTotalRerunsPerPr": "attempts.perPullRequest",
    "maxAttempts": "attempts.perJob",
    "maxRetries": "attempts.perJob",
    "blockOnFailureClasses": "eligible, which lists what may be rerun",
    "automationPolicy": "automation, the list of policies",
    "lawbookVersion": "version",
    "allowedPlaybooks": "remediation.allow",
}
"""Names that the seed and its original used -> the key here. They show in the refusal of the old name."""


def covers(delegated: frozenset[str], key: str) -> bool:
    """Whether `delegated:` lists the key or its section."""
    return key in delegated or key.split(".", maxsplit=1)[0] in delegated
