"""`cicatrix ledger`, `operation`, `tick`: the record through the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.desk import Desk


def exported(desk: Desk) -> tuple[Path, Path]:
    """An export and its head in the desk's folder, as paths."""
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1")
    export, head = desk.folder / "export.jsonl", desk.folder / "head.json"
    assert desk.cicatrix("ledger", "export", export).code == 0
    head.write_text(desk.cicatrix("ledger", "head", "--json").out)
    return export, head


def test_an_export_verifies_with_the_two_files_alone(desk: Desk) -> None:
    export, head = exported(desk)
    desk.ledger.unlink()
    desk.set(GITHUB_TOKEN=None, CICATRIX_DATABASE_URL=None, CICATRIX_WRITE_INTERVAL="nonsense")
    ended = desk.cicatrix("ledger", "verify", export, "--head", head, "-o", "table")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("✓ verified: 3 entries")


@pytest.mark.shows("LG-6")
def test_one_changed_byte_ends_with_5_and_names_the_entry(desk: Desk) -> None:
    export, head = exported(desk)
    lines = export.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace("rerun-failed-jobs", "rerun-failed-jobz", 1)
    export.write_text("".join(lines))
    ended = desk.cicatrix("ledger", "verify", export, "--head", head)
    assert (ended.code, ended.json["ok"], ended.json["firstBad"]) == (5, False, 1)
    assert "entry 1" in ended.three_lines[0]


def test_a_cut_tail_ends_with_5(desk: Desk) -> None:
    export, head = exported(desk)
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:-1]))
    assert desk.cicatrix("ledger", "verify", export, "--head", head).json["firstBad"] == 2


def test_the_export_on_standard_output_is_the_same(desk: Desk) -> None:
    export, _ = exported(desk)
    assert desk.cicatrix("ledger", "export").out == export.read_text()


def test_an_export_that_cannot_be_written_leaves_nothing_behind(desk: Desk) -> None:
    exported(desk)
    target = desk.folder / "none" / "x.jsonl"
    assert desk.cicatrix("ledger", "export", target).code == 1
    taken = desk.folder / "folder"
    taken.mkdir()
    before = sorted(desk.folder.iterdir())
    assert desk.cicatrix("ledger", "export", taken).three_lines[0].startswith("The export cannot be written")
    assert sorted(desk.folder.iterdir()) == before


def test_head_prints_size_and_root(desk: Desk) -> None:
    _, head = exported(desk)
    kept = json.loads(head.read_text())
    assert desk.cicatrix("ledger", "head", "-o", "table").out == f"size 3\nroot {kept['root']}\n"


def test_entries_are_listed_filtered_and_shown_with_their_texts(desk: Desk) -> None:
    exported(desk)
    kinds = [row["kind"] for row in desk.cicatrix("ledger", "list").json]
    assert kinds == ["rerun.decided", "rerun.intended", "rerun.confirmed"]
    assert len(desk.cicatrix("ledger", "list", "--limit", "1").json) == 1
    assert [row["index"] for row in desk.cicatrix("ledger", "list", "--kind", "rerun.intended").json] == [1]
    assert desk.cicatrix("ledger", "show", "0").json["entry"]["repository"] == "acme/shop"
    operation = desk.cicatrix("operation", "list", "--all").json[0]["operationId"]
    assert [row["index"] for row in desk.cicatrix("ledger", "show", operation).json] == [1, 2]
    assert desk.cicatrix("ledger", "show", "99").code == 1


@pytest.mark.shows("RR-5")
def test_an_indeterminate_operation_is_ended_by_a_person_and_recorded(desk: Desk) -> None:
    desk.red()
    desk.set(CICATRIX_RECONCILE_WINDOW="0")
    desk.world.faults.add("answer_502_before", "POST *", count=1)
    assert desk.cicatrix("rerun", "acme/shop#1").code == 8
    desk.cicatrix("tick")
    operation = desk.cicatrix("operation", "list").json[0]
    assert operation["state"] == "INDETERMINATE"
    words = [
        "operation",
        "resolve",
        operation["operationId"],
        "--as",
        "did-not-happen",
        "--reason",
        "the run has 1 attempt",
    ]
    assert desk.cicatrix(*words).json["state"] == "REFUSED"
    entry = desk.cicatrix("ledger", "list", "--limit", "1").json[0]
    assert (entry["kind"], entry["entry"]["as"]) == ("rerun.resolved", "did-not-happen")
    assert entry["entry"]["principal"].startswith("cli:octocat@")
    assert desk.cicatrix(*words).three_lines[1].startswith("It is REFUSED")
    assert len(desk.writes) == 1


def test_resolving_needs_no_token_and_names_the_person_at_the_machine(desk: Desk) -> None:
    desk.red()
    desk.set(CICATRIX_RECONCILE_WINDOW="0")
    desk.world.faults.add("answer_502_before", "POST *", count=1)
    desk.cicatrix("rerun", "acme/shop#1")
    desk.cicatrix("tick")
    operation = desk.cicatrix("operation", "list").json[0]["operationId"]
    desk.set(GITHUB_TOKEN=None)
    ended = desk.cicatrix("operation", "resolve", operation, "--as", "happened", "--reason", "seen", "-o", "table")
    assert ended.code == 0
    assert "@local" in ended.out


def test_an_operation_that_nobody_knows(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1", "--dry-run")
    for words in (["operation", "show", "x"], ["operation", "resolve", "x", "--as", "happened", "--reason", "r"]):
        assert desk.cicatrix(*words).three_lines[0] == "There is no operation x."


def test_a_tick_with_nothing_due_says_so(desk: Desk) -> None:
    assert desk.cicatrix("tick", "-o", "table").out == "○ nothing is due\n"
    assert desk.cicatrix("tick").json == []


def test_the_default_ledger_is_made_for_this_user_alone(desk: Desk) -> None:
    desk.red()
    desk.set(CICATRIX_DATABASE_URL=None)
    assert desk.cicatrix("rerun", "acme/shop#1", "--dry-run").code == 0
    file = desk.folder / "state" / "cicatrix" / "ledger.db"
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
