"""What the doctor says about rights: registry, allowlist, stored lawbook."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cicatrix.flows.doctor_rights import expiry_check
from tests.cli.desk import TOKEN, Desk

DOCUMENT = """\
version: 1.0.0
registryId: shop
repository: acme/shop
allowedActions:
  - {{actionType: rerun_failed_jobs{more}}}
"""


def apply(desk: Desk, more: str = ", maxRetries: 2") -> None:
    path = desk.folder / "shop.yml"
    path.write_text(DOCUMENT.format(more=more))
    ended = desk.cicatrix("registry", "apply", path)
    assert ended.code == 0, ended.err


def lines(desk: Desk, item: str, *arguments: str) -> list[tuple[str, str]]:
    rows = desk.cicatrix("doctor", *arguments).json
    assert all(row["remedy"] for row in rows if row["health"] != "ok")
    return [(row["health"], row["says"]) for row in rows if row["item"] == item]


@pytest.mark.shows("GE-4")
def test_in_prod_a_missing_registry_is_an_error_and_one_that_counts_is_named(desk: Desk) -> None:
    desk.world.repository("acme/shop")
    ((health, says),) = lines(desk, "registry")
    assert (health, "built-in limits" in says) == ("ok", True)
    desk.set(DEPLOY_ENV="prod")
    ((health, says),) = lines(desk, "registry")
    assert (health, says) == ("error", "prod refuses every write: no repository has a registry")
    apply(desk)
    assert lines(desk, "registry") == [("ok", "1 repository has one")]
    ((health, says),) = lines(desk, "registry", "-R", "acme/shop")
    assert (health, "rerun_failed_jobs" in says) == ("ok", True)


@pytest.mark.shows("RG-7")
def test_an_entry_of_a_renamed_repository_is_named(desk: Desk) -> None:
    desk.world.repository("acme/shop")
    apply(desk)
    desk.world.repository("acme/shop").rename("acme/store")
    ((health, says),) = lines(desk, "registry", "-R", "acme/store")
    assert (health, "renamed" in says) == ("warning", True)
    desk.set(DEPLOY_ENV="prod")
    assert [health for health, _ in lines(desk, "registry", "-R", "acme/store")] == ["error", "error"]


@pytest.mark.shows("RG-2")
def test_a_rerun_action_without_max_retries_is_an_error(desk: Desk) -> None:
    desk.world.repository("acme/shop")
    apply(desk, more="")
    found = lines(desk, "registry", "-R", "acme/shop")
    assert [health for health, _ in found] == ["ok", "error"]
    assert "maxRetries" in found[1][1]
    assert desk.cicatrix("doctor", "-R", "acme/shop").code == 1


def test_a_ledger_that_cannot_be_read_leaves_prod_without_a_registry(desk: Desk) -> None:
    desk.ledger.write_text("this is no database, and long enough to be looked at as one" * 20)
    assert lines(desk, "registry") == []
    desk.set(DEPLOY_ENV="prod")
    assert lines(desk, "registry")[0][0] == "error"


@pytest.mark.shows("AU-1")
def test_the_allowlist_is_read_and_asked_about_the_named_repository(desk: Desk) -> None:
    desk.world.repository("acme/shop")
    desk.set(GITHUB_REPO_ALLOWLIST='{"allowlist": [{"owner": "other", "repo": "site"}]}')
    assert [health for health, _ in lines(desk, "allowlist")] == ["ok"]
    ((health, says),) = lines(desk, "allowlist", "-R", "acme/shop")
    assert (health, "acme/shop" in says) == ("warning", True)
    desk.set(GITHUB_REPO_ALLOWLIST='{"allowlist": [{"owner": "acme", "repo": "shop"}]}')
    assert [health for health, _ in lines(desk, "allowlist", "-R", "acme/shop")] == ["ok"]
    desk.set(GITHUB_REPO_ALLOWLIST="{")
    ((health, says),) = lines(desk, "allowlist")
    assert (health, "denies every repository" in says) == ("error", True)


@pytest.mark.shows("AU-1")
def test_a_missing_allowlist_is_told_away_from_a_simulated_github(bare: Desk) -> None:
    bare.set(GITHUB_API_URL="https://github.invalid/api/v3", GITHUB_TOKEN=None)
    ((health, says),) = lines(bare, "allowlist")
    assert (health, "`cicatrix up` would deny every repository" in says) == ("ok", True)


def test_a_stored_lawbook_is_the_base_that_the_pin_is_held_against(bare: Desk) -> None:
    path = bare.folder / "law.yml"
    path.write_text("version: stored.1\n")
    bare.cicatrix("lawbook", "activate", path)
    bare.set(LAWBOOK_HASH="stored.1")
    assert [health for health, _ in lines(bare, "lawbook pin")] == ["ok"]
    ((health, says),) = lines(bare, "lawbook")
    assert (health, "stored.1" in says) == ("ok", True)
    ((health, says),) = lines(bare, "stored lawbook")
    assert (health, says) == ("ok", "deployment: version stored.1 (entry 0)")


@pytest.mark.shows("VF-4", "GE-1", "C12")
def test_the_seeds_deployment_checklist_is_one_line_and_one_remedy_an_item(desk: Desk) -> None:
    """The seed's list: migration applied, environment set, registry configured, App permission verified."""
    desk.world.repository("acme/shop")
    desk.set(DEPLOY_ENV="prod")
    apply(desk)
    rows = {row["item"]: row for row in desk.cicatrix("doctor", "-R", "acme/shop").json}
    assert {"ledger", "environment", "registry", "lawbook", "token", "write right", "kill switch"} <= set(rows)
    assert rows["ledger"]["health"] == "ok", "the schema is applied"
    assert rows["environment"]["health"] == "ok"
    assert rows["registry"]["health"] == "ok"
    assert "unproven" in rows["write right"]["says"], "a personal token does not tell its rights, and nobody pretends"
    assert all(row["remedy"] for row in rows.values() if row["health"] != "ok")
    desk.set(DEPLOY_ENV=None)
    unset = {row["item"]: row for row in desk.cicatrix("doctor").json}["environment"]
    assert (unset["health"], "DEPLOY_ENV" in unset["remedy"]) == ("warning", True)


@pytest.mark.shows("TK-3", "C21")
@pytest.mark.parametrize(
    ("days", "health", "remedy"),
    [
        (90, "ok", ""),
        (15, "ok", ""),
        (14, "warning", "Rotate it this week"),
        (8, "warning", "Rotate it this week"),
        (7, "warning", "Rotate it now"),
        (1, "warning", "Rotate it now"),
    ],
)
def test_the_end_of_a_token_is_told_two_weeks_and_one_week_before(
    desk: Desk, days: int, health: str, remedy: str
) -> None:
    end = desk.world.now + timedelta(days=days, minutes=2)  # the command runs within these two minutes
    end -= timedelta(minutes=4) if remedy else timedelta(0)
    desk.world.token(TOKEN, login="octocat", expires_at=end)
    ended = desk.cicatrix("doctor")
    (row,) = [row for row in ended.json if row["item"] == "token expiry"]
    assert (row["health"], row["remedy"].startswith(remedy)) == (health, True)
    assert f"{end:%Y-%m-%d %H:%M} UTC" in row["says"]
    assert ("every 90 days" in row["remedy"]) == (health == "warning")
    assert ended.code == 0, "a warning is no error"


@pytest.mark.shows("TK-3")
def test_a_token_without_an_end_is_to_be_rotated_all_the_same(desk: Desk) -> None:
    ((health, says),) = lines(desk, "token expiry")
    assert (health, "every 90 days" in says) == ("ok", True)
    desk.world.token("ghs_ofaworkflow", login="", kind="actions")
    desk.set(GITHUB_TOKEN="ghs_ofaworkflow")
    found = {row["item"] for row in desk.cicatrix("doctor").json}
    assert "token" in found
    assert "token expiry" not in found, "a workflow's token ends with its job"


@pytest.mark.shows("TK-3")
def test_the_line_at_its_edges(desk: Desk) -> None:
    now = desk.world.now
    ahead = [timedelta(days=14, seconds=1), timedelta(days=14), timedelta(days=7, seconds=1), timedelta(days=7)]
    found = [expiry_check(now + left, now) for left in ahead]
    assert [check.health.value for check in found] == ["ok", "warning", "warning", "warning"]
    assert [check.remedy.split(",")[0] for check in found[1:]] == [
        "Rotate it this week",
        "Rotate it this week",
        "Rotate it now",
    ]
    assert "in 47 hours" in expiry_check(now + timedelta(hours=47, minutes=59), now).says
    assert "which is over" in expiry_check(now - timedelta(seconds=1), now).says
