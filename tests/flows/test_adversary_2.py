"""Rights that end while work is under way: keys, permissions, registries, names, base branches, windows of one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cicatrix.core.access import AccessPolicy
from cicatrix.core.actions import ActionType, Role
from cicatrix.core.api_key import hash_secret
from cicatrix.core.cases import CaseState
from cicatrix.core.operations import OperationState
from cicatrix.core.policy import Environment
from cicatrix.core.principal import ApiKey, RepositoryScope
from cicatrix.flows.context import Context
from cicatrix.simulator import JobSpec
from tests.stage import Stage, always_lost, broken, codes, lawbook, lost
from tests.web.desk import REGISTRY, registry_of

KEY = "va7qgwwz"
CALM = "version: t.1\nstopRules: {cooldownMinutes: 0, noSignalChangeThreshold: 5}\n"
SERIAL = [
    JobSpec(id="a", outcomes=lost()),
    JobSpec(id="b", outcomes=lost()),
    JobSpec(id="lint", outcomes=broken()),
]
"""Two jobs that are rerun one after the other, beside one that is not."""


def with_key(stage: Stage, role: Role = Role.OPERATOR, life: timedelta = timedelta(days=1), **changes: Any) -> str:
    """The principal of a stored key for acme/shop."""
    scope = RepositoryScope(host="github.com", repository_id=str(stage.repo.id), full_name="acme/shop")
    fields: dict[str, Any] = {"repositories": (scope,), "actions": None} | changes
    key = ApiKey(
        id=KEY,
        label="t",
        role=role,
        created_at=stage.world.now,
        created_by="t",
        expires_at=stage.world.now + life,
        **fields,
    )
    with stage.ctx.ledger.write("key") as tx:
        tx.create_key(key, hash_secret("s"))
    return f"key:{KEY}"


def register(stage: Stage, **action: Any) -> None:
    """The registry of acme/shop, with this entry for reruns."""
    entry = {"actionType": "rerun_failed_jobs", "maxRetries": 3, "requireEvidence": False} | action
    with stage.ctx.ledger.write("registry") as tx:
        tx.activate_registry(
            host="github.com",
            repository_id=str(stage.repo.id),
            owner_id="1",
            full_name=stage.repo.full_name,
            registry=registry_of(REGISTRY | {"allowedActions": [entry]}),
            principal="t",
        )


def revoke(stage: Stage) -> None:
    with stage.ctx.ledger.write("key") as tx:
        assert tx.revoke_key(KEY, "leaked", "t") is not None


def queued_reasons(stage: Stage, name: str) -> list[tuple[str, str | None]]:
    with stage.ctx.ledger.read() as view:
        return [(r.row.decision, r.row.reason_code) for r in view.attempts() if r.row.job_name == name]


# --- whoever asked may ask no longer ---


@pytest.mark.shows("AU-4", "RR-7", "T17")
@pytest.mark.parametrize("end", ["revoked", "expired", "moved"])
def test_jobs_that_a_key_left_queued_are_not_rerun_when_the_key_is_no_good_any_more(stage: Stage, end: str) -> None:
    stage.deploy(base=lawbook(CALM))
    stage.red(SERIAL)
    answer = stage.ask(principal=with_key(stage, life=timedelta(minutes=30)))
    assert codes(answer) == {"a": "RERUN infra_transient", "b": "RERUN infra_transient", "lint": "SKIP not_eligible"}
    if end == "revoked":
        revoke(stage)
    elif end == "moved":
        stage.repo.rename("acme/elsewhere")
    stage.tick(3600 if end == "expired" else 600)
    stage.tick()
    assert len(stage.effects) == 1, "the one that was sent before"
    assert queued_reasons(stage, "b") == [("BLOCKED", "access_denied")]
    with stage.ctx.ledger.read() as view:
        (case,) = view.list_cases().items
    assert case.state is CaseState.HANDED_OVER
    assert "key" in case.note


@pytest.mark.shows("AU-4", "T17")
@pytest.mark.parametrize("loss", ["read", None])
def test_jobs_that_a_github_user_left_queued_need_that_users_permission_at_each_write(
    stage: Stage, loss: str | None
) -> None:
    stage.deploy(base=lawbook(CALM))
    stage.repo.collaborator("mona", "write")
    stage.red(SERIAL)
    stage.ask(principal="github:mona@github.com")
    stage.repo.collaborator("mona", loss)
    stage.tick(600)
    stage.tick()
    assert len(stage.effects) == 1
    assert queued_reasons(stage, "b") == [("BLOCKED", "access_denied")]


@pytest.mark.shows("AU-4", "GE-4")
def test_queued_jobs_wait_while_github_does_not_tell_the_permission(stage: Stage) -> None:
    stage.deploy(base=lawbook(CALM))
    stage.repo.collaborator("mona", "write")
    stage.red(SERIAL)
    stage.ask(principal="github:mona@github.com")
    stage.world.faults.answer_502_before("GET */permission", count=None)
    stage.tick(600)
    stage.tick(600)
    assert len(stage.effects) == 1
    stage.world.faults.clear()
    stage.tick(600)
    assert len(stage.effects) == 2


@pytest.mark.shows("AU-4", "RR-7")
def test_jobs_that_were_left_queued_go_on_while_the_rights_last(stage: Stage) -> None:
    stage.deploy(base=lawbook(CALM))
    stage.repo.collaborator("mona", "write")
    stage.red(SERIAL)
    stage.ask(principal="github:mona@github.com")
    stage.red(SERIAL, number=2)
    stage.ask(2, principal=with_key(stage))
    for _ in range(3):
        stage.tick(600)
    assert len(stage.effects) == 4


@pytest.mark.shows("AU-4", "T17", "RR-5")
def test_a_deferred_call_of_a_revoked_key_is_never_sent(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    principal = with_key(stage)
    stage.world.faults.rate_limited("seconds", "POST *")
    stage.ask(principal=principal)
    stage.world.faults.clear()
    revoke(stage)
    stage.tick(900)
    (operation,) = stage.operations()
    assert operation.state is OperationState.REFUSED
    assert operation.answer.startswith("access_denied")
    assert stage.effects == []


@pytest.mark.shows("AU-4", "T17")
@pytest.mark.parametrize(
    ("role", "changes"),
    [
        (Role.READER, {}),
        (Role.ADMIN, {"actions": frozenset({ActionType.ADD_LABEL})}),
        (Role.ADMIN, {"repositories": ()}),
        (Role.ADMIN, {"repositories": (RepositoryScope(host="github.com", repository_id="1", full_name="acme/shop"),)}),
        (Role.ADMIN, {"repositories": None, "life": timedelta(0)}),
    ],
)
def test_the_decision_itself_asks_what_the_key_is_for(stage: Stage, role: Role, changes: dict[str, Any]) -> None:
    """Whoever calls the flow without the API's guardrails, or after they have let a request pass."""
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    answer = stage.ask(principal=with_key(stage, role, **changes))
    assert codes(answer) == {"unit": "BLOCKED access_denied"}
    assert answer["denial"]["code"] == "CALLER_NOT_AUTHORISED"
    assert stage.posts == []


@pytest.mark.shows("AU-4", "T17")
def test_a_key_that_is_revoked_while_its_request_is_read_writes_nothing(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    principal = with_key(stage)
    heads: list[str] = []

    def before(method: str, path: str) -> None:
        if path.endswith("/pulls/1"):
            heads.append(method)
            if len(heads) == 2:  # the last read before the write
                revoke(stage)

    stage.before = before
    assert codes(stage.ask(principal=principal)) == {"unit": "BLOCKED access_denied"}
    assert stage.posts == []


@pytest.mark.shows("AU-4")
def test_an_unknown_key_is_nobody(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    assert codes(stage.ask(principal="key:nobody00")) == {"unit": "BLOCKED access_denied"}
    assert stage.posts == []


# --- the registry changes under a case ---


@pytest.mark.shows("RG-1", "RG-7", "RR-7")
@pytest.mark.parametrize("change", ["deactivated", "disabled", "zero", "label", "approval", "renamed"])
def test_queued_jobs_follow_the_registry_of_the_moment(stage: Stage, change: str) -> None:
    stage.deploy(base=lawbook(CALM), environment=Environment.PROD)
    register(stage)
    stage.red(SERIAL)
    assert stage.ask()["decision"] == "RERUN_TRIGGERED"
    actions: dict[str, Callable[[], object]] = {
        "disabled": lambda: register(stage, enabled=False),
        "zero": lambda: register(stage, maxRetries=0),
        "label": lambda: register(stage, preconditions=[{"type": "label_present", "value": "go"}]),
        "approval": lambda: register(stage, approvalRule={"minApprovers": 1}),
        "renamed": lambda: stage.repo.rename("acme/elsewhere"),
    }
    if change == "deactivated":
        with stage.ctx.ledger.write("registry") as tx:
            tx.deactivate_registry("github.com", str(stage.repo.id), "done", "t")
    else:
        actions[change]()
    stage.tick(600)
    stage.tick()
    assert len(stage.effects) == 1
    reason = "approval_required" if change == "approval" else "registry_denied"
    assert queued_reasons(stage, "b") == [("BLOCKED", reason)]


@pytest.mark.shows("AU-1", "C5", "RR-2")
def test_a_base_branch_that_changes_before_the_write_is_asked_about_again(stage: Stage) -> None:
    access = AccessPolicy.parse('{"allowlist": [{"owner": "acme", "repo": "shop"}]}')
    assert isinstance(access, AccessPolicy)
    stage.deploy(access=access)
    stage.repo.branch("prod")
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    heads: list[str] = []

    def before(method: str, path: str) -> None:
        if path.endswith("/pulls/1"):
            heads.append(method)
            if len(heads) == 2:
                stage.repo.pulls[1].base_ref = "prod"

    stage.before = before
    answer = stage.ask()
    assert codes(answer) == {"unit": "BLOCKED access_denied"}
    assert "BRANCH_NOT_ALLOWED" in answer["denial"]["why"]
    assert stage.posts == []


# --- windows of one ---


def together(stage: Stage, numbers: range) -> list[str]:
    """Each pull request asked for by its own process at once; the decisions."""
    found: list[str] = []

    def ask(number: int, ctx: Context) -> None:
        found.append(str(stage.ask(number, ctx=ctx)["decision"]))

    threads = [threading.Thread(target=ask, args=(number, stage.context())) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


@pytest.mark.shows("RG-6", "LB-4", "C8", "F7")
@pytest.mark.parametrize("where", ["registry", "automation"])
def test_a_window_of_one_lets_one_of_many_at_once_through(stage: Stage, where: str) -> None:
    window = "automation: [{actionType: rerun_failed_jobs, maxRunsPerWindow: 1, windowSeconds: 3600}]\n"
    stage.deploy(base=lawbook(CALM + (window if where == "automation" else "")))
    if where == "registry":
        register(stage, cooldownMinutes=60)
    for number in range(1, 7):
        stage.red([JobSpec(id="unit", outcomes=always_lost())], number=number)
    assert together(stage, range(1, 7)) == ["BLOCKED"] * 5 + ["RERUN_TRIGGERED"]
    assert len(stage.effects) == 1


@pytest.mark.shows("RG-6", "LB-4", "RR-16")
def test_a_dry_run_and_a_refusal_take_no_place_in_a_window(stage: Stage) -> None:
    stage.deploy(
        base=lawbook(CALM + "automation: [{actionType: rerun_failed_jobs, maxRunsPerWindow: 1, windowSeconds: 3600}]\n")
    )
    register(stage, cooldownMinutes=60)
    stage.red(SERIAL)
    for _ in range(3):
        assert stage.ask(dry_run=True)["decision"] == "NOOP"
    assert stage.ask(principal="key:nobody00")["decision"] == "BLOCKED"
    assert stage.ask()["decision"] == "RERUN_TRIGGERED"


# --- approvals ---


@pytest.mark.shows("RG-5", "C4")
def test_nobody_approves_their_own_request_under_another_case_and_nobody_an_older_head(stage: Stage) -> None:
    register(stage, approvalRule={"minApprovers": 1})
    stage.red([JobSpec(id="unit", outcomes=always_lost())])
    for login in ("mona", "hubot"):
        stage.repo.collaborator(login, "write")
    pull = stage.repo.pulls[1]
    pull.review("MONA")
    pull.review("hubot", sha="0" * 40)
    pull.review("reader")
    for principal in ("github:Mona@github.com", "github:mona@github.com"):
        assert codes(stage.ask(principal=principal)) == {"unit": "BLOCKED approval_required"}
    assert stage.posts == []
    stage.world.advance(1)
    pull.review("hubot")
    assert stage.ask(principal="github:Mona@github.com")["decision"] == "RERUN_TRIGGERED"
