"""The demo's stage: the walk through the scenes, what it prints and asks, and its end.

A `Walk` holds the simulated world and the screen, and counts what came out otherwise than told.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from cicatrix.core.policy import RerunRequest
from cicatrix.core.verdict import StepKind
from cicatrix.diagnosis.steps import step_kind
from cicatrix.flows.context import Context
from cicatrix.flows.explain import tell_answer
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import rerun_failed_jobs
from cicatrix.flows.tick import tick
from cicatrix.simulator import JobSpec, SimRun, World
from cicatrix.simulator.logs import log_text

from .demo_world import OWNER, REPOSITORY, START, TEN_MINUTES, TOKEN, Red
from .errors import Code, Stop
from .screen import Screen

WIDEST = 100
DIFFERENT = "The demo came out otherwise than told."
REPORT = "Report it with what stands above and the output of `cicatrix --version`."
ACTIONS = {"RERUN": ("↻ rerun", "green"), "SKIP": ("○ left alone", ""), "BLOCKED": ("■ blocked", "yellow")}
OUTCOMES = {
    "healed": ("✓ healed", "green"),
    "failed_same": ("✗ failed the same way", "yellow"),
    "failed_other": ("✗ failed another way", "yellow"),
    "failed_again": ("✗ failed again", "yellow"),
    "cancelled": ("○ cancelled", ""),
    "unknown": ("○ unknown", ""),
}


@dataclass(slots=True, kw_only=True)
class Walk:
    """The stage: a world, a screen, and what came out otherwise than told."""

    screen: Screen
    red: Sequence[Red]
    world: World = field(default_factory=lambda: World(now=START, seed=1))
    runs: dict[int, SimRun] = field(default_factory=dict)
    expected: int = 0
    differs: list[str] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self.world.token(TOKEN, login="octocat", kind="user")

    @property
    def width(self) -> int:
        """Columns to fill: the terminal's, within reason; the widest in pipes."""
        return max(60, min(WIDEST, shutil.get_terminal_size().columns)) if self.screen.on_terminal else WIDEST

    def expect(self, what: str, found: object, wanted: object) -> None:
        self.expected += 1
        if found != wanted:
            self.differs.append(f"{what}: told was {wanted!r}, it came out as {found!r}")

    # what is printed

    def prologue(self) -> None:
        self.screen.show(Text("Cicatrix: reruns what deserves it, within bounds that hold, and records why", "bold"))
        self.prose(
            "Everything here is real but GitHub and the clock: a simulated GitHub answers over HTTP on this machine, "
            "and its minutes pass in milliseconds. No token is used and nothing leaves this machine."
        )

    def scene(self, number: int, title: str, why: str) -> None:
        self.screen.line()
        self.screen.show(Text(f"{number}. {title}", "bold"))
        self.prose(why)
        self.screen.line()

    def prose(self, text: str, indent: str = "") -> None:
        for line in textwrap.wrap(text, self.width - 1, initial_indent=indent, subsequent_indent=indent):
            self.screen.line(line)

    def row(self, cells: Sequence[tuple[str, int]], style: str = "", styled: int = -1) -> None:
        """Cells padded to their widths; the cell number `styled` bears the style, or the whole row does."""
        text = Text("  ", no_wrap=True)
        for place, (cell, size) in enumerate(cells):
            text.append(f"{cell:<{size}}", style if styled in {-1, place} else "")
            text.append("  ")
        text.rstrip()
        self.screen.show(text)

    def cells(self, columns: Sequence[tuple[str, int]], cells: Sequence[str], style: str, styled: int) -> None:
        """A row of a table; its cells may be a stranger's text."""
        self.row([(self.screen.safe(c), size) for c, (_, size) in zip(cells, columns, strict=True)], style, styled)

    def head(self, *names: tuple[str, int]) -> None:
        self.row(names, "bold")
        self.row([("─" * size, size) for _, size in names], "dim")

    def note(self, text: str, *, indent: int = 4, style: str = "dim") -> None:
        """A line under a row. `text` may be a stranger's: it is cleaned, and is never markup."""
        pad = " " * indent
        for line in textwrap.wrap(self.screen.safe(text), self.width - 1, initial_indent=pad, subsequent_indent=pad):
            self.screen.show(Text(line, style))

    # what people do

    def opens(self, number: int, jobs: Sequence[JobSpec]) -> None:
        """A pull request whose workflow just ended, at one minute's distance from the one before."""
        repo = self.world.repository(f"{OWNER}/{REPOSITORY}")
        path = f".github/workflows/ci-{number}.yml"
        repo.workflow(path, jobs)
        pull = repo.pull_request(number, head_branch=f"change-{number}")
        self.runs[number] = repo.run(path, pull_request=pull, finished=True)
        self.world.advance(60)

    def ask(self, ctx: Context, number: int, *, who: str = "octocat", most: int = 2) -> dict[str, Any]:
        """What `cicatrix rerun` does; the one run of its answer, as `explain` tells it."""
        self.asked += 1
        target = Target(owner=OWNER, repository=REPOSITORY, pull_request=number, run_id=str(self.runs[number].id))
        request = RerunRequest(request_id=f"request-{self.asked}", principal=f"cli:{who}", max_attempts=most)
        answer = rerun_failed_jobs(ctx, target, request).answer
        told = tell_answer(ctx, target, answer)
        if not told:
            raise Stop(DIFFERENT, f"#{number} got no decision: {'; '.join(answer['reasons'])}.", REPORT)
        return {**told[0], "operationId": answer.get("operationId")}

    def tick(self, ctx: Context, seconds: float = TEN_MINUTES) -> None:
        """Time passes, then whatever is due is woken until nothing is."""
        self.world.advance(seconds)
        for _ in range(10):
            if not tick(ctx):
                return

    def key(self, ctx: Context, number: int) -> tuple[str, str, str]:
        state = self.runs[number].state
        return ctx.github.host.name, str(state.repository_id), str(state.id)

    def effects(self, number: int | None = None) -> int:
        """Reruns that really happened because of our calls, counted by the simulated GitHub."""
        wanted = None if number is None else str(self.runs[number].id)
        return sum(
            1
            for e in self.world.history.effects
            if e["call"] and e["kind"].startswith("rerun") and wanted in {None, e["runId"]}
        )


# --- what stands under a decision -------------------------------------------------------------------------------------


def evidence(told: Mapping[str, Any]) -> Iterator[str]:
    """The lines under a decision: what proves it, or why nothing does."""
    found = told["evidence"] or {}
    step, kind = found.get("step", ""), step_kind(found.get("step"))
    if found.get("line"):
        yield f'line {found["lineNumber"]} in step "{step}": {found["line"]} [{found["rule"]}]'
        if told["action"] == "RERUN" and kind is not None and kind is not StepKind.TEST:
            yield f"second signal: the step is of kind {kind}, so it talks to a network and not to the code"
    elif found.get("stage") == "facts":
        yield f'fact of the job, no log needed: {found["rule"]} while step "{step}" was under way'
    else:
        yield "; ".join(reason["why"] for reason in told["reasons"] if reason["why"])


def stands_in_log(run: SimRun, told: Mapping[str, Any]) -> bool:
    """Whether the evidence line is the line of that number in the log that the simulated GitHub serves."""
    found = told["evidence"]
    lines = log_text(run.job(told["jobName"], 1)).decode().splitlines()
    return bool(lines[found["lineNumber"] - 1].endswith(found["line"]))


def along(ctx: Context, operation_id: str | None) -> str:
    """What a price does not name: the jobs that GitHub runs along with the ones asked for."""
    with ctx.ledger.read() as view:
        operation = view.operation(operation_id) if operation_id else None
    names = ", ".join(ref.name for ref in operation.dependants) if operation else ""
    return f"; {names} runs along and is charged too" if names else ""


# --- the end ----------------------------------------------------------------------------------------------------------

NEXT = (
    ("cicatrix explain max_attempts_exceeded", "what a reason code means, and what would change it"),
    ("cicatrix simulate", "a simulated GitHub of your own, to try every command on"),
    (
        "cicatrix explain OWNER/REPO#123",
        "a red pull request of yours, with GITHUB_TOKEN set: why and why not, read only",
    ),
)


def epilogue(walk: Walk) -> Code:
    """What is left and what to try next; DONE, or ERROR and what differed on standard error."""
    screen = walk.screen
    calls = len(walk.world.history.calls)
    screen.line()
    screen.show(Text("What is left of it", "bold"))
    walk.prose(
        f"{calls} HTTP requests went to the simulated GitHub. The ledger, its export and its head lay in a temporary "
        "folder, which is deleted now. Your own ledger was not touched."
    )
    screen.line()
    screen.show(Text("Three commands to try next", "bold"))
    for command, what in NEXT:
        screen.line(f"  {command}")
        walk.note(what, indent=6)
    screen.line()
    if not walk.differs:
        screen.line(f"✓ everything came out as told: {walk.expected} of {walk.expected} expectations")
        return Code.DONE
    for line in walk.differs:
        screen.say(line)
    screen.fail(DIFFERENT, f"{len(walk.differs)} of {walk.expected} expectations differ.", REPORT)
    return Code.ERROR
