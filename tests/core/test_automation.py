"""Automation policies: the order of the rules, what counts, and layers that can only tighten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.actions import ActionType
from cicatrix.core.automation import AutomationVerdict, decide_automation
from cicatrix.core.environment import Environment
from cicatrix.core.lawbook import AutomationPolicy, Layer, LayerKind, resolve, validate
from cicatrix.core.lawbook.records import Policies

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RERUN = ActionType.RERUN_FAILED_JOBS
FIELDS = {"owner": "acme", "repo": "site", "request_id": "r-1"}


def ago(seconds: int) -> datetime:
    return NOW - timedelta(seconds=seconds)


def layer(entries: list[dict[str, Any]], kind: LayerKind = LayerKind.REPOSITORY) -> Layer:
    found, problems = validate({"automation": entries}, {}, f"{kind}.yml", kind=kind)
    assert found is not None, [str(p) for p in problems]
    return found


def read(*entries: dict[str, Any]) -> tuple[AutomationPolicy, ...]:
    policies: tuple[AutomationPolicy, ...] = layer(list(entries)).values["automation"]
    return policies


def decide(
    policy: Mapping[str, Any],
    *runs: datetime,
    environment: Environment = Environment.STAGING,
    approved: bool = False,
) -> AutomationVerdict:
    policies = read({"actionType": "rerun_failed_jobs", **policy})
    return decide_automation(policies, RERUN, environment, runs, NOW, approved=approved, fields=FIELDS)


def test_an_empty_list_restricts_nothing() -> None:
    verdict = decide_automation((), RERUN, Environment.PROD, [NOW] * 9, NOW, approved=False, fields={})
    assert verdict.allow
    assert (verdict.code, verdict.policy_name) == ("", "")


def test_a_list_that_is_not_empty_denies_what_it_does_not_name_even_where_it_is_permissive() -> None:
    policies = read({"actionType": "add_label", "enforcementMode": "permissive"})
    verdict = decide_automation(policies, RERUN, Environment.STAGING, [], NOW, approved=True, fields=FIELDS)
    assert (verdict.allow, verdict.code, verdict.denied_but_permissive) == (False, "no_policy", False)
    assert "add_label" in verdict.reason
    assert "rerun_failed_jobs" in verdict.reason


ALL_WRONG = {
    "allowedEnvs": ["prod"],
    "requiresApproval": True,
    "cooldownSeconds": 60,
    "maxRunsPerWindow": 1,
    "windowSeconds": 600,
}


@pytest.mark.shows("LB-5")
@pytest.mark.parametrize(
    ("righted", "code"),
    [
        ({}, "environment"),
        ({"allowedEnvs": ["staging"]}, "approval"),
        ({"allowedEnvs": ["staging"], "requiresApproval": False}, "cooldown"),
        ({"allowedEnvs": ["staging"], "requiresApproval": False, "cooldownSeconds": 0}, "rate_limit"),
        ({"allowedEnvs": ["staging"], "requiresApproval": False, "cooldownSeconds": 0, "maxRunsPerWindow": 2}, ""),
    ],
)
def test_environment_approval_cooldown_rate_limit_are_asked_in_this_order(righted: dict[str, Any], code: str) -> None:
    verdict = decide({**ALL_WRONG, **righted}, ago(5))
    assert verdict.code == code
    assert verdict.allow == (code == "")
    assert verdict.policy_name == "rerun_failed_jobs"
    assert (verdict.next_allowed_at is not None) == (code in {"cooldown", "rate_limit"})


@pytest.mark.shows("LB-5", "GE-1")
@pytest.mark.parametrize("environment", Environment)
def test_development_matches_nothing(environment: Environment) -> None:
    assert decide({"allowedEnvs": ["development"]}, environment=environment).code == "environment"


def test_an_approval_that_is_there_is_enough_and_is_told_as_required() -> None:
    verdict = decide({"requiresApproval": True}, approved=True)
    assert verdict.allow
    assert verdict.requires_approval


@pytest.mark.parametrize(("seconds", "allow"), [(59, False), (60, True), (61, True)])
def test_a_cooldown_runs_from_the_newest_run_whatever_the_order(seconds: int, *, allow: bool) -> None:
    verdict = decide({"cooldownSeconds": 60}, ago(seconds), ago(999))
    assert verdict.allow is allow
    assert verdict.next_allowed_at == (None if allow else ago(seconds) + timedelta(seconds=60))


@pytest.mark.shows("LB-4")
def test_a_window_counts_runs_inside_it_and_tells_when_the_next_one_fits() -> None:
    policy = {"maxRunsPerWindow": 2, "windowSeconds": 100}
    assert decide(policy, ago(100), ago(50)).allow
    verdict = decide(policy, ago(99), ago(70), ago(10))
    assert verdict.code == "rate_limit"
    assert verdict.next_allowed_at == ago(70) + timedelta(seconds=100)
    # at that moment one more fits, and a second before it does not
    policies = read({"actionType": "rerun_failed_jobs", **policy})
    runs = [ago(99), ago(70), ago(10)]
    for early, allow in ((0, True), (1, False)):
        at = verdict.next_allowed_at - timedelta(seconds=early)
        later = decide_automation(policies, RERUN, Environment.STAGING, runs, at, approved=False, fields={})
        assert later.allow is allow


def test_a_window_of_no_runs_never_ends() -> None:
    verdict = decide({"maxRunsPerWindow": 0, "windowSeconds": 60})
    assert (verdict.allow, verdict.code, verdict.next_allowed_at) == (False, "rate_limit", None)


@pytest.mark.shows("LB-5")
def test_permissive_records_the_denial_and_goes_on_in_staging_only() -> None:
    policy = {"enforcementMode": "permissive", "cooldownSeconds": 60, "allowedEnvs": ["staging", "prod"]}
    staging = decide(policy, ago(1))
    assert (staging.allow, staging.denied_but_permissive, staging.code) == (True, True, "cooldown")
    assert "cooldownSeconds 60" in staging.reason
    prod = decide(policy, ago(1), environment=Environment.PROD)
    assert (prod.allow, prod.denied_but_permissive, prod.code) == (False, False, "cooldown")


def test_the_idempotency_key_joins_the_named_fields_and_its_hash_is_sha_256() -> None:
    verdict = decide({"idempotencyKeyTemplate": ["owner", "repo", "request_id"]})
    assert verdict.idempotency_key == "acme:site:r-1"
    assert verdict.idempotency_key_hash == hashlib.sha256(b"acme:site:r-1").hexdigest()
    assert decide({"idempotencyKeyTemplate": ["owner", "branch"]}).idempotency_key == ""
    assert decide({}).idempotency_key_hash == ""


@pytest.mark.parametrize("entry", [{"maxRunsPerWindow": 3}, {"windowSeconds": 3}])
def test_a_number_of_runs_without_a_window_is_refused(entry: dict[str, Any]) -> None:
    found, problems = validate({"automation": [{"actionType": "add_label", **entry}]}, {}, "x.yml")
    assert found is None
    assert "maxRunsPerWindow and windowSeconds together" in str(problems[0])


# --- layers

ENTRY = st.fixed_dictionaries(
    {"actionType": st.sampled_from(["rerun_failed_jobs", "add_label", "rollback"])},
    optional={
        "allowedEnvs": st.lists(st.sampled_from(["staging", "prod", "development"]), unique=True, max_size=3),
        "cooldownSeconds": st.sampled_from([0, 30, 90]),
        "requiresApproval": st.booleans(),
        "enforcementMode": st.sampled_from(["strict", "permissive"]),
        "idempotencyKeyTemplate": st.just(["owner"]),
    },
)
WINDOW: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.builds(
    lambda most, window: {"maxRunsPerWindow": most, "windowSeconds": window},
    st.integers(0, 3),
    st.sampled_from([20, 60, 200]),
)
LISTS = st.lists(
    st.builds(lambda entry, window: entry | window, ENTRY, WINDOW),
    max_size=3,
    unique_by=lambda entry: json.dumps(entry, sort_keys=True),
)
RUNS = st.lists(st.integers(0, 240).map(ago), max_size=4)
NAMED = st.sampled_from([ActionType.RERUN_FAILED_JOBS, ActionType.ADD_LABEL, ActionType.ROLLBACK])
WORLDS = st.tuples(NAMED, st.sampled_from(Environment), RUNS, st.booleans())


def allows(policies: tuple[AutomationPolicy, ...], world: tuple[ActionType, Environment, list[datetime], bool]) -> bool:
    action, environment, runs, approved = world
    return decide_automation(policies, action, environment, runs, NOW, approved=approved, fields={}).allow


@pytest.mark.shows("LB-1")
@settings(max_examples=300, deadline=None)
@given(LISTS, LISTS, LISTS, WORLDS)
def test_a_lower_layer_never_loosens(
    above: list[dict[str, Any]],
    organisation: list[dict[str, Any]],
    below: list[dict[str, Any]],
    world: tuple[ActionType, Environment, list[datetime], bool],
) -> None:
    layers = [
        layer(above, LayerKind.DEPLOYMENT),
        layer(organisation, LayerKind.ORGANISATION),
        layer(below, LayerKind.REPOSITORY),
    ]
    if allows(resolve(layers).lawbook.automation, world):
        for one in layers:
            assert allows(one.values["automation"], world), one.kind


@settings(max_examples=300, deadline=None)
@given(LISTS, LISTS, LISTS)
def test_stricter_does_not_depend_on_order_or_grouping(a: list[Any], b: list[Any], c: list[Any]) -> None:
    kind = Policies()
    x, y, z = read(*a), read(*b), read(*c)
    assert kind.stricter(x, y) == kind.stricter(y, x)
    assert kind.stricter(kind.stricter(x, y), z) == kind.stricter(x, kind.stricter(y, z))
    assert kind.stricter(x, x) == x


@pytest.mark.shows("LB-5")
def test_what_one_layer_does_not_name_stays_denied_though_the_other_is_permissive() -> None:
    permissive = {"actionType": "rerun_failed_jobs", "enforcementMode": "permissive"}
    resolved = resolve([layer([{"actionType": "add_label"}], LayerKind.ORGANISATION), layer([permissive])])
    assert not allows(resolved.lawbook.automation, (RERUN, Environment.STAGING, [], True))


def test_policies_of_two_layers_that_name_different_actions_deny_both_and_do_not_become_no_policy_at_all() -> None:
    resolved = resolve(
        [layer([{"actionType": "add_label"}], LayerKind.ORGANISATION), layer([{"actionType": "rerun_failed_jobs"}])]
    )
    assert [(p.action_type, p.allowed_envs) for p in resolved.lawbook.automation] == [
        ("add_label", frozenset()),
        ("rerun_failed_jobs", frozenset()),
    ]
    assert [i.key for i in resolved.ignored] == ["automation"]


def test_a_repository_may_restrict_itself_where_nothing_was_restricted() -> None:
    resolved = resolve([layer([{"actionType": "rerun_failed_jobs", "cooldownSeconds": 5}])])
    assert [p.cooldown_seconds for p in resolved.lawbook.automation] == [5]
    assert not resolved.ignored
    assert resolved.origins["automation"] == "repository.yml"


def test_a_repository_that_names_fewer_actions_is_not_told_that_something_was_ignored() -> None:
    above = [{"actionType": "add_label"}, {"actionType": "rerun_failed_jobs"}]
    resolved = resolve([layer(above, LayerKind.ORGANISATION), layer([{"actionType": "rerun_failed_jobs"}])])
    assert not resolved.ignored
    for action, allowed in (("add_label", False), ("rerun_failed_jobs", True)):
        world = (ActionType(action), Environment.STAGING, list[datetime](), False)
        assert allows(resolved.lawbook.automation, world) is allowed
