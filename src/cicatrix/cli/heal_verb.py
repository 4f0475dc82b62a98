"""The verb `heal` with its options. Only Typer is imported here."""
# ruff: noqa: PLC0415 -- the import budget: `--version`, `--help` and completion load nothing but Typer

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .screen import Format


def heal(
    *,
    target: Annotated[
        str | None,
        typer.Argument(metavar="TARGET", help="A pull request or commit as for rerun; else a commit of the checkout."),
    ] = None,
    path: Annotated[Path, typer.Option("--path", metavar="DIR", help="A folder of the checkout.")] = Path(),
    commit: Annotated[
        str, typer.Option("--ref", "--sha", metavar="COMMIT", help="Which commit of the checkout: a SHA, HEAD.")
    ] = "HEAD",
    repo: Annotated[str | None, typer.Option("--repo", "-R", metavar="OWNER/REPO", help="The repository.")] = None,
    branch: Annotated[
        str | None, typer.Option(metavar="NAME", help="The branch that the fix is for; the checkout's unless given.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Propose the fixes as a branch and a draft pull request. Else a dry run.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what the fixes would do, as without --yes.")] = False,
    lawbook: Annotated[
        Path | None, typer.Option("--lawbook", metavar="FILE", help="The deployment's base lawbook (CICATRIX_LAWBOOK).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as in pipes.")] = False,
    output: Annotated[
        Format | None, typer.Option("--output", "-o", help="table on a terminal, json in pipes, unless given.")
    ] = None,
) -> None:
    """Run the allowed fixes on a commit in clean copies, and measure what they do. A dry run unless --yes."""
    from . import healing

    options = healing.Options(
        path=path, commit=commit, repo=repo, branch=branch, yes=yes and not dry_run, lawbook=lawbook
    )
    raise typer.Exit(healing.heal(target, options, as_json=as_json, output=output))
