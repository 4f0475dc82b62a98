"""The seven service functions of the first founding document (seed 000, E84.3) under their own names, in snake case.

Each is a thin layer on the real flow and the real ledger, and says how it differs from the seed's. None of them is a
second way to write: rows go in only inside a transaction of the ledger, beside the entry that they belong to.
`docs/seeds.md` maps the rest of the seed.

    getLawbookHash           get_lawbook_hash
    getDeploymentEnv         get_deployment_env
    classifyFailureForRerun  classify_failure_for_rerun
    getAttemptCount          get_attempt_count
    recordRerunAttempt       record_rerun_attempt
    recordAuditEvent         record_audit_event
    rerunFailedJobs          rerun_failed_jobs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cicatrix.core.facts import Repository
from cicatrix.core.operations import AttemptRow, AuditRow, OperationState, UsageQuery
from cicatrix.core.policy import HARD_CAP, Mode, RerunRequest
from cicatrix.core.verdict import classify_failure_for_rerun
from cicatrix.flows.context import Context
from cicatrix.flows.policies import Rules, policy_in, read_rules
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import rerun_failed_jobs as rerun_flow
from cicatrix.ledger import Tx, View

__all__ = [
    "InvalidInput",
    "classify_failure_for_rerun",
    "get_attempt_count",
    "get_deployment_env",
    "get_lawbook_hash",
    "record_audit_event",
    "record_rerun_attempt",
    "rerun_failed_jobs",
]

LONGEST_REQUEST_ID = 255
"""The seed's column width."""


class InvalidInput(ValueError):  # noqa: N818  # named for what is the case, as GitHub's four errors are
    """A value of the request is outside the seed's schema. `field` names it as the seed does, `problem` says why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field, self.problem = field, problem


def get_lawbook_hash(ctx: Context, owner: str | None = None, repo: str | None = None) -> str:
    """The hash of the lawbook that decides: of a repository when it is named, else of the deployment.

    SHA-256 of the canonical form, 64 hex digits. Differs from the seed's `getLawbookHash`, which returned the variable
    `LAWBOOK_HASH` or "v1.0.0-dev" whatever rules were applied. Here the variable pins: a mismatch refuses writes
    (`lawbook_mismatch`). The seed's label is the version label of the built-in lawbook. Naming a repository reads its
    file from GitHub; raises GitHubError when that fails.
    """
    if owner is None or repo is None:
        with ctx.ledger.read() as view:
            return policy_in(view, ctx.deployment, Rules()).resolved.hash
    rules, home = read_rules(ctx, owner, repo), ctx.github.repository(owner, repo)
    with ctx.ledger.read() as view:
        return policy_in(view, ctx.deployment, rules, home=home).resolved.hash


def get_deployment_env(ctx: Context) -> str:
    """`staging` or `prod`.

    As the seed's `getDeploymentEnv` for `prod`, `production`, `staging` and nothing. Differs for any other value of
    `DEPLOY_ENV`: the seed read it as staging, here a typing error counts as prod (GE-1).
    """
    return ctx.deployment.environment.value


def get_attempt_count(view: View, repository: Repository, run_id: str, job_name: str) -> int:
    """Reruns that count against `maxAttempts` of this job in this run: sent, accepted, or with an unknown outcome.

    Differs from the seed's `getAttemptCount`, which counted rows of the table after the fact, refused ones too. Here
    the slots are counted that were taken together with the intent, so a rerun counts before its first byte leaves.
    The key is host and repository id instead of names, and leaves the pull request out, which is stricter. The seed's
    own figure, from rows, is `total_attempts` of the view `job_rerun_attempt_counts`. Binding only in a `Tx`: in a
    plain read it may be old when it is used. Reruns by people are not in it; the plan adds them from GitHub.
    """
    query = UsageQuery(
        host=repository.host,
        repository_id=repository.id,
        owner_id=repository.owner_id,
        run_id=run_id,
        pull_request=0,
        head_sha="",
    )
    return view.usage(query, view.now).run_job.get(job_name, 0)


def record_rerun_attempt(tx: Tx, row: AttemptRow) -> None:
    """Append one row to `job_rerun_attempts`, in the caller's transaction of the ledger.

    Differs from the seed's `recordRerunAttempt`, which wrote a row of its own before GitHub was asked. Here a row
    projects an entry: it must name the entry of its decision or operation, and RERUN_TRIGGERED needs an operation
    that GitHub has confirmed, that names the job, and that has no such row yet. The flow writes its rows by itself;
    nobody has to call this. Raises ValueError for a row that would tell what did not happen.
    """
    _of_an_entry(tx, row.ledger_index, {row.decision_id, row.operation_id})
    if row.decision == "RERUN_TRIGGERED":
        _of_a_confirmed_operation(tx, row)
    elif row.attempt_number != 0:
        raise ValueError(f"attempt_number {row.attempt_number} in a {row.decision} row: only an accepted rerun counts")
    tx.record_attempts([row])


def record_audit_event(tx: Tx, row: AuditRow) -> None:
    """Append one row to `workflow_action_audit`, in the caller's transaction of the ledger.

    Differs from the seed's `recordAuditEvent`: the row names the principal who asked (`initiated_by` was always
    "system"), it belongs to an entry of the ledger, and it is never updated; a later state is a new row.
    Raises ValueError for a row without a principal or without its entry.
    """
    if not row.initiated_by.strip():
        raise ValueError("initiated_by is empty: an audit row names who asked")
    _of_an_entry(tx, row.ledger_index, None)
    tx.record_audit(row)


def rerun_failed_jobs(
    ctx: Context,
    *,
    owner: str,
    repo: str,
    pr_number: int,
    principal: str,
    run_id: int | None = None,
    mode: str = "FAILED_ONLY",
    max_attempts: int = 2,
    request_id: str | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """The main job with the seed's input and the seed's answer (`RerunResultV1`, schema 1.0).

    Differs from the seed's `rerunFailedJobs`: `principal` is required (GE-3); `dry_run` is the seed's own plan for
    v1.1; without `run_id` every failed run of the head is decided; without `request_id` one is made that nobody can
    guess. Raises InvalidInput, and what `cicatrix.flows.rerun.rerun_failed_jobs` raises.
    """
    _check(
        {"owner": owner, "repo": repo, "principal": principal},
        {"prNumber": pr_number, "runId": run_id},
        mode,
        max_attempts,
        request_id,
    )
    request = RerunRequest(
        request_id=request_id or f"rerun-{ctx.new_id()}",
        principal=principal,
        mode=Mode(mode),
        max_attempts=max_attempts,
        dry_run=dry_run,
    )
    target = Target(
        owner=owner, repository=repo, pull_request=pr_number, run_id=None if run_id is None else str(run_id)
    )
    return rerun_flow(ctx, target, request).answer


def _check(
    texts: Mapping[str, str], numbers: Mapping[str, int | None], mode: str, max_attempts: int, request_id: str | None
) -> None:
    """The seed's JobRerunInputSchema."""
    for field, text in texts.items():
        if not text.strip():
            raise InvalidInput(field, "is empty")
    for field, number in numbers.items():
        optional = field == "runId" and number is None
        if not optional and (not _whole(number) or (number or 0) < 1):
            raise InvalidInput(field, f"must be a whole number above 0, not {number!r}")
    if mode not in set(Mode):
        raise InvalidInput("mode", f"must be FAILED_ONLY or ALL_JOBS, not {mode!r}")
    if not _whole(max_attempts) or not 1 <= max_attempts <= HARD_CAP:
        raise InvalidInput("maxAttempts", f"must be 1..{HARD_CAP}, not {max_attempts!r}")
    if request_id is not None and not 1 <= len(request_id) <= LONGEST_REQUEST_ID:
        raise InvalidInput("requestId", f"must have 1..{LONGEST_REQUEST_ID} characters")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _of_an_entry(tx: Tx, index: int, ids: set[str | None] | None) -> None:
    entry = next(iter(tx.entries(index, 1)), None) if index >= 0 else None
    if entry is None:
        raise ValueError(f"ledger_index {index} is no entry: append the entry first, in the same transaction")
    named = {entry.data.get("decisionId"), entry.data.get("operationId")} - {None}
    if ids is not None and not named & ids:
        raise ValueError(f"entry {index} ({entry.kind}) names neither the row's decision nor its operation")


def _of_a_confirmed_operation(tx: Tx, row: AttemptRow) -> None:
    operation = tx.operation(row.operation_id) if row.operation_id else None
    if operation is None or operation.state is not OperationState.CONFIRMED:
        state = "unknown" if operation is None else operation.state
        raise ValueError(f"RERUN_TRIGGERED without a confirmed operation (operation {row.operation_id} is {state})")
    if row.job_name not in {job.name for job in operation.named}:
        raise ValueError(f"operation {operation.id} does not name the job {row.job_name!r}")
    told = tx.attempts(operation_id=operation.id)
    if any(t.row.job_name == row.job_name and t.row.decision == row.decision for t in told):
        raise ValueError(f"operation {operation.id} has its row for {row.job_name!r} already")
