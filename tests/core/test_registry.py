"""The registry document: strict, with defaults, one hash, and a schema that says the same."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cicatrix.core.actions import ActionType
from cicatrix.core.canonical import canonical_hash
from cicatrix.core.registry import (
    PreconditionType,
    advice,
    json_schema,
    restore,
    validate,
)
from cicatrix.core.registry.table import PRECONDITIONS
from tests.core.registries import (
    FILE,
    MINIMAL,
    RERUN,
    registry,
)

FULL: dict[str, Any] = {
    **MINIMAL,
    "allowedActions": [
        {
            "actionType": "rerun_failed_jobs",
            "enabled": True,
            "preconditions": [
                {"type": "checks_passed"},
                {"type": "checks_status", "value": "failure"},
                {"type": "review_count", "value": 2, "description": "two people"},
                {"type": "label_present", "value": "ready"},
                {"type": "assignee_set", "value": "octocat"},
                {"type": "pr_not_draft", "value": True},
            ],
            "approvalRule": {"minApprovers": 2, "approverRoles": ["maintain"], "approverTeams": ["acme/core"]},
            "maxRetries": 3,
            "cooldownMinutes": 5,
            "requireEvidence": False,
            "description": "Two tries.\nNo more.",
        },
        {"actionType": "merge_pr"},
    ],
    "requiredChecks": [{"name": "build", "allowedStatuses": ["success", "neutral"]}, {"name": "x", "required": False}],
    "approvalRules": {"approverUsers": ["octocat"], "requireCodeOwners": True, "dismissStaleReviews": True},
    "mergePolicy": {"allowedMethods": ["squash", "merge"]},
    "labelMappings": [{"name": "bug", "color": "ff0000", "semantic": "defect"}],
    "reviewerMappings": [{"type": "user", "identifier": "octocat"}],
    "environments": [{"name": "production", "requireApproval": True, "approvers": ["octocat"]}],
    "failClosed": False,
    "createdAt": "2026-11-21T10:00:00Z",
    "createdBy": "octocat",
    "notes": "ours",
}


def complaints(tree: object) -> list[str]:
    found, problems = validate(tree, {}, FILE)
    assert (found is None) == bool(problems)
    return [f"{p.path} {p.message}" for p in problems]


# --- the document


def test_defaults_are_those_of_the_specification() -> None:
    tree = {**MINIMAL, "allowedActions": [{"actionType": "add_label"}], "requiredChecks": [{"name": "build"}]}
    tree |= {"approvalRules": {}, "mergePolicy": {}, "environments": [{"name": "production"}]}
    found: Any = json.loads(json.dumps(registry(tree).tree))
    assert found["allowedActions"][0] == {
        "actionType": "add_label",
        "enabled": True,
        "preconditions": [],
        "approvalRule": None,
        "maxRetries": 0,
        "cooldownMinutes": 0,
        "requireEvidence": True,
        "description": "",
    }
    assert found["requiredChecks"][0]["required"] is True
    assert found["requiredChecks"][0]["allowedStatuses"] == ["success"]
    assert found["approvalRules"]["minApprovers"] == 1
    assert found["approvalRules"]["requireCodeOwners"] is found["approvalRules"]["dismissStaleReviews"] is False
    assert found["mergePolicy"] == {
        "allowedMethods": ["squash"],
        "defaultMethod": "squash",
        "requireLinearHistory": False,
        "requireUpToDateBranch": True,
        "autoMergeEnabled": False,
        "deleteBranchOnMerge": True,
    }
    assert found["environments"][0]["requireApproval"] is False
    assert found["failClosed"] is True
    assert len(ActionType) == 27
    assert set(PRECONDITIONS) == set(PreconditionType)
    assert len(PRECONDITIONS) == 11


ACTION = "allowedActions[0]"


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ([], "the file must be a mapping"),
        (None, "the file must be a mapping"),
        ({k: v for k, v in MINIMAL.items() if k != "version"}, "the file needs version"),
        (MINIMAL | {"allowedAction": []}, "allowedAction is no key here: did you mean allowedActions?"),
        (MINIMAL | {"zzz": 1}, "zzz is no key here: use version, registryId"),
        (MINIMAL | {"version": "1.0"}, "version must be a version such as 1.0.0"),
        (MINIMAL | {"version": 1.0}, "(put it in quotes)"),
        (MINIMAL | {"registryId": ""}, "registryId must be an id"),
        (MINIMAL | {"repository": "site"}, "repository must be a repository such as acme/site"),
        (MINIMAL | {"repository": "acme/.."}, "repository must be a repository such as acme/site"),
        (MINIMAL | {"repository": "acme/*"}, "repository must be a repository such as acme/site"),
        (MINIMAL | {"failClosed": "no"}, "failClosed must be true or false"),
        (MINIMAL | {"allowedActions": {}}, "allowedActions must be a list"),
        (MINIMAL | {"allowedActions": [{}]}, f"{ACTION} needs actionType"),
        (MINIMAL | {"notes": "half \ud800"}, "notes must be text"),
    ],
)
def test_what_is_wrong_in_a_document_is_said_with_its_key(tree: object, says: str) -> None:
    found = complaints(tree)
    assert len(found) == 1
    assert says in found[0]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"maxRetry": 1}, f"{ACTION}.maxRetry is no key here: did you mean maxRetries?"),
        ({"maxRetries": -1}, f"{ACTION}.maxRetries must be 0..1000, not -1"),
        ({"maxRetries": True}, f"{ACTION}.maxRetries must be 0..1000, not true"),
        ({"maxRetries": None}, f"{ACTION}.maxRetries must be 0..1000, not null"),
        ({"actionType": "rerun_failed_job"}, "must be one of 27 words (did you mean rerun_failed_jobs?)"),
        ({"actionType": 7}, f"{ACTION}.actionType must be assign_issue or"),
        ({"enabled": "true"}, f"{ACTION}.enabled must be true or false"),
        ({"approvalRule": {"minApprovers": 0}}, f"{ACTION}.approvalRule.minApprovers must be 1..100"),
        ({"approvalRule": {"approverTeams": ["core"]}}, f"{ACTION}.approvalRule.approverTeams[0] must be a team"),
        ({"preconditions": [{"type": "label_present"}]}, f"{ACTION}.preconditions[0] needs value"),
        ({"preconditions": [{"value": 1}]}, f"{ACTION}.preconditions[0] needs type"),
        ({"preconditions": [{"type": "check_passed"}]}, "(did you mean checks_passed?)"),
        ({"preconditions": [{"type": "pr_mergeable", "value": False}]}, "value must be true, not false"),
        ({"preconditions": [{"type": "pr_mergeable", "value": 1}]}, "value must be true, not 1"),
        ({"preconditions": [{"type": "review_count", "value": 0}]}, "value must be 1..100, not 0"),
        ({"preconditions": [{"type": "checks_status", "value": "ok"}]}, "value must be failure or pending or success"),
        ({"preconditions": ["checks_passed"]}, f"{ACTION}.preconditions[0] must be a mapping, not checks_passed"),
    ],
)
def test_what_is_wrong_in_an_action_is_said_with_its_key(entry: dict[str, Any], says: str) -> None:
    found = complaints(MINIMAL | {"allowedActions": [{"actionType": "rerun_failed_jobs"} | entry]})
    assert len(found) == 1
    assert says in found[0]


@pytest.mark.parametrize(
    ("key", "items", "says"),
    [
        (
            "allowedActions",
            [{"actionType": "add_label"}, {"actionType": "add_label", "enabled": False}],
            "allowedActions[1] is a second entry for add_label: keep one",
        ),
        ("requiredChecks", [{"name": "a"}, {"name": "a", "required": False}], "requiredChecks[1] is a second entry"),
    ],
)
def test_what_is_listed_twice_is_wrong(key: str, items: list[Any], says: str) -> None:
    assert says in complaints(MINIMAL | {key: items})[0]


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    secret = "ghp_" + "a1B2" * 9
    for tree in (MINIMAL | {"repository": secret}, MINIMAL | {secret: 1}):
        assert "a1B2" not in " ".join(complaints(tree))


@pytest.mark.shows("RG-7")
def test_the_hash_is_that_of_the_canonical_tree_and_changes_with_the_content_alone() -> None:
    one = registry(MINIMAL)
    spelled = copy.deepcopy(MINIMAL) | {"failClosed": True, "notes": "", "approvalRules": None}
    spelled["allowedActions"][0] |= {"enabled": True, "preconditions": []}
    assert one.hash == canonical_hash(one.tree) == registry(dict(reversed(spelled.items())), "other.yml").hash
    changed = copy.deepcopy(MINIMAL)
    changed["allowedActions"][0]["maxRetries"] = 2
    assert registry(changed).hash != one.hash
    full = registry(FULL)
    turned = FULL | {k: list(reversed(FULL[k])) for k in ("allowedActions", "requiredChecks")}
    assert registry(turned).hash == full.hash


@pytest.mark.parametrize("tree", [MINIMAL, FULL])
def test_what_the_ledger_stored_is_restored_as_it_was(tree: dict[str, Any]) -> None:
    found, problems = validate(tree, {("allowedActions", 0, "maxRetries"): (7, 3)}, FILE)
    assert found is not None, problems
    assert found.lines == {"allowedActions.rerun_failed_jobs.maxRetries": 7}
    stored = json.loads(json.dumps(found.tree))
    assert restore(stored, FILE, json.loads(json.dumps(found.lines))) == found


def test_a_stored_tree_that_somebody_changed_is_refused() -> None:
    tree = dict(registry(MINIMAL).tree) | {"failOpen": True}
    with pytest.raises(ValueError, match=r"failOpen is no key here.*apply the document again"):
        restore(tree, FILE, {})


@pytest.mark.shows("RG-2")
def test_a_rerun_action_without_a_number_of_reruns_is_pointed_out() -> None:
    tree = {**MINIMAL, "allowedActions": [{"actionType": a} for a in ("rerun_failed_jobs", "rerun_checks", "rollback")]}
    positions: dict[tuple[str | int, ...], tuple[int, int]] = {("allowedActions", 0): (5, 5)}
    found, _ = validate(tree, positions, FILE)
    assert found is not None
    told = advice(found)
    assert [p.path.split(".")[1] for p in told] == ["rerun_checks", "rerun_failed_jobs"]
    assert str(told[1]).startswith("registry.yml:5 allowedActions.rerun_failed_jobs.maxRetries is not set")
    assert not advice(registry(MINIMAL))
    written: dict[tuple[str | int, ...], tuple[int, int]] = {("allowedActions", 0, "maxRetries"): (6, 5)}
    zero, _ = validate({**MINIMAL, "allowedActions": [{"actionType": RERUN, "maxRetries": 0}]}, written, FILE)
    assert zero is not None
    assert not advice(zero)


SCHEMA = json_schema()
SCHEMA_OF = Draft202012Validator(SCHEMA)


def places(tree: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    items: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += places(value, (*path, key))
    return found


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, 101, "", " ", "x", "true", "success", "add_label", "a/b", "octocat", "1.0.0",
    "1.0.0\n", "ff0000", "2026-11-21", "a\nb", "\u0663", [], [1], ["success"], ["x", "x"], {}, {"type": "pr_mergeable"},
    {"type": "review_count", "value": 1}, {"actionType": "merge_pr"}, {"actionType": "rerun_failed_jobs"},
    {"name": "y"},
]  # fmt: skip


def changed(tree: dict[str, Any], path: tuple[str | int, ...], value: Any, how: str) -> Any:
    if not path:
        return value if how == "replace" else tree
    result: Any = copy.deepcopy(tree)
    parent = result
    for key in path[:-1]:
        parent = parent[key]
    if how == "delete":
        del parent[path[-1]]
    elif how == "add" and isinstance(parent, dict):
        parent["odd"] = value
    elif how == "add":
        parent.append(value)
    else:
        parent[path[-1]] = value
    return result


CHANGES = st.tuples(
    st.sampled_from(places(FULL)), st.sampled_from(VALUES), st.sampled_from(["delete", "add", "replace"])
)


@settings(max_examples=250, deadline=None)
@given(CHANGES)
def test_schema_and_validation_accept_the_same_documents(change: tuple[Any, Any, str]) -> None:
    tree = changed(FULL, *change)
    found = complaints(tree)
    if any("second entry" in line and "allowedActions" not in line for line in found):
        return  # the schema cannot tell two checks of one name
    assert SCHEMA_OF.is_valid(tree) == (not found), found


def test_the_schema_is_one_and_accepts_what_is_canonical() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for tree in (MINIMAL, FULL):
        assert SCHEMA_OF.is_valid(tree)
        assert SCHEMA_OF.is_valid(json.loads(json.dumps(registry(tree).tree)))
    assert not SCHEMA_OF.is_valid(MINIMAL | {"allowedActions": [{"actionType": "add_label"}] * 2})
