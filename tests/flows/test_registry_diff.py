"""Two registry documents field by field: nothing is missed, and looser is told from tighter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.registry import Registry, validate
from cicatrix.flows.registry_diff import Change, changes, fields
from cicatrix.lawbook.registry import load_registry


def registry(action: dict[str, Any] | None = None, **document: Any) -> Registry:
    tree = {
        "version": "1.0.0",
        "registryId": "a",
        "repository": "acme/shop",
        "allowedActions": [{"actionType": "rerun_failed_jobs", "maxRetries": 2, **(action or {})}],
        **document,
    }
    found, problems = validate(tree, {}, "a.yml")
    assert found is not None, problems
    return found


def the_one(before: Registry, after: Registry) -> Change:
    (change,) = changes(before, after)
    return change


RULE = {"approvalRule": {"minApprovers": 2}}


@pytest.mark.parametrize(
    ("before", "after", "place", "direction"),
    [
        ({}, {"maxRetries": 3}, "maxRetries", "looser"),
        ({}, {"maxRetries": 0}, "maxRetries", "tighter"),
        ({}, {"enabled": False}, "enabled", "tighter"),
        ({}, {"cooldownMinutes": 5}, "cooldownMinutes", "tighter"),
        ({"cooldownMinutes": 5}, {"cooldownMinutes": 1}, "cooldownMinutes", "looser"),
        ({}, {"requireEvidence": False}, "requireEvidence", "looser"),
        ({}, {"preconditions": [{"type": "checks_passed"}]}, "preconditions.checks_passed", "tighter"),
        ({"preconditions": [{"type": "checks_passed"}]}, {}, "preconditions.checks_passed", "looser"),
        (RULE, {"approvalRule": {"minApprovers": 1}}, "approvalRule.minApprovers", "looser"),
        (RULE, {"approvalRule": {"minApprovers": 2, "required": False}}, "approvalRule.required", "looser"),
    ],
)
def test_each_field_of_an_action_has_its_direction(
    before: dict[str, Any], after: dict[str, Any], place: str, direction: str
) -> None:
    change = the_one(registry(before), registry(after))
    assert (change.place, change.direction) == (f"allowedActions.rerun_failed_jobs.{place}", direction)
    assert change.means.startswith("operators and above")


def test_an_action_that_comes_or_goes_is_one_line_with_its_fields() -> None:
    rollback = {"actionType": "rollback", "description": "x", "preconditions": [{"type": "review_count", "value": 2}]}
    one, both = registry(), registry()
    rerun: Any = one.tree["allowedActions"]
    both = registry(allowedActions=[*rerun, rollback])
    came, went = the_one(one, both), the_one(both, one)
    assert (came.place, came.before, came.direction) == ("allowedActions.rollback", None, "looser")
    assert came.after is not None
    assert "maxRetries 0" in came.after
    assert "preconditions.review_count.value 2" in came.after
    assert (went.after, went.direction, went.before) == (None, "tighter", came.after)
    assert (came.means, went.means) == (
        "healers and above may ask for it",
        "healers and above may no longer ask for it",
    )


def test_an_action_that_comes_without_reruns_loosens_nothing() -> None:
    with_none = registry(allowedActions=[{"actionType": "rerun_failed_jobs"}, {"actionType": "rollback"}])
    change = the_one(registry(allowedActions=[{"actionType": "rollback"}]), with_none)
    assert (change.direction, change.means) == ("", "may be asked for, and 0 reruns follow: maxRetries is 0")
    some = registry(allowedActions=[{"actionType": "rerun_failed_jobs", "maxRetries": 1}, {"actionType": "rollback"}])
    assert the_one(registry(allowedActions=[{"actionType": "rollback"}]), some).direction == "looser"


def test_fail_closed_says_what_holds() -> None:
    change = the_one(registry(), registry(failClosed=False))
    assert (change.direction, "in staging" in change.means) == ("looser", True)
    change = the_one(registry(failClosed=False), registry())
    assert (change.direction, change.means) == ("tighter", "actions that are not listed are refused")


def test_what_is_not_written_is_said_to_be_the_default() -> None:
    text = (
        "version: 1.0.0\nregistryId: a\nrepository: acme/shop\nallowedActions:\n"
        "  - actionType: rerun_failed_jobs\n    maxRetries: 0\n    preconditions: [{type: review_count, value: 2}]\n"
        "environments:\n  - name: prod\n"
    )
    found, problems = load_registry(text, "a.yml")
    assert found is not None, problems
    told = {place: origin for place, _, origin in fields(found)}
    action = "allowedActions.rerun_failed_jobs"
    assert told[f"{action}.maxRetries"] == "a.yml:6"
    assert told[f"{action}.preconditions.review_count.value"] == "a.yml:7"
    assert told["environments.prod"] == "a.yml:9"
    assert told[action] == "a.yml:5"
    for place in ("failClosed", f"{action}.enabled", f"{action}.cooldownMinutes", f"{action}.requireEvidence"):
        assert told[place] == "(default)", place
    assert set(told.values()) == {*(f"a.yml:{n}" for n in (1, 2, 3, 5, 6, 7, 9)), "(default)"}


def test_two_preconditions_of_one_type_are_two() -> None:
    one = [{"type": "label_present", "value": "a"}]
    two = [*one, {"type": "label_present", "value": "b"}]
    change = the_one(registry({"preconditions": one}), registry({"preconditions": two}))
    assert change.place.endswith("preconditions.label_present[2]")
    assert change.after == "value b"


def test_what_is_for_people_is_said_to_bind_nothing() -> None:
    change = the_one(registry(), registry(notes="hello"))
    assert (change.direction, change.means) == ("", "for people; binds nothing")


ACTION = st.fixed_dictionaries(
    {},
    optional={
        "maxRetries": st.integers(0, 5),
        "enabled": st.booleans(),
        "cooldownMinutes": st.integers(0, 3),
        "requireEvidence": st.booleans(),
        "description": st.sampled_from(["", "x"]),
        "preconditions": st.lists(
            st.sampled_from(
                [{"type": "checks_passed"}, {"type": "review_count", "value": 2}, {"type": "pr_not_draft"}]
            ),
            unique_by=str,
            max_size=3,
        ),
        "approvalRule": st.fixed_dictionaries({}, optional={"minApprovers": st.integers(1, 3)}),
    },
)


@given(ACTION, ACTION)
def test_documents_differ_exactly_where_a_line_says_so(a: dict[str, Any], b: dict[str, Any]) -> None:
    one, other = registry(a), registry(b)
    assert changes(one, one) == ()
    rows, back = changes(one, other), changes(other, one)
    assert {r.place for r in rows} == {r.place for r in back}
    opposite = {"looser": "tighter", "tighter": "looser", "": ""}
    assert {(r.place, opposite[r.direction]) for r in rows} == {(r.place, r.direction) for r in back}
    told = {place: value for place, value, _ in fields(one)}
    will = {place: value for place, value, _ in fields(other)}
    differing = {place for place in told.keys() | will.keys() if told.get(place) != will.get(place)}
    assert all(any(d == r.place or d.startswith(f"{r.place}.") for r in rows) for d in differing)
    assert all(r.place in differing for r in rows)
