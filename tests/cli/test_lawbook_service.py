"""`cicatrix lawbook activate|deactivate|history`, and what stored versions do to `show` and to decisions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.desk import Desk


def lawbook(desk: Desk, text: str, file: str = "law.yml") -> Path:
    path = desk.folder / file
    path.write_text(text)
    return path


CALM = "stopRules: {cooldownMinutes: 0, noSignalChangeThreshold: 5}\n"


def test_a_stored_lawbook_holds_until_another_one_does(desk: Desk) -> None:
    desk.world.repository("acme/shop")
    path = lawbook(desk, "version: v.1\nattempts: {perJob: 1}\n")
    first = desk.cicatrix("lawbook", "activate", path).json
    again = desk.cicatrix("lawbook", "activate", path).json
    assert (first["scope"], first["changed"], again["changed"]) == ("deployment", True, False)
    shown = desk.cicatrix("lawbook", "show", "-R", "acme/shop").json
    assert shown["version"] == "v.1"
    assert shown["baseHash"] == first["baseHash"]
    assert shown["origins"]["attempts.perJob"].startswith(str(path))
    desk.cicatrix("lawbook", "activate", lawbook(desk, "version: v.2\nattempts: {perJob: 3}\n"))
    assert desk.cicatrix("lawbook", "show").json["lawbook"]["attempts"]["perJob"] == 3
    history = desk.cicatrix("lawbook", "history").json
    assert (history[0]["version"], history[0]["action"]) == ("v.1", "activated")
    assert history[-1]["version"] == "v.2"
    assert desk.cicatrix("lawbook", "deactivate", "--reason", "back to the built-in one").code == 0
    assert desk.cicatrix("lawbook", "show").json["builtIn"] is True
    assert desk.cicatrix("lawbook", "history").json[-1]["action"] == "deactivated"
    ended = desk.cicatrix("lawbook", "deactivate", "--reason", "again")
    assert (ended.code, "No stored lawbook" in ended.three_lines[0]) == (1, True)


@pytest.mark.shows("LB-1")
def test_a_version_never_changes(bare: Desk) -> None:
    bare.cicatrix("lawbook", "activate", lawbook(bare, "version: v.1\nattempts: {perJob: 1}\n"))
    ended = bare.cicatrix("lawbook", "activate", lawbook(bare, "version: v.1\nattempts: {perJob: 2}\n"))
    assert ended.code == 1
    assert "v.1" in " ".join(ended.three_lines)
    assert bare.cicatrix("lawbook", "show").json["lawbook"]["attempts"]["perJob"] == 1
    same = lawbook(bare, "# another spelling\nattempts:\n  perJob: 1\nversion: v.1\n")
    assert bare.cicatrix("lawbook", "activate", same).json["changed"] is False, "the same rules, written otherwise"


def test_what_is_not_a_version_is_not_stored(bare: Desk) -> None:
    for text, said in (
        ("attempts: {perJob: 1}\n", "has no version"),
        ("version: v.1\nattempts: {perJob: 99}\n", "is not valid"),
    ):
        ended = bare.cicatrix("lawbook", "activate", lawbook(bare, text))
        assert ended.code == 1
        assert said in ended.three_lines[0]
    assert bare.cicatrix("lawbook", "activate", bare.folder / "none.yml").code == 1
    assert bare.cicatrix("lawbook", "history").json == []


def test_a_file_given_to_the_deployment_stands_before_the_stored_one(bare: Desk) -> None:
    bare.cicatrix("lawbook", "activate", lawbook(bare, "version: stored.1\n"))
    bare.set(CICATRIX_LAWBOOK=str(lawbook(bare, "version: file.1\n", "file.yml")))
    assert bare.cicatrix("lawbook", "show").json["version"] == "file.1"
    rows = [row for row in bare.cicatrix("doctor").json if row["item"] == "stored lawbook"]
    assert "stands before it" in rows[0]["says"]


@pytest.mark.shows("LB-1")
def test_layers_of_organisation_and_repository_tighten_and_never_loosen(desk: Desk) -> None:
    repo = desk.world.repository("acme/shop")
    repo.file(".github/cicatrix.yml", "version: own.1\nattempts: {perJob: 4, perPullRequest: 2}\n")
    desk.cicatrix("lawbook", "activate", lawbook(desk, "version: base.1\nattempts: {perJob: 3}\n"))
    org = desk.cicatrix(
        *("lawbook", "activate", lawbook(desk, "version: org.1\nminutes: {perRepositoryDay: 60}\n", "org.yml")),
        *("--scope", "organisation", "-R", "acme/shop"),
    )
    assert (org.json["scope"], org.json["name"]) == ("organisation", "acme")
    stored = lawbook(desk, "version: repo.1\nattempts: {perJob: 2, perPullRequest: 4}\n", "repo.yml")
    assert desk.cicatrix("lawbook", "activate", stored, "-R", "ACME/shop").json["name"] == "acme/shop"
    shown = desk.cicatrix("lawbook", "show", "-R", "acme/shop").json
    assert shown["lawbook"]["attempts"]["perJob"] == 2
    assert shown["lawbook"]["attempts"]["perPullRequest"] == 2, "of the stored and the repository's own the stricter"
    assert shown["lawbook"]["minutes"]["perRepositoryDay"] == 60
    assert shown["origins"]["minutes.perRepositoryDay"].startswith(str(desk.folder / "org.yml"))
    rows = desk.cicatrix("lawbook", "history", "-R", "acme/shop").json
    assert [(row["scope"], row["version"]) for row in rows] == [("repository", "repo.1")]


def test_an_organisation_is_named_by_one_of_its_repositories(desk: Desk) -> None:
    desk.world.repository("acme/shop")
    path = lawbook(desk, "version: org.1\n")
    ended = desk.cicatrix("lawbook", "activate", path, "--org", "acme")
    assert (ended.code, "--scope organisation -R acme/REPO" in ended.three_lines[2]) == (1, True)
    document = lawbook(desk, "version: 1.0.0\nregistryId: a\nrepository: acme/shop\nallowedActions: []\n", "reg.yml")
    desk.cicatrix("registry", "apply", document)
    assert desk.cicatrix("lawbook", "activate", path, "--org", "ACME").json["scope"] == "organisation"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scope", "repository"],
        ["--scope", "deployment", "-R", "acme/shop"],
        ["--scope", "galaxy"],
        ["--org", "acme", "-R", "acme/shop"],
    ],
)
def test_a_scope_that_is_not_clear_is_a_usage_error(bare: Desk, arguments: list[str]) -> None:
    ended = bare.cicatrix("lawbook", "activate", lawbook(bare, "version: a.1\n"), *arguments)
    assert ended.code == 2
    assert ended.three_lines


@pytest.mark.shows("LB-2")
def test_a_stored_lawbook_decides_and_its_hash_stands_in_the_answer(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("lawbook", "activate", lawbook(desk, f"version: v.1\nattempts: {{perJob: 1}}\n{CALM}"))
    wanted = desk.cicatrix("lawbook", "show", "-R", "acme/shop").json["hash"]
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert (ended.code, ended.json["lawbookHash"]) == (0, wanted)
    desk.cicatrix("lawbook", "activate", lawbook(desk, "version: v.2\nmode: off\n"))
    assert desk.cicatrix("rerun", "acme/shop#1", "--dry-run").json["lawbookHash"] != wanted
