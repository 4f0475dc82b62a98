"""`cicatrix heal`: what the allowed fixes would do to a commit; with --yes as a branch and a draft pull request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cicatrix import wiring
from cicatrix.core.cases import Case, CaseState
from cicatrix.core.health.model import Measurement
from cicatrix.core.remedy.model import Remedy
from cicatrix.flows.explain import explain_case
from cicatrix.flows.gate import repository_of
from cicatrix.flows.heal_local import Tried, try_fixes
from cicatrix.flows.heal_told import healing_json
from cicatrix.flows.ladder.asking import propose_fix
from cicatrix.flows.standing import own_remedies
from cicatrix.git import local_facts
from cicatrix.settings import Settings, inherited

from . import state
from .actions_output import step_outputs
from .errors import Code, Stop, usage
from .keeping import looked_up
from .screen import Format
from .session import opened, principal_of, require_lawbook, settings_of
from .targets import parse_all, repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    path: Path = Path()
    commit: str = "HEAD"
    """Of the checkout, where no TARGET is given."""
    repo: str | None = None
    branch: str | None = None
    yes: bool = False
    lawbook: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """The commit to be repaired; `branch` is where it lies, as far as that is known."""

    commit: str
    branch: str | None


def heal(target: str | None, options: Options, *, as_json: bool, output: Format | None) -> Code:
    """Show what fixes would do, or with --yes propose them. Somebody's checkout is never touched."""
    shape = state.screen.format(output, as_json)
    settings = settings_of(lawbook=options.lawbook)
    if options.yes:
        return _propose(settings, target, options, shape)
    subject = _subject(settings, target, options)
    deployment = wiring.deployment(settings)
    if deployment.base_problems:
        raise Stop(
            "The lawbook cannot be used.", f"{deployment.base_problems[0]}.", "`cicatrix lawbook check` lists more."
        )
    log = wiring.stderr_log(state.screen.redact) if state.screen.verbose else wiring.silent
    tried = try_fixes(
        options.path,
        subject.commit,
        base=deployment.base,
        environ=inherited(),
        now=wiring.now(),
        own=_own(settings, options),
        log=log,
    )
    step_outputs(settings, {**tried.healing.outputs(), "remediation_applied": "false"})
    if shape is Format.JSON:
        told = {"lawbookHash": tried.lawbook_hash, "ignored": list(tried.ignored)}
        state.screen.json({**healing_json(tried.healing, dry_run=True), **told})
    else:
        _show(tried)
    good = tried.healing.commit is not None or tried.healing.before.ready is True
    return Code.DONE if good else Code.BLOCKED


def _subject(settings: Settings, target: str | None, options: Options) -> _Subject:
    """A pull request's head as GitHub tells it, or the commit of the checkout."""
    if target is None:
        facts = local_facts(options.path)
        named = options.commit in {"HEAD", facts.branch}
        return _Subject(commit=options.commit, branch=options.branch or (facts.branch if named else None))
    pointed = parse_all([target], repo=options.repo, run_id=None, hosts=wiring.hosts(settings))[0]
    place = pointed.target
    if place.sha is not None:
        return _Subject(commit=place.sha, branch=options.branch)
    if place.pull_request is None:
        raise usage(
            "A run cannot be healed by its id here.",
            "Fixes are for a commit: of a pull request, or of this checkout.",
            "Name the pull request or owner/repo@SHA; a run's own case goes on to its fixes by itself.",
        )
    with opened(settings, pointed.host, read_only=True) as ctx:
        pull = ctx.github.pull_request(place.owner, place.repository, place.pull_request)
    if options.yes and pull.head_repository_id != pull.base.id:
        raise Stop(
            f"{place} comes from a fork.",
            "A fix is a branch of the repository itself, and nothing is written to a fork.",
            "Its author can run `cicatrix heal` on their checkout and commit what it shows.",
            Code.BLOCKED,
        )
    return _Subject(commit=pull.head_sha, branch=pull.head_ref)


def _named(settings: Settings, target: str | None, options: Options) -> tuple[str, str, str] | None:
    """Host, owner and name of the repository, as far as anything says them."""
    hosts = wiring.hosts(settings)
    if target is not None:
        pointed = parse_all([target], repo=options.repo, run_id=None, hosts=hosts)[0]
        return pointed.host, pointed.target.owner, pointed.target.repository
    if options.repo is not None:
        return repository(options.repo, hosts)
    found = repository_of(local_facts(options.path).origin)
    try:
        return repository("/".join(found), hosts) if found else None
    except Stop:  # the remote is on a host that is not configured
        return None


def _own(settings: Settings, options: Options) -> tuple[Remedy, ...]:
    """The fixes of the repository's registry, where a ledger and a credential can tell them."""
    named = _named(settings, None, options)
    if (
        named is None
        or wiring.ledger_missing(settings)
        or wiring.credentials_for(settings, wiring.pick_host(settings, named[0])) is None
    ):
        return ()
    host, owner, name = named
    with opened(settings, host, read_only=True) as ctx:
        home, _ = looked_up(ctx, owner, name)
        if home is None:
            return ()
        with ctx.ledger.read() as view:
            return own_remedies(view, home)


def _propose(settings: Settings, target: str | None, options: Options, shape: Format) -> Code:
    named = _named(settings, target, options)
    if named is None:
        raise usage("The repository is not known.", "There is no remote `origin` of a known host.", "Add -R.")
    host, owner, name = named
    subject = _subject(settings, target, options)
    with opened(settings, host) as ctx:
        require_lawbook(ctx)
        home = ctx.github.repository(owner, name)
        if target is None and subject.branch is None:
            raise usage("The branch is not known.", "The checkout stands on none.", "Name it with --branch.")
        branch = subject.branch or home.default_branch
        sha = subject.commit if target is not None else _full(options)
        case = propose_fix(ctx, home, branch=branch, sha=sha, principal=principal_of(ctx, owner, name))
        with ctx.ledger.read() as view:
            told = explain_case(view, case.id)
    step_outputs(settings, _outputs(case))
    screen = state.screen
    if shape is Format.JSON:
        screen.json(told)
    else:
        screen.line(f"case {case.id} is {case.state.value}: {screen.safe(case.note)}")
        screen.say(f"`cicatrix explain {case.id}` tells its story")
    return _code(case)


def _outputs(case: Case) -> dict[str, object]:
    """The seed's step outputs of a proposed fix, and its commit. Applied means that the commit exists (RM-5)."""
    found = case.data.get("fix")
    fix = found if isinstance(found, dict) else {}
    return {
        "remediation_applied": bool(fix.get("sha")),
        "remediation_commit": str(fix.get("sha", "")),
        "security_score_improvement": fix.get("security"),
        "build_diagnostic_available": fix.get("builds") is not None,
    }


def _code(case: Case) -> Code:
    if case.state is CaseState.CLOSED:
        return Code.DONE
    return Code.BLOCKED if case.state in {CaseState.HANDED_OVER, CaseState.HELD} else Code.PENDING


def _full(options: Options) -> str:
    """The full SHA of the checkout's commit; the remote must have it too, and its mirror is asked for that."""
    facts = local_facts(options.path)
    if options.commit == "HEAD" and facts.head is not None:
        return facts.head
    from cicatrix.git import local_worktree  # noqa: PLC0415 -- only a commit that is not HEAD pays for a worktree

    with local_worktree(options.path, options.commit) as tree:
        return tree.sha


# --- the table


def _show(tried: Tried) -> None:
    screen, healing = state.screen, tried.healing
    screen.line(f"{healing.base_sha[:12]}: {_health(healing.before)}, and {_health(healing.after)} after the fixes")
    for fix in healing.applied:
        screen.folded(f"✓ {fix.id}: {_counted(fix.files, 'file')}, {_counted(fix.lines, 'line')}", hang=2)
    for declined in healing.declined:
        screen.folded(f"○ {screen.safe(declined.id)}: {declined.reason}, {screen.safe(declined.why)}", hang=2)
    for change in healing.changes:
        screen.line(f"  {change.status} {screen.safe(change.path)} +{change.added} -{change.removed}")
    if healing.commit is not None:
        screen.line("a dry run: --yes proposes this as a branch and a draft pull request")
        return
    screen.folded(f"nothing would be proposed: {screen.safe(healing.why)}", hang=2)
    for line in tried.ignored:
        screen.folded(f"! {screen.safe(line)}", hang=2)
    if not tried.allowed and not tried.ignored:
        screen.folded("no fix is allowed: list ids under remediation.allow in the deployment's lawbook", hang=2)


def _health(found: Measurement | None) -> str:
    if found is None:
        return "nothing was measured"
    return f"health {'unknown' if found.health is None else found.health}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
