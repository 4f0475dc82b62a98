"""Law 5 by itself: the same facts, told in another order, give the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from cicatrix.core.operations import UsageQuery
from cicatrix.core.plan import plan_rerun
from cicatrix.core.policy import RerunRequest
from cicatrix.flows.reading import Target, read_target
from cicatrix.github import GitHubError
from tests.simulation.stage import NAME, OWNER, Stage

T = TypeVar("T")


def replan(stage: Stage) -> list[str]:
    """Read the story's first run before anything happens, and plan it over and over."""
    ctx = stage.shared
    run = stage.runs[0]
    faults, stage.world.faults.active = stage.world.faults.active, []
    try:
        reading = read_target(ctx, Target(owner=OWNER, repository=NAME, run_id=str(run.id)))
    except GitHubError:
        return []  # a story without a readable run_attempt or token
    finally:
        stage.world.faults.active = faults
    facts, policy = reading.runs[0], reading.policy
    with ctx.ledger.read() as view:
        query = UsageQuery(
            host=facts.repository.host,
            repository_id=facts.repository.id,
            owner_id=facts.repository.owner_id,
            run_id=facts.run.id,
            pull_request=facts.pull_request_number,
            head_sha=facts.run.head_sha,
        )
        usage = view.usage(query, stage.world.now)
    found = []
    for limit in (2, 5):
        request = RerunRequest(request_id="replanned", principal="cli:person", max_attempts=limit)
        first = plan_rerun(request, facts, policy, usage, stage.world.now)
        for number in range(4):
            turned = replace(facts, verdicts=backwards(facts.verdicts))
            again = plan_rerun(request, turned, policy, backwards(usage), stage.world.now)
            if again != first:
                found.append(f"law 5: plan {number + 2} of run {run.id} is not the first one: {again} / {first}")
                break
    return found


def backwards(value: T) -> T:
    """An equal value whose mappings tell their items in the opposite order."""
    turned: Any = value
    if isinstance(value, Mapping):
        turned = {key: backwards(value[key]) for key in reversed(list(value))}
    elif is_dataclass(value) and not isinstance(value, type):
        turned = replace(value, **{f.name: backwards(getattr(value, f.name)) for f in fields(value) if f.init})
    return turned  # type: ignore[no-any-return]  # equal in type by construction
