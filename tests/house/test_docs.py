"""The documentation against the code: fresh, complete, and without a broken name, path, link or command."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from cicatrix.cli.app import NOUNS, VERBS, app
from cicatrix.core.heal_reasons import HEAL_PAGES, HealReason
from cicatrix.core.lawbook import KEYS
from cicatrix.core.reasons import Reason
from cicatrix.ledger import export_lines
from cicatrix.ledger.story import SETTLED_BY
from cicatrix.ledger.tables import APPEND_ONLY, metadata
from cicatrix.ledger.verify import read_head, verify
from cicatrix.settings import reference
from cicatrix.simulator import JobSpec, scenario
from cicatrix.simulator.faults import KINDS
from cicatrix.simulator.server import serve
from cicatrix.web.app import bare_app
from cicatrix.web.service import Service
from tests.cli.desk import Desk
from tests.stage import Stage, lost
from tools import docs

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")))
TICKED = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
PLACE = re.compile(r"(?:src|tests|tools|docs|\.ci)/[\w./-]*\w/?(?:::\w+)?")
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
SEED_ROW = re.compile(r"^\| (?P<item>.+?) \| (?P<home>.+?) \| (?P<test>.+?) \| (?P<same>.+?) \|$")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def headings(path: Path) -> list[str]:
    outside = FENCE.sub("", text(path))
    return [line.lstrip("#").strip() for line in outside.splitlines() if line.startswith("#")]


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(path)}


@cache
def defined(path: Path) -> frozenset[str]:
    """Names of the tests in a file."""
    tree = ast.parse(text(path))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef))


# --- generated pages ---


def test_the_generated_pages_are_fresh() -> None:
    stale = [name(path) for path, wanted in docs.pages().items() if path.read_text(encoding="utf-8") != wanted]
    assert stale == [], "run `make docs`"


def test_every_reason_setting_key_and_command_has_its_heading() -> None:
    assert {reason.value for reason in (*Reason, *HealReason)} <= set(headings(DOCS / "reasons.md"))
    assert {setting.name for setting in reference()} <= set(headings(DOCS / "settings.md"))
    assert {*KEYS, "delegated"} <= set(headings(DOCS / "lawbook.md"))
    commands = {f"cicatrix {verb}" for verb in VERBS} | {f"cicatrix {n} {v}" for n, vs in NOUNS.items() for v in vs}
    assert commands <= set(headings(DOCS / "cli.md"))


def test_every_code_of_healing_has_a_page_and_those_that_come_later_are_given_by_nothing() -> None:
    assert set(HEAL_PAGES) == set(HealReason)
    assert {reason.value for reason in HealReason} & {reason.value for reason in Reason} == set(), "one meaning a code"
    assert all(all(page) for page in HEAL_PAGES.values())
    code = "".join(text(path) for path in sorted((ROOT / "src").rglob("*.py")) if path.name != "heal_reasons.py")
    given = set(re.findall(r"HealReason\.([A-Z_]+)", code))
    assert {reason.name for reason in HealReason} - given == {reason.name for reason in docs.LATER_HEAL_REASONS}


def test_every_variable_stands_on_the_settings_page() -> None:
    told = set(TICKED.findall(text(DOCS / "settings.md")))
    assert {variable for setting in reference() for variable in setting.variables} <= told


def test_keys_and_codes_that_are_told_to_come_later_are_used_by_nothing() -> None:
    used = {path: text(path) for path in sorted((ROOT / "src").rglob("*.py")) if "core/lawbook" not in name(path)}
    for key in docs.NOT_YET:
        attribute = re.sub(r"(?<=[a-z])([A-Z])", lambda m: "_" + m[1].lower(), key)
        section, _, rest = re.sub(r"\.([A-Z])", lambda m: "." + m[1].lower(), attribute).partition(".")
        wanted = re.compile(rf"\b{section}\.{rest}\b" if rest else rf"lawbook\.{section}\b")
        assert [name(path) for path, code in used.items() if wanted.search(code)] == [], key
    code = "".join(code for path, code in used.items() if "core/plan" in name(path) or "/flows/" in name(path))
    given = set(re.findall(r"(?:\(|yield )Reason\.([A-Z_]+)", code))
    assert len(given) > 20, "the search still finds reasons that are given"
    assert [r for r in docs.LATER_REASONS if r.name in given] == []
    assert [r for r in Reason if r not in docs.LATER_REASONS and f"Reason.{r.name}" not in code] == []


# --- ledger ---


def kinds_in_code() -> Iterator[str]:
    """Every entry kind that the code appends by its full name, and those that are made of an operation's kind."""
    yield from (f"rerun.{event}" for event in (*SETTLED_BY, "intended", "resent", "deferred", "resolved"))
    for path in sorted((ROOT / "src" / "cicatrix").rglob("*.py")):
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.Call) and "append" in {
                getattr(node.func, "attr", ""),
                getattr(node.func, "id", ""),
            }:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and re.fullmatch(r"[a-z_]+\.[a-z_]+", str(first.value)):
                    yield str(first.value)


def test_every_entry_kind_and_table_for_people_is_told() -> None:
    told = set(TICKED.findall(text(DOCS / "ledger.md")))
    kinds = set(kinds_in_code())
    assert {"rerun.decided", "rerun.outcome", "identity.conflict"} <= kinds, "the search still finds entries"
    assert kinds - told == set()
    rows = re.findall(r"^\| (`.+?`) \|", text(DOCS / "ledger.md"), re.MULTILINE)
    assert {kind for row in rows for kind in TICKED.findall(row) if "." in kind} - kinds == set(), "told, never written"
    tables = {"job_rerun_attempts", "workflow_action_audit", "rerun_outcomes", "operations", "slots"}
    assert tables <= told & set(metadata.tables)


# --- names that have to exist ---


def broken_places(path: Path) -> list[str]:
    found = []
    for ticked in TICKED.findall(FENCE.sub("", text(path))):
        for place in PLACE.findall(ticked):
            file, _, test = place.partition("::")
            target = ROOT / file
            if not target.exists():
                found.append(f"{name(path)}: {file} does not exist")
            elif test and test not in defined(target):
                found.append(f"{name(path)}: {file} has no {test}")
    return found


def broken_links(path: Path) -> list[str]:
    found = []
    for link in LINK.findall(FENCE.sub("", text(path))):
        if link.startswith(("https://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists():
            found.append(f"{name(path)}: link to {link} leads nowhere")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            found.append(f"{name(path)}: {link} has no such heading")
    return found


def test_no_link_or_path_is_broken() -> None:
    assert [problem for path in PAGES for problem in (*broken_places(path), *broken_links(path))] == []


def test_broken_links_and_paths_are_found(tmp_path: Path) -> None:
    page = DOCS / "glossary.md"
    assert broken_links(page) == []
    assert LINK.findall("[a](b.md) and [c](#d)") == ["b.md", "#d"]
    assert PLACE.findall("tests/core/test_plan.py::test_x and src/cicatrix/flows/") == [
        "tests/core/test_plan.py::test_x",
        "src/cicatrix/flows/",
    ]
    assert "test_the_class_decides" in defined(ROOT / "tests/core/test_plan.py")
    assert "test_nothing_of_the_kind" not in defined(ROOT / "tests/core/test_plan.py")


def test_every_page_is_on_the_index() -> None:
    listed = {link.partition("#")[0] for link in LINK.findall(text(DOCS / "README.md"))}
    assert {p.name for p in DOCS.glob("*.md")} - {"README.md"} <= listed
    records = set(LINK.findall(text(DOCS / "decisions" / "README.md")))
    assert {p.name for p in (DOCS / "decisions").glob("0*.md")} == records


# --- commands ---


def commands(path: Path) -> Iterator[str]:
    """Every command that a page tells to type or names in the text."""
    for language, block in FENCE.findall(text(path)):
        if language == "sh":
            whole = block.replace("\\\n", " ").splitlines()
            yield from (line for line in whole if line and not line.startswith(("#", "export ")))
    prose = FENCE.sub("", text(path))
    yield from (t for t in TICKED.findall(prose) if re.match(r"(?:\.venv/bin/)?cicatrix \w|make \w", t))


@cache
def help_of(words: tuple[str, ...]) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="cicatrix", env={"COLUMNS": "200"})
    return result.output if result.exit_code == 0 else ""


@cache
def described() -> dict[str, Any]:
    """The API as it describes itself; the description needs no running service."""
    return bare_app(cast("Service", None)).openapi()


def wrong_route(line: str) -> str | None:
    """Of a `curl` line: whether the API has that route, with that method."""
    found = re.search(r"http://127\.0\.0\.1:8470(/[^\s?\"']*)", line)
    if found is None:
        return "curl asks something else than a service on this machine"
    method = "post" if " -d " in line else "get"
    for template, operations in described()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, found[1]) and method in operations:
            return None
    return f"no route {method.upper()} {found[1]}"


def wrong_command(line: str, targets: set[str]) -> str | None:
    words = line.split()
    if words[0] == "make":
        missing = [w for w in words[1:] if w not in targets]
        return f"no make target {missing[0]}" if missing else None
    if words[0] == "curl":
        return wrong_route(line)
    if line in {"kill %1", "rm drill.key"}:  # ends the service that the block has put into the background, tidies up
        return None
    if not words[0].endswith("cicatrix"):
        return "neither make nor cicatrix"
    command = tuple(words[1:3]) if len(words) > 2 and words[1] in NOUNS else tuple(words[1:2])
    shown = help_of(command)
    if not shown:
        return f"no command {' '.join(command)}"
    options = [w.split("=")[0] for w in words[1 + len(command) :] if w.startswith("-") and w != "-"]
    missing = [o for o in options if not re.search(rf"(?<![\w-]){re.escape(o)}(?![\w-])", shown)]
    return f"{' '.join(command)} has no {missing[0]}" if missing else None


def test_every_command_that_the_pages_tell_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    wrong, seen = [], 0
    for path in PAGES:
        if path == DOCS / "cli.md":
            continue  # generated from the commands themselves
        for line in commands(path):
            seen += 1
            problem = wrong_command(line, targets)
            if problem:
                wrong.append(f"{name(path)}: `{line}`: {problem}")
    assert wrong == []
    assert seen > 40, "the search still finds commands"


@pytest.mark.parametrize(
    "line", ["make sense", "cicatrix cure", "cicatrix rerun --all", "cicatrix ledger burn", "cicatrix tick --run-id 1"]
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert wrong_command(line, {"demo", "test"}) is not None


def test_the_readme_tells_the_two_commands_and_the_first_real_rerun() -> None:
    told = [line for language, block in FENCE.findall(text(ROOT / "README.md")) for line in block.splitlines()]
    for line in (
        "make demo",
        "make test",
        "export GITHUB_TOKEN=...",
        ".venv/bin/cicatrix rerun owner/repo#123 --dry-run",
        ".venv/bin/cicatrix rerun owner/repo#123",
    ):
        assert line in told


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """The real command in staging beside a simulated GitHub on loopback."""
    made = Desk(folder=tmp_path, cache=tmp_path / "cache", environ=monkeypatch, capture=capsys)
    with serve(made.world) as server:
        made.set(GITHUB_API_URL=server.api_url)
        yield made


def test_the_first_real_rerun_goes_as_the_readme_tells(desk: Desk) -> None:
    desk.red()
    section = text(ROOT / "README.md").partition("## The first real rerun\n")[2].partition("\n## ")[0]
    page = desk.folder / "first.md"
    page.write_text(section)
    told = [line for line in commands(page) if line.startswith(".venv/bin/cicatrix ")]
    assert [line.split()[1] for line in told] == ["doctor", "rerun", "rerun", "tick", "explain"]
    sent = []
    for line in told:
        words = [
            word.replace("owner/repo#123", "acme/shop#1").replace("owner/repo", "acme/shop") for word in line.split()
        ]
        ended = desk.cicatrix(*words[1:])
        assert ended.code == 0, (line, ended.err)
        sent.append(len(desk.writes))
        desk.world.advance(600)
    assert sent == [0, 0, 1, 1, 1], "only the rerun without --dry-run writes, once"


def test_the_ledger_is_checked_as_its_page_tells(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=lost())])
    stage.ask()
    with stage.ctx.ledger.read() as view:
        early = read_head(view.head().as_json())
    stage.tick()
    with stage.ctx.ledger.read() as view:
        lines = [line.rstrip("\n") for line in export_lines(view.entries())]
        late = read_head(view.head().as_json())
    assert len(lines) > early.size > 0
    assert list(json.loads(lines[0])) == ["index", "leafHash", "entry", "rootAfter"]
    assert verify(lines, late).ok
    assert verify(lines[: early.size], early).ok, "an older head vouches for the first lines of a newer export"
    assert not verify(lines, early).ok
    assert not verify(lines[:-1], late).ok


def test_the_queries_of_the_ledgers_page_work_and_its_tables_exist(stage: Stage) -> None:
    stage.red([JobSpec(id="unit", outcomes=lost())])
    stage.ask()
    page = text(DOCS / "ledger.md")
    queries = [block for language, block in FENCE.findall(page) if language == "sql"]
    assert len(queries) > 5, "the search still finds queries"
    with closing(sqlite3.connect(f"file:{stage.path}/ledger.sqlite3?mode=ro", uri=True)) as file:
        for query in queries:
            assert file.execute(query).description
        named = dict(file.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page.partition("## Tables")[2], re.MULTILINE)
    told = {table for row in rows for table in TICKED.findall(row)} - {"index", "leafHash", "entry", "rootAfter"}
    assert told - {name for name, kind in named.items() if kind == "table"} == set()
    assert {name for name, kind in named.items() if kind == "view"} <= set(TICKED.findall(page))
    append_only = page.partition("| append-only |")[2].partition("| may change |")[0]
    assert {*TICKED.findall(append_only), "entries"} >= set(APPEND_ONLY)


def test_messages_of_sequence_diagrams_hold_nothing_that_ends_them() -> None:
    """A `#` begins a comment and a `;` ends a statement in Mermaid's sequence diagrams."""
    drawn = [block for p in PAGES for language, block in FENCE.findall(text(p)) if language == "mermaid"]
    assert len(drawn) == 5
    assert [line for block in drawn for line in block.splitlines() if "#" in line or ";" in line] == []


def test_the_page_of_drills_holds_a_scenario_that_works_and_every_key_and_fault() -> None:
    page = text(DOCS / "simulate.md")
    (example,) = [block for language, block in FENCE.findall(page) if language == "yaml"]
    made = scenario.load(example, now=datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert [pull.head_ref for pull in made.repositories["acme/drill"].pulls.values()] == ["pr-1", "total-of-a-cart"]
    assert len(made.runs) == 2
    told = set(TICKED.findall(page))
    documented = re.findall(r"^[ -]*(?:\{)?([a-z_]+):", scenario.__doc__ or "", re.MULTILINE)
    assert len(documented) > 40, "the search still finds keys"
    assert set(documented) - told <= {"test", "kind", "app", "conclusion"}
    assert told >= KINDS


# --- the map of the seeds, decisions, glossary ---


def seed_rows() -> list[dict[str, str]]:
    found = [m.groupdict() for line in text(DOCS / "seeds.md").splitlines() if (m := SEED_ROW.match(line))]
    return [row for row in found if row["item"] not in {"item", "step"} and not row["item"].startswith("---")]


@pytest.mark.shows("IT-1")
def test_every_row_of_the_seeds_map_has_a_home_and_a_test_or_names_its_part() -> None:
    rows = seed_rows()
    assert len(rows) > 150
    for row in rows:
        later = re.search(r"\bpart [2-7]\b", row["same"])
        none = row["test"] == "-" and ("no equivalent" in row["home"] or row["home"] == "never")
        tested = PLACE.search(row["test"])
        assert tested or later or none, row
        assert not (row["test"].startswith("part") and not later), row
        assert re.search(r"\b(same|differs|part \d|lifted|now|rewritten|claim|fact)\b", row["same"]), row


@pytest.mark.shows("IT-1")
def test_the_seeds_map_names_every_service_function_field_and_column() -> None:
    page = text(DOCS / "seeds.md")
    functions = (
        "getLawbookHash getDeploymentEnv classifyFailureForRerun getAttemptCount recordRerunAttempt recordAuditEvent "
        "rerunFailedJobs checkRollbackRequirements checkGitRepository performEmergencyRollback"
    )
    fields = (
        "jobName jobId? priorConclusion action attemptNumber reasonCode? schemaVersion requestId lawbookHash "
        "deploymentEnv target decision reasons jobs metadata totalJobs rerunJobs blockedJobs skippedJobs owner repo "
        "prNumber runId mode maxAttempts"
    )
    columns = [column.name for column in metadata.tables["job_rerun_attempts"].columns][:18]
    assert columns[-1] == "created_at", "the seed's columns end here"
    for word in (*functions.split(), *fields.split(), *columns, "job_rerun_attempt_counts", "recent_job_reruns"):
        assert f"`{word}`" in page or f"`{word}(" in page or f"`{word.rstrip('?')}" in page, word
    for status in (200, 400, 401, 403, 404, 409, 500):
        assert re.search(rf"^\| (?:Response )?{status}\b", page, re.MULTILINE), status


def test_the_glossary_tells_run_and_check_suite_apart() -> None:
    words = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text(DOCS / "glossary.md"), re.MULTILINE))
    assert "run id" in words["check suite"]
    assert "`run_id`" in next(word for word in words if word.startswith("workflow run"))


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))
    groups = [
        project["project"]["dependencies"],
        *project["dependency-groups"].values(),
        project["build-system"]["requires"],
    ]
    wanted = {
        re.split(r"[<>=~! \[]", entry, maxsplit=1)[0].lower()
        for group in groups
        for entry in group
        if isinstance(entry, str)
    }
    rows = re.findall(r"^\| `([\w.-]+)` \| (.+) \|$", text(DOCS / "decisions" / "0001-dependencies.md"), re.MULTILINE)
    told = {package for package, reason in rows if len(reason.split()) > 1}
    assert wanted - told == set(), "a dependency without a reason"
    assert told - wanted == set(), "a reason without a dependency"


CLAIMS = (
    "transactions mitigate",
    "comprehensive error handling",
    "multi-layer safety",
    "continuous monitoring",
    "production-ready",
    "production ready",
)
"""Claims of the originals that their source contradicts; the map of the seeds quotes them, nothing else may."""


def test_no_page_inherits_a_claim_of_the_originals() -> None:
    found = [
        f"{name(path)}: {claim}"
        for path in PAGES
        if path.name != "seeds.md"
        for claim in CLAIMS
        if claim in text(path).lower()
    ]
    assert found == []


def test_every_claim_of_the_readme_and_of_security_names_its_test() -> None:
    for path, heading in ((ROOT / "README.md", "What holds"), (ROOT / "SECURITY.md", "What is guaranteed")):
        section = text(path).partition(f"## {heading}")[2].partition("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
        assert len(rows) > 5
        assert [row for row in rows if not PLACE.search(row)] == []
