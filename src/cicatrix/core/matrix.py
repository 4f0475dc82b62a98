"""A job's matrix, expanded as GitHub does.

https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_JOBS = 256
"""Jobs that one matrix may make in a workflow run: GitHub's limit."""
_MOST_BASE = 4_096
"""Combinations looked at before `exclude`; more is no workflow that anybody runs."""
_MOST_ENTRIES = 1_000
_MOST_LEAVES = 100
_DEEPEST = 8

Combination = Mapping[str, object]
"""Key of the matrix -> its value in this job, in the order of the file, keys of `include` last."""

NO_MATRIX: tuple[Combination, ...] = ({},)


@dataclass(frozen=True, slots=True)
class Unresolved(Exception):  # noqa: N818 - a verdict about a file; every caller turns it into a reason
    """The matrix cannot be expanded from the file alone. `why` completes the sentence "its matrix ..."."""

    why: str


def expand(matrix: object) -> tuple[Combination, ...]:
    """Every combination of the `strategy.matrix` of a job, in GitHub's order.

    Raises Unresolved for a matrix that is computed at run time, is malformed, or makes more than 256 jobs.
    """
    if isinstance(matrix, str):
        raise Unresolved("is computed at run time")
    if not isinstance(matrix, Mapping):
        raise Unresolved("is no mapping")
    vectors = {_name(key): _items(values) for key, values in matrix.items() if key not in ("include", "exclude")}
    size = 1
    for values in vectors.values():
        size *= len(values)
        if size > _MOST_BASE:
            raise Unresolved(f"makes more than {MOST_JOBS} jobs")
    base = (
        [dict(zip(vectors, chosen, strict=True)) for chosen in itertools.product(*vectors.values())] if vectors else []
    )
    excluded = [_entry(item) for item in _items(matrix.get("exclude", []))]
    kept = [combination for combination in base if not any(_covers(entry, combination) for entry in excluded)]
    found = _include(kept, [_entry(item) for item in _items(matrix.get("include", []))])
    if not found:
        raise Unresolved("makes no job")
    if len(found) > MOST_JOBS:
        raise Unresolved(f"makes more than {MOST_JOBS} jobs")
    return tuple(found)


def text_of(value: object) -> str:
    """A matrix value as GitHub writes it into a job's name; parts of a nested value follow one another.

    Raises Unresolved for a value with more than 100 parts or 8 levels.
    """
    return ", ".join(_leaves(value))


def suffix(combination: Combination) -> str:
    """What GitHub appends to the name of a matrix job, such as ` (ubuntu-latest, 3.12)`; empty without a matrix."""
    return f" ({', '.join(map(text_of, combination.values()))})" if combination else ""


def _include(base: Sequence[dict[str, object]], entries: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Each entry extends every original combination that it does not contradict, else it makes one of its own."""
    extended = [dict(combination) for combination in base]
    added: list[dict[str, object]] = []
    for entry in entries:
        fits = [n for n, original in enumerate(base) if _agrees(entry, original)]
        for n in fits:
            extended[n].update({key: value for key, value in entry.items() if key not in base[n]})
        if not fits:
            added.append(entry)
    return extended + added


def _agrees(entry: Combination, original: Combination) -> bool:
    return all(_same(value, original[key]) for key, value in entry.items() if key in original)


def _covers(entry: Combination, combination: Combination) -> bool:
    return bool(entry) and all(key in combination and _same(v, combination[key]) for key, v in entry.items())


def _same(a: object, b: object) -> bool:
    if isinstance(a, Mapping) and isinstance(b, Mapping):  # a part of a nested value excludes the whole
        return all(key in b and _same(value, b[key]) for key, value in a.items())
    return _form(a) == _form(b)


def _form(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise Unresolved("has a key that is not text")
    return key


def _items(values: object) -> Sequence[object]:
    if isinstance(values, str):
        raise Unresolved("is computed at run time")
    if not isinstance(values, list | tuple):
        raise Unresolved("has a value that is no list")
    if len(values) > _MOST_ENTRIES:
        raise Unresolved(f"makes more than {MOST_JOBS} jobs")
    for value in values:
        _check(value)
    return values


def _entry(item: object) -> dict[str, object]:
    if not isinstance(item, Mapping):
        raise Unresolved("has an entry that is no mapping")
    return {_name(key): value for key, value in item.items()}


def _check(value: object) -> None:
    """The value is small and known before the run: afterwards it may be compared and written without further care."""
    if any("${{" in leaf for leaf in _leaves(value)):
        raise Unresolved("is computed at run time")


def _leaves(value: object) -> list[str]:
    found = list(itertools.islice(_walk(value, 0), _MOST_LEAVES + 1))
    if len(found) > _MOST_LEAVES:
        raise Unresolved(f"has a value with more than {_MOST_LEAVES} parts")
    return found


def _walk(value: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise Unresolved(f"has a value of more than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        value = list(itertools.islice(value.values(), _MOST_LEAVES + 1))
    if isinstance(value, list | tuple):
        if not value and depth:
            yield ""
        for item in value:
            yield from _walk(item, depth + 1)
    else:
        yield _scalar(value)


def _scalar(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int) and value.bit_length() > 1_000:
        raise Unresolved("has a number that is no number")
    return str(value)
