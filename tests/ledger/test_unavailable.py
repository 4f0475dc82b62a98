"""A ledger that cannot be used says so in three lines, and nothing half-written stays."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cicatrix.ledger import Ledger, LedgerUnavailable
from cicatrix.ledger.migrate import SCHEMA_VERSION
from tests.ledger.helpers import open_ledger


def refused(url: str, *, read_only: bool = False) -> LedgerUnavailable:
    with pytest.raises(LedgerUnavailable) as caught:
        open_ledger(url, read_only=read_only)
    lines = str(caught.value).splitlines()
    assert lines == [caught.value.what, caught.value.why, caught.value.next]
    assert all(line.strip() for line in lines)
    return caught.value


@pytest.mark.shows("GE-4", "F32")
def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    error = refused(f"sqlite:///{tmp_path}/no/such/ledger.db")
    assert f"the folder {tmp_path}/no/such does not exist" in error.why
    assert "mkdir -p" in error.next


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    assert "is a folder" in refused(str(tmp_path)).why


@pytest.mark.shows("GE-4")
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, not a ledger\n" * 100)
    assert "is not a sound SQLite database" in refused(str(path)).why
    assert path.read_text().startswith("these are my notes")


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "contacts.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")
        connection.commit()
    assert "another program" in refused(str(path)).why
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("contacts",)]


def test_the_same_schema_number_of_another_program_does_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "contacts.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.commit()
    assert "another program" in refused(str(path)).why


def test_a_newer_schema_is_refused(path: Path, ledger: Ledger) -> None:
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "has schema 99" in refused(str(path)).why


@pytest.mark.shows("F16")
def test_mode_ro_reads_and_refuses_to_write(path: Path, ledger: Ledger) -> None:
    with ledger.write("fill") as tx:
        tx.append("rerun.decided", {})
    ledger.close()
    url = f"sqlite:///{path}?mode=ro"
    assert "mode=ro" in refused(url).why
    reader = open_ledger(url, read_only=True)
    with reader.read() as view:
        assert view.head().size == 1
    with pytest.raises(LedgerUnavailable, match="reading only"), reader.write("more"):
        pass
    reader.close()


def test_a_reader_sees_what_is_still_in_the_write_ahead_log(path: Path, ledger: Ledger) -> None:
    reader = open_ledger(path, read_only=True)
    with ledger.write("fill") as tx:
        tx.append("rerun.decided", {})
    with reader.read() as view:
        assert view.head().size == 1
    reader.close()


def test_a_reader_makes_no_file_and_migrates_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    assert "does not exist" in refused(str(path), read_only=True).why
    assert not path.exists()
    path.touch()
    assert "has schema 0" in refused(str(path), read_only=True).why
    assert path.stat().st_size == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to files without write permission")
def test_a_file_without_write_permission_is_refused(path: Path, ledger: Ledger) -> None:
    ledger.close()
    path.chmod(0o400)
    assert "read-only" in refused(str(path)).why


@pytest.mark.shows("F16")
def test_a_full_file_refuses_the_write_and_keeps_the_rest(path: Path, ledger: Ledger) -> None:
    ledger.close()
    pages = path.stat().st_size // 4096
    full = open_ledger(f"sqlite:///{path}?max_page_count={pages + 4}")
    stored = 0

    def fill() -> None:
        nonlocal stored
        for _ in range(1000):
            with full.write("fill") as tx:
                tx.append("rerun.decided", {"padding": "x" * 500})
            stored += 1

    with pytest.raises(LedgerUnavailable, match="full") as caught:
        fill()
    assert len(str(caught.value).splitlines()) == 3
    assert stored > 0
    with full.read() as view:
        assert view.head().size == stored
    full.close()


def test_a_new_file_that_cannot_hold_the_schema_is_refused_and_stays_empty(path: Path) -> None:
    assert "full" in refused(f"sqlite:///{path}?max_page_count=3").why
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    open_ledger(path).close()


LIMITED = """
import resource, sys
from tests.ledger.helpers import open_ledger
from cicatrix.ledger import LedgerUnavailable
path = sys.argv[1]
ledger = open_ledger(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
stored = 0
try:
    while stored < 1000:
        with ledger.write("fill") as tx:
            tx.append("rerun.decided", {"padding": "x" * 900})
        stored += 1
except LedgerUnavailable as error:
    print(stored, len(str(error).splitlines()))
"""


@pytest.mark.shows("F16")
def test_the_operating_systems_size_limit_is_explained_and_loses_nothing(path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    stored, lines = map(int, run.stdout.split())
    assert lines == 3
    assert 0 < stored < 1000
    ledger = open_ledger(path)
    with ledger.read() as view:
        assert view.head().size == stored
    ledger.close()


def test_a_lock_held_too_long_is_explained(path: Path, ledger: Ledger) -> None:
    ledger.close()
    impatient = open_ledger(f"sqlite:///{path}?busy_timeout=0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="stayed locked"), impatient.write("wait"):
            pass
        other.execute("ROLLBACK")
    with impatient.write("again") as tx:
        tx.append("rerun.decided", {})
    impatient.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://localhost/cicatrix", "`postgresql` is not supported yet"),
        ("sqlite://", "the path is missing"),
        ("sqlite:///", "the path is missing"),
        ("sqlite:///:memory:", "needs a file"),
        ("", "needs a file"),
        ("ledger.db?mode=wild", "mode `wild` is none of ro, rw, rwc"),
        ("ledger.db?cache=shared", "unknown option `cache`"),
        ("ledger.db?busy_timeout=soon", "whole numbers"),
        ("ledger.db?synchronous=maybe", "none of full, normal, off"),
    ],
)
def test_an_address_that_cannot_be_used_is_explained(url: str, why: str) -> None:
    assert why in refused(url).why


def test_addresses_may_be_urls_with_relative_or_escaped_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_ledger("sqlite:///plain.db").close()
    open_ledger(f"sqlite:///{tmp_path}/with%20space.db").close()
    open_ledger("relative#odd?busy_timeout=1").close()
    assert {entry.name for entry in tmp_path.iterdir()} == {
        "plain.db",
        "with space.db",
        "relative#odd",
    }


def test_an_unknown_fault_of_ours_is_not_hidden(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="belong to the ledger"), ledger.write("wrong") as tx:
        tx.append("rerun.decided", {"index": 7})
