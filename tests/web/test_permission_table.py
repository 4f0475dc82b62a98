"""Every combination of caller, action, environment, registry, lawbook and repository, against docs/permissions.md.

`expected` follows the page's rules one by one and nothing else; a house test compares its codes with the page's.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cicatrix.core.access import AccessPolicy
from cicatrix.core.actions import ActionType, Role
from cicatrix.core.api_key import format_key, hash_secret
from cicatrix.core.policy import Environment
from cicatrix.core.principal import ApiKey, Principal, RepositoryScope
from cicatrix.core.redact import redact
from cicatrix.flows.context import Deployment
from cicatrix.flows.denied import Denied
from cicatrix.flows.permission import permit
from cicatrix.github import GitHub, Host, TokenCredentials
from cicatrix.lawbook.registry import load_registry
from cicatrix.simulator import JobSpec, SimTransport
from cicatrix.web.app import make_app
from cicatrix.web.callers import Callers
from cicatrix.web.service import Service
from tests.stage import START, Stage, always_lost, lawbook

PAGE = Path(__file__).parents[2] / "docs/permissions.md"
SECRET = "s" * 43

R, C, A = ActionType.RERUN_FAILED_JOBS, ActionType.RERUN_CHECKS, ActionType

CALLERS = {
    "nobody": None,
    "key reader": Role.READER,
    "key operator": Role.OPERATOR,
    "key healer": Role.HEALER,
    "key admin": Role.ADMIN,
    "key elsewhere": Role.OPERATOR,
    "key other action": Role.OPERATOR,
    "key of the former repository": Role.OPERATOR,
    "key expired": None,
    "key revoked": None,
    "github none": Role.READER,  # a public repository: everybody may read it
    "github read": Role.READER,
    "github triage": Role.READER,
    "github write": Role.OPERATOR,
    "github maintain": Role.HEALER,
    "github admin": Role.ADMIN,
}
"""Caller -> role; None is no caller at all."""
TYPICAL = ("nobody", "key reader", "key operator", "key elsewhere", "github read", "github write")

NEEDS = {
    A.COLLECT_SUMMARY: Role.READER,
    R: Role.OPERATOR,
    C: Role.OPERATOR,
    A.ADD_LABEL: Role.OPERATOR,
    A.ADD_COMMENT: Role.OPERATOR,
    A.DISPATCH_WORKFLOW: Role.HEALER,
    A.APPLY_REMEDIATION: Role.HEALER,
    A.CREATE_PR: Role.HEALER,
    A.ROLLBACK: Role.HEALER,
}
"""The page's roles, written down a second time."""

ENTRY = "  - {{actionType: {action}, enabled: {enabled}, maxRetries: {retries}, requireEvidence: true{more}}}\n"


def entries(retries: int = 2, enabled: str = "true", more: str = "", actions: tuple[ActionType, ...] = (R, C)) -> str:
    return "".join(ENTRY.format(action=a, enabled=enabled, retries=retries, more=more) for a in actions)


OTHER = "  - {actionType: add_label, requireEvidence: false}\n"
REGISTRIES = {
    "none": None,
    "allows 2": entries(2),
    "allows 0": entries(0),
    "absent": OTHER,
    "absent, failClosed false": OTHER + "failClosed: false\n",
    "disabled": entries(2, "false"),
    "of the former repository": entries(2),
    "label missing": entries(2, more=", preconditions: [{type: label_present, value: go}]"),
    "approval missing": entries(2, more=", approvalRule: {required: true}"),
}
LAWBOOKS = {
    "built-in": None,
    "plain": "version: t.1\nallowAllJobs: true\n",
    "off": "version: t.1\nmode: 'off'\nallowAllJobs: true\n",
    "automation for others": "version: t.1\nallowAllJobs: true\nautomation: [{actionType: add_label}]\n",
    "automation": "version: t.1\nallowAllJobs: true\nautomation: [{actionType: rerun_failed_jobs, "
    "allowedEnvs: [staging, prod]}, {actionType: rerun_checks, allowedEnvs: [staging, prod]}]\n",
}
STATES = ("red", "not listed", "branch not listed", "no such pull request")


@dataclass(frozen=True, slots=True)
class Cell:
    caller: str
    action: ActionType
    environment: Environment
    registry: str
    lawbook: str
    state: str


@dataclass(frozen=True, slots=True)
class Said:
    rule: str
    status: int
    code: str
    """The problem's code; for 200 the decision and the reason of the red job."""


def expected(cell: Cell) -> Said:
    """The page, rule by rule."""
    prod = cell.environment is Environment.PROD
    has = CALLERS[cell.caller]
    registered = cell.registry not in {"none", "of the former repository"}
    if has is None:
        return Said("P1", 401, "UNAUTHORIZED")
    if prod and cell.registry == "none":
        return Said("P3", 409, "REGISTRY_NOT_FOUND")
    if cell.state == "not listed":
        return Said("P4", 403, "REPO_ACCESS_DENIED")
    if has < NEEDS[cell.action] or cell.caller in {"key elsewhere", "key other action"}:
        return Said("P5", 403, "CALLER_NOT_AUTHORISED")
    if cell.registry == "none" and cell.action is C:  # AP-6
        return Said("P6", 403, "ACTION_NOT_ALLOWED")
    lax = cell.registry == "absent, failClosed false" and not prod
    if cell.registry in {"disabled", "absent"} or (cell.registry == "absent, failClosed false" and prod):
        return Said("P6", 403, "ACTION_NOT_ALLOWED")
    if cell.caller == "key of the former repository":
        return Said("P7", 403, "CALLER_NOT_AUTHORISED")
    if cell.registry == "of the former repository":
        return Said("P7", 403, "ACTION_NOT_ALLOWED")
    if cell.lawbook == "automation for others":
        return Said("P8", 403, "POLICY_DENIED")
    if cell.state == "no such pull request":
        return Said("P9", 404, "NOT_FOUND")
    if cell.state == "branch not listed":
        return Said("P10", 403, "REPO_ACCESS_DENIED")
    if cell.registry == "label missing":
        return Said("P11", 403, "ACTION_NOT_ALLOWED")
    if cell.registry == "approval missing":
        return Said("P12", 403, "APPROVAL_REQUIRED")
    if cell.lawbook == "off" or (prod and cell.lawbook == "built-in"):
        return Said("P15", 200, "BLOCKED lawbook_block")
    if cell.action is C and cell.lawbook == "built-in":
        return Said("P17", 200, "BLOCKED all_jobs_not_allowed")
    if cell.registry == "allows 0":
        return Said("P16", 200, "BLOCKED registry_denied")
    if lax:  # nothing says how often: then not at all
        return Said("P16", 200, "BLOCKED registry_denied")
    assert registered or not prod
    return Said("P18", 200, "RERUN_TRIGGERED infra_transient")


class Room:
    """One environment, registry, lawbook and state; many callers come to it."""

    def __init__(self, folder: Path, environment: Environment, registry: str, law: str, state: str) -> None:
        text = LAWBOOKS[law]
        listed = {"owner": "acme", "repo": "else" if state == "not listed" else "shop"}
        branches = ["release"] if state == "branch not listed" else ["main"]
        access = AccessPolicy.parse(_json({"allowlist": [{**listed, "branches": branches}]}))
        assert isinstance(access, AccessPolicy)
        folder.mkdir()
        deployment = Deployment(
            environment=environment,
            base=lawbook(text) if text else None,
            access=access,
            write_interval=timedelta(0),
        )
        self.stage = stage = Stage(folder, deployment=deployment)
        self.state, self._numbers = state, itertools.count(1)
        self._keys()
        for name in CALLERS:
            kind, _, word = name.partition(" ")
            if kind == "github":
                stage.world.token(f"token-of-{word}", login=f"user-{word}", kind="user")
                if word != "none":
                    stage.repo.collaborator(f"user-{word}", word)
        if (entry := REGISTRIES[registry]) is not None:
            document = (
                f"version: 1.0.0\nregistryId: acme-shop\nrepository: acme/shop\ncreatedAt: '2026-11-21T12:00:00Z'\n"
                f"createdBy: test\nallowedActions:\n{entry}"
            )
            found, problems = load_registry(document, "registry.yml")
            assert found is not None, problems
            former = registry == "of the former repository"
            with stage.ctx.ledger.write("registry") as tx:
                tx.activate_registry(
                    host="github.com",
                    repository_id="424242" if former else str(stage.repo.id),
                    owner_id="77",
                    full_name="acme/shop",
                    registry=found,
                    principal="cli:test@local",
                )
        callers = Callers(ctx=stage.ctx, client_for=self._client)
        service = Service(ctx=stage.ctx, callers=callers, redact=redact, has_credential=True)
        self.callers = callers
        self.client = TestClient(make_app(service), raise_server_exceptions=False)
        stage.repo.workflow(".github/workflows/ci.yml", [JobSpec(id="unit", outcomes=always_lost())])

    def _client(self, token: str) -> GitHub:
        world = self.stage.world
        return GitHub(
            Host(),
            TokenCredentials(token),
            transport=SimTransport(world),
            now=lambda: world.now,
            sleep=world.advance,
            jitter=lambda: 0.5,
        )

    def _keys(self) -> None:
        shop = RepositoryScope(host="github.com", repository_id=str(self.stage.repo.id), full_name="ACME/Shop")
        scopes = {
            "key elsewhere": replace(shop, full_name="acme/other", repository_id="9"),
            "key of the former repository": replace(shop, repository_id="424242"),
        }
        self.tokens: dict[str, str] = {}
        self.keys: dict[str, ApiKey] = {}
        with self.stage.ctx.ledger.write("keys") as tx:
            for n, (name, role) in enumerate(CALLERS.items()):
                if not name.startswith("key"):
                    continue
                key = ApiKey(
                    id=f"aaaaaa{chr(97 + n // 26)}{chr(97 + n % 26)}",
                    label=name,
                    role=role or Role.ADMIN,
                    repositories=(scopes.get(name, shop),),
                    actions=frozenset({A.COLLECT_SUMMARY}) if name == "key other action" else None,
                    created_at=START,
                    created_by="cli:test@local",
                    expires_at=START - timedelta(days=1) if name == "key expired" else START + timedelta(days=9),
                )
                tx.create_key(key, hash_secret(SECRET))
                if name == "key revoked":
                    tx.revoke_key(key.id, "drill", "cli:test@local")
                self.keys[name] = key
                self.tokens[name] = format_key(key.id, SECRET)

    def ask(self, caller: str, action: ActionType) -> Any:
        """The API's answer to a fresh request about a fresh pull request."""
        number = next(self._numbers)
        if self.state != "no such pull request":
            self.stage.red([JobSpec(id="unit", outcomes=always_lost())], number=number)
        token = self.tokens.get(caller) or f"token-of-{caller.partition(' ')[2]}"
        headers = {} if caller == "nobody" else {"Authorization": f"Bearer {token}"}
        mode = "ALL_JOBS" if action is C else "FAILED_ONLY"
        body = {"owner": "Acme", "repo": "SHOP", "mode": mode}
        return self.client.post(f"/api/github/prs/{number}/checks/rerun", json=body, headers=headers)

    def principal(self, caller: str) -> Principal:
        if caller in self.keys:
            key = self.keys[caller]
            return Principal(name=f"key:{key.id}", key=key)
        login = f"user-{caller.partition(' ')[2]}"
        return Principal(name=f"github:{login}@github.com", login=login)


def _json(tree: object) -> str:
    return json.dumps(tree)


def said(response: Any) -> tuple[int, str]:
    """Status and code, or decision and reason."""
    tree = response.json()
    if response.status_code != 200:
        return response.status_code, tree["code"]
    return 200, f"{tree['decision']} {tree['jobs'][0].get('reasonCode', '-')}"


def judge(room: Room, cell: Cell, seen: Counter[str]) -> list[str]:
    """What differs from the page, in words; GitHub must have been written to exactly when the page says so."""
    before = len(room.stage.posts_of_reruns())
    answer = said(room.ask(cell.caller, cell.action))
    wrote = len(room.stage.posts_of_reruns()) - before
    want = expected(cell)
    seen[want.rule] += 1
    wrong = []
    if answer != (want.status, want.code):
        wrong.append(f"{cell}: {want.rule} says {want.status} {want.code}, the API {answer[0]} {answer[1]}")
    if wrote != (want.rule == "P18"):
        wrong.append(f"{cell}: {wrote} writes to GitHub where {want.rule} holds")
    return wrong


def rooms(folder: Path, *, laws: Iterator[str] | tuple[str, ...], states: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    for n, place in enumerate(itertools.product(Environment, REGISTRIES, laws, states)):
        room = Room(folder / str(n), *place)
        yield room, place
        room.stage.ctx.ledger.close()


@pytest.mark.shows("AP-1", "AP-2", "AP-6", "AU-1", "RG-2", "RG-3", "RG-4", "RG-5", "T17", "T18", "C1", "C3", "A12")
@pytest.mark.parametrize("action", [R, C])
@pytest.mark.parametrize("environment", list(Environment))
def test_the_whole_table_for_typical_callers(tmp_path: Path, action: ActionType, environment: Environment) -> None:
    wrong, seen = [], Counter[str]()
    for n, place in enumerate(itertools.product(REGISTRIES, LAWBOOKS, STATES)):
        room = Room(tmp_path / str(n), environment, *place)
        for caller in TYPICAL:
            wrong += judge(room, Cell(caller, action, environment, *place), seen)
        room.stage.ctx.ledger.close()
    print(f"{sum(seen.values())} cells of {action} in {environment}: {dict(sorted(seen.items()))}")
    assert not wrong, "\n".join(wrong[:20]) + f"\n{len(wrong)} of {sum(seen.values())} cells differ"
    assert {"P1", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P15", "P16", "P18"} <= set(seen)


@pytest.mark.shows("AP-1", "AU-4", "T17")
@pytest.mark.parametrize("environment", list(Environment))
def test_every_kind_of_caller(tmp_path: Path, environment: Environment) -> None:
    wrong, seen = [], Counter[str]()
    for n, registry in enumerate(REGISTRIES):
        place = (registry, "plain", "red")
        room = Room(tmp_path / str(n), environment, *place)
        for caller, action in itertools.product(CALLERS, (R, C)):
            wrong += judge(room, Cell(caller, action, environment, *place), seen)
        room.stage.ctx.ledger.close()
    assert not wrong, "\n".join(wrong[:20]) + f"\n{len(wrong)} of {sum(seen.values())} cells differ"


@pytest.mark.shows("AU-4", "RG-1", "AP-6", "T17")
def test_every_action_type_for_every_caller(tmp_path: Path) -> None:
    """The guardrails of all 27 action types, also of those that have no route yet or are never performed."""
    wrong = []
    everything = "".join(f"  - {{actionType: {a}, maxRetries: 1, requireEvidence: false}}\n" for a in ActionType)
    REGISTRIES["everything"] = everything
    try:
        for n, (environment, registry) in enumerate(itertools.product(Environment, ("none", "everything"))):
            room = Room(tmp_path / str(n), environment, registry, "plain", "red")
            for caller, action in itertools.product((c for c, role in CALLERS.items() if role), ActionType):
                got = _permitted(room, caller, action)
                want = _expected_permission(caller, action, environment, registry)
                if got != want:
                    wrong.append(f"{caller} {action} {environment} {registry}: {got}, not {want}")
            assert room.stage.posts_of_reruns() == []
            room.stage.ctx.ledger.close()
    finally:
        del REGISTRIES["everything"]
    assert not wrong, "\n".join(wrong[:20]) + f"\n{len(wrong)} differ"


def _permitted(room: Room, caller: str, action: ActionType) -> str:
    principal = room.principal(caller)

    def role() -> Role | None:
        return room.callers.role(principal, "acme", "shop", fresh=False)

    try:
        permit(room.stage.ctx, principal, action, "acme", "shop", role=role)
    except Denied as no:
        return no.code
    return "permitted"


def _expected_permission(caller: str, action: ActionType, environment: Environment, registry: str) -> str:
    reading = action is A.COLLECT_SUMMARY
    if environment is Environment.PROD and registry == "none" and not reading:
        return "REGISTRY_NOT_FOUND"
    has = CALLERS[caller]
    assert has is not None
    # an action that nobody performs asks for the highest role before it is said that nobody performs it
    if has < NEEDS.get(action, Role.ADMIN) or caller == "key elsewhere":
        return "CALLER_NOT_AUTHORISED"
    if caller == "key other action" and not reading:
        return "CALLER_NOT_AUTHORISED"
    if action not in NEEDS:
        return "ACTION_NOT_ALLOWED"
    if registry == "none" and action not in {R, A.COLLECT_SUMMARY}:
        return "ACTION_NOT_ALLOWED"  # staging without a registry: reruns of failed jobs, and reads
    if caller == "key of the former repository":
        return "CALLER_NOT_AUTHORISED"
    return "permitted"


@pytest.mark.shows("AP-1")
def test_the_page_and_this_file_name_the_same_rules() -> None:
    rows = re.findall(r"^\| (P\d+) \| .+? \| (\d{3})[^|]*\| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    page = {rule: (int(status), text) for rule, status, text in rows}
    assert sorted(page, key=lambda rule: int(rule[1:])) == [f"P{n}" for n in range(1, 19)]
    cells = (
        Cell(caller, action, environment, registry, law, state)
        for caller, action, environment, registry, law, state in itertools.product(
            CALLERS, (R, C), Environment, REGISTRIES, LAWBOOKS, STATES
        )
    )
    for want in {expected(cell) for cell in cells}:
        status, text = page[want.rule]
        assert status == want.status, want
        if want.rule == "P17":
            continue
        for word in want.code.split():
            assert f"`{word}`" in text or word == "infra_transient", want
