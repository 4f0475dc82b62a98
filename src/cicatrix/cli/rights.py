"""The nouns about rights: `registry`, `key`, `kill`. Only Typer is imported here."""
# ruff: noqa: PLC0415 -- the import budget: `--version`, `--help` and completion load nothing but Typer

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .screen import Format

AsJson = Annotated[bool, typer.Option("--json", help="JSON, as in pipes.")]
Output = Annotated[
    Format | None, typer.Option("--output", "-o", help="table on a terminal, json in pipes, unless given.")
]
Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="Documents, or folders of .yml and .yaml files.")]
OneRepo = Annotated[str, typer.Option("--repo", "-R", metavar="OWNER/REPO", help="The repository.")]
AnyRepo = Annotated[str | None, typer.Option("--repo", "-R", metavar="OWNER/REPO", help="The repository.")]
Host = Annotated[
    str | None, typer.Option("--host", metavar="NAME", help="The host of CICATRIX_HOSTS; the first one unless given.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")]


def _noun(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=False, rich_markup_mode=None, pretty_exceptions_enable=False)


registry = _noun("What may be automated in which repository.")
key = _noun("API keys of callers.")
kill = _noun("The kill switch: stops every write to GitHub, everywhere or in a scope.")

APPS = {"registry": registry, "key": key, "kill": kill}
NOUNS = {
    "registry": ("check", "plan", "apply", "show", "history", "deactivate", "schema"),
    "key": ("create", "list", "revoke"),
    "kill": ("set", "lift", "list"),
}


@registry.command("check")
def registry_check(*, file: Files, as_json: AsJson = False, output: Output = None) -> None:
    """Check documents: every problem with line and column."""
    from . import registering

    raise typer.Exit(registering.check(file, as_json=as_json, output=output))


@registry.command("plan")
def registry_plan(*, file: Files, host: Host = None, as_json: AsJson = False, output: Output = None) -> None:
    """Show what applying the documents would change, and for whom. Writes nothing."""
    from . import registering

    registering.plan(file, host=host, as_json=as_json, output=output)


@registry.command("apply")
def registry_apply(*, file: Files, host: Host = None, as_json: AsJson = False, output: Output = None) -> None:
    """Make the documents count, all or none; shows the plan first."""
    from . import registering

    registering.apply(file, host=host, as_json=as_json, output=output)


@registry.command("show")
def registry_show(*, repo: AnyRepo = None, as_json: AsJson = False, output: Output = None) -> None:
    """Show a repository's active document with the origin of every field; without -R, list what is active."""
    from . import registries

    registries.show(repo=repo, as_json=as_json, output=output)


@registry.command("history")
def registry_history(*, repo: OneRepo, as_json: AsJson = False, output: Output = None) -> None:
    """Show every change of a repository's registry: when, by whom, which entry."""
    from . import registries

    registries.history(repo=repo, as_json=as_json, output=output)


@registry.command("deactivate")
def registry_deactivate(*, repo: OneRepo, reason: Reason, as_json: AsJson = False, output: Output = None) -> None:
    """Take a repository's registry back."""
    from . import registries

    registries.deactivate(repo=repo, reason=reason, as_json=as_json, output=output)


@registry.command("schema")
def registry_schema() -> None:
    """Print the JSON Schema of a registry document, for editors."""
    from . import registering

    registering.schema()


@key.command("create")
def key_create(
    *,
    role: Annotated[str, typer.Option(metavar="reader|operator|healer|admin", help="What its holder may do.")],
    label: Annotated[str, typer.Option(metavar="TEXT", help="Who holds it; shown in lists.")],
    repo: Annotated[
        list[str] | None, typer.Option("--repo", "-R", metavar="OWNER/REPO", help="A repository it is for; repeatable.")
    ] = None,
    all_repositories: Annotated[bool, typer.Option("--all-repositories", help="It is for every repository.")] = False,
    action: Annotated[
        list[str] | None, typer.Option(metavar="TYPE", help="An action it is for; repeatable. All unless given.")
    ] = None,
    expires: Annotated[str, typer.Option(metavar="DAYS", help="When it ends: 1d to 365d from now.")] = "90d",
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Make an API key and print it, this once."""
    from . import keying

    keying.create(
        keying.Wanted(
            role=role,
            label=label,
            repositories=tuple(repo or ()),
            all_repositories=all_repositories,
            actions=tuple(action or ()),
            expires=expires,
        ),
        as_json=as_json,
        output=output,
    )


@key.command("list")
def key_list(*, as_json: AsJson = False, output: Output = None) -> None:
    """List keys, without their secrets."""
    from . import keying

    keying.listed(as_json=as_json, output=output)


@key.command("revoke")
def key_revoke(
    *,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `key list` shows it.")],
    reason: Reason,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """End a key at once."""
    from . import keying

    keying.revoke(key_id, reason=reason, as_json=as_json, output=output)


Scope = Annotated[
    str | None,
    typer.Option(
        metavar="deployment|organisation|repository|action",
        help="Unless given: what the other options name; without any, the deployment.",
    ),
]
Org = Annotated[str | None, typer.Option("--org", metavar="ORG", help="The organisation, or the person that owns.")]
Action = Annotated[str | None, typer.Option("--action", metavar="TYPE", help="The action, in every repository.")]


@kill.command("set")
def kill_set(
    *,
    reason: Reason,
    scope: Scope = None,
    repo: AnyRepo = None,
    org: Org = None,
    action: Action = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Stop writes to GitHub, from the next one on."""
    from . import killing

    wanted = killing.Wanted(scope=scope, repo=repo, org=org, action=action)
    killing.set_switch(wanted, reason=reason, as_json=as_json, output=output)


@kill.command("lift")
def kill_lift(
    *,
    reason: Reason,
    scope: Scope = None,
    repo: AnyRepo = None,
    org: Org = None,
    action: Action = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Allow writes again; in production only by somebody else than who stopped them."""
    from . import killing

    wanted = killing.Wanted(scope=scope, repo=repo, org=org, action=action)
    killing.lift_switch(wanted, reason=reason, as_json=as_json, output=output)


@kill.command("list")
def kill_list(*, as_json: AsJson = False, output: Output = None) -> None:
    """List what stops writes: database, variable, file."""
    from . import killing

    killing.listed(as_json=as_json, output=output)
