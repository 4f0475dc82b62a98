"""One registry document: checked, with all defaults filled in, hashed; and its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cicatrix.core.actions import ActionType
from cicatrix.core.canonical import canonical_hash
from cicatrix.core.facts import Problem
from cicatrix.core.lawbook.kinds import Invalid, Path
from cicatrix.core.lawbook.problems import Positions, Problems
from cicatrix.core.registry.forms import Record
from cicatrix.core.registry.model import (
    AllowedAction,
    ApprovalRule,
    OwnRemedy,
    Precondition,
    PreconditionType,
    Registry,
    RequiredCheck,
)
from cicatrix.core.registry.table import DOCUMENT
from cicatrix.core.remedy.model import Risk

_FORM = Record(DOCUMENT)
_NAMED_BY = {"allowedActions": "actionType", "requiredChecks": "name", "labelMappings": "name", "environments": "name"}
"""Lists whose items have their name in a dotted place, in place of their number."""

RERUNS = (ActionType.RERUN_FAILED_JOBS, ActionType.RERUN_CHECKS)
NO_RERUN = "is not set, which means no rerun at all: write the number of reruns, or 0 if none is meant"


def validate(tree: object, positions: Positions, file: str) -> tuple[Registry | None, tuple[Problem, ...]]:
    """The registry that the parsed file makes, or every problem in it with line and column, in the file's order.

    Unknown keys are problems, with the nearest known key. With any problem there is no registry: half a document would
    be a guess at what may be automated. `file` is only shown; `positions` may be empty, then no lines are known.
    """
    problems = Problems(positions, file)
    if not isinstance(tree, Mapping):
        problems.report((), "must be a mapping with version, registryId, repository and allowedActions")
        return None, problems.in_order()
    try:
        values = _FORM.read(tree, (), problems.report)
        _check_remedies(values, tree, problems)
    except Invalid:
        return None, problems.in_order()
    return _registry(values, file, _lines(positions, tree)), ()


def _check_remedies(values: Mapping[str, Any], tree: Mapping[str, Any], problems: Problems) -> None:
    """Own fixes belong to the one action that runs fixes. Raises Invalid."""
    written = [action["actionType"] for action in tree["allowedActions"]]
    for action in values["allowedActions"]:
        if action["remedies"] and action["actionType"] != ActionType.APPLY_REMEDIATION:
            place = ("allowedActions", written.index(action["actionType"]), "remedies")
            problems.report(place, f"belongs to {ActionType.APPLY_REMEDIATION}, not to {action['actionType']}")
            raise Invalid


def restore(tree: Mapping[str, object], file: str, lines: Mapping[str, int]) -> Registry:
    """The registry of a canonical tree that the ledger stored, with the file and lines it was read from.

    Raises ValueError for a tree that is none: then the store was changed by somebody, and nothing may be allowed.
    """
    registry, problems = validate(tree, {}, file)
    if registry is None:
        raise ValueError(f"the stored registry is not valid: {problems[0]}; apply the document again")
    return _registry(_FORM.read(tree, (), _no_report), file, lines)


def advice(registry: Registry) -> tuple[Problem, ...]:
    """What is valid and yet hardly meant: a rerun action that leaves `maxRetries` out, which is 0 reruns (RG-2)."""
    found = []
    for action in registry.allowed_actions:
        place = f"allowedActions.{action.action_type}.maxRetries"
        if action.action_type in RERUNS and action.max_retries == 0 and place not in registry.lines:
            parent = f"allowedActions.{action.action_type}"
            found.append(Problem(path=place, message=NO_RERUN, line=registry.lines.get(parent), file=registry.file))
    return tuple(found)


def advice_in_file(tree: object, positions: Positions, file: str) -> tuple[Problem, ...]:
    """The same advice on a parsed file that need not be valid, with line and column: for whoever corrects the file."""
    problems = Problems(positions, file)
    listed = tree.get("allowedActions") if isinstance(tree, Mapping) else None
    for place, action in enumerate(listed if isinstance(listed, list | tuple) else ()):
        if isinstance(action, Mapping) and action.get("actionType") in RERUNS and "maxRetries" not in action:
            problems.report(("allowedActions", place, "maxRetries"), NO_RERUN)
    return problems.in_order()


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the document, from the table that `validate` reads.

    It accepts what `validate` accepts (a test compares them), except that it cannot tell two required checks, labels or
    environments of one name.
    """
    schema = _FORM.schema()
    actions = schema["properties"]["allowedActions"]
    actions["allOf"] = [
        {
            "contains": {"properties": {"actionType": {"const": str(action)}}, "required": ["actionType"]},
            "minContains": 0,
            "maxContains": 1,
        }
        for action in ActionType
    ]
    other = {"properties": {"actionType": {"not": {"const": str(ActionType.APPLY_REMEDIATION)}}}}
    actions["items"] |= {"if": other, "then": {"properties": {"remedies": {"maxItems": 0}}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cicatrix registry",
        "description": "What may be automated in one repository.",
        **schema,
    }


def _no_report(_path: Path, message: str) -> None:
    raise AssertionError(f"a document that was valid is not: {message}")


def _lines(positions: Positions, tree: Mapping[str, Any]) -> dict[str, int]:
    return {".".join(_place(path, tree)): line for path, (line, _) in positions.items() if path}


def _place(path: Path, tree: Mapping[str, Any]) -> list[str]:
    words = [str(part) for part in path]
    if len(path) > 1 and isinstance(path[1], int) and (name := _NAMED_BY.get(words[0])):
        words[1] = str(tree[words[0]][path[1]][name])
    return words


def _registry(values: Mapping[str, Any], file: str, lines: Mapping[str, int]) -> Registry:
    tree: Any = _FORM.plain(values)
    return Registry(
        registry_id=values["registryId"],
        version=values["version"],
        repository=values["repository"],
        allowed_actions=tuple(map(_action, values["allowedActions"])),
        required_checks=tuple(map(_check, values["requiredChecks"])),
        approval_rules=_rule(values["approvalRules"]),
        fail_closed=values["failClosed"],
        tree=tree,
        hash=canonical_hash(tree),
        file=file,
        lines=dict(lines),
    )


def _action(v: Mapping[str, Any]) -> AllowedAction:
    return AllowedAction(
        action_type=ActionType(v["actionType"]),
        enabled=v["enabled"],
        preconditions=tuple(
            Precondition(type=PreconditionType(p["type"]), value=p["value"], description=p["description"])
            for p in v["preconditions"]
        ),
        approval_rule=_rule(v["approvalRule"]),
        max_retries=v["maxRetries"],
        cooldown_minutes=v["cooldownMinutes"],
        require_evidence=v["requireEvidence"],
        description=v["description"],
        remedies=tuple(map(_remedy, v["remedies"])),
    )


def _remedy(v: Mapping[str, Any]) -> OwnRemedy:
    return OwnRemedy(
        id=v["id"], command=tuple(v["command"]), risk=Risk(v["risk"]), paths=tuple(v["paths"]), about=v["about"]
    )


def _rule(v: Mapping[str, Any] | None) -> ApprovalRule | None:
    if v is None:
        return None
    return ApprovalRule(
        required=v["required"],
        min_approvers=v["minApprovers"],
        approver_roles=v["approverRoles"],
        approver_teams=v["approverTeams"],
        approver_users=v["approverUsers"],
        require_code_owners=v["requireCodeOwners"],
        dismiss_stale_reviews=v["dismissStaleReviews"],
    )


def _check(v: Mapping[str, Any]) -> RequiredCheck:
    return RequiredCheck(name=v["name"], required=v["required"], allowed_statuses=frozenset(v["allowedStatuses"]))
