"""The kill switch is asked at the last moment before the bytes of a write leave, and only then."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
import pytest

from cicatrix.github import AppCredentials, GitHub, NotSent, TokenCredentials
from cicatrix.simulator import SimTransport
from tests.github.far_side import RECEIPT, START, TOKEN, Clock, Script, answer, run
from tests.github.test_simulated import PRIVATE, world
from tests.github.test_simulated import client as simulated


def guarded(
    far: Callable[[httpx.Request], httpx.Response],
    may_write: Callable[[str], str | None],
    boundary: Callable[[str], None] = lambda _: None,
    max_concurrent: int = 16,
) -> GitHub:
    clock = Clock()
    return GitHub(
        simulated(world()[0]).host,
        TokenCredentials(TOKEN),
        transport=httpx.MockTransport(far),
        now=clock.now,
        sleep=clock.sleep,
        jitter=lambda: 0.5,
        monotonic=clock.monotonic,
        boundary=boundary,
        may_write=may_write,
        max_concurrent=max_concurrent,
    )


@pytest.mark.shows("GE-5")
def test_a_stopped_write_does_not_leave_and_says_why() -> None:
    far = Script([answer({}, 201)])
    github = guarded(far, lambda _operation_id: "deployment (file /etc/stop)")
    with pytest.raises(NotSent) as caught:
        github.rerun("o", "r", "1", receipt=RECEIPT)
    assert caught.value.why == "stopped by the kill switch: deployment (file /etc/stop)"
    assert "kill switch" in caught.value.next
    assert far.asked == []
    assert github.requests == ()


@pytest.mark.shows("GE-5")
def test_reads_go_on_while_writes_are_stopped() -> None:
    asked: list[None] = []

    def may_write(operation_id: str) -> str | None:
        asked.append(None)
        return "stopped"

    github = guarded(Script([answer(run())]), may_write)
    assert github.run("o", "r", "1").id == "1"
    assert asked == []


@pytest.mark.shows("GE-5")
def test_it_is_asked_after_the_token_came() -> None:
    made, simulated_run = world()
    stopped: list[str] = []
    github = GitHub(
        simulated(made).host,
        AppCredentials(12, PRIVATE),
        transport=SimTransport(made),
        now=lambda: made.now,
        sleep=made.advance,
        jitter=lambda: 0.5,
        may_write=lambda _operation_id: "pressed while the token was fetched" if stopped else None,
    )

    def press(*_: object) -> None:
        stopped.append("now")

    made.on_exchange.append(press)
    with pytest.raises(NotSent):
        github.rerun_failed_jobs("acme", "shop", str(simulated_run.id), receipt=RECEIPT)
    assert any(call["path"].endswith("/access_tokens") for call in made.history.calls)
    assert not any("rerun" in call["path"] for call in made.history.calls)
    assert made.now == START


@pytest.mark.shows("GE-5")
def test_it_is_asked_after_the_wait_for_a_free_connection() -> None:
    stopped, busy, release = threading.Event(), threading.Event(), threading.Event()
    posts: list[str] = []

    def far(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            posts.append(request.url.path)
            return httpx.Response(201)
        busy.set()
        assert release.wait(10)
        return answer(run())

    at_the_gate = threading.Event()
    github = guarded(
        far,
        lambda _operation_id: "pressed" if stopped.is_set() else None,
        lambda _: at_the_gate.set(),
        max_concurrent=1,
    )
    reading = threading.Thread(target=lambda: github.run("o", "r", "1"))
    reading.start()
    assert busy.wait(10)
    outcome: list[Exception | None] = []

    def write() -> None:
        try:
            github.rerun("o", "r", "1", receipt=RECEIPT)
        except NotSent as no:
            outcome.append(no)
        else:
            outcome.append(None)

    writing = threading.Thread(target=write)
    writing.start()
    assert at_the_gate.wait(10)
    stopped.set()
    release.set()
    reading.join(10)
    writing.join(10)
    assert [type(one) for one in outcome] == [NotSent]
    assert posts == []


@pytest.mark.shows("GE-5")
def test_without_a_stop_the_write_leaves_once() -> None:
    far = Script([answer({}, 201)])
    assert guarded(far, lambda _operation_id: None).rerun("o", "r", "1", receipt=RECEIPT).status == 201
    assert len(far.asked) == 1
