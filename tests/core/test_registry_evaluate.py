"""The evaluator of the registry: the 11 preconditions, the order in which it says no, and what never changes."""

from __future__ import annotations

import copy
import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.actions import PERFORMED, WRITES_TO_A_BRANCH, ActionType
from cicatrix.core.environment import Environment
from cicatrix.core.registry import (
    PreconditionType,
    Standing,
    combined,
    evaluate,
)
from tests.core.registries import (
    APPROVED,
    CORE,
    HEAD,
    MINIMAL,
    NOW,
    OLD,
    RERUN,
    WRITERS,
    active,
    document,
    histories,
    judged,
    rerun,
    review,
    said,
    standing,
)


def test_an_allowed_action_tells_its_entry_and_its_limit() -> None:
    found = judged(MINIMAL)
    assert (found.allowed, found.max_retries, found.kind) == (True, 3, "")
    assert found.action_config is not None
    assert found.as_json()["actionConfig"]["cooldownMinutes"] == 5
    assert set(found.as_json()) >= {
        "allowed",
        "actionType",
        "actionConfig",
        "preconditionsMet",
        "missingPreconditions",
        "approvalRequired",
        "approvalMet",
        "errors",
        "warnings",
    }


@pytest.mark.shows("RG-1")
@pytest.mark.parametrize("action", ActionType)
def test_without_a_registry_nothing_is_allowed(action: ActionType) -> None:
    found = evaluate(None, action, standing())
    assert (found.allowed, found.kind, found.max_retries, found.status) == (False, "no_registry", None, "blocked")
    assert found.errors[0].startswith("No active registry found for repository acme/site")


@pytest.mark.shows("RG-7")
@pytest.mark.parametrize(
    ("stored", "present"),
    [
        ({"full_name": "acme/old"}, {}),
        ({"repository_id": "2"}, {}),
        ({"host": "ghe.example"}, {}),
        ({}, {"full_name": "acme/renamed"}),
        ({}, {"full_name": "other/site"}),
        ({}, {"repository_id": "77"}),
    ],
)
def test_a_renamed_moved_or_recreated_repository_inherits_nothing(
    stored: dict[str, str], present: dict[str, str]
) -> None:
    found = evaluate(active(MINIMAL, **stored), RERUN, standing(**present))
    assert (found.allowed, found.kind, found.max_retries) == (False, "other_repository", None)
    assert found.errors[0].startswith("registry.yml:3: ")
    assert "apply it again" in found.errors[0]


@pytest.mark.shows("RG-7")
def test_names_that_differ_in_case_are_the_same_repository() -> None:
    tree = MINIMAL | {"repository": "ACME/Site"}
    assert evaluate(active(tree, full_name="Acme/SITE", host="GitHub.com"), RERUN, standing()).allowed


def test_a_document_for_another_name_does_not_count_even_where_it_was_applied() -> None:
    assert judged(MINIMAL | {"repository": "acme/other"}).kind == "other_repository"


@pytest.mark.parametrize("action", sorted(set(ActionType) - PERFORMED))
def test_an_action_that_we_do_not_perform_is_stored_and_refused(action: ActionType) -> None:
    found = judged(document({"actionType": str(action), "requireEvidence": False}, failClosed=False), action)
    assert found.kind == "not_performed"
    assert found.action_config is not None
    assert "not performed here" in found.errors[0]


@pytest.mark.shows("RG-3")
@pytest.mark.parametrize("fail_closed", [True, False])
@pytest.mark.parametrize("environment", Environment)
@pytest.mark.parametrize("action", sorted(PERFORMED))
def test_what_is_not_listed_is_let_through_in_staging_only_and_never_to_a_branch(
    action: ActionType, environment: Environment, *, fail_closed: bool
) -> None:
    found = judged(document(failClosed=fail_closed), action, environment=environment)
    through = not fail_closed and environment is Environment.STAGING and action not in WRITES_TO_A_BRANCH
    assert found.allowed is through
    assert found.kind == ("" if through else "absent")
    assert found.max_retries == 0
    if through:
        assert found.warnings[0].startswith("registry.yml:9: ")
    else:
        assert found.errors[0].startswith("registry.yml:4: allowedActions does not list")


def test_a_disabled_action_is_refused_with_its_place() -> None:
    found = judged(document(rerun(enabled=False)))
    assert (found.kind, found.allowed) == ("disabled", False)
    assert found.errors[0].startswith("registry.yml:5: allowedActions.rerun_failed_jobs.enabled is false. Set it")


@pytest.mark.shows("RG-2")
def test_absent_and_zero_retries_are_both_zero() -> None:
    assert judged(document({"actionType": "rerun_failed_jobs"})).max_retries == 0
    assert judged(document(rerun(maxRetries=0))).max_retries == 0


PRECONDITION_TABLE: list[tuple[str, Any, dict[str, Any], str]] = [
    ("checks_passed", None, {"checks": (("build", "success"),)}, ""),
    ("checks_passed", None, {"checks": (("build", "success"), ("docs", "skipped"), ("x", "neutral"))}, ""),
    ("checks_passed", None, {"checks": ()}, "no check that counts"),
    ("checks_passed", None, {}, "was not read"),
    ("checks_passed", None, {"checks": (("build", "success"), ("test", "failure"))}, "test is failure"),
    ("checks_passed", None, {"checks": (("build", "success"), ("test", "pending"))}, "test is pending"),
    ("checks_passed", None, {"checks": (("build", "success"), ("test", "novel"))}, "test is novel"),
    ("checks_passed", None, {"checks": (("docs", "skipped"),)}, "of no known status"),
    ("checks_status", "failure", {"checks": (("a", "success"), ("b", "error"))}, ""),
    ("checks_status", "pending", {"checks": (("a", "success"), ("b", "pending"))}, ""),
    ("checks_status", "success", {"checks": (("a", "success"), ("b", "skipped"))}, ""),
    ("checks_status", "failure", {"checks": (("a", "success"),)}, "together are success"),
    ("checks_status", "success", {"checks": ()}, "no check"),
    ("checks_status", "success", {}, "was not read"),
    ("review_approved", None, APPROVED, ""),
    ("review_approved", None, APPROVED | {"reviews": None}, "was not read"),
    ("review_approved", None, APPROVED | {"head_sha": None}, "was not read"),
    ("review_approved", None, APPROVED | {"reviews": ()}, "0 of 1"),
    ("review_approved", None, APPROVED | {"reviews": (review("guest"),)}, "0 of 1"),
    ("review_approved", None, APPROVED | {"roles": {}}, "0 of 1"),
    (
        "review_approved",
        None,
        APPROVED | {"reviews": (review("ann"), review("bob", "CHANGES_REQUESTED", OLD))},
        "changes are requested by 1",
    ),
    ("review_approved", None, APPROVED | {"reviews": (review("ann"), review("guest", "CHANGES_REQUESTED"))}, ""),
    ("review_approved", None, APPROVED | {"reviews": (review("ann"), review("who", "CHANGES_REQUESTED"))}, "by 1"),
    ("review_count", 2, APPROVED | {"reviews": (review("ann"), review("bob"))}, ""),
    ("review_count", 2, APPROVED | {"reviews": (review("ann"), review("ANN"), review("ann"))}, "1 of 2"),
    ("review_count", 1, {}, "was not read"),
    ("label_present", "Ready", {"labels": ("x", "ready")}, ""),
    ("label_present", "ready", {"labels": ()}, "label ready is not there"),
    ("label_present", "ready", {}, "was not read"),
    ("label_absent", "hold", {"labels": ()}, ""),
    ("label_absent", "hold", {"labels": ("HOLD",)}, "label hold is there"),
    ("label_absent", "hold", {}, "was not read"),
    ("assignee_set", None, {"assignees": ("ann",)}, ""),
    ("assignee_set", "Ann", {"assignees": ("ann",)}, ""),
    ("assignee_set", None, {"assignees": ()}, "nobody is assigned"),
    ("assignee_set", "bob", {"assignees": ("ann",)}, "bob is not assigned"),
    ("assignee_set", None, {}, "was not read"),
    ("branch_protection", None, {"branch_protected": True}, ""),
    ("branch_protection", None, {"branch_protected": False}, "not protected"),
    ("branch_protection", None, {}, "was not read"),
    ("pr_mergeable", True, {"mergeable": True}, ""),
    ("pr_mergeable", None, {"mergeable": False}, "cannot be merged"),
    ("pr_mergeable", None, {}, "was not read"),
    ("pr_not_draft", None, {"draft": False}, ""),
    ("pr_not_draft", None, {"draft": True}, "is a draft"),
    ("pr_not_draft", None, {}, "was not read"),
    ("environment_approved", "Production", histories(said("ann")), ""),
    ("environment_approved", None, histories(said("ann", "staging"), said("bob")), ""),
    ("environment_approved", "production", histories(said("ann"), said("ann", state="pending")), ""),
    ("environment_approved", "production", histories(said("ann", state="rejected"), said("ann")), "not every review"),
    ("environment_approved", "production", histories(said("ann"), said("ann", state="rejected")), "not every review"),
    ("environment_approved", "production", histories(said("ann"), said("ann", state="melted")), "not every review"),
    ("environment_approved", "production", histories(said("ann", "staging")), "0 of 1 approvals"),
    ("environment_approved", "production", histories(said("Asker")), "0 of 1 approvals by people other than"),
    ("environment_approved", "production", histories(said("ann"), said("asker")), ""),
    ("environment_approved", "production", histories(said("")), "0 of 1"),
    ("environment_approved", "production", histories(said("ann")) | {"requester": None}, "1 of 2"),
    ("environment_approved", "production", histories(said("ann"), said("bob")) | {"requester": None}, ""),
    ("environment_approved", None, histories(said("ann", "staging"), said("ann", state="rejected")), "production"),
    ("environment_approved", None, histories(said("ann", "staging"), said("ann", state="pending")), "0 of 1"),
    ("environment_approved", None, histories(said("ann"), more=()), "no environment of run 2 was reviewed"),
    ("environment_approved", "production", histories(said("ann"), more=(said("asker"),)), "of run 2 has 0 of 1"),
    ("environment_approved", "production", histories(said("ann"), more=(said("bob"),)), ""),
    ("environment_approved", None, {"environment_reviews": {}}, "was not read"),
    ("environment_approved", None, {}, "was not read"),
]


@pytest.mark.shows("RG-4")
@pytest.mark.parametrize(("type_", "value", "facts", "says"), PRECONDITION_TABLE)
def test_every_precondition_is_met_by_what_was_read_or_named_as_missing(
    type_: str, value: Any, facts: dict[str, Any], says: str
) -> None:
    entry = {"type": type_} if value is None else {"type": type_, "value": value}
    found = judged(document(rerun(preconditions=[entry])), **facts)
    name = type_ if value is None or value is True else f"{type_}={value}"
    assert found.allowed is (says == "")
    assert found.preconditions_met == ((name,) if found.allowed else ())
    assert found.missing_preconditions == (() if found.allowed else (name,))
    if says:
        assert found.kind == "preconditions"
        assert says in found.errors[0]
        assert found.errors[0].startswith(f"registry.yml:5: allowedActions.rerun_failed_jobs.preconditions.0 ({name})")


def test_the_table_above_meets_and_misses_every_precondition() -> None:
    for met in (True, False):
        assert {row[0] for row in PRECONDITION_TABLE if (row[3] == "") is met} == set(map(str, PreconditionType))


@pytest.mark.shows("RG-6")
@pytest.mark.parametrize(
    ("required", "checks", "says"),
    [
        ([{"name": "build"}], [("build", "success"), ("test", "failure")], ""),
        ([{"name": "build"}], [("test", "success")], "required check build is missing"),
        ([{"name": "build"}], [("build", "skipped")], "build is skipped, allowed is success"),
        ([{"name": "build", "allowedStatuses": ["skipped", "success"]}], [("build", "skipped")], ""),
        ([{"name": "build"}], [("build", "success"), ("build", "failure")], "build is failure"),
        ([{"name": "build"}], [("Build", "success")], "required check build is missing"),
        ([{"name": "build"}, {"name": "lint"}], [("build", "success")], "required check lint is missing"),
        ([{"name": "lint", "required": False}], [("build", "success"), ("lint", "failure")], ""),
        ([{"name": "lint", "required": False}], [("lint", "success")], "no check that counts"),
        ([{"name": "build", "allowedStatuses": []}], [("build", "success")], "allowed is nothing"),
    ],
)
def test_required_checks_decide_what_checks_passed_means(required: Any, checks: Any, says: str) -> None:
    tree = document(rerun(preconditions=[{"type": "checks_passed"}]), requiredChecks=required)
    found = judged(tree, checks=tuple(checks))
    assert found.allowed is (says == "")
    assert says in " ".join(found.errors)


def test_statuses_combine_as_github_combines_them() -> None:
    assert combined([]) is None
    assert combined([("a", "pending"), ("b", "error")]) == "failure"
    assert combined([("a", "novel"), ("b", "success")]) is None


@pytest.mark.shows("RG-6")
@pytest.mark.parametrize("evidence", [None, "", "  "])
def test_no_evidence_no_action(evidence: str | None) -> None:
    found = judged(document(rerun()), evidence=evidence)
    assert (found.kind, found.status) == ("evidence", "blocked")
    assert judged(document(rerun(requireEvidence=False)), evidence=evidence).allowed


@pytest.mark.shows("RG-6")
@pytest.mark.parametrize(("minutes", "allowed"), [(0, False), (4, False), (5, True)])
def test_the_cooldown_runs_from_the_last_allowed_execution(minutes: int, *, allowed: bool) -> None:
    last = NOW - timedelta(minutes=minutes)
    found = judged(document(rerun(cooldownMinutes=5)), last_allowed=last)
    assert found.allowed is allowed
    assert found.next_allowed_at == (None if allowed else last + timedelta(minutes=5))
    assert found.kind == ("" if allowed else "cooldown")


def test_the_sentence_of_a_cooldown_names_a_whole_second_that_is_late_enough() -> None:
    last = NOW - timedelta(microseconds=1)
    (error,) = judged(document(rerun(cooldownMinutes=5)), last_allowed=last).errors
    assert "Ask again from 2026-11-21T12:05:00Z on." in error


def test_a_cooldown_behind_something_that_does_not_end_by_itself_promises_no_time() -> None:
    found = judged(document(rerun(cooldownMinutes=5)), last_allowed=NOW, evidence=None)
    assert (found.kind, found.next_allowed_at, len(found.errors)) == ("evidence", None, 2)


def test_everything_that_says_no_is_told_and_the_first_names_the_kind() -> None:
    entry = rerun(
        enabled=False, preconditions=[{"type": "pr_mergeable"}], cooldownMinutes=5, approvalRule={"minApprovers": 1}
    )
    found = judged(document(entry, approvalRules={}), evidence=None, last_allowed=NOW)
    assert found.kind == "disabled"
    parts = ["enabled", "preconditions.0", "requireEvidence", "cooldownMinutes", "approvalRule", "approvalRules"]
    assert len(found.errors) == len(parts)
    for error, part in zip(found.errors, parts, strict=True):
        assert f"{part} " in error


# --- properties

LOGINS = st.sampled_from(["ann", "bob", "guest", "asker", "Ann"])
REVIEWS = st.builds(
    review,
    LOGINS,
    st.sampled_from(["APPROVED", "APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "ODD"]),
    st.sampled_from([HEAD, HEAD, OLD, None]),
    st.integers(0, 20),
)
STATUSES = st.sampled_from(["success", "success", "failure", "pending", "skipped", "odd"])
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "environment": st.sampled_from(Environment),
        "requester": st.sampled_from(["asker", "ann", "key:abcd"]),
        "head_sha": st.just(HEAD),
        "checks": st.lists(st.tuples(st.sampled_from(["build", "test"]), STATUSES), max_size=3).map(tuple),
        "reviews": st.lists(REVIEWS, max_size=4).map(tuple),
        "labels": st.lists(st.sampled_from(["ready", "hold"]), max_size=2).map(tuple),
        "assignees": st.lists(LOGINS, max_size=2).map(tuple),
        "draft": st.booleans(),
        "mergeable": st.booleans(),
        "branch_protected": st.booleans(),
        "environment_reviews": st.dictionaries(
            st.sampled_from(["1", "2"]),
            st.lists(
                st.builds(
                    said,
                    LOGINS,
                    st.sampled_from(["production", "staging"]),
                    st.sampled_from(["approved", "approved", "approved", "rejected", "pending"]),
                ),
                max_size=3,
            ).map(tuple),
        ),
        "code_owners": st.frozensets(LOGINS, max_size=2),
        "roles": st.just(WRITERS),
        "teams": st.just(CORE),
        "last_allowed": st.integers(0, 9).map(lambda m: NOW - timedelta(minutes=m)),
    },
)
VALUE_OF: dict[str, list[Any]] = {
    "checks_status": ["failure", "success"],
    "review_count": [1, 2],
    "label_present": ["ready"],
    "label_absent": ["hold"],
    "assignee_set": [None, "ann"],
    "environment_approved": [None, "production"],
}
CONDITIONS = st.sampled_from(sorted(map(str, PreconditionType))).flatmap(
    lambda t: st.sampled_from(VALUE_OF.get(t, [None])).map(lambda v: {"type": t} | ({} if v is None else {"value": v}))
)
RULES = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "required": st.booleans(),
        "minApprovers": st.integers(1, 2),
        "approverRoles": st.just(["maintain"]),
        "approverTeams": st.just(["acme/core"]),
        "approverUsers": st.just(["guest"]),
        "requireCodeOwners": st.booleans(),
    },
)
DOCUMENTS = st.builds(
    lambda conditions, rule, top, entry, more: document(
        *([] if entry is None else [rerun(preconditions=conditions, approvalRule=rule, **entry)]),
        approvalRules=top,
        **more,
    ),
    st.lists(CONDITIONS, max_size=2, unique_by=lambda entry: entry["type"]),
    RULES,
    RULES,
    st.none()
    | st.fixed_dictionaries(
        {}, optional={"enabled": st.booleans(), "cooldownMinutes": st.just(5), "requireEvidence": st.booleans()}
    ),
    st.fixed_dictionaries({}, optional={"failClosed": st.booleans(), "requiredChecks": st.just([{"name": "build"}])}),
)
UNKNOWN: dict[str, Any] = {
    name: {} if name in {"roles", "teams"} else None
    for name in (f.name for f in dataclasses.fields(Standing))
    if name not in {"environment", "host", "repository_id", "full_name", "now", "last_allowed"}
}


@pytest.mark.shows("RG-4", "GE-4")
@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, FACTS, st.sets(st.sampled_from(sorted(UNKNOWN))), st.sampled_from(ActionType) | st.just(RERUN))
def test_not_knowing_a_fact_never_allows_more(
    tree: dict[str, Any], facts: dict[str, Any], forgotten: set[str], action: ActionType
) -> None:
    entry = active(tree)
    known = standing(**facts)
    less = dataclasses.replace(known, **{name: UNKNOWN[name] for name in forgotten})
    with_all, with_less = evaluate(entry, action, known), evaluate(entry, action, less)
    if with_less.allowed:
        assert with_all.allowed
    assert set(with_less.preconditions_met) <= set(with_all.preconditions_met)
    assert with_less == evaluate(entry, action, less)
    assert json.loads(json.dumps(with_less.as_json()))["kind"] == with_less.kind


@pytest.mark.shows("RG-3")
@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, FACTS)
def test_prod_never_allows_what_staging_refuses(tree: dict[str, Any], facts: dict[str, Any]) -> None:
    there = standing(**facts | {"environment": Environment.PROD})
    here = dataclasses.replace(there, environment=Environment.STAGING)
    if evaluate(active(tree), RERUN, there).allowed:
        assert evaluate(active(tree), RERUN, here).allowed


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, FACTS, CONDITIONS)
def test_one_precondition_more_never_allows_more(tree: dict[str, Any], facts: dict[str, Any], more: Any) -> None:
    if not tree["allowedActions"] or more in tree["allowedActions"][0]["preconditions"]:
        return
    longer = copy.deepcopy(tree)
    longer["allowedActions"][0]["preconditions"].append(more)
    if evaluate(active(longer), RERUN, standing(**facts)).allowed:
        assert evaluate(active(tree), RERUN, standing(**facts)).allowed
