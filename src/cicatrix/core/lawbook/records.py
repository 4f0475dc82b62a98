"""Lists of small mappings in a lawbook: automation policies and owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from cicatrix.core.lawbook.kinds import (
    Choice,
    Flag,
    Form,
    Invalid,
    Kind,
    Names,
    Path,
    Report,
    Schema,
    Text,
    Whole,
    list_schema,
    near,
    read_list,
    refuse,
)
from cicatrix.core.lawbook.model import AutomationPolicy, Owner

F_co = TypeVar("F_co", bound=Form, covariant=True)


@dataclass(frozen=True, slots=True)
class Field(Generic[F_co]):
    """One key of a record. `required` has no default."""

    kind: F_co
    default: Any = None
    required: bool = False
    about: str = ""


def read_record(value: object, path: Path, report: Report, fields: Mapping[str, Field[Form]]) -> dict[str, Any]:
    """Every field of the mapping, defaults filled in. Reports all problems, then raises Invalid if there were some."""
    if not isinstance(value, Mapping):
        raise refuse(value, path, report, "a mapping")
    found = {name: f.default for name, f in fields.items()}
    ok = True
    for key, item in value.items():
        if key not in fields:
            hint = near(key, list(fields)) or f"use {', '.join(fields)}"
            report((*path, str(key)), f"is no key here: {hint}")
            ok = False
            continue
        try:
            found[key] = fields[key].kind.read(item, (*path, key), report)
        except Invalid:
            ok = False
    for name, f in fields.items():
        if f.required and name not in value:
            report(path, f"needs {name}")
            ok = False
    if not ok:
        raise Invalid
    return found


def record_schema(fields: Mapping[str, Field[Form]]) -> Schema:
    return {
        "type": "object",
        "properties": {name: {**f.kind.schema(), **_told(f)} for name, f in fields.items()},
        "required": [name for name, f in fields.items() if f.required],
        "additionalProperties": False,
    }


def _told(f: Field[Form]) -> Schema:
    """What an editor shows of a field that bears a sentence."""
    if not f.about:
        return {}
    return {"description": f.about} | ({} if f.required else {"default": f.kind.plain(f.default)})


_WORD = Text(r"[a-z][a-z0-9_]{0,99}", "a word of lower-case letters, digits and underscores")
_POLICY: Mapping[str, Field[Kind]] = {
    "actionType": Field(_WORD, required=True),
    "allowedEnvs": Field(Names(Choice(("staging", "prod", "development"))), ("staging",)),
    "cooldownSeconds": Field(Whole(low=0, high=604_800, larger_is_stricter=True), 0),
    "maxRunsPerWindow": Field(Whole(low=0, high=10_000, nullable=True)),
    "windowSeconds": Field(Whole(low=1, high=604_800, nullable=True, larger_is_stricter=True)),
    "idempotencyKeyTemplate": Field(Names(_WORD), ()),
    "requiresApproval": Field(Flag(duty=True), default=False),
    "enforcementMode": Field(Choice(("strict", "permissive")), "strict"),
}


@dataclass(frozen=True, slots=True)
class Policies:
    """Automation policies, one for each action.

    An empty list restricts nothing. One that is not empty denies what it does not name; so of two such lists, stricter
    is what both allow, and an action that only one of them names keeps a policy which allows no environment.
    """

    most: int = 50

    def read(self, value: object, path: Path, report: Report) -> tuple[AutomationPolicy, ...]:
        found: dict[str, AutomationPolicy] = {}
        ok = True
        for index, item in enumerate(read_list(value, path, report, self.most)):
            try:
                fields = read_record(item, (*path, index), report, _POLICY)
            except Invalid:
                ok = False
                continue
            if (fields["maxRunsPerWindow"] is None) != (fields["windowSeconds"] is None):
                report((*path, index), "needs maxRunsPerWindow and windowSeconds together, or neither")
                ok = False
                continue
            policy = _policy(fields)
            known = found.get(policy.action_type)
            found[policy.action_type] = _stricter_policy(known, policy) if known else policy
        if not ok:
            raise Invalid
        return tuple(found[name] for name in sorted(found))

    def schema(self) -> Schema:
        return list_schema(record_schema(_POLICY) | {"allOf": [{"anyOf": _WINDOWS}]}, self.most)

    def stricter(self, a: Sequence[AutomationPolicy], b: Sequence[AutomationPolicy]) -> tuple[AutomationPolicy, ...]:
        if not a or not b:
            return tuple(a or b)
        left, right = ({p.action_type: p for p in policies} for policies in (a, b))
        found = {name: _denied(policy) for name, policy in {**left, **right}.items()}
        found |= {name: _stricter_policy(left[name], right[name]) for name in left.keys() & right.keys()}
        return tuple(found[name] for name in sorted(found))

    def allow_the_same(self, a: Sequence[AutomationPolicy], b: Sequence[AutomationPolicy]) -> bool:
        """Whether both restrict, and differ at most in policies that deny, which is what leaving them out does too."""
        left, right = ([p for p in policies if p != _denied(p)] for policies in (a, b))
        return bool(a) and bool(b) and left == right

    def plain(self, value: Sequence[AutomationPolicy]) -> object:
        return [_policy_fields(policy) for policy in value]


_WINDOWS = [
    {
        "properties": {"maxRunsPerWindow": {"type": word}, "windowSeconds": {"type": word}},
        "required": ["maxRunsPerWindow", "windowSeconds"] if word == "integer" else [],
    }
    for word in ("integer", "null")
]
"""A number of runs without a window, or the other way round, would be a limit that nobody can tell."""


def _policy(fields: Mapping[str, Any]) -> AutomationPolicy:
    return AutomationPolicy(
        action_type=fields["actionType"],
        allowed_envs=frozenset(fields["allowedEnvs"]),
        cooldown_seconds=fields["cooldownSeconds"],
        max_runs_per_window=fields["maxRunsPerWindow"],
        window_seconds=fields["windowSeconds"],
        idempotency_key_template=tuple(fields["idempotencyKeyTemplate"]),
        requires_approval=fields["requiresApproval"],
        enforcement_mode=fields["enforcementMode"],
    )


def _policy_fields(policy: AutomationPolicy) -> dict[str, Any]:
    return {
        "actionType": policy.action_type,
        "allowedEnvs": sorted(policy.allowed_envs),
        "cooldownSeconds": policy.cooldown_seconds,
        "maxRunsPerWindow": policy.max_runs_per_window,
        "windowSeconds": policy.window_seconds,
        "idempotencyKeyTemplate": list(policy.idempotency_key_template),
        "requiresApproval": policy.requires_approval,
        "enforcementMode": policy.enforcement_mode,
    }


def _stricter_policy(a: AutomationPolicy, b: AutomationPolicy) -> AutomationPolicy:
    left, right = _policy_fields(a), _policy_fields(b)
    return _policy({name: f.kind.stricter(left[name], right[name]) for name, f in _POLICY.items()})


def _denied(policy: AutomationPolicy) -> AutomationPolicy:
    """The policy, allowing nothing anywhere."""
    return replace(policy, allowed_envs=frozenset(), enforcement_mode="strict")


_HANDLE = Text(r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:/[A-Za-z0-9._-]{1,100})?", "a login or team such as @org/team")
_OWNER: Mapping[str, Field[Kind]] = {
    "path": Field(Text(r"[!-~][ -~]{0,299}", "a path pattern such as services/api/**"), "**"),
    "owners": Field(Names(_HANDLE), required=True),
}


@dataclass(frozen=True, slots=True)
class Owners:
    """Who is told: `@login` or `@org/team` for everything, or `{path, owners}`. It limits nothing."""

    most: int = 100

    def read(self, value: object, path: Path, report: Report) -> tuple[Owner, ...]:
        found: list[Owner] = []
        ok = True
        for index, item in enumerate(read_list(value, path, report, self.most)):
            try:
                if isinstance(item, Mapping):
                    fields = read_record(item, (*path, index), report, _OWNER)
                    found.append(Owner(path=fields["path"], owners=fields["owners"]))
                else:
                    found.append(Owner(path="**", owners=(_HANDLE.read(item, (*path, index), report),)))
            except Invalid:
                ok = False
        if not ok:
            raise Invalid
        return tuple(found)

    def schema(self) -> Schema:
        return list_schema({"anyOf": [_HANDLE.schema(), record_schema(_OWNER)]}, self.most)

    def stricter(self, a: Sequence[Owner], b: Sequence[Owner]) -> tuple[Owner, ...]:
        return max(tuple(a), tuple(b), key=self.plain_key)

    def plain(self, value: Sequence[Owner]) -> object:
        return [{"path": owner.path, "owners": list(owner.owners)} for owner in value]

    def plain_key(self, value: Sequence[Owner]) -> list[tuple[str, tuple[str, ...]]]:
        return [(owner.path, owner.owners) for owner in value]
