"""Every simulated GitHub of every test is judged by GitHub's own description; a violation fails the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cicatrix.simulator import Exchange, World
from tests.judge import Judge, summary

_judge = Judge()
_totals: Counter[str] = Counter()


def _attach(world: World) -> None:
    def observe(exchange: Exchange) -> None:
        _judge.observe(
            exchange.method,
            exchange.path,
            exchange.query,
            request_headers=exchange.request_headers,
            request_body=exchange.request_body,
            status=exchange.status,
            headers=exchange.headers,
            body=exchange.body,
            fault=exchange.spoilt,
            log_host=exchange.origin == "logs",
        )

    world.on_exchange.append(observe)


@pytest.fixture
def judge() -> Judge:
    """The judge of this run, for clients that talk to something else than a `World`."""
    return _judge


@pytest.fixture(autouse=True)
def _judged() -> Iterator[None]:
    """A test that sends nonsense on purpose takes its world off the judge: `world.on_exchange.clear()`."""
    World.on_create.append(_attach)
    yield
    World.on_create.remove(_attach)
    found = _judge.take()
    if found:
        pytest.fail("exchanges against GitHub's description:\n" + "\n".join(found), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["judge"] = _judge.counts()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _totals.update(getattr(node, "workeroutput", {}).get("judge", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    _totals.update(_judge.counts())
    terminalreporter.write_line("judge: " + summary(_totals, active=_judge.active))
