"""`cicatrix up`: the API and the engine in one process, for one machine."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from cicatrix import wiring
from cicatrix.core.lawbook import pin_problem
from cicatrix.core.policy import Environment
from cicatrix.engine.runner import Runner
from cicatrix.flows.context import Context
from cicatrix.flows.policies import Rules, lawbook_of
from cicatrix.github import Exchange
from cicatrix.settings import Settings
from cicatrix.web.app import make_app
from cicatrix.web.callers import Callers, asking_with
from cicatrix.web.serve import GRACE, Server, listen, server_for
from cicatrix.web.service import Service

from . import state
from .errors import Stop
from .session import require_lawbook, settings_of

RUNNER_GRACE = 30.0
IDLE_THREADS_END = 2.0
HUNG = 900.0
"""Seconds: a tick that takes longer hangs, and the service is not ready any more."""


def up(*, host: str, port: int, lawbook: Path | None) -> None:
    """Serve until SIGINT or SIGTERM, then let what is in flight end. Standard output gets the address, once."""
    settings = settings_of(lawbook=lawbook)
    _check(settings, host)
    screen = state.screen
    log = wiring.stderr_log(screen.redact)

    def call(exchange: Exchange) -> None:
        if screen.verbose:
            log("github.call", method=exchange.method, path=exchange.template, status=exchange.status)

    with ExitStack() as stack:
        contexts = [
            stack.enter_context(wiring.build(settings, host=place.name, service=True, log=log, on_exchange=call))
            for place in wiring.hosts(settings)
        ]
        for ctx in contexts:
            require_lawbook(ctx)
            _warn(settings, ctx)
        runner = Runner(contexts, settings.poll_interval)
        try:
            listening = stack.enter_context(listen(host, port))
        except OSError as trouble:
            raise Stop(
                "The API cannot listen.",
                f"{host} port {port}: {trouble.strerror or trouble}.",
                "Name another port with --port (0 takes a free one), or end what holds this one.",
            ) from None
        server = server_for(make_app(_service(settings, contexts[0], runner)))
        address = _address(listening.getsockname())
        with _signals(server):
            runner.start()
            screen.line(f"listening on {address}")
            sys.stdout.flush()
            screen.say(f"environment {settings.environment} · ledger {contexts[0].ledger.place} · Ctrl-C ends it")
            server.run(sockets=[listening])
        log("stopping", waiting="for what is in flight")
        done = runner.stop(RUNNER_GRACE) and _handlers_ended()
        if not done:
            # a write in flight is on record before it leaves, so nothing is lost that `tick` would not find again
            log("stopped", note=f"something went on for more than {GRACE} s and was cut off")
            sys.stderr.flush()
            os._exit(0)
        log("stopped")


def _service(settings: Settings, ctx: Context, runner: Runner) -> Service:
    return Service(
        ctx=ctx,
        callers=Callers(ctx, asking_with(ctx)),
        redact=state.screen.redact,
        has_credential=wiring.credentials_for(settings, ctx.github.host) is not None,
        runner_alive=lambda: runner.alive and runner.silent_for < HUNG + settings.poll_interval,
        base_lawbook=lambda: _lawbook_problems(settings, ctx),
    )


def _lawbook_problems(settings: Settings, ctx: Context) -> tuple[str, ...]:
    """Why the deployment's lawbook, file or stored, allows no write anywhere: unusable, or not the pinned one."""
    deployment = wiring.deployment(settings, service=True)
    with ctx.ledger.read() as view:
        resolved, problems = lawbook_of(view, deployment, Rules(), None)
    pin = pin_problem(deployment.lawbook_pin, resolved)
    return (*problems, *((pin,) if pin else ()))


def _warn(settings: Settings, ctx: Context) -> None:
    """What lets the service start and refuse everything: said before the first request does."""
    for problem in _lawbook_problems(settings, ctx)[:1]:
        state.screen.say(f"warning: the lawbook stops every write: {problem}")
    if settings.environment is not Environment.PROD:
        return
    with ctx.ledger.read() as view:
        registered = view.registries()
        resolved, _ = lawbook_of(view, ctx.deployment, Rules(), None)
    if not registered:
        state.screen.say("warning: prod, and no repository has a registry: every request is refused (registry apply)")
    if resolved.built_in:
        state.screen.say(
            "warning: prod, and the deployment has no lawbook: only repositories with one of their own act"
        )


def _check(settings: Settings, host: str) -> None:
    """What must not start: GE-1, and an allowlist that somebody meant and that says nothing."""
    screen = state.screen
    app = settings.github_app_id is not None or any(entry.app_id is not None for entry in settings.hosts)
    if not settings.deploy_env and (app or not _loopback(host)):
        why = "a GitHub App is configured" if app else f"{host} can be reached from other machines"
        raise Stop(
            "The service does not start without an environment.",
            f"DEPLOY_ENV is not set, and {why}.",
            "Set DEPLOY_ENV to prod or staging; staging lets reruns through without a registry.",
        )
    if settings.ephemeral_ledger:
        raise Stop(
            "The service needs a ledger that lasts.",
            "Inside GitHub Actions without CICATRIX_DATABASE_URL the ledger ends with the job.",
            "Name a lasting ledger in CICATRIX_DATABASE_URL.",
        )
    _, problems = wiring.access_policy(settings)
    if problems and settings.repo_allowlist is not None:
        raise Stop(
            "The allowlist cannot be used.",
            f"{problems[0]}.",
            "Correct it; docs/settings.md shows its shape. Nothing was started.",
        )
    for problem in problems:
        screen.say(f"warning: {problem}, so every repository is denied")
    if wiring.credentials_for(settings, wiring.hosts(settings)[0]) is None:
        screen.say("warning: no GitHub credential: requests that need GitHub are answered 401")
    if settings.environment is Environment.STAGING and not settings.deploy_env:
        screen.say("warning: DEPLOY_ENV is not set; this counts as staging")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(name: tuple[object, ...]) -> str:
    host, port = str(name[0]), name[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _signals(server: Server) -> Iterator[None]:
    """SIGINT and SIGTERM ask the server to end; a second SIGINT ends it at once."""

    def asked(number: int, _frame: FrameType | None) -> None:
        if server.should_exit and number == signal.SIGINT:
            server.force_exit = True
        server.should_exit = True

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handlers_ended() -> bool:
    """Whether no handler's thread is left at work. Idle ones have been told to end, which takes them a moment."""
    until = time.monotonic() + IDLE_THREADS_END
    workers = [thread for thread in threading.enumerate() if "AnyIO" in thread.name]
    for worker in workers:
        worker.join(max(0.0, until - time.monotonic()))
    return not any(worker.is_alive() for worker in workers)
