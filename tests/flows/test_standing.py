"""What an evaluation of the registry looks at: read from the simulated GitHub, and judged by the real evaluator."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cicatrix.core.actions import ActionType
from cicatrix.core.facts import CheckRun
from cicatrix.core.registry import ActiveRegistry, AllowedAction, Registry, Standing, evaluate
from cicatrix.flows.context import Context
from cicatrix.flows.fresh import read_fresh
from cicatrix.flows.reading import LOOK
from cicatrix.flows.standing import PEOPLE_ASKED, read_standing, status_word
from cicatrix.github import Deferred, GitHubError, NotSent, Refused, Unanswered
from cicatrix.lawbook.registry import load_registry
from cicatrix.simulator import JobSpec, SimPull, SimRun
from tests.stage import TOKEN, Stage, lost

ACTION = ActionType.RERUN_FAILED_JOBS


def registry(action: str = "", rest: str = "") -> Registry:
    """A registry that allows reruns, with `action` added to that entry and `rest` to the document."""
    text = (
        'version: "1.0.0"\nregistryId: shop\nrepository: acme/shop\n'
        "allowedActions:\n"
        f"  - {{actionType: rerun_failed_jobs, maxRetries: 2, requireEvidence: false{action}}}\n{rest}\n"
    )
    found, problems = load_registry(text, "registry.yml")
    assert found is not None, [str(p) for p in problems]
    return found


def needing(*preconditions: str) -> Registry:
    return registry(f", preconditions: [{', '.join(f'{{{p}}}' for p in preconditions)}]")


def approved_by(rule: str) -> Registry:
    return registry(f", approvalRule: {{{rule}}}")


class Scene:
    """acme/shop with one pull request by mona, and what a registry makes of it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.repo = self.stage.repo
        self.pull: SimPull = self.repo.pull_request(1, author="mona")
        for login, role in (("ann", "write"), ("bob", "maintain"), ("cyd", "read")):
            self.repo.collaborator(login, role)

    def read(
        self, found: Registry, *, requester: str | None = "zoe", pull: bool = True, runs: Sequence[SimRun] = ()
    ) -> Standing:
        ctx = self.stage.ctx
        fresh = ctx.github.pull_request("acme", "shop", 1) if pull else None
        config = found.action(ACTION)
        ids = tuple(str(run.id) for run in runs)
        return read_standing(ctx, config, found, "acme", "shop", fresh, self.pull.head_sha, requester, run_ids=ids)

    def asked(self, found: Registry, **how: Any) -> list[str]:
        """The paths asked for by one reading, after the pull request's own."""
        before = len(self.stage.world.history.calls)
        self.read(found, **how)
        calls = self.stage.world.history.calls[before + 1 :]
        return [call["path"].removeprefix("/repos/acme/shop") for call in calls]

    def evaluated(self, found: Registry, **how: Any) -> tuple[str, tuple[str, ...]]:
        """Status and errors, as the evaluator says them."""
        active = ActiveRegistry(
            host="github.com",
            repository_id=str(self.repo.id),
            owner_id="1",
            full_name="acme/shop",
            registry=found,
            activated_index=1,
        )
        told = evaluate(active, ACTION, self.read(found, **how))
        return told.status, told.errors

    def status(self, found: Registry, **how: Any) -> str:
        return self.evaluated(found, **how)[0]


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


@pytest.mark.shows("RG-1")
def test_what_no_rule_asks_for_is_not_read(scene: Scene) -> None:
    assert scene.asked(registry()) == []
    assert scene.asked(needing("type: label_absent, value: hold", "type: pr_not_draft")) == []
    disabled = registry(
        ", enabled: false, preconditions: [{type: checks_passed}], approvalRule: {requireCodeOwners: true}"
    )
    assert scene.asked(disabled) == []
    ctx = scene.stage.ctx
    fresh = ctx.github.pull_request("acme", "shop", 1)
    before = len(scene.stage.world.history.calls)
    for config in (None, AllowedAction(action_type=ActionType.MERGE_PR)):
        standing = read_standing(ctx, config, None, "acme", "shop", fresh, None, None)
        assert (standing.repository_id, standing.full_name) == (str(scene.repo.id), "acme/shop")
    assert len(scene.stage.world.history.calls) == before


CONDITIONS: list[tuple[str, Callable[[Scene], object]]] = [
    ("type: checks_passed", lambda s: s.repo.check_run(s.pull.head_sha, "lint", "linter")),
    ("type: checks_status, value: success", lambda s: s.repo.status(s.pull.head_sha, "ci/old")),
    ("type: review_approved", lambda s: s.pull.review("ann")),
    ("type: review_count, value: 2", lambda s: (s.pull.review("ann"), s.pull.review("bob"))),
    ("type: label_present, value: ready", lambda s: s.pull.label("ready")),
    ("type: label_absent, value: hold", lambda s: s.pull.labels.clear()),
    ("type: assignee_set", lambda s: s.pull.assign("ann")),
    ("type: branch_protection", lambda s: s.repo.protect("main")),
    ("type: pr_mergeable", lambda s: setattr(s.pull, "mergeable", True)),
    ("type: pr_not_draft", lambda s: setattr(s.pull, "draft", False)),
]


@pytest.mark.shows("RG-4")
@pytest.mark.parametrize(("precondition", "meet"), CONDITIONS, ids=[row[0] for row in CONDITIONS])
def test_a_precondition_is_met_by_what_github_says_and_by_nothing_else(
    scene: Scene, precondition: str, meet: Callable[[Scene], object]
) -> None:
    scene.pull.label("hold")
    scene.pull.draft, scene.pull.mergeable = True, False
    found = needing(precondition)
    before, errors = scene.evaluated(found)
    assert before == "blocked", errors
    meet(scene)
    after, errors = scene.evaluated(found)
    assert after == "allowed", errors
    assert scene.status(found, pull=False) == ("allowed" if "checks" in precondition else "blocked")


@pytest.mark.shows("RG-4", "RG-6")
def test_a_red_or_unknown_check_of_either_kind_counts(scene: Scene) -> None:
    found, sha = needing("type: checks_passed"), scene.pull.head_sha
    scene.repo.check_run(sha, "lint", "linter")
    scene.repo.status(sha, "ci/old", "error")
    assert scene.status(found) == "blocked"
    scene.repo.status(sha, "ci/old", "success")
    assert scene.status(found) == "allowed"
    scene.repo.check_run(sha, "scan", "scanner", None)
    assert scene.status(found) == "blocked"
    standing = scene.read(found)
    assert standing.checks == (("lint", "success"), ("scan", "pending"), ("ci/old", "success"))


@pytest.mark.shows("RG-6")
def test_conclusions_in_the_registrys_words() -> None:
    def word(conclusion: str | None, status: str = "completed") -> str:
        return status_word(CheckRun(id="1", name="x", status=status, conclusion=conclusion, app_slug=None))

    assert [word(c) for c in ("success", "neutral", "skipped", "failure")] == [
        "success",
        "neutral",
        "skipped",
        "failure",
    ]
    assert {word("timed_out"), word("startup_failure")} == {"failure"}
    assert {word("cancelled"), word("stale"), word("melted"), word(None)} == {"error"}
    assert {word("action_required"), word(None, "queued"), word("success", "in_progress")} == {"pending"}


@pytest.mark.shows("RG-4", "F15")
def test_a_list_with_a_hole_is_not_known(scene: Scene) -> None:
    for number in range(120):
        scene.pull.review(f"user{number}")
    scene.stage.world.faults.list_changes_while_paging("*reviews*")
    assert scene.read(needing("type: review_approved")).reviews is None


@pytest.mark.shows("RG-4")
def test_what_the_token_may_not_see_is_not_met(scene: Scene) -> None:
    narrow = {"metadata": "read", "pull_requests": "read", "contents": "read"}
    scene.stage.world.token("narrow", login="octocat", permissions=narrow)
    scene.repo.check_run(scene.pull.head_sha, "lint", "linter")
    assert scene.status(needing("type: checks_passed")) == "allowed"
    scene.stage.ctx = scene.stage.context(token="narrow")
    status, errors = scene.evaluated(needing("type: checks_passed"))
    assert status == "blocked"
    assert "could not be read" in errors[0]
    scene.stage.world.team("acme", "leads", ["ann"])
    scene.pull.review("ann")
    assert scene.status(approved_by("approverTeams: [acme/leads]")) == "pending_approval"


@pytest.mark.shows("RG-4")
@pytest.mark.parametrize(
    ("fault", "error"),
    [("answer_502_before", Unanswered), ("unreachable", NotSent), ("rate_limited", Deferred)],
)
@pytest.mark.parametrize("endpoint", ["*reviews*", "*permission*", "*branches*", "*files*", "*contents*"])
def test_an_outage_decides_nothing(scene: Scene, fault: str, error: type[GitHubError], endpoint: str) -> None:
    scene.pull.review("ann")
    scene.pull.change("a.py")
    faults = scene.stage.world.faults
    if fault == "rate_limited":
        faults.rate_limited("huge", endpoint, count=9)
    else:
        getattr(faults, fault)(endpoint, count=9)
    with pytest.raises(error):
        scene.read(approved_by("requireCodeOwners: true"))


@pytest.mark.shows("RG-4", "AP-5")
def test_a_credential_that_is_not_taken_is_no_missing_approval(scene: Scene) -> None:
    found = approved_by("minApprovers: 1")
    scene.pull.review("ann")

    def revoke(_: str, path: str) -> None:
        if "permission" in path:
            scene.stage.world.revoke(TOKEN)

    scene.stage.before = revoke
    with pytest.raises(Refused) as caught:
        scene.read(found)
    assert caught.value.status == 401


@pytest.mark.shows("RG-5")
def test_an_approval_needs_the_present_head_another_person_and_the_right_to_write(scene: Scene) -> None:
    found = approved_by("minApprovers: 1")
    scene.pull.review("cyd")  # may only read, as everybody in a public repository
    scene.pull.review("stranger")
    scene.pull.review("zoe")  # asks
    assert scene.status(found) == "pending_approval"
    scene.pull.review("ANN")
    assert scene.status(found) == "allowed"
    assert scene.status(found, requester="ann") == "pending_approval"
    scene.repo.push(scene.pull)
    assert scene.status(found) == "pending_approval"


@pytest.mark.shows("RG-5")
def test_roles_and_teams_are_asked_for_those_whose_word_counts(scene: Scene) -> None:
    scene.stage.world.team("acme", "leads", ["cyd"])
    for login in ("ann", "cyd"):
        scene.pull.review(login)
    scene.pull.review("bob", "changes_requested")
    scene.pull.review("idle", "commented")
    found = approved_by("approverTeams: [Acme/Leads], approverRoles: [maintain]")
    asked = sorted(scene.asked(found))
    assert asked == [
        "/collaborators/ann/permission",
        "/collaborators/bob/permission",
        "/collaborators/cyd/permission",
        "/orgs/Acme/teams/Leads/memberships/ann",
        "/orgs/Acme/teams/Leads/memberships/cyd",
        "/pulls/1/reviews",
    ]
    standing = scene.read(found)
    assert (dict(standing.roles), dict(standing.teams)) == (
        {"ann": "write", "bob": "maintain", "cyd": "read"},
        {"acme/leads": frozenset({"cyd"})},
    )
    assert scene.status(found) == "allowed"


@pytest.mark.shows("RG-5")
def test_the_documents_rule_binds_beside_the_actions_own(scene: Scene) -> None:
    found = registry(", approvalRule: {approverUsers: [ann]}", "approvalRules: {approverRoles: [maintain]}")
    scene.pull.review("ann")
    assert scene.status(found) == "pending_approval"
    scene.pull.review("bob")
    assert scene.status(found) == "allowed"


@pytest.mark.shows("RG-5")
def test_a_crowd_of_reviewers_is_bounded_and_gains_nothing(scene: Scene) -> None:
    for number in range(PEOPLE_ASKED + 20):
        scene.pull.review(f"user{number}")
    assert len(scene.asked(approved_by("minApprovers: 1"))) == PEOPLE_ASKED + 1
    assert scene.status(approved_by("minApprovers: 1")) == "pending_approval"


@pytest.mark.shows("AU-3", "RG-4", "RG-5")
@pytest.mark.parametrize("granted", [True, False])
def test_an_app_sees_teams_and_statuses_where_it_was_given_the_right(
    scene: Scene, app_context: Context, granted: bool
) -> None:
    world = scene.stage.world
    if granted:
        (app,) = world.apps.values()
        rights = {**app.permissions, "members": "read", "statuses": "read"}
        world.apps = {"7": replace(app, permissions=rights)}
    scene.stage.ctx = app_context
    scene.repo.check_run(scene.pull.head_sha, "lint", "linter")
    world.team("acme", "leads", ["ann"])
    scene.pull.review("ann")
    assert scene.status(approved_by("minApprovers: 1")) == "allowed"
    assert scene.status(needing("type: checks_passed")) == ("allowed" if granted else "blocked")
    by_team = scene.status(approved_by("approverTeams: [acme/leads]"))
    assert by_team == ("allowed" if granted else "pending_approval")
    widest = {right for p in world.tokens.values() if p.kind == "app" for right in (p.permissions or {}).items()}
    assert ("actions", "write") not in widest


class Owned(Scene):
    """The same, where files have owners."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.repo.file(".github/CODEOWNERS", "*.py @ann\n/docs/ @acme/writers mail@example.com\n", ref="main")
        self.stage.world.team("acme", "writers", ["bob"])
        self.found = approved_by("requireCodeOwners: true")

    def owners(self) -> frozenset[str] | None:
        return self.read(self.found).code_owners


@pytest.fixture
def owned(stage: Stage) -> Owned:
    return Owned(stage)


@pytest.mark.shows("RG-5")
def test_each_owned_file_needs_one_of_its_owners(owned: Owned) -> None:
    owned.pull.change("src/a.py", "docs/b.md", "unowned.txt")
    assert owned.owners() == frozenset({"ann"})
    owned.pull.review("ann")
    assert owned.status(owned.found) == "pending_approval"
    assert owned.owners() == frozenset()  # nobody of the writers is there yet
    owned.pull.review("bob")
    assert owned.owners() == frozenset({"ann", "bob"})
    assert owned.status(owned.found) == "allowed"


@pytest.mark.shows("RG-5")
def test_a_file_renamed_away_from_its_owner_still_needs_them(owned: Owned) -> None:
    owned.pull.change("free/a.txt", renamed_from="src/a.py")
    owned.pull.review("bob")
    assert owned.status(owned.found) == "pending_approval"
    owned.pull.review("ann")
    assert owned.status(owned.found) == "allowed"


@pytest.mark.shows("RG-5")
def test_the_pull_requests_own_owners_file_counts_for_nothing(owned: Owned) -> None:
    owned.repo.file(".github/CODEOWNERS", "* @bob\n", ref=owned.pull.head_sha)
    owned.pull.change("src/a.py", ".github/CODEOWNERS")
    owned.pull.review("bob")
    assert owned.status(owned.found) == "pending_approval"


@pytest.mark.shows("RG-5")
def test_an_owner_who_may_not_write_does_not_count(owned: Owned) -> None:
    owned.pull.change("src/a.py")
    owned.pull.review("ann")
    owned.pull.review("bob")
    assert owned.status(owned.found) == "allowed"
    owned.repo.collaborator("ann", "triage")
    assert owned.status(owned.found) == "pending_approval"


@pytest.mark.shows("RG-5")
@pytest.mark.parametrize("spoil", ["no file", "no changed file", "folder", "too many files", "nobody owns them"])
def test_owners_that_are_not_known_are_not_there(owned: Owned, spoil: str) -> None:
    owned.pull.review("ann")
    if spoil != "no changed file":
        owned.pull.change("a.txt" if spoil == "nobody owns them" else "src/a.py")
    if spoil in {"no file", "folder"}:
        owned.repo.remove_file(".github/CODEOWNERS")
    if spoil == "folder":
        owned.repo.file(".github/CODEOWNERS/x", "* @ann\n")
        owned.repo.file("CODEOWNERS", "* @ann\n")
    if spoil == "too many files":
        owned.pull.change(*(f"{number}.py" for number in range(3000)))
    assert owned.status(owned.found) == "pending_approval"


@pytest.mark.shows("RG-5")
def test_the_first_of_the_three_places_counts(owned: Owned) -> None:
    owned.repo.remove_file(".github/CODEOWNERS")
    owned.repo.file("docs/CODEOWNERS", "* @bob\n")
    owned.pull.change("src/a.py")
    assert owned.owners() == frozenset({"bob"})
    owned.repo.file("CODEOWNERS", "* @ann\n")
    owned.repo.push("main")
    assert owned.owners() == frozenset({"ann"})


@pytest.mark.shows("RG-4")
def test_mergeability_is_asked_for_once_more_while_github_finds_out(scene: Scene) -> None:
    found = needing("type: pr_mergeable")
    scene.pull.mergeable = None
    assert scene.asked(found) == ["/pulls/1"]
    assert scene.status(found) == "blocked"
    reads: list[str] = []

    def settle(method: str, path: str) -> None:
        if re.fullmatch(r"/repos/acme/shop/pulls/1", path):
            reads.append(method)
            scene.pull.mergeable = True if len(reads) == 2 else None

    scene.stage.before = settle
    assert scene.status(found) == "allowed"


@pytest.mark.shows("RG-7", "T22")
def test_a_renamed_or_recreated_repository_is_told_as_what_it_is_now(scene: Scene) -> None:
    found, name = registry(), "acme/store"
    assert scene.status(found) == "allowed"
    scene.repo.rename(name)
    for pull in (True, False):
        status, errors = scene.evaluated(found, pull=pull)
        assert status == "blocked"
        assert name in errors[0]
    scene.stage.world.repository("acme/shop").pull_request(1)
    for pull in (True, False):
        status, errors = scene.evaluated(found, pull=pull)
        assert status == "blocked"
        assert "another repository" in errors[0]


class Deployed(Scene):
    """The same, with two red runs on the head of the pull request."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.runs = [
            stage.red([JobSpec(id=name, outcomes=lost())], path=f".github/workflows/{name}.yml", pull=self.pull)
            for name in ("canary", "full")
        ]

    def approve(self, login: str = "ann", state: str = "approved") -> None:
        for run in self.runs:
            run.approve_environment("Production", login, state)

    def said(self, found: Registry | None = None, **how: Any) -> str:
        """The status, and what is missing; of the approval of production unless a registry is given."""
        asks = found or needing("type: environment_approved, value: production")
        status, errors = self.evaluated(asks, **{"runs": self.runs} | how)
        return f"{status} {' '.join(errors)}"


@pytest.fixture
def deployed(stage: Stage) -> Deployed:
    return Deployed(stage)


@pytest.mark.shows("RG-4")
def test_an_environment_is_approved_when_it_is_in_every_red_run(deployed: Deployed) -> None:
    first, second = deployed.runs
    assert "0 of 1 approvals" in deployed.said()
    first.approve_environment("Production", "ann")
    assert f"run {second.id} has 0 of 1" in deployed.said()
    assert deployed.said(runs=[first]).startswith("allowed")
    assert deployed.said(runs=[first], pull=False).startswith("allowed")
    second.approve_environment("staging", "ann")
    assert f"run {second.id} has 0 of 1" in deployed.said()
    assert deployed.said(needing("type: environment_approved")).startswith("allowed")
    second.approve_environment("production", "bob")
    assert deployed.said().startswith("allowed")


@pytest.mark.shows("RG-4", "RG-5")
def test_a_rejection_and_the_requesters_own_word_approve_no_environment(deployed: Deployed) -> None:
    deployed.approve("zoe")
    assert "people other than the requester" in deployed.said()
    deployed.approve("ann")
    assert deployed.said().startswith("allowed")
    assert deployed.said(requester="Ann").startswith("allowed")  # zoe's counts then
    assert deployed.said(requester=None).startswith("allowed")  # whoever asks, the other one approved
    deployed.approve("bob", "pending")
    assert deployed.said().startswith("allowed")
    deployed.runs[1].approve_environment("production", "bob", "rejected")
    assert f"run {deployed.runs[1].id} approves it" in deployed.said()
    assert deployed.said(runs=deployed.runs[:1]).startswith("allowed")


@pytest.mark.shows("RG-4")
def test_a_review_history_that_is_not_to_be_seen_approves_nothing(deployed: Deployed) -> None:
    deployed.approve()
    found = needing("type: environment_approved")
    assert deployed.said(found).startswith("allowed")
    assert "was not read" in deployed.said(found, runs=[])
    narrow = {"metadata": "read", "pull_requests": "read", "contents": "read"}
    deployed.stage.world.token("narrow", login="octocat", permissions=narrow)
    able, deployed.stage.ctx = deployed.stage.ctx, deployed.stage.context(token="narrow")
    assert "could not be read" in deployed.said(found)
    deployed.stage.ctx = able

    def gone(_: str, path: str) -> None:
        if path.endswith(f"/{deployed.runs[1].id}/approvals"):
            deployed.stage.world.runs.pop(deployed.runs[1].id, None)

    deployed.stage.before = gone
    assert "could not be read" in deployed.said(found)
    assert deployed.said(found, runs=deployed.runs[:1]).startswith("allowed")
    deployed.stage.world.faults.answer_502_before("*approvals*", count=9)
    with pytest.raises(Unanswered):
        deployed.said(found)


@pytest.mark.shows("RG-4")
def test_review_histories_are_asked_for_once_a_run_and_only_where_they_count(deployed: Deployed) -> None:
    twice = [*deployed.runs, deployed.runs[0]]
    paths = sorted(f"/actions/runs/{run.id}/approvals" for run in deployed.runs)
    assert sorted(deployed.asked(needing("type: environment_approved"), runs=twice)) == paths
    assert deployed.asked(needing("type: pr_not_draft"), runs=twice) == []


@pytest.mark.shows("RG-4", "GE-4")
@pytest.mark.parametrize("by_run", [False, True])
def test_a_request_looks_at_the_runs_it_is_about(deployed: Deployed, *, by_run: bool) -> None:
    stage, home = deployed.stage, deployed.stage.ctx.github.repository("acme", "shop")
    with stage.ctx.ledger.write("registry") as tx:
        tx.activate_registry(
            host=home.host,
            repository_id=home.id,
            owner_id=home.owner_id,
            full_name=home.full_name,
            registry=needing("type: environment_approved, value: production"),
            principal="test",
        )
    run = deployed.runs[0]
    about: dict[str, Any] = {"number": None, "run_id": run.id} if by_run else {}
    stage.ask(**about)
    assert stage.effects == []
    run.approve_environment("production", "ann")
    stage.ask(**about)
    assert len(stage.effects) == (1 if by_run else 0)
    deployed.runs[1].approve_environment("production", "octocat")
    stage.ask(**about)
    assert len(stage.effects) == (1 if by_run else 0)  # nobody approves what they ask for
    deployed.runs[1].approve_environment("production", "bob")
    reading, _ = read_fresh(stage.ctx, LOOK, "acme", "shop", str(run.id), pull_request=1, run=None)
    standing = reading.rules.standing
    assert standing is not None
    assert list(standing.environment_reviews or {}) == [str(run.id)]
    stage.ask()
    assert len(stage.effects) == 2
