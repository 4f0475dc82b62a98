"""`cicatrix lawbook check|show|schema`. `check` and `schema` need neither settings nor network nor database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cicatrix.core.facts import Problem
from cicatrix.core.lawbook import Layer, LayerKind, Resolved, describe, json_schema, resolve
from cicatrix.lawbook import LARGEST, load

from . import state
from .documents import content, first, told
from .errors import Code, Stop
from .screen import Format

if TYPE_CHECKING:
    from cicatrix.settings import Settings

USUAL = Path(".github/cicatrix.yml")


def check(files: list[Path], *, as_json: bool, output: Format | None) -> Code:
    """Every problem of every file, as `file:line:column key what would be right`; 1 when there is one."""
    screen = state.screen
    shape = screen.format(output, as_json)
    results: list[tuple[Path, Layer | None, tuple[Problem, ...]]] = []
    unreadable: list[Stop] = []
    for file in files or [USUAL]:
        try:
            results.append((file, *_loaded(file)))
        except Stop as wrong:  # the other files are checked all the same
            unreadable.append(wrong)
    if shape is Format.JSON and results:
        screen.json([_result(file, layer, problems) for file, layer, problems in results])
    elif shape is Format.TABLE:
        for file, layer, problems in results:
            _show_check(file, layer, problems)
    bad = [(file, problems) for file, _, problems in results if problems]
    for file, problems in bad:
        count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
        screen.fail(
            f"The lawbook {file} is not valid: {count}.",
            str(problems[0]) if shape is Format.JSON else "Standard output names each with line and column.",
            "Correct it there; `cicatrix lawbook schema` prints the schema that editors check as you type.",
        )
    for stop in unreadable:
        screen.fail(stop.what, stop.why, stop.next)
    return Code.ERROR if bad or unreadable else Code.DONE


def _show_check(file: Path, layer: Layer | None, problems: tuple[Problem, ...]) -> None:
    screen = state.screen
    for problem in problems:
        screen.line(screen.safe(problem))
    if layer is None:
        return
    screen.line(f"✓ {screen.safe(file)} is valid ({len(layer.values)} keys)")
    for line in resolve([layer]).ignored:
        screen.line(f"! {screen.safe(line)}")


def _result(file: Path, layer: Layer | None, problems: tuple[Problem, ...]) -> dict[str, object]:
    resolved = None if layer is None else resolve([layer])
    return {
        "file": str(file),
        "valid": layer is not None,
        "version": resolved.lawbook.version if resolved else None,
        "hash": resolved.hash if resolved else None,
        "problems": [told(problem) for problem in problems],
        "ignored": [str(line) for line in resolved.ignored] if resolved else [],
    }


def _loaded(file: Path, kind: LayerKind = LayerKind.REPOSITORY) -> tuple[Layer | None, tuple[Problem, ...]]:
    advice = "Name the file, or run it where .github/cicatrix.yml is; without one the built-in lawbook holds."
    return load(content(file, LARGEST, advice), str(file), kind=kind)


def show(file: Path | None, *, repo: str | None, lawbook: Path | None, as_json: bool, output: Format | None) -> None:
    """The resolved lawbook with the origin of every value, and what a file asked for in vain.

    With `repo` as a decision about that repository would resolve it now: stored versions and the default branch's file.
    """
    from .session import settings_of  # noqa: PLC0415 -- the import budget of `check`

    screen = state.screen
    shape = screen.format(output, as_json)
    settings = settings_of(lawbook=lawbook)
    resolved, problems = _of_repository(repo, settings) if repo is not None else _of_file(file, settings)
    if problems:
        raise Stop(
            "The lawbook cannot be used.", f"{first(problems)}.", "Correct it; `cicatrix lawbook check` lists more."
        )
    if shape is Format.JSON:
        screen.json(
            {
                "version": resolved.lawbook.version,
                "hash": resolved.hash,
                "baseVersion": resolved.base_version,
                "baseHash": resolved.base_hash,
                "builtIn": resolved.built_in,
                "lawbook": dict(resolved.tree),
                "origins": dict(resolved.origins),
                "ignored": [str(line) for line in resolved.ignored],
            }
        )
        return
    from . import showing  # noqa: PLC0415 -- Rich is for tables only

    screen.line(f"version {screen.safe(resolved.lawbook.version)}")
    screen.line(f"hash    {resolved.hash}")
    if resolved.base_hash != resolved.hash:
        screen.line(f"base    {resolved.base_hash} (what LAWBOOK_HASH pins)")
    showing.show_rows(
        screen, ("key", "value", "from"), [(row.key, row.value, row.origin) for row in describe(resolved)]
    )
    for line in resolved.ignored:
        screen.line(f"! {screen.safe(line)}")


def _of_repository(repo: str, settings: Settings) -> tuple[Resolved, tuple[str, ...]]:
    from cicatrix import wiring  # noqa: PLC0415 -- the import budget of `check`
    from cicatrix.flows.policies import lawbook_of, read_rules  # noqa: PLC0415 -- the import budget of `check`

    from .session import opened  # noqa: PLC0415 -- the import budget of `check`
    from .targets import repository  # noqa: PLC0415 -- the import budget of `check`

    host, owner, name = repository(repo, wiring.hosts(settings))
    with opened(settings, host, read_only=True) as ctx:
        home = ctx.github.repository(owner, name)  # tells a missing repository from a missing file
        rules = read_rules(ctx, owner, name)
        with ctx.ledger.read() as view:
            return lawbook_of(view, ctx.deployment, rules, home)


def _of_file(file: Path | None, settings: Settings) -> tuple[Resolved, tuple[str, ...]]:
    """The file at hand as the repository's, on top of what the deployment has."""
    from cicatrix import wiring  # noqa: PLC0415 -- the import budget of `check`
    from cicatrix.flows.policies import Rules, lawbook_of  # noqa: PLC0415 -- the import budget of `check`

    own = _valid(*_loaded(file or USUAL)) if file is not None or USUAL.is_file() else None
    with wiring.open_ledger_only(settings) as ledger, ledger.read() as view:
        return lawbook_of(view, wiring.deployment(settings), Rules(own=own), None)


def _valid(layer: Layer | None, problems: tuple[Problem, ...]) -> Layer | None:
    if problems:
        raise Stop(
            "The lawbook is not valid.",
            first(problems),
            "Correct it there; `cicatrix lawbook check` lists every problem.",
        )
    return layer


def schema() -> None:
    """The JSON Schema of a lawbook file."""
    state.screen.json(json_schema())
