"""Column types that read back exactly what was written, on every database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Index, Integer, String
from sqlalchemy import text as sql_text
from sqlalchemy.types import TypeDecorator, TypeEngine


def utc_text(moment: datetime) -> str:
    """A moment as fixed-width UTC text, so that text order is time order. Refuses a moment without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; the ledger stores UTC")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def utc_moment(text: str) -> datetime:
    """The inverse of `utc_text`."""
    return datetime.fromisoformat(text)


class UtcTime(TypeDecorator[datetime]):
    """An aware moment: `timestamptz` where there is one, fixed-width text in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        if value is None or dialect.name != "sqlite":
            return value
        return utc_text(value)

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None or isinstance(value, datetime):
            return value
        return utc_moment(str(value))


Json = JSON(none_as_null=True)
"""Operational JSON. Entries are never stored so: their bytes are hashed, and JSON columns may reorder keys."""

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key; SQLite numbers rows only in a column declared INTEGER."""


def partial_index(name: str, *columns: str, condition: str, unique: bool = False) -> Index:
    """An index over a part of the rows. A query uses it when it states the same condition, without a bound value."""
    told = sql_text(condition)
    return Index(name, *columns, unique=unique, sqlite_where=told, postgresql_where=told)
