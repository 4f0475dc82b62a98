"""Reads what a decision needs, independent reads side by side, and never more than the documented requests.

pull request · runs and check runs of its head · for each failed run: jobs of each attempt, workflow files · logs of the
failed jobs that facts do not settle. Lawbook and identity are read beside the pull request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from cicatrix.core.attempts import RunFacts, is_dependant_failure, merged_jobs
from cicatrix.core.facts import (
    Attempt,
    CheckRun,
    Identity,
    Job,
    Listing,
    PullRequest,
    Repository,
    WorkflowRun,
)
from cicatrix.core.graph import Graph
from cicatrix.core.plan import NOT_FAILED
from cicatrix.core.policy import Policy, RerunRequest
from cicatrix.core.verdict import Verdict
from cicatrix.flows.context import Context
from cicatrix.flows.policies import Rules, policy_in, read_rules
from cicatrix.flows.standing import read_standing
from cicatrix.github import GitHubError, Refused
from cicatrix.lawbook import load_workflow

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

ACTIONS_APP = "github-actions"
MAX_ATTEMPTS_READ = 51


Place = tuple[str, str, str]
"""Repository, path and ref of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFileAt:
    """A workflow file at a commit, and the name by which the graph looks it up."""

    repository: str
    path: str
    ref: str
    name: str

    @property
    def place(self) -> Place:
        return self.repository.lower(), self.path, self.ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What somebody pointed at: a pull request, a run, or a SHA of one repository."""

    owner: str
    repository: str
    pull_request: int | None = None
    run_id: str | None = None
    sha: str | None = None

    def __str__(self) -> str:
        name = f"{self.owner}/{self.repository}"
        if self.pull_request is not None:
            return f"{name}#{self.pull_request}" + (f" run {self.run_id}" if self.run_id else "")
        return f"{name} run {self.run_id}" if self.run_id else f"{name}@{(self.sha or '')[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything read for one request."""

    target: Target
    policy: Policy
    """As of when it was read; a decision resolves `rules` again under the ledger's lock."""
    identity: Identity
    repository: Repository | None
    pull_request: PullRequest | None
    runs: tuple[RunFacts, ...]
    """The runs to decide, in the fixed order (workflow id, run id)."""
    other_checks: tuple[CheckRun, ...] = ()
    """Failed checks of other apps."""
    pending: tuple[str, ...] = ()
    """Names of workflows of the head that are still going."""
    hole: str | None = None
    """Why the listings of the head have a hole, if they have one."""
    rules: Rules = field(default_factory=Rules)


LOOK = RerunRequest(request_id="look", principal="look")
"""The request of whoever only looks."""


def read_target(ctx: Context, target: Target, request: RerunRequest = LOOK) -> Reading:
    """Facts about everything red at the target. Raises GitHubError when GitHub cannot be read."""

    def own_rules() -> Rules:
        return read_rules(ctx, target.owner, target.repository, dry_run=request.dry_run)

    def identity() -> Identity:
        return ctx.github.identity(target.owner, target.repository)

    def subject() -> tuple[PullRequest | None, WorkflowRun | None]:
        return _read_subject(ctx, target)

    rules, found_identity, (pull, named) = three(ctx, own_rules, identity, subject)
    head_sha = pull.head_sha if pull else (named.head_sha if named else target.sha or "")
    runs, checks = _read_head(ctx, target, pull, named, head_sha)
    red = (
        [named] if named else sorted((r for r in runs.items if r.failed), key=lambda r: (int(r.workflow_id), int(r.id)))
    )
    own = _own_pull_requests(ctx, target, red) if pull is None and named is None else {}
    if own and len({p.number if p else 0 for p in own.values()}) == 1:
        pull = next(iter(own.values()))
    repository = pull.base if pull else None
    if repository is None and (seen := [*red, *runs.items]):
        repository = repository_of(ctx, target.owner, target.repository, seen[0])
    head = _Head(runs=runs.items, hole=runs.incomplete or checks.incomplete, named=named is not None)
    facts = ctx.gather(
        [_run_reader(ctx, repository, own.get(run.id, pull), run, head) for run in red if repository is not None]
    )
    ids = tuple(run.id for run in red)
    rules = with_standing(ctx, rules, request, repository, pull=pull, head_sha=head_sha, run_ids=ids)
    others = tuple(
        c
        for c in checks.items
        if c.app_slug != ACTIONS_APP and c.status == "completed" and c.conclusion not in NOT_FAILED
    )
    pending = tuple(r.name for r in runs.items if not r.completed)
    return Reading(
        target=target,
        policy=policy_now(ctx, rules, request, facts[0] if facts else None, repository),
        rules=rules,
        identity=found_identity,
        repository=repository,
        pull_request=pull,
        runs=tuple(facts),
        other_checks=others,
        pending=pending,
        hole=head.hole,
    )


def with_standing(
    ctx: Context,
    rules: Rules,
    request: RerunRequest,
    repository: Repository | None,
    *,
    pull: PullRequest | None,
    head_sha: str,
    run_ids: tuple[str, ...],
) -> Rules:
    """The rules with the facts that the repository's active registry asks for; nothing is read where it asks none.

    `run_ids` are the red runs that the request is about.
    """
    if repository is None:
        return rules
    with ctx.ledger.read() as view:
        active = view.active_registry(repository.host, repository.id)
    config = active.registry.action(request.action) if active else None
    if active is None or config is None:
        return rules
    standing = read_standing(
        ctx,
        config,
        active.registry,
        repository.owner,
        repository.name,
        pull,
        head_sha or None,
        request.asker,
        run_ids=run_ids,
    )
    return replace(rules, standing=standing, registry_hash=active.registry.hash)


def policy_now(
    ctx: Context, rules: Rules, request: RerunRequest, facts: RunFacts | None, home: Repository | None
) -> Policy:
    """The policy of this moment, for showing; the binding one is resolved where the decision is recorded."""
    with ctx.ledger.read() as view:
        return policy_in(view, ctx.deployment, rules, request, facts, home=home)


def three(ctx: Context, a: Callable[[], A], b: Callable[[], B], c: Callable[[], C]) -> tuple[A, B, C]:
    """Three reads of different kinds side by side."""
    thunks: list[Callable[[], object]] = [a, b, c]
    return cast("tuple[A, B, C]", tuple(ctx.gather(thunks)))


def _read_subject(ctx: Context, target: Target) -> tuple[PullRequest | None, WorkflowRun | None]:
    thunks: list[Callable[[], PullRequest | WorkflowRun | None]] = [
        lambda: (
            ctx.github.pull_request(target.owner, target.repository, target.pull_request)
            if target.pull_request is not None
            else None
        ),
        lambda: ctx.github.run(target.owner, target.repository, target.run_id) if target.run_id is not None else None,
    ]
    pull, run = cast("tuple[PullRequest | None, WorkflowRun | None]", tuple(ctx.gather(thunks)))
    if pull is None and run is not None:
        pull = _pull_request_of(ctx, target, run)
    return pull, run


def _pull_request_of(ctx: Context, target: Target, run: WorkflowRun) -> PullRequest | None:
    """The pull request that a run names, if it names one (a fork's run names none)."""
    if not run.pull_request_numbers:
        return None
    return ctx.github.pull_request(target.owner, target.repository, run.pull_request_numbers[0])


def _own_pull_requests(ctx: Context, target: Target, runs: Sequence[WorkflowRun]) -> dict[str, PullRequest | None]:
    """Run id -> the pull request that the run names: runs of one SHA need not belong to the same one, or to any."""
    numbers = sorted({r.pull_request_numbers[0] for r in runs if r.pull_request_numbers})
    pulls = ctx.gather([_pull_reader(ctx, target, number) for number in numbers])
    known = dict(zip(numbers, pulls, strict=True))
    return {r.id: known[r.pull_request_numbers[0]] if r.pull_request_numbers else None for r in runs}


def _pull_reader(ctx: Context, target: Target, number: int) -> Callable[[], PullRequest]:
    return lambda: ctx.github.pull_request(target.owner, target.repository, number)


def _read_head(
    ctx: Context, target: Target, pull: PullRequest | None, named: WorkflowRun | None, head_sha: str
) -> tuple[Listing[WorkflowRun], Listing[CheckRun]]:
    """Runs and check runs of the head; for a run without a pull request, runs of its workflow and branch instead."""
    nothing: Listing[CheckRun] = Listing(())
    if pull is None and named is not None:
        if named.head_branch is None:
            return Listing(()), nothing
        return ctx.github.runs_of_branch(target.owner, target.repository, named.workflow_id, named.head_branch), nothing
    thunks: list[Callable[[], Listing[WorkflowRun] | Listing[CheckRun]]] = [
        lambda: ctx.github.runs_of_head(target.owner, target.repository, head_sha),
        lambda: ctx.github.check_runs(target.owner, target.repository, head_sha),
    ]
    runs, checks = ctx.gather(thunks)
    return runs, checks  # type: ignore[return-value]  # a heterogeneous gather: first runs, then check runs


def repository_of(ctx: Context, owner: str, name: str, run: WorkflowRun) -> Repository:
    """The repository as a run names it: under its present name, whatever name was asked for (RG-7)."""
    if run.repository_full_name.count("/") == 1:
        owner, _, name = run.repository_full_name.partition("/")
    return Repository(
        host=ctx.github.host.name, id=run.repository_id, owner=owner, name=name, owner_id=run.repository_owner_id
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What all red runs of a head share."""

    runs: tuple[WorkflowRun, ...]
    hole: str | None
    named: bool
    """The run was named by id: `runs` then already holds those of its workflow and branch."""
    files: dict[Place, bytes | None] = field(default_factory=dict)


def _run_reader(
    ctx: Context, repository: Repository, pull: PullRequest | None, run: WorkflowRun, head: _Head
) -> Callable[[], RunFacts]:
    def read() -> RunFacts:
        newer = newer_run(run, head.runs)
        if pull is None and not head.named and run.head_branch is not None:
            branch = ctx.github.runs_of_branch(repository.owner, repository.name, run.workflow_id, run.head_branch)
            newer = newer_run(run, branch.items)
        return read_run(ctx, repository, pull, run, newer=newer, hole=head.hole, files=head.files)

    return read


def newer_run(run: WorkflowRun, runs: Sequence[WorkflowRun]) -> WorkflowRun | None:
    """The newest other run of the same workflow, event and ref with a higher run number, if there is one."""
    later = [
        r
        for r in runs
        if r.workflow_id == run.workflow_id
        and r.event == run.event
        and r.head_branch == run.head_branch
        and r.head_repository_id == run.head_repository_id
        and r.run_number > run.run_number
    ]
    return max(later, key=lambda r: r.run_number, default=None)


def read_run(
    ctx: Context,
    repository: Repository,
    pull: PullRequest | None,
    run: WorkflowRun,
    *,
    newer: WorkflowRun | None = None,
    hole: str | None = None,
    files: dict[Place, bytes | None] | None = None,
) -> RunFacts:
    """Attempts, workflow files and the verdicts of the failed jobs of one run."""
    files = {} if files is None else files
    owner, name = repository.owner, repository.name
    numbers = range(1, min(run.run_attempt or 0, MAX_ATTEMPTS_READ) + 1)
    wanted = _workflow_files(run, owner, name)
    thunks: list[Callable[[], object]] = [_jobs_reader(ctx, owner, name, run.id, n) for n in numbers]
    thunks += [_file_reader(ctx, place, files) for place in dict.fromkeys(f.place for f in wanted)]
    got = ctx.gather(thunks)
    attempts, holes = [], [hole] if hole else []
    for number, listing in zip(numbers, got, strict=False):
        assert isinstance(listing, Listing)
        if listing.incomplete:
            holes.append(f"attempt {number}: {listing.incomplete}")
        attempts.append(Attempt(number=number, jobs=listing.items))
    graph, problem = _graph(run, wanted, files)
    facts = RunFacts(
        repository=repository,
        pull_request=pull,
        run=run,
        attempts=tuple(attempts),
        incomplete=holes[0] if holes else None,
        graph=graph,
        graph_problem=problem,
        newer_run_id=newer.id if newer else None,
    )
    return diagnose_run(ctx, facts)


def _jobs_reader(ctx: Context, owner: str, name: str, run_id: str, number: int) -> Callable[[], Listing[Job]]:
    def read() -> Listing[Job]:
        try:
            return ctx.github.jobs(owner, name, run_id, number)
        except Refused as no:
            if no.status == 404:
                return Listing((), f"GitHub does not show attempt {number} of run {run_id}")
            raise

    return read


def _workflow_files(run: WorkflowRun, owner: str, name: str) -> list[WorkflowFileAt]:
    """The run's workflow file and each reusable one it used, at the commits that ran."""
    home = f"{owner}/{name}"
    wanted = [WorkflowFileAt(repository=home, path=run.path, ref=run.head_sha, name=run.path)]
    for reference, sha in run.referenced_workflows:
        place, _, ref = reference.partition("@")
        pieces = place.split("/", 2)
        if len(pieces) != 3:  # owner / repository / path
            continue
        repository, path = f"{pieces[0]}/{pieces[1]}", pieces[2]
        wanted.append(WorkflowFileAt(repository=repository, path=path, ref=sha or ref, name=reference))
        if repository.lower() == home.lower() and (sha or run.head_sha) == run.head_sha:
            wanted.append(WorkflowFileAt(repository=home, path=path, ref=run.head_sha, name=path))
    return wanted


def _file_reader(ctx: Context, place: Place, files: dict[Place, bytes | None]) -> Callable[[], None]:
    def read() -> None:
        if place in files:
            return
        owner, _, name = place[0].partition("/")
        try:
            files[place] = ctx.github.file(owner, name, place[1], ref=place[2])
        except Refused:
            files[place] = (
                None  # a file of another repository that the token may not read: the graph is then unresolved
            )

    return read


def _graph(
    run: WorkflowRun, wanted: Sequence[WorkflowFileAt], files: dict[Place, bytes | None]
) -> tuple[Graph | None, str | None]:
    if files.get(wanted[0].place) is None:
        return None, f"{run.path} cannot be read at {run.head_sha[:12]}"
    trees: dict[str, object] = {}
    for file in wanted:
        text = files.get(file.place)
        tree = load_workflow(text) if text is not None else None
        if tree is not None:
            trees[file.name] = tree
    if run.path not in trees:
        return None, f"{run.path} is not a workflow file that can be parsed"
    return Graph.build(run.path, trees), None


def diagnose_run(ctx: Context, facts: RunFacts) -> RunFacts:
    """The same facts with a verdict for each failed job: facts first, a log only where they do not settle it."""
    jobs = [j for j in merged_jobs(facts.attempts) if j.failed and not is_dependant_failure(j, facts)]
    verdicts: dict[str, Verdict] = {}
    unsettled = []
    for job in jobs:
        verdict = ctx.diagnoser.from_facts(job, facts.run.conclusion)
        if verdict is None:
            unsettled.append(job)
        else:
            verdicts[job.id] = verdict
    gone = False
    for job, (verdict, missing) in zip(
        unsettled, ctx.gather([_log_reader(ctx, facts, j) for j in unsettled]), strict=True
    ):
        verdicts[job.id] = verdict
        gone = gone or missing == "gone"
    return replace(facts, verdicts=verdicts, logs_gone=gone)


def diagnose_job(ctx: Context, facts: RunFacts, job: Job) -> Verdict:
    """The verdict on one failed job by itself."""
    return ctx.diagnoser.from_facts(job, facts.run.conclusion) or _log_reader(ctx, facts, job)()[0]


def _log_reader(ctx: Context, facts: RunFacts, job: Job) -> Callable[[], tuple[Verdict, str | None]]:
    def read() -> tuple[Verdict, str | None]:
        log = ctx.github.job_log(facts.repository.owner, facts.repository.name, job.id)
        return ctx.diagnoser.diagnose(job, log, facts.run.conclusion), log.missing

    return read


def read_head_again(ctx: Context, facts: RunFacts) -> RunFacts:
    """The one read before the write: the pull request's head, or the run itself when there is none."""
    owner, name = facts.repository.owner, facts.repository.name
    if facts.pull_request is not None:
        return replace(facts, pull_request=ctx.github.pull_request(owner, name, facts.pull_request.number))
    return replace(facts, run=ctx.github.run(owner, name, facts.run.id))


__all__ = ["GitHubError", "Reading", "Target", "read_head_again", "read_run", "read_target"]
