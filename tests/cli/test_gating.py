"""`cicatrix gate` from a shell and as a step of a workflow: exit codes, what is stored, what keeps it closed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cicatrix import wiring
from cicatrix.core.cases import Case, CaseState
from cicatrix.core.health.schema import MEASUREMENT_SCHEMA
from cicatrix.core.records import MeasurementRow
from cicatrix.flows.gate import repository_of
from cicatrix.ledger import Ledger
from cicatrix.settings import load
from tests.checks.toolchains import committed, git
from tests.cli.desk import Desk, Ended

LAWBOOK = """
version: test.1
checks:
  - {name: compile, component: build, command: [python3, -m, compileall, -q, -f, sums.py]}
  - {name: run, component: tests, command: [python3, -B, sums.py]}
"""
GOOD, WRONG, BROKEN = "assert 1 + 1 == 2\n", "assert 1 + 1 == 3\n", "assert (1 + 1 == 2\n"
MAIN = "refs/heads/main"
SCHEMA = Draft202012Validator(dict(MEASUREMENT_SCHEMA))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / ".github").mkdir(parents=True)
    (folder / ".github" / "cicatrix.yml").write_text(LAWBOOK)
    return folder


def commit(shop: Path, text: str, message: str = "change") -> str:
    (shop / "sums.py").write_text(text)
    return committed(shop, message)


def gate(desk: Desk, shop: Path, *arguments: str | Path) -> Ended:
    return desk.cicatrix("gate", "--path", shop, *arguments)


@contextmanager
def ledger_of() -> Iterator[Ledger]:
    with wiring.open_ledger_only(load(), read_only=False) as ledger:
        yield ledger


def rows(desk: Desk) -> list[MeasurementRow]:
    with ledger_of() as ledger, ledger.read() as view:
        return [m.row for m in view.measurements(host_of(desk), str(desk.world.repository("acme/shop").id))]


def host_of(desk: Desk) -> str:
    assert desk.server is not None
    return desk.server.api_url.removeprefix("http://")


@pytest.mark.shows("GK-5", "B7")
@pytest.mark.parametrize(("text", "code", "health"), [(GOOD, 0, 100), (WRONG, 1, 35), (BROKEN, 1, 0)])
def test_exit_codes_and_json(bare: Desk, shop: Path, text: str, code: int, health: int) -> None:
    sha = commit(shop, text)
    ended = gate(bare, shop, "--json")
    assert ended.code == code
    told = ended.json
    SCHEMA.validate(told["measurement"])
    assert (told["measurement"]["sha"], told["measurement"]["health"]) == (sha, health)
    assert (told["measurement"]["gate"], told["exitCode"], told["checksFrom"]) == (
        ("pass", "fail")[code],
        code,
        "lawbook",
    )
    assert {"schemaVersion", "requestId", "lawbookHash", "deploymentEnv"} <= told.keys()
    assert "not stored" in ended.err


@pytest.mark.shows("GK-5")
def test_a_warning_ends_with_2(bare: Desk, shop: Path) -> None:
    style = "  - {name: style, component: lint, command: [python3, -c, import sys; sys.exit(1)], blocking: false}\n"
    (shop / ".github" / "cicatrix.yml").write_text(LAWBOOK + style)
    commit(shop, GOOD)
    assert gate(bare, shop).code == 2


@pytest.mark.shows("GK-1", "GK-5")
def test_what_is_unknown_ends_with_1(bare: Desk, shop: Path) -> None:
    (shop / ".github" / "cicatrix.yml").write_text(LAWBOOK.replace("[python3, -B", "[no-such-tool-c4, -B"))
    commit(shop, GOOD)
    ended = gate(bare, shop, "-o", "table")
    assert ended.code == 1
    assert "health unknown" in ended.out
    assert "no-such-tool-c4 is not installed" in ended.out
    assert "gate hold, not known to be ready" in ended.out


@pytest.mark.shows("GK-5")
@pytest.mark.parametrize(
    "arguments", [("--nope",), ("extra",), ("--json", "-o", "table"), ("-R", "nonsense"), ("--ref",)]
)
def test_usage_errors_end_with_64(bare: Desk, shop: Path, arguments: tuple[str, ...]) -> None:
    commit(shop, GOOD)
    ended = bare.cicatrix("gate", *arguments, *(() if arguments == ("--ref",) else ("--path", shop)))
    assert ended.code == 64
    assert len(ended.three_lines) == 3
    assert bare.cicatrix("explain", "--nope").code == 2


@pytest.mark.shows("GK-5")
def test_what_cannot_be_measured_ends_with_1(bare: Desk, shop: Path, tmp_path: Path) -> None:
    commit(shop, GOOD)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert bare.cicatrix("gate", "--path", empty).code == 1
    assert gate(bare, shop, "--sha", "0" * 40).code == 1
    (empty / "checks.yml").write_text("checks: []\n")
    assert gate(bare, shop, "--checks", empty / "checks.yml").code == 1
    (shop / ".github" / "cicatrix.yml").write_text("checks: [x]\n")
    commit(shop, GOOD, "bad lawbook")
    ended = gate(bare, shop)
    assert ended.code == 1
    assert "checks[0] must be a mapping" in ended.three_lines[1]


def test_a_named_commit_is_measured_and_the_checkout_left_alone(bare: Desk, shop: Path) -> None:
    good = commit(shop, GOOD)
    commit(shop, BROKEN)
    (shop / "sums.py").write_text("not committed\n")
    before = {p: p.read_bytes() for p in shop.rglob("*") if p.is_file()}
    assert gate(bare, shop, "--sha", good).code == 0
    assert gate(bare, shop, "--ref", "HEAD~1").code == 0
    assert gate(bare, shop).code == 1
    assert {p: p.read_bytes() for p in shop.rglob("*") if p.is_file()} == before


def test_checks_from_a_file_take_the_lawbooks_place(bare: Desk, shop: Path, tmp_path: Path) -> None:
    commit(shop, BROKEN)
    (tmp_path / "other.yml").write_text("checks: [{name: ok, component: build, command: ['true']}]\n")
    ended = gate(bare, shop, "--checks", tmp_path / "other.yml", "--json")
    assert (ended.code, ended.json["checksFrom"]) == (0, "given")


@pytest.mark.shows("GK-4")
def test_without_any_checks_those_of_the_files_are_run_and_told(bare: Desk, shop: Path) -> None:
    (shop / ".github" / "cicatrix.yml").unlink()
    commit(shop, BROKEN)
    ended = gate(bare, shop, "--json")
    assert (ended.code, ended.json["checksFrom"]) == (1, "detected")
    assert ended.json["chosen"]["python-compile"] == "*.py is there, and every module must compile"
    assert "python tests: no file is named test_*.py" in ended.json["leftOut"]


@pytest.mark.shows("GK-5")
def test_the_measurement_goes_into_a_file_as_well_as_a_step_keeps_it(bare: Desk, shop: Path, tmp_path: Path) -> None:
    commit(shop, BROKEN)
    kept = tmp_path / "gate.json"
    ended = gate(bare, shop, "--output-file", kept, "--json")
    assert (ended.code, json.loads(kept.read_text())) == (1, ended.json)
    nowhere = gate(bare, shop, "--output-file", tmp_path / "none" / "x.json")
    assert nowhere.code == 1
    assert nowhere.three_lines[0] == "The measurement cannot be written."


def test_nothing_to_measure_is_not_healthy(bare: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "README.md").write_text("# x\n")
    committed(folder, "first")
    ended = gate(bare, folder, "-o", "table")
    assert ended.code == 1
    assert "no check is declared, and none was found in the files" in ended.out


def with_ledger(desk: Desk, shop: Path, text: str) -> str:
    desk.world.repository("acme/shop")
    desk.cicatrix("tick")
    assert desk.ledger.exists()
    sha = commit(shop, text)
    git(shop, "remote", "add", "origin", f"http://{host_of(desk)}/acme/shop.git")
    return sha


def test_with_a_ledger_the_measurement_is_kept_and_shown(desk: Desk, shop: Path) -> None:
    first = with_ledger(desk, shop, GOOD)
    told = gate(desk, shop, "--json")
    assert told.code == 0, told.err
    assert told.json["ledgerIndex"] is not None
    assert told.json["repository"] == "acme/shop"
    second = commit(shop, WRONG)
    assert gate(desk, shop, "--json").code == 1
    assert [(m.sha, m.ref, m.health, m.purpose) for m in rows(desk)] == [
        (second, MAIN, 35, "gate"),
        (first, MAIN, 100, "gate"),
    ]
    history = gate(desk, shop, "--history", "--json").json
    assert [(one["health"], one["change"]) for one in history] == [(35, -65), (100, None)]
    assert "-65" in gate(desk, shop, "--history", "-o", "table").out


@pytest.mark.shows("RB-0")
def test_a_critical_default_branch_gets_a_case(desk: Desk, shop: Path) -> None:
    with_ledger(desk, shop, GOOD)
    assert gate(desk, shop, "--json").json["caseId"] is None
    commit(shop, BROKEN)
    told = gate(desk, shop, "--json").json
    assert told["caseId"]
    assert gate(desk, shop, "--json").json["caseId"] == told["caseId"]
    git(shop, "checkout", "-q", "-b", "feature")
    assert gate(desk, shop, "--json").json["caseId"] is None


def test_a_tick_names_the_branch_and_the_commit_of_a_case_that_has_no_run(desk: Desk, shop: Path) -> None:
    with_ledger(desk, shop, GOOD)
    sha = commit(shop, BROKEN)
    home = desk.world.repository("acme/shop")
    for case_id, ref in (("case-1", MAIN), ("case-2", "refs/heads/two\x1b[31m")):
        with ledger_of() as ledger, ledger.write("open") as tx:
            tx.open_case(
                Case(
                    id=case_id,
                    host=host_of(desk),
                    repository_id=str(home.id),
                    owner="acme",
                    repository="shop",
                    run_id="",
                    pull_request=0,
                    head_sha=sha,
                    ref=ref,
                    state=CaseState.DECIDING,
                    wake_at=tx.now,
                    awaits="nothing",
                    epoch=0,
                    opened_at=tx.now,
                    updated_at=tx.now,
                )
            )
        ticked = desk.cicatrix("tick", *(("-o", "table") if ref != MAIN else ()))
        if ref == MAIN:
            (told,) = ticked.json
            assert (told["runId"], told["caseId"], told["ref"], told["headSha"]) == ("", case_id, MAIN, sha)
            assert (told["before"], told["after"]) == ("deciding", "handed_over")
        else:
            assert ticked.out.startswith("two"), ticked.out
            assert f" at {sha[:12]}: deciding → handed_over · " in ticked.out
            assert "\x1b" not in ticked.out


@pytest.mark.shows("RB-0")
def test_report_only_writes_nothing_anywhere(desk: Desk, shop: Path) -> None:
    with_ledger(desk, shop, BROKEN)
    before = desk.ledger.read_bytes()
    ended = gate(desk, shop, "--report-only", "--json")
    assert (ended.code, ended.json["ledgerIndex"], ended.json["caseId"]) == (1, None, None)
    assert "not stored: --report-only" in ended.err
    assert desk.ledger.read_bytes() == before
    assert rows(desk) == []


@pytest.mark.shows("RB-0")
@pytest.mark.parametrize("more", [(), ("--report-only",)])
def test_after_a_rollback_the_gate_is_closed_until_a_person_releases_it(
    desk: Desk, shop: Path, more: tuple[str, ...]
) -> None:
    with_ledger(desk, shop, GOOD)
    home = desk.world.repository("acme/shop")
    with ledger_of() as ledger, ledger.write("block") as tx:
        tx.block_branch(host_of(desk), str(home.id), MAIN, "case-7", "a revert was proposed", "system")
    ended = gate(desk, shop, "-o", "table", *more)
    assert ended.code == 1
    assert "closed by case case-7: a revert was proposed" in ended.out
    assert "cicatrix release case-7" in ended.out
    git(shop, "checkout", "-q", "-b", "feature")
    assert gate(desk, shop, *more).code == 0
    git(shop, "checkout", "-q", "main")
    with ledger_of() as ledger, ledger.write("release") as tx:
        tx.release_branch("case-7", "cli:ada", "looked at")
    assert gate(desk, shop, *more).code == 0


@pytest.mark.shows("T8", "VA-4")
def test_inside_a_workflow_foreign_text_is_no_command(bare: Desk, shop: Path, tmp_path: Path) -> None:
    noise = "print('::error::x%0A##[set-output name=a]b'); print('::add-mask::c4'); import sys; sys.exit(1)"
    hostile = f"  - {{name: noise, component: lint, command: [python3, -c, {json.dumps(noise)}]}}\n"
    (shop / ".github" / "cicatrix.yml").write_text(LAWBOOK + hostile)
    sha = commit(shop, GOOD)
    git(shop, "checkout", "-q", "--detach")
    git(shop, "remote", "add", "origin", "http://127.0.0.1:9/acme/shop.git")
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    bare.set(GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(outputs), GITHUB_STEP_SUMMARY=str(summary))
    bare.set(CICATRIX_DATABASE_URL=None, GITHUB_REF=MAIN, GITHUB_SHA=sha)
    for arguments in (("-o", "table"), ("--json",)):
        ended = gate(bare, shop, *arguments)
        assert ended.code == 1
        commands = [line for line in (ended.out + ended.err).splitlines() if line.lstrip().startswith("::")]
        assert commands == ["::error title=gate::lint: noise ended with 1"]
        assert "##[" not in ended.out
    assert ended.json["ref"] == MAIN
    assert "nothing lasts" in ended.err
    assert "\n52\n" in outputs.read_text()
    assert "noise" in summary.read_text()


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ("https://github.com/acme/shop.git", ("github.com", "acme", "shop")),
        ("https://GitHub.com/acme/shop", ("github.com", "acme", "shop")),
        ("git@github.com:acme/shop.git", ("github.com", "acme", "shop")),
        ("ssh://git@ghe.example:22/acme/shop.git", ("ghe.example", "acme", "shop")),
        ("http://127.0.0.1:81/acme/shop.git", ("127.0.0.1:81", "acme", "shop")),
        ("/srv/git/shop.git", None),
        ("file:///srv/acme/shop.git", None),
        ("https://github.com/acme", None),
        ("https://github.com/acme/shop/more", None),
        ("https://github.com/acme/..", None),
        ("https://[::1", None),
        ("ext::sh -c x", None),
        (None, None),
    ],
)
def test_the_repository_of_a_remote(origin: str | None, named: tuple[str, str, str] | None) -> None:
    assert repository_of(origin) == named


def test_a_shallow_clone_is_measured_and_said(bare: Desk, shop: Path, tmp_path: Path) -> None:
    commit(shop, GOOD)
    commit(shop, GOOD + "# more\n")
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{shop}", tmp_path / "clone"], check=True)
    ended = gate(bare, tmp_path / "clone", "--json")
    assert (ended.code, ended.json["shallow"]) == (0, True)
