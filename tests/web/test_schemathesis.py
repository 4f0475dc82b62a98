"""Our OpenAPI against our API: generated requests, good and bad, under every check of schemathesis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import AuthContext, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.schemas import OpenApiSchema

from cicatrix.core.actions import Role
from tests.web.desk import Desk

SEED = 20261121
EXAMPLES, READ_EXAMPLES = 30, 8
"""In each of the two modes."""
SWITCHES = {
    "deployment": set(),
    "action": {"action"},
    "repository": {"owner", "repo"},
    "organisation": {"owner", "repo"},
}
OPERATIONS = (
    "rerunFailedJobs",
    "rerunBatch",
    "triageChecks",
    "promptForChecks",
    "listDecisions",
    "getDecision",
    "listOperations",
    "getOperation",
    "listCases",
    "getCase",
    "listAttempts",
    "listAudit",
    "listEntries",
    "getEntry",
    "getHead",
    "getProof",
    "listRegistries",
    "getRegistry",
    "putRegistry",
    "getLawbook",
    "listKillSwitches",
    "setKillSwitch",
    "liftKillSwitch",
    "getHealth",
    "getReadiness",
)


@pytest.fixture
def described(desk: Desk) -> OpenApiSchema:
    """The description that a caller reads, with a caller who may do everything."""
    desk.red()
    schema = schemathesis.openapi.from_url(f"{desk.url}/openapi.json")
    key = desk.key(Role.ADMIN, repositories=None)

    class Bearer:
        """Sends the key as its holder does."""

        def get(self, _case: Any, _context: AuthContext) -> str:
            return key

        def set(self, case: Any, data: str, _context: AuthContext) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    schema.auth(Bearer)
    return schema


def operations(schema: OpenApiSchema) -> Iterator[Any]:
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


def test_every_route_is_tried(described: OpenApiSchema) -> None:
    found = {operation.definition.raw["operationId"] for operation in operations(described)}
    assert found == set(OPERATIONS)


def agree(case: Any) -> None:
    """What OpenAPI cannot say: fields that go together. A repository that exists is asked for in most cases."""
    body, query = case.body, case.query or {}
    if "prNumber" in (case.path_parameters or {}):
        case.path_parameters["prNumber"] = 1
    if isinstance(body, dict):
        if "requestId" in body and case.headers:
            case.headers.pop("Idempotency-Key", None)
        items = body.get("items", [body])
        for n, item in enumerate(items, 1):
            if {"owner", "repo"} <= item.keys():
                item |= {"owner": "acme", "repo": "shop"}
            if "items" in body:
                item["prNumber"] = n
        if "repository" in body:
            body["repository"] = "{owner}/{repo}".format(**case.path_parameters or {})
    for fields in (query, body if isinstance(body, dict) else {}):
        if "scope" in fields:
            wanted = SWITCHES[str(fields["scope"])]
            given_ = {"owner": "acme", "repo": "shop", "action": "rerun_failed_jobs"}
            for name, value in given_.items():
                fields.pop(name, None)
                if name in wanted:
                    fields[name] = value
        elif ("owner" in fields) != ("repo" in fields):
            fields.pop("owner", None)
            fields.pop("repo", None)
        elif "owner" in fields and "items" not in fields:
            fields |= {"owner": "acme", "repo": "shop"}


@pytest.mark.shows("T17", "AP-4")
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_answer_is_a_fault_or_undocumented(name: str, described: OpenApiSchema, desk: Desk) -> None:
    operation = next(op for op in operations(described) if op.definition.raw["operationId"] == name)
    seen: Counter[int] = Counter()

    def tried(mode: GenerationMode) -> None:
        @seed(SEED)
        @settings(
            max_examples=READ_EXAMPLES if name.startswith(("get", "list")) else EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            if mode is GenerationMode.POSITIVE:
                agree(case)
            answer = case.call()
            seen[answer.status_code] += 1
            assert answer.status_code < 500
            case.validate_response(answer)

        one()

    print(f"{name}: seed {SEED}")
    tried(GenerationMode.POSITIVE)
    if name not in {"getHealth", "getReadiness", "getHead"}:  # they take nothing that could be wrong
        tried(GenerationMode.NEGATIVE)
    print(f"{name}: {dict(seen)}")
    assert not [fields for event, fields in desk.log if event == "http.fault"]
