"""The verbs `report` and `init` with their options. Only Typer is imported here."""
# ruff: noqa: PLC0415 -- the import budget: `--version`, `--help` and completion load nothing but Typer

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    *,
    case: Annotated[str | None, typer.Option("--case", metavar="CASE", help="A case of the ledger.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A measurement or a report, JSON.")
    ] = None,
    shape: Annotated[str | None, typer.Option("--format", metavar="md|json", help="md unless given.")] = None,
    view: Annotated[
        str, typer.Option("--view", metavar="NAME", help="ci-health-gate, or one of the seed's further reports.")
    ] = "ci-health-gate",
    target: Annotated[
        Path | None,
        typer.Option("--output-file", "-o", metavar="FILE|FOLDER", help="Into a folder: every view and the JSON."),
    ] = None,
) -> None:
    """Write the health report: what was measured, repaired, dispatched and rolled back, and what a person has to do."""
    from . import reporting

    raise typer.Exit(reporting.report(case=case, source=source, shape=shape, view=view, target=target))


def init(
    *,
    path: Annotated[Path, typer.Option("--path", metavar="FOLDER", help="The checkout.")] = Path(),
    pin: Annotated[
        str | None, typer.Option("--pin", metavar="OWNER/REPO@SHA", help="Where the workflows take Cicatrix from.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option("--branch", metavar="NAME", help="The default branch; the current one unless given.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be written.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Write the workflows and the lawbook into this repository."""
    from . import initialising

    raise typer.Exit(
        initialising.init(initialising.Options(path=path, pin=pin, branch=branch, dry_run=dry_run, force=force))
    )
