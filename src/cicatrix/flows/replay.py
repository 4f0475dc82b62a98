"""LB-6: what other rules would have decided, on the recorded inputs of past decisions. GitHub is not asked.

Each decision is replayed by itself, on the budgets as they were then: what a changed decision would have spent, and so
left to later ones, is not carried on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cicatrix.core.automation import decide_automation
from cicatrix.core.facts import Repository
from cicatrix.core.lawbook import Layer, LayerKind, Resolved, resolve, validate
from cicatrix.core.plan import JobPlan, Plan
from cicatrix.core.policy import Policy
from cicatrix.core.reasons import Reason
from cicatrix.core.replay import Inputs, OtherVersion, read, replay
from cicatrix.flows.policies import REPOSITORY_LAWBOOK
from cicatrix.flows.record import action_of
from cicatrix.lawbook import load
from cicatrix.ledger import View

OF_THE_LAWBOOK = frozenset({Reason.LAWBOOK_BLOCK, Reason.LAWBOOK_MISMATCH})
"""Stops that come from the file that is being replaced: a replay is about two files that can be used."""

REASON_OF_AUTOMATION = {
    "approval": Reason.APPROVAL_REQUIRED,
    "cooldown": Reason.COOLDOWN_ACTIVE,
    "rate_limit": Reason.COOLDOWN_ACTIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one plan says about one job."""

    action: str
    reason: str | None
    state: str | None
    """`sent`, `queued`, `would_send`, `would_queue`, or None for a job that stays."""
    because: str = ""
    """What bound, or the evidence of the reason."""

    def as_json(self) -> dict[str, str | None]:
        return {"action": self.action, "reasonCode": self.reason, "state": self.state, "because": self.because}

    def __str__(self) -> str:
        words = [self.action, self.reason or "", self.state or ""]
        return " ".join(word for word in words if word) + (f" ({self.because})" if self.because else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One job of one past decision that the two lawbooks decide differently."""

    decision_id: str
    decided_at: datetime
    repository: str
    pull_request: int
    run_id: str
    job: str
    """Shown name; empty for a run whose jobs could not be read."""
    before: Told
    after: Told


@dataclass(slots=True, kw_only=True)
class Comparison:
    """The outcome of a replay. `skipped` counts records that could not be replayed, by reason: they prove nothing."""

    replayed: int = 0
    changed: int = 0
    """Decisions with at least one change."""
    reruns_before: int = 0
    reruns_after: int = 0
    """Jobs that would have been rerun, dry runs and shadow included."""
    changes: list[Change] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, decision_id: str, inputs: Inputs, old: Plan, new: Plan) -> None:
        found = list(_changes(decision_id, inputs, old, new))
        self.replayed += 1
        self.changed += bool(found)
        self.reruns_before += sum(1 for job in old.jobs if job.state)
        self.reruns_after += sum(1 for job in new.jobs if job.state)
        self.changes += found

    def join(self, other: Comparison) -> None:
        """The outcome of another host beside this one."""
        self.replayed += other.replayed
        self.changed += other.changed
        self.reruns_before += other.reruns_before
        self.reruns_after += other.reruns_after
        self.changes += other.changes
        self.skipped.update(other.skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where the two lawbooks are put: into `place`, on top of (or below) what the deployment has beside them."""

    place: LayerKind
    base: Layer | None = None
    """The lawbook file given to the deployment, which stands before its stored one."""
    stored: Mapping[LayerKind, Layer] = field(default_factory=dict)
    """Lawbooks that the ledger holds active for the repository."""

    def resolved(self, candidate: Layer, recorded: Resolved) -> Resolved:
        """The lawbook with the candidate in its place. Layers of the repository itself are those of the time."""
        kinds: dict[LayerKind, Layer] = dict(self.stored)
        if self.base is not None:
            kinds[LayerKind.DEPLOYMENT] = self.base
        if self.place is not LayerKind.REPOSITORY and (own := recorded_layer(recorded)) is not None:
            kinds[LayerKind.REPOSITORY] = own
        kinds[self.place] = replace(candidate, kind=self.place)
        return resolve(list(kinds.values()))


def compare(
    view: View,
    *,
    host: str,
    old: Layer,
    new: Layer,
    place: LayerKind,
    base: Layer | None = None,
    repository: str | None = None,
    since: datetime | None = None,
) -> Comparison:
    """Replay every recorded decision of a host under both lawbooks.

    `repository` (`owner/repo`, in any case) and `since` narrow it. A record that cannot be read is skipped and counted.
    """
    result = Comparison()
    settings: dict[tuple[str, str], Setting] = {}
    runs: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for operation in view.all_operations():
        if operation.host == host:
            runs[(operation.repository_id, action_of(operation))].append(operation.created_at)
    for decision_id, inputs in _recorded(view.stored_inputs(host, since=since), result):
        home = inputs.facts.repository
        if repository is not None and home.full_name.casefold() != repository.casefold():
            continue
        key = (home.owner_id, home.id)
        if key not in settings:
            settings[key] = Setting(place=place, base=base, stored=_stored(view, home))
        told = runs[(home.id, inputs.request.action)]
        plans = [
            replay(inputs, policy_under(inputs, settings[key].resolved(candidate, inputs.policy.resolved), told))
            for candidate in (old, new)
        ]
        result.add(decision_id, inputs, *plans)
    return result


def policy_under(inputs: Inputs, resolved: Resolved, runs: Sequence[datetime]) -> Policy:
    """The recorded policy with another lawbook in it: registry, access and switches as they were, automation anew.

    `runs` are the times at which the request's action was intended in this repository, then or later.
    """
    policy = inputs.policy
    stops = [(reason, why) for reason, why in policy.stops if reason not in OF_THE_LAWBOOK]
    verdict = policy.automation
    if verdict is not None and not verdict.allow:  # its stop came from the lawbook that is replaced
        stops = [(reason, why) for reason, why in stops if not why.startswith(verdict.reason)]
    if denied := _automation_stop(inputs, resolved, runs):
        stops.append(denied)
    return replace(policy, resolved=resolved, stops=tuple(stops), automation=None, denial=None)


def recorded_layer(recorded: Resolved) -> Layer | None:
    """The repository's own file as far as it counted in a recorded decision; None when it set nothing."""
    tree: dict[str, object] = {}
    for name, origin in recorded.origins.items():
        if not origin.startswith(REPOSITORY_LAWBOOK):
            continue
        section, _, rest = name.rpartition(".")
        branch = recorded.tree.get(section) if section else recorded.tree
        if isinstance(branch, Mapping) and rest in branch:
            if section:
                inner = tree.setdefault(section, {})
                assert isinstance(inner, dict)
                inner[rest] = branch[rest]
            else:
                tree[rest] = branch[rest]
    layer, _ = validate(tree, {}, REPOSITORY_LAWBOOK) if tree else (None, ())
    return layer


def _recorded(stored: Iterable[tuple[str, str]], result: Comparison) -> Iterator[tuple[str, Inputs]]:
    for decision_id, text in stored:
        try:
            yield decision_id, read(text)
        except OtherVersion:
            result.skipped["recorded by another version"] += 1


def _stored(view: View, home: Repository) -> dict[LayerKind, Layer]:
    found: dict[LayerKind, Layer] = {}
    for row in view.active_lawbooks(home.host, home.owner_id, home.id):
        kind = LayerKind(row.scope)
        layer, _ = load(row.content.encode(), f"{row.file} (stored)", kind=kind)
        if layer is not None:
            found[kind] = layer
    return found


def _automation_stop(inputs: Inputs, resolved: Resolved, runs: Sequence[datetime]) -> tuple[Reason, str] | None:
    """What the lawbook's automation policies say, on the executions before that moment.

    They are told by the operations: rows of `automation_policy_executions` exist only where a policy was in force.
    """
    policies = resolved.lawbook.automation
    if not policies:
        return None
    home, action, evaluation = inputs.facts.repository, inputs.request.action, inputs.policy.evaluation
    verdict = decide_automation(
        policies,
        action,
        inputs.policy.environment,
        () if inputs.request.only_jobs is not None else [at for at in runs if at < inputs.now],
        inputs.now,
        approved=evaluation is not None and evaluation.approval_required and evaluation.approval_met,
        fields={"owner": home.owner, "repo": home.name, "request_id": inputs.request.request_id, "action": action},
    )
    if verdict.allow:
        return None
    return REASON_OF_AUTOMATION.get(verdict.code, Reason.LAWBOOK_BLOCK), verdict.reason


def _changes(decision_id: str, inputs: Inputs, old: Plan, new: Plan) -> Iterator[Change]:
    facts = inputs.facts
    pairs = [(a.name, _told(a), _told(b)) for a, b in zip(old.jobs, new.jobs, strict=True)]
    if not pairs:
        pairs = [("", _decided(old), _decided(new))]
    for name, before, after in pairs:
        if replace(before, because="") != replace(after, because=""):
            yield Change(
                decision_id=decision_id,
                decided_at=inputs.now,
                repository=facts.repository.full_name,
                pull_request=facts.pull_request_number,
                run_id=facts.run.id,
                job=name,
                before=before,
                after=after,
            )


def _told(job: JobPlan) -> Told:
    because = job.why.get(job.reason, "") if job.reason else ""
    if job.reason is Reason.MAX_ATTEMPTS_EXCEEDED:
        because = f"bound by {job.limits.bound_by}"
    return Told(action=job.action, reason=job.reason, state=job.state, because=because)


def _decided(plan: Plan) -> Told:
    return Told(action=plan.decision, reason=None, state=None, because="; ".join(plan.reasons))
