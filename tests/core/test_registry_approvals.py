"""Approvals: by whom, on which commit, and when (RG-5)."""

from __future__ import annotations

from typing import Any

import pytest

from cicatrix.core.registry import (
    Evaluation,
    Review,
)
from tests.core.registries import (
    CORE,
    HEAD,
    OLD,
    WRITERS,
    document,
    judged,
    rerun,
    review,
)


def approval(rule: dict[str, Any], *reviews: Review, **facts: Any) -> Evaluation:
    base: dict[str, Any] = {"head_sha": HEAD, "reviews": reviews, "roles": WRITERS}
    return judged(document(rerun(approvalRule=rule)), **base | facts)


ANN_THEN_NO = (review("ann", minutes=9), review("ann", "CHANGES_REQUESTED", minutes=3))
NO_THEN_ANN = (review("ann", "CHANGES_REQUESTED", minutes=9), review("ann", minutes=3))

APPROVALS: list[tuple[dict[str, Any], tuple[Review, ...], dict[str, Any], bool]] = [
    ({}, (review("ann"),), {}, True),
    ({}, (), {}, False),
    ({}, (review("ann"),), {"reviews": None}, False),
    ({}, (review("ann"),), {"head_sha": None}, False),
    ({}, (review("ann", sha=OLD),), {}, False),
    ({}, (review("ann", sha=None),), {}, False),
    ({"dismissStaleReviews": True}, (review("ann", sha=OLD),), {}, False),
    ({}, (review("asker"),), {}, False),
    ({}, (review("ASKER"),), {"requester": "github:Asker@github.com"}, False),
    ({}, (review("asker"),), {"requester": "key:abcd"}, True),
    ({}, (review("ann"),), {"requester": None}, False),
    ({}, (review("ann"), review("bob")), {"requester": None}, True),
    ({}, (review("guest"),), {}, False),
    ({}, (review("helper"),), {}, False),
    ({}, (review(""),), {}, False),
    ({}, ANN_THEN_NO, {}, False),
    ({}, NO_THEN_ANN, {}, True),
    ({}, tuple(reversed(NO_THEN_ANN)), {}, True),
    ({}, (review("ann"), review("ann", "CHANGES_REQUESTED")), {}, False),
    ({}, (review("ann"), review("ann", "COMMENTED", minutes=1)), {}, True),
    ({}, (review("ann"), review("ann", "DISMISSED", minutes=1)), {}, False),
    ({}, (review("ann"), review("ann", "NOVEL", minutes=1)), {}, False),
    ({"minApprovers": 2}, (review("ann"), review("Ann", minutes=5)), {}, False),
    ({"minApprovers": 2}, (review("ann"), review("bob")), {}, True),
    ({"minApprovers": 2}, (review("ann"), review("asker")), {}, False),
    ({"approverRoles": ["Maintain"]}, (review("bob"),), {}, True),
    ({"approverRoles": ["maintain"]}, (review("ann"),), {}, False),
    ({"approverRoles": ["maintain"]}, (review("bob"),), {"roles": {}}, False),
    ({"approverUsers": ["Guest"]}, (review("guest"),), {}, True),
    ({"approverUsers": ["bob"]}, (review("ann"),), {}, False),
    ({"approverTeams": ["Acme/core"]}, (review("ann"),), {"teams": CORE}, True),
    ({"approverTeams": ["acme/core"]}, (review("ann"),), {}, False),
    ({"approverTeams": ["acme/core"], "approverUsers": ["bob"]}, (review("bob"),), {"teams": CORE}, True),
    ({"requireCodeOwners": True}, (review("ann"),), {"code_owners": frozenset({"Ann"})}, True),
    ({"requireCodeOwners": True}, (review("ann"),), {"code_owners": frozenset({"bob"})}, False),
    ({"requireCodeOwners": True}, (review("ann"),), {"code_owners": frozenset()}, False),
    ({"requireCodeOwners": True}, (review("ann"),), {}, False),
]


@pytest.mark.shows("RG-5")
@pytest.mark.parametrize(("rule", "reviews", "facts", "met"), APPROVALS)
def test_an_approval_counts_by_whom_on_which_commit_and_when(
    rule: dict[str, Any], reviews: tuple[Review, ...], facts: dict[str, Any], *, met: bool
) -> None:
    found = approval(rule, *reviews, **facts)
    assert found.approval_required
    assert (found.approval_met, found.allowed) == (met, met)
    if not met:
        assert (found.status, found.kind) == ("pending_approval", "approval")
        assert found.errors[0].startswith("registry.yml:5: allowedActions.rerun_failed_jobs.approvalRule is not met")
        assert "never by the requester" in found.errors[0]


@pytest.mark.shows("RG-5")
def test_the_rule_of_the_action_and_that_of_the_document_both_bind() -> None:
    tree = document(rerun(approvalRule={"approverUsers": ["ann"]}), approvalRules={"approverUsers": ["bob"]})
    one = judged(tree, head_sha=HEAD, reviews=(review("ann"),), roles=WRITERS)
    assert one.status == "pending_approval"
    assert one.errors[0].startswith("registry.yml:11: approvalRules is not met: 0 of 1 approvals by users bob")
    both = judged(tree, head_sha=HEAD, reviews=(review("ann"), review("bob")), roles=WRITERS)
    assert (both.allowed, both.approval_met) == (True, True)


def test_a_rule_that_is_switched_off_requires_nothing() -> None:
    found = approval({"required": False, "minApprovers": 5})
    assert (found.allowed, found.approval_required, found.approval_met) == (True, False, False)
