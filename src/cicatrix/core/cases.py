"""The states of a case, as one table. The diagram in the docs is drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class CaseState(StrEnum):
    DECIDING = "deciding"
    ACTING = "acting"
    QUEUED = "queued"
    RERAN = "reran"
    JUDGING = "judging"
    REMEDYING = "remedying"
    DISPATCHED = "dispatched"
    VALIDATED = "validated"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    HELD = "held"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"


S = CaseState

AWAITS: Mapping[CaseState, str] = {
    S.DECIDING: "nothing",
    S.ACTING: "the operation's verdict, or its window's end",
    S.QUEUED: "wake_at or an event",
    S.RERAN: "end of attempt N+1, or its deadline",
    S.JUDGING: "nothing",
    S.REMEDYING: "commit and draft pull request, or nothing to propose",
    S.DISPATCHED: "the validation report, or its deadline",
    S.VALIDATED: "nothing",
    S.ROLLING_BACK: "draft or merge of the revert",
    S.ROLLED_BACK: "validation of the revert",
    S.HELD: "a person or a time",
    S.HANDED_OVER: "nothing",
    S.CLOSED: "nothing",
}

TRANSITIONS: Mapping[CaseState, tuple[CaseState, ...]] = {
    S.DECIDING: (S.ACTING, S.QUEUED, S.HELD, S.REMEDYING, S.ROLLING_BACK, S.HANDED_OVER, S.CLOSED),
    S.ACTING: (S.RERAN, S.QUEUED, S.DECIDING, S.HANDED_OVER),
    S.QUEUED: (S.DECIDING,),
    S.RERAN: (S.JUDGING,),
    S.JUDGING: (S.CLOSED, S.DECIDING, S.REMEDYING, S.ROLLING_BACK, S.HANDED_OVER),
    S.REMEDYING: (S.DISPATCHED, S.HANDED_OVER),
    S.DISPATCHED: (S.VALIDATED, S.HANDED_OVER),
    S.VALIDATED: (S.CLOSED, S.ROLLING_BACK, S.HANDED_OVER),
    S.ROLLING_BACK: (S.ROLLED_BACK, S.HANDED_OVER),
    S.ROLLED_BACK: (S.CLOSED, S.HANDED_OVER),
    S.HELD: (S.DECIDING, S.HANDED_OVER),
    S.HANDED_OVER: (),
    S.CLOSED: (),
}

ENDED = frozenset({S.HANDED_OVER, S.CLOSED})
"""A new request of a person opens an ended case again, in `deciding`; the machine by itself never does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One failed run's story, unique by (host, repository id, run id).

    One that `gate` opens has no run: it is unique by (host, repository id, ref, head SHA).
    """

    id: str
    host: str
    repository_id: str
    owner: str
    repository: str
    run_id: str
    """Empty for a case that `gate` opened."""
    pull_request: int
    head_sha: str
    ref: str = ""
    """The full ref, such as `refs/heads/main`, of a case that `gate` opened; empty for a run's case."""
    state: CaseState
    wake_at: datetime | None
    """When the next tick is due; None waits for a person only."""
    awaits: str
    epoch: int
    """Fences writers: each claim raises it, and a write with an older epoch is refused."""
    opened_at: datetime
    updated_at: datetime
    schema: int = 1
    lease_until: datetime | None = None
    operation_id: str | None = None
    note: str = ""
    """One sentence for a person: why it stands where it stands."""
    data: Mapping[str, object] = field(default_factory=dict)
    """JSON: what the next tick needs to go on (request, queued jobs, deadline)."""


def may_follow(state: CaseState, following: CaseState) -> bool:
    """Whether the table allows the step. Staying in a state is always allowed."""
    return state is following or following in TRANSITIONS[state]
