"""`cicatrix demo`: the main walk against a simulated GitHub. No token, nothing to install, a few seconds.

The simulated GitHub listens on loopback; client, flows and ledger are the real ones; only its time is simulated. Every
scene is checked against what it was told to show, so that the demo is a test too.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.text import Text

from cicatrix import wiring
from cicatrix.core.merkle import Tree, leaf_hash
from cicatrix.core.operations import OperationState
from cicatrix.core.policy import RerunRequest
from cicatrix.core.verdict import StepKind
from cicatrix.diagnosis.steps import step_kind
from cicatrix.flows.context import Context
from cicatrix.flows.explain import tell_answer
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import rerun_failed_jobs
from cicatrix.flows.tick import tick
from cicatrix.ledger import export_lines
from cicatrix.ledger.verify import Verification, read_head, render, verify
from cicatrix.settings import HostEntry, Settings, load
from cicatrix.simulator import JobSpec, Outcome, SimRun, World
from cicatrix.simulator.logs import log_text
from cicatrix.simulator.server import serve

from .errors import Code, Stop
from .screen import Screen

OWNER, REPOSITORY = "acme", "shop"
TOKEN = "demo-token"  # noqa: S105 -- the simulated GitHub's own, worth nothing anywhere
START = datetime(2026, 11, 21, 9, tzinfo=UTC)
WIDEST = 100
TEN_MINUTES = 600.0
DIFFERENT = "The demo came out otherwise than told."
REPORT = "Report it with what stands above and the output of `cicatrix --version`."

# --- what is red ----------------------------------------------------------------------------------------------------

NPM_RESET = """\
npm http fetch GET 200 https://registry.example.com/express 212ms
npm http fetch GET 200 https://registry.example.com/debug 187ms
npm ERR! code ECONNRESET
npm ERR! syscall read
npm ERR! network request to https://registry.example.com/left-pad failed, reason: read ECONNRESET
npm ERR! network The registry closed the connection while a tarball was on its way."""

PYTEST_FAILURE = """\
collected 48 items
tests/test_basket.py .............................F                      [ 62%]
tests/test_random_network.py ..................                           [100%]
    def test_total_counts_the_discount_once(basket):
>       assert basket.total == 1800
E       assert 1620 == 1800
FAILED tests/test_basket.py::test_total_counts_the_discount_once - assert 1620 == 1800
1 failed, 47 passed in 3.07s"""

COMPILE_ERROR = """\
cc -O2 -Wall -Wextra -c src/retry.c -o build/retry.o
cc -O2 -Wall -Wextra -c src/timeout.c -o build/timeout.o
src/timeout.c: In function 'wait_for_network':
src/timeout.c:41:19: error: 'timeout' undeclared (first use in this function)
   41 |     return poll_until(timeout);
make: *** [Makefile:18: build/timeout.o] Error 1"""

PULL_TIMEOUT = """\
16: Pulling from library/postgres
7cf63256a31a: Pulling fs layer
7cf63256a31a: Retrying in 2 seconds
Error response from daemon: Get "https://registry.example.com/v2/": net/http: TLS handshake timeout"""

TYPE_ERROR = """\
src/basket.ts(88,17): error TS2345: Argument of type 'string' is not assignable to parameter of type 'Money'.
Found 1 error in src/basket.ts:88"""

CHECKOUT, INSTALL, PULL, BUILD, TEST = (
    "Run actions/checkout@v4", "Install dependencies", "Pull images", "Run build", "Run tests"
)  # fmt: skip


def fails(log: str, step: str) -> Outcome:
    return Outcome.failure(log, step=step)


LOST, PASSES = Outcome.lost_runner(), Outcome.success()
RESET = fails(NPM_RESET, INSTALL)


def job(name: str, seconds: float, *outcomes: Outcome, second: str = INSTALL, third: str = BUILD) -> JobSpec:
    return JobSpec(id=name, seconds=seconds, steps=(CHECKOUT, second, third), outcomes=outcomes)


@dataclass(frozen=True, slots=True)
class Red:
    """A pull request of the first scene, and what is expected of it."""

    number: int
    story: str
    jobs: Sequence[JobSpec]
    decisions: Mapping[str, str]
    """Job -> action and reason code."""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    case: str = ""


RERUN, ALONE, HEALED = "RERUN infra_transient", "SKIP not_eligible", "healed"
HALF_AND_HALF = (
    job("integration", 200, fails(PULL_TIMEOUT, PULL), PASSES, second=PULL, third=TEST),
    job("typecheck", 45, fails(TYPE_ERROR, BUILD)),
    JobSpec(id="gate", needs=("integration", "typecheck"), always=True, seconds=10),
)
RED = (
    Red(
        101,
        "the runner went away",
        [job("unit", 240, LOST, PASSES, third=TEST)],
        {"unit": RERUN},
        {"unit": HEALED},
        "closed",
    ),
    Red(
        102,
        "the package registry hung up",
        [job("build", 170, RESET, PASSES)],
        {"build": RERUN},
        {"build": HEALED},
        "closed",
    ),
    Red(
        103,
        "a test failed, and nothing proves it flaky",
        [job("pytest", 90, fails(PYTEST_FAILURE, TEST), third=TEST)],
        {"pytest": ALONE},
    ),
    Red(
        104,
        'a compile error with the word "timeout" in it',
        [job("compile", 50, fails(COMPILE_ERROR, BUILD))],
        {"compile": ALONE},
    ),
    Red(
        105,
        "half and half: a flake, a type error, and a gate that waits for both",
        HALF_AND_HALF,
        {"integration": RERUN, "typecheck": ALONE, "gate": "SKIP dependant_failure"},
        {"integration": HEALED, "gate": "failed_again"},
        "handed over",
    ),
)
STUBBORN = 106
UNLUCKY = [job("soak", 180, LOST, RESET, LOST)]

ACTIONS = {"RERUN": ("↻ rerun", "green"), "SKIP": ("○ left alone", ""), "BLOCKED": ("■ blocked", "yellow")}
OUTCOMES = {
    "healed": ("✓ healed", "green"),
    "failed_same": ("✗ failed the same way", "yellow"),
    "failed_other": ("✗ failed another way", "yellow"),
    "failed_again": ("✗ failed again", "yellow"),
    "cancelled": ("○ cancelled", ""),
    "unknown": ("○ unknown", ""),
}

# --- the walk -------------------------------------------------------------------------------------------------------


def run(screen: Screen | None = None, red: Sequence[Red] = RED) -> Code:
    """Walk through the scenes; `red` are the pull requests of the first one.

    DONE when every scene came out as told, else ERROR and what differed on standard error. Takes no setting from the
    environment, and leaves nothing behind but the diagnosis' cached rule set. Raises Stop when no decision came at all.
    """
    walk = Walk(screen=screen or Screen(), red=red)
    walk.prologue()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cicatrix-demo-")))
        server = stack.enter_context(serve(walk.world))
        ids = itertools.count(1)
        ctx = stack.enter_context(
            wiring.build(
                settings_for(server.api_url, folder),
                now=lambda: walk.world.now,
                sleep=walk.world.advance,
                new_id=lambda: f"demo-{next(ids):04d}",  # guessable, and so alike in every run; nothing keeps them
            )
        )
        five_pull_requests(walk, ctx)
        outcomes(walk, ctx)
        the_bound(walk, ctx)
        the_record(walk, ctx, folder)
    walk.expect("the temporary folder is deleted", not folder.exists(), True)
    return epilogue(walk)


def settings_for(api_url: str, folder: Path) -> Settings:
    """The product's own defaults, one host, one ledger file; nothing of the caller's environment."""
    host = HostEntry(name="github.demo", api_url=api_url, token=SecretStr(TOKEN))
    database = f"sqlite:///{folder / 'ledger.db'}"
    return load({"github_api_url": api_url, "hosts": (host,), "database_url": database}, environ={})


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


# --- 1: five pull requests --------------------------------------------------------------------------------------------

JOBS = (("job", 14), ("decision", 12), ("class", 15), ("reason", 17), ("reruns", 6))


def five_pull_requests(walk: Walk, ctx: Context) -> None:
    walk.scene(
        1,
        "Five red pull requests, one question each: would running it again help?",
        "A rerun is for failures that the code did not cause. Facts of the job come first, then the log of the failed "
        "step: a line alone proves little, so it needs a second signal, and bare words like timeout prove nothing.",
    )
    for red in walk.red:
        walk.opens(red.number, red.jobs)
    walk.head(*JOBS)
    for red in walk.red:
        walk.screen.show(Text(f"  #{red.number} {red.story}"))
        told = walk.ask(ctx, red.number)
        jobs = [j for j in told["jobs"] if j["reasonCode"] != "not_failed"]
        for found in jobs:
            _show_job(walk, found)
            if (found["evidence"] or {}).get("line"):
                walk.expect(f"evidence of {found['jobName']}", _stands_in_log(walk.runs[red.number], found), True)
        if told["price"]:
            walk.note(f"price: {told['price']}{_along(ctx, told['operationId'])}")
        walk.screen.line()
        decisions = {j["jobName"]: f"{j['action']} {j['reasonCode']}" for j in jobs}
        walk.expect(f"decisions of #{red.number}", decisions, dict(red.decisions))
        asked_to_rerun = any(decision.startswith("RERUN") for decision in red.decisions.values())
        walk.expect(f"reruns of #{red.number} at GitHub", walk.effects(red.number), int(asked_to_rerun))
    numbered = [red.number for red in walk.red if walk.effects(red.number)]
    walk.prose(
        f"At GitHub: {walk.effects()} reruns, of {', '.join(f'#{n}' for n in numbered)}. "
        "The others wait for a commit, not for luck."
    )


def _show_job(walk: Walk, told: Mapping[str, Any]) -> None:
    word, style = ACTIONS[told["action"]]
    attempt = f"{told['attempt']['number']} of {told['attempt']['of']}"
    walk.cells(JOBS, (told["jobName"], word, told["failureClass"] or "-", told["reasonCode"], attempt), style, 1)
    for line in _evidence(told):
        walk.note(line, style="")


def _evidence(told: Mapping[str, Any]) -> Iterator[str]:
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


def _stands_in_log(run: SimRun, told: Mapping[str, Any]) -> bool:
    """Whether the evidence line is the line of that number in the log that the simulated GitHub serves."""
    found = told["evidence"]
    lines = log_text(run.job(told["jobName"], 1)).decode().splitlines()
    return bool(lines[found["lineNumber"] - 1].endswith(found["line"]))


def _along(ctx: Context, operation_id: str | None) -> str:
    with ctx.ledger.read() as view:
        operation = view.operation(operation_id) if operation_id else None
    names = ", ".join(ref.name for ref in operation.dependants) if operation else ""
    return f"; {names} runs along and is charged too" if names else ""


# --- 2: outcomes ------------------------------------------------------------------------------------------------------

FATES = (("pull", 4), ("job", 12), ("what became of it", 22), ("ran for", 7), ("case", 11))


def outcomes(walk: Walk, ctx: Context) -> None:
    walk.scene(
        2,
        "Ten minutes later: did it help?",
        "A rerun that nobody looks at again teaches nothing. `cicatrix tick` wakes every case that is due, reads the "
        "new attempt, and records what became of each job and how many minutes it took.",
    )
    walk.tick(ctx)
    walk.head(*FATES)
    total = 0
    for red in (r for r in walk.red if r.outcomes):
        rows, state, note = _fate(walk, ctx, red.number)
        for name, outcome, minutes in rows:
            word, style = OUTCOMES[outcome]
            total += minutes
            walk.cells(FATES, (f"#{red.number}", name, word, f"{minutes} min", state), style, 2)
        if note:
            walk.note(note)
        walk.expect(f"outcomes of #{red.number}", {name: outcome for name, outcome, _ in rows}, dict(red.outcomes))
        walk.expect(f"case of #{red.number}", state, red.case)
    walk.screen.line()
    walk.prose(
        f"Together the reruns took {total} minutes of runner time; GitHub rounds each job up, and so does the record."
    )


def _fate(walk: Walk, ctx: Context, number: int) -> tuple[list[tuple[str, str, int]], str, str]:
    """Job, outcome and minutes as recorded for a pull request's run; its case's state and note.

    Of a job that only ran along the ledger keeps no earlier failure to compare with: it failed again, no more is known.
    """
    key = walk.key(ctx, number)
    with ctx.ledger.read() as view:
        case, rows = view.case_of_run(*key), [stored.row for stored in view.outcomes(run=key)]
    told = [
        (r.job_name, "failed_again" if not r.named and r.outcome.startswith("failed") else r.outcome, r.minutes)
        for r in rows
    ]
    return told, case.state.value.replace("_", " ") if case else "none", (case.note or "") if case else ""


# --- 3: the bound -----------------------------------------------------------------------------------------------------

ASKS = (("ask", 3), ("time", 5), ("who", 7), ("asked", 5), ("decision", 9), ("reason", 21), ("effects", 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of the third scene: who, with what limit, after how long, and what is to come of it."""

    who: str
    most: int = 2
    wait: float = TEN_MINUTES
    decision: str
    effects: int


STORM = (
    Ask(who="octocat", wait=0, decision="RERUN infra_transient", effects=1),
    Ask(who="octocat", wait=0, decision="BLOCKED run_in_progress", effects=1),
    Ask(who="octocat", decision="RERUN infra_transient", effects=2),
    Ask(who="octocat", decision="BLOCKED max_attempts_exceeded", effects=2),
    Ask(who="hubot", decision="BLOCKED max_attempts_exceeded", effects=2),
    Ask(who="octocat", most=5, decision="BLOCKED max_attempts_exceeded", effects=2),
)


def the_bound(walk: Walk, ctx: Context) -> None:
    walk.scene(
        3,
        "A pull request that never heals, asked for again and again",
        f"#{STUBBORN} has bad luck every time: a lost runner, a broken download, a lost runner again. The lawbook "
        "allows a job two reruns; whoever asks, however often and for however much, can lower that and never raise it.",
    )
    walk.opens(STUBBORN, UNLUCKY)
    walk.head(*ASKS)
    bound = ""
    for number, ask in enumerate(STORM, start=1):
        if ask.wait:
            walk.tick(ctx, ask.wait)
        at = walk.world.now
        told = walk.ask(ctx, STUBBORN, who=ask.who, most=ask.most)
        (decided,) = told["jobs"]
        word, style = ACTIONS[decided["action"]]
        cells = (
            str(number),
            f"{at:%H:%M}",
            ask.who,
            str(ask.most),
            word,
            decided["reasonCode"],
            str(walk.effects(STUBBORN)),
        )
        walk.cells(ASKS, cells, style, 4)
        walk.expect(f"ask {number} for #{STUBBORN}", f"{decided['action']} {decided['reasonCode']}", ask.decision)
        walk.expect(f"effects after ask {number}", walk.effects(STUBBORN), ask.effects)
        bound = told["bound"] or bound
    walk.screen.line()
    limits, _, by = bound.partition("bound by")
    walk.prose(f"The last answer: {limits.strip()}", indent="  ")
    walk.prose(f"bound by {by.strip()}", indent="  ")
    with ctx.ledger.read() as view:
        mine = view.operations_of_run(*walk.key(ctx, STUBBORN))
    confirmed = sum(1 for operation in mine if operation.state is OperationState.CONFIRMED)
    walk.expect("the bound is spent", "used 2 · left 0" in limits, True)
    walk.expect("reruns in the ledger", confirmed, 2)
    walk.screen.line()
    walk.prose(
        f"Asked {len(STORM)} times: {walk.effects(STUBBORN)} reruns in GitHub's own history, {confirmed} in the ledger."
    )


# --- 4: the record ----------------------------------------------------------------------------------------------------


def the_record(walk: Walk, ctx: Context, folder: Path) -> None:
    walk.scene(
        4,
        "The record, and two people who would like it to say something else",
        "Every decision is an entry of a Merkle log (RFC 6962). Whoever keeps the head, one small file, can check an "
        "export of the whole ledger without Cicatrix, GitHub or a network.",
    )
    export, head = folder / "ledger.jsonl", folder / "head.json"
    with ctx.ledger.read() as view:
        export.write_text("".join(export_lines(view.entries())), encoding="utf-8")
        head.write_text(view.head().as_json(), encoding="utf-8")
        size = view.size()
        confirmed = sum(1 for operation in view.all_operations() if operation.state is OperationState.CONFIRMED)
    sound = _verified(export, head)
    _verdict(
        walk, "as exported", sound, f"{size} entries, root {read_head(head.read_text(encoding='utf-8')).root[:16]}…"
    )
    walk.expect("the export verifies", (sound.ok, sound.size), (True, size))
    walk.expect("reruns at GitHub that the ledger confirms", confirmed, walk.effects())

    honest = export.read_text(encoding="utf-8").splitlines()
    found = (i for i, line in enumerate(honest) if "max_attempts_exceeded" in line and "used 2" in line)
    target = next(found, None)
    walk.expect("a refusal to tamper with", target is not None, True)
    if target is None:
        return
    changed = honest[target].replace("used 2", "used 1", 1)
    differing = sum(1 for a, b in zip(honest[target].encode(), changed.encode(), strict=True) if a != b)
    walk.expect("bytes changed", differing, 1)
    export.write_text("\n".join([*honest[:target], changed, *honest[target + 1 :]]) + "\n", encoding="utf-8")
    clumsy = _verified(export, head)
    _verdict(walk, "one byte changed", clumsy, f'"used 2" became "used 1" in entry {target}')
    walk.expect("the changed byte is found", (clumsy.ok, clumsy.first_bad), (False, target))

    export.write_text("".join(forged([*honest[:target], changed, *honest[target + 1 :]])), encoding="utf-8")
    careful = _verified(export, head)
    _verdict(
        walk,
        "every hash recomputed",
        careful,
        f"the same byte, then its leaf hash and the {size - target} roots after it computed anew",
    )
    walk.expect("the careful forger is found", (careful.ok, careful.first_bad), (False, target))
    walk.expect("the forgery is consistent in itself", _self_consistent(export), True)
    walk.prose("An honest export passes; a dishonest one is found, and the first bad entry is named.")


def _verified(export: Path, head: Path) -> Verification:
    """From the two files alone."""
    with export.open(encoding="utf-8", newline="\n") as lines:
        return verify(lines, read_head(head.read_text(encoding="utf-8")))


def _verdict(walk: Walk, name: str, found: Verification, what: str) -> None:
    word, style = ("✓ verified", "green") if found.ok else ("✗ refused", "red")
    walk.row([(name, 22), (word, 10)], style, 1)
    walk.note(what)
    if not found.ok:
        walk.note(found.problem, style="")
    walk.screen.line()


def forged(lines: Sequence[str]) -> Iterator[str]:
    """The export of somebody who changed entries and computed every leaf hash and root anew."""
    tree = Tree()
    for line in lines:
        data = json.loads(line)
        hashed = leaf_hash(data["entry"].encode())
        tree.append(hashed)
        yield render(data["index"], hashed.hex(), data["entry"], tree.root().hex()) + "\n"


def _self_consistent(export: Path) -> bool:
    """Whether only a head kept elsewhere can tell: every line fits the one before it."""
    lines = export.read_text(encoding="utf-8").splitlines(keepends=True)
    last = json.loads(lines[-1])
    return verify(lines, read_head(json.dumps({"size": len(lines), "root": last["rootAfter"]}))).ok


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


if __name__ == "__main__":
    sys.exit(run())
