"""The ledger: opens the file, hands out transactions, and makes receipts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from cicatrix.core.facts import Receipt
from cicatrix.core.redact import redact as default_redact

from .address import Address, parse
from .connect import WRITER, open_engine
from .errors import LedgerUnavailable, unavailable
from .tx import Tx
from .view import View

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What `decide` returns when a write to GitHub shall follow: the stored operation and its newest entry."""

    operation_id: str
    ledger_index: int
    send: int = 1
    kind: str = "rerun"


class Ledger:
    """One ledger file. Threads may share it; so may processes, each with its own `Ledger`."""

    def __init__(
        self,
        engine: Engine,
        address: Address,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        boundary: Callable[[str], None],
        redact: Callable[[str], str],
        read_only: bool,
        stamp: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._address = address
        self._now = now
        self._new_id = new_id
        self._boundary = boundary
        self._redact = redact
        self._read_only = read_only
        self._stamp = stamp
        # SQLite lets waiting writers poll; threads of one process queue here instead, which is fair and faster
        self._writing = Lock()

    @classmethod
    def open(
        cls,
        url: str,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        boundary: Callable[[str], None] = lambda _name: None,
        read_only: bool = False,
        redact: Callable[[str], str] = default_redact,
        stamp: Mapping[str, str] = MappingProxyType({}),
    ) -> Ledger:
        """Open a ledger, make or migrate it where needed, and prove that it refuses changes of its history.

        `url` is `sqlite:///path` or a path, with options as in `address.parse`. `now` gives aware UTC moments, `new_id`
        unique hard-to-guess ids (they also salt texts). `boundary(name)` is called just before and just after each
        commit as `ledger.commit.before:<label>` and `ledger.commit.after:<label>`. `stamp` stands in every entry that
        is appended through this object.
        Raises `LedgerUnavailable` or `LedgerUnsafe`.
        """
        address = parse(url)
        engine = open_engine(address, read_only=read_only)
        return cls(
            engine,
            address,
            now=now,
            new_id=new_id,
            boundary=boundary,
            redact=redact,
            read_only=read_only,
            stamp=stamp,
        )

    @property
    def place(self) -> str:
        """The file, for a person."""
        return str(self._address.path)

    @contextmanager
    def read(self) -> Iterator[View]:
        """One consistent snapshot. Raises `LedgerUnavailable`."""
        with self._explained(), self._engine.connect() as connection, connection.begin():
            yield View(connection, self._now())

    @contextmanager
    def write(self, label: str) -> Iterator[Tx]:
        """One transaction under the write lock: committed at the end, rolled back on any exception.

        Do not nest it: the second one would wait for the first. Raises `LedgerUnavailable`, also when the commit fails.
        """
        if self._read_only:
            raise LedgerUnavailable(
                "The ledger cannot be written.",
                f"{self.place} was opened for reading only.",
                "Open it without mode=ro: requests are recorded, dry runs too. Reading commands work as it is.",
            )
        with self._writing, self._explained(), self._engine.connect() as connection:
            writer = connection.execution_options(**{WRITER: True})
            transaction = writer.begin()
            try:
                yield self._tx(writer)
                self._boundary(f"ledger.commit.before:{label}")
                transaction.commit()
            except BaseException:
                transaction.rollback()
                raise
        self._boundary(f"ledger.commit.after:{label}")

    def intend(self, label: str, decide: Callable[[Tx], T | Intent]) -> T | Receipt:
        """Run `decide` in one write transaction. When it returns an `Intent`, the receipt follows after the commit.

        The only place that makes a `Receipt`: whoever holds one knows that its intent is durable. Any other value of
        `decide` is committed and returned as it is.
        """
        with self.write(label) as tx:
            decided = decide(tx)
        if not isinstance(decided, Intent):
            return decided
        return Receipt(
            operation_id=decided.operation_id,
            ledger_index=decided.ledger_index,
            send=decided.send,
            kind=decided.kind,
        )

    def close(self) -> None:
        """Close all connections. Transactions still open in other threads are not waited for."""
        self._engine.dispose()

    def _tx(self, connection: Connection) -> Tx:
        return Tx(connection, self._now(), self._new_id, self._redact, self._stamp)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            explained = unavailable(error, self.place)
            if explained is None:
                raise
            raise explained from error
