"""Rung 4: revert a named commit. Planned by the core, made in our own mirror, and proposed unless more was granted.

    rolling_back: cause -> plan (recorded) -> revert with post-conditions -> push -> draft pull request -> rolled_back
    rolled_back:  validation of the revert -> closed, or handed over

Every step can be repeated: the revert has the case's own date, so it is the same commit each time, and each write is an
`ensure`. The branch stays blocked from the first proposal on until a person releases the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cicatrix.core.actions import ActionType
from cicatrix.core.cases import CaseState
from cicatrix.core.environment import Environment
from cicatrix.core.facts import Receipt
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import Measurement
from cicatrix.core.operations import Kind, Operation, OperationState, Verb
from cicatrix.core.policy import Policy
from cicatrix.core.reasons import Reason
from cicatrix.core.rollback.culprit import Culprit, NoCulprit
from cicatrix.core.rollback.plan import RevertFacts, RollbackAction, RollbackInputs, RollbackPlan, plan_rollback
from cicatrix.flows.ladder import letters, records, suspects
from cicatrix.flows.ladder.effects import ensure
from cicatrix.flows.ladder.ends import AUTHOR, hand_over, stopped
from cicatrix.flows.ladder.measuring import measured
from cicatrix.flows.ladder.opting_out import opted_out
from cicatrix.flows.ladder.rung import EffectState, Rung, Wish
from cicatrix.git import Mirror, RevertRefused
from cicatrix.github import GitHub, GitHubError, Refused
from cicatrix.ledger import Tx, View

DAY = timedelta(hours=24)
LEASE = timedelta(minutes=30)
REPLANS = 3
"""Plans of one case at most; a branch that keeps moving is left to a person (RB-5)."""

Stop = tuple[str, str]


def roll_back(rung: Rung) -> Rung:
    """One step of `rolling_back`."""
    known = rung.data("rollback")
    if not known.get("sha"):
        return _plan(rung)
    if known["action"] == RollbackAction.DIRECT_PUSH.value:
        return _push_direct(rung, known)
    return _propose(rung, known)


# --- the plan ---


def _plan(rung: Rung) -> Rung:
    mirror = rung.ctx.workshop.mirror(rung.home)
    branch = rung.branch
    mirror.fetch()
    tip = mirror.tip(branch)
    known = rung.data("rollback")
    explicit = str(known["explicit"]) if known.get("explicit") else None
    if tip is None:
        return hand_over(rung, HealReason.DETACHED_REF, f"the remote has no branch {branch}")
    cause = None
    culprit: Culprit | None = None
    tip_measured: Measurement | None = _newest(rung, tip)
    if explicit is None:
        cause = suspects.find_cause(rung, mirror, tip)
        tip_measured = cause.tip or tip_measured
        if isinstance(cause.finding, Culprit):
            culprit = cause.finding
    target = explicit or (culprit.sha if culprit else None)
    if target is None:
        assert cause is not None
        assert not isinstance(cause.finding, Culprit)
        reason = cause.finding.reason if isinstance(cause.finding, NoCulprit) else HealReason.NOT_REPRODUCED
        with rung.ctx.ledger.write("rollback.decided") as tx:
            data = {"action": "BLOCKED", "reasonCode": reason.value, "tip": tip, **suspects.shown(cause.finding)}
            records.decided(tx, rung, "rollback.decided", data, why=cause.finding.why)
        return hand_over(rung, reason, cause.finding.why)
    facts = facts_of(rung, mirror, target, tip)
    plan = _decide(rung, facts, tip_measured, explicit=explicit, culprit=culprit)
    if not plan.writes and plan.action is not RollbackAction.LOCAL_BRANCH:
        said = plan.said[0] if plan.said else None
        return hand_over(rung, said.reason if said else HealReason.REPORT_ONLY, said.why if said else "reported only")
    try:
        made = mirror.revert(
            target,
            tip=tip,
            mainline=plan.mainline,
            author=AUTHOR,
            date=rung.case.opened_at,
            message=letters.revert_message(target, rung.case.id, mainline=plan.mainline),
        )
    except RevertRefused as no:
        with rung.ctx.ledger.write("rollback.refused") as tx:
            data = {"target": target, "reasonCode": no.reason.value, "tip": tip}
            records.decided(tx, rung, "rollback.refused", data, why=no.why)
        return hand_over(rung, no.reason, no.why)
    told = {
        **known,
        "action": plan.action.value,
        "target": target,
        "tip": tip,
        "sha": made.sha,
        "tree": made.tree,
        "branch": plan.branch,
        "emergency": plan.emergency,
        "why": [{"reason": str(s.reason), "why": s.why} for s in plan.said],
        "cause": suspects.shown(culprit) if culprit else {"explicit": target},
        "jobs": sorted(culprit.jobs) if culprit else [],
        "merge": plan.mainline is not None,
        "round": int(known.get("round", 0)) + 1,
        "health": None if tip_measured is None else tip_measured.health,
    }
    if plan.action is RollbackAction.LOCAL_BRANCH:
        mirror.keep(made.sha, plan.branch)
        note = f"prepared locally as {plan.branch} ({made.sha[:12]}); nothing was pushed"
        return rung.save(CaseState.HANDED_OVER, note=note, rollback={**told, "status": "prepared"})
    return rung.save(CaseState.ROLLING_BACK, wake_at=rung.ctx.now(), rollback=told)


def _newest(rung: Rung, tip: str) -> Measurement | None:
    with rung.ctx.ledger.read() as view:
        found = measured(view, rung, tip)
    return found[0] if found else None


def facts_of(rung: Rung, mirror: Mirror, target: str, tip: str) -> RevertFacts:
    commit = mirror.commit(target)
    reachable = mirror.is_ancestor(target, tip) if commit else False
    remote = mirror.remote_tip(rung.branch)
    return RevertFacts(
        shallow=False,  # a fetch from a remote that is cut off raises
        dirty=False,
        detached=False,
        tip=remote,
        expected_tip=tip,
        target=commit,
        reachable=_on_line(mirror, target, tip) if reachable else False,
        mainline=1 if commit is not None and len(commit.parents) == 2 else None,
        already_reverted_by=mirror.reverted_by(target, tip) if reachable else None,
        dependants=mirror.descendants_touching(target, tip) if reachable else None,
        workflows_permission=_workflows(rung) if commit is not None and commit.touches_workflows else None,
    )


def _on_line(mirror: Mirror, target: str, tip: str) -> bool:
    """Whether the target lies on the branch's own line; what a merge brought in is reverted by reverting the merge."""
    return any(commit.sha == target for commit in mirror.history(tip, suspects.LOOKED_BACK))


def _workflows(rung: Rung) -> bool | None:
    """Whether our App may push workflow files: it gets a token for that, or it does not. Other tokens tell nothing."""
    if rung.identity.kind != "app":
        return None
    try:
        return rung.github.push_token(rung.home.owner, rung.home.name, workflows=True) is not None
    except GitHubError:
        return False


def _decide(
    rung: Rung,
    facts: RevertFacts,
    found: Measurement | None,
    *,
    explicit: str | None,
    culprit: Culprit | None,
) -> RollbackPlan:
    """The plan, made and recorded under the write lock: limits cannot be passed by two at once."""
    direct, off = may_push_direct(rung), opted_out(rung, facts.target.sha) if facts.target else ""
    with rung.ctx.ledger.write("rollback.decided") as tx:
        plan = plan_rollback(
            inputs_of(tx, rung, facts, found, explicit=explicit, culprit=culprit, direct=direct, off=off)
        )
        if plan.writes and not tx.take_lease(rung.home.host, rung.home.id, _ref(rung), rung.case.id, tx.now + LEASE):
            lease = tx.lease(rung.home.host, rung.home.id, _ref(rung))
            inputs = inputs_of(tx, rung, facts, found, explicit=explicit, culprit=culprit, direct=direct, off=off)
            plan = plan_rollback(replace(inputs, leased_by=lease.case_id if lease else "another case"))
        data = {
            "action": plan.action.value,
            "target": plan.target or "",
            "tip": facts.tip or "",
            "branch": plan.branch,
            "emergency": plan.emergency,
            "health": "" if found is None or found.health is None else found.health,
            "ready": "" if found is None or found.ready is None else found.ready,
            "reasons": [str(reason) for reason in plan.reasons],
            **(suspects.shown(culprit) if culprit else {}),
        }
        why = "\n".join(f"{s.reason}: {s.why}" for s in plan.said)
        records.decided(tx, rung, "rollback.decided", data, why=why)
    return plan


def inputs_of(
    view: View,
    rung: Rung,
    facts: RevertFacts,
    found: Measurement | None,
    *,
    explicit: str | None,
    culprit: Culprit | None,
    direct: bool,
    off: str,
) -> RollbackInputs:
    policy = rung.policy(view, ActionType.ROLLBACK)
    stops = tuple(
        (r, why)
        for r, why in policy.stops
        if r is not Reason.APPROVAL_REQUIRED and not why.startswith("registry allows 0")
    )
    counts = rollbacks_today(view, rung, facts.target.sha if facts.target else "")
    lease = view.lease(rung.home.host, rung.home.id, _ref(rung))
    leased = lease.case_id if lease and lease.case_id != rung.case.id and lease.until > view.now else None
    return RollbackInputs(
        now=view.now,
        # a fix of ours that its validation found worse is a known cause, as if a person had named it (RB-0)
        automatic=explicit is None or (rung.automatic and not rung.data("rollback").get("remediation")),
        ci=rung.ctx.deployment.in_ci,
        branch=rung.branch,
        environment=rung.ctx.deployment.environment,
        measurement=found,
        report_only=bool(rung.case.data.get("reportOnly", False)),
        explicit=explicit,
        culprit=culprit,
        facts=facts,
        rules=rung.resolved.lawbook.rollback,
        stops=stops,
        created_today=counts[0],
        merged_today=counts[1],
        automatic_of_target=counts[2],
        opted_out=off,
        leased_by=leased,
        may_push_direct=direct and landing_problem(rung, policy) is None,
    )


def landing_problem(rung: Rung, policy: Policy) -> str | None:
    """Why nothing may be brought into the branch: a draft is the request for an approval, a landing needs it (RB-6)."""
    missing = next((why for r, why in policy.stops if r is Reason.APPROVAL_REQUIRED), None)
    if missing is not None:
        return missing
    told = policy.evaluation
    prod = rung.ctx.deployment.environment is Environment.PROD
    if prod and (told is None or not told.approval_required):
        return "production asks for an approval rule of `rollback` in the registry, and there is none"
    return None


def rollbacks_today(view: View, rung: Rung, target: str) -> tuple[int, int, int]:
    """Rollbacks of the repository in 24 h: proposed or pushed, brought into a branch, and automatic ones of the target.

    A refused one counts for nothing; one whose fate is unknown counts. What this case does to the target does not
    count against itself, unless an earlier request had brought it to its end.
    """
    kinds = (Kind.PUSH.value, Kind.PULL_REQUEST.value)
    found = view.operations_since(rung.home.host, rung.home.id, view.now - DAY, kinds)
    mine = [op for op in found if _is_rollback(op)]
    own, request = (rung.case.id, target), str(rung.case.data.get("requestId", rung.case.id))
    done = any(_which(op) == own and op.request_id != request and _is_end(op) for op in mine)
    made = {_which(op) for op in mine} - {own}
    direct = {_which(op) for op in mine if op.verb is Verb.PUSH_DIRECT} - {own}
    same = {_which(op) for op in mine if op.params.get("targetSha") == target and op.params.get("automatic")}
    return len(made), len(direct), len(same if done else same - {own})


def _which(operation: Operation) -> tuple[str | None, str]:
    """One rollback: a case may undo one commit after another."""
    return operation.case_id, str(operation.params.get("targetSha", ""))


def _is_end(operation: Operation) -> bool:
    ends = {Verb.CREATE_PULL, Verb.PUSH_DIRECT}
    return operation.verb in ends and operation.state is OperationState.CONFIRMED


def _is_rollback(operation: Operation) -> bool:
    action = operation.params.get("action") == ActionType.ROLLBACK.value
    return action and operation.state is not OperationState.REFUSED


def may_push_direct(rung: Rung) -> bool:
    """Whether the branch's own rules let us push: read right before, and any doubt is a no.

    The remote decides in the end; this keeps us from knocking at a door that we know to be closed.
    """
    owner, name, branch = rung.home.owner, rung.home.name, rung.branch
    try:
        rules = rung.github.branch_rules(owner, name, branch)
        found = rung.github.branch(owner, name, branch)
    except Refused:
        return False
    return rules.incomplete is None and not rules.items and found is not None and found.protected is False


def _ref(rung: Rung) -> str:
    return f"refs/heads/{rung.branch}"


# --- what leaves ---


def _propose(rung: Rung, known: Mapping[str, Any]) -> Rung:
    """The branch, then the draft pull request. Both are on record before anything leaves."""
    branch = str(known["branch"])
    pushed = ensure(rung, push_wish(rung, known, f"refs/heads/{branch}", None, Verb.PUSH_BRANCH), _limits(rung, known))
    if not pushed.done:
        return stopped(rung, pushed)
    drafted = ensure(rung, draft_wish(rung, known))
    if not drafted.done:
        return stopped(rung, drafted)
    number = int(drafted.data.get("number", 0) or 0)
    told = {**known, "status": "proposed", "pull": number, "url": str(drafted.data.get("url", ""))}
    return _block_and_go_on(rung, told, f"draft #{number} reverts {str(known['target'])[:12]}")


def _push_direct(rung: Rung, known: Mapping[str, Any]) -> Rung:
    wish = push_wish(rung, known, _ref(rung), str(known["tip"]), Verb.PUSH_DIRECT)
    pushed = ensure(rung, wish, _limits(rung, known))
    if pushed.done:
        told = {**known, "status": "executed"}
        return _block_and_go_on(rung, told, f"{str(known['sha'])[:12]} reverts {str(known['target'])[:12]}")
    moved = pushed.state is EffectState.REFUSED and pushed.reason == HealReason.PUSH_REJECTED.value
    if moved and int(known.get("round", 1)) < REPLANS:
        again = {"round": known.get("round", 1), "explicit": known.get("explicit")}
        return rung.save(CaseState.ROLLING_BACK, wake_at=rung.ctx.now(), note="the branch moved", rollback=again)
    return stopped(rung, pushed)


def push_wish(rung: Rung, known: Mapping[str, Any], ref: str, expected: str | None, verb: Verb) -> Wish:
    """The push of a commit that lies in our mirror: plain, never forced."""
    sha = str(known["sha"])

    def send(_: GitHub, receipt: Receipt, __: str) -> Mapping[str, object]:
        rung.ctx.workshop.mirror(rung.home).push(sha, ref, expected=expected, receipt=receipt)
        return {"sha": sha, "ref": ref}

    return Wish(
        kind=Kind.PUSH,
        verb=verb,
        action=ActionType.ROLLBACK,
        target=f"{ref}@{known.get('round', 1)}",
        head_sha=sha,
        params={
            "sha": sha,
            "ref": ref,
            "expected": expected or "",
            "targetSha": str(known.get("target", "")),
            "automatic": rung.automatic or not known.get("explicit"),
        },
        send=send,
        proposes=verb is Verb.PUSH_BRANCH,
    )


def draft_wish(rung: Rung, known: Mapping[str, Any]) -> Wish:
    head, base = str(known["branch"]), rung.branch
    title, body = letters.revert_pull(rung, known)

    def send(github: GitHub, receipt: Receipt, _: str) -> Mapping[str, object]:
        home = rung.home
        made = github.create_pull(
            home.owner, home.name, head=head, base=base, title=title, body=body, draft=True, receipt=receipt
        )
        return made.data

    return Wish(
        kind=Kind.PULL_REQUEST,
        verb=Verb.CREATE_PULL,
        action=ActionType.ROLLBACK,
        target=f"pull:{head}",
        head_sha=str(known["sha"]),
        params={"head": head, "base": base, "targetSha": str(known["target"])},
        send=send,
        proposes=True,
    )


def _limits(rung: Rung, known: Mapping[str, Any]) -> Any:
    """The day's limits, counted again in the very transaction that records the intent (RB-6)."""
    rules = rung.resolved.lawbook.rollback
    direct = known["action"] == RollbackAction.DIRECT_PUSH.value
    automatic = rung.automatic or not known.get("explicit")

    def guard(tx: Tx) -> Stop | None:
        created, merged, same = rollbacks_today(tx, rung, str(known["target"]))
        if created >= rules.create_per_day:
            return HealReason.ROLLBACK_LIMIT.value, f"{created} rollbacks in 24 h, rollback.createPerDay allows no more"
        if direct and merged >= rules.merge_per_day:
            return HealReason.ROLLBACK_LIMIT.value, f"{merged} merged in 24 h, rollback.mergePerDay allows no more"
        if automatic and same:
            return HealReason.SECOND_ROLLBACK.value, "this commit was rolled back by machine in the last 24 h"
        lease = tx.lease(rung.home.host, rung.home.id, _ref(rung))
        if lease is None or lease.case_id != rung.case.id:
            taken = tx.take_lease(rung.home.host, rung.home.id, _ref(rung), rung.case.id, tx.now + LEASE)
            if not taken:
                return HealReason.REF_LEASED.value, "another case works on this ref"
        return None

    return guard


# --- how it goes on ---


def _block_and_go_on(rung: Rung, told: Mapping[str, Any], note: str) -> Rung:
    """Proposed or executed: the branch is blocked in the same transaction that moves the case on (RB-0)."""

    def block(tx: Tx) -> None:
        if tx.branch_block(rung.home.host, rung.home.id, _ref(rung)) is None or not told.get("blocked"):
            why = f"rollback {told['status']}: {note}"
            tx.block_branch(rung.home.host, rung.home.id, _ref(rung), rung.case.id, why, rung.principal)

    final = {**told, "blocked": True}
    return rung.save(CaseState.ROLLED_BACK, wake_at=rung.ctx.now(), note=note, within=block, rollback=final)
