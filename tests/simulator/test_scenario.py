"""Scenario files: the documented format makes the world it says, and mistakes are named with their place."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from cicatrix.simulator import SimulatorError, scenario
from cicatrix.simulator.scenario import DEFAULT, load
from tests.simulator.support import NOON, REPO, client


def _documented() -> str:
    """The example of the module's docstring, without the two runs that contradict each other on purpose."""
    lines = (scenario.__doc__ or "").splitlines()
    block = [line for line in lines if line.startswith("    ")]
    kept = [line for line in block if "startup_failure" not in line]
    return textwrap.dedent("\n".join(kept))


def test_the_documented_example_is_a_world() -> None:
    text = (
        _documented()
        .replace("needs: [build]", "needs: []")
        .replace("uses: ./.github/workflows/x.yml # a reusable workflow, with its own `jobs`", "jobs: []")
    )
    made = load(text)
    with client(made, "demo-token") as http:
        runs = http.get(f"{REPO}/actions/runs").json()["workflow_runs"]
        assert [(r["event"], r["status"], r["conclusion"]) for r in runs] == [
            ("push", "completed", "failure"),
            ("pull_request", "completed", "timed_out"),
        ]
        assert http.get(f"{REPO}/commits/{runs[1]['head_sha']}/check-runs").json()["total_count"] == 3
        assert http.get(f"{REPO}/collaborators/octocat/permission").json()["role_name"] == "write"
        assert http.get(f"{REPO}/branches/main").json()["protected"] is True
        (approval,) = http.get(f"{REPO}/actions/runs/{runs[1]['id']}/approvals").json()
        assert (approval["state"], approval["environments"][0]["name"]) == ("approved", "production")
        pull = http.get(f"{REPO}/pulls/1").json()
        assert (pull["labels"][0]["name"], pull["assignee"]["login"], pull["draft"]) == ("ready", "octocat", False)
        assert [r["state"] for r in http.get(f"{REPO}/pulls/1/reviews").json()] == ["APPROVED"]
        assert [f["filename"] for f in http.get(f"{REPO}/pulls/1/files").json()] == ["src/app.py"]
        assert http.get("/orgs/acme/teams/leads/memberships/octocat").json()["state"] == "active"
    assert [f.kind for f in made.faults.active] == ["answer_502_after_effect"]


def test_the_default_scenario_has_a_run_to_heal() -> None:
    made = load(DEFAULT, now=NOON)
    run = next(iter(made.runs.values()))
    with client(made, "demo-token") as http:
        assert http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs").status_code == 201
        made.advance(3600)
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["conclusion"] == "success"


def test_each_pull_request_of_the_default_scenario_has_a_branch_of_its_own() -> None:
    made = load(DEFAULT, now=NOON)
    pulls = made.repositories["acme/shop"].pulls
    assert [pull.head_ref for pull in pulls.values()] == [f"pr-{number}" for number in range(1, 7)]
    assert len({pull.head_sha for pull in pulls.values()}) == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("[]", "must be a mapping"),
        ("colour: red", r"unknown key 'colour'; known are now, seed"),
        ("seed: x", "seed must be a whole number"),
        ("listing: gone", "listing must be copied or absent"),
        ("now: yesterday", "is no time"),
        ("repositories: {}", "repositories must be a list"),
        ("repositories: [{}]", r"repositories\[0\]: name is missing"),
        ("repositories: [{name: shop}]", "write owner/name"),
        (
            "repositories: [{name: a/b, workflows: [{path: w.yml, jobs: [{id: t, outcomes: [maybe]}]}]}]",
            r"jobs\[0\].outcomes\[0\]: an outcome is one of",
        ),
        (
            "repositories: [{name: a/b, workflows: [{path: w.yml, jobs: [{id: t, outcomes: {failure: x, day: 1}}]}]}]",
            "failure does not take day",
        ),
        ("repositories: [{name: a/b, runs: [{workflow: w.yml}]}]", "has no workflow 'w.yml'"),
        ("teams: {acme: [octocat]}", "write organisation/slug"),
        (
            "repositories: [{name: a/b, pull_requests: [{number: 1, reviews: [{login: x, state: FINE}]}]}]",
            r"reviews\[0\].state must be APPROVED or",
        ),
        ("faults: [{kind: explode}]", "unknown fault 'explode'"),
        ("tokens: [{token: t, kind: app}]", "not 'app'"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        load(text, now=NOON)


def test_a_scenario_needs_a_time() -> None:
    with pytest.raises(SimulatorError, match="needs a time"):
        load("seed: 1")


def test_scenarios_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(DEFAULT, encoding="utf-8")
    assert len(load((tmp_path / "s.yml").read_text(encoding="utf-8"), now=NOON).runs) == 6
