"""The places that may say no, asked where the decision is made: in its transaction, with what holds at that moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.access import AccessPolicy
from cicatrix.core.actions import ActionType, Role
from cicatrix.core.api_key import hash_secret
from cicatrix.core.lawbook import resolve
from cicatrix.core.principal import ApiKey, Principal
from cicatrix.flows.denied import Denied
from cicatrix.flows.permission import permit
from cicatrix.ledger import Ledger
from cicatrix.simulator import JobSpec
from tests.stage import CI, START, Stage, always_lost, codes, lawbook
from tests.web.desk import REGISTRY, registry_of

CALM = "version: t.1\nattempts: {perJob: 5}\nstopRules: {cooldownMinutes: 0, noSignalChangeThreshold: 5}\n"
ONE_AN_HOUR = "automation: [{actionType: rerun_failed_jobs, maxRunsPerWindow: 1, windowSeconds: 3600}]\n"
RED_AGAIN = JobSpec(id="unit", outcomes=always_lost())
RERUN = {"actionType": "rerun_failed_jobs", "maxRetries": 5, "requireEvidence": False}


def register(stage: Stage, **entry: Any) -> None:
    """A registry of acme/shop that allows reruns as the entry says."""
    home = stage.ctx.github.repository("acme", "shop")
    with stage.ctx.ledger.write("registry") as tx:
        tx.activate_registry(
            host=home.host,
            repository_id=home.id,
            owner_id=home.owner_id,
            full_name=home.full_name,
            registry=registry_of(REGISTRY | {"allowedActions": [RERUN | entry]}),
            principal="cli:ada",
        )


def stored_lawbook(stage: Stage, text: str) -> None:
    """A lawbook that somebody activated in the ledger."""
    with stage.ctx.ledger.write("lawbook") as tx:
        tx.activate_lawbook(
            scope="deployment",
            content=text,
            version="v.1",
            hash=resolve([lawbook(text)]).hash,
            file="law.yml",
            principal="cli:ada",
        )


def allowing(**entry: Any) -> AccessPolicy:
    found = AccessPolicy.parse(json.dumps({"allowlist": [{"owner": "acme", "repo": "shop"} | entry]}))
    assert isinstance(found, AccessPolicy), found
    return found


def at_the_last_read(stage: Stage, change: Callable[[], None]) -> None:
    """Everything was read and looks right; the head of pull request 1 is read once more, then the decision is made."""
    reads: list[str] = []

    def before(_method: str, path: str) -> None:
        if path.endswith("/pulls/1"):
            reads.append(path)
            if len(reads) == 2:
                stage.before = None
                change()

    stage.before = before


@pytest.mark.shows("AU-1", "C5")
@pytest.mark.parametrize(
    ("entry", "code"),
    [({"repo": "else"}, "REPO_NOT_ALLOWED"), ({"branches": ["release"]}, "BRANCH_NOT_ALLOWED")],
    ids=["repository", "branch"],
)
def test_the_allowlist_is_asked_in_the_decision_too(stage: Stage, entry: dict[str, Any], code: str) -> None:
    stage.deploy(access=allowing(**entry))
    run = stage.red([RED_AGAIN])
    for answer in (stage.ask(), stage.ask(None, run_id=run.id)):
        assert codes(answer) == {"unit": "BLOCKED access_denied"}
        assert any(code in line for line in answer["reasons"]), answer["reasons"]
    assert stage.posts == []


@pytest.mark.shows("AU-1", "C5")
def test_a_stranger_s_branch_name_does_not_open_the_allowlist(stage: Stage) -> None:
    """Whoever opens a pull request names its head branch; the base branch is the one that is acted on."""
    stage.deploy(access=allowing(branches=["release"]))
    stage.red([RED_AGAIN], pull=stage.repo.pull_request(1, head_branch="release"))
    assert codes(stage.ask()) == {"unit": "BLOCKED access_denied"}
    assert stage.posts == []


@pytest.mark.shows("RG-7", "LB-1", "LB-4")
@pytest.mark.parametrize("what", ["registry", "lawbook"])
def test_what_changed_while_facts_were_read_counts(stage: Stage, what: str) -> None:
    stage.red([RED_AGAIN])

    def change() -> None:
        if what == "registry":
            register(stage, enabled=False)
        else:
            stored_lawbook(stage, "version: v.1\nmode: 'off'\n")

    at_the_last_read(stage, change)
    answer = stage.ask()
    assert stage.before is None, "the change came while facts were read"
    assert codes(answer) == {"unit": "BLOCKED registry_denied" if what == "registry" else "BLOCKED lawbook_block"}
    assert stage.posts == []


@pytest.mark.shows("AU-4")
@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_key_that_ended_while_facts_were_read_writes_nothing(stage: Stage, how: str) -> None:
    stage.red([RED_AGAIN])
    key = ApiKey(
        id="aaaaaaaa",
        label="test",
        role=Role.OPERATOR,
        repositories=None,
        actions=None,
        created_at=stage.world.now,
        created_by="cli:ada",
        expires_at=stage.world.now + timedelta(hours=1),
    )
    with stage.ctx.ledger.write("key") as tx:
        tx.create_key(key, hash_secret("s" * 43))

    def end() -> None:
        if how == "expired":
            stage.world.advance(3600)
            return
        with stage.ctx.ledger.write("key") as tx:
            tx.revoke_key(key.id, "left", "cli:ada")

    at_the_last_read(stage, end)
    assert codes(stage.ask(principal="key:aaaaaaaa")) == {"unit": "BLOCKED access_denied"}
    assert stage.posts == []


@pytest.mark.shows("LB-4")
def test_two_requests_at_once_do_not_share_the_one_run_of_a_window(stage: Stage) -> None:
    stage.deploy(base=lawbook(CALM + ONE_AN_HOUR))
    stage.red([RED_AGAIN], number=1)
    stage.red([RED_AGAIN], number=2)
    other: list[dict[str, Any]] = []

    at_the_last_read(stage, lambda: other.append(stage.ask(2)))
    first = stage.ask(1)
    assert codes(other[0]) == {"unit": "RERUN infra_transient"}
    assert codes(first) == {"unit": "BLOCKED cooldown_active"}
    assert len(stage.effects) == 1


@pytest.mark.shows("LB-4", "AP-2")
def test_a_window_that_is_used_up_is_told_before_anything_is_read(stage: Stage) -> None:
    stage.deploy(base=lawbook(CALM + ONE_AN_HOUR))
    stage.red([RED_AGAIN])
    assert stage.ask()["decision"] == "RERUN_TRIGGERED"
    caller = Principal(name="github:ada@github.com", login="ada")
    with pytest.raises(Denied) as caught:
        permit(stage.ctx, caller, ActionType.RERUN_FAILED_JOBS, "acme", "shop", role=lambda: Role.OPERATOR)
    assert caught.value.code == "POLICY_DENIED"
    assert caught.value.next_allowed_at is not None
    assert timedelta(0) < caught.value.next_allowed_at - stage.world.now <= timedelta(hours=1)


@pytest.mark.shows("RG-6")
def test_a_registry_s_cooldown_holds_the_next_request(stage: Stage) -> None:
    stage.deploy(base=lawbook(CALM))
    register(stage, cooldownMinutes=120)
    stage.red([RED_AGAIN])
    assert codes(stage.ask(max_attempts=5)) == {"unit": "RERUN infra_transient"}
    stage.tick()
    held = stage.ask(max_attempts=5)
    assert held["decision"] == "BLOCKED"
    assert "cooldownMinutes is 120" in held["denial"]["why"]
    assert held["denial"]["nextAllowedAt"] == "2026-11-21T14:00:01Z"
    stage.tick()
    assert codes(stage.ask(max_attempts=5)) == {"unit": "RERUN infra_transient"}


@pytest.mark.shows("RG-1", "LB-3", "LB-4", "A18")
def test_every_decision_leaves_its_rows(stage: Stage) -> None:
    """One of the registry, one of the automation policy, one of the stop rules for each failed job."""
    stage.deploy(base=lawbook(CALM + ONE_AN_HOUR))
    register(stage)
    stage.red([RED_AGAIN, JobSpec(id="green")], path=CI)
    stage.ask(request_id="first", principal="cli:ada")
    stage.tick(600)
    stage.ask(request_id="second", principal="cli:ada")
    (operation,) = stage.operations()
    with stage.ctx.ledger.read() as view:
        for request, allowed in (("first", True), ("second", False)):
            (evaluated,) = view.registry_audit(request_id=request)
            assert (evaluated.action_status, evaluated.executed_by) == ("allowed", "cli:ada")
            assert evaluated.operation_id == (operation.id if allowed else None)
            (executed,) = view.automation_executions(request_id=request)
            assert (executed.row.allowed, executed.row.principal) == (allowed, "cli:ada")
            (stopped,) = view.stop_decisions(request_id=request)
            assert (stopped.row.job_name, stopped.row.decision) == ("unit", "CONTINUE" if allowed else "HOLD")


@pytest.mark.shows("AU-2", "RG-1")
def test_every_entry_of_a_service_bears_the_hash_of_its_access_policy(tmp_path: Path) -> None:
    """Decision, intent, outcome, refusal and evaluation alike: wiring stamps what the service's ledger appends."""
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(str(path), now=lambda: START, new_id=lambda: "salt", stamp={"accessHash": "a" * 64})
    with ledger.write("any") as tx:
        tx.append("one.kind", {"x": "1"})
        tx.append("another.kind", {})
    with ledger.read() as view:
        assert [entry.data["accessHash"] for entry in view.entries()] == ["a" * 64] * 2
