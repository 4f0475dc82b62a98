"""Settings: kinds, order, origins, GE-1; and the wiring that reads them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from cicatrix import wiring
from cicatrix.core.policy import Environment
from cicatrix.github import AppCredentials, TokenCredentials
from cicatrix.settings import Settings, SettingsError, effective, load, reference, warnings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.shows("GE-1")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Environment.STAGING),
        ("", Environment.STAGING),
        ("   ", Environment.STAGING),
        ("staging", Environment.STAGING),
        (" Staging ", Environment.STAGING),
        ("prod", Environment.PROD),
        ("PRODUCTION", Environment.PROD),
        ("\tprod\n", Environment.PROD),
        ("stage", Environment.PROD),
        ("development", Environment.PROD),
        ("0", Environment.PROD),
    ],
)
def test_the_environment(text: str | None, expected: Environment) -> None:
    assert load(environ={} if text is None else {"DEPLOY_ENV": text}).environment is expected


def test_flag_before_environment_before_file_before_default(tmp_path: Path) -> None:
    toml = tmp_path / "s.toml"
    toml.write_text('lawbook = "/file.yml"\nwrite_interval = 3\napi_version = "2026-01-01"\n')
    environ = {"CICATRIX_CONFIG": str(toml), "CICATRIX_LAWBOOK": "/env.yml", "CICATRIX_WRITE_INTERVAL": "2"}
    settings = load({"lawbook": "/flag.yml"}, environ)
    assert (str(settings.lawbook), settings.write_interval, settings.api_version) == ("/flag.yml", 2, "2026-01-01")
    origins = settings.origins
    assert origins["lawbook"] == "flag --lawbook"
    assert (origins["write_interval"], origins["api_version"]) == ("CICATRIX_WRITE_INTERVAL", str(toml))
    assert origins["poll_interval"] == "default"


def test_github_token_comes_before_gh_token_and_files_work(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    both = load(environ={"GITHUB_TOKEN": "one", "GH_TOKEN": "two"})
    assert both.secrets == ("one",)
    assert load(environ={"GH_TOKEN": "two"}).secrets == ("two",)
    assert load(environ={"GITHUB_TOKEN_FILE": str(file), "GH_TOKEN": "two"}).secrets == ("from-file",)


@pytest.mark.shows("T14")
def test_secrets_do_not_show_themselves() -> None:
    settings = load(environ={"GITHUB_TOKEN": "c4n4ry-token", "CICATRIX_HOSTS": HOSTS})
    shown = repr(settings) + str(settings) + str([row.value for row in effective(settings)])
    assert "c4n4ry-token" not in shown
    assert "other-token" not in shown


@pytest.mark.parametrize("name", ["CICATRIX_WRITE_INTERVAL", "CICATRIX_RECONCILE_WINDOW", "CICATRIX_POLL_INTERVAL"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e99", "soon"])
def test_times_are_times(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ={name: value, "GITHUB_API_URL": "http://127.0.0.1:1"})
    assert caught.value.what
    assert caught.value.next


def test_a_short_window_is_for_loopback_only() -> None:
    short = {"CICATRIX_RECONCILE_WINDOW": "5"}
    assert load(environ={**short, "GITHUB_API_URL": "http://127.0.0.1:1"}).window == timedelta(seconds=5)
    for url in ("https://api.github.com", "https://127.0.0.1.example.com", "https://localhost.example.com"):
        with pytest.raises(SettingsError, match="twice"):
            load(environ={**short, "GITHUB_API_URL": url})


def test_the_page_names_the_shortest_window_that_is_taken() -> None:
    about = {row.name: row.about for row in reference()}["reconcile_window"]
    shortest = re.findall(r"Below (\d+)", about)
    assert len(shortest) == 1
    assert load(environ={"CICATRIX_RECONCILE_WINDOW": shortest[0]}).reconcile_window == int(shortest[0])
    with pytest.raises(SettingsError):
        load(environ={"CICATRIX_RECONCILE_WINDOW": str(int(shortest[0]) - 1)})


def test_unknown_names_are_told_apart(tmp_path: Path) -> None:
    assert warnings({"CICATRIX_DATABASE_URL": "x", "OTHER": "y"}) == ()
    assert "CICATRIX_KILL_SWITCH?" in warnings({"CICATRIX_KILLSWITCH": "1"})[0]
    toml = tmp_path / "s.toml"
    toml.write_text("write_intervall = 3\n")
    with pytest.raises(SettingsError) as caught:
        load(environ={"CICATRIX_CONFIG": str(toml)})
    assert "write_interval" in caught.value.next


def test_every_setting_has_a_variable_and_a_sentence() -> None:
    rows = reference()
    assert {row.name for row in rows} == set(Settings.model_fields)
    assert all(row.variables and row.about.endswith(".") for row in rows)
    assert len({name for row in rows for name in row.variables}) == sum(len(row.variables) for row in rows)
    assert not any("CRASH" in name for row in rows for name in row.variables)


def test_only_the_settings_read_the_environment() -> None:
    reading = re.compile(r"\bos\.environ|\bgetenv\(|from os import")
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "src").rglob("*.py"))
        if reading.search(path.read_text(encoding="utf-8")) and path.parent.name != "settings"
    ]
    assert found == []


# --- the wiring -------------------------------------------------------------------------------------------------

HOSTS = json.dumps(
    [
        {"name": "ghe.example", "apiUrl": "https://ghe.example/api/v3", "token": "other-token"},
        {"name": "github.com", "apiUrl": "https://api.github.com"},
    ]
)


def test_one_host_comes_from_the_api_url() -> None:
    (host,) = wiring.hosts(load(environ={}))
    assert (host.name, host.api_url) == ("github.com", "https://api.github.com")
    (host,) = wiring.hosts(load(environ={"GITHUB_API_URL": "https://ghe.example/api/v3/"}))
    assert (host.name, host.api_url, host.web_url) == (
        "ghe.example",
        "https://ghe.example/api/v3",
        "https://ghe.example",
    )


def test_only_loopback_may_be_plain_http_and_others_get_no_such_log_hosts() -> None:
    (host,) = wiring.hosts(load(environ={"GITHUB_API_URL": "http://127.0.0.1:9"}))
    assert host.allow_http
    assert not wiring.hosts(load(environ={}))[0].allow_http
    with pytest.raises(SettingsError):
        wiring.hosts(load(environ={"GITHUB_API_URL": "http://ghe.example"}))


@pytest.mark.shows("T14")
def test_a_token_goes_to_its_own_host_alone() -> None:
    settings = load(environ={"CICATRIX_HOSTS": HOSTS, "GITHUB_TOKEN": "dotcom-token"})
    first, second = wiring.hosts(settings)
    assert (first.name, second.name) == ("github.com", "ghe.example")
    found = [wiring.credentials_for(settings, host) for host in (first, second)]
    assert all(isinstance(given, TokenCredentials) for given in found)
    assert [given.token.reveal() for given in found if isinstance(given, TokenCredentials)] == [
        "dotcom-token",
        "other-token",
    ]
    elsewhere = load(environ={"CICATRIX_HOSTS": HOSTS, "GITHUB_TOKEN": "t", "GITHUB_API_URL": "https://x.example"})
    assert wiring.credentials_for(elsewhere, wiring.hosts(elsewhere)[1]) is None


@pytest.mark.shows("AU-3")
def test_production_refuses_a_classic_token_unless_a_flag_lets_it() -> None:
    environ = {"DEPLOY_ENV": "prod", "GITHUB_TOKEN": "ghp_" + "a1" * 18}
    settings = load(environ=environ)
    with pytest.raises(SettingsError, match="classic"):
        wiring.credentials_for(settings, wiring.hosts(settings)[0])
    allowed = load(environ={**environ, "CICATRIX_ALLOW_CLASSIC_TOKEN": "true"})
    assert wiring.credentials_for(allowed, wiring.hosts(allowed)[0]) is not None
    staging = load(environ={**environ, "DEPLOY_ENV": ""})
    assert not isinstance(wiring.credentials_for(staging, wiring.hosts(staging)[0]), AppCredentials)


@pytest.mark.shows("GE-5")
@pytest.mark.parametrize("text", ["1", "true", "on", "yes", "stop", "maybe"])
def test_the_kill_switch_variable(text: str) -> None:
    assert wiring.kill_switch(load(environ={"CICATRIX_KILL_SWITCH": text}))() is not None


@pytest.mark.parametrize("text", ["", "0", "false", "No", " off "])
def test_the_kill_switch_variable_off(text: str) -> None:
    assert wiring.kill_switch(load(environ={"CICATRIX_KILL_SWITCH": text}))() is None


@pytest.mark.shows("GE-5")
def test_the_kill_switch_file_is_looked_for_each_time_and_doubt_means_stopped(tmp_path: Path) -> None:
    file = tmp_path / "stop"
    switch = wiring.kill_switch(load(environ={"CICATRIX_KILL_SWITCH_FILE": str(file)}))
    assert switch() is None
    file.touch()
    assert switch() == f"{file} exists"
    file.unlink()
    assert switch() is None
    file.symlink_to(tmp_path / "nowhere")
    assert switch() is not None
    gone = wiring.kill_switch(load(environ={"CICATRIX_KILL_SWITCH_FILE": str(tmp_path / "no-folder" / "stop")}))
    assert gone() is not None
    beneath_a_file = tmp_path / "plain"
    beneath_a_file.touch()
    assert wiring.kill_switch(load(environ={"CICATRIX_KILL_SWITCH_FILE": str(beneath_a_file / "stop")}))() is not None


def test_reads_run_side_by_side_in_order_and_nested_ones_do_not_starve() -> None:
    def outer(n: int) -> list[int]:
        return wiring.side_by_side([lambda m=m: n * 10 + m for m in range(12)])  # type: ignore[misc]  # bound by default

    found = wiring.side_by_side([lambda n=n: outer(n) for n in range(12)])  # type: ignore[misc]  # bound by default
    assert found == [[n * 10 + m for m in range(12)] for n in range(12)]
    with pytest.raises(ZeroDivisionError):
        wiring.side_by_side([lambda: 1, lambda: 1 // 0, lambda: int("x")])


def test_a_context_is_closed_at_its_end_and_leaves_a_throw_away_ledger_nowhere(tmp_path: Path) -> None:
    environ = {"CICATRIX_DATABASE_URL": str(tmp_path / "l.db"), "GITHUB_API_URL": "http://127.0.0.1:9"}
    with wiring.build(load(environ=environ), read_only=True) as ctx:
        place = Path(ctx.ledger.place)
        assert place.exists()
    assert not place.exists()
    assert not (tmp_path / "l.db").exists()
