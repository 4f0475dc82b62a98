"""What the settings say about this installation: lawbook, access, switches."""

from __future__ import annotations

from collections.abc import Callable

from cicatrix.core.access import AccessPolicy
from cicatrix.core.lawbook import Layer, LayerKind
from cicatrix.flows.context import Deployment
from cicatrix.flows.record import action_of
from cicatrix.lawbook import load as load_lawbook
from cicatrix.ledger import Ledger, LedgerError
from cicatrix.settings import Settings


def last_look(settings: Settings, ledger: Ledger) -> Callable[[str], str | None]:
    """Why an operation may not leave at the very last moment: variable, file and the ledger's switches; doubt is a no.

    The decision looked at the same under its lock. Between it and the bytes a token may have been fetched, or a process
    may have slept (GE-5: no write starts more than 1 s after a switch was set).
    """
    file_or_variable = kill_switch(settings)

    def asked(operation_id: str) -> str | None:
        if why := file_or_variable():
            return why
        try:
            with ledger.read() as view:
                operation = view.operation(operation_id)
                if operation is None:
                    return f"the ledger knows no operation {operation_id}"
                action = action_of(operation).value
                return view.kill_switch(operation.host, operation.repository_id, operation.owner_id, action)
        except LedgerError as trouble:
            return f"the ledger's switches cannot be read: {trouble}"

    return asked


def deployment(settings: Settings, *, service: bool = False) -> Deployment:
    """What the settings say about this installation."""
    base, problems = base_lawbook(settings)
    return Deployment(
        environment=settings.environment,
        base=base,
        base_problems=problems,
        lawbook_pin=settings.lawbook_hash,
        write_interval=settings.write_pause,
        reconcile_window=settings.window,
        poll_interval=settings.poll,
        kill_switch=kill_switch(settings),
        attempt_bound_only=settings.ephemeral_ledger,
        run_checks=settings.run_checks,
        report_key=None if settings.report_key is None else settings.report_key.get_secret_value(),
        in_ci=settings.in_ci or service,
        access=access_policy(settings)[0] if service else None,
    )


DEMO_ALLOWLIST = '{"allowlist": [{"owner": "acme", "repo": "shop"}]}'
"""What a service may touch at a simulated GitHub where no allowlist is set: the repository of the drills (AU-1)."""


def access_policy(settings: Settings) -> tuple[AccessPolicy, tuple[str, ...]]:
    """The service's access policy, and why the configured one cannot be used; it then denies every repository."""
    text = settings.repo_allowlist
    if text is None and settings.on_loopback:
        text = DEMO_ALLOWLIST
    if text is None:
        why = "GITHUB_REPO_ALLOWLIST is not set"
        return AccessPolicy.deny_all(why), (why,)
    found = AccessPolicy.parse(text)
    if isinstance(found, AccessPolicy):
        return found, ()
    return AccessPolicy.deny_all("; ".join(found)), found


def base_lawbook(settings: Settings) -> tuple[Layer | None, tuple[str, ...]]:
    """The deployment's base lawbook, or why its file cannot be used; (None, ()) without one."""
    path = settings.lawbook
    if path is None:
        return None, ()
    try:
        text = path.read_bytes()
    except OSError as trouble:
        return None, (f"{path} cannot be read: {trouble.strerror}",)
    layer, problems = load_lawbook(text, str(path), kind=LayerKind.DEPLOYMENT)
    return layer, tuple(str(problem) for problem in problems)


def kill_switch(settings: Settings) -> Callable[[], str | None]:
    """Why variable or file stop writes, if they do. The file is looked for anew at each call; doubt means stopped."""
    file = settings.kill_switch_file

    def asked() -> str | None:
        if settings.kill_switch_on:
            return "CICATRIX_KILL_SWITCH is set"
        if file is None:
            return None
        try:
            file.lstat()
        except FileNotFoundError:
            return None if file.absolute().parent.is_dir() else f"the folder of {file} cannot be found"
        except OSError as trouble:
            return f"{file} cannot be looked for: {trouble.strerror}"
        return f"{file} exists"

    return asked
