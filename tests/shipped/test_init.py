"""`cicatrix init`: what it writes passes the same linters, nothing is overwritten, nothing leaves the repository."""

from __future__ import annotations

import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cicatrix.checks.detect import Detected
from cicatrix.cli.initialising import LAWBOOK, WORKFLOWS, lawbook
from cicatrix.core.health.model import Check, Component
from cicatrix.lawbook import load
from tests.cli.desk import Desk
from tests.shipped.workflows import PIN, PINNED, ROOT, actionlint, loaded, severe, uses, zizmor

FILES = (LAWBOOK, *(f".github/workflows/{name}" for name in WORKFLOWS))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "tests").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.ruff]\n')
    (folder / "tests" / "test_x.py").write_text("")
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(folder)], check=True, timeout=60)
    return folder


def written(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and ".git/" not in f"{p}/"} - {
        *("pyproject.toml", "tests/test_x.py"),
    }


@pytest.mark.shows("T30")
def test_what_is_written_has_no_finding_of_medium_or_above(bare: Desk, checkout: Path) -> None:
    ended = bare.cicatrix("init", "--path", checkout, "--pin", PIN)
    assert ended.code == 0, ended.err
    assert written(checkout) == set(FILES)
    workflows = sorted((checkout / ".github" / "workflows").iterdir())
    assert severe(zizmor(checkout)) == []
    assert actionlint(*workflows) == []
    for file in workflows:
        found = loaded(file)
        assert found["permissions"] == {}
        assert all(called.startswith("./") or PINNED.fullmatch(called) for called in uses(found))
        assert "@@" not in file.read_text()
    assert loaded(checkout / ".github/workflows/cicatrix-gate.yml")["on"]["push"]["branches"] == ["trunk"]


def test_what_callers_hand_over_is_what_the_called_workflow_takes(bare: Desk, checkout: Path) -> None:
    bare.cicatrix("init", "--path", checkout, "--pin", PIN)
    for name in ("phase3-auto-healing.yml", "post-remediation-check.yml"):
        caller = next(iter(loaded(checkout / ".github/workflows" / name)["jobs"].values()))
        called = loaded(ROOT / ".github/workflows" / name)["on"]["workflow_call"]
        assert set(caller["with"]) <= set(called["inputs"])
        assert set(caller["secrets"]) == set(called["secrets"])
        wanted: dict[str, str] = {}
        for job in loaded(ROOT / ".github/workflows" / name)["jobs"].values():
            wanted |= {right: level for right, level in job["permissions"].items() if wanted.get(right) != "write"}
        assert caller["permissions"] == wanted  # a called workflow cannot get more than its caller has


def gate_jobs(bare: Desk, checkout: Path) -> dict[str, dict[str, Any]]:
    bare.cicatrix("init", "--path", checkout, "--pin", PIN)
    return dict(loaded(checkout / ".github/workflows/cicatrix-gate.yml")["jobs"])


@pytest.mark.shows("GK-5", "RM-3")
def test_a_gate_without_a_ledger_holds_nothing_and_keeps_its_measurement(bare: Desk, checkout: Path) -> None:
    jobs = gate_jobs(bare, checkout)
    assert (jobs["ledger"]["permissions"], len(jobs["ledger"]["steps"])) == ({}, 1), "it runs nothing of anybody's"
    gate = jobs["gate"]
    assert gate["permissions"] == {"contents": "read"}
    assert not [word for word in ("secrets.", "github.token", "GITHUB_TOKEN") if word in str(gate)]
    upload = gate["steps"][-1]["with"]
    assert (upload["name"], upload["retention-days"]) == ("cicatrix-gate", 90)
    assert upload["path"] in gate["steps"][-2]["with"]["arguments"].split("\n"), "what the gate writes is what is kept"
    assert "cancelled()" in gate["steps"][-1]["if"], "a failed gate is kept as well"


@pytest.mark.shows("GK-5", "RM-3")
def test_a_gate_with_a_ledger_gets_what_its_case_needs_and_no_token_of_a_person(bare: Desk, checkout: Path) -> None:
    jobs = gate_jobs(bare, checkout)
    stored = jobs["gate-with-ledger"]
    assert stored["permissions"] == {"actions": "read", "contents": "write", "pull-requests": "write"}
    assert set(stored["steps"][-1]["env"]) == {"GITHUB_TOKEN", "CICATRIX_DATABASE_URL"}
    assert [n for n in jobs if "CI_REDISPATCH_TOKEN" in str(jobs[n])] == ["healing"]
    conditions = [jobs[name]["if"] for name in ("gate", "gate-with-ledger")]
    assert conditions == [f"${{{{ needs.ledger.outputs.there {sign} 'true' }}}}" for sign in ("!=", "==")], (
        "one of both"
    )
    for name in ("gate", "gate-with-ledger"):
        assert name in jobs["healing"]["needs"]
        assert f"needs.{name}.outputs.exit_code == '1'" in jobs["healing"]["if"]
        assert jobs[name]["steps"][0]["with"]["persist-credentials"] is False


@pytest.mark.shows("RD-3")
def test_the_run_bears_the_operations_name_where_the_ladder_looks_for_it(bare: Desk, checkout: Path) -> None:
    """The name of a called workflow's run is its caller's: the caller must say it too."""
    bare.cicatrix("init", "--path", checkout, "--pin", PIN)
    name = ".github/workflows/post-remediation-check.yml"
    for part in ("run-name",):
        assert loaded(checkout / name)[part] == loaded(ROOT / name)[part]
    for event in ("repository_dispatch", "workflow_dispatch"):
        assert loaded(checkout / name)["on"][event] == loaded(ROOT / name)["on"][event]


def test_nothing_is_overwritten_without_force(bare: Desk, checkout: Path) -> None:
    (checkout / ".github").mkdir()
    (checkout / LAWBOOK).write_text("version: mine.1\n")
    ended = bare.cicatrix("init", "--path", checkout, "--pin", PIN)
    assert (ended.code, (checkout / LAWBOOK).read_text()) == (0, "version: mine.1\n")
    assert f"kept {LAWBOOK}" in ended.out
    assert written(checkout) == set(FILES)
    bare.cicatrix("init", "--path", checkout, "--pin", PIN, "--force")
    assert (checkout / LAWBOOK).read_text() != "version: mine.1\n"


def test_a_dry_run_writes_nothing_and_shows_everything(bare: Desk, checkout: Path) -> None:
    ended = bare.cicatrix("init", "--path", checkout, "--pin", PIN, "--dry-run")
    assert ended.code == 0
    assert written(checkout) == set()
    assert all(f"--- {name}" in ended.out for name in FILES)


def test_without_a_pin_only_the_lawbook_is_written_and_the_next_step_is_told(bare: Desk, checkout: Path) -> None:
    ended = bare.cicatrix("init", "--path", checkout)
    assert (ended.code, written(checkout)) == (0, {LAWBOOK})
    assert "--pin OWNER/REPO@SHA" in ended.err


@pytest.mark.parametrize(
    "pin", ["acme/cicatrix@v1", "acme/cicatrix", "@" + "a" * 40, PIN + "\n", PIN.upper(), "a b@" + "a" * 40]
)
def test_what_is_no_commit_is_no_pin(bare: Desk, checkout: Path, pin: str) -> None:
    ended = bare.cicatrix("init", "--path", checkout, "--pin", pin)
    assert ended.code == 2
    assert ended.three_lines
    assert written(checkout) == set()


@pytest.mark.parametrize("branch", ['x"]\non: push', "a*", "a b", "${{ x }}"])
def test_a_branch_that_would_be_a_pattern_or_markup_is_refused(bare: Desk, checkout: Path, branch: str) -> None:
    assert bare.cicatrix("init", "--path", checkout, "--pin", PIN, "--branch", branch).code == 2
    assert written(checkout) == set()


def test_outside_of_a_repository_nothing_is_written(bare: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    folder.mkdir()
    ended = bare.cicatrix("init", "--path", folder)
    assert ended.code == 1
    assert ended.three_lines
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("link", [".github", ".github/workflows", LAWBOOK])
def test_no_link_leads_the_writing_out_of_the_repository(bare: Desk, checkout: Path, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (checkout / link).parent.mkdir(exist_ok=True)
    (checkout / link).symlink_to(outside / "file" if link == LAWBOOK else outside)
    ended = bare.cicatrix("init", "--path", checkout, "--pin", PIN, "--force")
    assert ended.code == 1
    assert list(outside.iterdir()) == []


def test_the_lawbook_is_one_as_it_stands_and_with_its_comments_taken_over() -> None:
    check = Check(
        name="odd name.1",
        component=Component.BUILD,
        command=("sh", "-c", "echo '#' \"x\""),
        parser="exit-code",
        timeout=timedelta(minutes=2),
    )
    text = lawbook(Detected(checks=(check,), why={check.name: "because\nof: this"}, left_out=("ruff: not there",)))
    layer, problems = load(text.encode(), LAWBOOK)
    assert (problems, layer is None) == ((), False)
    taken = "\n".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith(("# checks:", "#   ")))
    layer, problems = load(taken.encode(), LAWBOOK)
    assert problems == ()
    assert layer is not None
    assert layer.values["checks"] == (check,)


def test_the_templates_are_in_the_wheel(tmp_path: Path) -> None:
    import sys  # noqa: PLC0415 -- used here alone

    build = "from hatchling.build import build_wheel; print(build_wheel(r'" + str(tmp_path) + "'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=ROOT, capture_output=True, timeout=120, check=True)
    names = zipfile.ZipFile(tmp_path / done.stdout.decode().split()[-1]).namelist()
    assert {f"cicatrix/cli/shipped/{name}" for name in WORKFLOWS} <= set(names)
