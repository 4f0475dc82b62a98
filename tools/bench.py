"""`make bench`: speed and cost as ratios, each measured beside what it is compared with, in this process and now.

    decision    the whole walk with 100 ms added to each answer, over real sockets, against its longest chain of
                necessary round trips, and against the same requests one after another as the seed makes them
    scanner     megabytes a second with all built-in rules, against stdlib `re`
    ledger      durable appends a second and the time to open, against bare SQLite

Ends with 1 when a bar of the project is missed. Load is bounded: some 20 s, one simulated GitHub, no network.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cicatrix.core.policy import RerunRequest
from cicatrix.diagnosis import Diagnoser
from cicatrix.diagnosis.bench import bench_re, bench_scanner
from cicatrix.flows.context import Context, Deployment, Gather, in_turn
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import rerun_failed_jobs
from cicatrix.github import GitHub, Host, TokenCredentials
from cicatrix.ledger import Ledger
from cicatrix.simulator import JobSpec, Outcome, World
from cicatrix.simulator.server import serve
from cicatrix.wiring import side_by_side

DELAY = 0.1
"""Seconds added to each answer."""
CHAIN = ("pull request", "runs of its head", "jobs", "link to the log", "log", "head again", "rerun")
"""The longest chain of round trips of which each needs the one before. Everything else goes on beside them."""
MOST_RATIO = 1.3
LEAST_SCAN = 300.0
"""MB/s."""
ROUNDS = 3
APPENDS = 400
OPENINGS = 20

CI = ".github/workflows/ci.yml"
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
RESET = "npm error code ECONNRESET\nnpm error network read ECONNRESET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `bar` is empty for a figure without one."""

    what: str
    figure: str
    beside: str
    ratio: float
    bar: str = ""
    met: bool = True


def main() -> int:
    """Measures everything, prints the table, and says with its result whether all bars are met."""
    rows = [*decision_rows(), scanner_row(), *ledger_rows()]
    widths = [max(len(cell) for cell in column) for column in zip(*map(_cells, rows), HEAD, strict=True)]
    for cells in (HEAD, *map(_cells, rows)):
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    missed = [row.what for row in rows if not row.met]
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


HEAD = ("what", "figure", "beside", "ratio", "bar", "")


def _cells(row: Row) -> tuple[str, ...]:
    verdict = ("ok" if row.met else "MISSED") if row.bar else ""
    return row.what, row.figure, row.beside, f"{row.ratio:.2f}", row.bar, verdict


# --- a decision ---


def decision_rows() -> Iterable[Row]:
    """The walk with delayed answers, side by side and one after another, against the chain."""
    chain = DELAY * len(CHAIN)
    together, requests = _decision(side_by_side)
    alone, _ = _decision(in_turn)
    yield Row(
        what=f"decision, {requests} requests",
        figure=f"{together * 1000:.0f} ms",
        beside=f"{chain * 1000:.0f} ms, a chain of {len(CHAIN)} round trips",
        ratio=together / chain,
        bar=f"at most {MOST_RATIO}",
        met=together <= MOST_RATIO * chain,
    )
    yield Row(
        what="the same, one after another",
        figure=f"{alone * 1000:.0f} ms",
        beside=f"{together * 1000:.0f} ms, side by side",
        ratio=alone / together,
    )


def _decision(gather: Gather) -> tuple[float, int]:
    """Best time of a whole rerun over real sockets with slow answers, and its number of requests."""
    world = World(now=START)
    world.token("bench", login="octocat")
    world.rate_limit = 10**6
    repository = world.repository("acme/shop")
    repository.workflow(CI, _jobs())
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory() as folder, serve(world) as server:
        host = Host(api_url=server.api_url, allow_http=True)
        _one(world, host, Path(folder), numbers, gather)  # warms imports and compiled statements up
        world.faults.slow(DELAY)
        measured = [_one(world, host, Path(folder), numbers, gather) for _ in range(ROUNDS)]
    made = [effect for effect in world.history.effects if effect["call"] is not None]
    assert len(made) == ROUNDS + 1, "each decision of the bench has to rerun its run"
    return min(measured)


def _one(world: World, host: Host, folder: Path, numbers: Iterator[int], gather: Gather) -> tuple[float, int]:
    """One decision about a run in its second attempt, by a client and a ledger of its own."""
    number = next(numbers)
    repository = world.repository("acme/shop")
    pull = repository.pull_request(number, head_branch=f"change-{number}")
    run = repository.run(CI, pull_request=pull, finished=True)
    world.advance(1)
    world.human_reruns(run.id)
    run.finish()

    def now() -> datetime:
        return world.now

    github = GitHub(host, TokenCredentials("bench"), now=now, sleep=time.sleep, jitter=lambda: 0.5)
    context = _context(github, folder / f"{number}.db", now, numbers, gather)
    target = Target(owner="acme", repository="shop", pull_request=number)
    request = RerunRequest(request_id=f"bench-{number}", principal="bench")
    seconds = _timed(lambda: rerun_failed_jobs(context, target, request))
    sent = len(github.requests)
    github.close()
    context.ledger.close()
    return seconds, sent


def _jobs() -> list[JobSpec]:
    """Two failed jobs whose logs have to be read, a gate, a reusable workflow: one rerun of all that failed."""
    flaky = [Outcome.failure(RESET, step="Install dependencies")] * 2 + [Outcome.success()]
    inner = [JobSpec(id="inner")]
    return [
        JobSpec(id="unit", outcomes=flaky),
        JobSpec(id="lint", outcomes=flaky),
        JobSpec(id="shared", uses="./.github/workflows/shared.yml", jobs=inner),
        JobSpec(id="gate", needs=["unit", "lint"], always=True),
    ]


def _context(
    github: GitHub, path: Path, now: Callable[[], datetime], numbers: Iterator[int], gather: Gather
) -> Context:
    def new_id() -> str:
        return f"bench-{next(numbers)}"

    return Context(
        github=github,
        ledger=Ledger.open(str(path), now=now, new_id=new_id),
        diagnoser=Diagnoser(),
        now=now,
        sleep=time.sleep,
        new_id=new_id,
        gather=gather,
        deployment=Deployment(write_interval=timedelta(0)),
    )


# --- the scanner ---


def scanner_row() -> Row:
    """The built-in rules over ordinary log lines, against stdlib `re` with the same patterns."""
    fast, slow = bench_scanner(), bench_re()
    return Row(
        what="scanner",
        figure=f"{fast:.0f} MB/s",
        beside=f"{slow:.2f} MB/s, stdlib re",
        ratio=fast / slow,
        bar=f"at least {LEAST_SCAN:.0f} MB/s",
        met=fast >= LEAST_SCAN,
    )


# --- the ledger ---


def ledger_rows() -> Iterable[Row]:
    """Durable appends, each in a transaction of its own, and opening, against bare SQLite on the same disk."""
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = Path(folder) / "ledger.db", Path(folder) / "bare.db"
        numbers = itertools.count(1)
        ledger = Ledger.open(str(ours), now=lambda: START, new_id=lambda: f"id{next(numbers)}")
        appending = _timed(lambda: _append(ledger))
        ledger.close()
        inserting = _timed(lambda: _insert(bare))
        opening = min(_timed(lambda: _open_ledger(ours)) for _ in range(OPENINGS))
        connecting = min(_timed(lambda: _open_bare(bare)) for _ in range(OPENINGS))
    yield Row(
        what="ledger appends",
        figure=f"{APPENDS / appending:.0f} a second",
        beside=f"{APPENDS / inserting:.0f} a second, bare SQLite (WAL, FULL)",
        ratio=inserting / appending,
    )
    yield Row(
        what="ledger opened, self-test included",
        figure=f"{opening * 1000:.1f} ms",
        beside=f"{connecting * 1000:.1f} ms, bare SQLite",
        ratio=opening / connecting,
    )


def _append(ledger: Ledger) -> None:
    for number in range(APPENDS):
        with ledger.write("bench") as tx:
            tx.append("bench.entry", {"number": str(number), "runId": "19000000001", "about": "x" * 400})


def _insert(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")
    for number in range(APPENDS):
        connection.execute("INSERT INTO rows (body) VALUES (?)", (f"{number} {'x' * 500}",))
    connection.close()


def _open_ledger(path: Path) -> None:
    ledger = Ledger.open(str(path), now=lambda: START, new_id=lambda: "none")
    with ledger.read() as view:
        view.size()
    ledger.close()


def _open_bare(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("SELECT count(*) FROM rows").fetchone()
    connection.close()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
