"""Facts, usage and policies by hand, for tables of decisions. Everything has a harmless default."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cicatrix.core.attempts import RunFacts
from cicatrix.core.facts import Attempt, Job, PullRequest, Repository, WorkflowRun
from cicatrix.core.graph import Graph
from cicatrix.core.lawbook import LayerKind, resolve, validate
from cicatrix.core.operations import JobRef, Operation, OperationState, Usage, Verb
from cicatrix.core.plan import Plan, plan_rerun
from cicatrix.core.policy import Environment, Policy, RerunRequest
from cicatrix.core.verdict import FailureClass, Verdict

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHA = "a" * 40
PATH = ".github/workflows/ci.yml"
REPOSITORY = Repository(host="github.com", id="600001", owner="acme", name="shop", owner_id="77")
LOST = Verdict(
    failure_class=FailureClass.INFRA_TRANSIENT,
    confidence=97,
    rule="runner.lost",
    stage="facts",
    terminal=True,
    signature="s1",
)
TRANSIENT = Verdict(
    failure_class=FailureClass.INFRA_TRANSIENT, confidence=90, rule="net.reset", stage="log", signature="s2"
)
FLAKY = Verdict(
    failure_class=FailureClass.FLAKY_PROBABLE, confidence=90, rule="test.flaky", stage="log", signature="s3"
)
BROKEN = Verdict(
    failure_class=FailureClass.DETERMINISTIC, confidence=90, rule="compile.error", stage="log", line_number=7
)
UNSURE = Verdict(failure_class=FailureClass.UNKNOWN, confidence=0)


def job(name: str, conclusion: str | None = "failure", **fields: Any) -> Job:
    values: dict[str, Any] = {
        "id": str(zlib.crc32(name.encode())) if "id" not in fields else fields.pop("id"),
        "run_id": "1",
        "run_attempt": 1,
        "name": name,
        "status": "completed",
        "conclusion": conclusion,
        "started_at": NOW - timedelta(minutes=13),
        "completed_at": NOW - timedelta(minutes=10),
    }
    return Job(**{**values, **fields})


def run(**fields: Any) -> WorkflowRun:
    values: dict[str, Any] = {
        "id": "1",
        "workflow_id": "9",
        "path": PATH,
        "name": "ci",
        "event": "pull_request",
        "head_sha": SHA,
        "head_branch": "change",
        "head_repository_id": "600001",
        "repository_id": "600001",
        "repository_owner_id": "77",
        "status": "completed",
        "conclusion": "failure",
        "run_attempt": 1,
        "run_number": 5,
        "created_at": NOW - timedelta(hours=1),
        "run_started_at": NOW - timedelta(hours=1),
        "updated_at": NOW,
        "triggering_actor_id": "5",
        "triggering_actor": "somebody",
        "pull_request_numbers": (1,),
    }
    return WorkflowRun(**{**values, **fields})


def pull(**fields: Any) -> PullRequest:
    values: dict[str, Any] = {
        "number": 1,
        "state": "open",
        "head_sha": SHA,
        "head_ref": "change",
        "base_ref": "main",
        "base": REPOSITORY,
        "head_repository_id": "600001",
        "auto_merge": False,
    }
    return PullRequest(**{**values, **fields})


def facts(
    jobs: Sequence[Job] | Sequence[Sequence[Job]],
    verdicts: Mapping[str, Verdict] | None = None,
    *,
    jobs_file: Mapping[str, object] | None = None,
    **fields: Any,
) -> RunFacts:
    """One run. `jobs` is one attempt, or a list of attempts; `verdicts` go by shown name (lost runner unless given)."""
    single = [j for j in jobs if isinstance(j, Job)]
    listed = [single] if single or not jobs else [list(a) for a in jobs if not isinstance(a, Job)]
    attempts = tuple(Attempt(number=n, jobs=tuple(js)) for n, js in enumerate(listed, 1))
    every = [j for a in attempts for j in a.jobs]
    given = verdicts or {}
    graph = fields.pop("graph", None)
    if graph is None and fields.get("graph_problem") is None:
        tree = {"jobs": jobs_file or {j.name: {"runs-on": "ubuntu-latest"} for j in every}}
        graph = Graph.build(PATH, {PATH: tree})
    values: dict[str, Any] = {
        "repository": REPOSITORY,
        "pull_request": pull(),
        "run": run(run_attempt=len(attempts)),
        "attempts": attempts,
        "graph": graph,
        "verdicts": {j.id: given.get(j.name, LOST) for j in every if j.failed},
    }
    return RunFacts(**{**values, **fields})


def usage(**fields: Any) -> Usage:
    values: dict[str, Any] = {"run_job": {}, "sha_job": (), "label_day": {}, "last_rerun": {}, "same_signal": {}}
    return Usage(**{**values, **fields})


def operation(**fields: Any) -> Operation:
    values: dict[str, Any] = {
        "id": "op1",
        "verb": Verb.RERUN_FAILED_JOBS,
        "host": "github.com",
        "repository_id": "600001",
        "owner_id": "77",
        "owner": "acme",
        "repository": "shop",
        "run_id": "1",
        "target_job_id": None,
        "pull_request": 1,
        "head_sha": SHA,
        "base_attempt": 1,
        "named": (JobRef(name="unit", key=f"{PATH}#unit"),),
        "dependants": (),
        "minutes": 0,
        "request_id": "r",
        "principal": "cli:me",
        "identity": "me",
        "identity_shared": True,
        "decision_id": "d",
        "state": OperationState.CONFIRMED,
        "created_at": NOW - timedelta(minutes=30),
        "sent_at": NOW - timedelta(minutes=30),
    }
    return Operation(**{**values, **fields})


def policy(lawbook: Mapping[str, object] | None = None, **fields: Any) -> Policy:
    """A staging policy under the built-in lawbook, or under these keys as the deployment's own."""
    layers = []
    if lawbook is not None:
        layer, problems = validate({"version": "t.1", **lawbook}, {(): (1, 1)}, "base.yml", kind=LayerKind.DEPLOYMENT)
        assert layer is not None, [str(p) for p in problems]
        layers.append(layer)
    return Policy(**{"resolved": resolve(layers), "environment": Environment.STAGING, **fields})


def request(**fields: Any) -> RerunRequest:
    return RerunRequest(**{"request_id": "r1", "principal": "cli:me", **fields})


def decide(
    run_facts: RunFacts,
    *,
    lawbook: Mapping[str, object] | None = None,
    used: Usage | None = None,
    asked: RerunRequest | None = None,
    rules: Policy | None = None,
    now: datetime = NOW,
    siblings: Sequence[Any] = (),
) -> Plan:
    return plan_rerun(asked or request(), run_facts, rules or policy(lawbook), used or usage(), now, siblings=siblings)


def codes(plan: Plan) -> dict[str, str]:
    return {j.name: f"{j.action} {j.reason.value if j.reason else '-'}" for j in plan.jobs}
