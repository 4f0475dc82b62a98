"""The defects of seed 002's original, told as stories to its own ways and to ours (IT-3).

Each story first shows the defect in `tests/seeds/original_002.py`, with real git and a real shell where they have a
part in it, and then that the product does not have it. The last test holds the list of both seeds: every id has its
test somewhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cicatrix.checks.parsers import READERS
from cicatrix.cli.actions_output import step_outputs
from cicatrix.core.dispatching import FIELDS
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.codec import measurement_from, measurement_json
from cicatrix.core.health.model import Band, CheckState, Counts
from cicatrix.core.health.results import broken, measured
from cicatrix.core.remedy.security import SecurityResult, Tally
from cicatrix.core.remedy.security import effectiveness as security_effectiveness
from cicatrix.core.rollback.plan import RollbackAction, plan_rollback
from cicatrix.core.validation import judge
from cicatrix.flows import validate
from cicatrix.git import Mirror, PushRefused, Remote, Reverted, RevertRefused, local_facts
from cicatrix.settings import load
from tests.checks.test_parsers import judged, npm
from tests.core import health_original, test_remedy_security
from tests.core.test_health import B, L, S, T, bad, check, good, scored
from tests.core.test_remedy_judge import manifest, package
from tests.core.test_rollback_plan import FACTS, READY, TARGET
from tests.git.http_remote import TOKEN, HttpRemote, http_remote
from tests.git.races import RECEIPT
from tests.git.repositories import EMPTY_TREE, THEN, US, Maker, git, says
from tests.runner import RunnerError, outputs_of
from tests.seeds import original_002 as original
from tests.shipped.test_workflows import HOSTILE
from tests.shipped.workflows import ROOT, bash, loaded, step
from tools.assurance import shown

WORKFLOWS = ROOT / ".github" / "workflows"
HEALING, CHECK = WORKFLOWS / "phase3-auto-healing.yml", WORKFLOWS / "post-remediation-check.yml"

DEFECTS = [f"{letter}{n}" for letter, last in (("A", 19), ("B", 13), ("C", 22), ("D", 14)) for n in range(1, last + 1)]
"""All that behaviour.md counts."""


# --- rollback


@pytest.fixture
def served(tmp_path: Path) -> Iterator[HttpRemote]:
    (tmp_path / "served").mkdir()
    with http_remote(tmp_path / "served") as server:
        yield server


@pytest.fixture
def there(served: HttpRemote) -> Maker:
    """The repository at the remote."""
    return Maker(served.root / "house.git")


@pytest.fixture
def mirror(tmp_path: Path, served: HttpRemote, there: Maker) -> Mirror:
    """Ours of it."""
    return Mirror.open(tmp_path / "mirror", Remote(served.url("house.git"), lambda: TOKEN), timeout=60)


def clone(there: Maker, *flags: str) -> Path:
    """The checkout that the original works in."""
    place = there.folder.parent.parent / "checkout"
    git(there.folder, "clone", "--quiet", *flags, f"file://{there.folder}", str(place))
    return place


def ours(mirror: Mirror, target: str, tip: str, mainline: int | None = None) -> Reverted:
    mirror.fetch()
    return mirror.revert(target, tip=tip, mainline=mainline, author=US, date=THEN, message="Undo\n")


def refused(mirror: Mirror, target: str, tip: str) -> HealReason:
    with pytest.raises(RevertRefused) as caught:
        ours(mirror, target, tip)
    return caught.value.reason


@pytest.mark.shows("IT-3", "B1", "RB-3", "RB-4")
def test_a_folder_with_fresh_reports_does_not_save_the_bad_change(mirror: Mirror, there: Maker) -> None:
    first = there.commit({"a": b"good\n"})
    tip = there.commit({"a": b"bad\n"}, first)
    checkout = clone(there)
    (checkout / "reports").mkdir()
    (checkout / "reports" / "ci-health-gate.md").write_text("# Health\n")
    assert original.emergency_rollback(checkout) == 0
    assert (checkout / "a").read_bytes() == b"bad\n", "it undid its own commit and says that all went well"
    assert ours(mirror, tip, tip).tree == there.tree(first)


@pytest.mark.shows("IT-3", "B1", "RB-2", "RB-4")
def test_a_clone_of_depth_one_is_not_emptied(mirror: Mirror, there: Maker) -> None:
    first = there.commit({"a": b"good\n", "b": b"1\n"})
    tip = there.commit({"a": b"bad\n"}, first)
    checkout = clone(there, "--depth=1")
    assert original.emergency_rollback(checkout) == 0
    assert says(checkout, "rev-parse", "HEAD^{tree}") == EMPTY_TREE, "every file is deleted"
    assert original.push(checkout) == 0
    assert there.tree("main") == EMPTY_TREE, "and so it went to everybody"
    git(there.folder, "update-ref", "refs/heads/main", tip)
    assert local_facts(checkout).shallow
    plan = plan_rollback(replace(READY, facts=replace(FACTS, shallow=True)))
    assert (plan.action, plan.reasons) == (RollbackAction.BLOCKED, (HealReason.SHALLOW_CLONE,))
    assert ours(mirror, tip, tip).tree == there.tree(first)


@pytest.mark.shows("IT-3", "B1", "D5", "RB-2")
def test_a_merge_at_the_head_is_undone(mirror: Mirror, there: Maker) -> None:
    base = there.commit({"a": b"1\n"})
    side = there.commit({"c": b"bad\n"}, base, branch="side")
    main = there.commit({"b": b"1\n"}, base)
    tip = there.commit({"c": b"bad\n"}, main, side)
    checkout = clone(there)
    assert original.emergency_rollback(checkout) in {1, 128}
    assert says(checkout, "rev-parse", "HEAD") == tip
    assert ours(mirror, tip, tip, 1).tree == there.tree(main)


@pytest.mark.shows("IT-3", "B1", "RB-2", "F22", "F23")
def test_a_second_trigger_does_not_bring_the_bad_change_back(mirror: Mirror, there: Maker) -> None:
    bad_one = there.commit({"a": b"bad\n"}, there.commit({"a": b"good\n"}))
    checkout = clone(there)
    assert original.emergency_rollback(checkout) == 0
    assert (checkout / "a").read_bytes() == b"good\n"
    assert original.push(checkout) == 0
    assert original.emergency_rollback(checkout) == 0
    assert (checkout / "a").read_bytes() == b"bad\n", "it undid the undoing"
    undone = says(there.folder, "rev-parse", "main")
    assert refused(mirror, bad_one, undone) is HealReason.ALREADY_REVERTED
    facts = mirror.commit(undone)
    assert facts is not None
    assert facts.reverts == bad_one, "so the plan sees that it is one"
    named = replace(TARGET, reverts=facts.reverts)
    again = plan_rollback(replace(READY, facts=replace(FACTS, target=named)))
    assert HealReason.TARGET_IS_REVERT in again.reasons


@pytest.mark.shows("IT-3", "B1", "RB-2")
def test_a_detached_head_is_told_before_anything_is_made(there: Maker) -> None:
    there.commit({"a": b"bad\n"}, there.commit({"a": b"good\n"}))
    checkout = clone(there)
    git(checkout, "checkout", "--quiet", "--detach")
    assert original.emergency_rollback(checkout) == 0
    assert original.push(checkout) != 0, "the revert is made and goes nowhere"
    assert local_facts(checkout).detached
    plan = plan_rollback(replace(READY, facts=replace(FACTS, detached=True)))
    assert (plan.action, plan.reasons) == (RollbackAction.BLOCKED, (HealReason.DETACHED_REF,))


@pytest.mark.shows("IT-3", "D5", "B3", "C19", "RB-1")
def test_the_newest_commit_is_not_the_culprit_for_being_the_newest(mirror: Mirror, there: Maker) -> None:
    first = there.commit({"a": b"good\n"})
    guilty = there.commit({"a": b"bad\n"}, first)
    tip = there.commit({"b": b"innocent\n"}, guilty)
    checkout = clone(there)
    assert original.emergency_rollback(checkout) == 0
    assert not (checkout / "b").exists(), "the innocent one is gone"
    assert (checkout / "a").read_bytes() == b"bad\n", "the guilty one stays"
    assert ours(mirror, guilty, tip).tree == there.tree_of({"a": b"good\n", "b": b"innocent\n"})


@pytest.mark.shows("IT-3", "B3", "RB-1")
def test_numbers_alone_convict_nobody() -> None:
    """A new advisory or an outage lowers the same numbers as a bad commit."""
    assert original.wants_rollback(29, can_proceed=False)
    plan = plan_rollback(replace(READY, culprit=None))
    assert (plan.action, plan.emergency) == (RollbackAction.BLOCKED, True)
    assert plan_rollback(READY).action is RollbackAction.DIRECT_PUSH, "with the cause it would have been pushed"


@pytest.mark.shows("IT-3", "D8", "B2", "C19", "RB-5", "F25")
def test_a_push_between_costs_nobody_a_commit(mirror: Mirror, there: Maker) -> None:
    tip = there.commit({"a": b"bad\n"}, there.commit({"a": b"good\n"}))
    checkout = clone(there)
    undone = ours(mirror, tip, tip)
    assert original.emergency_rollback(checkout) == 0
    theirs = there.commit({"b": b"a colleague's\n"}, tip)
    git(checkout, "fetch", "--quiet")
    assert original.push(checkout) == 0
    assert theirs not in says(there.folder, "rev-list", "main"), "the colleague's commit is lost"
    git(there.folder, "update-ref", "refs/heads/main", theirs)
    mirror.fetch()
    with pytest.raises(PushRefused) as caught:
        mirror.push(undone.sha, "main", expected=tip, receipt=RECEIPT)
    assert caught.value.reason is HealReason.PUSH_REJECTED
    assert mirror.remote_tip("main") == theirs


@pytest.mark.shows("IT-3", "D9", "RB-3", "T26")
def test_a_merge_driver_of_the_tree_hides_no_conflict(mirror: Mirror, there: Maker) -> None:
    first = there.commit({".gitattributes": b"* merge=union\n", "a": b"1\ngood\n3\n"})
    guilty = there.commit({"a": b"1\nbad\n3\n"}, first)
    tip = there.commit({"a": b"1\nworse\n3\n"}, guilty)
    checkout = clone(there)
    assert git(checkout, "revert", "--no-edit", guilty).returncode == 0
    text = (checkout / "a").read_bytes()
    assert b"good\n" in text
    assert b"worse\n" in text, "both sides at once, which nobody ever wrote"
    assert refused(mirror, guilty, tip) is HealReason.REVERT_CONFLICT


# --- gatekeeper, validation and report


@pytest.mark.shows("IT-3", "C15", "GK-1", "GK-2", "GK-3")
def test_what_is_broken_or_unread_does_not_count_as_well() -> None:
    assert health_original.lint(original.lint_errors("Segmentation fault"), 0) == 100
    assert judged("ruff", L, b"Segmentation fault", 1).state is CheckState.UNKNOWN
    two_fail = measured(check(T), Counts(failed_tests=2, total_tests=9))
    assert health_original.confidence([100, 100, 100, health_original.tests(None)], 0, 1) == 90
    assert scored(good(L), good(S), good(B), two_fail).ready is False
    assert original.lint_in_report_mode(2, 10) == 75
    assert health_original.lint(2, 10) == 70, "the same commit in the other mode"
    assert measured(check(L), Counts(errors=2, warnings=10)).score == 70, "ours knows no mode"
    assert health_original.lint(3, 0, fixed=10) - health_original.lint(3, 0) == 20
    fixed = measured(check(L), Counts(errors=3, fixed=10))
    assert scored(fixed, good(B)).health == scored(replace(fixed, counts=Counts(errors=3)), good(B)).health
    many = Counts(moderate=11)
    assert health_original.security(0, 0, 11) == 67, "a score, and no word of the threshold"
    assert any("security" in line for line in scored(measured(check(S), many), good(B)).warnings)


@pytest.mark.shows("IT-3", "C15", "GK-2")
def test_a_build_that_is_well_again_blocks_no_longer() -> None:
    gatekeeper = original.Gatekeeper()
    assert gatekeeper.build(ok=False, after_diagnostics=True) == 85
    assert not gatekeeper.can_proceed
    assert scored(bad(B), good(T)).ready is False
    assert scored(good(B), good(T)).ready is True


@pytest.mark.shows("IT-3", "B4", "D6", "GK-3", "VA-2")
def test_a_repair_is_not_praised_for_what_was_well_before() -> None:
    everything = original.effectiveness(100, lint=True, security=True, build=True, ready=True)
    assert everything == 150
    healthy = scored(good(L), good(S), good(B), good(T))
    untouched = judge(healthy, healthy, automatic_fix=True)
    assert (untouched.effectiveness, untouched.improvement) == (100, 0)
    assert SecurityResult(before=Tally(), after=Tally()).improvement == 0
    assert judge(healthy, None, automatic_fix=True).outcome != "success", "without a before nothing is a success"


@pytest.mark.shows("IT-3", "D6", "B4", "GK-3")
def test_fixes_do_not_lift_a_broken_repository_over_the_threshold() -> None:
    scores = [100, 100, health_original.build(ok=False), health_original.tests(5)]
    told = health_original.confidence(scores, 2, 0, autofixes=4)
    assert not original.wants_rollback(told, can_proceed=False)
    found = scored(good(L), good(S), bad(B), broken(bad(T), "build"), autofixes=4)
    assert found.confidence == told == 40
    assert (found.health, found.band) == (20, Band.CRITICAL)
    assert plan_rollback(replace(READY, measurement=found)).emergency


PAGE = """# CI Health Gate

- **Confidence:** 61/100
- **CI Ready:** YES

## Health Metrics

| Confidence | 61 |
"""
"""As the original writes it, and reads it back to get at its own numbers."""


@pytest.mark.shows("IT-3", "B7", "C18", "GK-5", "VA-4")
def test_numbers_travel_as_values_and_not_as_words_of_a_page(tmp_path: Path) -> None:
    assert original.number_in(PAGE, "Confidence") == "61\n61"
    assert not original.is_ready(PAGE)
    assert "100" in original.number_in(f"{PAGE}- a commit says: Confidence: 100\n", "Confidence").split("\n")
    with pytest.raises(RunnerError):
        outputs_of(original.output("confidence_score", "61\n61").encode())
    lied = replace(bad(B), why="Confidence: 100\nconfidence_score=100")
    found = measurement_from(json.loads(json.dumps(measurement_json(scored(good(L), lied, good(T))))))
    file = tmp_path / "out"
    step_outputs(
        load(environ={"GITHUB_OUTPUT": str(file)}),
        {**validate.outputs_of(found, judge(found, None, automatic_fix=False)), "rollback_reason": "two\nlines"},
    )
    told = outputs_of(file.read_bytes())
    assert told["confidence_score"] == str(found.confidence) == "52"
    assert (told["ci_ready"], told["blocking_issues"], told["lint_status"]) == ("false", "1", "pass")
    assert told["rollback_reason"] == "two\nlines"


# --- remediation and dispatch


@pytest.mark.shows("IT-3", "C16", "RM-4")
def test_the_success_of_a_fix_is_a_number_from_0_to_100_or_unknown() -> None:
    assert math.isnan(test_remedy_security.original(Tally(info=3), Tally()))
    assert security_effectiveness(Tally(info=3), Tally()) is None
    assert test_remedy_security.original(Tally(high=1), Tally(critical=1)) == -67
    assert security_effectiveness(Tally(high=1), Tally(critical=1)) == 0


@pytest.mark.shows("IT-3", "C16", "RM-2")
def test_no_package_of_the_name_undefined_is_added() -> None:
    audit = npm(express="critical")
    assert original.packages_to_raise(json.loads(audit)) == ["undefined@0.1.0"]
    (finding,) = READERS["npm-audit"](audit).findings
    assert finding.message.startswith("express is vulnerable")
    added = package(dependencies={"express": "^4.1.0", "undefined": "0.1.0"})
    assert manifest("package.json", package(), added) is HealReason.NEW_DEPENDENCY


@pytest.mark.shows("IT-3", "B8", "RD-2")
def test_a_payload_is_no_part_of_a_script(tmp_path: Path) -> None:
    payload = {**dict.fromkeys(FIELDS, HOSTILE), "triggered_by": '"; touch canary; echo "'}
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    theirs.mkdir()
    mine.mkdir()
    bash(original.expanded('echo "by ${{ github.event.client_payload.triggered_by }}"\n', payload), {}, theirs)
    assert (theirs / "canary").exists(), "the payload's words were run"
    environ = {"GIVEN": json.dumps(payload), "INPUTS": "null", "HEAD": "a" * 40}
    script = step(loaded(CHECK), "Read the payload")["run"]
    assert original.expanded(script, payload) == script, "there is nothing to put in"
    assert bash(script, environ, mine).returncode == 0
    assert not (mine / "canary").exists()
    assert json.loads(outputs_of((mine / "out").read_bytes())["payload"]) == payload


# --- tests of its own


@pytest.mark.shows("IT-3", "C22", "IT-1")
def test_a_workflow_that_does_nothing_does_not_pass(tmp_path: Path) -> None:
    """The original's checks look for words; ours read the file as GitHub does, and run its scripts."""
    words = ("trigger-recheck", "CI_REDISPATCH_TOKEN", "remediation_applied == 'true'")
    text = HEALING.read_text(encoding="utf-8")
    dead, never = tmp_path / "dead.yml", tmp_path / "never.yml"
    dead.write_text("".join(f"# {line}\n" for line in text.splitlines()), encoding="utf-8")
    never.write_text(text.replace("remediation_applied == 'true'", "remediation_applied == 'true' && false"), "utf-8")
    for file in (HEALING, dead, never):
        assert original.check_passes(file.read_text(encoding="utf-8"), words), file.name
    with pytest.raises(AssertionError):
        loaded(dead)
    conditions = [loaded(file)["jobs"]["trigger-recheck"]["if"] for file in (HEALING, never)]
    assert conditions[0] == "${{ needs.heal.outputs.remediation_applied == 'true' }}" != conditions[1]


@pytest.mark.shows("IT-3")
def test_every_defect_of_both_seeds_has_its_test() -> None:
    found = shown(ROOT / "tests")
    assert [defect for defect in DEFECTS if not found.get(defect)] == []
