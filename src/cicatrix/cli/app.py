"""Every command with its options. Only Typer is imported here; each command imports the rest when it runs."""
# ruff: noqa: PLC0415 -- the import budget: `--version`, `--help` and completion load nothing but Typer

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cicatrix import __version__

from . import heal_verb, nouns, report_verbs
from .screen import Format

VERBS = (
    "rerun",
    "explain",
    "triage",
    "prompt",
    "diagnose",
    "gate",
    "heal",
    "validate",
    "dispatch",
    "rollback",
    "release",
    "report",
    "init",
    "tick",
    "up",
    "doctor",
    "verify-deployment",
    "simulate",
    "demo",
)
NOUNS = nouns.NOUNS

app = typer.Typer(
    name="cicatrix",
    help="Reruns exactly the failed GitHub Actions jobs that deserve it, within bounds that hold, and records why.",
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done or nothing to do, 1 error, 2 usage, 3 blocked, 4 authentication or permission, "
    "5 ledger verification failed, 8 pending. With several targets the worst one counts: 4, 1, 2, 8, 3, 0.",
)
for _name, _noun in nouns.APPS.items():
    app.add_typer(_noun, name=_name)

Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TARGET",
        help="123 with -R, owner/repo#123, owner/repo@SHA, run:ID with -R, or the URL of a pull request or run.",
    ),
]
Repo = Annotated[str | None, typer.Option("--repo", "-R", metavar="OWNER/REPO", help="The repository.")]
RunId = Annotated[str | None, typer.Option("--run-id", metavar="ID", help="One workflow run, by its id.")]
Lawbook = Annotated[
    Path | None, typer.Option("--lawbook", metavar="FILE", help="The deployment's base lawbook (CICATRIX_LAWBOOK).")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, as in pipes.")]
Output = Annotated[
    Format | None, typer.Option("--output", "-o", help="table on a terminal, json in pipes, unless given.")
]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"cicatrix {__version__}")
        raise typer.Exit


app.command()(heal_verb.heal)
app.command()(report_verbs.report)
app.command()(report_verbs.init)


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tracebacks and calls, on standard error.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR does the same.")] = False,
) -> None:
    """Options that may stand anywhere on the line; the shell has read them already."""
    del version, verbose, no_color


@app.command(epilog=app.info.epilog)
def rerun(
    *,
    target: Targets = None,
    repo: Repo = None,
    run_id: RunId = None,
    mode: Annotated[str, typer.Option(metavar="FAILED_ONLY|ALL_JOBS", help="What to rerun.")] = "FAILED_ONLY",
    max_attempts: Annotated[
        int, typer.Option(min=1, max=5, help="Reruns of a job at most; can only lower the lawbook's limit.")
    ] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and record, reserve and send nothing.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until the outcome is known: 0 healed, 1 failed again, 8 no outcome yet.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="How long --wait waits at most; 3600 unless given.")
    ] = None,
    request_id: Annotated[
        str | None, typer.Option("--request-id", metavar="ID", help="Asked again with the same id: the stored answer.")
    ] = None,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Decide about everything red at TARGET and rerun what deserves it."""
    from . import rerunning

    raise typer.Exit(
        rerunning.rerun(
            target or [],
            rerunning.Options(
                repo=repo,
                run_id=run_id,
                mode=mode,
                max_attempts=max_attempts,
                dry_run=dry_run,
                wait=wait,
                timeout=timeout,
                request_id=request_id,
                lawbook=lawbook,
                as_json=as_json,
                output=output,
            ),
        )
    )


@app.command()
def explain(
    *,
    target: Annotated[
        str | None,
        typer.Argument(metavar="TARGET|OPERATION|REASON", help="As for rerun; or an operation's id, or a reason code."),
    ] = None,
    repo: Repo = None,
    run_id: RunId = None,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Say why and why not, per job, and what would change the answer. Writes nothing."""
    from . import explaining

    explaining.explain(target, repo=repo, run_id=run_id, lawbook=lawbook, as_json=as_json, output=output)


@app.command()
def triage(
    *,
    target: Annotated[str | None, typer.Argument(metavar="TARGET", help="As for rerun.")] = None,
    repo: Repo = None,
    run_id: RunId = None,
    max_log_bytes: Annotated[int, typer.Option(min=1, max=1_048_576, help="Bytes of each excerpt at most.")] = 65_536,
    max_steps: Annotated[int, typer.Option(min=1, max=500, help="Steps told of each job at most.")] = 50,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Say what failed, of which class, on what evidence, and what comes next. Writes nothing."""
    from . import triaging

    options = triaging.Options(
        repo=repo, run_id=run_id, lawbook=lawbook, max_log_bytes=max_log_bytes, max_steps=max_steps
    )
    triaging.triage(target, options, as_json=as_json, output=output)


@app.command()
def prompt(
    *,
    target: Annotated[str | None, typer.Argument(metavar="TARGET", help="As for rerun.")] = None,
    repo: Repo = None,
    run_id: RunId = None,
    max_files: Annotated[int, typer.Option(min=1, max=50, help="Files a repair may change.")] = 5,
    prefer_minimal_diff: Annotated[
        bool, typer.Option("--minimal-diff/--no-minimal-diff", help="Ask for the smallest change, or for the cause.")
    ] = True,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Write a prompt for whoever repairs what failed, one for each class of failure. Writes nothing to GitHub."""
    from . import triaging

    triaging.prompt(
        target,
        triaging.Options(repo=repo, run_id=run_id, lawbook=lawbook),
        max_files=max_files,
        prefer_minimal_diff=prefer_minimal_diff,
        as_json=as_json,
        output=output,
    )


@app.command()
def diagnose(
    *,
    source: Annotated[
        list[str], typer.Argument(metavar="FILE|RUN_URL", help="Logs, `-` for standard input, or the URL of a run.")
    ],
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Name what a failed job died of, from its log alone: one JSON object a file."""
    from . import diagnosing

    raise typer.Exit(diagnosing.diagnose(source, as_json=as_json, output=output))


@app.command(
    epilog="Exit codes: 0 ready, 1 blocked, unknown or an error, 2 warnings, 64 usage.",
)
def gate(
    *,
    path: Annotated[Path, typer.Option("--path", metavar="DIR", help="A folder of the checkout.")] = Path(),
    commit: Annotated[
        str, typer.Option("--ref", "--sha", metavar="COMMIT", help="What to measure: a SHA, a branch, HEAD.")
    ] = "HEAD",
    checks: Annotated[
        Path | None,
        typer.Option("--checks", metavar="FILE", help="A lawbook whose checks are run; else the commit's own."),
    ] = None,
    report_only: Annotated[bool, typer.Option("--report-only", help="Store nothing and open no case.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Show stored measurements; measure nothing.")] = False,
    output_file: Annotated[
        Path | None, typer.Option("--output-file", metavar="FILE", help="Where the JSON goes as well.")
    ] = None,
    repo: Repo = None,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Run the stability checks on a commit of this checkout, in a clean copy, and say how healthy it is."""
    from . import gating

    options = gating.Options(
        path=path,
        commit=commit,
        repo=repo,
        checks=checks,
        report_only=report_only,
        history=history,
        file=output_file,
        lawbook=lawbook,
    )
    raise typer.Exit(gating.gate(options, as_json=as_json, output=output))


@app.command()
def validate(
    *,
    sha: Annotated[
        str | None, typer.Option("--sha", metavar="SHA", help="This commit, in full, instead of the payload's.")
    ] = None,
    path: Annotated[Path, typer.Option("--path", metavar="DIR", help="The checkout.")] = Path(),
    measure_only: Annotated[
        bool, typer.Option("--measure-only", help="Run the checks and stop: nothing is judged or signed.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Judge and sign what --measure-only wrote.")
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output-file", metavar="FILE", help="Where the JSON goes as well.")
    ] = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Measure the commit that a dispatch names, and report what it found. Writes nothing to GitHub."""
    from . import validating

    options = validating.Options(path=path, sha=sha, measure_only=measure_only, report=report, file=output_file)
    raise typer.Exit(validating.validate(options, as_json=as_json, output=output))


@app.command()
def rollback(
    *,
    sha: Annotated[str, typer.Argument(metavar="SHA", help="The commit to revert, in full.")],
    repo: Repo = None,
    branch: Annotated[
        str | None, typer.Option(metavar="NAME", help="The branch; the default one unless given.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Make the revert: a draft in CI, a prepared branch elsewhere. Else a dry run.")
    ] = False,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Revert a named commit as a draft pull request. A dry run unless --yes; never forced, never your checkout."""
    from . import rolling_back

    asked = rolling_back.Asked(repo=repo, branch=branch, yes=yes, lawbook=lawbook, as_json=as_json, output=output)
    raise typer.Exit(rolling_back.rollback(sha, asked))


@app.command()
def dispatch(
    *,
    sha: Annotated[str, typer.Argument(metavar="SHA", help="The commit to validate, in full.")],
    repo: Repo = None,
    branch: Annotated[
        str | None, typer.Option(metavar="NAME", help="The branch; the default one unless given.")
    ] = None,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Ask the validation workflow to measure a commit. `tick` reads its signed report."""
    from . import rolling_back

    asked = rolling_back.Asked(repo=repo, branch=branch, lawbook=lawbook, as_json=as_json, output=output)
    raise typer.Exit(rolling_back.dispatch(sha, asked))


@app.command()
def release(
    *,
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case that `gate` names.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why the branch is safe again; it is recorded.")],
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Open the gate of a branch again after a rollback. Recorded under your name."""
    from . import rolling_back

    rolling_back.released(case, reason=reason, as_json=as_json, output=output)


@app.command()
def tick(
    *,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Wake every due case once: settle by reading, send what was deferred, judge reruns."""
    from . import ticking

    ticking.tick(lawbook=lawbook, as_json=as_json, output=output)


@app.command()
def doctor(
    *,
    repo: Repo = None,
    lawbook: Lawbook = None,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Check the set-up: one line and one remedy an item. Writes nothing to GitHub."""
    from . import doctoring

    raise typer.Exit(doctoring.doctor(repo=repo, lawbook=lawbook, as_json=as_json, output=output))


@app.command()
def up(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 is a free one.")] = 8470,
    lawbook: Lawbook = None,
) -> None:
    """Serve the API and wake what is due, in one process, until Ctrl-C or SIGTERM."""
    from . import upping

    upping.up(host=host, port=port, lawbook=lawbook)


@app.command("verify-deployment")
def verify_deployment(
    *,
    base_url: Annotated[str, typer.Option("--base-url", metavar="URL", help="Where the API is.")],
    owner: Annotated[str, typer.Option(metavar="NAME", help="The repository's owner.")],
    repo: Annotated[str, typer.Option("--repo", metavar="NAME", help="The repository's name, without its owner.")],
    pr_number: Annotated[int, typer.Option("--pr-number", min=1, help="A pull request with a failure that stays.")],
    run_id: Annotated[int | None, typer.Option("--run-id", min=1, help="One workflow run, by its id.")] = None,
    mode: Annotated[str, typer.Option(metavar="FAILED_ONLY|ALL_JOBS", help="What to rerun.")] = "FAILED_ONLY",
    max_attempts: Annotated[int, typer.Option(min=1, max=5, help="Of scenario 1; scenario 3 asks with 1.")] = 2,
    token: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Every process here can see it: rather --token-file.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with the token alone (CICATRIX_TOKEN_FILE).")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the rerun.")] = 900,
    interval: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Between two looks at it.")] = 15,
    as_json: AsJson = False,
    output: Output = None,
) -> None:
    """Run the seed's three scenarios against a deployment's API, and prove its record. Spends at most one rerun."""
    from . import verifying_deployment as verifying

    raise typer.Exit(
        verifying.verify(
            verifying.Asked(
                base_url=base_url,
                owner=owner,
                repo=repo,
                pr_number=pr_number,
                run_id=run_id,
                mode=mode,
                max_attempts=max_attempts,
                token=token,
                token_file=token_file,
                timeout=timeout,
                interval=interval,
                as_json=as_json,
                output=output,
            )
        )
    )


@app.command()
def simulate(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the API on loopback; 0 is a free one.")] = 0,
    scenario: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML: what the GitHub holds.")] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=10_000, help="Simulated seconds in one second.")] = 30,
) -> None:
    """Serve a simulated GitHub for drills, until Ctrl-C; prints the lines that a shell needs."""
    from . import simulating

    simulating.simulate(port=port, scenario=scenario, speed=speed)


@app.command()
def demo() -> None:
    """Walk through the main job against a simulated GitHub, in under a minute."""
    from . import state
    from .demo import run

    raise typer.Exit(run(state.screen))
