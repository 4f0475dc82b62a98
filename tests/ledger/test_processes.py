"""Several processes on one file: the bound holds, first opens do not collide, and a killed writer leaves no half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cicatrix.ledger import Ledger
from tests.ledger.helpers import open_ledger

RACER = """
import sys, threading
from cicatrix.core.operations import OperationState
from tests.ledger.helpers import intend, open_ledger, operation
path, me, threads, runs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sys.stdin.readline()
ledger = open_ledger(path)
granted = []
def work(thread):
    for run in range(runs):
        changes = {"run_id": f"{run}", "head_sha": f"{run:040x}", "state": OperationState.CONFIRMED}
        wanted = operation(f"{me}-{thread}-{run}", **changes)
        if intend(ledger, wanted):
            granted.append(run)
workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
[w.start() for w in workers]
[w.join() for w in workers]
ledger.close()
print(*granted)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.shows("RR-4", "D2", "F6", "F18")
def test_the_bound_holds_in_three_processes_that_also_open_the_file_first_at_once(path: Path) -> None:
    runs = 12
    racers = [start(RACER, str(path), f"p{n}", "4", str(runs)) for n in range(3)]
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    granted: list[str] = []
    for racer in racers:
        out, err = racer.communicate(timeout=120)
        assert racer.returncode == 0, err
        granted += out.split()
    assert sorted(granted) == sorted(str(run) for run in range(runs) for _ in range(2))
    ledger = open_ledger(path)
    with ledger.read() as view:
        assert len(view.all_operations()) == 2 * runs == view.head().size
        assert [entry.index for entry in view.entries()] == list(range(2 * runs))
        assert len(view.all_slots()) == 4 * runs
    ledger.close()


VICTIM = """
import os, signal, sys
from tests.ledger.helpers import intend, open_ledger, operation
path, name = sys.argv[1:]
def boundary(reached):
    if reached == name:
        os.kill(os.getpid(), signal.SIGKILL)
ledger = open_ledger(path, boundary=boundary)
intend(ledger, operation())
print("survived")
"""


@pytest.mark.shows("GE-5", "F1")
@pytest.mark.parametrize(("moment", "stored"), [("before", 0), ("after", 1)])
def test_a_writer_killed_at_its_commit_left_all_or_nothing(
    path: Path, ledger: Ledger, moment: str, stored: int
) -> None:
    ledger.close()
    victim = start(VICTIM, str(path), f"ledger.commit.{moment}:intent")
    out, err = victim.communicate(timeout=60)
    assert (victim.returncode, out) == (-signal.SIGKILL, ""), err
    again = open_ledger(path)
    with again.read() as view:
        assert (len(view.open_operations()), len(view.all_slots()), view.head().size) == (stored, 2 * stored, stored)
    again.close()


HOLDER = """
import sys
from tests.ledger.helpers import open_ledger
ledger = open_ledger(sys.argv[1])
with ledger.write("hold") as tx:
    tx.append("a.b", {})
    print("holding", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.shows("F34")
def test_a_lock_dies_with_its_process(path: Path, ledger: Ledger) -> None:
    ledger.close()
    holder = start(HOLDER, str(path))
    assert holder.stdout
    assert holder.stdout.readline() == "holding\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate(timeout=60)
    again = open_ledger(path)
    with again.write("free") as tx:
        assert tx.append("a.b", {}) == 0
    again.close()
