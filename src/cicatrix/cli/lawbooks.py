"""`cicatrix lawbook check|show|schema`. `check` and `schema` need neither settings nor network nor database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cicatrix.core.facts import Problem
from cicatrix.core.lawbook import Layer, LayerKind, describe, json_schema, resolve
from cicatrix.lawbook import LARGEST, load

from . import state
from .errors import Code, Stop
from .screen import Format

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
        "problems": [
            {"line": p.line, "column": p.column, "path": p.path, "message": p.message, "text": str(p)} for p in problems
        ],
        "ignored": [str(line) for line in resolved.ignored] if resolved else [],
    }


def _loaded(file: Path, kind: LayerKind = LayerKind.REPOSITORY) -> tuple[Layer | None, tuple[Problem, ...]]:
    try:
        with file.open("rb") as stream:
            text = stream.read(LARGEST + 1)  # one byte more: `load` then says that it is too large
    except OSError as trouble:
        raise Stop(
            "The lawbook cannot be read.",
            f"{file}: {trouble.strerror}.",
            "Name the file, or run it where .github/cicatrix.yml is; without one the built-in lawbook holds.",
        ) from None
    return load(text, str(file), kind=kind)


def show(file: Path | None, *, repo: str | None, lawbook: Path | None, as_json: bool, output: Format | None) -> None:
    """The resolved lawbook with the origin of every value, and what a file asked for in vain."""
    from cicatrix import wiring  # noqa: PLC0415 -- the import budget of `check`

    from .session import settings_of  # noqa: PLC0415 -- the import budget of `check`

    screen = state.screen
    shape = screen.format(output, as_json)
    settings = settings_of(lawbook=lawbook)
    base, problems = wiring.base_lawbook(settings)
    if problems:
        raise Stop(
            "The lawbook cannot be used.", f"{_first(problems)}.", "Correct it; `cicatrix lawbook check` lists more."
        )
    if repo is not None:
        own = _from_github(repo, lawbook)
    elif file is not None or USUAL.is_file():
        own = _valid(*_loaded(file or USUAL))
    else:
        own = None
    resolved = resolve([layer for layer in (base, own) if layer is not None])
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


def _from_github(repo: str, lawbook: Path | None) -> Layer | None:
    from cicatrix import wiring  # noqa: PLC0415 -- the import budget of `check`
    from cicatrix.flows.policies import REPOSITORY_LAWBOOK  # noqa: PLC0415 -- the import budget of `check`
    from cicatrix.settings import load as load_settings  # noqa: PLC0415 -- the import budget of `check`

    from .targets import repository  # noqa: PLC0415 -- the import budget of `check`

    settings = load_settings({"lawbook": lawbook})
    host, owner, name = repository(repo, wiring.hosts(settings))
    with wiring.client(settings, host=host) as github:
        github.repository(owner, name)  # tells a missing repository from a missing file
        text = github.file(owner, name, REPOSITORY_LAWBOOK)
    return None if text is None else _valid(*load(text, REPOSITORY_LAWBOOK))


def _valid(layer: Layer | None, problems: tuple[Problem, ...]) -> Layer | None:
    if problems:
        raise Stop(
            "The lawbook is not valid.",
            _first(problems),
            "Correct it there; `cicatrix lawbook check` lists every problem.",
        )
    return layer


def _first(problems: Sequence[object]) -> str:
    return f"{problems[0]}" + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")


def schema() -> None:
    """The JSON Schema of a lawbook file."""
    state.screen.json(json_schema())
