"""The original gatekeeper's arithmetic in its fix mode (behaviour 12), with its faults, to show beside ours.

It scores four numbers that were made elsewhere: nothing of it knows what is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence


def lint(errors: int, warnings: int, fixed: int = 0) -> float:
    if errors == 0 and warnings <= 800:
        return 100
    return _clamped(100 - 15 * errors - 0.5 * max(warnings - 800, 0) + min(2 * fixed, 20))


def security(critical: int, high: int = 0, moderate: int = 0, low: int = 0, fixed: int = 0) -> float:
    return _clamped(100 - 25 * critical - 10 * high - 3 * moderate - low + min(2 * fixed, 20))


def build(ok: bool) -> float:
    return 100 if ok else 0


def tests(failed: int | None) -> float:
    """None: the command ended with an error, as it does when tests fail; it then counts 80 and warns."""
    return 80 if failed is None else _clamped(100 - 20 * failed)


def confidence(scores: Sequence[float], blockers: int, warnings: int, autofixes: int = 0) -> float:
    return _clamped(sum(scores) / len(scores) - 15 * blockers - 5 * warnings + min(5 * autofixes, 20))


def _clamped(value: float) -> float:
    return max(0, min(100, value))
