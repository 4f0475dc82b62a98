"""Fresh facts of one run, for a tick: it knows the run by id and trusts nothing that was read before."""

from __future__ import annotations

from dataclasses import replace

from cicatrix.core.actions import PERMISSION_ROLES, ROLE_FOR_ACTION, Role
from cicatrix.core.attempts import RunFacts
from cicatrix.core.facts import WorkflowRun
from cicatrix.core.policy import RerunRequest
from cicatrix.flows.context import Context
from cicatrix.flows.policies import read_rules
from cicatrix.flows.reading import Reading, Target, newer_run, policy_now, read_run, repository_of, with_standing
from cicatrix.github import Refused


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
    rules = replace(read_rules(ctx, owner, repository), caller=_caller_problem(ctx, request, owner, repository))
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


def _caller_problem(ctx: Context, request: RerunRequest, owner: str, repository: str) -> str:
    """Why the GitHub user who asked may ask for this no longer, as GitHub tells it now (AU-4).

    Empty where they may, and for everybody else: a key is looked up where the decision is recorded.
    """
    kind, _, rest = request.principal.partition(":")
    login, _, host = rest.rpartition("@")
    if kind != "github" or not login:
        return ""
    if host != ctx.github.host.name:
        return f"{request.principal} asked at another host than {ctx.github.host.name}"
    try:
        word = ctx.github.permission(owner, repository, login)
    except Refused as no:
        if no.status == 401:  # Unauthorized: our own credential, and nothing can be told about anybody
            raise
        return f"GitHub does not tell the permission of {request.principal}: {no.why}"
    role = None if word is None else PERMISSION_ROLES.get(word)
    needed = ROLE_FOR_ACTION.get(request.action, Role.ADMIN)
    if role is not None and role >= needed:
        return ""
    told = f"the role {role.word}" if role else "no role"
    return f"{request.principal} has {told} there now, and {request.action} asks for {needed.word}"
