"""What keeps a rollback back, each reason with the facts it rests on and what would change it (RB-0 to RB-8)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cicatrix.core.canonical import instant
from cicatrix.core.heal_reasons import HEAL_PAGES, HealReason
from cicatrix.core.reasons import PAGES, Reason
from cicatrix.core.rollback.evidence import FRESH, SKEW
from cicatrix.core.rollback.inputs import RevertFacts, RollbackInputs, Said
from cicatrix.core.rollback.model import CommitFacts

SHA = re.compile(r"[0-9a-f]{40,64}", re.ASCII)

OPT_OUT = ("Cicatrix-Rollback", "never")
"""The trailer of a commit that asks not to be rolled back."""

MERGE_PARENTS = 2
"""More parents make an octopus, which has no single line to go back to."""

Stop = tuple[HealReason | Reason, str]


def said(reason: HealReason | Reason, why: str) -> Said:
    """The reason with what would change it, from its page."""
    page = HEAL_PAGES[reason] if isinstance(reason, HealReason) else PAGES[reason]
    return Said(reason=reason, why=why, would_change=page.would_change)


def is_emergency(inputs: RollbackInputs) -> bool:
    """Whether a fresh measurement of the tip shows health below the threshold and CI not ready."""
    return not list(_calm(inputs))


def collect_stops(inputs: RollbackInputs) -> tuple[Said, ...]:
    """Why nothing may be made at all, not even a draft. Empty when nothing stands against it."""
    stops: list[Stop] = [
        *inputs.stops,
        *_cause_stops(inputs),
        *_repository_stops(inputs.facts),
        *_target_stops(inputs),
        *_wish_stops(inputs),
        *_limit_stops(inputs),
    ]
    return _ordered(stops)


def direct_push_stops(inputs: RollbackInputs, *, emergency: bool) -> tuple[Said, ...]:
    """Why the revert is not pushed to the branch itself but proposed."""
    rules, stops = inputs.rules, list[Stop]()
    if rules.deliver != "direct_push" or inputs.branch not in rules.direct_push:
        stops.append((HealReason.DIRECT_PUSH_NOT_GRANTED, _grant(inputs)))
    if rules.up_to != "merge":
        stops.append((HealReason.DIRECT_PUSH_NOT_GRANTED, f"rollback.upTo is {rules.up_to}, which ends before a push"))
    if not inputs.may_push_direct:
        stops.append((HealReason.DIRECT_PUSH_NOT_GRANTED, f"nothing shows that we may push to {inputs.branch}"))
    if inputs.culprit is None:
        stops.append((HealReason.CAUSE_UNKNOWN, "a person named the target, and no measurement proves it"))
    if not emergency:
        stops.extend(_calm(inputs))
    stops.extend(_count(inputs.merged_today, rules.merge_per_day, "rollback.mergePerDay"))
    return _ordered(stops)


def _ordered(stops: Iterable[Stop]) -> tuple[Said, ...]:
    """What stops any write first, then by the order of the codes; a code that repeats keeps all that it says."""
    places = {reason: place for place, reason in enumerate((*Reason, *HealReason))}
    merged: dict[HealReason | Reason, list[str]] = {}
    for reason, why in sorted(stops, key=lambda stop: places[stop[0]]):
        merged.setdefault(reason, []).append(why)
    return tuple(said(reason, "; ".join(whys)) for reason, whys in merged.items())


def _grant(inputs: RollbackInputs) -> str:
    rules = inputs.rules
    if rules.deliver != "direct_push":
        return f"rollback.deliver is {rules.deliver}"
    return f"rollback.directPush does not list {inputs.branch}"


def _calm(inputs: RollbackInputs) -> Iterable[Stop]:
    """Why this is no emergency."""
    now, measured, below = inputs.now, inputs.measurement, inputs.rules.health_below
    if measured is None or measured.health is None or measured.ready is None:
        yield HealReason.HEALTH_UNKNOWN, "the branch's health is not known"
        return
    if not -SKEW <= now - measured.taken_at <= FRESH:
        yield (
            HealReason.DATA_TOO_OLD,
            f"measured at {instant(measured.taken_at)}, not in the last 15 minutes",
        )
    if measured.sha != inputs.facts.tip:
        yield HealReason.TIP_MOVED, f"health was measured on {measured.sha[:12]}, which is not the tip"
    if measured.health >= below:
        yield HealReason.HEALTH_ABOVE_THRESHOLD, f"health {measured.health} is not below {below}"
    if measured.ready:
        yield HealReason.HEALTH_ABOVE_THRESHOLD, "CI is ready: nothing blocks"


def _cause_stops(inputs: RollbackInputs) -> Iterable[Stop]:
    """A machine needs proof. A person may name the commit, and answers for it by merging the draft."""
    named, culprit, target = inputs.explicit, inputs.culprit, inputs.facts.target
    if culprit is None and (inputs.automatic or named is None):
        yield HealReason.CAUSE_UNKNOWN, "no commit is proven to be the cause"
    for sha in {culprit.sha if culprit else None, named} - {None}:
        if target is not None and sha != target.sha:
            yield HealReason.CAUSE_UNKNOWN, f"{(sha or '')[:12]} was named, and {target.sha[:12]} is what was read"


def _repository_stops(facts: RevertFacts) -> Iterable[Stop]:
    for state, reason, what in (
        (facts.shallow, HealReason.SHALLOW_CLONE, "the clone is shallow: parents of its oldest commits are missing"),
        (facts.dirty, HealReason.DIRTY_TREE, "the working tree has changes"),
        (facts.detached, HealReason.DETACHED_REF, "HEAD is detached: no branch says where a revert would go"),
    ):
        if state is None:
            yield Reason.INCOMPLETE_DATA, f"whether {reason.value.replace('_', ' ')} holds could not be told"
        elif state:
            yield reason, what
    if facts.tip is None or facts.expected_tip is None:
        yield Reason.INCOMPLETE_DATA, "the branch's tip could not be read"
    elif facts.tip != facts.expected_tip:
        yield HealReason.TIP_MOVED, f"the tip is {facts.tip[:12]}; {facts.expected_tip[:12]} is what was judged"


def _target_stops(inputs: RollbackInputs) -> Iterable[Stop]:
    facts, target = inputs.facts, inputs.facts.target
    if target is None or SHA.fullmatch(target.sha) is None:
        yield Reason.INCOMPLETE_DATA, "the commit to revert could not be read"
        return
    if facts.reachable is None:
        yield Reason.INCOMPLETE_DATA, f"whether {inputs.branch} contains {target.sha[:12]} could not be told"
    elif not facts.reachable:
        yield HealReason.TARGET_NOT_REACHABLE, f"{inputs.branch} does not contain {target.sha[:12]}"
    yield from _parent_stops(facts, target)
    yield from _age_stops(inputs, target)
    if target.reverts is not None:
        yield HealReason.TARGET_IS_REVERT, f"{target.sha[:12]} itself reverts {target.reverts[:12]}"
    if facts.dependants is None:
        yield Reason.INCOMPLETE_DATA, "what was built on the commit could not be told"
    elif facts.dependants:
        names = ", ".join(sha[:12] for sha in facts.dependants[:3])
        yield HealReason.MERGED_DEPENDANTS, f"{len(facts.dependants)} later commits touch its files: {names}"
    if target.touches_workflows and inputs.ci and not facts.workflows_permission:
        yield HealReason.WORKFLOWS_PERMISSION, f"{target.sha[:12]} changes files below .github/workflows"


def _parent_stops(facts: RevertFacts, target: CommitFacts) -> Iterable[Stop]:
    count = len(target.parents)
    if count == 0:
        yield HealReason.ROOT_COMMIT, f"{target.sha[:12]} has no parent to go back to"
    if count > MERGE_PARENTS:
        yield HealReason.OCTOPUS_MERGE, f"{target.sha[:12]} has {count} parents"
    if count == MERGE_PARENTS and facts.mainline not in {1, 2}:
        yield Reason.INCOMPLETE_DATA, f"which parent of the merge {target.sha[:12]} is the branch's own is not known"


def _age_stops(inputs: RollbackInputs, target: CommitFacts) -> Iterable[Stop]:
    if inputs.now - target.committed_at > inputs.rules.max_target_age:
        hours = inputs.rules.max_target_age.total_seconds() / 3600
        yield HealReason.TARGET_TOO_OLD, f"committed at {instant(target.committed_at)}, more than {hours:g} h ago"


def _wish_stops(inputs: RollbackInputs) -> Iterable[Stop]:
    key, value = OPT_OUT
    target = inputs.facts.target
    if target is not None and target.trailers.get(key, "").strip().lower() == value:
        yield HealReason.OPTED_OUT, f"{target.sha[:12]} says {key}: {value}"
    if inputs.opted_out:
        yield HealReason.OPTED_OUT, inputs.opted_out
    if inputs.leased_by:
        yield HealReason.REF_LEASED, f"case {inputs.leased_by} works on {inputs.branch}"


def _limit_stops(inputs: RollbackInputs) -> Iterable[Stop]:
    yield from _count(inputs.created_today, inputs.rules.create_per_day, "rollback.createPerDay")
    if not inputs.automatic:
        return
    if inputs.automatic_of_target is None:
        yield Reason.INCOMPLETE_DATA, "earlier rollbacks of this commit could not be read"
    elif inputs.automatic_of_target > 0:
        yield (
            HealReason.SECOND_ROLLBACK,
            "it was rolled back automatically in the last 24 h",
        )


def _count(used: int | None, most: int, key: str) -> Iterable[Stop]:
    if used is None:
        yield Reason.INCOMPLETE_DATA, f"how much of {key} is used could not be read"
    elif used >= most:
        yield HealReason.ROLLBACK_LIMIT, f"{used} of {most} in 24 h ({key})"
