"""The closed set of reason codes, their order, and the page of each. Stored for ever: add, never rename.

The order of the members is the order of precedence: when several hold for one job, the first is its code and the rest
stand in `reasons`. `docs/reasons.md` is generated from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Action(StrEnum):
    """What a decision does with one job, in the seed's words."""

    RERUN = "RERUN"
    SKIP = "SKIP"
    BLOCKED = "BLOCKED"


class Page(NamedTuple):
    action: Action
    means: str
    look_at: str
    would_change: str


class Reason(StrEnum):
    # what was asked for
    NO_RUN_ID = "no_run_id"
    NOT_FAILED = "not_failed"
    # what stops every write
    KILL_SWITCH = "kill_switch"
    IDENTITY_CONFLICT = "identity_conflict"
    LAWBOOK_MISMATCH = "lawbook_mismatch"
    LAWBOOK_BLOCK = "lawbook_block"
    ALL_JOBS_NOT_ALLOWED = "all_jobs_not_allowed"
    ACCESS_DENIED = "access_denied"
    REGISTRY_DENIED = "registry_denied"
    APPROVAL_REQUIRED = "approval_required"
    INCOMPLETE_DATA = "incomplete_data"
    # what the run is
    RUN_NOT_OF_PR = "run_not_of_pr"
    HEAD_MOVED = "head_moved"
    PULL_REQUEST_CLOSED = "pull_request_closed"
    FORK_RUN = "fork_run"
    MERGE_QUEUE = "merge_queue"
    AUTO_MERGE_ARMED = "auto_merge_armed"
    SUPERSEDED = "superseded"
    RUN_TOO_OLD = "run_too_old"
    PLATFORM_RERUN_LIMIT = "platform_rerun_limit"
    NOT_RETRIABLE = "not_retriable"
    LOGS_GONE = "logs_gone"
    RUN_IN_PROGRESS = "run_in_progress"
    OUTCOME_UNKNOWN = "outcome_unknown"
    GITHUB_REFUSED = "github_refused"
    # what the job died of
    NOT_GITHUB_ACTIONS = "not_github_actions"
    ACTION_REQUIRED = "action_required"
    CANCELLED = "cancelled"
    ALREADY_RERUN_BY_OTHER = "already_rerun_by_other"
    TOO_MANY_FAILURES = "too_many_failures"
    NOT_ELIGIBLE = "not_eligible"
    INFRA_PERSISTENT = "infra_persistent"
    UNKNOWN_CLASS = "unknown_class"
    NO_RUNNER_FOR_LABELS = "no_runner_for_labels"
    DEPENDANT_FAILURE = "dependant_failure"
    # what would run along
    SIDE_EFFECT_JOB = "side_effect_job"
    ENVIRONMENT_JOB = "environment_job"
    DEPENDANTS_UNKNOWN = "dependants_unknown"
    MIXED_FAILURES = "mixed_failures"
    # what is left
    MAX_ATTEMPTS_EXCEEDED = "max_attempts_exceeded"
    PR_BUDGET_EXCEEDED = "pr_budget_exceeded"
    REPO_DAY_BUDGET_EXCEEDED = "repo_day_budget_exceeded"
    ORG_DAY_BUDGET_EXCEEDED = "org_day_budget_exceeded"
    COST_CEILING = "cost_ceiling"
    MAX_WAIT_EXCEEDED = "max_wait_exceeded"
    NO_SIGNAL_CHANGE = "no_signal_change"
    COOLDOWN_ACTIVE = "cooldown_active"
    OUTAGE_HOLD = "outage_hold"
    # what may rerun
    DRY_RUN = "dry_run"
    INFRA_TRANSIENT = "infra_transient"
    FLAKY_PROBABLE = "flaky_probable"

    @property
    def page(self) -> Page:
        return PAGES[self]

    @property
    def action(self) -> Action:
        return PAGES[self].action


_ORDER = {reason: place for place, reason in enumerate(Reason)}


def by_precedence(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The reasons without repeats, the one that names the decision first."""
    return tuple(sorted(set(reasons), key=_ORDER.__getitem__))


R, SKIP, BLOCKED = Action.RERUN, Action.SKIP, Action.BLOCKED

PAGES: dict[Reason, Page] = {
    Reason.NO_RUN_ID: Page(
        SKIP,
        "No completed workflow run of this head SHA ended in failure or timed_out.",
        "The runs of the head SHA on the Actions page; a run may still be going, or only other apps' checks are red.",
        "A failed run of the current head SHA, or naming one with --run-id.",
    ),
    Reason.NOT_FAILED: Page(
        SKIP,
        "The job did not fail: it ended in success, neutral or skipped.",
        "The job's conclusion in the latest attempt.",
        "Nothing needs to: there is nothing to heal in this job.",
    ),
    Reason.KILL_SWITCH: Page(
        BLOCKED,
        "The kill switch is on, or could not be read, which counts as on.",
        "CICATRIX_KILL_SWITCH, the kill switch file and the database's flag; `cicatrix doctor` names which one.",
        "Lifting the switch. The variable counts at start; file and flag count within a second.",
    ),
    Reason.IDENTITY_CONFLICT: Page(
        BLOCKED,
        "An attempt by our own App exists that no operation of this ledger explains: somebody else uses our identity.",
        "`cicatrix ledger list --kind identity.conflict` and where else the App's key is installed.",
        "A person resolving it with `cicatrix operation resolve`, after making sure one App writes to one ledger.",
    ),
    Reason.LAWBOOK_MISMATCH: Page(
        BLOCKED,
        "LAWBOOK_HASH pins another lawbook than the one that was loaded: reads and dry runs work, writes do not.",
        "Both values in the message; `cicatrix lawbook show` prints the loaded one.",
        "Loading the pinned lawbook, or pinning the loaded one.",
    ),
    Reason.LAWBOOK_BLOCK: Page(
        BLOCKED,
        "There is no usable lawbook where one is required, or the lawbook forbids this (mode: off).",
        "`cicatrix lawbook check` and `cicatrix lawbook show`, which names file and line of every value.",
        "A valid lawbook that allows it. Production never falls back to the built-in one.",
    ),
    Reason.ALL_JOBS_NOT_ALLOWED: Page(
        BLOCKED,
        "ALL_JOBS was asked for and the lawbook does not allow it.",
        "`allowAllJobs` in `cicatrix lawbook show`.",
        "`allowAllJobs: true` in the organisation's lawbook, or asking for FAILED_ONLY.",
    ),
    Reason.ACCESS_DENIED: Page(
        BLOCKED,
        "The access policy of the service does not name this repository, or not this branch of it; or whoever asked "
        "may ask no longer: the key was revoked or has expired, the GitHub user lost the permission.",
        "GITHUB_REPO_ALLOWLIST and the branch that the message names; `cicatrix key list`.",
        "An entry of the allowlist for the repository and the branch (in a shell no allowlist is asked); a new request "
        "with a credential that is good now.",
    ),
    Reason.REGISTRY_DENIED: Page(
        BLOCKED,
        "The registry of repository actions does not allow this, or production has no registry.",
        "The repository's entry: `cicatrix registry show -R owner/repo`; the message names file and line.",
        "An entry that enables rerun_failed_jobs (rerun_checks for ALL_JOBS) with maxRetries above 0, "
        "and whose preconditions hold.",
    ),
    Reason.APPROVAL_REQUIRED: Page(
        BLOCKED,
        "The registry or the automation policy asks for a person's approval first.",
        "The approval rule that the message names.",
        "The approval.",
    ),
    Reason.INCOMPLETE_DATA: Page(
        BLOCKED,
        "Something that the decision needs could not be read to its end, so nothing is decided on part of it.",
        "The message names the listing: a page limit, pages that disagree, or a field GitHub left out.",
        "Asking again; if it stays, the listing is larger than the bound or GitHub is having trouble.",
    ),
    Reason.RUN_NOT_OF_PR: Page(
        BLOCKED,
        "The run that was named belongs neither to this pull request nor to its head.",
        "Repository, head SHA and head branch of the run.",
        "Naming a run of the pull request's current head, or leaving the run out.",
    ),
    Reason.HEAD_MOVED: Page(
        BLOCKED,
        "The pull request has a newer head than the run: a rerun would test a commit nobody wants any more.",
        "The head SHA of the pull request and of the run.",
        "The newer run failing too: it is decided on its own.",
    ),
    Reason.PULL_REQUEST_CLOSED: Page(
        BLOCKED,
        "The pull request is closed or merged.",
        "The pull request.",
        "Reopening it.",
    ),
    Reason.FORK_RUN: Page(
        BLOCKED,
        "The run's code comes from a fork, or from a deleted one. A rerun repeats it with the original actor's rights.",
        "The run's head repository and event.",
        "`forks` in the organisation's lawbook for plain pull_request runs; privileged triggers are never rerun.",
    ),
    Reason.MERGE_QUEUE: Page(
        BLOCKED,
        "The run belongs to a merge queue: a failed check evicts the entry at once and a rerun does not bring it back.",
        "The run's event (merge_group) and branch (gh-readonly-queue/...).",
        "Queueing the pull request again.",
    ),
    Reason.AUTO_MERGE_ARMED: Page(
        BLOCKED,
        "Auto-merge is on: a rerun that happens to pass would merge the pull request without anybody looking.",
        "The auto-merge box of the pull request.",
        "Turning auto-merge off, or `autoMerge` in the organisation's lawbook.",
    ),
    Reason.SUPERSEDED: Page(
        SKIP,
        "A newer run of the same workflow and ref exists.",
        "The newer run, named in the message.",
        "Nothing: the newer run is the one that counts.",
    ),
    Reason.RUN_TOO_OLD: Page(
        BLOCKED,
        "The run is older than the 30 days in which GitHub reruns.",
        "The run's creation time.",
        "A new run.",
    ),
    Reason.PLATFORM_RERUN_LIMIT: Page(
        BLOCKED,
        "The run has used the 50 reruns that GitHub allows.",
        "The run's attempt number.",
        "A new run.",
    ),
    Reason.NOT_RETRIABLE: Page(
        BLOCKED,
        "GitHub cannot rerun this run: it never started a job (startup_failure).",
        "The run's annotations: usually a broken workflow file.",
        "Mending the workflow file and pushing.",
    ),
    Reason.LOGS_GONE: Page(
        BLOCKED,
        "The run's logs have expired, and GitHub reruns only while it keeps them.",
        "The log retention of the repository.",
        "A new run.",
    ),
    Reason.RUN_IN_PROGRESS: Page(
        BLOCKED,
        "The run is still going, or an operation on it is still open. GitHub reruns only completed runs.",
        "`wakeAt` in the answer, and the run's page.",
        "Its end: asking again afterwards decides anew.",
    ),
    Reason.OUTCOME_UNKNOWN: Page(
        BLOCKED,
        "GitHub's answer to our rerun never came. It may have happened; it is never sent again by the machine.",
        "The operation named in the answer; `cicatrix explain` shows what reading GitHub back has found.",
        "`cicatrix tick` settling it, or `cicatrix operation resolve ID --as happened|did-not-happen --reason TEXT`.",
    ),
    Reason.GITHUB_REFUSED: Page(
        BLOCKED,
        "GitHub said no to the rerun. Nothing happened and nothing was charged.",
        "Status and message in the answer; a missing permission is named there.",
        "What the message asks for: the permission `actions: write`, or a run that may be rerun.",
    ),
    Reason.NOT_GITHUB_ACTIONS: Page(
        SKIP,
        "The check belongs to another app: GitHub Actions cannot rerun it.",
        "The app that made the check.",
        "Nothing here: that app has its own rerun.",
    ),
    Reason.ACTION_REQUIRED: Page(
        SKIP,
        "The run waits for a maintainer's approval. A rerun is not an approval.",
        "The run's page.",
        "A maintainer approving the run.",
    ),
    Reason.CANCELLED: Page(
        SKIP,
        "The job was cancelled: by a person, a concurrency group, fail-fast or a policy.",
        "Who cancelled it, and the job's siblings.",
        "A failure whose cause is known, instead of a cancellation.",
    ),
    Reason.ALREADY_RERUN_BY_OTHER: Page(
        SKIP,
        "Somebody else reran it after we looked, or while we were about to: the machine stays out.",
        "The triggering actor of the latest attempt.",
        "A person's own request.",
    ),
    Reason.TOO_MANY_FAILURES: Page(
        BLOCKED,
        "More jobs of the run failed than the lawbook lets through without one shared infrastructure cause.",
        "`storm.failedJobs` and the failed jobs.",
        "Fewer failures, or one terminal cause that they all share.",
    ),
    Reason.NOT_ELIGIBLE: Page(
        SKIP,
        "The failure is deterministic, or of a class that the lawbook does not rerun: the same would fail again.",
        "The evidence line.",
        "Mending the cause. If the verdict is wrong, the evidence line shows which rule to question.",
    ),
    Reason.INFRA_PERSISTENT: Page(
        SKIP,
        "Infrastructure broke in a way that stays (full disk, one bad runner): the next run there fails too.",
        "The runner's name and the evidence line.",
        "Mending or replacing the runner.",
    ),
    Reason.UNKNOWN_CLASS: Page(
        SKIP,
        "The evidence is missing, too weak or contradicts itself. When in doubt nothing is rerun.",
        "`suspected` and the evidence in the answer, and the log around it.",
        "Clear evidence: a fact of the platform or a rule that names the cause.",
    ),
    Reason.NO_RUNNER_FOR_LABELS: Page(
        BLOCKED,
        "No online runner has the labels that the job asks for: a rerun would only wait.",
        "The runners of the repository or organisation.",
        "A runner with these labels coming online.",
    ),
    Reason.DEPENDANT_FAILURE: Page(
        SKIP,
        "The job failed only because a job that it needs failed. It runs along when that one reruns.",
        "The jobs it needs.",
        "Those jobs being rerun.",
    ),
    Reason.SIDE_EFFECT_JOB: Page(
        BLOCKED,
        "The job, or one that would run along with it, deploys, releases, publishes or migrates.",
        "The job named in the message; GitHub reruns dependants too, also those that were skipped so far.",
        "Naming the job that the message names in `sideEffects.allow` of the organisation's lawbook.",
    ),
    Reason.ENVIRONMENT_JOB: Page(
        BLOCKED,
        "The job, or one that would run along with it, uses a deployment environment.",
        "`environment:` in the workflow file.",
        "Naming the job that the message names in `sideEffects.allow` of the organisation's lawbook.",
    ),
    Reason.DEPENDANTS_UNKNOWN: Page(
        BLOCKED,
        "What would run along cannot be told from the workflow file, and the run is not a pull request's.",
        "The part of the workflow file that the message names.",
        "A workflow file that can be read and resolved.",
    ),
    Reason.MIXED_FAILURES: Page(
        BLOCKED,
        "Some failed jobs are eligible and some are not, and single-job reruns are not allowed or would cost too much.",
        "`mixed` and `serial` in the lawbook, and the jobs that are not eligible.",
        "`mixed: serial` with enough attempts and minutes, or the other jobs being mended.",
    ),
    Reason.MAX_ATTEMPTS_EXCEEDED: Page(
        BLOCKED,
        "The job, or one that would run along, has used its reruns.",
        "asked, registry, lawbook, used and left in the message.",
        "A new head SHA. A caller can only ask for less.",
    ),
    Reason.PR_BUDGET_EXCEEDED: Page(
        BLOCKED,
        "The pull request has used its reruns, on this head SHA or in the last 24 hours.",
        "`attempts.perPullRequest` and `attempts.perPullRequestDay`.",
        "A new head SHA, or time.",
    ),
    Reason.REPO_DAY_BUDGET_EXCEEDED: Page(
        BLOCKED,
        "The repository has used its reruns of the last 24 hours.",
        "`attempts.perRepositoryDay`.",
        "Time.",
    ),
    Reason.ORG_DAY_BUDGET_EXCEEDED: Page(
        BLOCKED,
        "The organisation has used its reruns of the last 24 hours.",
        "`attempts.perOrganisationDay`.",
        "Time.",
    ),
    Reason.COST_CEILING: Page(
        BLOCKED,
        "The rerun would cost more minutes than the ceiling leaves.",
        "`minutes` in the lawbook, and the jobs' last durations.",
        "Time, or a higher ceiling.",
    ),
    Reason.MAX_WAIT_EXCEEDED: Page(
        BLOCKED,
        "Green was awaited longer than the lawbook allows on this head SHA: our own scheduler gives up.",
        "`stopRules.maxWaitMinutesForGreen`, and when the first rerun on this head was accepted.",
        "A new head SHA, or a person's own request: only automatic reruns are held by this rule.",
    ),
    Reason.NO_SIGNAL_CHANGE: Page(
        BLOCKED,
        "The last reruns failed with the same signature: another one would tell nothing new.",
        "`stopRules.noSignalChangeThreshold` and the signature.",
        "A failure that looks different, or a new head SHA.",
    ),
    Reason.COOLDOWN_ACTIVE: Page(
        BLOCKED,
        "The last rerun is too recent: of this job, or of any in the repository where its registry or an automation "
        "policy sets a wait.",
        "`stopRules.cooldownMinutes`, the registry's `cooldownMinutes`, `automation`, and `wakeAt` in the answer.",
        "Time.",
    ),
    Reason.OUTAGE_HOLD: Page(
        BLOCKED,
        "The same failure hits several pull requests at once: reruns are held until one probe is green.",
        "The outage that the message names.",
        "The outage's end.",
    ),
    Reason.DRY_RUN: Page(
        SKIP,
        "The job would be rerun, but this was a dry run or the mode is shadow: nothing was reserved or sent.",
        "`state` and `failureClass` of the job.",
        "Asking without --dry-run; for automatic triggers `mode: act`.",
    ),
    Reason.INFRA_TRANSIENT: Page(
        R,
        "Network, service, runner or platform broke; the same job may pass.",
        "The evidence line.",
        "-",
    ),
    Reason.FLAKY_PROBABLE: Page(
        R,
        "The job's own tests or timing fail now and then.",
        "The evidence line and the job's history.",
        "-",
    ),
}
