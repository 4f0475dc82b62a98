"""The review history of a run: read from the simulated GitHub and from odd far sides."""

from __future__ import annotations

from typing import Any

import pytest

from cicatrix.core.facts import EnvironmentReview
from cicatrix.github import AppCredentials, NotSent, Refused, Unanswered
from cicatrix.simulator import JobSpec
from tests.github.far_side import Script, answer, client
from tests.github.test_people import shop
from tests.github.test_simulated import CI, PRIVATE
from tests.github.test_simulated import client as simulated


def reviewed(*environments: str, login: str = "ann", state: str = "approved") -> EnvironmentReview:
    return EnvironmentReview(environments=environments, login=login, state=state)


@pytest.mark.shows("RG-4")
def test_the_review_history_of_a_run_is_read() -> None:
    permissions = {"metadata": "read", "actions": "write", "checks": "read", "contents": "read"}
    made, repo, pull = shop(permissions={**permissions, "pull_requests": "read"})
    repo.workflow(CI, [JobSpec(id="deploy")])
    run, other = (repo.run(CI, pull_request=pull, finished=True) for _ in range(2))
    run.approve_environment("production", "ann")
    run.approve_environment("Staging", "bob", "rejected")
    for github in (simulated(made), simulated(made, AppCredentials(12, PRIVATE))):
        found = github.run_approvals("acme", "shop", str(run.id))
        assert found == (reviewed("production"), reviewed("Staging", login="bob", state="rejected"))
        assert github.run_approvals("acme", "shop", str(other.id)) == ()
        with pytest.raises(Refused) as caught:
            github.run_approvals("acme", "shop", "1")
        assert caught.value.status == 404
    rights = [dict(p.permissions or {}) for p in made.tokens.values() if p.kind == "app"]
    assert all(given.get("actions") == "read" for given in rights if "actions" in given)


@pytest.mark.shows("RG-4")
@pytest.mark.parametrize(
    ("entry", "read"),
    [
        ({"user": None, "state": "APPROVED", "environments": [{"name": "a"}, {"name": "b"}]}, ("", "approved", "ab")),
        ({"user": {"login": "ann"}, "state": "melted", "environments": [], "extra": [1]}, ("ann", "melted", "")),
        ({"environments": [{"name": "a", "id": None}]}, ("", "", "a")),
    ],
)
def test_what_is_new_or_gone_in_an_entry_is_tolerated(entry: dict[str, Any], read: tuple[str, str, str]) -> None:
    script = Script([answer([entry])])
    (found,) = client(script).run_approvals("o", "r", "7")
    assert (found.login, found.state, "".join(found.environments)) == read
    assert script.asked[0].url.raw_path == b"/repos/o/r/actions/runs/7/approvals"


@pytest.mark.shows("RG-4")
@pytest.mark.parametrize("tree", [{"approvals": []}, [{"state": "approved"}], [{"environments": [{"id": 1}]}], ["x"]])
def test_a_history_that_does_not_tell_what_it_is_about_is_no_answer(tree: Any) -> None:
    with pytest.raises(Unanswered):
        client(Script([answer(tree)])).run_approvals("o", "r", "7")


@pytest.mark.parametrize("run_id", ["", "-1", "1/../2", "x"])
def test_a_run_id_that_is_none_is_not_sent(run_id: str) -> None:
    script = Script([answer([])])
    with pytest.raises(NotSent, match="run id"):
        client(script).run_approvals("o", "r", run_id)
    assert script.asked == []
