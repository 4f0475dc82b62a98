"""`cicatrix validate` as the shipped workflow runs it: measure, then judge and sign; and what it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cicatrix.core.dispatching import DispatchPayload, Known, build_payload
from cicatrix.core.report_signature import report_key, verify
from tests.checks.toolchains import committed, git
from tests.cli.desk import Desk, Ended

NONCE = "n" * 32
KEY = "k" * 40
LAWBOOK = """
version: test.1
checks:
  - {name: compile, component: build, command: [python3, -m, compileall, -q, -f, src]}
  - {name: run, component: tests, command: [python3, -B, src/sums.py]}
"""
GOOD = "assert 1 + 1 == 2\n"
BROKEN = "assert (1 + 1 == 2\n"


@dataclass(frozen=True, slots=True)
class Shop:
    folder: Path
    good: str
    bad: str
    mended: str

    def payload(self, sha: str, base: str, *, known: bool = True) -> str:
        payload = DispatchPayload(
            commit_sha=sha,
            triggered_by="phase3-auto-healing" if known else "manual",
            remediation_timestamp=datetime(2026, 11, 22, 12, tzinfo=UTC),
            security_improvement=None,
            build_diagnostics=None,
            known=Known(op_id="op_01", nonce=NONCE, base_sha=base, deadline=datetime.now(UTC) + timedelta(minutes=10))
            if known
            else None,
        )
        return json.dumps(build_payload(payload))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    folder = tmp_path / "shop"
    (folder / "src").mkdir(parents=True)
    (folder / ".github").mkdir()
    (folder / ".github" / "cicatrix.yml").write_text(LAWBOOK)

    def commit(text: str, message: str) -> str:
        (folder / "src" / "sums.py").write_text(text)
        return committed(folder, message)

    good = commit(GOOD, "good")
    git(folder, "switch", "-q", "-c", "fix")
    bad = commit(BROKEN, "bad")
    mended = commit(GOOD + "\n", "mended")
    git(folder, "switch", "-q", "main")
    return Shop(folder, good, bad, mended)


def outputs(file: Path) -> dict[str, str]:
    """Step outputs of one line each, as the runner reads them."""
    lines = iter(file.read_text().splitlines())
    found = {}
    for line in lines:
        name, _, end = line.partition("<<")
        value = []
        for inner in lines:
            if inner == end:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found


def both(desk: Desk, shop: Shop, payload: str, tmp_path: Path) -> tuple[Ended, dict[str, Any]]:
    """The two steps of the shipped workflow."""
    desk.set(CICATRIX_PAYLOAD=payload, GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(tmp_path / "out"))
    desk.set(GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    measured, report = tmp_path / "measurement.json", tmp_path / "validation.json"
    ended = desk.cicatrix("validate", "--measure-only", "--path", shop.folder, "--output-file", measured)
    assert ended.code == 0, ended.err
    desk.set(CICATRIX_REPORT_KEY=KEY)
    ended = desk.cicatrix("validate", "--report", measured, "--output-file", report)
    return ended, json.loads(report.read_text())


@pytest.mark.shows("VA-1", "VA-2", "VA-4")
def test_a_mended_commit_is_measured_judged_signed_and_told(desk: Desk, shop: Shop, tmp_path: Path) -> None:
    ended, report = both(desk, shop, shop.payload(shop.mended, shop.bad), tmp_path)
    assert ended.code == 0, ended.err
    key = report_key(nonce=NONCE, secret=KEY)
    assert verify(report, key, shared=True, op_id="op_01", nonce=NONCE, sha=shop.mended) == ()
    assert report["case"] == "known"
    assert report["measurement"]["health"] == 100
    assert report["before"]["health"] < 30
    assert report["verdict"]["improvement"] == 100 - report["before"]["health"]
    assert outputs(tmp_path / "out") == {
        "confidence_score": "100",
        "ci_ready": "true",
        "blocking_issues": "0",
        "lint_status": "skipped",
        "security_status": "skipped",
        "build_status": "pass",
        "effectiveness_score": "100",
        "overall_status": "success",
        "rollback_required": "false",
        "rollback_reason": "",
    }
    told = (tmp_path / "summary").read_text()
    parts = ("### Context", "### Results", "### Component status", "### Rollback", "### Next actions")
    assert [told.index(part) for part in parts] == sorted(told.index(part) for part in parts)


@pytest.mark.shows("VA-1", "VA-2", "B5")
def test_exactly_the_commit_is_measured_and_a_broken_one_ends_with_1(desk: Desk, shop: Shop, tmp_path: Path) -> None:
    ended, report = both(desk, shop, shop.payload(shop.bad, shop.good), tmp_path)
    assert ended.code == 1
    assert (report["sha"], report["verdict"]["outcome"]) == (shop.bad, "failed")
    assert report["verdict"]["rollback_required"]
    assert "< 30 and CI still blocked" in outputs(tmp_path / "out")["rollback_reason"]
    assert git(shop.folder, "status", "--porcelain") == "", "the checkout itself is not touched"
    assert git(shop.folder, "rev-parse", "--abbrev-ref", "HEAD") == "main"


@pytest.mark.shows("VA-1")
def test_a_commit_sets_no_rules_for_its_own_validation(desk: Desk, shop: Shop, tmp_path: Path) -> None:
    git(shop.folder, "switch", "-q", "fix")
    easy = LAWBOOK.replace("[python3, -m, compileall, -q, -f, src]", "['true']").replace("src/sums.py", "-V")
    (shop.folder / ".github" / "cicatrix.yml").write_text(easy)
    (shop.folder / "src" / "sums.py").write_text(BROKEN)
    sly = committed(shop.folder, "sly")
    git(shop.folder, "switch", "-q", "main")
    ended, report = both(desk, shop, shop.payload(sly, shop.good), tmp_path)
    assert (ended.code, report["verdict"]["outcome"]) == (1, "failed")


@pytest.mark.shows("VA-1")
def test_an_unknown_case_is_measured_and_says_that_it_feeds_nothing(desk: Desk, shop: Shop, tmp_path: Path) -> None:
    ended, report = both(desk, shop, shop.payload(shop.good, shop.good, known=False), tmp_path)
    assert ended.code == 0
    assert (report["case"], report["op_id"], report["before"]) == ("unknown", "", None)
    assert "it feeds no rollback" in (tmp_path / "summary").read_text()


def test_by_hand_a_commit_is_named_and_both_steps_are_one(desk: Desk, shop: Shop) -> None:
    ended = desk.cicatrix("validate", "--sha", shop.good, "--path", shop.folder, "--json")
    assert ended.code == 0, ended.err
    assert ended.json["case"] == "unknown"
    assert "signature" not in ended.json


@pytest.mark.shows("VA-1", "RD-2")
@pytest.mark.parametrize("payload", ['{"commit_sha": "$(touch canary)"}', "{", "[]"])
def test_a_payload_of_another_shape_is_refused(desk: Desk, shop: Shop, payload: str) -> None:
    desk.set(CICATRIX_PAYLOAD=payload)
    ended = desk.cicatrix("validate", "--path", shop.folder)
    assert ended.code == 1
    assert "refused" in ended.three_lines[0]
    assert not list(shop.folder.rglob("canary"))


def test_without_any_payload_the_command_says_how_to_give_one(desk: Desk, shop: Shop) -> None:
    ended = desk.cicatrix("validate", "--path", shop.folder)
    assert ended.code == 1
    assert "--sha" in ended.three_lines[2]


def test_the_event_of_a_dispatch_is_read_from_its_file(desk: Desk, shop: Shop, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    payload = json.loads(shop.payload(shop.good, shop.good))
    event.write_text(json.dumps({"action": "post-remediation-check", "client_payload": payload}))
    desk.set(GITHUB_EVENT_PATH=str(event))
    assert desk.cicatrix("validate", "--path", shop.folder, "--measure-only").code == 0
    event.write_text(json.dumps({"ref": "refs/heads/main"}))
    assert desk.cicatrix("validate", "--path", shop.folder, "--measure-only").code == 1


@pytest.mark.shows("VA-1")
def test_a_measurement_of_another_payload_or_with_changed_numbers_is_not_judged(
    desk: Desk, shop: Shop, tmp_path: Path
) -> None:
    desk.set(CICATRIX_PAYLOAD=shop.payload(shop.bad, shop.good))
    measured = tmp_path / "measurement.json"
    assert desk.cicatrix("validate", "--measure-only", "--path", shop.folder, "--output-file", measured).code == 0
    tree = json.loads(measured.read_text())
    forged = {
        "health": {**tree, "after": {**tree["after"], "health": 100}},
        "commit": {**tree, "after": {**tree["after"], "sha": shop.good}},
        "base": {**tree, "before": {**tree["before"], "sha": shop.mended}},
        "kind": {**tree, "kind": "x"},
        "set": {**tree, "set_hash": "0" * 64},
    }
    for name, other in forged.items():
        measured.write_text(json.dumps(other))
        ended = desk.cicatrix("validate", "--report", measured)
        assert ended.code == 1, name
        assert "not used" in ended.three_lines[0], name
    measured.write_text(json.dumps(tree))
    desk.set(CICATRIX_PAYLOAD=shop.payload(shop.mended, shop.good))
    assert "another payload" in desk.cicatrix("validate", "--report", measured).three_lines[1]


def test_a_commit_that_is_not_in_the_checkout_is_refused(desk: Desk, shop: Shop) -> None:
    ended = desk.cicatrix("validate", "--sha", "f" * 40, "--path", shop.folder)
    assert ended.code == 1
    assert "fetch-depth" in ended.three_lines[2]
