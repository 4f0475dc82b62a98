"""`cicatrix demo`: the main walk against a simulated GitHub. No token, nothing to install, a few seconds.

The simulated GitHub listens on loopback; client, flows and ledger are the real ones; only its time is simulated. Every
scene is checked against what it was told to show, so that the demo is a test too.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.text import Text

from cicatrix import wiring
from cicatrix.core.merkle import Tree, leaf_hash
from cicatrix.core.operations import Kind, OperationState
from cicatrix.flows.context import Context
from cicatrix.ledger import export_lines
from cicatrix.ledger.verify import Verification, read_head, render, verify
from cicatrix.settings import HostEntry, Settings, load
from cicatrix.simulator.git_remote import serve_git
from cicatrix.simulator.server import serve

from .demo_rollback import on_the_default_branch
from .demo_stage import ACTIONS, OUTCOMES, Walk, along, epilogue, evidence, stands_in_log
from .demo_world import RED, STORM, STUBBORN, TOKEN, UNLUCKY, Red
from .errors import Code
from .screen import Screen


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
        remote = stack.enter_context(serve_git(walk.world))
        build = builder(walk, server.api_url, remote.url, folder)
        ctx = stack.enter_context(build())
        five_pull_requests(walk, ctx)
        outcomes(walk, ctx)
        the_bound(walk, ctx)
        on_the_default_branch(walk, stack.enter_context(build(**in_ci(folder))), folder)
        the_record(walk, ctx, folder)
    walk.expect("the temporary folder is deleted", not folder.exists(), True)
    return epilogue(walk)


def builder(walk: Walk, api_url: str, git_url: str, folder: Path) -> Callable[..., AbstractContextManager[Context]]:
    """What builds a context as each command does, on simulated time; its arguments are further settings."""
    ids = itertools.count(1)

    def build(**more: object) -> AbstractContextManager[Context]:
        return wiring.build(
            settings_for(api_url, git_url, folder, more),
            now=lambda: walk.world.now,
            sleep=walk.world.advance,
            # guessable, and so alike in every run; nothing keeps them
            new_id=lambda: str(uuid.uuid5(uuid.NAMESPACE_OID, str(next(ids)))),
        )

    return build


def settings_for(api_url: str, git_url: str, folder: Path, more: Mapping[str, object]) -> Settings:
    """The product's own defaults, one host, one ledger file; nothing of the caller's environment."""
    host = HostEntry(name="github.demo", api_url=api_url, web_url=git_url, token=SecretStr(TOKEN))
    database = f"sqlite:///{folder / 'ledger.db'}"
    return load({"github_api_url": api_url, "hosts": (host,), "database_url": database, **more}, environ={})


def in_ci(folder: Path) -> dict[str, object]:
    """The settings of a workflow that may run the repository's checks, and act by itself."""
    lawbook = folder / "lawbook.yml"
    lawbook.write_text("version: demo.1\nmode: act\n", encoding="utf-8")
    return {"ci": "true", "run_checks": True, "git_folder": folder / "mirrors", "lawbook": lawbook}


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
                walk.expect(f"evidence of {found['jobName']}", stands_in_log(walk.runs[red.number], found), True)
        if told["price"]:
            walk.note(f"price: {told['price']}{along(ctx, told['operationId'])}")
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
    for line in evidence(told):
        walk.note(line, style="")


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


# --- 6: the record ----------------------------------------------------------------------------------------------------


def the_record(walk: Walk, ctx: Context, folder: Path) -> None:
    walk.scene(
        6,
        "The record, and two people who would like it to say something else",
        "Every decision is an entry of a Merkle log (RFC 6962). Whoever keeps the head, one small file, can check an "
        "export of the whole ledger without Cicatrix, GitHub or a network.",
    )
    export, head = folder / "ledger.jsonl", folder / "head.json"
    with ctx.ledger.read() as view:
        export.write_text("".join(export_lines(view.entries())), encoding="utf-8")
        head.write_text(view.head().as_json(), encoding="utf-8")
        size = view.size()
        reruns = [operation for operation in view.all_operations() if operation.kind == Kind.RERUN]
    confirmed = sum(1 for operation in reruns if operation.state is OperationState.CONFIRMED)
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


if __name__ == "__main__":
    sys.exit(run())
