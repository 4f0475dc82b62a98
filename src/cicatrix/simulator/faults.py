"""Faults as switches: what goes wrong, where, how often. Chance comes from the world's seed alone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase

from .exchange import Response
from .specs import SimulatorError

KINDS = frozenset(
    {
        "answer_502_after_effect",
        "answer_502_before",
        "reset_after_effect",
        "reset_before",
        "unreachable",
        "slow",
        "stale_for",
        "missing_logs",
        "garbage",
        "rate_limited",
        "human_reruns_at_the_same_time",
        "list_grows_while_paging",
        "list_shrinks_while_paging",
    }
)
SPOILING = frozenset(
    {
        "answer_502_after_effect",
        "answer_502_before",
        "reset_after_effect",
        "reset_before",
        "unreachable",
        "garbage",
        "unknown_conclusion",
        "deleted_fork",
    }
)
"""Marks of answers that are not in the shape of GitHub's description, on purpose; the others keep it."""
RATE_LIMIT_FORMS = ("primary", "seconds", "date", "absent", "past", "huge", "garbage", "429")
GARBAGE_FORMS = ("html", "truncated", "empty")
RERUNS = "POST */rerun*"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One switched-on fault. `endpoint` is a shell pattern on `METHOD /path`."""

    kind: str
    endpoint: str = "*"
    count: int | None = 1
    """How many exchanges it still hits; None for all from now on."""
    probability: float = 1.0
    seconds: float = 0.0
    form: str = ""
    skip: int = 0
    """How many matching exchanges go well before it begins."""
    since: datetime | None = None
    """When it was switched on."""

    def view(self, now: datetime) -> datetime:
        """What a stale reader sees: the world some seconds ago, but never what was before the switch was thrown."""
        late = now - timedelta(seconds=self.seconds)
        return late if self.since is None else max(late, self.since - timedelta(microseconds=1))


@dataclass(slots=True)
class Faults:
    """The faults of one world. Each method switches one on; `clear()` switches all off."""

    clock: Callable[[], datetime] | None = None
    """The world's time."""
    active: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, kind: str, endpoint: str = "*", **values: float | str | None) -> Fault:
        """Switches a fault on by its name, as a scenario file does."""
        if kind not in KINDS:
            raise SimulatorError(f"unknown fault {kind!r}; known are {', '.join(sorted(KINDS))}")
        fault = Fault(kind=kind, endpoint=endpoint, since=self.clock() if self.clock else None)
        for name, value in values.items():
            if name not in Fault.__dataclass_fields__:
                raise SimulatorError(f"fault {kind!r} has no setting {name!r}")
            setattr(fault, name, value)
        forms = {"rate_limited": RATE_LIMIT_FORMS, "garbage": GARBAGE_FORMS}.get(kind, ())
        if fault.form and forms and fault.form not in forms:
            raise SimulatorError(f"fault {kind!r} has no form {fault.form!r}; it has {', '.join(forms)}")
        with self._lock:
            self.active.append(fault)
        return fault

    def answer_502_after_effect(
        self, endpoint: str = RERUNS, *, count: int | None = 1, probability: float = 1.0, skip: int = 0
    ) -> Fault:
        """The effect happens, the answer is 502."""
        return self.add("answer_502_after_effect", endpoint, count=count, probability=probability, skip=skip)

    def answer_502_before(
        self, endpoint: str = RERUNS, *, count: int | None = 1, probability: float = 1.0, skip: int = 0
    ) -> Fault:
        """Nothing happens, the answer is 502."""
        return self.add("answer_502_before", endpoint, count=count, probability=probability, skip=skip)

    def reset_after_effect(
        self, endpoint: str = RERUNS, *, count: int | None = 1, probability: float = 1.0, skip: int = 0
    ) -> Fault:
        """The effect happens, then the connection dies without an answer."""
        return self.add("reset_after_effect", endpoint, count=count, probability=probability, skip=skip)

    def reset_before(
        self, endpoint: str = RERUNS, *, count: int | None = 1, probability: float = 1.0, skip: int = 0
    ) -> Fault:
        """Nothing happens, the connection dies without an answer."""
        return self.add("reset_before", endpoint, count=count, probability=probability, skip=skip)

    def unreachable(
        self, endpoint: str = "*", *, count: int | None = 1, probability: float = 1.0, skip: int = 0
    ) -> Fault:
        """No connection at all. Over real HTTP, where the connection stands already, it is a reset."""
        return self.add("unreachable", endpoint, count=count, probability=probability, skip=skip)

    def slow(self, seconds: float, endpoint: str = "*", *, count: int | None = None, probability: float = 1.0) -> Fault:
        """The answer takes this long; a caller who waits less sees a read timeout after the effect."""
        return self.add("slow", endpoint, count=count, probability=probability, seconds=seconds)

    def stale_for(
        self, seconds: float, endpoint: str = "GET *", *, count: int | None = None, probability: float = 1.0
    ) -> Fault:
        """Reads lag: they show runs, attempts and heads as they were this long ago.

        The lag begins when it is switched on, so that what was there before stays in sight.
        """
        return self.add("stale_for", endpoint, count=count, probability=probability, seconds=seconds)

    def missing_logs(
        self, endpoint: str = "GET *", *, count: int | None = None, probability: float = 1.0, form: str = "404"
    ) -> Fault:
        """Job logs answer 404, 410 (`form`), or the link leads to a 404 of the log host (`blob`)."""
        return self.add("missing_logs", endpoint, count=count, probability=probability, form=form)

    def garbage(
        self, endpoint: str = "GET *", *, count: int | None = 1, probability: float = 1.0, form: str = "html"
    ) -> Fault:
        """The answer's body is an HTML page, JSON cut short, or nothing."""
        return self.add("garbage", endpoint, count=count, probability=probability, form=form)

    def rate_limited(
        self, form: str = "seconds", endpoint: str = "*", *, count: int | None = 1, probability: float = 1.0
    ) -> Fault:
        """Refused for now; `form` is how it says when to come back (see RATE_LIMIT_FORMS). Has no effect on runs."""
        return self.add("rate_limited", endpoint, count=count, probability=probability, form=form)

    def human_reruns_at_the_same_time(
        self, endpoint: str = RERUNS, *, count: int | None = 1, probability: float = 1.0
    ) -> Fault:
        """A person's rerun of the same run arrives just before the caller's."""
        return self.add("human_reruns_at_the_same_time", endpoint, count=count, probability=probability)

    def list_changes_while_paging(
        self, endpoint: str = "GET *", *, grows: bool = True, count: int | None = 1, probability: float = 1.0
    ) -> Fault:
        """Between two pages an item is added in front (one is seen twice), or one vanishes (one is never seen)."""
        kind = "list_grows_while_paging" if grows else "list_shrinks_while_paging"
        return self.add(kind, endpoint, count=count, probability=probability)

    def clear(self) -> None:
        with self._lock:
            self.active.clear()

    def draw(self, method: str, path: str, chance: random.Random, *, page: int) -> list[Fault]:
        """The faults that hit this exchange; their counts go down."""
        if not self.active:
            return []
        with self._lock:
            return self._draw(method, path, chance, page)

    def _draw(self, method: str, path: str, chance: random.Random, page: int) -> list[Fault]:
        hit = []
        line = f"{method} {path}"
        for fault in self.active:
            if not fnmatchcase(line, fault.endpoint):
                continue
            if fault.kind.endswith("while_paging") and page < 2:
                continue
            if fault.kind == "missing_logs" and not path.endswith("/logs"):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1.0 and chance.random() >= fault.probability:
                continue
            if fault.count is not None:
                fault.count -= 1
            hit.append(fault)
        self.active = [f for f in self.active if f.count is None or f.count > 0]
        return hit


def bad_gateway() -> Response:
    """What GitHub's front answers when its back does not: an HTML page (seen in the wild, not in the description)."""
    return Response(
        502,
        {"content-type": "text/html; charset=utf-8"},
        b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
    )


def garbled(response: Response, form: str) -> Response:
    """The same answer with a body nobody can read."""
    if form == "empty":
        response.body = b""
    elif form == "truncated":
        response.body = response.body[: max(1, len(response.body) // 2)]
    else:
        response.body = b"<!DOCTYPE html><html><body><p>Unicorn!</p></body></html>"
        response.headers["content-type"] = "text/html; charset=utf-8"
    return response


def rate_limit_headers(form: str, now: datetime, reset: datetime) -> tuple[int, str, dict[str, str]]:
    """Status, message and headers of a rate limit in one of its forms.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if form == "primary":
        headers = {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-used": "5000",
            "x-ratelimit-reset": str(int(reset.timestamp())),
        }
        return 403, "API rate limit exceeded for user ID 1.", headers
    after = {
        "": "60",
        "seconds": "60",
        "429": "60",
        "date": format_datetime(now + timedelta(seconds=60), usegmt=True),
        "past": format_datetime(now - timedelta(seconds=3600), usegmt=True),
        "huge": "999999999",
        "garbage": "soon",
        "absent": None,
    }[form]
    message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    return (429 if form == "429" else 403), message, ({} if after is None else {"retry-after": after})
