"""What every rung above the rerun needs: whose case it is, under what rules, and by which credential it acts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cicatrix.core.actions import ActionType
from cicatrix.core.cases import Case, CaseState
from cicatrix.core.facts import Identity, Receipt, Repository
from cicatrix.core.lawbook import Resolved
from cicatrix.core.operations import Kind, Operation, Verb
from cicatrix.core.policy import Policy, RerunRequest
from cicatrix.flows.cases import move
from cicatrix.flows.context import Context
from cicatrix.flows.policies import Rules, policy_in, read_rules
from cicatrix.github import GitHub
from cicatrix.ledger import Tx, View

HELD_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One write that a rung wants to have happened. Level-triggered: asking twice never makes it happen twice."""

    kind: Kind
    verb: Verb
    action: ActionType
    """The registry's action that it performs: rights, cooldowns and kill switches are asked for this one."""
    target: str
    """What it is about; see `Operation.target`. The case's id need not stand in it."""
    head_sha: str
    send: Callable[[GitHub, Receipt, str], Mapping[str, object]]
    """Sends it, given client, receipt and operation id; gives what GitHub told (ids and numbers, no foreign text)."""
    params: Mapping[str, object] = field(default_factory=dict)
    pull_request: int = 0
    proposes: bool = False
    """Whether it only proposes something that a person has to accept: then a missing approval does not hold it."""
    proven_by_read: bool = False
    """Whether GitHub's "accepted" is no proof: unless it names what it made, the effect has to be seen."""
    operation_id: str | None = None
    """An id chosen beforehand, where what leaves has to name it; else a fresh one."""


class EffectState(StrEnum):
    DONE = "done"
    WAITING = "waiting"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """INDETERMINATE: a person has to look; the machine does not send it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Where a wish stands."""

    state: EffectState
    operation: Operation | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """What GitHub told of a done one: number, url, id."""
    reason: str = ""
    """A code of `Reason` or `HealReason` for a refused one."""
    why: str = ""
    status: int = 0
    wake_at: datetime | None = None

    @property
    def done(self) -> bool:
        return self.state is EffectState.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One step of one case's climb. Everything in it was read for this step."""

    ctx: Context
    case: Case
    home: Repository
    rules: Rules
    resolved: Resolved
    identity: Identity
    github: GitHub
    """The client of the credential that acts; `ctx.github` unless a re-dispatch moved on to another one."""
    credential: str = ""
    """Name of that credential, for reports."""

    @property
    def branch(self) -> str:
        """The branch that the case is about: of its ref, else what the case remembers of its run."""
        return self.case.ref.removeprefix("refs/heads/") or str(self.case.data.get("branch", ""))

    @property
    def automatic(self) -> bool:
        return bool(self.case.data.get("automatic", False))

    @property
    def principal(self) -> str:
        return str(self.case.data.get("principal", "system"))

    def request(self, action: ActionType) -> RerunRequest:
        """The request that stands behind the case, asking for this action."""
        return RerunRequest(
            request_id=str(self.case.data.get("requestId", self.case.id)),
            principal=self.principal,
            automatic=self.automatic,
            for_action=action,
        )

    def policy(self, view: View, action: ActionType) -> Policy:
        """What the five places say to the action at this moment; binding under the write lock only."""
        return policy_in(view, self.ctx.deployment, self.rules, self.request(action), home=self.home)

    def data(self, name: str) -> dict[str, Any]:
        """What the case remembers under that name."""
        found = self.case.data.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    def save(
        self,
        state: CaseState,
        *,
        note: str | None = None,
        wake_at: datetime | None = None,
        within: Callable[[Tx], None] | None = None,
        **data: object,
    ) -> Rung:
        """The case in `state` with more to remember, and whatever `within` writes in the same transaction."""
        with self.ctx.ledger.write("case") as tx:
            if within is not None:
                within(tx)
            saved = move(
                tx,
                self.case,
                state,
                self.ctx.now(),
                wake_at=wake_at,
                note=note,
                data={**self.case.data, **{key: plain(value) for key, value in data.items()}},
            )
        return replace(self, case=saved)


def plain(value: object) -> object:
    """A JSON tree of the value: what a case can remember."""
    return json.loads(json.dumps(value, default=str))


def climb_of(ctx: Context, case: Case) -> Rung:
    """The step's surroundings, read now. Raises GitHubError."""
    home = ctx.github.repository(case.owner, case.repository)
    if home.id != case.repository_id:
        raise LookupError(f"{case.owner}/{case.repository} is another repository now: its id is {home.id}")
    rules = read_rules(ctx, home.owner, home.name)
    identity = ctx.github.identity(home.owner, home.name)
    with ctx.ledger.read() as view:
        policy = policy_in(view, ctx.deployment, rules, home=home)
    return Rung(
        ctx=ctx,
        case=case,
        home=home,
        rules=rules,
        resolved=policy.resolved,
        identity=identity,
        github=ctx.github,
        credential=ctx.credential,
    )
