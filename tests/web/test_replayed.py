"""A stored answer is told again to those who may ask for it, and to nobody else (AP-3)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cicatrix.core.access import AccessPolicy
from cicatrix.core.actions import ActionType, Role
from cicatrix.web.callers import Callers, asking_with
from cicatrix.web.service import Service
from tests.web.desk import Desk, problem
from tests.web.test_callers import user


@pytest.mark.shows("AP-3", "AU-4", "RR-13")
def test_a_stored_answer_is_told_to_those_who_may_ask_for_it(desk: Desk) -> None:
    desk.red()
    desk.world.repository("acme/other")
    told = desk.rerun(desk.key(), requestId="r-1")
    assert told.status_code == 200, told.text
    strangers = (
        desk.key(Role.READER),
        desk.key(repositories=("acme/other",)),
        desk.key(actions=frozenset({ActionType.ADD_LABEL})),
        user(desk, "read"),
    )
    for caller in strangers:
        problem(desk.rerun(caller, requestId="r-1"), 403, "CALLER_NOT_AUTHORISED")
    again = desk.rerun(desk.key(), requestId="r-1")
    assert (again.headers["idempotency-replayed"], again.json()) == ("true", told.json())
    assert len(desk.writes) == 1


@pytest.mark.shows("AP-3", "AU-1")
def test_a_stored_answer_is_not_told_once_the_allowlist_says_no(desk: Desk) -> None:
    desk.red()
    key = desk.key()
    assert desk.rerun(key, requestId="r-1").status_code == 200
    access = AccessPolicy.parse(json.dumps({"allowlist": [{"owner": "acme", "repo": "other"}]}))
    assert isinstance(access, AccessPolicy)
    narrowed = replace(desk.ctx, deployment=replace(desk.ctx.deployment, access=access))

    def change(service: Service) -> Service:
        return replace(service, ctx=narrowed, callers=Callers(narrowed, asking_with(narrowed)))

    with desk.open(change):
        problem(desk.rerun(key, requestId="r-1"), 403, "REPO_ACCESS_DENIED")


@pytest.mark.shows("AP-3", "AU-4", "RG-7")
def test_a_stored_answer_is_not_told_to_a_key_of_the_former_repository(desk: Desk) -> None:
    desk.red()
    key = desk.key()
    assert desk.rerun(key, requestId="r-1").status_code == 200
    desk.world.repository("acme/shop").delete()
    desk.world.repository("acme/shop")
    told = problem(desk.rerun(key, requestId="r-1"), 403, "CALLER_NOT_AUTHORISED")
    assert "another repository" in told["detail"]
    problem(desk.rerun(desk.key(), requestId="r-1"), 422, "IDEMPOTENCY_KEY_REUSED")
