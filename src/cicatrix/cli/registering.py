"""`cicatrix registry check|schema|plan|apply`. `check` and `schema` need neither settings nor network nor database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cicatrix.core.facts import Problem
from cicatrix.core.registry import Registry, advice, json_schema
from cicatrix.lawbook import LARGEST
from cicatrix.lawbook.registry import check_registry, load_registry

from . import state
from .documents import content, first, spread, told
from .errors import Code, Stop
from .screen import Format

if TYPE_CHECKING:
    from cicatrix.flows.registering import Applied, Plan
    from cicatrix.flows.registry_diff import Change

SIGNS = {(True, True): "~", (False, True): "+", (True, False): "-"}
"""(was there, will be there) -> what a diff writes before the line."""


def check(files: Sequence[Path], *, as_json: bool, output: Format | None) -> Code:
    """Every problem of every file with line and column; advice on rerun actions counts as a problem (RG-2)."""
    screen = state.screen
    shape = screen.format(output, as_json)
    results: list[tuple[Path, Registry | None, tuple[Problem, ...]]] = []
    unreadable: list[Stop] = []
    for file in spread(files):
        try:
            registry, problems = check_registry(_bytes(file), str(file))
        except Stop as wrong:  # the other files are checked all the same
            unreadable.append(wrong)
            continue
        results.append((file, registry, problems))
    if shape is Format.JSON and results:
        screen.json([_result(file, registry, problems) for file, registry, problems in results])
    elif shape is Format.TABLE:
        for file, registry, problems in results:
            for problem in problems:
                screen.folded(screen.safe(problem), hang=2)
            if registry is not None and not problems:
                screen.line(
                    f"✓ {screen.safe(file)} is valid: {screen.safe(registry.registry_id)} for "
                    f"{screen.safe(registry.repository)}, {_count(len(registry.allowed_actions), 'action')}"
                )
    bad = [(file, problems) for file, _, problems in results if problems]
    for file, problems in bad:
        screen.fail(
            f"The registry {file} is not right: {_count(len(problems), 'problem')}.",
            str(problems[0]) if shape is Format.JSON else "Standard output names each with line and column.",
            "Correct it there; `cicatrix registry schema` prints the schema that editors check as you type.",
        )
    for stop in unreadable:
        screen.fail(stop.what, stop.why, stop.next)
    return Code.ERROR if bad or unreadable else Code.DONE


def schema() -> None:
    """The JSON Schema of a registry document."""
    state.screen.json(json_schema())


def plan(files: Sequence[Path], *, host: str | None, as_json: bool, output: Format | None) -> None:
    """What applying the documents would change, field by field, and for whom. Writes nothing."""
    from cicatrix.flows.registering import read_plans  # noqa: PLC0415 -- the import budget of `check`

    from .session import opened, settings_of  # noqa: PLC0415 -- the import budget of `check`

    screen = state.screen
    shape = screen.format(output, as_json)
    registries = _all_valid(files)
    with opened(settings_of(), host, read_only=True) as ctx:
        plans = read_plans(ctx, registries)
    if shape is Format.JSON:
        screen.json([_plan_json(one) for one in plans])
        return
    for one in plans:
        _show_plan(one)
        if one.current:
            screen.line("○ nothing to change: this very content is active")


def apply(files: Sequence[Path], *, host: str | None, as_json: bool, output: Format | None) -> None:
    """The plan, then the documents made active: all or none."""
    from cicatrix.flows.registering import apply as make_active  # noqa: PLC0415 -- the import budget of `check`
    from cicatrix.flows.registering import read_plans  # noqa: PLC0415 -- the import budget of `check`

    from .keeping import lasting, who  # noqa: PLC0415 -- the import budget of `check`
    from .session import opened, settings_of  # noqa: PLC0415 -- the import budget of `check`

    screen = state.screen
    shape = screen.format(output, as_json)
    registries = _all_valid(files)
    with opened(lasting(settings_of()), host) as ctx:
        plans = read_plans(ctx, registries)
        if shape is Format.TABLE:
            for one in plans:
                _show_plan(one)
        applied = make_active(ctx, plans, who(ctx))
    for registry in registries:
        for line in advice(registry):
            screen.say(f"warning: {line}")
    if shape is Format.JSON:
        screen.json(
            [_plan_json(done.plan) | {"changed": done.index is not None, "ledgerIndex": done.index} for done in applied]
        )
        return
    for done in applied:
        _show_applied(done)


def _show_applied(one: Applied) -> None:
    screen = state.screen
    name = screen.safe(one.plan.repository.full_name)
    if one.index is None:
        screen.line(f"○ {name}: this very content is active already; nothing was changed")
    else:
        screen.line(f"✓ {name}: active from now on (entry {one.index})")


def _all_valid(files: Sequence[Path]) -> list[Registry]:
    """Every document, or a stop that names the first problem: half of the files is no plan."""
    found: list[Registry] = []
    for file in spread(files):
        registry, problems = _loaded(file)
        if registry is None:
            raise Stop(
                f"The registry {file} is not valid.",
                first(problems),
                "Correct it there; `cicatrix registry check` lists every problem. Nothing was stored.",
            )
        found.append(registry)
    return found


def _loaded(file: Path) -> tuple[Registry | None, tuple[Problem, ...]]:
    return load_registry(_bytes(file), str(file))


def _bytes(file: Path) -> bytes:
    return content(file, LARGEST, "Name the document, or the folder that it is in.")


def _result(file: Path, registry: Registry | None, problems: tuple[Problem, ...]) -> dict[str, object]:
    return {
        "file": str(file),
        "valid": registry is not None and not problems,
        "registryId": registry.registry_id if registry else None,
        "repository": registry.repository if registry else None,
        "hash": registry.hash if registry else None,
        "problems": [told(problem) for problem in problems],
    }


def _plan_json(one: Plan) -> dict[str, object]:
    active = one.active
    return {
        "repository": one.repository.full_name,
        "host": one.repository.host,
        "repositoryId": one.repository.id,
        "registryId": one.registry.registry_id,
        "version": one.registry.version,
        "hash": one.registry.hash,
        "activeHash": active.registry.hash if active else None,
        "activeLedgerIndex": active.activated_index if active else None,
        "upToDate": one.current,
        "changes": [
            {
                "place": c.place,
                "before": c.before,
                "after": c.after,
                "direction": c.direction or None,
                "means": c.means,
                "origin": c.origin,
            }
            for c in one.changes
        ],
        "remarks": list(one.remarks),
    }


def _show_plan(one: Plan) -> None:
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    screen = state.screen
    repository, active = one.repository, one.active
    now = f"entry {active.activated_index}" if active else "nothing"
    screen.line(
        f"{screen.safe(repository.full_name)} ({repository.host}, id {repository.id}): "
        f"{screen.safe(one.registry.registry_id)} from {screen.safe(one.registry.file)}; active now: {now}"
    )
    for remark in one.remarks:
        screen.show(showing.hanging("! ", screen.safe(remark), width=2))
    for change in one.changes:
        screen.show(showing.hanging(f"{_sign(change)} ", screen.safe(_value(change)), width=2))
        means = f"{change.direction + ': ' if change.direction else ''}{change.means} ({change.origin})"
        screen.show(showing.hanging("", screen.safe(means), width=4, style="dim"))


def _sign(change: Change) -> str:
    return SIGNS[change.before is not None, change.after is not None]


def _value(change: Change) -> str:
    if change.before is not None and change.after is not None:
        return f"{change.place}: {change.before} -> {change.after}"
    return f"{change.place}: {change.after if change.before is None else change.before}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
