"""What every part of `View` and `Tx` stands on: a connection, one moment, and the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, update

from . import entries
from .tables import texts


class Reads:
    """A transaction that may read. `now` is the moment at which it began."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self.now = now


class Appends(Reads):
    """A transaction that may also append to the log."""

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        new_id: Callable[[], str],
        redact: Callable[[str], str],
        stamp: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(connection, now)
        self._new_id = new_id
        self._redact = redact
        self._stamp = stamp
        self._last: tuple[int, datetime | None] | None = None

    def append(self, kind: str, data: Mapping[str, object]) -> int:
        """Append an entry; its index. The only writer of entries and leaves.

        `data` is JSON without floats; GitHub ids are strings, text of strangers and people is a commitment from `text`.
        `schema`, `index`, `kind`, `at` (UTC) and `steppedBack` are added. To be found again, an entry names
        `decisionId`, `operationId`, and `host`, `repositoryId`, `runId`. What the ledger was opened with as `stamp`
        stands in it too.
        Raises `TypeError` or `ValueError` for what an entry may not hold.
        """
        index, previous = self._last or entries.last(self._connection)
        data = {**self._stamp, **data}
        body = entries.body(index + 1, kind, self.now, previous, data)
        entries.store(self._connection, index=index + 1, kind=kind, at=self.now, text=body, data=data)
        self._last = (index + 1, self.now)
        return index + 1

    def text(self, clear: str) -> str:
        """Commit to a text: it is redacted, salted and stored; SHA-256 in hex. The same text gives the same value."""
        return entries.commit_text(self._connection, self._redact(clear), self._new_id(), self.now)

    def erase_text(self, ref: str) -> bool:
        """Forget the text and the salt behind a commitment; the entries that hold it still verify."""
        done = self._connection.execute(
            update(texts).where(texts.c.ref == ref).values(digest=None, salt=None, clear=None)
        )
        return done.rowcount == 1

    def redacted(self, text: str) -> str:
        """The text as the ledger would keep it: shapes of secrets and the configured ones masked."""
        return self._redact(text)

    def _clean(self, value: Any) -> Any:
        """JSON as it may be stored for people: every text in it redacted."""
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, Mapping):
            return {name: self._clean(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item) for item in value]
        return value
