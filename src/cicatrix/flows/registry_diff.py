"""Two registry documents field by field, and what each difference means for whom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cicatrix.core.actions import ROLE_FOR_ACTION, ActionType
from cicatrix.core.registry import Registry

Path = tuple[str, ...]

PRESENT = "present"
"""The value of an item of a list as such; its fields stand in leaves of their own."""

_NAMED_BY = ("actionType", "name", "identifier", "type", "id")
"""The field that tells the items of a list apart."""
_NUMBERED = frozenset({"preconditions", "reviewerMappings", "remedies"})
"""Lists whose items go by their number in `Registry.lines`."""
_LOOSER_UP = frozenset({"maxRetries", "enabled"})
_LOOSER_DOWN = frozenset(
    {
        "cooldownMinutes",
        "requireEvidence",
        "failClosed",
        "required",
        "minApprovers",
        "requireCodeOwners",
        "dismissStaleReviews",
    }
)
_TEXTS = frozenset({"description", "about", "notes", "createdAt", "createdBy", "updatedAt", "updatedBy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs. None is: not there."""

    place: str
    """Dotted, such as `allowedActions.rerun_failed_jobs.maxRetries`."""
    before: str | None
    after: str | None
    means: str
    """What would change, and for whom."""
    direction: str
    """`looser`, `tighter` or `` when it is neither."""
    origin: str
    """File and line of the document that says so, of the old one for what goes away."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    value: object
    line: str
    """The place under which `Registry.lines` knows it: items without a name go by their number there."""


DEFAULT = "(default)"
"""The origin of a field that the document does not write."""
_OFF = "stored and refused: enabled is false"
_NO_RERUN = "may be asked for, and 0 reruns follow: maxRetries is 0"
_RERUNS = (ActionType.RERUN_FAILED_JOBS, ActionType.RERUN_CHECKS)


def changes(before: Registry | None, after: Registry) -> tuple[Change, ...]:
    """Every field that differs, in the order of the places. With nothing before, every field is new."""
    old = {} if before is None else dict(_leaves(before.tree, (), ()))
    new = dict(_leaves(after.tree, (), ()))
    found = []
    for path in sorted({*old, *new}):
        was, will = old.get(path), new.get(path)
        if (was and will and _equal(was.value, will.value)) or _inside_another(path, old, new):
            continue
        origin = after.origin(will.line) if will else ""
        if will is None and was is not None and before is not None:
            origin = before.origin(was.line)
        void = _void(path, new)
        found.append(
            Change(
                place=".".join(path),
                before=None if was is None else _told(path, was, old),
                after=None if will is None else _told(path, will, new),
                means=void or _means(path, None if will is None else will.value),
                direction="" if void else _direction(path, was, will),
                origin=origin,
            )
        )
    return tuple(found)


def fields(registry: Registry) -> tuple[tuple[str, str, str], ...]:
    """Every field as (place, value, origin); the origin of what the document does not write is `(default)`."""
    return tuple(
        (".".join(path), _shown(leaf.value), _origin(registry, leaf)) for path, leaf in _leaves(registry.tree, (), ())
    )


def _origin(registry: Registry, leaf: _Leaf) -> str:
    written = leaf.line in registry.lines or not registry.lines  # without any line known, nothing can be told apart
    return registry.origin(leaf.line) if written else DEFAULT


def _leaves(value: object, path: Path, line: Path) -> Iterator[tuple[Path, _Leaf]]:
    """The leaves of a canonical tree. Items of a list go by their name, so that their order does not matter."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)), (*line, str(key)))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        yield from _items(value, path, line)
    elif value not in (None, [], (), ""):  # what is empty is as good as not there
        yield path, _Leaf(value, ".".join(line))


def _items(items: Sequence[Any], path: Path, line: Path) -> Iterator[tuple[Path, _Leaf]]:
    seen: dict[str, int] = {}
    for number, item in enumerate(items):
        named = next(key for key in _NAMED_BY if key in item)
        name = str(item[named])
        seen[name] = seen.get(name, 0) + 1
        place = (*path, name if seen[name] == 1 else f"{name}[{seen[name]}]")
        here = (*line, str(number) if line[-1] in _NUMBERED else name)
        yield place, _Leaf(PRESENT, ".".join(here))
        yield from _leaves({key: value for key, value in item.items() if key != named}, place, here)


def _inside_another(path: Path, old: Mapping[Path, _Leaf], new: Mapping[Path, _Leaf]) -> bool:
    """Whether the field is of an item that comes or goes as a whole, whose one line tells its fields."""
    return any((path[:n] in old) != (path[:n] in new) for n in range(1, len(path)))


def _void(path: Path, leaves: Mapping[Path, _Leaf]) -> str:
    """Why an action that comes as a whole lets nothing happen; empty where it does."""
    if path[0] != "allowedActions" or len(path) != 2 or path not in leaves:
        return ""
    if leaves[(*path, "enabled")].value is False:
        return _OFF
    return _NO_RERUN if path[1] in _RERUNS and leaves[(*path, "maxRetries")].value == 0 else ""


def _told(path: Path, leaf: _Leaf, leaves: Mapping[Path, _Leaf]) -> str:
    """A value; of an item as a whole its fields, the texts for people left out."""
    if leaf.value != PRESENT:
        return _shown(leaf.value)
    inside = [(p[len(path) :], other) for p, other in leaves.items() if p[: len(path)] == path and p != path]
    parts = [
        ".".join(rest) if other.value == PRESENT else f"{'.'.join(rest)} {_shown(other.value)}"
        for rest, other in inside
        if rest[-1] not in _TEXTS
    ]
    return ", ".join(parts) or PRESENT


def _equal(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _direction(path: Path, was: _Leaf | None, will: _Leaf | None) -> str:
    if was is None or will is None:
        return _coming(path, comes=will is not None)
    before, after, field = was.value, will.value, path[-1]
    if not isinstance(before, int) or not isinstance(after, int) or field not in _LOOSER_UP | _LOOSER_DOWN:
        return ""
    return "looser" if (after > before) == (field in _LOOSER_UP) else "tighter"


def _coming(path: Path, *, comes: bool) -> str:
    """Of an item or field that comes or goes as a whole."""
    if path[0] == "allowedActions" and len(path) == 2:
        return "looser" if comes else "tighter"
    if "remedies" in path:
        return "looser" if comes else "tighter"
    if "preconditions" in path or "approvalRule" in path or path[0] in {"approvalRules", "requiredChecks"}:
        return "tighter" if comes else "looser"
    return ""


def _means(path: Path, will: object) -> str:
    head, last = path[0], path[-1]
    if last in _TEXTS or head in {"version", "registryId", "repository"}:
        return "for people; binds nothing" if last in _TEXTS else "names this document"
    if head == "allowedActions":
        return _action_means(path, will)
    if head == "requiredChecks":
        return "counts for every action with the precondition checks_passed"
    if head == "approvalRules":
        return "binds every action, beside the rule of the action itself"
    if head == "failClosed":
        if will is not False:
            return "actions that are not listed are refused"
        return "actions that are not listed are let through in staging when they write to no branch, refused elsewhere"
    return "stored; Cicatrix does nothing that depends on it"


def _action_means(path: Path, will: object) -> str:
    try:
        role = ROLE_FOR_ACTION[ActionType(path[1])]
    except (ValueError, KeyError):
        return "stored; not performed by Cicatrix"
    whose = f"{role.word}s and above"
    if len(path) == 2:
        return f"{whose} may ask for it" if will is not None else f"{whose} may no longer ask for it"
    field, rest = path[2], path[3:]
    if field == "maxRetries":
        what = f"{will} rerun{'s' if will != 1 else ''} of a job at most" if will else "no rerun at all"
    elif field == "enabled":
        what = "may ask for it" if will else "are refused"
    elif field == "cooldownMinutes":
        what = f"{will} min from an allowed execution to the next" if will else "no wait between executions"
    elif field == "requireEvidence":
        what = "only with an evidence reference" if will else "also without an evidence reference"
    elif field == "remedies":
        what = f"the fix {rest[0]} {'may no longer' if will is None else 'may'} be listed in remediation.allow"
    elif field == "preconditions":
        what = f"{'no longer ' if will is None else ''}only when {rest[0] if rest else 'these'} is met"
    else:
        what = "only with the approval that this rule asks for" if will is not None else "this rule of approval ends"
    return f"{whose}: {what}"
