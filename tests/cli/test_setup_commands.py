"""`doctor`, `lawbook show|schema`, `config show`, `simulate`: setting up, through the shell."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cicatrix import wiring
from cicatrix.core.policy import Environment
from cicatrix.flows.doctor import Health, Patient, examine, healthy
from cicatrix.settings import load
from tests.cli.desk import TOKEN, Desk, Ended


def items(ended: Ended) -> dict[str, str]:
    return {row["item"]: row["health"] for row in ended.json}


def test_a_sound_set_up_is_healthy_and_nothing_is_written(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1", "--dry-run")
    ended = desk.cicatrix("doctor", "-R", "acme/shop")
    assert ended.code == 0
    assert set(items(ended).values()) == {"ok", "warning"}
    assert [name for name, health in items(ended).items() if health == "warning"] == ["write right"]
    assert desk.writes == []


@pytest.mark.shows("GE-1")
def test_the_doctor_warns_of_an_unset_environment_and_fails_on_an_unknown_one(desk: Desk) -> None:
    desk.set(DEPLOY_ENV=None)
    assert items(desk.cicatrix("doctor"))["environment"] == "warning"
    desk.set(DEPLOY_ENV="stagging")
    ended = desk.cicatrix("doctor")
    assert (ended.code, items(ended)["environment"]) == (1, "error")


def test_the_doctor_names_one_remedy_for_each_trouble(desk: Desk) -> None:
    bad = desk.folder / "bad.yml"
    bad.write_text("mode: maybe\n")
    switch = desk.folder / "stop"
    switch.touch()
    desk.set(
        GITHUB_TOKEN="github_pat_wrongwrongwrong",
        CICATRIX_LAWBOOK=str(bad),
        CICATRIX_DATABASE_URL=str(desk.folder / "none" / "l.db"),
        CICATRIX_KILL_SWITCH_FILE=str(switch),
    )
    ended = desk.cicatrix("doctor")
    found = items(ended)
    assert ended.code == 4, "a refused token comes before the other errors"
    assert (found["lawbook"], found["ledger"], found["token"], found["api"]) == ("error", "error", "error", "ok")
    assert found["kill switch"] == "warning"
    assert all(row["remedy"] for row in ended.json if row["health"] != "ok")
    out = desk.cicatrix("doctor", "-o", "table").out
    assert "✗ error    ledger" in out
    assert "→ " in out


def test_the_doctor_without_a_token(bare: Desk) -> None:
    bare.set(GITHUB_TOKEN=None)
    ended = bare.cicatrix("doctor")
    assert (ended.code, items(ended)["token"]) == (4, "error")
    assert "gh auth token" in ended.out


@pytest.mark.shows("GE-4")
def test_the_doctor_says_that_production_has_no_registry(desk: Desk) -> None:
    desk.red()
    desk.set(DEPLOY_ENV="prod")
    ended = desk.cicatrix("doctor", "-R", "acme/shop")
    rows = {row["item"]: row for row in ended.json}
    assert (ended.code, rows["registry"]["health"], rows["lawbook"]["health"]) == (1, "error", "warning")
    assert rows["registry"]["says"] == "prod refuses every write to acme/shop: it has no registry"
    assert "registry apply" in rows["registry"]["remedy"]
    desk.world.repository("acme/shop").file(".github/cicatrix.yml", "version: own.1\n")
    rows = {row["item"]: row for row in desk.cicatrix("doctor", "-R", "acme/shop").json}
    assert rows["repository lawbook"]["says"].endswith("is valid")
    assert (rows["lawbook"]["health"], rows["lawbook"]["remedy"]) == ("ok", "")


def test_the_doctor_tells_of_a_service_that_is_not_there_yet(desk: Desk) -> None:
    desk.set(CICATRIX_SERVER="https://cicatrix.example")
    ended = desk.cicatrix("doctor")
    assert (ended.code, items(ended)["ledger"]) == (1, "error")


def test_the_doctor_without_a_network(bare: Desk) -> None:
    with wiring.build(load(), sleep=lambda _seconds: None) as ctx:
        checks = examine(
            Patient(
                deploy_env="staging",
                environment=Environment.STAGING,
                environment_known=True,
                base=None,
                base_file=None,
                base_problems=(),
                pin=None,
                ledger_place="",
                open_ledger=lambda: 0,
                attempt_bound_only=False,
                github=ctx.github,
                credential="user",
                credential_problem=None,
                exchanges=[],
                repository=None,
                kill_switch=lambda: None,
                now=ctx.now(),
                fast_scanner=False,
            )
        )
    found = {check.item: check for check in checks}
    assert (found["api"].health, found["scanner"].health) == (Health.ERROR, Health.WARNING)
    assert found["api"].remedy
    assert not healthy(checks)


def test_the_doctor_reads_the_repository_and_its_lawbook(desk: Desk) -> None:
    desk.red()
    assert items(desk.cicatrix("doctor", "-R", "acme/none"))["repository"] == "error"
    repo = desk.world.repository("acme/shop")
    repo.file(".github/cicatrix.yml", "mode: shadow\n")
    assert items(desk.cicatrix("doctor", "-R", "acme/shop"))["repository lawbook"] == "ok"
    repo.file(".github/cicatrix.yml", "mode: [\n")
    assert desk.cicatrix("doctor", "-R", "acme/shop").code == 1


@pytest.mark.shows("GE-2")
def test_the_doctor_compares_the_pin(desk: Desk) -> None:
    desk.set(LAWBOOK_HASH="v1.0.0-dev")
    assert items(desk.cicatrix("doctor"))["lawbook pin"] == "ok"
    desk.set(LAWBOOK_HASH="v9")
    ended = desk.cicatrix("doctor")
    assert items(ended)["lawbook pin"] == "error"
    (remedy,) = [row["remedy"] for row in ended.json if row["item"] == "lawbook pin"]
    assert "CICATRIX_LAWBOOK" in remedy


@pytest.mark.parametrize(("actions", "health"), [("write", "ok"), ("read", "error")])
def test_the_doctor_proves_the_right_of_an_app_from_its_metadata(desk: Desk, actions: str, health: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    rights = {"actions": actions, "checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read"}
    desk.world.app(app_id=7, slug="cicatrix", public_key_pem=public, permissions=rights)
    file = desk.folder / "key.pem"
    file.write_bytes(pem)
    desk.red()
    desk.set(GITHUB_TOKEN=None, CICATRIX_GITHUB_APP_ID="7", CICATRIX_GITHUB_APP_PRIVATE_KEY_FILE=str(file))
    ended = desk.cicatrix("doctor", "-R", "acme/shop")
    found = items(ended)
    assert (found["token"], found["write right"]) == ("ok", health)
    assert ended.code == (0 if health == "ok" else 4)


def test_lawbook_show_names_the_origin_of_every_value(desk: Desk) -> None:
    file = desk.folder / "own.yml"
    file.write_text("version: mine.1\nattempts:\n  perJob: 1\nmode: act\n")
    shown = desk.cicatrix("lawbook", "show", file).json
    assert shown["origins"]["attempts.perJob"] == f"{file}:3"
    assert shown["origins"]["mixed"] == "built-in"
    assert shown["lawbook"]["mode"] == "shadow"
    assert any("mode" in line for line in shown["ignored"])
    out = desk.cicatrix("lawbook", "show", file, "-o", "table").out
    assert shown["hash"] in out


def test_lawbook_show_reads_the_default_branch(desk: Desk) -> None:
    desk.world.repository("acme/shop").file(".github/cicatrix.yml", "version: theirs.1\n")
    assert desk.cicatrix("lawbook", "show", "-R", "acme/shop").json["version"] == "theirs.1"


def test_lawbook_check_accepts_what_the_schema_accepts(bare: Desk) -> None:
    file = bare.folder / "own.yml"
    file.write_text("version: mine.1\nattempts: {perJob: 1}\n")
    ended = bare.cicatrix("lawbook", "check", file)
    assert (ended.code, ended.json[0]["valid"], ended.json[0]["version"]) == (0, True, "mine.1")
    jsonschema.validate({"version": "mine.1", "attempts": {"perJob": 1}}, bare.cicatrix("lawbook", "schema").json)


def test_config_show_names_origins_and_masks_secrets(bare: Desk) -> None:
    toml = bare.folder / "settings.toml"
    toml.write_text("write_interval = 2\npoll_interval = 7\n")
    bare.set(CICATRIX_CONFIG=str(toml))
    rows = {row["name"]: row for row in bare.cicatrix("config", "show").json}
    assert (rows["github_token"]["value"], rows["github_token"]["origin"]) == ("***", "GITHUB_TOKEN")
    assert (rows["write_interval"]["value"], rows["write_interval"]["origin"]) == ("0", "CICATRIX_WRITE_INTERVAL")
    assert rows["api_version"]["origin"] == "default"
    bare.set(CICATRIX_POLL_INTERVAL=None)
    rows = {row["name"]: row for row in bare.cicatrix("config", "show").json}
    assert (rows["poll_interval"]["value"], rows["poll_interval"]["origin"]) == ("7", str(toml))
    assert TOKEN not in bare.cicatrix("config", "show", "-o", "table").out


def test_an_unknown_variable_is_named_with_its_nearest_neighbour(bare: Desk) -> None:
    bare.set(CICATRIX_DATABSE_URL="x")
    assert "did you mean CICATRIX_DATABASE_URL?" in bare.cicatrix("config", "show").err


@pytest.mark.parametrize(("end", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_simulate_prints_the_lines_that_a_shell_needs(
    desk: Desk, tmp_path: Path, end: signal.Signals, code: int
) -> None:
    scenario = tmp_path / "scenario.yml"
    scenario.write_text(
        "tokens:\n  - {token: drill-token-1, login: octocat, kind: user}\n"
        "repositories:\n  - name: acme/drill\n    pull_requests: [{number: 4}]\n"
    )
    command = [sys.executable, "-m", "cicatrix", "simulate", "--scenario", str(scenario)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(4)]
            names = [line.partition("=")[0] for line in lines]
            assert names == [
                "export GITHUB_API_URL",
                "export GITHUB_TOKEN",
                "export CICATRIX_DATABASE_URL",
                "export CICATRIX_POLL_INTERVAL",
            ]
            ledger = Path(lines[2].partition("=")[2])
            desk.set(**{line.removeprefix("export ").partition("=")[0]: line.partition("=")[2] for line in lines})
            assert desk.cicatrix("rerun", "acme/drill#4").json["decision"] == "NOOP"
            assert ledger.is_file()
        finally:
            process.send_signal(end)
            _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    assert not ledger.parent.exists(), "the drill's ledger goes with the drill"


def test_simulate_says_what_is_wrong_with_a_scenario(bare: Desk) -> None:
    file = bare.folder / "s.yml"
    file.write_text(json.dumps({"repositories": [{"nmae": "x"}]}))
    ended = bare.cicatrix("simulate", "--scenario", file)
    assert ended.code == 1
    assert "nmae" in ended.three_lines[1]
