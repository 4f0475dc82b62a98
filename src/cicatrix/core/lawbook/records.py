"""Lists of small mappings in a lawbook: automation policies and owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cicatrix.core.lawbook.kinds import (
    Choice,
    Flag,
    Invalid,
    Kind,
    Names,
    Path,
    Report,
    Schema,
    Text,
    Whole,
    list_schema,
    read_list,
    refuse,
)
from cicatrix.core.lawbook.model import AutomationPolicy, Owner


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record. `required` has no default."""

    kind: Kind
    default: Any = None
    required: bool = False


def read_record(value: object, path: Path, report: Report, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Every field of the mapping, defaults filled in. Reports all problems, then raises Invalid if there were some."""
    if not isinstance(value, Mapping):
        raise refuse(value, path, report, "a mapping")
    found = {name: f.default for name, f in fields.items()}
    ok = True
    for key, item in value.items():
        if key not in fields:
            report((*path, key), f"is no key here: use {', '.join(fields)}")
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


def record_schema(fields: Mapping[str, Field]) -> Schema:
    return {
        "type": "object",
        "properties": {name: f.kind.schema() for name, f in fields.items()},
        "required": [name for name, f in fields.items() if f.required],
        "additionalProperties": False,
    }


_WORD = Text(r"[a-z][a-z0-9_]{0,99}", "a word of lower-case letters, digits and underscores")
_POLICY: Mapping[str, Field] = {
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
    """Automation policies, one for each action. What no policy allows is denied, so stricter is what both hold."""

    most: int = 50

    def read(self, value: object, path: Path, report: Report) -> tuple[AutomationPolicy, ...]:
        found: dict[str, AutomationPolicy] = {}
        ok = True
        for index, item in enumerate(read_list(value, path, report, self.most)):
            try:
                policy = _policy(read_record(item, (*path, index), report, _POLICY))
            except Invalid:
                ok = False
                continue
            known = found.get(policy.action_type)
            found[policy.action_type] = _stricter_policy(known, policy) if known else policy
        if not ok:
            raise Invalid
        return tuple(found[name] for name in sorted(found))

    def schema(self) -> Schema:
        return list_schema(record_schema(_POLICY), self.most)

    def stricter(self, a: Sequence[AutomationPolicy], b: Sequence[AutomationPolicy]) -> tuple[AutomationPolicy, ...]:
        other = {policy.action_type: policy for policy in b}
        return tuple(_stricter_policy(p, other[p.action_type]) for p in a if p.action_type in other)

    def plain(self, value: Sequence[AutomationPolicy]) -> object:
        return [_policy_fields(policy) for policy in value]


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


_HANDLE = Text(r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:/[A-Za-z0-9._-]{1,100})?", "a login or team such as @org/team")
_OWNER: Mapping[str, Field] = {
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
