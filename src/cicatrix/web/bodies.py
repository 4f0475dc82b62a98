"""What comes in: bodies and queries, read strictly. Everything that is wrong is told at once, as `{field, problem}`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cicatrix.core.actions import ActionType

from .problems import Problem, invalid

LARGEST_BODY = 64 * 1024
DEEPEST = 64
"""Levels of nesting that a body may have."""
LARGEST_NUMBER = 2**31 - 1
LARGEST_ID = 2**53 - 1
"""The largest integer that every JSON reader keeps."""
MOST_ITEMS = 25

OWNER = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
REPO = (
    r"^(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"
    r"|\.[A-Za-z0-9_-][A-Za-z0-9._-]{0,98}|\.\.[A-Za-z0-9._-]{1,98})$"
)
"""GitHub's names: never `.` or `..` alone."""
REQUEST_ID = r"^[!-~](?:[ -~]{0,253}[!-~])?$"
BATCH_LONGEST = 250
BATCH_ID = r"^[!-~](?:[ -~]{0,248}[!-~])?$"
"""Shorter, so that `<requestId>:<n>` of each item fits into 255 characters."""

Owner = Annotated[str, Field(pattern=OWNER, description="The repository's owner.")]
Repo = Annotated[str, Field(pattern=REPO, description="The repository's name.")]
PullNumber = Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]
RunId = Annotated[int, Field(ge=1, le=LARGEST_ID, description="Id of one workflow run.")]
Mode = Literal["FAILED_ONLY", "ALL_JOBS"]
MaxAttempts = Annotated[
    int, Field(ge=1, le=5, description="Reruns of a job at most. It can lower the limits in force, never raise them.")
]
DryRun = Annotated[bool, Field(description="Decide and record, reserve and send nothing.")]

T = TypeVar("T", bound=BaseModel)


class Strict(BaseModel):
    """camelCase on the wire, unknown fields refused, "3" and true are not 3 and 1."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


class RerunBody(Strict):
    """The seed's request, and `dryRun`."""

    owner: Owner
    repo: Repo
    run_id: RunId | None = None
    mode: Mode = "FAILED_ONLY"
    max_attempts: MaxAttempts = 2
    request_id: (
        Annotated[str, Field(pattern=REQUEST_ID, description="The idempotency key; the header is the same.")] | None
    ) = None
    dry_run: DryRun = False


class BatchItem(Strict):
    owner: Owner
    repo: Repo
    pr_number: PullNumber
    run_id: RunId | None = None


class BatchBody(Strict):
    request_id: (
        Annotated[str, Field(pattern=BATCH_ID, description="The idempotency key of the whole batch.")] | None
    ) = None
    dry_run: DryRun = False
    mode: Mode = "FAILED_ONLY"
    max_attempts: MaxAttempts = 2
    items: Annotated[list[BatchItem], Field(min_length=1, max_length=MOST_ITEMS)]


class PromptBody(Strict):
    owner: Owner
    repo: Repo
    workflow_run_id: RunId | None = None
    max_files: Annotated[int, Field(ge=1, le=50)] = 5
    prefer_minimal_diff: bool = True


REASON = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
"""One line that says something."""
Reason = Annotated[str, Field(max_length=500, pattern=REASON, description="For the record.")]


ActionName = Annotated[ActionType, Field(strict=False)]


class SwitchBody(Strict):
    """Which writes to stop, and why."""

    scope: Literal["deployment", "organisation", "repository", "action"]
    owner: Owner | None = None
    repo: Repo | None = None
    action: ActionName | None = None
    reason: Reason


def parsed(model: type[T], raw: bytes) -> T:
    """The body as a value. Raises Problem 400 with every fault of it."""
    tree = tree_of(raw)
    if not isinstance(tree, dict):
        raise invalid([{"field": "body", "problem": "must be a JSON object"}])
    try:
        return model.model_validate(tree)
    except ValidationError as wrong:
        raise refused(wrong.errors(include_url=False, include_input=False, include_context=False)) from None


def tree_of(raw: bytes) -> Any:
    """JSON with the checks that Python's reader leaves out: UTF-8, no name twice, no NaN, bounded nesting."""
    if not raw.strip():
        raise invalid([{"field": "body", "problem": "is empty; it must be a JSON object"}], "MISSING_PARAMS")
    try:
        text = raw.decode("utf-8")
        tree = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
    except (UnicodeDecodeError, RecursionError) as wrong:
        why = "is nested too deeply" if isinstance(wrong, RecursionError) else "is not UTF-8"
        raise invalid([{"field": "body", "problem": why}]) from None
    except json.JSONDecodeError as wrong:
        where = f"line {wrong.lineno}, column {wrong.colno}"
        raise invalid([{"field": "body", "problem": f"is not JSON from {where} on"}]) from None
    except ValueError as wrong:
        raise invalid([{"field": "body", "problem": _said(wrong)}]) from None
    if _too_deep(tree):
        raise invalid([{"field": "body", "problem": f"is nested more than {DEEPEST} levels"}])
    return tree


class _Wrong(ValueError):  # noqa: N818 -- carries our own sentence about the body
    pass


def _said(wrong: ValueError) -> str:
    return str(wrong) if isinstance(wrong, _Wrong) else "holds a number with too many digits"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # add gives None, which is the point
        raise _Wrong(f"has the name {twice[:80]!r} twice in one object")
    return found


def _number(text: str) -> float | int:
    """60.0 and 6e1 are the integer 60: JSON knows one kind of number, and JSON Schema says so too."""
    value = float(text)
    if not math.isfinite(value):
        raise _Wrong(f"holds a number that is too large: {text[:40]}")
    return int(value) if value.is_integer() and abs(value) <= LARGEST_ID else value


def _constant(name: str) -> Any:
    raise _Wrong(f"holds {name}, which is no JSON")


def _too_deep(tree: Any) -> bool:
    level = [tree]
    for _ in range(DEEPEST):
        level = [item for node in level for item in _inside(node)]
        if not level:
            return False
    return True


def _inside(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return list(node) if isinstance(node, list) else []


def refused(found: list[Any], *, parameters: bool = False) -> Problem:
    """Pydantic's errors as one problem. Of `parameters` (path and query) only the name is told: they are flat."""
    errors = [error for error in found if error["type"] != "none_required"]  # the other half of "may be absent"
    problems = [_told(error, error["loc"][1:2] if parameters else error["loc"]) for error in errors]
    if all(p["field"] == "prNumber" for p in problems):
        return invalid(problems, "INVALID_PR_NUMBER")
    missing = all(error["type"] == "missing" for error in errors)
    return invalid(problems, "MISSING_PARAMS" if missing else "INVALID_INPUT")


def _told(error: Any, place: Sequence[str | int]) -> dict[str, str]:
    field = ""
    for part in place:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    return {"field": field[:200] or "body", "problem": _SAID.get(error["type"], _plain(error["msg"]))}


_SAID = {"missing": "is required", "extra_forbidden": "is not known here"}


def _plain(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Input should ").removeprefix("Assertion failed, ")
    return f"must {text}" if message.startswith("Input should ") else text
