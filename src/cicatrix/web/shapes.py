"""The answers as OpenAPI describes them. Handlers send the flows' own JSON; these models say what may stand in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Shape(BaseModel):
    """camelCase. Fields may be added in later versions, so unknown ones are no fault."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", populate_by_name=True, from_attributes=True)


class FieldProblem(Shape):
    field: str
    problem: str


class ProblemDocument(Shape):
    """RFC 9457, with the seed's `error`, `code` and `details`."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    error: str
    code: str
    details: dict[str, Any]
    request_id: Annotated[str, Field(description="The correlation id `x-request-id` of this exchange.")]
    next: Annotated[str, Field(description="What to do.")]


class Target(Shape):
    pr_number: Annotated[int, Field(ge=0)]
    run_id: int | None = None


class JobAnswer(Shape):
    job_name: str
    job_id: int | None = None
    prior_conclusion: str
    action: Literal["RERUN", "SKIP", "BLOCKED"]
    attempt_number: Annotated[int, Field(ge=0)]
    reason_code: str | None = None


class Metadata(Shape):
    total_jobs: Annotated[int, Field(ge=0)]
    rerun_jobs: Annotated[int, Field(ge=0)]
    blocked_jobs: Annotated[int, Field(ge=0)]
    skipped_jobs: Annotated[int, Field(ge=0)]


class RerunResult(Shape):
    """The seed's RerunResultV1; what is ours stands after its fields."""

    schema_version: Literal["1.0"]
    request_id: str
    lawbook_hash: str
    deployment_env: Literal["staging", "prod"]
    target: Target
    decision: Literal["RERUN_TRIGGERED", "NOOP", "BLOCKED"]
    reasons: list[str]
    jobs: list[JobAnswer]
    metadata: Metadata
    lawbook_version: str | None = None
    dry_run: bool | None = None
    decision_id: str | None = None
    ledger_index: int | None = None
    operation_id: str | None = None
    wake_at: str | None = None


class BatchResult(Shape):
    owner: str
    repo: str
    pr_number: int
    status: Annotated[int, Field(description="The status that the request would have had by itself.")]
    result: RerunResult | None = None
    problem: ProblemDocument | None = None


class BatchAnswer(Shape):
    schema_version: Literal["1.0"]
    request_id: str
    results: list[BatchResult]


class Paged(Shape):
    next_cursor: Annotated[str | None, Field(description="For `cursor` of the next page; null on the last one.")]


class Decision(Shape):
    """The ledger's entry `rerun.decided`, its texts resolved."""

    index: int
    kind: str
    at: datetime
    decision_id: str
    request_id: str
    principal: str
    host: str
    repository_id: str
    repository: str
    pull_request: int
    run_id: str
    decision: str
    reasons: str
    jobs: list[dict[str, Any]]


class Decisions(Paged):
    items: list[Decision]


class JobRefShape(Shape):
    name: str
    key: str
    job_id: str | None
    minutes: int


class OperationShape(Shape):
    id: str
    kind: str
    verb: str
    state: Literal["SENT", "DEFERRED", "CONFIRMED", "REFUSED", "INDETERMINATE"]
    host: str
    repository_id: str
    owner: str
    repository: str
    run_id: str
    target_job_id: str | None
    pull_request: int
    head_sha: str
    base_attempt: int
    named: list[JobRefShape]
    dependants: list[JobRefShape]
    minutes: int
    request_id: str
    principal: str
    identity: str
    identity_shared: bool
    decision_id: str
    created_at: datetime
    sent_at: datetime | None
    not_before: datetime | None
    settled_at: datetime | None
    sends: int
    answer: str
    decided_index: int | None
    intended_index: int | None
    settled_index: int | None


class Operations(Paged):
    items: list[OperationShape]


class CaseShape(Shape):
    id: str
    host: str
    repository_id: str
    owner: str
    repository: str
    run_id: str
    pull_request: int
    head_sha: str
    state: str
    wake_at: datetime | None
    awaits: str
    opened_at: datetime
    updated_at: datetime
    operation_id: str | None
    note: str


class Cases(Paged):
    items: list[CaseShape]


class Attempt(Shape):
    """A row of `job_rerun_attempts`: the seed's columns first."""

    id: int
    created_at: datetime
    resource_owner: str
    resource_repo: str
    pr_number: int
    workflow_run_id: str
    job_name: str
    attempt_number: int
    request_id: str
    decision: Literal["RERUN_TRIGGERED", "NOOP", "BLOCKED"]
    reason_code: str | None
    reasons: list[str]
    prior_conclusion: str | None
    failure_class: str | None
    lawbook_hash: str
    max_attempts_limit: int
    github_response: dict[str, Any] | None
    github_error: str | None
    host: str
    repository_id: str
    head_sha: str
    run_attempt_before: int | None
    run_attempt_after: int | None
    operation_id: str | None
    operation_state: str | None
    rule_id: str | None
    decision_id: str
    ledger_index: int


class Attempts(Paged):
    items: list[Attempt]


class Audit(Shape):
    """A row of `workflow_action_audit`: the seed's columns first."""

    id: int
    created_at: datetime
    action_type: str
    action_status: Literal["pending", "completed", "failed", "noop", "blocked"]
    resource_type: str
    resource_owner: str
    resource_repo: str
    resource_number: int | None
    initiated_by: str
    initiated_at: datetime
    completed_at: datetime | None
    action_params: dict[str, Any]
    action_result: dict[str, Any]
    error_message: str | None
    error_details: dict[str, Any] | None
    host: str
    repository_id: str
    request_id: str
    operation_id: str | None
    ledger_index: int


class AuditRows(Paged):
    items: list[Audit]


class Entry(Shape):
    """One entry: `leafHash` is SHA-256 of a zero byte and `body` in UTF-8 (RFC 6962 section 2.1)."""

    index: int
    kind: str
    created_at: datetime
    body: Annotated[str, Field(description="The hashed text itself, RFC 8785 JSON. Foreign texts are commitments.")]
    leaf_hash: str


class Entries(Paged):
    items: list[Entry]


class HeadShape(Shape):
    size: int
    root: str


class ProofShape(Shape):
    """With RFC 9162 section 2.1.3.2, shows that the leaf stands at `index` of the tree of `size` with that root."""

    index: int
    size: int
    leaf_hash: str
    root: str
    path: list[str]


class RegistryShape(Shape):
    host: str
    repository_id: str
    repository: str
    registry_id: str
    version: str
    content_hash: str
    ledger_index: int
    file: str
    document: dict[str, Any]
    lines: Annotated[dict[str, int], Field(description="Dotted place in the document -> its line in `file`.")]


class Registries(Shape):
    items: list[RegistryShape]


class ChangeShape(Shape):
    place: str
    before: str | None
    after: str | None
    means: str
    direction: str


class RegistryApplied(Shape):
    repository: str
    repository_id: str
    registry_id: str
    version: str
    content_hash: str
    dry_run: bool
    changed: bool
    changes: list[ChangeShape]
    remarks: list[str]
    ledger_index: int | None


class Lawbook(Shape):
    version: str
    hash: str
    base_version: str
    base_hash: str
    built_in: bool
    lawbook: dict[str, Any]
    origins: dict[str, str]
    ignored: list[str]
    problems: list[str]


class Switch(Shape):
    scope: Literal["deployment", "organisation", "repository", "action"]
    host: str
    target: str
    reason: str
    set_by: str
    set_at: datetime
    ledger_index: int


class Switches(Shape):
    items: list[Switch]
    elsewhere: Annotated[str | None, Field(description="Why variable or file stop every write, if they do.")]


class SwitchChanged(Shape):
    scope: str
    host: str
    target: str
    set: bool
    ledger_index: int


class TriageReport(Shape):
    """The seed's triage report; docs/triage.md names every field."""

    schema_version: Literal["1.0"]
    request_id: str
    deployment_env: str
    lawbook_hash: str
    summary: dict[str, Any]
    failures: list[dict[str, Any]]


class Prompts(Shape):
    schema_version: Literal["1.0"]
    request_id: str
    prompts: list[dict[str, Any]]


class Health(Shape):
    status: Literal["ok"]
    version: str


class Check(Shape):
    name: str
    ok: bool
    detail: str


class Ready(Shape):
    status: Literal["ready", "not_ready"]
    checks: list[Check]
