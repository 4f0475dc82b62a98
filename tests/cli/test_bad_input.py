"""Issue bar 10: whatever is wrong, three lines on standard error, the documented exit code, no traceback, no write."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cicatrix import wiring
from cicatrix.cli.errors import Code, explained
from cicatrix.github import NotSent
from cicatrix.settings import load
from tests.cli.desk import Desk, Ended


def refused(desk: Desk, ended: Ended, code: int, *words: str) -> None:
    """Three lines, that exit code, nothing on standard output, and nothing written to GitHub."""
    lines = ended.three_lines
    assert ended.code == code, ended.err
    assert not ended.out
    for word in words:
        assert any(word in line for line in lines), ended.err
    assert desk.writes == []
    assert desk.effects == []


def test_an_unknown_repository(desk: Desk) -> None:
    refused(desk, desk.cicatrix("rerun", "acme/nothing#1"), 1, "404", "Check the name")


def test_an_unknown_pull_request(desk: Desk) -> None:
    desk.red()
    missing = "acme/shop has no pull request 2"
    refused(desk, desk.cicatrix("rerun", "acme/shop#2"), 1, missing, "may not see it", "404")
    refused(desk, desk.cicatrix("explain", "acme/shop#2"), 1, missing)


def test_an_unknown_run(desk: Desk) -> None:
    desk.red()
    refused(desk, desk.cicatrix("rerun", "acme/shop#1", "--run-id", "77"), 1, "acme/shop has no run 77", "404")


def test_no_token(desk: Desk) -> None:
    desk.red()
    desk.set(GITHUB_TOKEN=None)
    refused(desk, desk.cicatrix("rerun", "acme/shop#1"), 4, "no token", "Set GITHUB_TOKEN")


def test_a_wrong_token(desk: Desk) -> None:
    desk.red()
    desk.set(GITHUB_TOKEN="github_pat_wrongwrongwrongwrong")
    ended = desk.cicatrix("rerun", "acme/shop#1")
    refused(desk, ended, 4, "401", "Bad credentials")
    assert "wrongwrong" not in ended.err


def test_a_token_that_cannot_be_one(desk: Desk) -> None:
    desk.set(GITHUB_TOKEN="two words")
    refused(desk, desk.cicatrix("rerun", "acme/shop#1"), 1, "credentials")


@pytest.mark.shows("AU-3")
def test_a_classic_token_in_production(desk: Desk) -> None:
    desk.set(DEPLOY_ENV="prod", GITHUB_TOKEN="ghp_" + "a1" * 18)
    refused(desk, desk.cicatrix("rerun", "acme/shop#1"), 1, "classic personal token")


def test_a_bad_lawbook_with_line_and_column(desk: Desk) -> None:
    desk.red()
    file = desk.folder / "bad.yml"
    file.write_text("version: x.1\nattempts:\n  perJob: nine\n")
    refused(desk, desk.cicatrix("rerun", "acme/shop#1", "--lawbook", file), 1, f"{file}:3:3 attempts.perJob")


def test_a_bad_lawbook_in_the_repository_blocks_with_line_and_column(desk: Desk) -> None:
    desk.red()
    desk.world.repository("acme/shop").file(".github/cicatrix.yml", "mode: shadow\nattempts: {perJob: 9}\n")
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert (ended.code, ended.json["decision"], desk.writes) == (3, "BLOCKED", [])
    assert any(".github/cicatrix.yml:2:12 attempts.perJob" in reason for reason in ended.json["reasons"])


def test_checking_a_bad_lawbook_names_every_problem(bare: Desk) -> None:
    file = bare.folder / "bad.yml"
    file.write_text("mode: sometimes\nattempts:\n  perJob: 9\nperjob: 2\n")
    ended = bare.cicatrix("lawbook", "check", file, "-o", "table")
    assert ended.code == 1
    assert [line.split()[0] for line in ended.out.splitlines()] == [f"{file}:1:1", f"{file}:3:3", f"{file}:4:1"]
    assert ended.three_lines[0] == f"The lawbook {file} is not valid: 3 problems."
    assert "1:1" not in ended.err, "standard output names the first problem, once"
    assert bare.cicatrix("lawbook", "check", file).three_lines[1].startswith(f"{file}:1:1 mode")
    shown = bare.cicatrix("lawbook", "show", file).three_lines[1]
    assert shown.startswith(f"{file}:1:1 mode")
    assert shown.endswith("(and 2 more)")


def test_several_lawbooks_are_all_checked(bare: Desk) -> None:
    bad, good, gone = (bare.folder / name for name in ("bad.yml", "good.yml", "gone.yml"))
    bad.write_text("mode: sometimes\n")
    good.write_text("version: x.1\nmode: act\n")
    ended = bare.cicatrix("lawbook", "check", gone, bad, good, "-o", "table")
    assert ended.code == 1
    assert f"{bad}:1:1 mode" in ended.out
    assert f"✓ {good} is valid" in ended.out
    assert any(line.startswith("! ") and "mode" in line for line in ended.out.splitlines())
    assert "No such file" in ended.err


@pytest.mark.parametrize(
    "text", ["mode: [", "mode: shadow\n\tx: 1", "\x00\x01\x02", "- a\n- b", "a: &a [*a]", "x" * 2_000_000]
)
def test_a_lawbook_that_is_no_lawbook(bare: Desk, text: str) -> None:
    file = bare.folder / "bad.yml"
    file.write_text(text)
    ended = bare.cicatrix("lawbook", "check", file, "-o", "table")
    refused(bare, Ended(ended.code, "", ended.err), 1, str(file))


def test_a_lawbook_that_is_not_there(bare: Desk) -> None:
    refused(bare, bare.cicatrix("lawbook", "check", bare.folder / "none.yml"), 1, "No such file")


@pytest.mark.parametrize(
    "arguments",
    [
        ["rerun", "acme/shop#0"],
        ["rerun", "0", "-R", "acme/shop"],
        ["rerun", "#0", "-R", "acme/shop"],
        ["rerun", "-R", "acme/shop", "--", "-5"],
        ["rerun", "acme/shop@abc"],
        ["rerun", "acme/shop"],
        ["rerun", "acme"],
        ["rerun", "1"],
        ["rerun", "1", "-R", "acme"],
        ["rerun", "1", "-R", "acme/.."],
        ["rerun", "../../etc/passwd"],
        ["rerun", "https://elsewhere.example/acme/shop/pull/1"],
        ["rerun", "https://[::1/acme/shop/pull/1"],
        ["rerun", "ftp://127.0.0.1/acme/shop/pull/1"],
        ["rerun", "run:0", "-R", "acme/shop"],
        ["rerun", "run:7"],
        ["rerun", "acme/shop#1", "--run-id", "0"],
        ["rerun", "acme/shop#1", "--run-id", "soon"],
        ["rerun", "acme/shop#1", "acme/shop#2", "--run-id", "7"],
        ["rerun", "acme/shop#1", "acme/shop#2", "--request-id", "r"],
        ["rerun", "acme/shop#1", "--request-id", "x" * 256],
        ["rerun", "acme/shop#1", "--request-id", "a\nb"],
        ["rerun", "acme/shop#1", "--mode", "SOME_JOBS"],
        ["rerun", "acme/shop#1", "--max-attempts", "6"],
        ["rerun", "acme/shop#1", "--max-attempts", "0"],
        ["rerun", "acme/shop#1", "--max-attempts", "true"],
        ["rerun", "acme/shop#99999999999999999999"],
        ["rerun"],
        ["explain"],
        ["diagnose"],
        ["ledger", "verify", "only-one"],
        ["ledger", "nonsense"],
        ["operation", "resolve", "x", "--as", "perhaps", "--reason", "r"],
        ["operation", "resolve", "x", "--as", "happened", "--reason", " "],
        ["nonsense"],
        ["rerun", "acme/shop#1", "--json", "-o", "table"],
        ["ledger", "show", "0", "--json", "-o", "table"],
        ["rerun", "acme/shop#1", "--wait", "--dry-run"],
        ["rerun", "acme/shop#1", "--timeout", "5"],
        ["ledger", "list", "--run-id", "abc"],
    ],
)
def test_usage(bare: Desk, arguments: list[str]) -> None:
    refused(bare, bare.cicatrix(*arguments), 2)


@pytest.mark.parametrize("arguments", [[], ["ledger"], ["-v"]])
def test_nothing_asked_for_shows_what_there_is(bare: Desk, arguments: list[str]) -> None:
    ended = bare.cicatrix(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Usage: cicatrix")


def test_a_run_of_another_pull_request(desk: Desk) -> None:
    desk.red(1)
    other = desk.red(2)
    ended = desk.cicatrix("rerun", "acme/shop#1", "--run-id", other)
    assert (ended.code, ended.json["decision"], desk.writes) == (3, "BLOCKED", [])
    assert "run_not_of_pr" in {job.get("reasonCode") for job in ended.json["jobs"]}


def test_a_run_of_another_repository(desk: Desk) -> None:
    run = desk.red(1)
    desk.world.repository("acme/other").pull_request(1)
    refused(desk, desk.cicatrix("rerun", "acme/other#1", "--run-id", run), 1, "404")


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\x00" * 4096, random.Random(7).randbytes(65536), b"\xff\xfe\x00", b"##[error]" * 9999],
    ids=["empty", "zeros", "noise", "utf16", "marks"],
)
def test_a_garbage_log_is_unknown_and_no_error(bare: Desk, garbage: bytes) -> None:
    file = bare.folder / "garbage.log"
    file.write_bytes(garbage)
    ended = bare.cicatrix("diagnose", file)
    assert (ended.code, ended.json["class"], ended.err) == (0, "unknown", "")


def test_a_garbage_log_of_a_job_is_never_eligible(desk: Desk) -> None:
    desk.red(log="\x1b]0;x\x07\x00\ufffd" * 500)
    ended = desk.cicatrix("rerun", "acme/shop#1")
    assert (ended.code, ended.json["decision"], desk.writes) == (0, "NOOP", [])


def test_a_log_of_1_gb_is_diagnosed_in_bounded_memory(bare: Desk) -> None:
    file = bare.folder / "huge.log"
    with file.open("wb") as out:
        out.write(b"2026-11-21T12:00:00Z begin\n")
        out.truncate(1_000_000_000)  # a sparse file: the hole reads as zeros
        out.seek(0, os.SEEK_END)
        out.write(b"\n##[error]src/app.c:10:5: error: 'x' undeclared (first use in this function)\n")
    # VmHWM begins anew with each program; ru_maxrss would begin with what the process that started it had
    peak = "[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0]"
    wrap = f"import atexit, sys\natexit.register(lambda: print('peak', {peak}, file=sys.stderr))"
    ended = bare.process("diagnose", file, wrap=wrap)
    assert ended.code == 0, ended.err
    assert (ended.json["truncated"], ended.json["lineNumber"]) == (True, 3)
    assert int(ended.err.split()[-1]) < 256 * 1024  # KiB


def test_a_log_that_is_not_there_does_not_stop_the_others(bare: Desk) -> None:
    good = bare.folder / "good.log"
    good.write_text("nothing\n")
    ended = bare.cicatrix("diagnose", bare.folder / "none.log", good)
    assert (ended.code, ended.json["file"]) == (1, str(good))
    assert "No such file" in ended.three_lines[1]


def test_a_folder_in_place_of_a_log(bare: Desk) -> None:
    refused(bare, bare.cicatrix("diagnose", bare.folder), 1, "cannot be read")


def test_a_missing_folder(desk: Desk) -> None:
    desk.red()
    desk.set(CICATRIX_DATABASE_URL=str(desk.folder / "none" / "ledger.db"))
    refused(desk, desk.cicatrix("rerun", "acme/shop#1"), 1, "does not exist", "mkdir -p")


@pytest.mark.parametrize("verb", [["ledger", "list"], ["ledger", "head"], ["ledger", "export"], ["operation", "list"]])
def test_no_ledger_yet(bare: Desk, verb: list[str]) -> None:
    refused(bare, bare.cicatrix(*verb), 1, "There is no ledger yet")


def test_a_ledger_opened_read_only(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1", "--dry-run")
    desk.set(CICATRIX_DATABASE_URL=f"sqlite:///{desk.ledger}?mode=ro")
    refused(desk, desk.cicatrix("rerun", "acme/shop#1"), 1, "cannot be written", "mode=ro")


def test_a_ledger_file_without_the_right_to_write(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1", "--dry-run")
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; mode=ro and the full disk show the same path")
    desk.ledger.chmod(stat.S_IRUSR)
    refused(desk, desk.cicatrix("rerun", "acme/shop#1"), 1, "read-only")


def test_a_full_disk_by_max_page_count(desk: Desk) -> None:
    desk.red()
    desk.cicatrix("rerun", "acme/shop#1", "--dry-run")
    with sqlite3.connect(desk.ledger) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    desk.set(CICATRIX_DATABASE_URL=f"sqlite:///{desk.ledger}?max_page_count={pages}")
    for number in range(2, 6):  # what is left of the last page holds a decision or two
        desk.red(number)
        ended = desk.cicatrix("rerun", f"acme/shop#{number}")
        if ended.code == 1:
            refused_write = ended.three_lines
            assert "full" in refused_write[1]
            assert len(desk.effects) == number - 2
            return
    pytest.fail("the file never filled up")


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE with SIGXFSZ ignored is how Linux shows a full disk")
def test_a_full_disk_by_rlimit_fsize(desk: Desk) -> None:
    desk.red()
    wrap = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))"
    )
    refused(desk, desk.process("rerun", "acme/shop#1", wrap=wrap), 1, "ledger")


def test_something_else_in_place_of_the_ledger(desk: Desk) -> None:
    desk.red()
    desk.ledger.write_bytes(b"this is no database, it only lies where one should be\n" * 40)
    refused(desk, desk.cicatrix("rerun", "acme/shop#1"), 1, "not a sound SQLite database")


def test_another_kind_of_database(desk: Desk) -> None:
    desk.set(CICATRIX_DATABASE_URL="postgresql://ledger/db")
    refused(desk, desk.cicatrix("rerun", "acme/shop#1"), 1, "not supported yet")


def test_github_out_of_reach(bare: Desk) -> None:
    with wiring.build(load(), sleep=lambda _seconds: None) as ctx, pytest.raises(NotSent) as caught:
        ctx.github.identity()
    stop = explained(caught.value)
    assert stop is not None
    assert (stop.code, "was not sent" in stop.what, stop.next) == (
        Code.ERROR,
        True,
        "Check the network and the host's URL, then try again.",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CICATRIX_WRITE_INTERVAL", "soon"),
        ("CICATRIX_RECONCILE_WINDOW", "-1"),
        ("CICATRIX_HOSTS", "{"),
        ("CICATRIX_HOSTS", '[{"name": "x"}]'),
        ("CICATRIX_CONFIG", "/nowhere/settings.toml"),
        ("CICATRIX_GITHUB_APP_ID", "123"),
        ("GITHUB_TOKEN_FILE", "/nowhere/token"),
        ("CICATRIX_LOG_NETWORKS", "10.0.0.300/8"),
        ("CICATRIX_CA_FILE", "/nowhere/ca.pem"),
        ("CICATRIX_API_VERSION", "latest"),
        ("GITHUB_API_URL", "http://api.github.com"),
        ("GITHUB_API_URL", "https://user:secret@example.com"),
        ("CICATRIX_SERVER", "https://cicatrix.example"),
    ],
)
def test_a_setting_that_cannot_be_used(bare: Desk, name: str, value: str) -> None:
    bare.set(**{name: value}, **({"GITHUB_TOKEN": None} if name == "GITHUB_TOKEN_FILE" else {}))
    ended = bare.cicatrix("rerun", "acme/shop#1")
    refused(bare, ended, 1)
    assert "user:secret" not in ended.err


def test_damaged_files_for_verify(bare: Desk) -> None:
    export, head = bare.folder / "export.jsonl", bare.folder / "head.json"
    export.write_bytes(b"\xff\xfe garbage\n")
    head.write_text('{"size": 1, "root": "' + "0" * 64 + '"}')
    ended = bare.cicatrix("ledger", "verify", export, "--head", head, "-o", "table")
    refused(bare, ended, 5, "entry 0")
    head.write_text("{}")
    refused(bare, bare.cicatrix("ledger", "verify", export, "--head", head), 1, "head cannot be used")
    refused(bare, bare.cicatrix("ledger", "verify", bare.folder / "none", "--head", head), 1)


def test_a_traceback_needs_v_and_still_ends_in_three_lines(desk: Desk) -> None:
    ended = desk.cicatrix("rerun", "acme/nothing#1", "-v")
    assert "Traceback" in ended.err
    assert "Check the name" in ended.err.splitlines()[-1]


def test_a_reader_that_goes_away_is_no_traceback(bare: Desk, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    program = "import os, sys\nos.dup2(int(sys.argv.pop(1)), 1)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nfrom cicatrix.cli import main\nmain()", str(write), "lawbook", "schema"],
        pass_fds=[write],
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    os.close(write)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 1
