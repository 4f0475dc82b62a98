"""May this caller ask for this? The guardrails of the API that come before any fact is read, in their order (AP-1).

    registry in prod (409) -> access policy, caller, registry (403) -> automation policy (429 or 403) -> ...

Until the caller is known to be allowed nothing is asked of GitHub, but for the role of a caller who is a GitHub user.
What a refusal rests on is recorded; what needs the pull request's facts is asked again where the decision is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cicatrix.core.actions import PERFORMED, ROLE_FOR_ACTION, ActionType, Role
from cicatrix.core.facts import Repository
from cicatrix.core.policy import Denial, Environment, Mode, Policy, RerunRequest
from cicatrix.core.principal import Principal
from cicatrix.core.records import RegistryAuditRow
from cicatrix.core.registry import ActiveRegistry, Evaluation, evaluate
from cicatrix.flows.context import Context
from cicatrix.flows.denied import Denied
from cicatrix.flows.policies import (
    RERUNS,
    WITHOUT_REGISTRY,
    Asked,
    Rules,
    access_denial,
    automation_denial,
    policy_in,
    read_rules,
    registry_denial,
    standing_now,
)
from cicatrix.flows.policy_rows import record_automation
from cicatrix.ledger import Tx

STATIC = frozenset({"other_repository", "not_performed", "absent", "disabled"})
"""What a registry says without looking at a pull request."""


def permit(
    ctx: Context,
    principal: Principal,
    action: ActionType,
    owner: str,
    repository: str,
    *,
    role: Callable[[], Role | None],
) -> Repository:
    """The repository as GitHub tells it now, if the caller may ask for this action on it.

    `role` is asked for a caller who is a GitHub user only. Raises Denied for the first guardrail that says no, and
    GitHubError where GitHub had to be asked and did not answer: then nothing is permitted either.
    """
    full_name = f"{owner}/{repository}"
    writes = action is not ActionType.COLLECT_SUMMARY
    with ctx.ledger.read() as view:
        named = view.registry_named(ctx.github.host.name, full_name)
    try:
        if writes and named is None and ctx.deployment.environment is Environment.PROD:
            raise _not_registered(full_name)
        _check_access(ctx, owner, repository)
        check_caller(ctx, principal, action, full_name, role)
        _check_static(ctx, named, action, full_name)
        home = ctx.github.repository(owner, repository)
        _check_access(ctx, home.owner, home.name)  # a former name leads to what is called otherwise now
        _check_identity(ctx, principal, action, named, home)
        if action in RERUNS:
            _check_automation(ctx, principal, action, home)
    except Denied as no:
        _record(ctx, no, principal, action, full_name=full_name, named=named)
        raise
    if not writes and named is not None and named.registry.action(action) is not None:
        _record_allowed(ctx, principal, action, named, home)
    return home


def check_caller(
    ctx: Context, principal: Principal, action: ActionType, full_name: str, role: Callable[[], Role | None]
) -> None:
    """Role and scope of the caller (AU-4). Raises Denied CALLER_NOT_AUTHORISED."""
    needed = ROLE_FOR_ACTION.get(action, Role.ADMIN)
    key = principal.key
    if key is None:
        has = role()
        if has is None or has < needed:
            told = f"the role {has.word}" if has else "no role"
            raise _not_authorised(
                full_name,
                f"{principal.name} has {told} there by GitHub's permission, and {action} asks for {needed.word}.",
                {"role": has.word if has else None, "needed": needed.word, "action": action.value},
            )
        return
    host = ctx.github.host.name
    remedy = ANOTHER_KEY
    if key.role < needed:
        why = f"{principal.name} has the role {key.role.word}, and {action} asks for {needed.word}."
        remedy = ANOTHER_ROLE
    elif not key.covers_name(host, full_name):
        why = f"{principal.name} is for other repositories."
    elif not key.allows(action):
        why = f"{principal.name} is for other actions than {action}."
    else:
        return
    details = {"role": key.role.word, "needed": needed.word, "action": action.value}
    raise _not_authorised(full_name, why, details, remedy)


def check_replay(
    ctx: Context,
    principal: Principal,
    action: ActionType,
    owner: str,
    repository: str,
    *,
    role: Callable[[], Role | None],
) -> Repository:
    """Whether a stored answer may be told again. It acts on nothing, so cooldowns do not hold it; rights do.

    Gives the repository that bears the name now: an answer about another one that had it is not to be told.
    """
    _check_access(ctx, owner, repository)
    check_caller(ctx, principal, action, f"{owner}/{repository}", role)
    home = ctx.github.repository(owner, repository)
    _check_access(ctx, home.owner, home.name)
    _check_identity(ctx, principal, action, None, home)
    return home


def _check_access(ctx: Context, owner: str, repository: str) -> None:
    refusal = ctx.deployment.access.refusal(owner, repository) if ctx.deployment.access else None
    if refusal is not None:
        raise denied(access_denial(f"{owner}/{repository}", refusal.code, refusal.why))


def _check_static(ctx: Context, named: ActiveRegistry | None, action: ActionType, full_name: str) -> None:
    """What the registry says about the action itself. Reading is not held by a registry that does not list it."""
    if action not in PERFORMED:
        evaluation = Evaluation(
            allowed=False,
            status="blocked",
            action_type=action,
            errors=(f"{action} is not performed here",),
            kind="not_performed",
        )
        raise denied(registry_denial(full_name, evaluation))
    if named is None:
        allowed = RERUNS if ctx.deployment.access is None else WITHOUT_REGISTRY
        if action not in allowed and action is not ActionType.COLLECT_SUMMARY:
            raise denied(registry_denial(full_name, _unregistered(full_name, action)))
        return
    config = named.registry.action(action)
    if config is None and action is ActionType.COLLECT_SUMMARY:
        return
    evaluation = _evaluation(ctx, named, action, _as_registered(named))
    if evaluation.kind in STATIC:
        raise denied(registry_denial(full_name, evaluation))


WITHOUT = "without one only rerun_failed_jobs and reads are allowed"


def _unregistered(full_name: str, action: ActionType) -> Evaluation:
    """AP-6: staging without a registry is for rerunning failed jobs and for reads."""
    return Evaluation(
        allowed=False,
        status="blocked",
        action_type=action,
        errors=(f"No active registry found for repository {full_name}; {WITHOUT}",),
        kind="no_registry",
    )


def _check_identity(
    ctx: Context, principal: Principal, action: ActionType, named: ActiveRegistry | None, home: Repository
) -> None:
    """A renamed, transferred or recreated repository is another one than was registered, or than a key is for."""
    key = principal.key
    if key is not None and not key.covers(home.host, home.id, home.full_name):
        raise _not_authorised(
            home.full_name,
            f"{principal.name} is for another repository that had this name: its id is not {home.id}.",
            {"repositoryId": home.id, "action": action.value},
            ANOTHER_KEY,
        )
    if named is None:
        return
    evaluation = _evaluation(ctx, named, action, home)
    if evaluation.kind == "other_repository":
        raise denied(registry_denial(home.full_name, evaluation))


def _evaluation(ctx: Context, named: ActiveRegistry, action: ActionType, home: Repository) -> Evaluation:
    request = RerunRequest(request_id="permit", principal="permit", mode=mode_of(action))
    with ctx.ledger.read() as view:
        now = standing_now(view, ctx.deployment, Rules(), Asked(request=request, home=home))
    return evaluate(named, action, now)


def mode_of(action: ActionType) -> Mode:
    """The mode of a rerun that asks for this action."""
    return Mode.ALL_JOBS if action is ActionType.RERUN_CHECKS else Mode.FAILED_ONLY


def _as_registered(named: ActiveRegistry) -> Repository:
    """The repository as it was when it was registered: for what can be said before GitHub is asked."""
    owner, _, name = named.full_name.partition("/")
    return Repository(host=named.host, id=named.repository_id, owner=owner, name=name, owner_id=named.owner_id)


def _check_automation(ctx: Context, principal: Principal, action: ActionType, home: Repository) -> None:
    """The lawbook's automation policy. Approvals need the pull request, and are asked where the decision is made."""
    rules = read_rules(ctx, home.owner, home.name)
    request = RerunRequest(request_id="permit", principal=principal.name, mode=mode_of(action))
    with ctx.ledger.read() as view:
        policy = policy_in(view, ctx.deployment, rules, request, home=home)
    verdict = policy.automation
    if verdict is None or verdict.allow or verdict.code == "approval":
        return
    origin = policy.resolved.origins.get("automation", "the lawbook")
    raise _ByAutomation(automation_denial(home.full_name, verdict, origin), policy, home)


class _ByAutomation(Denied):  # a refusal whose policy is recorded beside it
    """The lawbook's automation policy said no."""

    def __init__(self, denial: Denial, policy: Policy, home: Repository) -> None:
        super().__init__(
            denial.code,
            denial.what,
            denial.why,
            denial.next,
            details=denial.details,
            next_allowed_at=denial.next_allowed_at,
        )
        self.policy, self.home = policy, home


def denied(denial: Denial) -> Denied:
    """The refusal as what is raised."""
    return Denied(
        denial.code,
        denial.what,
        denial.why,
        denial.next,
        details=denial.details,
        next_allowed_at=denial.next_allowed_at,
    )


def _not_registered(full_name: str) -> Denied:
    return Denied(
        "REGISTRY_NOT_FOUND",
        f"{full_name} has no active registry and this deployment is prod.",
        "Production acts on no repository that nobody registered.",
        "Register it: `cicatrix registry apply FILE`.",
        details={"repository": full_name, "policy": "fail-closed"},
    )


ANOTHER_ROLE = "Ask for a key or a permission with that role; `cicatrix key list` shows what each key is for."
ANOTHER_KEY = "Use a key that is for this repository and this action; `cicatrix key list` shows what each key is for."


def _not_authorised(full_name: str, why: str, details: Mapping[str, object], remedy: str = ANOTHER_ROLE) -> Denied:
    return Denied(
        "CALLER_NOT_AUTHORISED",
        f"This caller may not do that on {full_name}.",
        why,
        remedy,
        details={"repository": full_name, **details},
    )


def _record(
    ctx: Context,
    no: Denied,
    principal: Principal,
    action: ActionType,
    *,
    full_name: str,
    named: ActiveRegistry | None,
) -> None:
    """An authenticated caller's refusal is on the record: who, what, where, and which guardrail."""
    with ctx.ledger.write("denied") as tx:
        index = tx.append("request.denied", _entry(ctx, tx, no, principal, action, full_name=full_name))
        if isinstance(no, _ByAutomation):
            request = RerunRequest(request_id="", principal=principal.name, mode=mode_of(action))
            record_automation(tx, request, no.policy, no.home, index=index)
        validation = no.details.get("validation")
        if isinstance(validation, Mapping) and named is not None:
            tx.record_registry_audit(
                RegistryAuditRow(
                    registry_id=named.registry.registry_id,
                    registry_version=named.registry.version,
                    action_type=action.value,
                    action_status="blocked",
                    repository=full_name,
                    resource_type="repository",
                    resource_number=None,
                    validation_result=validation,
                    executed_at=ctx.now(),
                    executed_by=principal.name,
                    evidence_id=None,
                    host=named.host,
                    repository_id=named.repository_id,
                    content_hash=named.registry.hash,
                    operation_id=None,
                    request_id="",
                    ledger_index=index,
                )
            )


def _record_allowed(
    ctx: Context, principal: Principal, action: ActionType, named: ActiveRegistry, home: Repository
) -> None:
    """An action that makes no decision of its own was evaluated all the same (RG-1): entry and row of that."""
    evaluation = _evaluation(ctx, named, action, home)
    with ctx.ledger.write("evaluated") as tx:
        index = tx.append(
            "registry.evaluated",
            {
                "action": action.value,
                "status": evaluation.status,
                "principal": tx.text(principal.name),
                "host": home.host,
                "repositoryId": home.id,
                "repository": tx.text(home.full_name),
                "contentHash": named.registry.hash,
            },
        )
        tx.record_registry_audit(
            RegistryAuditRow(
                registry_id=named.registry.registry_id,
                registry_version=named.registry.version,
                action_type=action.value,
                action_status=evaluation.status,
                repository=home.full_name,
                resource_type="repository",
                resource_number=None,
                validation_result=evaluation.as_json(),
                executed_at=ctx.now(),
                executed_by=principal.name,
                evidence_id=None,
                host=home.host,
                repository_id=home.id,
                content_hash=named.registry.hash,
                operation_id=None,
                request_id="",
                ledger_index=index,
            )
        )


def _entry(
    ctx: Context, tx: Tx, no: Denied, principal: Principal, action: ActionType, *, full_name: str
) -> dict[str, object]:
    return {
        "code": no.code,
        "principal": tx.text(principal.name),
        "action": action.value,
        "host": ctx.github.host.name,
        "repository": tx.text(full_name),
        "environment": ctx.deployment.environment.value,
        "accessHash": ctx.deployment.access.hash if ctx.deployment.access else "",
        "why": tx.text(no.why),
    }


__all__ = ["check_caller", "check_replay", "denied", "permit"]
