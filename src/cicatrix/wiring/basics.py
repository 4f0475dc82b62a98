"""Clock, ids, threads and log: what the pure parts get as arguments."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")

THREADS = 8
"""Reads side by side at most; each gather has a pool of its own, so that one inside another cannot starve."""

Log = Callable[..., None]


def silent(*_args: object, **_fields: object) -> None:
    """No log: what a command has without -v."""


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A fresh unguessable id."""
    return str(uuid.uuid4())


def side_by_side(thunks: Sequence[Callable[[], T]], /) -> list[T]:
    """Runs independent reads in threads and gives their results in order; the first error in order is raised."""
    if len(thunks) <= 1:
        return [thunk() for thunk in thunks]
    with ThreadPoolExecutor(max_workers=min(THREADS, len(thunks))) as pool:
        futures = [pool.submit(thunk) for thunk in thunks]
        return [future.result() for future in futures]


def stderr_log(redact: Callable[[str], str]) -> Log:
    """A log to standard error, one line an event, foreign text cleaned: what -v shows."""
    import structlog  # noqa: PLC0415 -- only with -v

    def cleaned(_logger: object, _name: str, event: dict[str, object]) -> dict[str, object]:
        return {key: _redacted(value, redact) for key, value in event.items()}

    logger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            cleaned,  # type: ignore[list-item]  # a processor over our own dict of plain values
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "event"]),
        ],
    )

    def log(event: str, **fields: object) -> None:
        logger.info(event, **fields)

    return log


def _redacted(value: object, redact: Callable[[str], str]) -> object:
    """A value for a log line: text redacted wherever it stands, anything that is no plain value by its words."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): _redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, redact) for item in value]
    return redact(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
