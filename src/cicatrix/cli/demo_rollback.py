"""The demo's scenes on a default branch: a merge that breaks it is reverted, an outage that looks the same is not."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cicatrix.core.cases import Case
from cicatrix.core.heal_reasons import HealReason
from cicatrix.flows.context import Context
from cicatrix.flows.gate import Kept, Measured, blocked, exit_code, keep
from cicatrix.flows.ladder.asking import release
from cicatrix.flows.ladder.climb import open_for_measurement
from cicatrix.flows.tick import tick
from cicatrix.ledger import StoredMeasurement
from cicatrix.simulator import SimPull

from .demo_mill import BY, FASTER, PACKAGE, RATES, README, Mill, Validation, founded
from .demo_stage import DIFFERENT, REPORT, Walk
from .errors import Stop

MAIN = "refs/heads/main"
REVERT = "cicatrix/revert/"
BAR = 20
HEALTH = (("commit", 12), ("what it is", 22), ("health", BAR + 4), ("asked by", 10))
GATE = (("command", 16), ("ends", 8), ("what it says", 45))
ASKED_BY = {"gate": "gate", "culprit": "search", "validation": "validation"}
CRITICAL = ("critical", False)
"""Band and readiness of a branch whose cause is searched."""


def on_the_default_branch(walk: Walk, ctx: Context, folder: Path) -> None:
    """Both scenes, each on a repository of its own."""
    _opening(walk)
    has_git = shutil.which("git") is not None
    walk.expect("git is on this machine", has_git, True)
    if not has_git:
        walk.prose("✗ There is no git on this machine, so scenes 4 and 5 are left out.")
        return
    a_bad_merge(walk, founded(walk.world, ctx, folder, "mill"))
    an_outage(walk, founded(walk.world, ctx, folder, "loom"))


# --- 4: a bad merge ---------------------------------------------------------------------------------------------------


BREAKING = {"src/prices.py": FASTER, "src/rates.py": None, "src/tax.py": RATES}


def _opening(walk: Walk) -> None:
    walk.scene(
        4,
        "A merge breaks the default branch",
        "#1 leaves a bracket open and is merged; no rerun heals that. On every push `cicatrix gate` runs the checks "
        "that the repository declares. Below a health of 30 commits are measured again until the cause is proven; its "
        "revert is proposed, and validated elsewhere.",
    )


def a_bad_merge(walk: Walk, mill: Mill, change: Mapping[str, str | None] = MappingProxyType(BREAKING)) -> None:
    """From the merge of the change to the release."""
    good = mill.tip
    with _measurements(walk, mill):
        before, _ = _gate(mill)
        bad = mill.merge("faster", change, "Faster totals")
        after, kept = _gate(mill)
        walk.expect("health before the merge", (before.measurement.health, before.measurement.ready), (100, True))
        walk.expect("band and readiness after it", _band(after), CRITICAL)
        draft = _draft_of(mill)
        walk.expect("a draft pull request of the revert", draft is not None, True)
        if draft is None:
            return
        ran = mill.validate()
        case = _ticked(mill, kept.case)
    _cause(walk, mill, case, good, bad)
    _draft(walk, mill, draft, good, bad)
    _validation(walk, case, ran, draft)
    _until_released(walk, mill, case, draft)


def _gate(mill: Mill) -> tuple[Measured, Kept]:
    """What the workflow of a push does: measure, keep, and take on the case of a default branch in a bad way."""
    found = mill.gate()
    return found, keep(
        mill.ctx,
        mill.home,
        found,
        open_case=lambda ctx, home, measured, ref: open_for_measurement(
            ctx, home, measured, ref=ref, principal=BY, automatic=True
        ),
    )


def _draft_of(mill: Mill) -> SimPull | None:
    return next((p for p in mill.repo.pulls.values() if p.draft and p.head_ref.startswith(REVERT)), None)


def _ticked(mill: Mill, case_id: str) -> Case:
    """The case after whatever is due was woken, as `cicatrix tick` does."""
    mill.world.advance(60)
    for _ in range(10):
        if not tick(mill.ctx):
            break
    return _case(mill, case_id)


def _case(mill: Mill, case_id: str) -> Case:
    with mill.ctx.ledger.read() as view:
        found = view.case(case_id)
    if found is None:
        raise Stop(DIFFERENT, "The gate opened no case for a default branch in a bad way.", REPORT)
    return found


def _cause(walk: Walk, mill: Mill, case: Case, good: str, bad: str) -> None:
    known = _of(case, "rollback")
    cause = known.get("cause", {})
    reds = int(cause.get("reds", 0))
    rows = _measured(mill)
    greens = [one.ledger_index for one in rows if one.row.sha == good and one.row.health == 100]
    failed = [one.ledger_index for one in rows if one.row.sha == bad]
    walk.expect("the last good commit is green after the failure", max(greens, default=0) > min(failed), True)
    walk.expect("parents of the merge", len(mill.git.log(bad, "-1")[0].parents), 2)
    walk.expect("the cause", cause.get("culprit"), bad)
    walk.expect("the last good commit", cause.get("lastGood"), good)
    walk.expect("two independent red signals or more", reds >= 2, True)
    seen = f"measured green {len(greens)} times, the last time after the failure"
    _told(walk, "last good", f"{good[:12]} {mill.names[good]}: {seen}")
    _told(walk, "cause", f"{bad[:12]} {mill.names[bad]}: {reds} red signals of {', '.join(known.get('jobs', []))}")


def _draft(walk: Walk, mill: Mill, draft: SimPull, good: str, bad: str) -> None:
    pushed, paths = _pushes(mill, MAIN), mill.git.changed(bad, draft.head_sha)
    walk.expect("the branch of the revert", draft.head_ref, f"{REVERT}{bad[:12]}")
    walk.expect("files after the revert", _files(mill, draft.head_sha), _files(mill, good))
    walk.expect("the tip of the default branch", mill.tip, bad)
    walk.expect("pushes to the default branch", pushed, 0)
    _told(walk, "draft", f"#{draft.number} from {draft.head_ref}; pushes to main: {pushed}")
    restored = [path for path in paths if mill.git.read(good, path) is not None]
    removed = [path for path in paths if path not in restored]
    _told(walk, "restores", f"{', '.join(restored)} as on {good[:12]}; removes {', '.join(removed)}")


def _files(mill: Mill, sha: str) -> dict[str, bytes | None]:
    return {path: mill.git.read(sha, path) for path in mill.git.paths(sha)}


def _pushes(mill: Mill, ref: str) -> int:
    """Pushes that arrived at this branch, by the simulated GitHub's own history."""
    made = (e for e in mill.world.history.effects if e["kind"] == "push" and e["repositoryId"] == str(mill.repo.id))
    return sum(1 for effect in made if effect["detail"]["ref"] == ref)


def _validation(walk: Walk, case: Case, ran: Validation, draft: SimPull) -> None:
    verdict, asked = _of(case, "verdict"), _of(case, "validation")
    walk.expect("exit code of the second process", ran.exit_code, 0)
    walk.expect("the commit that it measured", ran.report["measurement"]["sha"], draft.head_sha)
    walk.expect("the run whose report was believed", str(asked.get("runId")), str(ran.run_id))
    walk.expect("the verdict", (verdict.get("outcome"), verdict.get("improvement")), ("success", 100))
    walk.expect("the case after the validation", case.state.value, "closed")
    _told(
        walk,
        "validated",
        f"{draft.head_sha[:12]} by run {ran.run_id}, a process of its own whose signed report was read back: "
        f"{verdict.get('outcome')}, effectiveness {verdict.get('effectiveness')}, "
        f"improvement {verdict.get('improvement')}",
    )


def _until_released(walk: Walk, mill: Mill, case: Case, draft: SimPull) -> None:
    """A person accepts the draft; the branch is healthy, and its gate opens when a person says so."""
    merged = mill.accept(draft)
    found, kept = _gate(mill)
    closed = exit_code(found.measurement, kept.block)
    walk.expect("the gate before the release", (found.measurement.health, closed), (100, 1))
    walk.expect("the case that the gate names", kept.block and kept.block.case_id, case.id)
    index = release(mill.ctx, case.id, principal=BY, reason="the draft is merged")
    opened = exit_code(found.measurement, blocked(mill.ctx, mill.home, found.ref))
    walk.expect("the gate after the release", opened, 0)
    walk.screen.line()
    walk.prose(f"A person merges the draft ({merged[:12]}). The gate still waits for that person's word:")
    walk.screen.line()
    health = f"health {found.measurement.health}"
    walk.head(*GATE)
    walk.cells(GATE, ("cicatrix gate", f"exit {closed}", f"{health}, closed by case {case.id[:8]}…"), "yellow", 1)
    walk.cells(GATE, ("cicatrix release", "exit 0", f"recorded as entry {index}, with name and reason"), "", 1)
    walk.cells(GATE, ("cicatrix gate", f"exit {opened}", f"{health}, open"), "green", 1)


# --- 5: an outage -----------------------------------------------------------------------------------------------------


def an_outage(walk: Walk, mill: Mill) -> None:
    walk.scene(
        5,
        "The same picture, and no commit is to blame",
        "A merge changes the README, and at that moment the package host goes away. The same checks fail, health falls "
        "as far, and nothing in the output names a network. Reverting the newest commit would hit an innocent one.",
    )
    with _measurements(walk, mill):
        before, _ = _gate(mill)
        mill.package.unlink()
        mill.merge("readme", {"README.md": f"{README}\nFast.\n"}, "Say that it is fast")
        known = (len(mill.repo.pulls), sorted(mill.git.heads()), _ours(mill))
        found, kept = _gate(mill)
        case = _case(mill, kept.case)
        mill.package.write_text(PACKAGE, encoding="utf-8")
        later, _ = _gate(mill)
    walk.expect("health before the outage", before.measurement.health, 100)
    walk.expect("band and readiness in the outage", _band(found), CRITICAL)
    walk.expect("the case of the outage", case.state.value, "handed_over")
    reason, _, why = (case.note or "").partition(": ")
    walk.expect("its reason", reason, HealReason.ENVIRONMENT_SIGNAL.value)
    after = (len(mill.repo.pulls), sorted(mill.git.heads()), _ours(mill))
    walk.expect("pull requests, branches and writes in the outage", after, known)
    walk.expect("health after the outage", later.measurement.health, 100)
    _told(walk, "reason", f"{reason}: {why}")
    _told(walk, "reverted", f"nothing; the case is {case.state.value.replace('_', ' ')} to a person")
    _told(walk, "later", f"the package host is back, and health is {later.measurement.health} without any change")


def _ours(mill: Mill) -> int:
    """Writes that our calls made."""
    return sum(1 for e in mill.world.history.effects if e["call"] and e["repositoryId"] == str(mill.repo.id))


# --- what is shown ----------------------------------------------------------------------------------------------------


def _measured(mill: Mill) -> list[StoredMeasurement]:
    """All that the ledger knows of the repository's health, oldest first."""
    with mill.ctx.ledger.read() as view:
        found = view.measurements(mill.home.host, mill.home.id, limit=200)
    return sorted(found, key=lambda one: one.ledger_index)


@contextmanager
def _measurements(walk: Walk, mill: Mill) -> Iterator[None]:
    """Shows what the ledger learned of health meanwhile."""
    known = len(_measured(mill))
    yield
    walk.head(*HEALTH)
    for row in (one.row for one in _measured(mill)[known:]):
        name = mill.names.get(row.sha, "the revert")
        walk.cells(HEALTH, (row.sha[:12], name, _bar(row.health), ASKED_BY[row.purpose]), _style(row.health), 2)
    walk.screen.line()


def _bar(health: int | None) -> str:
    if health is None:
        return "unknown"
    full = health * BAR // 100
    return f"{'█' * full}{'░' * (BAR - full)} {health}"


def _style(health: int | None) -> str:
    return "red" if health is not None and health < 30 else "green"


def _band(found: Measured) -> tuple[str, bool | None]:
    return found.measurement.band.value, found.measurement.ready


def _told(walk: Walk, what: str, text: str) -> None:
    """A line that begins with what it is about; later lines are indented."""
    begin, pad = f"  {what:<10}  ", " " * 14
    safe = walk.screen.safe(text)
    for line in textwrap.wrap(safe, walk.width - 1, initial_indent=begin, subsequent_indent=pad):
        walk.screen.line(line)


def _of(case: Case, name: str) -> dict[str, Any]:
    """What the case remembers under that name."""
    found = case.data.get(name)
    return dict(found) if isinstance(found, Mapping) else {}
