"""The workflows that we ship: linted, pinned, least rights, and nothing of a payload reaches a shell (bar 8, T30)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cicatrix.cli.app import app
from cicatrix.core.dispatching import EVENT_TYPE, FIELDS, parse_payload, run_name
from cicatrix.core.lawbook import resolve
from tests.runner import outputs_of
from tests.shipped.workflows import (
    ACTION,
    OURS,
    PINNED,
    ROOT,
    actionlint,
    bash,
    loaded,
    severe,
    step,
    steps,
    uses,
    zizmor,
)

HEALING, CHECK = (
    ROOT / ".github" / "workflows" / f"{name}.yml" for name in ("phase3-auto-healing", "post-remediation-check")
)
EVERYTHING = [*OURS, ACTION]
HOSTILE = "x\"; touch canary; echo '$(touch canary)`touch canary`\nrollback_required=true\n::set-output name=a::b"


def names(files: list[Path]) -> list[str]:
    return [file.name for file in files]


@pytest.mark.shows("T30")
def test_zizmor_finds_nothing_of_medium_or_above() -> None:
    found = zizmor(*EVERYTHING)
    print(f"zizmor: {len(found)} findings, {len(severe(found))} of medium or above")
    assert severe(found) == []


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / ".github" / "workflows" / "bad.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text(OURS[0].read_text(encoding="utf-8").replace("@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7"))
    assert severe(zizmor(bad))


@pytest.mark.shows("T30")
def test_actionlint_finds_nothing() -> None:
    assert actionlint(*OURS) == []


def test_actionlint_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(HEALING.read_text(encoding="utf-8").replace("needs.heal.outputs", "needs.nobody.outputs"))
    assert actionlint(bad)


@pytest.mark.shows("T30")
@pytest.mark.parametrize("file", EVERYTHING, ids=names(EVERYTHING))
def test_actions_are_pinned_by_commit_with_their_version_beside(file: Path) -> None:
    for called in uses(loaded(file)):
        assert called == "./.cicatrix" or PINNED.fullmatch(called), called
    for line in file.read_text(encoding="utf-8").splitlines():
        if re.search(r"uses: [^.]", line):
            assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.shows("T30", "B11", "B8")
@pytest.mark.parametrize("file", OURS, ids=names(OURS))
def test_rights_are_granted_by_job_and_nothing_is_cancelled_midway(file: Path) -> None:
    found = loaded(file)
    assert found["permissions"] == {}
    assert found["concurrency"]["cancel-in-progress"] is False
    for part in ("github.repository", "github.ref"):
        assert part in found["concurrency"]["group"]
    for name, job in found["jobs"].items():
        assert job["timeout-minutes"] <= 30, name
        assert job["permissions"], name
        assert "pull_request_target" not in str(found["on"])


@pytest.mark.parametrize("file", OURS, ids=names(OURS))
def test_no_checkout_leaves_its_token_behind(file: Path) -> None:
    for one in steps(loaded(file)):
        if "checkout" in one.get("uses", ""):
            assert one["with"]["persist-credentials"] is False, one["name"]


@pytest.mark.shows("T30", "RD-2", "B8")
@pytest.mark.parametrize("file", EVERYTHING, ids=names(EVERYTHING))
def test_no_expression_stands_in_a_script(file: Path) -> None:
    """Not only none of the event: an expression is text that GitHub puts into the script before a shell reads it."""
    for one in steps(loaded(file)):
        assert "${{" not in one.get("run", ""), one["name"]


@pytest.mark.shows("RD-2")
@pytest.mark.parametrize("file", OURS, ids=names(OURS))
def test_nothing_of_the_event_becomes_an_argument_or_a_ref(file: Path) -> None:
    for one in steps(loaded(file)):
        for value in one.get("with", {}).values():
            assert "github.event" not in str(value), one["name"]


def jobs_with(document: dict[str, Any], text: str) -> set[str]:
    return {name for name, job in document["jobs"].items() if text in str(job)}


@pytest.mark.shows("VA-1", "B5", "B8")
def test_the_key_and_foreign_code_never_share_a_machine() -> None:
    found = loaded(CHECK)
    assert jobs_with(found, "secrets.") == {"report"}
    assert jobs_with(found, "'path': 'code'") == {"measure"}
    assert all(job["permissions"] == {"contents": "read"} for job in found["jobs"].values())
    # a commit of a fork can be fetched by its id: only what lies on a branch of the repository is there to be measured
    checkout = step(found, "Check out every branch of the repository")["with"]
    assert checkout["fetch-depth"] == 0
    assert "ref" not in checkout


@pytest.mark.shows("RM-3")
def test_the_gate_holds_no_secret_and_the_redispatch_no_foreign_code() -> None:
    found = loaded(HEALING)
    assert "gate" not in jobs_with(found, "secrets.") | jobs_with(found, "github.token")
    assert "trigger-recheck" not in jobs_with(found, "'path': 'code'")
    assert found["jobs"]["gate"]["permissions"] == {"contents": "read"}


@pytest.mark.shows("VA-1", "RD-3")
def test_the_validation_answers_to_the_dispatch_of_the_ladder() -> None:
    found = loaded(CHECK)
    assert found["on"]["repository_dispatch"] == {"types": [EVENT_TYPE]}
    assert set(FIELDS) < set(found["on"]["workflow_dispatch"]["inputs"])
    assert found["run-name"].startswith(run_name("${{ github.event.client_payload.cicatrix.op_id"))
    assert CHECK.name == resolve([]).lawbook.dispatch.workflow
    uploads = [one["with"] for one in steps(found) if "upload-artifact" in one.get("uses", "")]
    assert [(one["name"], one["path"]) for one in uploads][-1] == ("cicatrix-validation", "validation.json")


def test_the_healing_keeps_the_seeds_inputs_and_outputs() -> None:
    call = loaded(HEALING)["on"]["workflow_call"]
    assert {"trigger_deep_remediation", "force_aggressive_mode"} < set(call["inputs"])
    assert set(call["outputs"]) == {"remediation_applied", "security_score_improvement", "build_diagnostic_available"}
    assert list(loaded(HEALING)["jobs"]) == ["gate", "heal", "trigger-recheck"]


def test_every_output_of_the_action_is_one_that_its_step_can_have() -> None:
    for name, output in loaded(ACTION)["outputs"].items():
        assert output["value"] == f"${{{{ steps.run.outputs.{name} }}}}"
    for file in OURS:
        used = set(re.findall(r"steps\.(?:gate|heal|report)\.outputs\.([a-z_]+)", file.read_text(encoding="utf-8")))
        assert used <= set(loaded(ACTION)["outputs"])


def test_every_command_in_the_workflows_exists_with_its_options() -> None:
    from typer.main import get_command  # noqa: PLC0415 -- the only test here that needs it

    known = get_command(app).commands  # type: ignore[attr-defined]  # a group has commands
    for file in OURS:
        for one in steps(loaded(file)):
            if one.get("uses") != "./.cicatrix":
                continue
            arguments = one["with"]["arguments"]
            verb, *rest = ("heal\n--yes\n--dry-run" if "steps.mode" in arguments else arguments).split("\n")
            options = {option for parameter in known[verb].params for option in parameter.opts}
            assert {word for word in rest if word.startswith("--")} <= options, f"{file.name}: {verb}"


# --- the scripts, run as the runner runs them


def payload_of(tmp_path: Path, given: object, typed: object = None) -> str:
    script = step(loaded(CHECK), "Read the payload")["run"]
    environ = {"GIVEN": json.dumps(given), "INPUTS": json.dumps(typed), "HEAD": "a" * 40}
    done = bash(script, environ, tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    found = outputs_of((tmp_path / "out").read_bytes())
    assert set(found) == {"payload"}
    return found["payload"]


@pytest.mark.shows("RD-2", "B8")
def test_a_hostile_payload_does_nothing_on_its_way(tmp_path: Path) -> None:
    given = {**dict.fromkeys(FIELDS, HOSTILE), "cicatrix": {HOSTILE: HOSTILE}}
    assert json.loads(payload_of(tmp_path, given)) == given
    assert not (tmp_path / "canary").exists()


@pytest.mark.shows("RD-2")
def test_a_manual_start_becomes_a_payload_that_the_validator_takes(tmp_path: Path) -> None:
    found = parse_payload(payload_of(tmp_path, None, {"op_id": "manual", "commit_sha": ""}))
    assert (found.commit_sha, found.triggered_by, found.security_improvement, found.known) == (
        "a" * 40,
        "manual",
        None,
        None,
    )


def test_a_whole_payload_typed_in_counts_before_the_fields(tmp_path: Path) -> None:
    whole = {"commit_sha": "b" * 40}
    typed = {"payload": json.dumps(whole), "commit_sha": "c" * 40}
    assert json.loads(payload_of(tmp_path, None, typed)) == whole


@pytest.mark.parametrize("database", ["", "postgresql://ledger"])
def test_without_a_ledger_the_healing_only_observes_and_says_so(tmp_path: Path, database: str) -> None:
    summary = tmp_path / "summary"
    script = step(loaded(HEALING), "Choose between writing and observing")["run"]
    environ = {"DATABASE_URL": database, "AGGRESSIVE": "false", "GITHUB_STEP_SUMMARY": str(summary)}
    assert bash(script, environ, tmp_path).returncode == 0
    outputs = outputs_of((tmp_path / "out").read_bytes())
    arguments = outputs["arguments"].split("\n")
    assert outputs["tolerated"] == ("0 8" if database else "0 3")
    assert arguments == (["heal", "--yes"] if database else ["heal", "--dry-run"])
    assert summary.exists() is not bool(database)


@pytest.mark.parametrize("commit", [HOSTILE, "", "main", "a" * 39, "a" * 40 + "\nx", "A" * 40])
def test_the_redispatch_takes_a_commit_only(tmp_path: Path, commit: str) -> None:
    script = step(loaded(HEALING), "Take the commit only if it is one")["run"]
    assert bash(script, {"COMMIT": commit}, tmp_path).returncode == 1
    assert not (tmp_path / "out").exists()
    assert bash(script, {"COMMIT": "a" * 40}, tmp_path).returncode == 0


def run_action(
    tmp_path: Path, arguments: str, *, code: int = 0, tolerated: str = ""
) -> tuple[int, list[str], dict[str, str]]:
    """The action's last step with a command in Cicatrix's place that writes down what it was given."""
    program = tmp_path / "cicatrix" / "bin" / "cicatrix"
    program.parent.mkdir(parents=True, exist_ok=True)
    seen = tmp_path / "seen.json"
    program.write_text(
        "#!/usr/bin/env python3\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(seen)!r}, 'w'))\nsys.exit({code})\n"
    )
    program.chmod(0o755)
    environ = {"RUNNER_TEMP": str(tmp_path), "CICATRIX_ARGUMENTS": arguments, "CICATRIX_TOLERATED": tolerated}
    done = bash(step(loaded(ACTION), "Run the command")["run"], environ, tmp_path)
    return done.returncode, json.loads(seen.read_text()), outputs_of((tmp_path / "out").read_bytes())


def test_the_action_gives_each_line_as_one_argument(tmp_path: Path) -> None:
    wanted = ["validate", "--path", "a b", "$(touch canary)", "*", "; touch canary", "`x`", "'\""]
    ended, seen, _ = run_action(tmp_path, "\n".join(wanted) + "\n")
    assert (ended, seen) == (0, wanted)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("code", "tolerated", "ends"), [(0, "", 0), (1, "", 1), (1, "0 1 2", 0), (64, "0 1 2", 64), (2, "22", 2)]
)
def test_the_action_ends_as_the_command_does_unless_that_is_tolerated(
    tmp_path: Path, code: int, tolerated: str, ends: int
) -> None:
    ended, _, outputs = run_action(tmp_path, "gate", code=code, tolerated=tolerated)
    assert (ended, outputs["exit_code"]) == (ends, str(code))
