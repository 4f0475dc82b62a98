"""Starting a validation by `repository_dispatch` or `workflow_dispatch` (behaviour 14): payload, statuses, limits.

The payload is built and read by the same code on both sides. It is data: it travels in the environment, never in a
command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from cicatrix.core.canonical import instant
from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.lawbook import Dispatch

EVENT_TYPE = "post-remediation-check"
SCHEMA = 1
MOST_BYTES = 65_535
"""GitHub takes less than 64 KB of `client_payload`."""

SETUP_PAGE = "docs/tokens.md"
LABELS = ("auto-healing-applied", "security-improved", "phase3-remediation")
LABELS_FROM = 70

UNKNOWN = "unknown"
TRIGGERS = ("phase3-auto-healing", "manual")
_TRUTH = {"true": True, "false": False, UNKNOWN: None}

_SHA = re.compile(r"[0-9a-f]{40,64}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|\+00:00)", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{22,128}", re.ASCII)
_PERCENT = re.compile(r"0|[1-9]\d?|100", re.ASCII)

FIELDS = ("security_improvement", "build_diagnostics", "triggered_by", "commit_sha", "remediation_timestamp")
"""The seed's five."""

OURS = ("schema", "op_id", "nonce", "base_sha", "deadline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Our own object in the payload: which operation asked, and until when it waits. A manual start has none."""

    op_id: str
    nonce: str
    """URL-safe random text of at least 128 bits, new for each dispatch."""
    base_sha: str
    """The commit that the remediation started from."""
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPayload:
    """A payload whose shape is known to be right. Whether it is *true* only the ledger can tell, by `op_id`."""

    commit_sha: str
    triggered_by: str
    remediation_timestamp: datetime
    security_improvement: int | None
    """0..100; None is `unknown`."""
    build_diagnostics: bool | None
    known: Known | None


class PayloadInvalidError(ValueError):
    """The payload has not the agreed shape. The message names the field, never its value."""


def build_payload(payload: DispatchPayload) -> dict[str, object]:
    """The `client_payload`: the seed's five fields as text, and `cicatrix`. Raises as `read_payload` does."""
    improved = payload.security_improvement
    built = next(word for word, truth in _TRUTH.items() if truth is payload.build_diagnostics)
    tree: dict[str, object] = {
        "security_improvement": UNKNOWN if improved is None else str(improved),
        "build_diagnostics": built,
        "triggered_by": payload.triggered_by,
        "commit_sha": payload.commit_sha,
        "remediation_timestamp": instant(payload.remediation_timestamp),
    }
    if payload.known is not None:
        tree["cicatrix"] = {
            "schema": SCHEMA,
            "op_id": payload.known.op_id,
            "nonce": payload.known.nonce,
            "base_sha": payload.known.base_sha,
            "deadline": instant(payload.known.deadline),
        }
    read_payload(tree)
    return tree


def read_payload(tree: object) -> DispatchPayload:
    """The payload's values. Raises PayloadInvalidError for anything but the exact fields in their exact shapes."""
    fields = _object(tree, (*FIELDS, "cicatrix"), "client_payload", optional=("cicatrix",))
    if len(json.dumps(tree).encode()) > MOST_BYTES:
        raise PayloadInvalidError("client_payload is 64 KB or larger")
    improved = _text(fields, "security_improvement", _PERCENT, also=(UNKNOWN,))
    built = fields["build_diagnostics"]
    if not isinstance(built, str) or built not in _TRUTH:
        raise PayloadInvalidError("build_diagnostics must be true, false or unknown, as text")
    trigger = fields["triggered_by"]
    if trigger not in TRIGGERS:
        raise PayloadInvalidError(f"triggered_by must be one of {', '.join(TRIGGERS)}")
    return DispatchPayload(
        commit_sha=_text(fields, "commit_sha", _SHA),
        triggered_by=str(trigger),
        remediation_timestamp=_moment(fields, "remediation_timestamp"),
        security_improvement=None if improved == UNKNOWN else int(improved),
        build_diagnostics=_TRUTH[built],
        known=_known(fields["cicatrix"]) if "cicatrix" in fields else None,
    )


def parse_payload(text: str) -> DispatchPayload:
    """The payload from the JSON text in the environment. Raises PayloadInvalidError."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise PayloadInvalidError("client_payload is 64 KB or larger")
    try:
        tree = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise PayloadInvalidError("client_payload is not JSON, or names a field twice") from None
    return read_payload(tree)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError
    return tree


def _known(tree: object) -> Known:
    fields = _object(tree, OURS, "cicatrix")
    if fields["schema"] != SCHEMA or isinstance(fields["schema"], bool):
        raise PayloadInvalidError(f"cicatrix.schema must be {SCHEMA}")
    return Known(
        op_id=_text(fields, "op_id", _ID),
        nonce=_text(fields, "nonce", _NONCE),
        base_sha=_text(fields, "base_sha", _SHA),
        deadline=_moment(fields, "deadline"),
    )


def _object(tree: object, names: tuple[str, ...], where: str, optional: tuple[str, ...] = ()) -> Mapping[str, object]:
    if not isinstance(tree, dict):
        raise PayloadInvalidError(f"{where} must be an object")
    missing = [name for name in names if name not in tree and name not in optional]
    if missing:
        raise PayloadInvalidError(f"{where} lacks {', '.join(missing)}")
    if len(tree.keys() - set(names)) > 0:
        raise PayloadInvalidError(f"{where} has fields that are not in {', '.join(names)}")
    return tree


def _text(fields: Mapping[str, object], name: str, shape: re.Pattern[str], also: tuple[str, ...] = ()) -> str:
    value = fields[name]
    if not isinstance(value, str) or (value not in also and shape.fullmatch(value) is None):
        raise PayloadInvalidError(f"{name} has not the agreed shape")
    return value


def _moment(fields: Mapping[str, object], name: str) -> datetime:
    try:
        return datetime.fromisoformat(_text(fields, name, _TIME))
    except ValueError:
        raise PayloadInvalidError(f"{name} must be a time in UTC such as 2026-11-21T09:00:00Z") from None


# --- what an answer means ---


class Step(StrEnum):
    ACCEPTED = "accepted"
    """GitHub took it. That proves no run: wait for it until the deadline."""
    NEXT_CREDENTIAL = "next_credential"
    """Definitely no effect with this credential: the next one is tried, as an operation of its own."""
    WAIT = "wait"
    """A rate limit: no effect, and the same operation may be sent later."""
    STOP = "stop"
    """Definitely no effect, and another credential would change nothing."""
    RECONCILE = "reconcile"
    """It may have had its effect: look for the run, never send again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    step: Step
    reason: HealReason | None = None
    """Of a refusal."""


Via = Literal["repository_dispatch", "workflow_dispatch"]

NEXT: Mapping[int, Next] = {
    200: Next(step=Step.ACCEPTED),
    204: Next(step=Step.ACCEPTED),
    401: Next(step=Step.NEXT_CREDENTIAL, reason=HealReason.CREDENTIAL_INVALID),
    403: Next(step=Step.NEXT_CREDENTIAL, reason=HealReason.PERMISSION_MISSING),
    404: Next(step=Step.STOP, reason=HealReason.NOT_FOUND_OR_NO_ACCESS),
    422: Next(step=Step.STOP, reason=HealReason.PAYLOAD_INVALID),
    429: Next(step=Step.WAIT),
}
"""The statuses with a meaning of their own. 401 counts after the token was renewed once, where it can be renewed."""

RUN_DETAILS = 200
"""The status with which `workflow_dispatch` returns its run; `repository_dispatch` never answers it."""


def next_step(status: int | None, *, via: Via = "repository_dispatch", rate_limited: bool = False) -> Next:
    """What follows from GitHub's answer; None is no answer at all.

    `rate_limited` tells a 403 of a limit from one of a missing permission. Any other 4xx is a definite refusal, of a
    meaning that we do not know. What is neither that nor in the table may have had its effect.
    """
    if status is None or (status == RUN_DETAILS and via != "workflow_dispatch"):
        return Next(step=Step.RECONCILE)
    if rate_limited and status in {403, 429}:
        return Next(step=Step.WAIT)
    definite = Next(step=Step.STOP) if status in range(400, 500) else Next(step=Step.RECONCILE)
    return NEXT.get(status, definite)


class Credential(StrEnum):
    """What a dispatch may be sent with (RD-1)."""

    APP = "app"
    GITHUB_TOKEN = "GITHUB_TOKEN"  # noqa: S105 -- the variable's name, no secret
    GH_TOKEN = "GH_TOKEN"  # noqa: S105 -- the variable's name, no secret
    CI_REDISPATCH_TOKEN = "CI_REDISPATCH_TOKEN"  # noqa: S105 -- the variable's name, no secret


def in_order(present: frozenset[Credential], used: frozenset[Credential] = frozenset()) -> tuple[Credential, ...]:
    """The credentials that are there and were not refused yet, in the order in which they are tried."""
    return tuple(credential for credential in Credential if credential in present - used)


def nothing_left(refused: Mapping[Credential, HealReason]) -> tuple[HealReason, str]:
    """Why the dispatch is BLOCKED once no credential is left, with the page that helps."""
    if not refused:
        return HealReason.CREDENTIAL_MISSING, f"no credential is set; {SETUP_PAGE} tells how to set one up"
    tried = ", ".join(f"{credential.value}: {reason.value}" for credential, reason in refused.items())
    return list(refused.values())[-1], f"no credential is left ({tried}); {SETUP_PAGE} tells how to set one up"


# --- how often, under which name ---


def dispatch_stops(
    rules: Dispatch, *, of_commit: int | None, of_case: int | None, leased_by: str | None
) -> tuple[tuple[HealReason, str], ...]:
    """What forbids another dispatch. Counts are dispatches that GitHub did not definitely refuse; None blocks."""
    stops = [
        (HealReason.DISPATCH_LIMIT, f"{'unknown' if used is None else used} of {most} used ({key})")
        for used, most, key in (
            (of_commit, rules.per_commit, "dispatch.perCommit"),
            (of_case, rules.per_case, "dispatch.perCase"),
        )
        if used is None or used >= most
    ]
    if leased_by:
        stops.insert(0, (HealReason.REF_LEASED, f"case {leased_by} works on this ref"))
    return tuple(stops)


def run_name(op_id: str) -> str:
    """The name that the shipped workflow gives its run, by which it is found again (RD-3)."""
    return f"cicatrix validation {op_id}"


def labels_for(security_improvement: int | None) -> tuple[str, ...]:
    """The seed's labels for a pull request, from an improvement of 70 on."""
    return LABELS if security_improvement is not None and security_improvement >= LABELS_FROM else ()
