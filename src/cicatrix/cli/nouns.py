"""The commands of the form `cicatrix NOUN VERB`. Only Typer is imported here."""
# ruff: noqa: PLC0415 -- the import budget: `--version`, `--help` and completion load nothing but Typer

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import rights
from .screen import Format

AsJson = Annotated[bool, typer.Option("--json", help="JSON, as in pipes.")]
Output = Annotated[
    Format | None, typer.Option("--output", "-o", help="table on a terminal, json in pipes, unless given.")
]
BaseLawbook = Annotated[
    Path | None, typer.Option("--lawbook", metavar="FILE", help="The deployment's base lawbook (CICATRIX_LAWBOOK).")
]


def _noun(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=False, rich_markup_mode=None, pretty_exceptions_enable=False)


ledger = _noun("The record: entries, tree head, export and proof.")
lawbook = _noun("The rules: check a file, show what holds, store versions, print the JSON Schema.")
operation = _noun("Writes to GitHub that were intended, and their fate.")
config = _noun("The settings in force.")

APPS = {"ledger": ledger, "lawbook": lawbook, "operation": operation, **rights.APPS, "config": config}
NOUNS = {
    "ledger": ("list", "show", "head", "verify", "export"),
    "lawbook": ("check", "show", "diff", "activate", "deactivate", "history", "schema"),
    "operation": ("list", "show", "resolve"),
    **rights.NOUNS,
    "config": ("show",),
}


@ledger.command("list")
def ledger_list(
    *,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind, such as rerun.decided.")] = None,
    run_id: Annotated[str | None, typer.Option("--run-id", metavar="ID", help="Only entries of this run.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-L", min=1, help="The newest so many.")] = 30,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """List the newest entries, oldest of them first."""
    from . import ledgers

    ledgers.listed(kind=kind, run_id=run_id, limit=limit, as_json=as_json, output=output)


@ledger.command("show")
def ledger_show(
    *,
    entry: Annotated[
        str, typer.Argument(metavar="INDEX|ID", help="An entry's index, or a decision's or operation's id.")
    ],
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Show entries in full, their texts resolved."""
    from . import ledgers

    ledgers.show(entry, as_json=as_json, output=output)


@ledger.command("head")
def ledger_head(*, as_json: AsJson = False, output: Output = None) -> None:
    """Print size and root; as JSON with leaf prefixes, to be kept elsewhere for `ledger verify`."""
    from . import ledgers

    ledgers.head(as_json=as_json, output=output)


@ledger.command("verify")
def ledger_verify(
    *,
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="A file that `ledger export` wrote.")],
    head: Annotated[Path, typer.Option("--head", metavar="HEAD", help="A file that `ledger head --json` wrote.")],
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Check an export against a head kept elsewhere. Needs the two files and nothing else."""
    from . import verifying

    raise typer.Exit(verifying.verify(export, head, as_json=as_json, output=output))


@ledger.command("export")
def ledger_export(
    *,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Where to; standard output without it.")] = None,
) -> None:
    """Write every entry as one JSON line: index, leaf hash, entry, root after it."""
    from . import ledgers

    ledgers.export(file)


@lawbook.command("check")
def lawbook_check(
    *,
    file: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help=".github/cicatrix.yml unless given.")
    ] = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Check lawbook files: every problem with line and column."""
    from . import lawbooks

    raise typer.Exit(lawbooks.check(file or [], as_json=as_json, output=output))


@lawbook.command("show")
def lawbook_show(
    *,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The repository's file; .github/cicatrix.yml if it is there.")
    ] = None,
    repo: Annotated[
        str | None, typer.Option("--repo", "-R", metavar="OWNER/REPO", help="Read the file from GitHub instead.")
    ] = None,
    lawbook: BaseLawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Show the resolved lawbook: every value and where it comes from."""
    from . import lawbooks

    lawbooks.show(file, repo=repo, lawbook=lawbook, as_json=as_json, output=output)


Scope = Annotated[
    str | None,
    typer.Option(
        metavar="deployment|organisation|repository",
        help="Unless given: what -R or --org names; without them, the deployment.",
    ),
]
ScopeRepo = Annotated[
    str | None, typer.Option("--repo", "-R", metavar="OWNER/REPO", help="The repository, or one of the organisation.")
]
ScopeOrg = Annotated[str | None, typer.Option("--org", metavar="ORG", help="The organisation.")]


@lawbook.command("activate")
def lawbook_activate(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A lawbook with a version of its own.")],
    scope: Scope = None,
    repo: ScopeRepo = None,
    org: ScopeOrg = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Store a lawbook as a version that never changes, and make it active."""
    from . import lawbook_store

    lawbook_store.store(file, scope=scope, repo=repo, org=org, as_json=as_json, output=output)


@lawbook.command("deactivate")
def lawbook_deactivate(
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")],
    scope: Scope = None,
    repo: ScopeRepo = None,
    org: ScopeOrg = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """End the stored lawbook that is active in a scope."""
    from . import lawbook_store

    lawbook_store.end(scope=scope, repo=repo, org=org, reason=reason, as_json=as_json, output=output)


@lawbook.command("history")
def lawbook_history(
    *,
    scope: Scope = None,
    repo: ScopeRepo = None,
    org: ScopeOrg = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Show which stored lawbook was active when, and by whom."""
    from . import lawbook_store

    lawbook_store.history(scope=scope, repo=repo, org=org, as_json=as_json, output=output)


@lawbook.command("diff")
def lawbook_diff(
    *,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The lawbook that holds.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The lawbook that is proposed.")],
    repo: Annotated[
        str | None, typer.Option("--repo", "-R", metavar="OWNER/REPO", help="Only decisions about this repository.")
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 90d, 24h or 30m.")] = "90d",
    place: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="deployment|organisation|repository",
            help="Whose lawbook the two are; what the deployment has beside it holds too.",
        ),
    ] = "repository",
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="End with 1 if a decision would change: a gate for policy changes.")
    ] = False,
    lawbook: BaseLawbook = None,
    as_json: AsJson = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="table|json|md", help="table on a terminal, json in pipes, unless given."
        ),
    ] = None,
) -> None:
    """Replay two lawbooks over recorded decisions and list every one that would change. GitHub is not asked."""
    from . import diffing

    raise typer.Exit(
        diffing.diff(
            diffing.Asked(
                old=old,
                new=new,
                repo=repo,
                since=since,
                place=diffing.place_of(place),
                lawbook=lawbook,
                fail_on_change=fail_on_change,
                as_json=as_json,
                output=diffing.shape_of(output),
            )
        )
    )


@lawbook.command("schema")
def lawbook_schema() -> None:
    """Print the JSON Schema of a lawbook file, for editors."""
    from . import lawbooks

    lawbooks.schema()


@operation.command("list")
def operation_list(
    *,
    every: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-L", min=1, help="The newest so many.")] = 30,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """List operations that are open, or that a person has to resolve."""
    from . import operations

    operations.listed(every=every, limit=limit, as_json=as_json, output=output)


@operation.command("show")
def operation_show(
    *, operation_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False, output: Output = None
) -> None:
    """Show one operation and its entries."""
    from . import operations

    operations.show(operation_id, as_json=as_json, output=output)


@operation.command("resolve")
def operation_resolve(
    *,
    operation_id: Annotated[
        str, typer.Argument(metavar="ID", help="An INDETERMINATE operation or an identity conflict.")
    ],
    verdict: Annotated[str, typer.Option("--as", metavar="happened|did-not-happen", help="What you found at GitHub.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="How you know; it is recorded.")],
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """End an operation whose outcome nobody could read. Writes to the ledger only."""
    from . import operations

    operations.resolve(operation_id, verdict=verdict, reason=reason, as_json=as_json, output=output)


@config.command("show")
def config_show(*, as_json: AsJson = False, output: Output = None) -> None:
    """Show every setting, its origin and its value; secrets masked."""
    from . import configuring

    configuring.show(as_json=as_json, output=output)
