"""The one log: entries as RFC 8785 text, their leaf hashes, and the texts that they commit to."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, insert, select

from cicatrix.core.merkle import Tree, leaf_hash

from .canonical import canonical
from .policy_tables import decisions
from .tables import entries, texts
from .types import utc_text

SCHEMA = 1
"""Version of the entry format; public: names are added, never changed."""

RESERVED = frozenset({"schema", "index", "kind", "at", "steppedBack"})
_REF = re.compile(r"[0-9a-f]{64}")
_PAGE = 1000


# Statements are built once: building one costs five times what running it does.
_LAST = select(entries.c.idx, entries.c.created_at).order_by(entries.c.idx.desc()).limit(1)
_STORE, _STORE_DECISION = insert(entries), insert(decisions)
_KNOWN_TEXT = select(texts.c.ref).where(texts.c.digest == bindparam("digest"))
_STORE_TEXT = insert(texts)
_TEXT = select(texts.c.clear).where(texts.c.ref == bindparam("ref"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """One entry as stored. `body` is the hashed text itself."""

    index: int
    kind: str
    created_at: datetime
    body: str
    leaf_hash: str

    @property
    def data(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The state of the whole log: kept elsewhere, it shows any later change.

    `leaf_prefixes` holds the first 8 bytes of every leaf hash, as base64: with them a verifier can name the first bad
    entry even when every hash of an export was computed anew.
    """

    size: int
    root: str
    leaf_prefixes: str

    def as_json(self) -> str:
        """The head file."""
        return json.dumps({"size": self.size, "root": self.root, "leafPrefixes": self.leaf_prefixes}) + "\n"


def body(index: int, kind: str, at: datetime, previous: datetime | None, data: Mapping[str, object]) -> str:
    """The text of an entry. `steppedBack` stands in it only when its time is before the previous entry's.

    Raises `TypeError` or `ValueError` for what an entry may not hold (see `canonical`).
    """
    taken = RESERVED & data.keys()
    if taken:
        raise ValueError(f"{kind}: the names {', '.join(sorted(taken))} belong to the ledger")
    envelope: dict[str, object] = {"schema": SCHEMA, "index": index, "kind": kind, "at": utc_text(at)}
    if previous is not None and at < previous:
        envelope["steppedBack"] = True
    return canonical({**data, **envelope})


def last(connection: Connection) -> tuple[int, datetime | None]:
    """Index and time of the newest entry; (-1, None) before the first."""
    found = connection.execute(_LAST).first()
    return (found.idx, found.created_at) if found else (-1, None)


def store(
    connection: Connection, *, index: int, kind: str, at: datetime, text: str, data: Mapping[str, object]
) -> None:
    """Insert an entry and its leaf; the ids in it are copied into columns to find it by."""
    connection.execute(
        _STORE,
        {
            "idx": index,
            "kind": kind,
            "created_at": at,
            "entry": text,
            "leaf_hash": leaf_hash(text.encode("utf-8")).hex(),
            "decision_id": data.get("decisionId"),
            "operation_id": data.get("operationId"),
            "host": data.get("host"),
            "repository_id": data.get("repositoryId"),
            "run_id": data.get("runId"),
            "case_id": data.get("caseId") or None,
        },
    )
    if kind.endswith(".decided") and data.get("decisionId"):
        connection.execute(_STORE_DECISION, _decision(index, kind, at, data))


def _decision(index: int, kind: str, at: datetime, data: Mapping[str, object]) -> dict[str, object]:
    """The row to find a decision by."""
    return {
        "idx": index,
        "decision_id": data["decisionId"],
        "kind": kind,
        "host": data.get("host"),
        "repository_id": data.get("repositoryId"),
        "run_id": data.get("runId"),
        "pull_request": data.get("pullRequest"),
        "decision": data.get("decision"),
        "request_ref": data.get("requestId"),
        "created_at": at,
    }


def read(connection: Connection, start: int = 0, limit: int | None = None) -> Iterator[EntryRow]:
    """Entries in their order from index `start` on, read page by page."""
    left = limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        page = find(connection, select(entries).where(entries.c.idx >= start).order_by(entries.c.idx).limit(size))
        yield from page
        if len(page) < size:
            return
        start = page[-1].index + 1
        left = None if left is None else left - size


def find(connection: Connection, query: Select[Any]) -> list[EntryRow]:
    return [row(found) for found in connection.execute(query).mappings()]


def row(found: RowMapping) -> EntryRow:
    return EntryRow(
        index=found["idx"],
        kind=found["kind"],
        created_at=found["created_at"],
        body=found["entry"],
        leaf_hash=found["leaf_hash"],
    )


def head(connection: Connection) -> Head:
    """Size, root and leaf prefixes of the stored tree."""
    tree, prefixes = Tree(), bytearray()
    for (leaf,) in connection.execute(
        select(entries.c.leaf_hash).order_by(entries.c.idx).execution_options(yield_per=_PAGE)
    ):
        hashed = bytes.fromhex(leaf)
        tree.append(hashed)
        prefixes += hashed[:8]
    return Head(size=tree.size, root=tree.root().hex(), leaf_prefixes=base64.b64encode(prefixes).decode("ascii"))


def commit_text(connection: Connection, clear: str, salt: str, at: datetime) -> str:
    """SHA-256(salt || text) in hex, stored with both so that it can be resolved, or erased. `clear` is redacted.

    The same text gives the same commitment until it is erased.
    """
    stored = clear.encode("utf-8", "replace")
    digest = sha256(stored).hexdigest()
    known: str | None = connection.execute(_KNOWN_TEXT, {"digest": digest}).scalar()
    if known is not None:
        return known
    ref = sha256(salt.encode("utf-8") + stored).hexdigest()
    values = {"ref": ref, "digest": digest, "salt": salt, "clear": stored.decode("utf-8"), "created_at": at}
    connection.execute(_STORE_TEXT, values)
    return ref


def text_of(connection: Connection, ref: str) -> str | None:
    """The text behind a commitment; None when it was erased or never stored."""
    found: str | None = connection.execute(_TEXT, {"ref": ref}).scalar()
    return found


def resolve(connection: Connection, value: Any) -> Any:
    """`value` with every commitment replaced by its text. What was erased, or is another hash, stays as it is."""
    refs = sorted(set(_refs(value)))
    known: dict[str, str] = {}
    for at in range(0, len(refs), 500):
        found = connection.execute(
            select(texts.c.ref, texts.c.clear).where(texts.c.ref.in_(refs[at : at + 500]), texts.c.clear.is_not(None))
        )
        known.update((ref, clear) for ref, clear in found)
    return _replaced(value, known)


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if _REF.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


def _replaced(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return known.get(value, value)
    if isinstance(value, dict):
        return {name: _replaced(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, known) for item in value]
    return value
