"""`cicatrix report`: out of a file, in two formats, as a folder of pages, and as the step's summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cicatrix.core.health.codec import measurement_json
from cicatrix.core.health.model import Check, CheckResult, CheckState, Component
from cicatrix.core.health.score import score
from cicatrix.core.report.build import build_report
from cicatrix.core.report.render import TITLES
from tests.cli.desk import Desk
from tests.report.reports import NOW, SHA, full


@pytest.fixture
def measurement(tmp_path: Path) -> Path:
    check = Check(name="unit", component=Component.TESTS, command=("true",), parser="exit-code")
    result = CheckResult(name=check.name, component=check.component, state=CheckState.PASS, score=100)
    found = score([result], sha=SHA, taken_at=NOW, set_hash="c" * 64)
    file = tmp_path / "measurement.json"
    file.write_text(json.dumps(measurement_json(found)))
    return file


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(build_report(full("![x](https://evil.example)"))))
    return file


def test_a_measurement_becomes_a_report(bare: Desk, measurement: Path) -> None:
    ended = bare.cicatrix("report", "--from", measurement)
    assert ended.code == 0, ended.err
    assert "# CI Health Gate Report" in ended.out
    assert "**Exit Code:** 0" in ended.out
    told = bare.cicatrix("report", "--from", measurement, "--format", "json").json
    assert (told["header"]["sha"], told["header"]["health"], told["phases"]["phase3"]) == (SHA, 100, "NOT REQUIRED")


@pytest.mark.shows("RP-1")
def test_a_report_out_of_a_file_is_the_same_report(bare: Desk, stored: Path) -> None:
    assert bare.cicatrix("report", "--from", stored, "--format", "json").json == json.loads(stored.read_text())
    assert bare.cicatrix("report", "--from", stored, "--view", "security-audit").out.startswith("# Security Audit")


def test_a_folder_takes_every_page_by_the_seeds_names(bare: Desk, stored: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    assert bare.cicatrix("report", "--from", stored, "-o", folder).code == 0
    assert {file.name for file in folder.iterdir()} == {*(f"{name}.md" for name in TITLES), "ci-health-gate.json"}


def test_inside_actions_the_page_is_the_steps_summary(bare: Desk, stored: Path, tmp_path: Path) -> None:
    bare.set(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert bare.cicatrix("report", "--from", stored).code == 0
    assert (tmp_path / "summary").read_text().startswith("# CI Health Gate Report")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"kind": "health-report"}', '{"kind": "health-report", "header": 3}', "\xff", "[" * 9999],
)
def test_what_is_no_report_is_said_in_three_lines(bare: Desk, tmp_path: Path, content: str) -> None:
    file = tmp_path / "odd.json"
    file.write_bytes(content.encode("latin-1"))
    ended = bare.cicatrix("report", "--from", file)
    assert ended.code == 1
    assert ended.three_lines


@pytest.mark.parametrize(
    "arguments",
    [(), ("--case", "c", "--from", "f"), ("--case", "c", "--format", "pdf"), ("--case", "c", "--view", "x")],
)
def test_what_cannot_be_meant_is_a_usage_error(bare: Desk, arguments: tuple[str, ...]) -> None:
    ended = bare.cicatrix("report", *arguments)
    assert ended.code == 2
    assert ended.three_lines


@pytest.mark.shows("RP-4", "T14")
@pytest.mark.parametrize("shape", ["md", "json"])
def test_a_configured_secret_is_masked_wherever_it_stood(bare: Desk, tmp_path: Path, shape: str) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(build_report(full("see c4n4ry-secret here"))))
    bare.set(CICATRIX_REPORT_KEY="c4n4ry-secret", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    ended = bare.cicatrix("report", "--from", file, "--format", shape)
    assert ended.code == 0
    bare.cicatrix("report", "--from", file, "--format", shape, "-o", tmp_path / "out")
    assert "c4n4ry" not in ended.out + (tmp_path / "summary").read_text() + (tmp_path / "out").read_text()


def test_a_case_that_the_ledger_has_not(bare: Desk) -> None:
    bare.cicatrix("ledger", "head")
    ended = bare.cicatrix("report", "--case", "nobody")
    assert ended.code == 1
    assert ended.three_lines
