"""Checks of the set-up: each item says how it is, and what to do about it. Reads only; nothing is written to GitHub."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cicatrix.core.facts import Identity
from cicatrix.core.lawbook import Layer, pin_problem, resolve
from cicatrix.core.policy import Environment
from cicatrix.flows.doctor_model import Check, Health
from cicatrix.flows.doctor_rights import (
    Allowlist,
    Rights,
    allowlist_check,
    expiry_check,
    lawbook_checks,
    registry_checks,
    switch_checks,
)
from cicatrix.flows.policies import REPOSITORY_LAWBOOK
from cicatrix.github import Exchange, GitHub, GitHubError, Refused
from cicatrix.lawbook import load
from cicatrix.ledger import LedgerError

__all__ = ["Check", "Health", "Patient", "credentials_lacking", "examine", "healthy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is examined, as plain values and questions. Built by the shell from the settings."""

    deploy_env: str
    environment: Environment
    environment_known: bool
    base: Layer | None
    base_file: str | None
    base_problems: Sequence[str]
    pin: str | None
    ledger_place: str
    open_ledger: Callable[[], int | None]
    """Opens the ledger with its self-test and gives its size; None when there is no file yet. Raises LedgerError."""
    attempt_bound_only: bool
    github: GitHub | None
    credential: str | None
    """`app`, `user`, `classic` or `actions`; None without any."""
    credential_problem: tuple[str, str] | None
    """What is wrong with host or credentials, and the remedy, when no client could be built."""
    exchanges: Sequence[Exchange]
    """What went over the wire so far; the client appends to it."""
    repository: tuple[str, str] | None
    kill_switch: Callable[[], str | None]
    fast_scanner: bool
    now: datetime
    rights: Rights | None = None
    """What the ledger holds about rights; None when it cannot be read."""
    allowlist: Allowlist | None = None
    """None where there is no service to come."""


def examine(patient: Patient) -> tuple[Check, ...]:
    """Every check, in the order in which a person would mend things."""
    github = _github(patient)
    named = "/".join(patient.repository) if patient.repository else None
    return (
        _environment(patient),
        *registry_checks(patient.rights, patient.environment, named),
        *([] if patient.allowlist is None else [allowlist_check(patient.allowlist, patient.repository)]),
        *_lawbook(patient, own=OWN_LAWBOOK in github),
        *lawbook_checks(patient.rights, file=patient.base_file),
        _ledger(patient),
        *github,
        _kill_switch(patient),
        *switch_checks(patient.rights),
        _scanner(patient),
    )


def healthy(checks: Sequence[Check]) -> bool:
    """True when no item is an error."""
    return all(check.health is not Health.ERROR for check in checks)


def credentials_lacking(checks: Sequence[Check]) -> bool:
    """True when an error is about the credentials or what they may do."""
    return any(check.health is Health.ERROR and check.about_credentials for check in checks)


def _environment(patient: Patient) -> Check:
    item = "environment"
    if not patient.deploy_env:
        says = "DEPLOY_ENV is not set: staging; `cicatrix up` asks for it with an App or beyond this machine"
        return Check(
            item=item,
            health=Health.WARNING,
            says=says,
            remedy="Set DEPLOY_ENV to staging or prod, so that it is meant.",
        )
    if not patient.environment_known:
        says = f"DEPLOY_ENV={patient.deploy_env} is unknown and counts as prod"
        return Check(item=item, health=Health.ERROR, says=says, remedy="Set DEPLOY_ENV to staging, prod or production.")
    return Check(item=item, health=Health.OK, says=patient.environment.value)


def _lawbook(patient: Patient, *, own: bool) -> list[Check]:
    """The base lawbook and its pin. `own`: the named repository has a valid lawbook of its own."""
    if patient.base_problems:
        return [
            Check(
                item="lawbook",
                health=Health.ERROR,
                says=problem,
                remedy=f"Correct the file; `cicatrix lawbook check {patient.base_file}` checks it again.",
            )
            for problem in patient.base_problems
        ]
    resolved = resolve([patient.base] if patient.base else [])
    stored = "stored" if patient.base else "built-in"
    name = f"{patient.base_file or stored}, version {resolved.lawbook.version} ({resolved.base_hash[:12]})"
    checks = [Check(item="lawbook", health=Health.OK, says=name)]
    if patient.base is None and patient.environment is Environment.PROD and not own:
        remedy = "`cicatrix lawbook activate FILE`, CICATRIX_LAWBOOK or the repository's .github/cicatrix.yml give one."
        says = "the built-in lawbook holds in staging only"
        checks = [Check(item="lawbook", health=Health.WARNING, says=says, remedy=remedy)]
    if mismatch := pin_problem(patient.pin, resolved):
        says, _, remedy = mismatch.partition(": ")
        checks.append(
            Check(item="lawbook pin", health=Health.ERROR, says=says, remedy=f"{remedy[:1].upper()}{remedy[1:]}.")
        )
    elif patient.pin:
        checks.append(Check(item="lawbook pin", health=Health.OK, says=f"LAWBOOK_HASH fits: {patient.pin}"))
    return checks


def _ledger(patient: Patient) -> Check:
    if patient.attempt_bound_only:
        return Check(
            item="ledger",
            health=Health.WARNING,
            says="inside GitHub Actions without a database: it ends with the job, only attempt 1 may be rerun",
            remedy="Set CICATRIX_DATABASE_URL to a file that outlives the job.",
        )
    try:
        size = patient.open_ledger()
    except LedgerError as no:
        return Check(item="ledger", health=Health.ERROR, says=f"{no.what} {no.why}", remedy=no.next)
    if size is None:
        return Check(
            item="ledger", health=Health.OK, says=f"{patient.ledger_place}: not made yet, the first rerun makes it"
        )
    says = f"{patient.ledger_place}: {size} entries, refuses changes of its history"
    return Check(item="ledger", health=Health.OK, says=says)


def _github(patient: Patient) -> list[Check]:
    if patient.github is None:
        says, remedy = patient.credential_problem or ("no host is configured", "Set GITHUB_API_URL.")
        return [Check(item="token", health=Health.ERROR, says=says, remedy=remedy)]
    host = patient.github.host
    if patient.credential is None:
        return [
            Check(
                item="token",
                health=Health.ERROR,
                says=f"there is no token for {host.name}",
                remedy="Set GITHUB_TOKEN (or GH_TOKEN), or configure a GitHub App; `gh auth token` prints yours.",
                about_credentials=True,
            )
        ]
    try:
        identity = patient.github.identity(*(patient.repository or ()))
    except GitHubError as trouble:
        answered = trouble.status is not None
        api = Check(
            item="api",
            health=Health.OK if answered else Health.ERROR,
            says=f"{host.api_url} answers" if answered else f"{trouble.what}: {trouble.why}",
            remedy="" if answered else trouble.next,
        )
        token = _refused("token", trouble)
        return [api, token] if answered else [api]
    asked = bool(patient.exchanges)
    says = f"{host.api_url} answers" if asked else f"{host.api_url} was not asked: a workflow's token names nobody"
    api = Check(item="api", health=Health.OK if asked else Health.WARNING, says=says)
    about_token = [_token(patient, identity), *_expiry(patient, patient.github), _write_right(patient)]
    return [*_repository(patient, api, asked=asked), *about_token]


def _token(patient: Patient, identity: Identity) -> Check:
    kinds = {"app": "a GitHub App", "user": "a personal token", "classic": "a classic personal token", "actions": ""}
    says = f"{kinds.get(patient.credential or '', '') or 'the token of a workflow'}, acts as {identity.login}"
    if patient.credential == "classic":
        remedy = "Use a GitHub App or a fine-grained token: this one cannot be narrowed, and production refuses it."
        return Check(item="token", health=Health.WARNING, says=says, remedy=remedy)
    if identity.shared:
        says += "; people may use the same identity, so an attempt after ours counts as ours"
    return Check(item="token", health=Health.OK, says=says)


def _expiry(patient: Patient, github: GitHub) -> list[Check]:
    """Of a personal token only: an App's tokens are made anew each hour, a workflow's ends with its job."""
    if patient.credential not in {"user", "classic"}:
        return []
    return [expiry_check(github.token_expiry(), patient.now)]


def _repository(patient: Patient, api: Check, *, asked: bool) -> list[Check]:
    """Reads of the named repository, by harmless calls; they also show that the API answers."""
    if patient.repository is None or patient.github is None:
        return [api]
    owner, name = patient.repository
    try:
        patient.github.repository(owner, name)
        text = patient.github.file(owner, name, REPOSITORY_LAWBOOK)
    except GitHubError as trouble:
        return [api, _refused("repository", trouble)]
    if not asked:
        api = Check(item="api", health=Health.OK, says=f"{patient.github.host.api_url} answers")
    found = [api, Check(item="repository", health=Health.OK, says=f"{owner}/{name} can be read")]
    if text is None:
        says = f"{REPOSITORY_LAWBOOK} is not on the default branch: the rules above hold"
        return [*found, Check(item="repository lawbook", health=Health.OK, says=says)]
    _, problems = load(text, REPOSITORY_LAWBOOK)
    if problems:
        remedy = "Correct it on the default branch; until then every write there is blocked (lawbook_block)."
        return [*found, *(_bad_lawbook(str(problem), remedy) for problem in problems)]
    return [*found, OWN_LAWBOOK]


OWN_LAWBOOK = Check(item="repository lawbook", health=Health.OK, says=f"{REPOSITORY_LAWBOOK} is valid")


def _refused(item: str, trouble: GitHubError) -> Check:
    return Check(
        item=item,
        health=Health.ERROR,
        says=f"{trouble.what}: {trouble.why}",
        remedy=trouble.next,
        about_credentials=isinstance(trouble, Refused) and trouble.status in {401, 403},
    )


def _bad_lawbook(problem: str, remedy: str) -> Check:
    return Check(item="repository lawbook", health=Health.ERROR, says=problem, remedy=remedy)


def _write_right(patient: Patient) -> Check:
    """From the token's metadata only; a writing probe would be a write."""
    item = "write right"
    if patient.credential == "app":
        granted = _app_permissions(patient.exchanges).get("actions", "none")
        if granted == "write":
            return Check(item=item, health=Health.OK, says="the App has actions: write")
        remedy = "Give the App `actions: write` on its settings page and accept it in the installation."
        says = f"the App has actions: {granted}"
        return Check(item=item, health=Health.ERROR, says=says, remedy=remedy, about_credentials=True)
    if patient.credential == "classic":
        scopes = _scopes(patient.exchanges)
        if "repo" in scopes:
            return Check(item=item, health=Health.OK, says="the token has the scope repo")
        says = f"the token has the scopes {', '.join(sorted(scopes)) or '(none)'}"
        remedy = "Reruns of private repositories need `repo`."
        return Check(item=item, health=Health.ERROR, says=says, remedy=remedy, about_credentials=True)
    where = "the job's `permissions:`" if patient.credential == "actions" else "the token's settings"
    return Check(
        item=item,
        health=Health.WARNING,
        says="unproven: GitHub does not tell what this kind of token may write",
        remedy=f"Make sure of `actions: write` in {where}; a refusal names what is missing.",
    )


def _app_permissions(exchanges: Sequence[Exchange]) -> Mapping[str, str]:
    """https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app"""
    for exchange in reversed(exchanges):
        if exchange.template == "/app" and exchange.status == 200:
            tree = json.loads(exchange.response_body)
            granted = tree.get("permissions") if isinstance(tree, dict) else None
            return granted if isinstance(granted, dict) else {}
    return {}


def _scopes(exchanges: Sequence[Exchange]) -> frozenset[str]:
    """https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps"""
    for exchange in reversed(exchanges):
        if (text := exchange.response_headers.get("x-oauth-scopes")) is not None:
            return frozenset(scope.strip() for scope in text.split(",") if scope.strip())
    return frozenset()


def _kill_switch(patient: Patient) -> Check:
    if why := patient.kill_switch():
        remedy = "Unset CICATRIX_KILL_SWITCH, or remove the file, once writing is safe again."
        return Check(item="kill switch", health=Health.WARNING, says=f"on: {why}; nothing is written", remedy=remedy)
    others = patient.rights.switches if patient.rights else ()
    return Check(item="kill switch", health=Health.OK, says="variable and file are off" if others else "off")


def _scanner(patient: Patient) -> Check:
    if patient.fast_scanner:
        return Check(item="scanner", health=Health.OK, says="hyperscan")
    says = "hyperscan is not there: the built-in rules run on the last 128 KiB of a log only"
    remedy = "Install the package hyperscan, which has wheels for Linux, macOS and Windows."
    return Check(item="scanner", health=Health.WARNING, says=says, remedy=remedy)
