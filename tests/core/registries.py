"""Registries, standings and reviews that the tests of the registry start from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cicatrix.core.actions import ActionType
from cicatrix.core.environment import Environment
from cicatrix.core.facts import EnvironmentReview
from cicatrix.core.registry import (
    ActiveRegistry,
    Evaluation,
    Registry,
    Review,
    Standing,
    evaluate,
    validate,
)

FILE = "registry.yml"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEAD, OLD = "a" * 40, "b" * 40
RERUN = ActionType.RERUN_FAILED_JOBS

MINIMAL: dict[str, Any] = {
    "version": "1.0.0",
    "registryId": "acme-site",
    "repository": "acme/site",
    "allowedActions": [{"actionType": "rerun_failed_jobs", "maxRetries": 3, "cooldownMinutes": 5}],
}


def registry(tree: Mapping[str, Any], file: str = FILE) -> Registry:
    found, problems = validate(tree, {}, file)
    assert found is not None, [str(p) for p in problems]
    return found


def active(tree: Mapping[str, Any], **other: str) -> ActiveRegistry:
    lines = {"repository": 3, "allowedActions": 4, f"allowedActions.{RERUN}": 5, "failClosed": 9, "approvalRules": 11}
    document = dataclasses.replace(registry(tree), lines=lines)
    names = {"host": "github.com", "repository_id": "1", "owner_id": "9", "full_name": "acme/site"} | other
    return ActiveRegistry(registry=document, activated_index=1, **names)


def standing(**facts: Any) -> Standing:
    base: dict[str, Any] = {
        "environment": Environment.STAGING,
        "host": "github.com",
        "repository_id": "1",
        "full_name": "acme/site",
        "now": NOW,
        "requester": "asker",
        "evidence": "network.reset@abc",
    }
    return Standing(**base | facts)


def document(*actions: dict[str, Any], **top: Any) -> dict[str, Any]:
    return MINIMAL | {"allowedActions": list(actions)} | top


def rerun(**entry: Any) -> dict[str, Any]:
    return {"actionType": "rerun_failed_jobs", "maxRetries": 2} | entry


def judged(tree: Mapping[str, Any], action: ActionType = RERUN, **facts: Any) -> Evaluation:
    result = evaluate(active(tree), action, standing(**facts))
    assert result.allowed == (result.status == "allowed") == (result.kind == "") == (not result.errors)
    assert json.loads(json.dumps(result.as_json()))["allowed"] is result.allowed
    return result


def review(login: str, state: str = "APPROVED", sha: str | None = HEAD, minutes: int = 10) -> Review:
    return Review(login=login, state=state, commit_sha=sha, submitted_at=NOW - timedelta(minutes=minutes))


def said(login: str, environment: str = "production", state: str = "approved") -> EnvironmentReview:
    return EnvironmentReview(environments=(environment,), login=login, state=state)


def histories(*first: EnvironmentReview, more: tuple[EnvironmentReview, ...] | None = None) -> dict[str, Any]:
    """The review history of run 1, and of run 2 where one is given."""
    return {"environment_reviews": {"1": first} | ({} if more is None else {"2": more})}


WRITERS = {"ann": "write", "bob": "maintain", "cat": "admin", "asker": "admin", "guest": "read", "helper": "triage"}
APPROVED = {"head_sha": HEAD, "reviews": (review("ann"),), "roles": WRITERS}

CORE = {"acme/core": frozenset({"Ann"})}
