"""One policy per repository: five places may say no, and the stricter value of all of them holds (foundations 1).

Access policy, registry, lawbook (stop rules and automation policies are sections of it), budgets, kill switch. What
needs GitHub is read first, as `Rules`; `policy_in` resolves it with what the ledger holds at that moment, so that a
registry, a stored lawbook or a switch that was changed meanwhile counts from the next decision on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cicatrix.core.actions import ROLE_FOR_ACTION, ActionType, Role
from cicatrix.core.attempts import RunFacts
from cicatrix.core.automation import AutomationVerdict, decide_automation
from cicatrix.core.facts import Repository
from cicatrix.core.lawbook import Layer, LayerKind, Resolved, pin_problem, resolve
from cicatrix.core.policy import Denial, Environment, Policy, RerunRequest
from cicatrix.core.reasons import Reason
from cicatrix.core.registry import Evaluation, Standing, evaluate
from cicatrix.flows.context import Context, Deployment
from cicatrix.lawbook import load
from cicatrix.ledger import View

REPOSITORY_LAWBOOK = ".github/cicatrix.yml"

LIMIT_WITHOUT_REGISTRY = 2
"""Reruns of a job that the service allows in staging where no registry says otherwise (AP-6): the seed's default."""

RERUNS = frozenset({ActionType.RERUN_FAILED_JOBS, ActionType.RERUN_CHECKS})

WITHOUT_REGISTRY = frozenset({ActionType.RERUN_FAILED_JOBS})
"""What a service may do in staging where no registry is active, reads apart (AP-6). In a shell a person decides."""

Stop = tuple[Reason, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What was read at GitHub for a policy: the repository's own lawbook, and the facts that its registry asks for."""

    own: Layer | None = None
    problems: tuple[str, ...] = ()
    """Why the repository's lawbook cannot be used."""
    dry_run: bool = False
    standing: Standing | None = None
    """None where no registry was active, or its action asks for nothing."""
    registry_hash: str = ""
    """Content of the registry for which `standing` was read."""
    caller: str = ""
    """Why the GitHub user who asked may ask no longer; read where the engine goes on with their request (AU-4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for, and of which repository."""

    request: RerunRequest
    home: Repository
    facts: RunFacts | None = None
    continuing: bool = False


@dataclass(slots=True)
class _Making:
    """A policy while it is being made."""

    stops: list[Stop] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    denial: Denial | None = None

    def deny(self, reason: Reason, denial: Denial) -> None:
        """One more place that says no; the first is the one that is told."""
        self.stops.append((reason, denial.why))
        self.denial = self.denial or denial


def read_rules(ctx: Context, owner: str, repository: str, *, dry_run: bool = False) -> Rules:
    """The repository's own lawbook, from its default branch (conditional request) and from nowhere else."""
    text = ctx.github.file(owner, repository, REPOSITORY_LAWBOOK) if ctx.deployment.read_repository_lawbook else None
    layer, problems = load(text, REPOSITORY_LAWBOOK) if text is not None else (None, ())
    return Rules(own=layer, problems=tuple(str(p) for p in problems), dry_run=dry_run)


def lawbook_of(
    view: View | None, deployment: Deployment, rules: Rules, home: Repository | None
) -> tuple[Resolved, tuple[str, ...]]:
    """The layers resolved, and every problem that makes one of them unusable.

    A file given to the deployment stands before the deployment's stored lawbook; a repository has its file and its
    stored lawbook, and of both the stricter value.
    """
    layers = [layer for layer in (deployment.base,) if layer is not None]
    problems = [*deployment.base_problems, *rules.problems]
    own = [rules.own] if rules.own is not None else []
    host, owner_id, repository_id = (home.host, home.owner_id, home.id) if home else ("", "", "")
    for stored in view.active_lawbooks(host, owner_id, repository_id) if view else ():
        kind = LayerKind(stored.scope)
        if kind is LayerKind.DEPLOYMENT and (deployment.base is not None or deployment.base_problems):
            continue
        layer, wrong = load(stored.content.encode(), f"{stored.file} (stored)", kind=kind)
        problems += [str(problem) for problem in wrong]
        if layer is not None:
            (own if kind is LayerKind.REPOSITORY else layers).append(layer)
    return resolve([*layers, *own]), tuple(problems)


def policy_in(
    view: View | None,
    deployment: Deployment,
    rules: Rules,
    request: RerunRequest | None = None,
    facts: RunFacts | None = None,
    *,
    home: Repository | None = None,
    continuing: bool = False,
) -> Policy:
    """The policy as of this moment. Binding only where `view` is a transaction that writes.

    `continuing`: the request has acted already and goes on (queued jobs, a deferred call), so cooldowns and windows,
    which its own first call began, do not hold it. Everything else is asked again.
    `home` (else the repository of `facts`) is the repository as GitHub tells it now; without one no registry is asked.
    """
    home = facts.repository if facts else home
    resolved, problems = lawbook_of(view, deployment, rules, home)
    making = _Making()
    _judge_lawbook(making, deployment, rules, resolved, problems)
    evaluation, automation = None, None
    limit, bound_by = None, "registry maxRetries"
    if view is not None and home is not None and request is not None:
        asked = Asked(request=request, home=home, facts=facts, continuing=continuing or request.only_jobs is not None)
        _judge_access(making, deployment, home, facts)
        _judge_caller(making, view, rules, asked)
        evaluation, limit, bound_by = _judge_registry(making, view, deployment, rules, asked)
        automation = _judge_automation(making, view, deployment, resolved, asked, evaluation=evaluation)
    if deployment.attempt_bound_only:
        making.remarks.append("inside GitHub Actions without a database: wider budgets are not enforced here")
    making.remarks += [f"lawbook: {line}" for line in resolved.ignored]
    return Policy(
        resolved=resolved,
        environment=deployment.environment,
        registry_limit=limit,
        registry_bound=bound_by,
        stops=tuple(making.stops),
        attempt_bound_only=deployment.attempt_bound_only,
        remarks=tuple(making.remarks),
        evaluation=evaluation,
        automation=automation,
        denial=making.denial,
        access_hash=deployment.access.hash if deployment.access else "",
    )


def _judge_lawbook(
    making: _Making, deployment: Deployment, rules: Rules, resolved: Resolved, problems: tuple[str, ...]
) -> None:
    if switch := deployment.kill_switch():
        making.stops.append((Reason.KILL_SWITCH, switch))
    mismatch = pin_problem(deployment.lawbook_pin, resolved)
    if mismatch and rules.dry_run:
        why = f"{Reason.LAWBOOK_MISMATCH}: {mismatch}; reads and dry runs work, a write would be refused"
        making.remarks.append(why)
    elif mismatch:
        making.stops.append((Reason.LAWBOOK_MISMATCH, mismatch))
    making.stops += [(Reason.LAWBOOK_BLOCK, problem) for problem in problems]
    if not resolved.built_in:
        return
    if deployment.environment is Environment.PROD:
        why = "prod has no lawbook: `cicatrix lawbook activate`, --lawbook, CICATRIX_LAWBOOK or .github/cicatrix.yml"
        making.stops.append((Reason.LAWBOOK_BLOCK, why))
    else:
        making.remarks.append(f"staging, under the built-in lawbook {resolved.lawbook.version}")


def _judge_access(making: _Making, deployment: Deployment, home: Repository, facts: RunFacts | None) -> None:
    """AU-1. The branch is the pull request's base, which a stranger cannot choose; else the run's own branch."""
    if deployment.access is None:
        return
    refusal = deployment.access.refusal(home.owner, home.name)
    if refusal is None and facts is not None:
        pull = facts.pull_request
        branch = pull.base_ref if pull else facts.run.head_branch or ""
        refusal = deployment.access.branch_refusal(home.owner, home.name, branch)
    if refusal is not None:
        making.deny(Reason.ACCESS_DENIED, access_denial(home.full_name, refusal.code, refusal.why))


def _judge_caller(making: _Making, view: View, rules: Rules, asked: Asked) -> None:
    """AU-4: whoever asked may still ask at the moment of each write, also for jobs that wait for their turn."""
    request, home = asked.request, asked.home
    why = rules.caller or _key_problem(view, request, home)
    if why:
        denial = Denial(
            code="CALLER_NOT_AUTHORISED",
            what=f"This caller may not do that on {home.full_name} any more.",
            why=why,
            next="Ask again with a credential that is good now; `cicatrix key list` shows what each key is for.",
            details={"repository": home.full_name, "action": request.action.value},
        )
        making.deny(Reason.ACCESS_DENIED, denial)


def _key_problem(view: View, request: RerunRequest, home: Repository) -> str:
    """Why the API key that asked is good for this no more; empty when it is, and when it was no key that asked."""
    kind, _, key_id = request.principal.partition(":")
    if kind != "key":
        return ""
    found = view.key(key_id)
    if found is None:
        return f"the ledger knows no key {key_id}"
    key, action = found[0], request.action
    if problem := key.problem(view.now):
        return problem
    if key.role < ROLE_FOR_ACTION.get(action, Role.ADMIN) or not key.allows(action):
        return f"{request.principal} is not for {action}"
    if not key.covers(home.host, home.id, home.full_name):
        return f"{request.principal} is not for {home.full_name} with the id {home.id}"
    return ""


def access_denial(full_name: str, code: str, why: str) -> Denial:
    """What is told where the allowlist says no."""
    return Denial(
        code="REPO_ACCESS_DENIED",
        what=f"Cicatrix may not act on {full_name}.",
        why=f"{code}: {why}",
        next="Add the repository and its branch to GITHUB_REPO_ALLOWLIST, and start the service again.",
        details={"repository": full_name, "policy": code},
    )


def _judge_registry(
    making: _Making, view: View, deployment: Deployment, rules: Rules, asked: Asked
) -> tuple[Evaluation, int | None, str]:
    """The evaluation of the request's action, the limit that follows, and what set that limit."""
    home, action = asked.home, asked.request.action
    active = view.active_registry(home.host, home.id)
    without = RERUNS if deployment.access is None else WITHOUT_REGISTRY
    if active is None and deployment.environment is Environment.STAGING and action in without:
        making.remarks.append("staging without a registry: reruns only, under built-in limits")
        told = Evaluation(
            allowed=True,
            status="allowed",
            action_type=action,
            warnings=("No active registry found for repository; staging allows reruns under built-in limits",),
            kind="no_registry",
        )
        limit = None if deployment.access is None else LIMIT_WITHOUT_REGISTRY
        return told, limit, "the built-in limit of staging without a registry"
    evaluation = evaluate(active, action, standing_now(view, deployment, rules, asked))
    if evaluation.warnings:
        making.remarks += [f"registry: {line}" for line in evaluation.warnings]
    if not evaluation.allowed:
        reason = Reason.APPROVAL_REQUIRED if evaluation.kind == "approval" else Reason.REGISTRY_DENIED
        if evaluation.kind == "cooldown":
            reason = Reason.COOLDOWN_ACTIVE
        making.deny(reason, registry_denial(home.full_name, evaluation))
        return evaluation, evaluation.max_retries, "registry"  # the refusal stops it; a bound of 0 would hide why
    if active is None:
        return evaluation, evaluation.max_retries, "registry"
    place = active.registry.origin(f"allowedActions.{action}.maxRetries")
    if evaluation.max_retries == 0:
        making.stops.append((Reason.REGISTRY_DENIED, f"registry allows 0: maxRetries of {action} is 0 ({place})"))
    return evaluation, evaluation.max_retries, f"registry maxRetries ({place})"


def standing_now(view: View, deployment: Deployment, rules: Rules, asked: Asked) -> Standing:
    """What an evaluation looks at: the facts that were read for this very registry, and what the ledger knows now."""
    home = asked.home
    active = view.active_registry(home.host, home.id)
    read = rules.standing if active and rules.registry_hash == active.registry.hash else None
    last = None if asked.continuing else view.last_allowed(home.host, home.id, asked.request.action)
    evidence = _evidence(asked)
    base = read or Standing(
        environment=deployment.environment,
        host=home.host,
        repository_id=home.id,
        full_name=home.full_name,
        now=view.now,
    )
    return replace(
        base,
        environment=deployment.environment,
        host=home.host,
        repository_id=home.id,
        full_name=home.full_name,
        now=view.now,
        last_allowed=last,
        evidence=evidence,
    )


def _evidence(asked: Asked) -> str | None:
    """Reference of the evidence for an action on these facts (RG-6).

    A job of FAILED_ONLY reruns only on a verdict that a rule explains, so there the run itself is the reference: where
    no rule speaks, no job is eligible, and that is the better answer. ALL_JOBS takes jobs without a verdict along.
    """
    if asked.facts is None:
        return "nothing to act on"
    told = next((f"{v.rule}@{v.ruleset_hash[:12]}" for v in asked.facts.verdicts.values() if v.rule), None)
    if told is None and asked.request.action is ActionType.RERUN_FAILED_JOBS:
        return f"run {asked.facts.run.id}"
    return told


def registry_denial(full_name: str, evaluation: Evaluation) -> Denial:
    """What is told where the registry says no: the place, the evidence, and what would change it."""
    action = evaluation.action_type
    why = "; ".join(evaluation.errors) or f"the registry does not allow {action}"
    details: Mapping[str, object] = {"repository": full_name, "validation": evaluation.as_json()}
    if evaluation.kind == "approval":
        return Denial(
            code="APPROVAL_REQUIRED",
            what=f"{action} on {full_name} needs an approval.",
            why=why,
            next="Have the pull request's current head approved by whom the rule names, then ask again.",
            details=details,
        )
    if evaluation.kind == "cooldown":
        return Denial(
            code="POLICY_DENIED",
            what=f"{action} on {full_name} has to wait.",
            why=why,
            next="Ask again from the time named on.",
            details={
                **details,
                "reason": "registry cooldownMinutes",
                "requiresApproval": False,
                "policyName": f"registry.{action}",
            },
            next_allowed_at=evaluation.next_allowed_at,
        )
    return Denial(
        code="ACTION_NOT_ALLOWED",
        what=f"The registry does not allow {action} on {full_name}.",
        why=why,
        next="`cicatrix registry show -R " + full_name + "` shows the entry; change it and `cicatrix registry apply`.",
        details=details,
    )


def _judge_automation(
    making: _Making, view: View, deployment: Deployment, resolved: Resolved, asked: Asked, *, evaluation: Evaluation
) -> AutomationVerdict | None:
    """The lawbook's automation policy of the action; None where the lawbook lists none at all."""
    policies = resolved.lawbook.automation
    if not policies:
        return None
    home, request = asked.home, asked.request
    since = view.now - timedelta(days=7)
    runs = () if asked.continuing else view.automation_runs(home.host, home.id, request.action, since)
    verdict = decide_automation(
        policies,
        request.action,
        deployment.environment,
        runs,
        view.now,
        approved=evaluation.approval_required and evaluation.approval_met,
        fields={"owner": home.owner, "repo": home.name, "request_id": request.request_id, "action": request.action},
    )
    if verdict.allow:
        if verdict.denied_but_permissive:
            making.remarks.append(f"automation: {verdict.reason} (recorded, and let through: permissive)")
        return verdict
    reason = {
        "approval": Reason.APPROVAL_REQUIRED,
        "cooldown": Reason.COOLDOWN_ACTIVE,
        "rate_limit": Reason.COOLDOWN_ACTIVE,
    }.get(verdict.code, Reason.LAWBOOK_BLOCK)
    making.deny(reason, automation_denial(home.full_name, verdict, resolved.origins.get("automation", "the lawbook")))
    return verdict


def automation_denial(full_name: str, verdict: AutomationVerdict, origin: str) -> Denial:
    """What is told where an automation policy says no; with a time only where waiting helps (AP-2)."""
    return Denial(
        code="APPROVAL_REQUIRED" if verdict.code == "approval" else "POLICY_DENIED",
        what=f"The lawbook's automation policy denies this on {full_name}.",
        why=f"{verdict.reason} ({origin})",
        next="Wait until the time named, or change `automation` in the lawbook."
        if verdict.next_allowed_at
        else "Change `automation` in the lawbook; `cicatrix lawbook show` names file and line.",
        details={
            "reason": verdict.reason,
            "requiresApproval": verdict.requires_approval,
            "policyName": verdict.policy_name,
        },
        next_allowed_at=verdict.next_allowed_at,
    )
