"""`cicatrix lawbook diff OLD NEW`: two lawbooks over the recorded history. GitHub is not asked, nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from cicatrix import wiring
from cicatrix.core.lawbook import Layer, LayerKind, resolve
from cicatrix.flows.record import stamp
from cicatrix.flows.replay import Change, Comparison, compare
from cicatrix.lawbook import LARGEST, load

from . import state
from .errors import Code, Stop, usage
from .session import settings_of
from .targets import repository as parse_repository

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Shape(StrEnum):
    TABLE = "table"
    JSON = "json"
    MD = "md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says."""

    old: Path
    new: Path
    repo: str | None
    since: str
    place: LayerKind
    lawbook: Path | None
    fail_on_change: bool
    as_json: bool
    output: Shape | None


def diff(asked: Asked) -> Code:
    """Every job of every recorded decision that the two decide differently; 1 with `--fail-on-change` if there is one.

    With `--fail-on-change` a record that cannot be replayed is a failure too: nothing is known about it.
    """
    screen = state.screen
    shape = _shape(asked)
    span = _span(asked.since)
    old, new = _candidate(asked.old, asked.place), _candidate(asked.new, asked.place)
    settings = settings_of(lawbook=asked.lawbook)
    base, problems = wiring.base_lawbook(settings)
    if problems:
        raise Stop(
            "The deployment's lawbook cannot be used.",
            f"{problems[0]}.",
            "Correct it, or name another with --lawbook; `cicatrix lawbook check FILE` lists every problem.",
        )
    hosts, name = wiring.hosts(settings), None
    if asked.repo is not None:
        host, owner, repository = parse_repository(asked.repo, hosts)
        hosts, name = tuple(h for h in hosts if h.name == host), f"{owner}/{repository}"
    total = Comparison()
    with wiring.open_ledger_only(settings, must_exist=True) as ledger, ledger.read() as view:
        for place in hosts:
            found = compare(
                view,
                host=place.name,
                old=old,
                new=new,
                place=asked.place,
                base=base,
                repository=name,
                since=wiring.now() - span,
            )
            total.join(found)
    total.changes.sort(key=lambda c: (c.decided_at, c.decision_id))
    if shape is Shape.JSON:
        screen.json(_as_json(asked, old, new, total))
    elif shape is Shape.MD:
        for line in _as_markdown(asked, old, new, total):
            screen.line(line)
    else:
        for change in total.changes:
            screen.line(screen.safe(_line(change)))
        screen.line(screen.safe(_sentence(asked, total)))
    return _verdict(asked, total)


def _verdict(asked: Asked, total: Comparison) -> Code:
    screen = state.screen
    skipped = sum(total.skipped.values())
    if skipped:
        screen.say(f"warning: {_skipped(total)}; nothing is known about these")
    if not total.replayed:
        screen.say(f"warning: no decision of the last {asked.since} is recorded here, so there was nothing to compare")
    if not asked.fail_on_change or not (total.changed or skipped):
        return Code.DONE
    what = f"{_count(total.changed, 'decision')} would change" if total.changed else "the history cannot be replayed"
    screen.fail(
        f"{what[:1].upper()}{what[1:]} (--fail-on-change).",
        "Standard output names each." if total.changed else f"{_skipped(total)}.",
        "If they are meant, have them reviewed and ask again without --fail-on-change; else correct the new policy."
        if total.changed
        else "Ask for a shorter time with --since, in which this version recorded.",
    )
    return Code.ERROR


def _line(change: Change) -> str:
    """One change on one line: where, which run, which job, before and after."""
    pull = f" #{change.pull_request}" if change.pull_request else ""
    job = change.job or "(no jobs)"
    return f"{change.repository}{pull} run {change.run_id} {job}: {change.before} -> {change.after}"


def _sentence(asked: Asked, total: Comparison) -> str:
    jobs = _count(len(total.changes), "job")
    return (
        f"{_count(total.changed, 'decision')} of {total.replayed} would change ({jobs}); "
        f"reruns {total.reruns_before} -> {total.reruns_after}; {asked.old} -> {asked.new} as {asked.place}, "
        f"last {asked.since}"
    )


def _as_json(asked: Asked, old: Layer, new: Layer, total: Comparison) -> dict[str, object]:
    return {
        "old": _told(asked.old, old),
        "new": _told(asked.new, new),
        "as": asked.place.value,
        "since": asked.since,
        "replayed": total.replayed,
        "changedDecisions": total.changed,
        "changedJobs": len(total.changes),
        "rerunsBefore": total.reruns_before,
        "rerunsAfter": total.reruns_after,
        "skipped": dict(sorted(total.skipped.items())),
        "changes": [
            {
                "decisionId": c.decision_id,
                "decidedAt": stamp(c.decided_at),
                "repository": c.repository,
                "prNumber": c.pull_request,
                "runId": c.run_id,
                "jobName": c.job,
                "before": c.before.as_json(),
                "after": c.after.as_json(),
            }
            for c in total.changes
        ],
    }


def _told(file: Path, layer: Layer) -> dict[str, object]:
    resolved = resolve([layer])
    return {"file": str(file), "version": resolved.lawbook.version, "hash": resolved.hash}


def _as_markdown(asked: Asked, old: Layer, new: Layer, total: Comparison) -> Iterator[str]:
    versions = " to ".join(_code(resolve([layer]).lawbook.version) for layer in (old, new))
    yield f"### Lawbook {versions}: {_count(total.changed, 'decision')} of {total.replayed} would change"
    yield ""
    yield f"Reruns {total.reruns_before} to {total.reruns_after}, over the last {asked.since}, as {asked.place}."
    if total.skipped:
        yield f"{_skipped(total)}; nothing is known about these."
    if not total.changes:
        return
    yield ""
    yield "| repository | pull request | run | job | before | after |"
    yield "|---|---|---|---|---|---|"
    for c in total.changes:
        cells = (c.repository, f"#{c.pull_request}", c.run_id, c.job or "-", str(c.before), str(c.after))
        yield f"| {' | '.join(map(_code, cells))} |"


def _code(text: str) -> str:
    """Foreign text as a code span in a table cell: longer backticks than any run in it, no bar, no line end."""
    shown = state.screen.safe(text).replace("|", "\u2502")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}" if shown else "-"


def _skipped(total: Comparison) -> str:
    return ", ".join(f"{_count(n, 'record')} skipped: {why}" for why, n in sorted(total.skipped.items()))


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _candidate(file: Path, place: LayerKind) -> Layer:
    try:
        with file.open("rb") as stream:
            text = stream.read(LARGEST + 1)  # one byte more: `load` then says that it is too large
    except OSError as trouble:
        raise Stop(
            "The lawbook cannot be read.",
            f"{file}: {trouble.strerror}.",
            "Name two lawbook files: the one that holds and the one that is proposed.",
        ) from None
    layer, problems = load(text, str(file), kind=place)
    if layer is None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Stop(
            f"The lawbook {file} is not valid.",
            f"{problems[0]}{more}.",
            "Correct it; `cicatrix lawbook check FILE` lists every problem.",
        )
    return layer


def place_of(text: str) -> LayerKind:
    """The place that `--as` names. Raises Stop (usage)."""
    try:
        return LayerKind(text.strip().lower())
    except ValueError:
        words = ", ".join(LayerKind)
        raise usage("The place means nothing.", f"--as {text[:40]!r}.", f"Use one of {words}.") from None


def shape_of(text: str | None) -> Shape | None:
    """The format that `--output` names. Raises Stop (usage)."""
    try:
        return None if text is None else Shape(text.strip().lower())
    except ValueError:
        raise usage("The format means nothing.", f"--output {text!r:.40}.", "Use table, json or md.") from None


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text, re.ASCII)
    if found is None:
        raise usage("The time means nothing.", f"--since {text[:40]!r}.", "Write a number and m, h or d, such as 90d.")
    return int(found[1]) * UNITS[found[2]]


def _shape(asked: Asked) -> Shape:
    if asked.as_json and asked.output not in {None, Shape.JSON}:
        raise usage("Two formats were asked for.", f"--json and --output {asked.output}.", "Leave one of them out.")
    if asked.as_json:
        return Shape.JSON
    return asked.output or (Shape.TABLE if state.screen.on_terminal else Shape.JSON)
