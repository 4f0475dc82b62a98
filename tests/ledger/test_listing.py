"""Lists page by page: newest first, nothing twice, nothing left out, and only what the caller may see."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.cases import CaseState
from cicatrix.core.operations import OperationState
from cicatrix.ledger import BadCursor, Ledger, Page, View
from tests.ledger.helpers import HOST, Clock, attempt, audit, case, open_ledger, operation

Listing = Callable[..., Page[Any]]
NAMES = ("decisions", "operations", "cases", "attempts", "audit", "entries")


def fill(ledger: Ledger, clock: Clock, n: int) -> None:
    """One row of each kind; every third belongs to another repository, every fourth moment comes twice."""
    if n % 4:
        clock.move(seconds=1)
    repository = "200" if n % 3 == 0 else "100"
    with ledger.write("fill") as tx:
        index = tx.append(
            "rerun.decided",
            {
                "decisionId": f"d{n}",
                "host": HOST,
                "repositoryId": repository,
                "runId": str(5000 + n % 2),
                "pullRequest": 3 + n % 2,
                "requestId": tx.text(f"request-{n}"),
                "decision": "BLOCKED" if n % 2 else "RERUN_TRIGGERED",
                "reasons": tx.text("because"),
            },
        )
        run = f"{n}0"
        state = OperationState.CONFIRMED if n % 2 else OperationState.SENT
        tx.insert_operation(
            operation(f"op{n}", repository_id=repository, run_id=run, created_at=clock.now, state=state)
        )
        tx.open_case(
            case(
                f"case{n}",
                repository_id=repository,
                run_id=run,
                opened_at=clock.now,
                state=CaseState.HELD if n % 2 else CaseState.DECIDING,
            )
        )
        tx.record_attempts(
            [attempt("BLOCKED", repository_id=repository, request_id=f"request-{n}", ledger_index=index)]
        )
        tx.record_audit(audit(repository_id=repository, request_id=f"request-{n}", ledger_index=index))


@pytest.fixture
def filled(ledger: Ledger, clock: Clock) -> Ledger:
    for n in range(10):
        fill(ledger, clock, n)
    return ledger


def listing(view: View, name: str) -> Listing:
    found: Listing = getattr(view, f"list_{name}")
    return found


def identity(item: Any) -> object:
    """What tells one item of a list from another."""
    if isinstance(item, dict):
        return item["decisionId"]
    return item.index if hasattr(item, "index") else item.id


def walk(list_: Listing, limit: int, **options: Any) -> list[object]:
    """All pages, one after the other."""
    seen: list[object] = []
    cursor = None
    while True:
        page = list_(limit=limit, cursor=cursor, **options)
        assert len(page.items) <= limit
        assert (len(page.items) == limit) or page.next_cursor is None
        seen += map(identity, page.items)
        cursor = page.next_cursor
        if cursor is None:
            return seen


@pytest.mark.parametrize("name", NAMES)
def test_pages_of_every_size_make_the_same_list(filled: Ledger, name: str) -> None:
    with filled.read() as view:
        whole = [identity(item) for item in listing(view, name)(limit=100).items]
        assert len(whole) == len(set(whole)) == 10
        newest, oldest = {
            "decisions": ("d9", "d0"),
            "operations": ("op9", "op0"),
            "cases": ("case9", "case0"),
            "entries": (9, 0),
        }.get(name, (10, 1))
        assert (whole[0], whole[-1]) == (newest, oldest)
        for limit in (1, 3, 5, 9, 10, 11):
            assert walk(listing(view, name), limit) == whole


@pytest.mark.parametrize("name", NAMES)
def test_what_is_added_while_somebody_turns_pages_changes_no_later_page(
    filled: Ledger, clock: Clock, name: str
) -> None:
    with filled.read() as view:
        first = listing(view, name)(limit=4)
        rest = listing(view, name)(limit=100, cursor=first.next_cursor)
    for n in range(10, 15):
        fill(filled, clock, n)
    with filled.read() as view:
        assert listing(view, name)(limit=100, cursor=first.next_cursor) == rest


@pytest.mark.shows("PL-1")
@pytest.mark.parametrize("name", NAMES)
def test_only_repositories_that_may_be_seen_are_listed(filled: Ledger, name: str) -> None:
    with filled.write("a switch of no repository") as tx:
        tx.set_kill_switch("deployment", "drill", "octavia")
    with filled.read() as view:
        list_ = listing(view, name)
        assert len(list_(limit=100, repository_ids=["100"]).items) == 6
        assert len(list_(limit=100, repository_ids=["200"], host=HOST).items) == 4
        assert len(list_(limit=100, repository_ids={"100", "200"}).items) == 10
        assert list_(limit=100, repository_ids=()) == Page((), None)
        assert list_(limit=100, repository_ids=["300"]) == Page((), None)
        assert list_(limit=100, host="ghes.example") == Page((), None)
        assert len(walk(list_, 2, repository_ids=["100"])) == 6
        assert len(list_(limit=100).items) == (11 if name == "entries" else 10)


def test_lists_are_narrowed_by_what_they_hold(filled: Ledger) -> None:
    def some(page: Page[Any]) -> list[object]:
        return [identity(item) for item in page.items]

    with filled.read() as view:
        assert some(view.list_decisions(decision="BLOCKED")) == ["d9", "d7", "d5", "d3", "d1"]
        assert some(view.list_decisions(pull_request=4, limit=2)) == ["d9", "d7"]
        assert some(view.list_decisions(run_id="5000", limit=1)) == ["d8"]
        assert some(view.list_decisions(request_id="request-4")) == ["d4"]
        assert some(view.list_decisions(request_id="nobody's")) == []
        assert some(view.list_operations(state="SENT", limit=1)) == ["op8"]
        assert some(view.list_operations(run_id="40")) == ["op4"]
        assert some(view.list_operations(pull_request=4)) == []
        assert len(view.list_operations(request_id="request-1").items) == 10
        assert some(view.list_cases(state="held", limit=1)) == ["case9"]
        assert some(view.list_cases(run_id="40", pull_request=3)) == ["case4"]
        assert some(view.list_attempts(request_id="request-4", decision="BLOCKED")) == [5]
        assert some(view.list_attempts(run_id="9007199254740993", limit=1, pull_request=3)) == [10]
        assert some(view.list_attempts(operation_id="op9")) == []
        for nonsense in ("x", "", "-1", "²", "9" * 30):
            assert some(view.list_attempts(run_id=nonsense)) == []
        assert some(view.list_audit(request_id="request-4")) == [5]
        assert some(view.list_audit(action_type="rerun_failed_jobs", action_status="completed", limit=1)) == [10]
        assert some(view.list_audit(pull_request=4)) == []
        assert some(view.list_entries("rerun.decided", decision_id="d4")) == [4]
        assert some(view.list_entries("rerun.confirmed")) == []
        assert some(view.list_entries(run_id="5001", limit=1)) == [9]


def test_a_listed_decision_is_its_entry_with_its_texts(filled: Ledger) -> None:
    with filled.read() as view:
        (found,) = view.list_decisions(request_id="request-4").items
        assert found == view.decision("d4")
        assert (found["requestId"], found["reasons"], found["index"]) == ("request-4", "because", 4)


def test_a_decision_whose_request_was_erased_is_still_listed(filled: Ledger) -> None:
    with filled.write("erase") as tx:
        entry = next(iter(tx.entries(4, 1)))
        assert tx.erase_text(entry.data["requestId"])
        assert tx.list_decisions(request_id="request-4").items == ()
        assert len(tx.list_decisions().items) == 10


def test_a_cursor_of_another_list_is_refused(filled: Ledger) -> None:
    with filled.read() as view:
        cursors = {name: listing(view, name)(limit=1).next_cursor for name in NAMES}
        for name in NAMES:
            for other in NAMES:
                if name == other:
                    continue
                with pytest.raises(BadCursor, match="cursor"):
                    listing(view, name)(cursor=cursors[other])


def written(*told: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("name", "cursor"),
    [
        ("entries", ""),
        ("entries", "é"),
        ("entries", "!!!"),
        ("entries", written()),
        ("entries", written("entries")),
        ("entries", written("entries", "1")),
        ("entries", written("entries", True)),
        ("entries", written("entries", 1.5)),
        ("entries", written("entries", -1)),
        ("entries", written("entries", 2**63)),
        ("entries", written("entries", 1, 2)),
        ("entries", base64.urlsafe_b64encode(b'{"a":1}').decode()),
        ("entries", base64.urlsafe_b64encode(b"[" * 100_000).decode()),
        ("operations", written("operations", "2026-11-21T12:00:00", "op1")),
        ("operations", written("operations", "yesterday", "op1")),
        ("operations", written("operations", "2026-11-21T12:00:00Z", 7)),
        ("operations", written("operations", "2026-11-21T12:00:00Z", "a\0b")),
        ("cases", written("cases", None, None)),
    ],
)
def test_a_malformed_cursor_is_refused(filled: Ledger, name: str, cursor: str) -> None:
    with filled.read() as view, pytest.raises(BadCursor, match="cursor"):
        listing(view, name)(cursor=cursor)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_without_rows_is_refused(filled: Ledger, name: str) -> None:
    with filled.read() as view, pytest.raises(ValueError, match="at least 1"):
        listing(view, name)(limit=0)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """One ledger for all examples: they only read."""
    opened = open_ledger(tmp_path_factory.mktemp("listing") / "ledger.db")
    yield opened
    opened.close()


@given(cursor=st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode())))
def test_no_cursor_that_a_caller_makes_up_raises_anything_else(quiet: Ledger, cursor: str) -> None:
    with quiet.read() as view:
        for name in NAMES:
            with contextlib.suppress(BadCursor):
                assert listing(view, name)(cursor=cursor).items == ()
