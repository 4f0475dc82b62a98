"""Single fields of a document of GitHub, read tolerantly: what is not of the shape wanted counts as absent."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

Tree: TypeAlias = Mapping[str, Any]


class Malformed(ValueError):  # noqa: N818 - named for what the document is
    """A document of GitHub lacks what nothing can be decided without. Names the place, never the content."""


def mapping(value: Any) -> Tree:
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def required(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed(f"{place} is missing")
    return value


def ident(tree: Tree, place: str) -> str:
    """The id (int64 in GitHub's JSON) as a string, or `Malformed`."""
    value = ident_or_none(tree.get("id"))
    if value is None:
        raise Malformed(f"{place} is missing or not a number")
    return value


def ident_or_none(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    return value if isinstance(value, str) and re.fullmatch(r"\d{1,19}", value, re.ASCII) else None


def flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def names_of(items: Any, key: str) -> tuple[str, ...]:
    return tuple(name for item in sequence(items) if (name := text(mapping(item).get(key))))


def count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def number(value: Any, place: str) -> int:
    counted = count(value)
    if counted is None:
        raise Malformed(f"{place} is missing or not a number")
    return counted


def moment(value: Any) -> datetime | None:
    """A time of GitHub (ISO 8601) in UTC, or None."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def spoken_moment(value: str | None) -> datetime | None:
    """A time as GitHub writes it in headers of its own (`2027-02-19 08:56:56 UTC`, or an offset), or None."""
    text = re.sub(r" UTC$", " +0000", (value or "").strip())
    with contextlib.suppress(ValueError, OverflowError):
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    return None
