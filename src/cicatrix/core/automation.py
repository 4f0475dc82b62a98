"""What the lawbook's automation policies say to one request for an action (behaviour 8)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from cicatrix.core.actions import ActionType
from cicatrix.core.canonical import instant
from cicatrix.core.environment import Environment
from cicatrix.core.lawbook import AutomationPolicy

Code = Literal["", "no_policy", "environment", "approval", "cooldown", "rate_limit"]
"""Which rule said no; empty when none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationVerdict:
    """`allow` is what holds. With `denied_but_permissive`, code and reason tell what a strict policy had denied."""

    allow: bool
    reason: str = ""
    next_allowed_at: datetime | None = None
    """When the denial ends by itself: of a cooldown or a rate limit. None when only a change ends it."""
    requires_approval: bool = False
    idempotency_key: str = ""
    """Values of the template's fields joined by `:`; empty without a template, or when a field has no value."""
    idempotency_key_hash: str = ""
    """SHA-256 of the key, 64 hex digits; empty where the key is."""
    policy_name: str = ""
    """Action type of the policy; empty where no policy is for the action."""
    denied_but_permissive: bool = False
    code: Code = ""


def decide_automation(
    policies: Sequence[AutomationPolicy],
    action: ActionType,
    environment: Environment,
    runs: Sequence[datetime],
    now: datetime,
    *,
    approved: bool,
    fields: Mapping[str, str],
) -> AutomationVerdict:
    """Environment, approval, cooldown, rate limit, in this order; the first that says no is the answer.

    Without any policy nothing is restricted here. Once there is one, an action that no policy names is denied.
    `runs` are the times of the action's **allowed** executions, in any order: refusals count neither for the cooldown
    nor for the window (LB-4). A policy that is `permissive` lets through what it denies, in staging only (LB-5).
    """
    if not policies:
        return AutomationVerdict(allow=True, reason="the lawbook lists no automation policy")
    policy = next((p for p in policies if p.action_type == action), None)
    if policy is None:
        named = ", ".join(sorted(p.action_type for p in policies))
        reason = f"the lawbook's automation lists {named}, and no policy for {action}: add one to allow it"
        return AutomationVerdict(allow=False, reason=reason, code="no_policy")
    verdict = _judge(policy, environment, runs, now, approved=approved)
    key = _key(policy, fields)
    verdict = replace(
        verdict,
        requires_approval=policy.requires_approval,
        idempotency_key=key,
        idempotency_key_hash=hashlib.sha256(key.encode()).hexdigest() if key else "",
        policy_name=policy.action_type,
    )
    permissive = policy.enforcement_mode == "permissive" and environment is Environment.STAGING
    if verdict.allow or not permissive:
        return verdict
    return replace(verdict, allow=True, denied_but_permissive=True)


def _judge(
    policy: AutomationPolicy, environment: Environment, runs: Sequence[datetime], now: datetime, *, approved: bool
) -> AutomationVerdict:
    name = f"the automation policy of {policy.action_type}"
    if environment.value not in policy.allowed_envs:
        allowed = ", ".join(sorted(policy.allowed_envs)) or "no environment"
        return _no("environment", f"{name} allows {allowed}, and this is {environment.value}: change allowedEnvs")
    if policy.requires_approval and not approved:
        return _no(
            "approval", f"{name} requires an approval, and there is none: have it approved by the registry's rule"
        )
    if (ends := _cooldown_end(policy, runs)) is not None and now < ends:
        return _no("cooldown", f"{name} has cooldownSeconds {policy.cooldown_seconds}: ask again {_from(ends)}", ends)
    return _rate_limit(policy, name, runs, now)


def _cooldown_end(policy: AutomationPolicy, runs: Sequence[datetime]) -> datetime | None:
    if not runs or not policy.cooldown_seconds:
        return None
    return max(runs) + timedelta(seconds=policy.cooldown_seconds)


def _rate_limit(policy: AutomationPolicy, name: str, runs: Sequence[datetime], now: datetime) -> AutomationVerdict:
    most = policy.max_runs_per_window
    if most is None:
        return AutomationVerdict(allow=True, reason=f"{name} allows it")
    # a policy always has both or neither; without a window every run that is known counts
    window = None if policy.window_seconds is None else timedelta(seconds=policy.window_seconds)
    counted = sorted(run for run in runs if window is None or run > now - window)
    if len(counted) < most:
        return AutomationVerdict(allow=True, reason=f"{name} allows it: {len(counted)} of {most} runs in its window")
    figures = f"{name} allows {most} runs in {policy.window_seconds} s, and there were {len(counted)}"
    if most == 0 or window is None:
        return _no("rate_limit", f"{figures}: change maxRunsPerWindow")
    ends = counted[len(counted) - most] + window
    return _no("rate_limit", f"{figures}: ask again {_from(ends)}", ends)


def _no(code: Code, reason: str, ends: datetime | None = None) -> AutomationVerdict:
    return AutomationVerdict(allow=False, reason=reason, next_allowed_at=ends, code=code)


def _from(moment: datetime) -> str:
    return f"from {instant(moment)} on"


def _key(policy: AutomationPolicy, fields: Mapping[str, str]) -> str:
    template = policy.idempotency_key_template
    if any(not fields.get(name) for name in template):
        return ""
    return ":".join(fields[name] for name in template)
