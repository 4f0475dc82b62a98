"""`cicatrix kill`: writes stopped by hand, and allowed again by somebody else."""

from __future__ import annotations

import json

import pytest

from tests.cli.desk import Desk


def document(desk: Desk) -> str:
    path = desk.folder / "shop.yml"
    path.write_text(
        "version: 1.0.0\nregistryId: shop\nrepository: acme/shop\n"
        "allowedActions: [{actionType: rerun_failed_jobs, maxRetries: 3, requireEvidence: false}]\n"
    )
    return str(path)


@pytest.mark.shows("GE-5")
@pytest.mark.parametrize(
    "scope",
    [
        [],
        ["-R", "acme/shop"],
        ["--scope", "organisation", "-R", "acme/shop"],
        ["--action", "rerun_failed_jobs"],
    ],
)
def test_a_switch_stops_writes_in_its_scope_and_says_why(desk: Desk, scope: list[str]) -> None:
    desk.calm()
    desk.red()
    ended = desk.cicatrix("kill", "set", "--reason", "registry down", *scope)
    assert (ended.code, ended.json["set"]) == (0, True)
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert ended.code == 3
    assert "kill_switch" in ended.out
    assert "registry down" in ended.out
    assert desk.writes == []
    assert desk.cicatrix("kill", "lift", "--reason", "it is back", *scope).code == 0
    assert desk.cicatrix("rerun", "acme/shop#1").code == 0
    assert len(desk.effects) == 1


def test_a_switch_elsewhere_stops_nothing_here(desk: Desk) -> None:
    desk.calm()
    desk.red()
    desk.world.repository("other/site")
    desk.cicatrix("kill", "set", "--reason", "x", "-R", "other/site")
    desk.cicatrix("kill", "set", "--reason", "x", "--action", "rollback")
    assert desk.cicatrix("rerun", "acme/shop#1").code == 0


@pytest.mark.shows("PL-8")
def test_in_production_a_second_person_lifts_it(bare: Desk) -> None:
    bare.set(DEPLOY_ENV="prod", LOGNAME="alice")
    bare.cicatrix("kill", "set", "--reason", "bad night")
    ended = bare.cicatrix("kill", "lift", "--reason", "never mind")
    assert ended.code == 3
    assert "cli:alice@local" in ended.three_lines[1]
    assert len(bare.cicatrix("kill", "list").json) == 1
    bare.set(LOGNAME="bob")
    assert bare.cicatrix("kill", "lift", "--reason", "checked with alice").code == 0
    assert bare.cicatrix("kill", "list").json == []
    kinds = [e["kind"] for e in bare.cicatrix("ledger", "list").json]
    assert kinds == ["kill_switch.set", "kill_switch.lifted"], "a refused lift leaves no trace of a lift"


def test_in_staging_the_same_person_may_lift_it(bare: Desk) -> None:
    bare.cicatrix("kill", "set", "--reason", "x")
    assert bare.cicatrix("kill", "lift", "--reason", "y").code == 0


def test_deployment_and_action_need_neither_token_nor_network(bare: Desk) -> None:
    bare.set(GITHUB_TOKEN=None)
    assert bare.cicatrix("kill", "set", "--reason", "x").code == 0
    assert bare.cicatrix("kill", "set", "--reason", "x", "--action", "rerun_checks").code == 0
    assert [row["scope"] for row in bare.cicatrix("kill", "list").json] == ["deployment", "action"]


@pytest.mark.shows("PL-8")
def test_a_registered_repository_can_be_stopped_while_github_is_down(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("registry", "apply", document(desk))
    desk.set(GITHUB_TOKEN="github_pat_revokedrevoked")
    ended = desk.cicatrix("kill", "set", "--reason", "x", "-R", "acme/shop")
    assert (ended.code, ended.json["name"]) == (0, "acme/shop")
    (row,) = desk.cicatrix("kill", "list").json
    assert (row["name"], row["scope"]) == ("acme/shop", "repository")
    ended = desk.cicatrix("kill", "set", "--reason", "x", "-R", "acme/unknown")
    assert (ended.code, "need no GitHub" in ended.three_lines[2]) == (1, True)


def test_list_names_variable_and_file_too(bare: Desk) -> None:
    switch = bare.folder / "stop"
    switch.touch()
    bare.set(CICATRIX_KILL_SWITCH="1", CICATRIX_KILL_SWITCH_FILE=str(switch))
    bare.cicatrix("kill", "set", "--reason", "x")
    rows = bare.cicatrix("kill", "list").json
    assert [row["source"] for row in rows] == ["variable", "file", "database"]
    out = bare.cicatrix("kill", "list", "-o", "table").out
    assert "by variable" in out
    assert str(switch) in out


def test_the_doctor_says_what_is_stopped(bare: Desk) -> None:
    bare.cicatrix("kill", "set", "--reason", "bad night")
    rows = [row for row in bare.cicatrix("doctor").json if row["item"] == "kill switch"]
    assert [row["health"] for row in rows] == ["ok", "warning"]
    assert "bad night" in json.dumps(rows)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--reason", " "],
        ["--reason", "x", "--scope", "action"],
        ["--reason", "x", "--action", "explode"],
        ["--reason", "x", "--scope", "workflow"],
        ["--reason", "x", "-R", "acme/shop", "--action", "rollback"],
    ],
)
def test_a_switch_that_is_not_clear_is_not_set(bare: Desk, arguments: list[str]) -> None:
    ended = bare.cicatrix("kill", "set", *arguments)
    assert ended.code == 2
    assert ended.three_lines
    assert bare.cicatrix("kill", "list").json == []


def test_lifting_what_is_not_set_says_so(bare: Desk) -> None:
    ended = bare.cicatrix("kill", "lift", "--reason", "x")
    assert (ended.code, "No kill switch" in ended.three_lines[0]) == (1, True)
