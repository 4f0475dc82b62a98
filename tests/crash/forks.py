"""A warm process that forks one child for each walk through the flow, and kills it at the boundary it is told.

Started as `python -m tests.crash.forks`: a line of JSON in, a line of JSON out, until standard input ends. It runs one
thread, so that a fork is safe. Boundaries are every ledger commit (before, after), every POST (before, after) and
every request to GitHub and its answer; each is written to the trail file as it is passed, which survives the SIGKILL.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from cicatrix.core.policy import RerunRequest
from cicatrix.diagnosis import Diagnoser
from cicatrix.flows.context import Context
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import RequestInProgress, rerun_failed_jobs
from cicatrix.flows.tick import tick
from cicatrix.simulator import JobSpec, Outcome, SimTransport, World
from tests.bound.kit import LOGIN, NOON, TOKEN, Clock, context, deployment, scratch

STEP = 120.0
"""Seconds between two ticks."""
MOST_TICKS = 60
FAR = timedelta(days=3650)


class Boundaries:
    """Counts what the walk passes, and ends the process at the one that it was told to die at."""

    def __init__(self, trail: Path, kill: int | None) -> None:
        self._trail = os.open(trail, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._kill = kill
        self._passed = 0

    def __call__(self, name: str) -> None:
        self._passed += 1
        os.write(self._trail, f"{name}\n".encode())
        if self._passed == self._kill:
            os.kill(os.getpid(), signal.SIGKILL)


class Bordered(httpx.BaseTransport):
    """Real HTTP with a boundary before each request and after each answer."""

    def __init__(self, boundary: Boundaries) -> None:
        self._http = httpx.HTTPTransport()
        self._boundary = boundary

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        line = f"{request.method} {request.url.path}"
        self._boundary(f"request.before:{line}")
        response = self._http.handle_request(request)
        self._boundary(f"request.after:{line}")
        return response


def main(diagnoser: Diagnoser) -> None:
    """Serves one parent."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_child(json.loads(line), diagnoser))
        _, status = os.waitpid(child, 0)
        ended = {"killed": os.WIFSIGNALED(status), "code": os.waitstatus_to_exitcode(status)}
        print(json.dumps(ended), flush=True)


def warm_up(diagnoser: Diagnoser) -> None:
    """One walk in this process, so that no fork pays for compiled statements and late imports again."""
    with scratch() as folder:
        clock = Clock(folder / "clock")
        world = World(now=NOON)
        world.follow_clock(clock)
        world.token(TOKEN, login=LOGIN)
        repository = world.repository("acme/warm")
        repository.workflow(".github/workflows/ci.yml", [JobSpec(id="unit", outcomes=[Outcome.lost_runner(seconds=1)])])
        repository.run(".github/workflows/ci.yml", pull_request=repository.pull_request(1), finished=True)
        order = {
            "trail": str(folder / "trail"),
            "clock": str(folder / "clock"),
            "ledger": str(folder / "ledger.db"),
            "kill": None,
            "prefix": "warm",
            "lawbook": "",
            "url": None,
            "repository": "warm",
            "request": "warm",
        }
        walk(order, diagnoser, SimTransport(world))


def _child(order: dict[str, Any], diagnoser: Diagnoser) -> int:
    try:
        walk(order, diagnoser)
    except BaseException:  # noqa: BLE001  # a fork must never return into its parent's loop
        traceback.print_exc()
        return 1
    return 0


def walk(order: dict[str, Any], diagnoser: Diagnoser, transport: httpx.BaseTransport | None = None) -> None:
    """The whole flow: request, POST, outcome, ticks until all is quiet. Asked again, it goes on where it stands."""
    boundary = Boundaries(Path(order["trail"]), order["kill"])
    clock = Clock(Path(order["clock"]))
    ctx = context(
        ledger=order["ledger"],
        clock=clock,
        prefix=order["prefix"],
        diagnoser=diagnoser,
        deployment=deployment(order["lawbook"]),
        api_url=order["url"],
        transport=transport or Bordered(boundary),
        boundary=boundary,
    )
    target = Target(owner="acme", repository=order["repository"], pull_request=1)
    ask(ctx, clock, target, order["request"])
    for _ in range(MOST_TICKS):
        tick(ctx)
        if quiet(ctx):
            break
        clock.advance(STEP)
    else:
        raise AssertionError(f"not quiet after {MOST_TICKS} ticks")
    ctx.ledger.close()
    ctx.github.close()


def ask(ctx: Context, clock: Clock, target: Target, request_id: str) -> None:
    """The request, asked again with the same id while an earlier try may still hold it."""
    request = RerunRequest(request_id=request_id, principal="cli:octocat", max_attempts=2)
    for _ in range(10):
        try:
            rerun_failed_jobs(ctx, target, request)
        except RequestInProgress:
            clock.advance(60)
        else:
            return
    raise AssertionError("the request id is still held after ten minutes")


def quiet(ctx: Context) -> bool:
    """Whether nothing is left that a tick could do, now or later."""
    with ctx.ledger.read() as view:
        return not view.open_operations() and not view.due_cases(ctx.now() + FAR)


if __name__ == "__main__":
    warm = Diagnoser()
    warm_up(warm)
    gc.freeze()  # a collection in a fork would copy every page that it looks at
    main(warm)
