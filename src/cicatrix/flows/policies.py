"""One policy per repository: built-in or base lawbook, the repository's own file, environment, pin, kill switch."""

from __future__ import annotations

from cicatrix.core.lawbook import Layer, pin_problem, resolve
from cicatrix.core.policy import Environment, Policy
from cicatrix.core.reasons import Reason
from cicatrix.flows.context import Context, Deployment
from cicatrix.lawbook import load

REPOSITORY_LAWBOOK = ".github/cicatrix.yml"


def read_policy(ctx: Context, owner: str, repository: str, *, dry_run: bool = False) -> Policy:
    """The repository's policy now. Its lawbook is read from the default branch (conditional request) only."""
    deployment = ctx.deployment
    text = ctx.github.file(owner, repository, REPOSITORY_LAWBOOK) if deployment.read_repository_lawbook else None
    layer, problems = load(text, REPOSITORY_LAWBOOK) if text is not None else (None, ())
    return make_policy(deployment, layer, tuple(str(p) for p in problems), dry_run=dry_run)


def make_policy(
    deployment: Deployment, repository: Layer | None, problems: tuple[str, ...] = (), *, dry_run: bool = False
) -> Policy:
    """The layers resolved, and everything that stops writes before any fact is looked at."""
    resolved = resolve([layer for layer in (deployment.base, repository) if layer is not None])
    stops: list[tuple[Reason, str]] = []
    remarks: list[str] = []
    switch = deployment.kill_switch()
    if switch:
        stops.append((Reason.KILL_SWITCH, switch))
    mismatch = pin_problem(deployment.lawbook_pin, resolved)
    if mismatch and dry_run:
        remarks.append(f"{Reason.LAWBOOK_MISMATCH}: {mismatch}; reads and dry runs work, a write would be refused")
    elif mismatch:
        stops.append((Reason.LAWBOOK_MISMATCH, mismatch))
    stops += [(Reason.LAWBOOK_BLOCK, problem) for problem in (*deployment.base_problems, *problems)]
    if deployment.environment is Environment.PROD:
        if resolved.built_in:
            stops.append(
                (Reason.LAWBOOK_BLOCK, "prod has no lawbook: give --lawbook, CICATRIX_LAWBOOK or .github/cicatrix.yml")
            )
        stops.append((Reason.REGISTRY_DENIED, "prod has no registry of repository actions (it comes with part 2)"))
    elif resolved.built_in:
        remarks.append(f"staging without a registry, under the built-in lawbook {resolved.lawbook.version}")
    if deployment.attempt_bound_only:
        remarks.append("inside GitHub Actions without a database: wider budgets are not enforced here")
    remarks += [f"lawbook: {line}" for line in resolved.ignored]
    return Policy(
        resolved=resolved,
        environment=deployment.environment,
        stops=tuple(stops),
        attempt_bound_only=deployment.attempt_bound_only,
        remarks=tuple(remarks),
    )
