"""The rerun plan: facts, policy and usage in, one decision out. The same facts give the same decision.

Read top down: `plan_rerun` judges the run (`_run_stops`), then each job (`_judge_job`), then what runs along and what is
left of the budgets, and at last chooses the one call to GitHub (`_choose_call`), which must take exactly the jobs that
may rerun (foundations 6: GitHub has no call that takes a list of jobs).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cicatrix.core.attempts import RunFacts, disagreement, merged_jobs, reruns_by_others
from cicatrix.core.facts import FAILED, KNOWN_CONCLUSIONS, Job
from cicatrix.core.lawbook import Lawbook
from cicatrix.core.lawbook import Mode as LawbookMode
from cicatrix.core.operations import JobRef, Operation, OperationState, Usage, Verb
from cicatrix.core.policy import HARD_CAP, Limits, Mode, Policy, RerunRequest
from cicatrix.core.reasons import Action, Reason, by_precedence
from cicatrix.core.verdict import RETRYABLE, FailureClass, Verdict

MAX_RUN_AGE = timedelta(days=30)
"""GitHub reruns for 30 days: https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs"""

MAX_PLATFORM_RERUNS = 50
"""Reruns of one run, full or partial: GitHub's changelog of 2026-04-10."""

ASK_AGAIN = timedelta(seconds=30)

NOT_FAILED = frozenset({"success", "neutral", "skipped"})
PRIVILEGED_EVENTS = frozenset({"pull_request_target", "workflow_run", "issue_comment"})

CLASS_REASONS: Mapping[FailureClass, Reason] = {
    FailureClass.INFRA_TRANSIENT: Reason.INFRA_TRANSIENT,
    FailureClass.FLAKY_PROBABLE: Reason.FLAKY_PROBABLE,
    FailureClass.INFRA_PERSISTENT: Reason.INFRA_PERSISTENT,
    FailureClass.DETERMINISTIC: Reason.NOT_ELIGIBLE,
    FailureClass.CANCELLED: Reason.CANCELLED,
    FailureClass.UNKNOWN: Reason.UNKNOWN_CLASS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """The decision about one job."""

    name: str
    key: str
    job: Job
    action: Action
    reason: Reason | None
    reasons: tuple[Reason, ...]
    """Everything that holds, the deciding one first."""
    why: Mapping[Reason, str]
    """Reason -> the evidence of it in this case."""
    verdict: Verdict | None
    limits: Limits
    attempt_number: int = 0
    """Number of the rerun that this decision spends; 0 when nothing is charged."""
    state: str | None = None
    """`sent` or `queued` of a job that reruns; `would_send` or `would_queue` in a dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The one write that the plan asks for."""

    verb: Verb
    target_job_id: str | None
    named: tuple[JobRef, ...]
    dependants: tuple[JobRef, ...]
    limits: Mapping[str, tuple[int, int]]
    """Shown job name -> how many slots it may have in scopes run_job and sha_job."""

    @property
    def minutes(self) -> int:
        return sum(ref.minutes for ref in (*self.named, *self.dependants))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decision about one run. `call` is None when nothing is to be written."""

    run_id: str
    decision: str
    """RERUN_TRIGGERED, BLOCKED or NOOP; what the request's answer says once the call is CONFIRMED."""
    reasons: tuple[str, ...]
    jobs: tuple[JobPlan, ...]
    call: Call | None = None
    wake_at: datetime | None = None
    price: str = ""

    @property
    def would_act(self) -> bool:
        """True when a rerun is due, also in a dry run."""
        return any(job.state for job in self.jobs)


@dataclass(slots=True, kw_only=True)
class _Open:
    """A job while it is being decided."""

    job: Job
    key: str
    verdict: Verdict | None
    limits: Limits
    run_limit: int
    sha_limit: int
    why: dict[Reason, str] = field(default_factory=dict)
    along: tuple[str, ...] = ()

    def no(self, reason: Reason, why: str = "") -> None:
        self.why.setdefault(reason, why)

    @property
    def eligible(self) -> bool:
        return not self.why


def plan_rerun(
    request: RerunRequest,
    facts: RunFacts,
    policy: Policy,
    usage: Usage,
    now: datetime,
    *,
    siblings: Sequence[tuple[RunFacts, tuple[Operation, ...]]] = (),
) -> Plan:
    """What to do about one failed run.

    `usage` and the operations of `siblings` (other runs of the same head SHA) come from one ledger transaction. The
    result is complete: flows add nothing but the identifiers of what they record.
    """
    lawbook = policy.resolved.lawbook
    jobs = merged_jobs(facts.attempts)
    stops = _run_stops(request, facts, policy, usage, jobs, now)
    wake_at = _wake_at(stops, usage, now)
    others = reruns_by_others(facts, usage.operations)
    others_on_sha = _others_on_sha(facts, others, siblings)
    opened = [_open_job(job, request, facts, policy, usage, others, others_on_sha) for job in jobs]

    for item in opened:
        _judge_job(item, request, facts, lawbook, usage, others, now)
        if Reason.NOT_FAILED not in item.why:
            for reason, why in stops:
                item.no(reason, why)
    if request.mode is Mode.ALL_JOBS:
        _judge_all_jobs(opened, facts, lawbook)
    else:
        for item in opened:
            _judge_along(item, facts, jobs, lawbook)
    _judge_storm(opened, lawbook)
    if request.only_jobs is not None:
        for item in opened:
            if item.job.name not in request.only_jobs:
                item.no(Reason.MIXED_FAILURES, "this decision is about the queued jobs only")
    candidates = [item for item in opened if item.eligible]
    _judge_bound(candidates, opened)
    if request.mode is Mode.ALL_JOBS and len([c for c in candidates if c.eligible]) < len(candidates):
        _block_all(
            candidates, Reason.MAX_ATTEMPTS_EXCEEDED, "ALL_JOBS takes every job, and one of them has used its reruns"
        )
    _judge_budgets(candidates, opened, request, facts, policy, usage, others)

    call, queued, price = _choose_call(opened, request, facts, lawbook)
    acting = [item for item in opened if item.eligible]
    asleep = request.dry_run or (request.automatic and lawbook.mode is LawbookMode.SHADOW)
    sent = {ref.name for ref in call.named} if call else set()
    decided = tuple(_close(item, sent, queued, asleep=asleep) for item in opened)
    wake_at = wake_at or _cooldown_end(opened, lawbook, usage)
    decision = _decision(decided)
    return Plan(
        run_id=facts.run.id,
        decision=decision,
        reasons=_sentences(decided, facts, policy, price, asleep=bool(asleep and acting)),
        jobs=decided,
        call=None if asleep else call,
        wake_at=wake_at if decision == "BLOCKED" else None,
        price=price,
    )


# --- the run -----------------------------------------------------------------------------------------------------------


def _run_stops(
    request: RerunRequest, facts: RunFacts, policy: Policy, usage: Usage, jobs: Sequence[Job], now: datetime
) -> list[tuple[Reason, str]]:
    run, pull, lawbook = facts.run, facts.pull_request, policy.resolved.lawbook
    stops = list(policy.stops)
    if usage.kill_switch:
        stops.append((Reason.KILL_SWITCH, usage.kill_switch))
    if usage.identity_conflict:
        stops.append((Reason.IDENTITY_CONFLICT, f"unresolved: {usage.identity_conflict}"))
    if lawbook.mode is LawbookMode.OFF:
        stops.append((Reason.LAWBOOK_BLOCK, "the lawbook says mode: off"))
    if request.mode is Mode.ALL_JOBS and not lawbook.allow_all_jobs:
        stops.append((Reason.ALL_JOBS_NOT_ALLOWED, "allowAllJobs is false"))
    hole = facts.incomplete or _hole(facts)
    if hole:
        stops.append((Reason.INCOMPLETE_DATA, hole))
    if pull:
        stops += _pull_request_stops(facts, lawbook)
    stops += _origin_stops(facts, lawbook)
    if facts.newer_run_id:
        stops.append((Reason.SUPERSEDED, f"run {facts.newer_run_id} of the same workflow and ref is newer"))
    if now - run.created_at > MAX_RUN_AGE:
        stops.append((Reason.RUN_TOO_OLD, f"created {run.created_at:%Y-%m-%d}, more than 30 days ago"))
    if run.run_attempt is not None and run.run_attempt - 1 >= MAX_PLATFORM_RERUNS:
        stops.append((Reason.PLATFORM_RERUN_LIMIT, f"attempt {run.run_attempt} of at most {MAX_PLATFORM_RERUNS + 1}"))
    if run.conclusion == "startup_failure":
        stops.append((Reason.NOT_RETRIABLE, "the run ended in startup_failure"))
    if policy.attempt_bound_only and run.run_attempt != 1:
        stops.append((Reason.MAX_ATTEMPTS_EXCEEDED, "without a database only attempt 1 may be rerun, once"))
    if facts.logs_gone:
        stops.append((Reason.LOGS_GONE, "GitHub answers 410 for a log of this run"))
    stops += _progress_stops(facts, usage, jobs)
    if run.conclusion == "action_required":
        stops.append((Reason.ACTION_REQUIRED, "the run waits for a maintainer's approval"))
    return stops


def _hole(facts: RunFacts) -> str | None:
    run = facts.run
    if run.run_attempt is None:
        return "GitHub left out run_attempt"
    if [a.number for a in facts.attempts] != list(range(1, run.run_attempt + 1)):
        return f"the run is at attempt {run.run_attempt} and the jobs of {len(facts.attempts)} attempts could be read"
    if not merged_jobs(facts.attempts):
        return "the run lists no jobs"
    return disagreement(facts.attempts)


def _pull_request_stops(facts: RunFacts, lawbook: Lawbook) -> Iterable[tuple[Reason, str]]:
    run, pull = facts.run, facts.pull_request
    if pull is None:
        return
    if run.repository_id != pull.base.id:
        yield Reason.RUN_NOT_OF_PR, f"the run is of repository {run.repository_id}, the pull request of {pull.base.id}"
    if run.head_sha != pull.head_sha:
        same_branch = run.head_branch == pull.head_ref and run.head_repository_id == pull.head_repository_id
        if same_branch or pull.number in run.pull_request_numbers:
            yield Reason.HEAD_MOVED, f"the run is of {run.head_sha[:12]}, the head is {pull.head_sha[:12]}"
        else:
            yield Reason.RUN_NOT_OF_PR, f"the run is of {run.head_branch} at {run.head_sha[:12]}, not of #{pull.number}"
    if pull.state != "open":
        yield Reason.PULL_REQUEST_CLOSED, f"#{pull.number} is {pull.state}"
    if pull.auto_merge and lawbook.auto_merge == "refuse":
        yield Reason.AUTO_MERGE_ARMED, f"auto-merge is on for #{pull.number} and autoMerge is refuse"


def _origin_stops(facts: RunFacts, lawbook: Lawbook) -> Iterable[tuple[Reason, str]]:
    run = facts.run
    from_fork = run.head_repository_id != run.repository_id
    if from_fork and (run.event in PRIVILEGED_EVENTS or lawbook.forks == "never"):
        source = f"repository {run.head_repository_id}" if run.head_repository_id else "a deleted fork"
        yield Reason.FORK_RUN, f"event {run.event}, code of {source}"
    in_queue = run.event == "merge_group" or (run.head_branch or "").startswith("gh-readonly-queue/")
    if in_queue and lawbook.merge_queue == "refuse":
        yield Reason.MERGE_QUEUE, f"event {run.event}, branch {run.head_branch}"


def _progress_stops(facts: RunFacts, usage: Usage, jobs: Sequence[Job]) -> Iterable[tuple[Reason, str]]:
    run = facts.run
    if not run.completed:
        yield Reason.RUN_IN_PROGRESS, f"the run is {run.status}"
    elif unfinished := [j.name for j in jobs if j.status != "completed"]:
        yield Reason.RUN_IN_PROGRESS, f"{len(unfinished)} jobs have not ended, {unfinished[0]} among them"
    for op in usage.operations:
        if op.open:
            yield Reason.RUN_IN_PROGRESS, f"operation {op.id} on this run is {op.state}"
        elif op.state is OperationState.INDETERMINATE and (run.run_attempt or 0) <= op.base_attempt:
            yield Reason.OUTCOME_UNKNOWN, f"operation {op.id} on this run is INDETERMINATE"
        elif op.state is OperationState.CONFIRMED and (run.run_attempt or 0) <= op.base_attempt:
            yield Reason.RUN_IN_PROGRESS, f"attempt {op.base_attempt + 1} was accepted and is not visible yet"


def _wake_at(stops: Iterable[tuple[Reason, str]], usage: Usage, now: datetime) -> datetime | None:
    """When asking again may help: after an open operation's wait, else soon, since nobody knows when a run ends."""
    if Reason.RUN_IN_PROGRESS not in {reason for reason, _ in stops}:
        return None
    waits = [op.not_before for op in usage.operations if op.open and op.not_before]
    return max([*waits, now + ASK_AGAIN])


# --- one job -----------------------------------------------------------------------------------------------------------


def _open_job(
    job: Job,
    request: RerunRequest,
    facts: RunFacts,
    policy: Policy,
    usage: Usage,
    others: Counter[str],
    others_on_sha: Counter[str],
) -> _Open:
    key = facts.key_of(job.name)
    maximum = policy.maximum(request)
    sha_maximum = min(policy.resolved.lawbook.attempts.per_job_and_sha, HARD_CAP)
    in_run = usage.run_job.get(job.name, 0) + others[job.name]
    on_sha = sum(1 for s in usage.sha_job if s.name == job.name or s.key == key) + others_on_sha[key]
    limits = policy.limits(request, in_run)
    if sha_maximum - on_sha < limits.left:
        limits = replace(
            limits, used=on_sha, left=max(0, sha_maximum - on_sha), bound_by="lawbook attempts.perJobAndSha"
        )
    return _Open(
        job=job,
        key=key,
        verdict=facts.verdicts.get(job.id),
        limits=limits,
        run_limit=max(0, maximum - others[job.name]),
        sha_limit=max(0, sha_maximum - others_on_sha[key]),
    )


def _judge_job(
    item: _Open,
    request: RerunRequest,
    facts: RunFacts,
    lawbook: Lawbook,
    usage: Usage,
    others: Counter[str],
    now: datetime,
) -> None:
    job = item.job
    if job.status == "completed" and job.conclusion in NOT_FAILED:
        item.no(Reason.NOT_FAILED, f"ended in {job.conclusion}")
        return
    if job.conclusion == "action_required":
        item.no(Reason.ACTION_REQUIRED, "the job waits for a maintainer")
    elif job.conclusion == "cancelled":
        item.no(Reason.CANCELLED, "the job was cancelled")
    elif job.status == "completed" and job.conclusion not in KNOWN_CONCLUSIONS:
        item.no(Reason.UNKNOWN_CLASS, f"conclusion {job.conclusion!r} is not one we know")
    elif job.status == "completed" and job.conclusion not in FAILED:
        item.no(Reason.UNKNOWN_CLASS, f"conclusion {job.conclusion!r} is not a failure of the job itself")
    elif job.status == "completed":
        _judge_class(item, facts, lawbook)
    if request.automatic and others[job.name]:
        item.no(Reason.ALREADY_RERUN_BY_OTHER, f"{others[job.name]} attempts of it are not ours")
    if usage.same_signal.get(item.key, 0) >= lawbook.stop_rules.no_signal_change_threshold:
        item.no(Reason.NO_SIGNAL_CHANGE, f"{usage.same_signal[item.key]} reruns in a row failed the same way")
    last = usage.last_rerun.get(item.key)
    cooldown = timedelta(minutes=lawbook.stop_rules.cooldown_minutes)
    if last is not None and now < last + cooldown:
        item.no(
            Reason.COOLDOWN_ACTIVE,
            f"last rerun {last:%H:%M:%S} UTC, cooldown {lawbook.stop_rules.cooldown_minutes} min",
        )


def _judge_class(item: _Open, facts: RunFacts, lawbook: Lawbook) -> None:
    if _is_dependant_failure(item.job, facts):
        item.no(Reason.DEPENDANT_FAILURE, "a job that it needs failed")
        return
    verdict = item.verdict
    if verdict is None:
        item.no(Reason.UNKNOWN_CLASS, "not diagnosed")
    elif verdict.failure_class not in RETRYABLE:
        item.no(CLASS_REASONS[verdict.failure_class], _evidence(verdict))
    elif verdict.failure_class not in lawbook.eligible:
        item.no(Reason.NOT_ELIGIBLE, f"{verdict.failure_class} is not in the lawbook's eligible")


def _is_dependant_failure(job: Job, facts: RunFacts) -> bool:
    """An `if: always()` gate whose needs failed: neither eligible nor ineligible (foundations 6)."""
    if facts.graph is None or not facts.graph.is_aggregator(job.name):
        return False
    jobs = merged_jobs(facts.attempts)
    needs = facts.graph.needs_of(job.name, [j.name for j in jobs])
    return any(j.name in needs and j.conclusion not in NOT_FAILED for j in jobs)


def _evidence(verdict: Verdict) -> str:
    place = f"line {verdict.line_number}" if verdict.line_number else verdict.stage
    return f"rule {verdict.rule or '-'}, {place}"


def _judge_storm(opened: Sequence[_Open], lawbook: Lawbook) -> None:
    failed = [i for i in opened if i.job.failed and Reason.DEPENDANT_FAILURE not in i.why]
    if len(failed) <= lawbook.storm.failed_jobs:
        return
    causes = {
        i.verdict.rule
        if i.verdict and i.verdict.terminal and i.verdict.failure_class is FailureClass.INFRA_TRANSIENT
        else None
        for i in failed
    }
    if len(causes) == 1 and None not in causes:
        return
    for item in failed:
        item.no(Reason.TOO_MANY_FAILURES, f"{len(failed)} jobs failed, storm.failedJobs is {lawbook.storm.failed_jobs}")


# --- what runs along ---------------------------------------------------------------------------------------------------


def _judge_along(item: _Open, facts: RunFacts, jobs: Sequence[Job], lawbook: Lawbook) -> None:
    """Find the item's dependants, and block it when they, or it, have side effects."""
    if Reason.NOT_FAILED in item.why:
        return
    item.along, unknown = _dependants(item.job, facts, jobs)
    if unknown and facts.run.event != "pull_request":
        item.no(Reason.DEPENDANTS_UNKNOWN, f"{unknown}; event {facts.run.event}")
    for name in (item.job.name, *item.along):
        _judge_side_effects(item, name, facts, lawbook)


def _dependants(job: Job, facts: RunFacts, jobs: Sequence[Job]) -> tuple[tuple[str, ...], str | None]:
    """Shown names of what reruns along with the job, and why that is a guess, if it is one."""
    names = [j.name for j in jobs]
    problem = facts.graph_problem
    if facts.graph is not None:
        found = facts.graph.dependants([job.name], names)
        if not found.unknown:
            return (*found.names, *found.absent), None
        problem = found.reasons[0]
    later = {
        j.name
        for j in jobs
        if j.conclusion == "skipped" or (j.started_at and job.completed_at and j.started_at >= job.completed_at)
    }
    return tuple(
        n for n in dict.fromkeys(names) if n in later and n != job.name
    ), problem or "no workflow file was read"


def _judge_side_effects(item: _Open, name: str, facts: RunFacts, lawbook: Lawbook) -> None:
    effects = lawbook.side_effects
    if effects.allows(name):
        return
    whose = "it" if name == item.job.name else f"{name} would run along and"
    node = facts.graph.job_of(name) if facts.graph else None
    word = effects.word(name) or (effects.word(node.id) if node else None)
    if word:
        item.no(Reason.SIDE_EFFECT_JOB, f"{whose} looks like a {word} job")
    if effects.environments == "never" and facts.graph is not None and facts.graph.environment_of(name):
        item.no(Reason.ENVIRONMENT_JOB, f"{whose} uses a deployment environment")


def _judge_all_jobs(opened: Sequence[_Open], facts: RunFacts, lawbook: Lawbook) -> None:
    """ALL_JOBS takes every job of the run: all failed ones must be eligible, and no job may have side effects."""
    failed = [i for i in opened if Reason.NOT_FAILED not in i.why]
    reruns = [i for i in failed if i.eligible]
    if not reruns:
        return
    barred = [i for i in failed if not i.eligible and set(i.why) != {Reason.DEPENDANT_FAILURE}]
    for item in opened:
        if Reason.NOT_FAILED in item.why or Reason.DEPENDANT_FAILURE in item.why:
            item.why.clear()
        _judge_side_effects(item, item.job.name, facts, lawbook)
    touched = next((i for i in opened if Reason.SIDE_EFFECT_JOB in i.why or Reason.ENVIRONMENT_JOB in i.why), None)
    for item in opened:
        if barred:
            item.no(Reason.MIXED_FAILURES, f"ALL_JOBS would rerun {barred[0].job.name} too, which is not eligible")
        if touched:
            item.no(Reason.SIDE_EFFECT_JOB, f"ALL_JOBS would rerun {touched.job.name} too")


# --- what is left ------------------------------------------------------------------------------------------------------


def _others_on_sha(
    facts: RunFacts, others: Counter[str], siblings: Sequence[tuple[RunFacts, tuple[Operation, ...]]]
) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, n in others.items():
        counts[facts.key_of(name)] += n
    for sibling, operations in siblings:
        if sibling.run.id != facts.run.id and sibling.run.head_sha == facts.run.head_sha:
            for name, n in reruns_by_others(sibling, operations).items():
                counts[sibling.key_of(name)] += n
    return counts


def _judge_bound(candidates: Sequence[_Open], opened: Sequence[_Open]) -> None:
    by_name = {i.job.name: i for i in opened}
    taking: list[_Open] = []
    for item in candidates:
        twins = sum(1 for t in taking if t.job.name == item.job.name or t.key == item.key)
        if item.limits.left - twins < 1:
            item.no(Reason.MAX_ATTEMPTS_EXCEEDED, str(item.limits))
        taking.append(item)
        for name in item.along:
            other = by_name.get(name)
            if other is not None and other.limits.left < 1:
                item.no(Reason.MAX_ATTEMPTS_EXCEEDED, f"{name} would run along: {other.limits}")


def _judge_budgets(
    candidates: Sequence[_Open],
    opened: Sequence[_Open],
    request: RerunRequest,
    facts: RunFacts,
    policy: Policy,
    usage: Usage,
    others: Counter[str],
) -> None:
    """The wider budgets count jobs named; the first jobs in order get what is left of them."""
    attempts, minutes = policy.resolved.lawbook.attempts, policy.resolved.lawbook.minutes
    foreign = sum(others.values())
    rooms = [
        (
            Reason.REPO_DAY_BUDGET_EXCEEDED,
            attempts.per_repository_day,
            usage.repository_day,
            "attempts.perRepositoryDay",
        ),
        (
            Reason.ORG_DAY_BUDGET_EXCEEDED,
            attempts.per_organisation_day,
            usage.organisation_day,
            "attempts.perOrganisationDay",
        ),
    ]
    if facts.pull_request_number:
        rooms += [
            (
                Reason.PR_BUDGET_EXCEEDED,
                attempts.per_pull_request,
                usage.pull_request + foreign,
                "attempts.perPullRequest",
            ),
            (
                Reason.PR_BUDGET_EXCEEDED,
                attempts.per_pull_request_day,
                usage.pull_request_day + foreign,
                "attempts.perPullRequestDay",
            ),
        ]
    taking = [i for i in candidates if i.eligible]
    for reason, limit, used, name in rooms:
        left = max(0, limit - used)
        if request.mode is Mode.ALL_JOBS and len(taking) > left:
            left = 0
        for item in taking[left:]:
            item.no(reason, f"{name} {limit}, used {used}, this would be number {used + 1 + taking.index(item)}")
    _judge_minutes(
        [i for i in candidates if i.eligible],
        opened,
        facts,
        minutes.per_pull_request_day,
        minutes.per_repository_day,
        usage,
    )


def _judge_minutes(
    taking: Sequence[_Open],
    opened: Sequence[_Open],
    facts: RunFacts,
    per_pull_request: int | None,
    per_repository: int | None,
    usage: Usage,
) -> None:
    durations = {i.job.name: i.job.minutes for i in opened}
    ceilings = [("minutes.perRepositoryDay", per_repository, usage.minutes_repository_day)]
    if facts.pull_request_number:
        ceilings.append(("minutes.perPullRequestDay", per_pull_request, usage.minutes_pull_request_day))
    spent = 0
    for item in taking:
        cost = sum(durations.get(name, 0) for name in (item.job.name, *item.along))
        for name, ceiling, used in ceilings:
            if ceiling is not None and used + spent + cost > ceiling:
                item.no(Reason.COST_CEILING, f"{name} {ceiling}, used {used + spent}, this costs {cost}")
        if item.eligible:
            spent += cost


def _block_all(items: Iterable[_Open], reason: Reason, why: str) -> None:
    for item in items:
        item.no(reason, why)


# --- the one call ------------------------------------------------------------------------------------------------------


def _choose_call(
    opened: Sequence[_Open], request: RerunRequest, facts: RunFacts, lawbook: Lawbook
) -> tuple[Call | None, frozenset[str], str]:
    """The call, the shown names that wait for a later call, and its price in one sentence."""
    eligible = [i for i in opened if i.eligible]
    if not eligible:
        return None, frozenset(), ""
    if request.mode is Mode.ALL_JOBS:
        return _call(Verb.RERUN, eligible, (), opened), frozenset(), "one rerun of the whole run"
    at_stake = [i for i in opened if Reason.NOT_FAILED not in i.why]
    along = tuple(dict.fromkeys(n for i in eligible for n in i.along))
    gates = [i for i in at_stake if set(i.why) == {Reason.DEPENDANT_FAILURE}]
    if len(eligible) + len(gates) == len(at_stake) and all(g.job.name in along for g in gates):
        price = f"one call for {len(eligible)} jobs" + (f" and {len(along)} that run along" if along else "")
        return _call(Verb.RERUN_FAILED_JOBS, eligible, along, opened), frozenset(), price
    return _serial(eligible, opened, facts, lawbook)


def _serial(
    eligible: list[_Open], opened: Sequence[_Open], facts: RunFacts, lawbook: Lawbook
) -> tuple[Call | None, frozenset[str], str]:
    """Single-job reruns one after another: each is an attempt of its own, and takes its dependants along again."""
    durations = {i.job.name: i.job.minutes for i in opened}
    by_name = {i.job.name: i for i in opened}
    chosen: list[_Open] = []
    spent: Counter[str] = Counter()
    minutes = 0
    for item in eligible:
        cost = sum(durations.get(n, 0) for n in (item.job.name, *item.along))
        short = next((n for n in item.along if n in by_name and by_name[n].limits.left - spent[n] < 1), None)
        if lawbook.mixed == "block" and len(opened) > 1:
            item.no(Reason.MIXED_FAILURES, "mixed: block, and not every failed job is eligible")
        elif len(chosen) >= lawbook.serial.max_attempts:
            item.no(
                Reason.MIXED_FAILURES,
                f"{len(eligible)} single reruns, serial.maxAttempts is {lawbook.serial.max_attempts}",
            )
        elif minutes + cost > lawbook.serial.max_minutes:
            item.no(
                Reason.MIXED_FAILURES, f"{minutes + cost} minutes, serial.maxMinutes is {lawbook.serial.max_minutes}"
            )
        elif short is not None:
            item.no(Reason.MAX_ATTEMPTS_EXCEEDED, f"{short} would run along once more: {by_name[short].limits}")
        else:
            chosen.append(item)
            minutes += cost
            spent.update(item.along)
    if not chosen:
        return None, frozenset(), ""
    first, *rest = chosen
    names = ", ".join(i.job.name for i in chosen)
    price = f"{len(chosen)} single-job reruns, one after another: {names}" if rest else f"one single-job rerun: {names}"
    if facts.run.run_attempt:
        price += f"; {len(chosen)} of the run's {MAX_PLATFORM_RERUNS} reruns at GitHub"
    return _call(Verb.RERUN_JOB, [first], first.along, opened), frozenset(i.job.name for i in rest), price


def _call(verb: Verb, named: Sequence[_Open], along: Sequence[str], opened: Sequence[_Open]) -> Call:
    by_name = {i.job.name: i for i in opened}
    names = {i.job.name for i in named}
    along_items = [by_name[n] for n in along if n in by_name and n not in names]
    return Call(
        verb=verb,
        target_job_id=named[0].job.id if verb is Verb.RERUN_JOB else None,
        named=tuple(_ref(i) for i in named),
        dependants=tuple(_ref(i) for i in along_items),
        limits={i.job.name: (i.run_limit, i.sha_limit) for i in (*named, *along_items)},
    )


def _ref(item: _Open) -> JobRef:
    return JobRef(
        name=item.job.name,
        key=item.key,
        job_id=item.job.id,
        minutes=item.job.minutes,
        labels=item.job.labels,
        signature=item.verdict.signature if item.verdict else None,
    )


# --- the answer --------------------------------------------------------------------------------------------------------


def _close(item: _Open, sent: set[str], queued: frozenset[str], *, asleep: bool) -> JobPlan:
    reasons = by_precedence(item.why)
    action: Action = reasons[0].action if reasons else Action.RERUN
    reason: Reason | None = reasons[0] if reasons else None
    state: str | None = None
    attempt = 0
    if not reasons:
        state = "queued" if item.job.name in queued else "sent"
        reason = CLASS_REASONS.get(item.verdict.failure_class) if item.verdict else None
        attempt = item.limits.used + 1
        if asleep:
            state = {"queued": "would_queue", "sent": "would_send"}[state]
            action, reason, attempt = Action.SKIP, Reason.DRY_RUN, 0
        reasons = () if reason is None else (reason,)
    return JobPlan(
        name=item.job.name,
        key=item.key,
        job=item.job,
        action=action,
        reason=reason,
        reasons=reasons,
        why=dict(item.why),
        verdict=item.verdict,
        limits=item.limits,
        attempt_number=attempt,
        state=state,
    )


def _decision(jobs: Sequence[JobPlan]) -> str:
    actions = {job.action for job in jobs}
    if Action.RERUN in actions:
        return "RERUN_TRIGGERED"
    return "BLOCKED" if Action.BLOCKED in actions else "NOOP"


def _sentences(
    jobs: Sequence[JobPlan], facts: RunFacts, policy: Policy, price: str, *, asleep: bool
) -> tuple[str, ...]:
    del facts
    lines: list[str] = []
    acting = [j for j in jobs if j.state]
    if acting:
        verb = "would be rerun" if asleep else "to rerun"
        lines.append(f"{len(acting)} of {len(jobs)} jobs {verb}: {price}")
    groups: dict[Reason, list[JobPlan]] = {}
    for job in jobs:
        if job.reason and not job.state:
            groups.setdefault(job.reason, []).append(job)
    for reason in by_precedence(groups):
        if reason is Reason.NOT_FAILED:
            continue
        members = groups[reason]
        detail = members[0].why.get(reason, "")
        names = ", ".join(j.name for j in members[:3]) + (f" and {len(members) - 3} more" if len(members) > 3 else "")
        lines.append(f"{reason}: {names}" + (f" ({detail})" if detail else ""))
    return (*lines, *policy.remarks)


def _cooldown_end(opened: Sequence[_Open], lawbook: Lawbook, usage: Usage) -> datetime | None:
    ends = [
        usage.last_rerun[i.key] + timedelta(minutes=lawbook.stop_rules.cooldown_minutes)
        for i in opened
        if Reason.COOLDOWN_ACTIVE in i.why and i.key in usage.last_rerun
    ]
    return max(ends) if ends else None
