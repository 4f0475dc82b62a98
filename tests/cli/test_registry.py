"""`cicatrix registry`: documents checked, planned, applied and shown, through the shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from cicatrix import wiring
from cicatrix.core.actions import ActionType
from cicatrix.core.registry.model import PreconditionType
from cicatrix.core.registry.table import ALLOWED_ACTION, APPROVAL_RULE, DOCUMENT, REQUIRED_CHECK
from cicatrix.flows.registering import NotApplied, apply, read_plans
from cicatrix.lawbook.registry import load_registry
from cicatrix.settings import load
from tests.cli.desk import Desk, Ended

SHOP = """\
version: 1.0.0
registryId: shop
repository: {name}
allowedActions:
  - actionType: rerun_failed_jobs
    maxRetries: {retries}
    cooldownMinutes: 0
    requireEvidence: false
"""


def document(desk: Desk, *, name: str = "acme/shop", retries: int = 3, more: str = "", file: str = "shop.yml") -> Path:
    path = desk.folder / file
    path.write_text(SHOP.format(name=name, retries=retries) + more)
    return path


def entries(desk: Desk) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = desk.cicatrix("ledger", "list", "-L", 1000).json
    return rows


def place(problem: dict[str, Any]) -> tuple[int, str]:
    return problem["line"], problem["path"]


# --- check and schema ---


def test_check_names_every_problem_with_line_and_column_and_needs_nothing(bare: Desk) -> None:
    bare.set(GITHUB_TOKEN=None, CICATRIX_DATABASE_URL="nonsense://x")
    path = document(bare, more="    maxRetrys: 2\n  - actionType: merge_everything\nfailClosed: maybe\n")
    ended = bare.cicatrix("registry", "check", path)
    (result,) = ended.json
    assert (ended.code, result["valid"]) == (1, False)
    assert [line for line, _ in map(place, result["problems"])] == [9, 10, 11]
    assert f"{path}:9:5" in ended.three_lines[1]
    assert "maxRetries" in result["problems"][0]["text"], "the nearest known key is named"
    out = bare.cicatrix("registry", "check", path, "-o", "table").out
    assert len(out.splitlines()) == 3


@pytest.mark.shows("RG-2")
def test_check_reports_a_rerun_action_without_max_retries_as_an_error(bare: Desk) -> None:
    path = bare.folder / "bare.yml"
    path.write_text(
        "version: 1.0.0\nregistryId: a\nrepository: acme/shop\nallowedActions: [{actionType: rerun_failed_jobs}]\n"
    )
    ended = bare.cicatrix("registry", "check", path)
    assert ended.code == 1
    assert "maxRetries" in ended.json[0]["problems"][0]["text"]
    assert bare.cicatrix("registry", "check", document(bare, retries=0)).code == 0, "0 that is written is meant"
    path.write_text(path.read_text() + "failClosed: maybe\n")
    found = bare.cicatrix("registry", "check", path).json[0]["problems"]
    assert [(problem["line"], problem["column"]) for problem in found] == [(4, 18), (5, 1)], "with the other problems"
    assert "maxRetries" in found[0]["text"]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_problem_fits_into_eighty_columns(bare: Desk) -> None:
    document(bare, more="  - actionType: merge_everything\n")
    environ = {"HOME": str(bare.folder)}
    code, seen = bare.terminal("registry", "check", os.path.relpath(bare.folder / "shop.yml"), variables=environ)
    assert code == 1
    lines = seen.splitlines()
    assert len(lines) > 1
    assert max(map(len, lines[1:])) <= 80
    assert all(line.startswith("  ") for line in lines[1:])


def test_check_reads_the_files_of_a_folder_and_names_what_cannot_be_read(bare: Desk) -> None:
    folder = bare.folder / "registries"
    folder.mkdir()
    assert "holds no document" in bare.cicatrix("registry", "check", folder).three_lines[0]
    for name in ("a.yml", "b.yaml", "notes.txt"):
        document(bare, file=f"registries/{name}")
    ended = bare.cicatrix("registry", "check", folder)
    assert (ended.code, [Path(row["file"]).name for row in ended.json]) == (0, ["a.yml", "b.yaml"])
    ended = bare.cicatrix("registry", "check", folder, bare.folder / "none.yml")
    assert ended.code == 1
    assert len(ended.json) == 2, "the other files are checked all the same"
    assert "none.yml" in ended.three_lines[0]


def test_the_schema_accepts_what_check_accepts(bare: Desk) -> None:
    schema = bare.cicatrix("registry", "schema").json
    tree = YAML(typ="safe", pure=True).load(document(bare).read_text())
    jsonschema.validate(tree, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**tree, "extra": 1}, schema)


def test_the_page_names_every_field_and_its_example_is_valid(bare: Desk) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "registry.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    path = bare.folder / "example.yml"
    path.write_text(example)
    assert bare.cicatrix("registry", "check", path).code == 0
    told = set(re.findall(r"`([A-Za-z_]+)`", page))
    named = {*DOCUMENT, *ALLOWED_ACTION, *REQUIRED_CHECK, *APPROVAL_RULE, *PreconditionType}
    assert named - told == set()


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_examples_are_valid_and_one_lists_every_action_that_the_rungs_take(bare: Desk) -> None:
    files = sorted(EXAMPLES.glob("registry*.yml"))
    assert [file.name for file in files] == ["registry-heal.yml", "registry.yml"]
    for file in files:
        assert bare.cicatrix("registry", "check", file).code == 0
    flows = EXAMPLES.parent / "src" / "cicatrix" / "flows" / "ladder"
    taken = {
        ActionType[name].value
        for path in flows.glob("*.py")
        for name in re.findall(r"action=ActionType\.([A-Z_]+)", path.read_text(encoding="utf-8"))
    }
    assert len(taken) > 4, "the search still finds actions"
    listed = {one["actionType"] for one in YAML(typ="safe", pure=True).load(files[0])["allowedActions"]}
    assert taken <= listed


def test_check_imports_no_database_no_network_and_no_settings(bare: Desk) -> None:
    program = (
        "import sys; from cicatrix.cli import run; code = run(sys.argv[1:]);"
        "heavy = {'alembic', 'httpx', 'sqlalchemy', 'jwt', 'cryptography', 'pydantic_settings'} & set(sys.modules);"
        "print(sorted(heavy), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "registry", "check", str(document(bare))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")


# --- plan and apply ---


def test_plan_shows_each_difference_with_its_line_and_writes_nothing(desk: Desk) -> None:
    desk.red()
    ended = desk.cicatrix("registry", "plan", document(desk))
    (plan,) = ended.json
    assert (ended.code, plan["upToDate"], plan["activeHash"]) == (0, False, None)
    assert not desk.ledger.exists()
    desk.cicatrix("registry", "apply", document(desk))
    size = len(entries(desk))
    path = document(desk, retries=1, more="    preconditions: [{type: pr_not_draft}]\n  - actionType: merge_pr\n")
    ended = desk.cicatrix("registry", "plan", path)
    changes = {c["place"]: c for c in ended.json[0]["changes"]}
    retries = changes["allowedActions.rerun_failed_jobs.maxRetries"]
    assert (retries["before"], retries["after"], retries["direction"]) == ("3", "1", "tighter")
    assert retries["origin"] == f"{path}:6"
    assert retries["means"].startswith("operators and above")
    assert changes["allowedActions.rerun_failed_jobs.preconditions.pr_not_draft"]["direction"] == "tighter"
    assert "not performed by Cicatrix" in changes["allowedActions.merge_pr"]["means"]
    assert len(changes) == 3
    assert len(entries(desk)) == size
    table = desk.cicatrix("registry", "plan", path, "-o", "table").out
    assert "~ allowedActions.rerun_failed_jobs.maxRetries: 3 -> 1" in table


@pytest.mark.shows("RG-7")
def test_apply_makes_a_version_with_history_and_entry_and_a_second_time_nothing(desk: Desk) -> None:
    desk.red()
    path = document(desk)
    (first,) = desk.cicatrix("registry", "apply", path).json
    (again,) = desk.cicatrix("registry", "apply", path).json
    assert (first["changed"], again["changed"], again["ledgerIndex"]) == (True, False, None)
    (edited,) = desk.cicatrix("registry", "apply", document(desk, retries=1)).json  # the version label stays 1.0.0
    history = desk.cicatrix("registry", "history", "-R", "acme/shop").json
    assert [(row["revision"], row["action"], row["version"]) for row in history] == [
        (1, "created", "1.0.0"),
        (2, "updated", "1.0.0"),
    ]
    assert [row["ledgerIndex"] for row in history] == [first["ledgerIndex"], edited["ledgerIndex"]]
    assert [e["kind"] for e in entries(desk)] == ["registry.activated", "registry.activated"]
    assert history[1]["by"].startswith("cli:octocat@")
    shown = desk.cicatrix("registry", "show", "-R", "acme/shop").json
    assert shown["origins"]["allowedActions.rerun_failed_jobs.maxRetries"] == f"{path}:6"
    assert (shown["counts"], shown["revision"], shown["remarks"]) == (True, 2, [])
    assert shown["document"]["allowedActions"][0]["maxRetries"] == 1
    assert [row["repository"] for row in desk.cicatrix("registry", "show").json] == ["acme/shop"]


def test_apply_is_all_or_nothing(desk: Desk) -> None:
    desk.red()
    good = document(desk)
    ended = desk.cicatrix("registry", "apply", good, document(desk, name="acme/none", file="none.yml"))
    assert ended.code == 1
    assert "acme/none cannot be read" in ended.three_lines[0]
    assert "none.yml:3" in ended.three_lines[1]
    assert desk.cicatrix("registry", "show").json == []
    bad = desk.folder / "bad.yml"
    bad.write_text("version: [\n")
    ended = desk.cicatrix("registry", "apply", good, bad)
    assert (ended.code, "bad.yml" in ended.three_lines[0]) == (1, True)
    ended = desk.cicatrix("registry", "apply", good, document(desk, name="ACME/shop", file="twice.yml"))
    assert "Two documents" in ended.three_lines[0]
    desk.world.repository("acme/site")
    ended = desk.cicatrix("registry", "apply", good, document(desk, name="acme/site", file="same-id.yml"))
    assert "registryId" in ended.three_lines[0], "one registryId is for one repository"
    assert desk.cicatrix("registry", "show").json == []


def test_a_refused_token_ends_with_its_own_code(desk: Desk) -> None:
    desk.red()
    desk.set(GITHUB_TOKEN="github_pat_wrongwrongwrong")
    assert desk.cicatrix("registry", "apply", document(desk)).code == 4


def test_a_plan_that_somebody_overtook_is_not_applied(desk: Desk) -> None:
    desk.red()
    mine, problems = load_registry(document(desk, retries=1).read_bytes(), "mine.yml")
    assert mine is not None, problems
    with wiring.build(load()) as ctx:
        plans = read_plans(ctx, [mine])
        desk.cicatrix("registry", "apply", document(desk, retries=2))
        with pytest.raises(NotApplied, match="somebody else"):
            apply(ctx, plans, "cli:me@local")
        with ctx.ledger.read() as view:
            (active,) = view.registries()
    assert active.registry.allowed_actions[0].max_retries == 2


# --- whose registry it is ---


@pytest.mark.shows("RG-7")
def test_names_that_differ_in_case_are_one_repository(desk: Desk) -> None:
    desk.red()
    (applied,) = desk.cicatrix("registry", "apply", document(desk, name="Acme/SHOP")).json
    assert applied["repository"] == "acme/shop"
    assert desk.cicatrix("registry", "show", "-R", "ACME/shop").json["counts"] is True


@pytest.mark.shows("RG-7")
def test_a_renamed_repository_has_to_be_applied_again(desk: Desk) -> None:
    desk.red()
    old = document(desk)
    desk.cicatrix("registry", "apply", old)
    desk.world.repository("acme/shop").rename("acme/store")
    shown = desk.cicatrix("registry", "show", "-R", "acme/store").json
    assert (shown["active"], shown["counts"]) == (True, False)
    assert "counts no more" in shown["remarks"][0]
    ended = desk.cicatrix("registry", "apply", old)
    assert "is called acme/store now" in ended.three_lines[0]
    new = document(desk, name="acme/store")
    (plan,) = desk.cicatrix("registry", "plan", new).json
    assert plan["remarks"] == shown["remarks"]
    assert {c["before"] for c in plan["changes"]} == {None}, "what does not count is no base to compare with"
    desk.cicatrix("registry", "apply", new)
    shown = desk.cicatrix("registry", "show", "-R", "acme/store").json
    assert (shown["counts"], shown["remarks"]) == (True, [])


@pytest.mark.shows("RG-7")
def test_a_recreated_repository_inherits_nothing(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("registry", "apply", document(desk))
    desk.world.repository("acme/shop").delete()
    ended = desk.cicatrix("registry", "show", "-R", "acme/shop")
    assert ended.json["counts"] is None
    assert "not compared with GitHub" in ended.json["remarks"][0]
    desk.world.repository("acme/shop")
    shown = desk.cicatrix("registry", "show", "-R", "acme/shop").json
    assert (shown["active"], shown["counts"]) == (False, False)
    assert "recreated" in shown["remarks"][0]
    assert "deactivate" in desk.cicatrix("registry", "apply", document(desk)).three_lines[2]
    ended = desk.cicatrix("registry", "deactivate", "-R", "acme/shop", "--reason", "recreated")
    assert (ended.code, ended.json["deactivated"]) == (0, True)
    assert desk.cicatrix("registry", "apply", document(desk)).code == 0
    assert desk.cicatrix("registry", "show", "-R", "acme/shop").json["counts"] is True


def test_deactivate_takes_it_back_and_tells_when_there_is_nothing(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("registry", "apply", document(desk))
    assert desk.cicatrix("registry", "deactivate", "-R", "acme/shop", "--reason", " ").code == 2
    assert desk.cicatrix("registry", "deactivate", "-R", "acme/shop", "--reason", "audit").code == 0
    ended = desk.cicatrix("registry", "deactivate", "-R", "acme/shop", "--reason", "audit")
    assert (ended.code, "no active registry" in ended.three_lines[0]) == (1, True)
    history = desk.cicatrix("registry", "history", "-R", "acme/shop").json
    assert [row["action"] for row in history] == ["created", "deactivated"]
    desk.cicatrix("registry", "apply", document(desk))
    history = desk.cicatrix("registry", "history", "-R", "acme/shop").json
    assert [(row["action"], row["reason"]) for row in history][1:] == [("deactivated", "audit"), ("activated", "")]


# --- what it does to decisions ---


def decided(ended: Ended) -> str:
    return json.dumps(ended.json)


@pytest.mark.shows("RG-1", "GE-4")
def test_production_acts_with_a_registry_and_not_without(desk: Desk) -> None:
    desk.calm()
    desk.red()
    desk.set(DEPLOY_ENV="prod")
    assert desk.cicatrix("rerun", "acme/shop#1").code == 3
    assert desk.effects == []
    desk.cicatrix("registry", "apply", document(desk))
    assert desk.cicatrix("rerun", "acme/shop#1").code == 0
    assert len(desk.effects) == 1


@pytest.mark.shows("RG-2")
def test_a_registry_that_allows_none_says_so_with_file_and_line(desk: Desk) -> None:
    desk.calm()
    desk.red()
    path = document(desk, retries=0)
    desk.cicatrix("registry", "apply", path)
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert ended.code == 3
    assert "registry allows 0" in decided(ended)
    assert f"{path}:6" in decided(ended)
    assert desk.effects == []
