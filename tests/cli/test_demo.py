"""The demo: what it says, that it says the same each time, and that it can fail."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cicatrix.cli import demo, demo_mill, demo_rollback, demo_stage, demo_world
from cicatrix.cli.screen import Screen
from cicatrix.simulator.git_remote import serve_git
from cicatrix.simulator.server import serve

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COMMAND = [sys.executable, "-m", "cicatrix", "demo"]
PATIENCE = 180
"""Seconds; the walk takes about seven on an idle machine."""
MOST_REQUESTS = 215
"""What the whole walk asked of GitHub when it was written, and a few more."""

SENTENCES = (
    r"unit +↻ rerun +infra_transient +infra_transient +1 of 2",
    r"no log needed: runner\.lost",
    r"line \d+ in step \"Install dependencies\": npm ERR! code ECONNRESET",
    r"second signal: the step is of kind install",
    r"pytest +○ left alone +deterministic +not_eligible +0 of 2",
    r"compile +○ left alone +deterministic +not_eligible +0 of 2",
    r"line \d+ in step \"Run build\": src/timeout\.c:41:19: error: 'timeout' undeclared",
    r"gate +○ left alone +- +dependant_failure",
    r"price: 1 single-job rerun: integration; 1 of the 50 reruns that GitHub allows a run; gate runs\s+along",
    r"#102 +build +✓ healed +3 min +closed",
    r"#105 +gate +✗ failed again +1 min +handed over",
    r"octocat +5 +■ blocked +max_attempts_exceeded +2\n",
    r"asked 5 · registry - · lawbook 2 · used 2 · left 0\n  bound by lawbook attempts\.perJob",
    r"Asked 6 times: 2 reruns in GitHub's own history, 2 in the ledger",
    r"\n  (\w{12})  Add up prices +█{20} 100  gate\n  (\w{12})  #1 Faster totals +░{20} 0    gate\n",
    r"the revert +█{20} 100  validation\n",
    r"last good   \w{12} Add up prices: measured green \d+ times, the last time after the failure\n",
    r"cause       \w{12} #1 Faster totals: \d+ red signals of build, test\n",
    r"draft       #2 from cicatrix/revert/\w{12}; pushes to main: 0\n",
    r"restores    src/prices\.py, src/rates\.py as on \w{12}; removes src/tax\.py\n",
    r"success, effectiveness 100,\s+improvement 100\n",
    r"cicatrix gate +exit 1 +health 100, closed by case .+\n +cicatrix release +exit 0 +recorded as entry \d+",
    r"cicatrix release .+\n +cicatrix gate +exit 0 +health 100, open\n",
    r"#1 Say that it is fast  ░{20} 0    gate\n  \w{12}  Add up prices +░{20} 0    search\n",
    r"reason      environment_signal: \w{12}, where build was green, is red 2 times since",
    r"reverted    nothing; the case is handed over",
    r"as exported +✓ verified\n +\d+ entries, root [0-9a-f]{16}…",
    r"one byte changed +✗ refused\n.+ in entry (\d+)\n +entry \1 does not have its leaf hash",
    r"every hash recomputed +✗ refused\n.+\n +entry \d+ is not the entry that the head knows",
    r"temporary folder, which is deleted now",
    r"(?m)^✓ everything came out as told: (\d+) of \1 expectations$",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piped:
    """One run as a command, in an environment full of traps, and what it left in an empty home."""

    code: int
    out: str
    err: str
    left: tuple[str, ...]
    cache: Path


@pytest.fixture(scope="module")
def piped(tmp_path_factory: pytest.TempPathFactory) -> Piped:
    home = tmp_path_factory.mktemp("demo")
    cache, temporary, mine = home / "cache", home / "tmp", home / "mine.db"
    temporary.mkdir()
    done = subprocess.run(
        COMMAND,
        env={
            **basic(home, cache),
            "TMPDIR": str(temporary),
            "GITHUB_TOKEN": "ghp_somebody",
            "GITHUB_ACTIONS": "true",
            "DEPLOY_ENV": "prod",
            "LAWBOOK_HASH": "v9",
            "CICATRIX_KILL_SWITCH": "on",
            "CICATRIX_DATABASE_URL": f"sqlite:///{mine}",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    left = [str(p.relative_to(home)) for p in home.rglob("*") if p != temporary and not p.is_relative_to(cache)]
    return Piped(code=done.returncode, out=done.stdout, err=done.stderr, left=tuple(left), cache=cache)


def basic(home: Path, cache: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(cache), "LC_ALL": "C.UTF-8"}


def same(text: str) -> str:
    """Without the one figure that may differ: a measurement's seconds are part of the record that the root is of."""
    return re.sub(r"(entries, root) [0-9a-f]{16}…", r"\1 …", text)


def on_terminal(environ: dict[str, str], columns: int) -> str:
    """What a terminal of that width shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        COMMAND,
        env={**environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as child:
        os.close(theirs)
        shown = bytearray()
        try:
            while block := os.read(ours, 4096):
                shown += block
        except OSError:  # Linux tells the end of the other side as an error
            pass
        finally:
            os.close(ours)
        assert child.wait(PATIENCE) == 0
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.shows("RR-8", "LG-6", "RB-1", "RB-0", "VA-1")
def test_it_shows_decisions_evidence_price_bound_and_tampering(piped: Piped) -> None:
    assert piped.code == 0, piped.out + piped.err
    assert [sentence for sentence in SENTENCES if not re.search(sentence, piped.out)] == [], piped.out


def test_a_pipe_gets_plain_text_of_sane_width_and_no_noise(piped: Piped) -> None:
    assert piped.err == ""
    assert "\x1b" not in piped.out
    assert "Traceback" not in piped.out
    assert max(map(len, piped.out.splitlines())) <= demo_stage.WIDEST
    assert not [line for line in piped.out.splitlines() if line != line.rstrip()]


def test_the_walk_asks_no_more_of_github_than_it_did(piped: Piped) -> None:
    counted = re.search(r"^(\d+) HTTP requests", piped.out, re.MULTILINE)
    assert counted is not None
    assert 50 < int(counted[1]) <= MOST_REQUESTS


def test_somebodys_token_kill_switch_and_ledger_are_not_touched_and_nothing_is_left(piped: Piped) -> None:
    assert piped.code == 0
    assert piped.left == ()


def test_it_says_the_same_each_time(piped: Piped, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process, hash seed and port; in this one, so that GitHub's description judges the exchanges too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(piped.cache))
    out, err = io.StringIO(), io.StringIO()
    assert demo.run(Screen(out=out, err=err)) == 0
    assert same(out.getvalue()) == same(piped.out)
    assert err.getvalue() == ""


def test_a_terminal_gets_colours_beside_words_and_lines_that_fit(piped: Piped, tmp_path: Path) -> None:
    shown = on_terminal(basic(tmp_path, piped.cache), 80)
    plain = ANSI.sub("", shown)
    assert shown != plain
    assert max(map(len, plain.splitlines())) <= 80
    assert "↻ rerun" in plain
    assert "✗ refused" in plain


def test_a_scene_that_comes_out_otherwise_or_lacks_git_is_named_and_ends_with_exit_1(
    piped: Piped, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(piped.cache))
    monkeypatch.setenv("PATH", str(tmp_path))
    by_number = {red.number: red for red in demo_world.RED}
    wrong = [
        replace(by_number[101], outcomes={"unit": "failed_same"}),
        replace(by_number[103], decisions={"pytest": "RERUN flaky_probable"}),
    ]
    out, err = io.StringIO(), io.StringIO()
    assert demo.run(Screen(out=out, err=err), wrong) == 1
    told = err.getvalue()
    assert "decisions of #103: told was {'pytest': 'RERUN flaky_probable'}, it came out as {'pytest': 'SKIP" in told
    assert "outcomes of #101: told was {'unit': 'failed_same'}, it came out as {'unit': 'healed'}" in told
    assert told.splitlines()[-3] == demo_stage.DIFFERENT
    assert "git is on this machine: told was True, it came out as False" in told
    assert "✗ There is no git on this machine, so scenes 4 and 5 are left out.\n" in out.getvalue()
    assert "6. The record" in out.getvalue()
    assert "everything came out as told" not in out.getvalue()


def test_a_merge_that_breaks_nothing_fails_the_scene_of_the_bad_merge(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    walk = demo_stage.Walk(screen=Screen(out=out, err=err), red=())
    with ExitStack() as stack:
        server, remote = stack.enter_context(serve(walk.world)), stack.enter_context(serve_git(walk.world))
        build = demo.builder(walk, server.api_url, remote.url, tmp_path)
        ctx = stack.enter_context(build(**demo.in_ci(tmp_path)))
        mill = demo_mill.founded(walk.world, ctx, tmp_path, "mill")
        demo_rollback.a_bad_merge(walk, mill, {"README.md": "# Mill\n"})
    assert walk.differs == [
        "band and readiness after it: told was ('critical', False), it came out as ('healthy', True)",
        "a draft pull request of the revert: told was True, it came out as False",
    ]


def test_a_careful_forgery_is_consistent_in_itself() -> None:
    """Otherwise finding it would prove nothing about the head."""
    line = '{"index":0,"leafHash":"00","entry":"{\\"index\\":0}","rootAfter":"00"}'
    (made,) = demo.forged([line])
    assert made != line + "\n"
    assert list(demo.forged([made])) == [made]
