"""`cicatrix lawbook diff`: what a changed lawbook would have decided, as a gate for policy changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cicatrix.simulator import JobSpec, Outcome
from tests.cli.desk import CI, RESET, Desk


def write(desk: Desk, name: str, text: str) -> Path:
    file = desk.folder / name
    file.write_text(f"version: {name}.1\n{text}\n")
    return file


def history(desk: Desk) -> tuple[Path, Path]:
    """One rerun of pull request 1 is on record; a lawbook like that of the time, and one that allows no class."""
    desk.calm()
    repo = desk.world.repository("acme/shop")
    job = "a|b `x`"
    spec = JobSpec(id="test", name=job, outcomes=[Outcome.failure(RESET, step="Install dependencies")])
    repo.workflow(CI, [JobSpec(id="build"), spec])
    repo.run(CI, pull_request=repo.pull_request(1, head_branch="change-1"), finished=True)
    assert desk.cicatrix("rerun", "acme/shop#1", "--json").code == 0
    return write(desk, "old", "mode: act"), write(desk, "new", "mode: act\neligible: []")


@pytest.mark.shows("LB-6")
def test_a_changed_decision_is_one_line_and_fails_the_gate(desk: Desk) -> None:
    old, new = history(desk)
    calls = len(desk.world.history.calls)
    done = desk.cicatrix("lawbook", "diff", old, new, "-o", "table")
    assert done.code == 0
    first, last = done.out.splitlines()
    assert "acme/shop #1 run " in first
    assert "RERUN infra_transient sent -> SKIP not_eligible" in first
    assert last.startswith("1 decision of 1 would change (1 job); reruns 1 -> 0;")
    gate = desk.cicatrix("lawbook", "diff", old, new, "-o", "table", "--fail-on-change")
    assert gate.code == 1
    assert gate.three_lines[0] == "1 decision would change (--fail-on-change)."
    assert len(desk.world.history.calls) == calls  # GitHub was not asked


@pytest.mark.shows("LB-6")
def test_no_change_passes_the_gate(desk: Desk) -> None:
    old, _ = history(desk)
    same = write(desk, "same", "mode: act\nowners: []")
    done = desk.cicatrix("lawbook", "diff", old, same, "--fail-on-change")
    assert done.code == 0
    assert done.json["changedDecisions"] == 0
    assert done.json["replayed"] == 1


@pytest.mark.shows("LB-6")
def test_json_names_both_sides_of_every_change(desk: Desk) -> None:
    old, new = history(desk)
    done = desk.cicatrix("lawbook", "diff", old, new, "-R", "acme/shop", "--since", "1h")
    told = done.json
    assert (told["old"]["version"], told["new"]["version"], told["as"]) == ("old.1", "new.1", "repository")
    assert told["old"]["hash"] != told["new"]["hash"]
    (change,) = told["changes"]
    assert (change["repository"], change["prNumber"], change["jobName"]) == ("acme/shop", 1, "a|b `x`")
    assert change["before"]["state"] == "sent"
    assert change["after"] == {"action": "SKIP", "reasonCode": "not_eligible", "state": None, **_because(change)}
    assert desk.cicatrix("lawbook", "diff", old, new, "-R", "acme/other").json["replayed"] == 0
    as_deployment = desk.cicatrix("lawbook", "diff", old, new, "--as", "deployment").json
    assert (as_deployment["as"], as_deployment["changedJobs"]) == ("deployment", 1)


def _because(change: dict[str, dict[str, str]]) -> dict[str, str]:
    assert change["after"]["because"]
    return {"because": change["after"]["because"]}


@pytest.mark.shows("LB-6")
def test_markdown_keeps_foreign_names_in_their_cells(desk: Desk) -> None:
    old, new = history(desk)
    done = desk.cicatrix("lawbook", "diff", old, new, "-o", "md")
    lines = done.out.splitlines()
    assert lines[0] == "### Lawbook `old.1` to `new.1`: 1 decision of 1 would change"
    row = lines[-1]
    assert "`` a│b `x` ``" in row
    assert row.count("|") == 7


@pytest.mark.shows("LB-6")
def test_a_record_that_cannot_be_read_fails_the_gate_and_nothing_else(desk: Desk) -> None:
    from cicatrix import wiring  # noqa: PLC0415 -- only this test looks into the ledger
    from cicatrix.settings import load  # noqa: PLC0415 -- same

    old, _ = history(desk)
    with wiring.open_ledger_only(load(), read_only=False) as ledger:
        with ledger.read() as view:
            (decision_id,) = dict(view.stored_inputs())
        with ledger.write("inputs") as tx:
            tx.forget_inputs(wiring.now())
            tx.record_inputs(decision_id, json.dumps({"version": 2, "inputs": {}}))
    done = desk.cicatrix("lawbook", "diff", old, old)
    assert (done.code, done.json["skipped"]) == (0, {"recorded by another version": 1})
    assert "1 record skipped: recorded by another version" in done.err
    gate = desk.cicatrix("lawbook", "diff", old, old, "--fail-on-change")
    assert gate.code == 1
    assert "cannot be replayed" in gate.err


@pytest.mark.shows("LB-6")
def test_what_cannot_be_compared_ends_in_three_lines(desk: Desk) -> None:
    good, bad = write(desk, "good", "mode: act"), write(desk, "bad", "attempts: {perJob: 9}")
    for arguments, code in (
        ((good, bad), 1),
        ((good, desk.folder / "missing.yml"), 1),
        ((good, good, "--since", "yesterday"), 2),
        ((good, good, "--as", "everybody"), 2),
        ((good, good, "-o", "xml"), 2),
        ((good, good, "-o", "md", "--json"), 2),
        ((good, good, "-R", "nonsense"), 2),
        ((good, good), 1),  # there is no ledger yet
    ):
        done = desk.cicatrix("lawbook", "diff", *arguments)
        assert done.code == code, (arguments, done)
        assert done.three_lines
        assert not done.out
