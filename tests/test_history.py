"""The offline checker finds each law broken on purpose, and nothing in a record where all of them held."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cicatrix.simulator import JobSpec, Outcome, SimRun, World
from tests import history, history_writes
from tests.history import Bounds, check
from tests.simulator.support import REPO, client, failed_run, world

JOBS = (
    JobSpec(id="test", outcomes=[Outcome.failure("reset")]),
    JobSpec(id="lint", outcomes=[Outcome.failure("E501"), Outcome.success()]),
    JobSpec(id="gate", needs=["test", "lint"], always=True),
)
ELIGIBLE = "infra_transient"


class Story:
    """A world driven by hand, with the ledger that an honest product would have written."""

    def __init__(self, jobs: tuple[JobSpec, ...] = JOBS) -> None:
        self.world: World = world()
        self.pull, self.run = failed_run(self.world, jobs)
        self.lines: list[dict[str, Any]] = []
        self.classes = {"test": ELIGIBLE, "lint": ELIGIBLE, "gate": ""}

    def entry(self, kind: str, **values: Any) -> None:
        at = self.world.now.isoformat().replace("+00:00", "Z")
        text = json.dumps({"kind": kind, "at": at, "index": len(self.lines), **values})
        self.lines.append({"index": len(self.lines), "leafHash": "", "entry": text, "rootAfter": ""})

    def intend(self, name: str = "op-1", *, run: SimRun | None = None, **changes: Any) -> None:
        of = run or self.run
        named = ["test", "lint", "gate"]
        jobs = [
            {"name": n, "failureClass": c, "reasonCode": "" if c else "dependant_failure"}
            for n, c in self.classes.items()
        ]
        self.entry("rerun.decided", decisionId=f"d-{name}", mode="FAILED_ONLY", jobs=jobs)
        values: dict[str, Any] = {
            "operationId": name,
            "decisionId": f"d-{name}",
            "repositoryId": str(of.state.repository_id),
            "ownerId": "1",
            "runId": str(of.id),
            "headSha": of.head_sha,
            "pullRequest": 1,
            "verb": "rerun-failed-jobs",
            "baseAttempt": of.attempt,
            "targetJobId": None,
            "named": [{"name": n} for n in named],
            "dependants": [],
            "identityShared": True,
        }
        self.entry("rerun.intended", **{**values, **changes})

    def post(self, run: SimRun | None = None, path: str = "") -> int:
        of = run or self.run
        self.world.advance(1)
        with client(self.world) as http:
            return http.post(f"{REPO}/actions/{path or f'runs/{of.id}/rerun-failed-jobs'}").status_code

    def settle(self, word: str = "confirmed", name: str = "op-1", **values: Any) -> None:
        self.world.advance(1)
        self.entry(f"rerun.{word}", operationId=name, **values)

    def violations(self, **values: Any) -> list[str]:
        return check(self.world.history.dump(), [json.dumps(line) for line in self.lines], **values)


def one_good_rerun(name: str = "op-1", story: Story | None = None) -> Story:
    told = story or Story()
    told.intend(name)
    assert told.post() == 201
    told.settle(name=name)
    told.run.finish()
    return told


def test_an_honest_record_has_no_violation() -> None:
    story = one_good_rerun()
    story = one_good_rerun("op-2", story)
    story.world.human_reruns(story.run.id)
    assert story.violations(bounds=Bounds(pull_request=6)) == []


def unasked(story: Story) -> None:
    story.post()


def twice_under_one_intent(story: Story) -> None:
    story.intend()
    story.post()
    story.run.finish()
    story.post()
    story.settle()


def three_times(story: Story) -> None:
    for n in range(3):
        one_good_rerun(f"op-{n}", story)


def intent_after_the_fact(story: Story) -> None:
    base = story.run.attempt
    story.post()
    story.world.advance(5)
    story.intend(baseAttempt=base)
    story.settle()


def never_settled(story: Story) -> None:
    story.intend()
    story.post()


def refused_though_it_happened(story: Story) -> None:
    story.intend()
    story.post()
    story.settle("refused")


def confirmed_though_nothing_happened(story: Story) -> None:
    story.intend()
    story.settle()


def ran_an_undeclared_dependant(story: Story) -> None:
    job = story.run.job("lint").id
    story.intend(verb="rerun-job", targetJobId=str(job), named=[{"name": "lint"}])
    assert story.post(path=f"jobs/{job}/rerun") == 201
    story.settle()


def asked_for_more_than_it_named(story: Story) -> None:
    story.intend(named=[{"name": "test"}, {"name": "gate"}], dependants=[{"name": "lint"}])
    story.post()
    story.settle()


def named_an_ineligible_job(story: Story) -> None:
    story.classes["lint"] = "deterministic"
    one_good_rerun(story=story)


def settled_what_was_never_intended(story: Story) -> None:
    story.settle(name="ghost")


def sent_again_after_silence(story: Story) -> None:
    story.intend()
    story.world.faults.answer_502_before("POST *")
    story.post()
    story.settle("resent")
    story.post()
    story.settle()


def two_open_at_once(story: Story) -> None:
    story.intend("op-1")
    story.intend("op-2")
    story.post()
    story.settle(name="op-1")
    story.settle("refused", name="op-2")


def too_early(story: Story) -> None:
    story.intend()
    story.world.faults.rate_limited("seconds", "POST *")
    assert story.post() == 403
    story.settle("deferred")
    story.settle("resent")
    assert story.post() == 201
    story.settle()


def token_to_the_log_host(story: Story) -> None:
    with client(story.world) as http:
        link = http.get(f"{REPO}/actions/jobs/{story.run.job('test').id}/logs").headers["location"]
        http.get(link)


def intended_twice(story: Story) -> None:
    story.intend()
    story.intend()
    story.post()
    story.settle()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (unasked, "law 3: effect"),
        (unasked, "has no intent"),
        (twice_under_one_intent, "2 POSTs to"),
        (three_times, "law 1: job 'test' of run"),
        (three_times, "law 1: job 'test' on"),
        (three_times, "law 1: pull request"),
        (intent_after_the_fact, "came before its intent"),
        (never_settled, "was never settled"),
        (refused_though_it_happened, "is refused, and yet"),
        (confirmed_though_nothing_happened, "there is no such attempt"),
        (ran_an_undeclared_dependant, "ran 'gate', which"),
        (asked_for_more_than_it_named, "asked GitHub for 'lint'"),
        (named_an_ineligible_job, "decided as deterministic"),
        (settled_what_was_never_intended, "was never intended"),
        (sent_again_after_silence, "was sent again after 'intended'"),
        (two_open_at_once, "was open"),
        (too_early, "as asked"),
        (token_to_the_log_host, "showed our token to the log host"),
        (intended_twice, "was intended twice"),
    ],
)
@pytest.mark.shows("RR-4", "RR-5", "RR-7")
def test_a_law_broken_on_purpose_is_found(broken: Callable[[Story], None], says: str) -> None:
    story = Story()
    broken(story)
    found = story.violations()
    assert any(says in line for line in found), found


def test_a_deferral_allows_one_more_send() -> None:
    story = Story()
    story.intend()
    story.world.faults.rate_limited("seconds", "POST *")
    assert story.post() == 403
    story.settle("deferred")
    story.world.advance(60)
    story.entry("rerun.resent", operationId="op-1")
    assert story.post() == 201
    story.settle()
    assert story.violations() == []


def test_an_answer_that_never_came_may_end_either_way() -> None:
    for fault in ("answer_502_after_effect", "answer_502_before"):
        story = Story()
        story.intend()
        story.world.faults.add(fault, "POST *")
        story.post()
        story.settle("indeterminate")
        assert story.violations() == [], fault


def test_the_truth_of_whoever_made_the_runs_weighs_more_than_the_decision() -> None:
    story = one_good_rerun()
    found = story.violations(ineligible={str(story.run.id): {"lint"}})
    assert [line for line in found if "must never be asked to rerun" in line]


@pytest.mark.shows("RR-7")
def test_a_released_deploy_job_is_found() -> None:
    deploy = JobSpec(id="deploy", needs=["lint"], environment="production")
    story = Story((JOBS[1], deploy))
    story.classes = {"lint": ELIGIBLE}
    story.intend(named=[{"name": "lint"}], dependants=[{"name": "deploy"}])
    assert story.post() == 201
    story.settle()
    assert any("'deploy', which has an environment" in line for line in story.violations())
    assert story.violations(may_release={"deploy"}) == []


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        (Bounds(run_job=1), "of run"),
        (Bounds(sha_job=1), "on "),
        (Bounds(pull_request=5), "jobs rerun on"),
        (Bounds(pull_request_day=5), "24 h"),
        (Bounds(repository_day=5), "law 1: repository"),
        (Bounds(organisation_day=5), "law 1: organisation"),
        (Bounds(platform=1), "was rerun 2 > 1"),
    ],
)
@pytest.mark.shows("RR-8")
def test_each_bound_is_counted(bounds: Bounds, says: str) -> None:
    story = one_good_rerun("op-2", one_good_rerun())
    generous = Bounds(pull_request=6)
    assert story.violations(bounds=generous) == []
    assert any(says in line for line in story.violations(bounds=bounds))


def test_a_day_is_a_rolling_one() -> None:
    story = one_good_rerun()
    story.world.advance(timedelta(hours=24).total_seconds())
    one_good_rerun("op-2", story)
    assert story.violations(bounds=Bounds(pull_request=6, repository_day=3)) == []


def test_reruns_of_other_people_are_not_ours() -> None:
    story = Story()
    story.post()
    assert story.violations(ours={"somebody-else"}) == []


def test_the_checker_shares_no_code_with_the_product() -> None:
    for module in (history, history_writes):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in names - {"tests.history_writes"}} <= sys.stdlib_module_names


def test_lines_may_be_text_or_trees() -> None:
    story = one_good_rerun()
    trees: list[Mapping[str, Any]] = [json.loads(line["entry"]) for line in story.lines]
    assert check(story.world.history.dump(), trees) == []
    assert check(story.world.history.dump(), ["", *map(json.dumps, story.lines)]) == []
