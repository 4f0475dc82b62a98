"""Fresh facts of one run, for a tick: it knows the run by id and trusts nothing that was read before."""

from __future__ import annotations

from dataclasses import replace

from cicatrix.core.attempts import RunFacts
from cicatrix.core.facts import WorkflowRun
from cicatrix.core.policy import RerunRequest
from cicatrix.flows.context import Context
from cicatrix.flows.policies import read_rules
from cicatrix.flows.reading import Reading, Target, newer_run, policy_now, read_run, repository_of, with_standing


def read_fresh(
    ctx: Context,
    request: RerunRequest,
    owner: str,
    repository: str,
    run_id: str,
    *,
    pull_request: int,
    run: WorkflowRun | None = None,
) -> tuple[Reading, RunFacts]:
    """Policy, identity and fresh facts of one run."""
    rules = read_rules(ctx, owner, repository)
    identity = ctx.github.identity(owner, repository)
    run = run or ctx.github.run(owner, repository, run_id)
    pull = ctx.github.pull_request(owner, repository, pull_request) if pull_request else None
    home = pull.base if pull else repository_of(ctx, owner, repository, run)
    facts = read_run(ctx, home, pull, run)
    if run.head_branch is not None:
        branch = ctx.github.runs_of_branch(owner, repository, run.workflow_id, run.head_branch)
        newer = newer_run(run, branch.items)
        facts = replace(facts, newer_run_id=newer.id if newer else None)
    rules = with_standing(ctx, rules, request, home, pull=pull, head_sha=run.head_sha, run_ids=(run.id,))
    target = Target(owner=owner, repository=repository, pull_request=pull_request or None, run_id=run_id)
    return Reading(
        target=target,
        policy=policy_now(ctx, rules, request, facts, home),
        rules=rules,
        identity=identity,
        repository=home,
        pull_request=pull,
        runs=(facts,),
    ), facts
