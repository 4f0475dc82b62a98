"""Tokens and Apps: narrowed, renewed in time, and never shown (AU-3, T14, T15, T16)."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cicatrix.github import (
    AppCredentials,
    Deferred,
    Exchange,
    GitHub,
    GitHubError,
    NotSent,
    Refused,
    Secret,
    TokenCredentials,
    Unanswered,
)
from tests.github.far_side import RECEIPT, SHA, TOKEN, Clock, answer, client, run

READ = {"actions": "read", "checks": "read", "contents": "read", "metadata": "read", "pull_requests": "read"}


def _pem(key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = _pem(KEY)


class Apps:
    """A far side with one App and its installation 31 on repository 5 (`o/r`): it checks every token it is shown."""

    def __init__(self, clock: Clock, *, skew: timedelta = timedelta(0), dated: bool = True) -> None:
        self.clock, self.skew, self.dated = clock, skew, dated
        self.minted: list[dict[str, Any]] = []
        self.tokens: dict[str, tuple[dict[str, Any], float]] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.mint_fault: list[httpx.Response | Exception] = []
        self.names: dict[str, int] = {"o/r": 5}

    def now(self) -> float:
        return (self.clock.now() + self.skew).timestamp()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        done = self._answer(request)
        self.asked.append((request.method, request.url.path, str(done.status_code)))
        if self.dated:
            done.headers["Date"] = format_datetime(self.clock.now() + self.skew, usegmt=True)
        return done

    def _answer(self, request: httpx.Request) -> httpx.Response:
        scheme, _, token = request.headers["authorization"].partition(" ")
        assert scheme == "Bearer"
        path = request.url.path
        if path == "/app" or path.endswith(("/installation", "/access_tokens")):
            refusal = self._jwt_refusal(token)
            if refusal is not None:
                return answer({"message": refusal}, 401)
        if path == "/app":
            return answer({"id": 12, "slug": "cicatrix-ci"})
        if path.endswith("/installation"):
            return (
                answer({"id": 31})
                if path.split("/repos/")[1].removesuffix("/installation") in self.names
                else answer({}, 404)
            )
        if path.endswith("/access_tokens"):
            return self._mint(request)
        given = self.tokens.get(token)
        if given is None or given[1] <= self.now():
            return answer({"message": "Bad credentials"}, 401)
        if given[0].get("repository_ids") != [5] and request.method == "POST":
            return answer({"message": "Resource not accessible by integration"}, 403)
        return answer({}, 201) if request.method == "POST" else answer(run())

    def _jwt_refusal(self, token: str) -> str | None:
        assert jwt.get_unverified_header(token)["alg"] == "RS256"
        claims = jwt.decode(
            token, KEY.public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
        )
        assert claims["iss"] == "12"
        if claims["iat"] > self.now():
            return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        if not self.now() < claims["exp"] <= self.now() + 600:
            return "'Expiration time' claim ('exp') is too far in the future"
        return None

    def _mint(self, request: httpx.Request) -> httpx.Response:
        if self.mint_fault:
            fault = self.mint_fault.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        body = json.loads(request.content)
        self.minted.append(body)
        token = f"ghs_{len(self.minted):036d}"
        self.tokens[token] = (body, self.now() + 3600)
        until = (self.clock.now() + self.skew + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        listed = [
            {"id": self.names.get(f"o/{name}", 5), "full_name": f"o/{name}"} for name in body.get("repositories", ["r"])
        ]
        return answer({"token": token, "expires_at": until, "repositories": listed}, 201)


def app(installation_id: str | None = None) -> AppCredentials:
    return AppCredentials(12, PEM, installation_id)


def narrowed(far: Apps) -> list[dict[str, Any]]:
    return [body for body in far.minted if "repository_ids" in body]


@pytest.mark.shows("AU-3", "T15")
def test_a_token_is_narrowed_to_one_repository_and_the_operations_permissions() -> None:
    clock = Clock()
    far = Apps(clock)
    github = client(far, clock=clock, credentials=app())
    github.run("o", "r", "1")
    github.rerun("o", "r", "1", receipt=RECEIPT)
    assert far.minted == [
        {"repositories": ["r"], "permissions": {"metadata": "read"}},  # a name becomes an id, and no more than that
        {"repository_ids": [5], "permissions": READ},
        {"repository_ids": [5], "permissions": {"actions": "write"}},
    ]


@pytest.mark.shows("AU-3", "T16")
def test_a_token_is_kept_until_five_minutes_before_its_end() -> None:
    clock = Clock()
    far = Apps(clock)
    github = client(far, clock=clock, credentials=app())
    for _ in range(3):
        github.run("o", "r", "1")
        github.run("O", "R", "1")
    assert len(narrowed(far)) == 1
    clock.sleep(54 * 60)
    github.run("o", "r", "1")
    assert len(narrowed(far)) == 1
    clock.sleep(60)
    github.run("o", "r", "1")
    assert len(narrowed(far)) == 2


def test_a_known_installation_is_not_looked_up() -> None:
    clock = Clock()
    far = Apps(clock)
    client(far, clock=clock, credentials=app("31")).run("o", "r", "1")
    assert [path for _, path, _ in far.asked] == [
        "/app/installations/31/access_tokens",
        "/app/installations/31/access_tokens",
        "/repos/o/r/actions/runs/1",
    ]


@pytest.mark.shows("T16")
def test_the_jwt_is_backdated_short_and_reused_for_eight_minutes() -> None:
    clock, given = Clock(), app()
    first = given.jwt(clock.now())
    claims = jwt.decode(
        first.reveal(), KEY.public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert claims["iat"] == int(clock.now().timestamp()) - 60
    assert claims["exp"] - claims["iat"] == 600
    clock.sleep(479)
    assert given.jwt(clock.now()) == first
    clock.sleep(1)
    assert given.jwt(clock.now()) != first
    clock.sleep(-3600)  # the clock steps back: no token of the future is used
    back = jwt.decode(
        given.jwt(clock.now()).reveal(),
        KEY.public_key(),
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    assert back["iat"] == int(clock.now().timestamp()) - 60


@pytest.mark.shows("T16")
@pytest.mark.parametrize("minutes", [-9, -5, -1, 0, 1, 5, 9])
def test_a_clock_that_is_off_by_minutes_does_no_harm(minutes: int) -> None:
    clock = Clock()
    far = Apps(clock, skew=timedelta(minutes=minutes))
    github = client(far, clock=clock, credentials=app())
    assert github.run("o", "r", "1").id == "1"
    github.rerun("o", "r", "1", receipt=RECEIPT)
    for _ in range(20):  # over the end of a token and of several JWTs, with no write refused for its token
        clock.sleep(290)
        github.rerun("o", "r", "1", receipt=RECEIPT)
    assert [status for method, path, status in far.asked if path.endswith("/rerun")] == ["201"] * 21
    assert not clock.naps[20:]


def test_a_clock_that_is_off_by_hours_is_refused_in_the_end() -> None:
    clock = Clock()
    far = Apps(clock, skew=timedelta(hours=5))
    with pytest.raises(Refused):
        client(far, clock=clock, credentials=app()).run("o", "r", "1")
    assert len(far.asked) == 1


@pytest.mark.shows("T16")
def test_a_token_revoked_in_mid_operation_is_renewed_once_for_a_read() -> None:
    clock = Clock()
    far = Apps(clock)
    github = client(far, clock=clock, credentials=app())
    github.run("o", "r", "1")
    far.tokens.clear()
    assert github.run("o", "r", "1").id == "1"
    assert len(narrowed(far)) == 2
    statuses = [status for _, path, status in far.asked if path.endswith("/runs/1")]
    assert statuses == ["200", "401", "200"]


@pytest.mark.shows("T16")
def test_a_token_revoked_before_a_write_refuses_it_and_is_renewed_for_the_next() -> None:
    clock = Clock()
    far = Apps(clock)
    github = client(far, clock=clock, credentials=app())
    github.rerun("o", "r", "1", receipt=RECEIPT)
    far.tokens.clear()
    with pytest.raises(Refused) as caught:
        github.rerun("o", "r", "1", receipt=RECEIPT)
    assert caught.value.status == 401
    github.rerun("o", "r", "1", receipt=RECEIPT)
    assert [status for _, path, status in far.asked if path.endswith("/rerun")] == ["201", "401", "201"]


def test_a_plain_token_that_is_refused_is_not_tried_twice() -> None:
    asked: list[str] = []

    def far(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answer({"message": "Bad credentials"}, 401)

    with pytest.raises(Refused):
        client(far).run("o", "r", "1")
    assert len(asked) == 1


@pytest.mark.shows("F2", "T16")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (httpx.ReadTimeout("x"), NotSent),
        (answer({}, 502), NotSent),
        (httpx.ConnectError("x"), NotSent),
        (answer({"message": "The permissions requested are not granted"}, 422), Refused),
        (answer({}, 429, {"Retry-After": "900"}), Deferred),
    ],
)
def test_a_write_without_its_token_was_not_sent(fault: httpx.Response | Exception, error: type[GitHubError]) -> None:
    clock, order = Clock(), list[str]()
    far = Apps(clock)
    github = client(far, clock=clock, credentials=app(), boundary=order.append)
    github.run("o", "r", "1")
    far.mint_fault = [fault] * 4
    with pytest.raises(error):
        github.rerun("o", "r", "1", receipt=RECEIPT)
    assert not [path for _, path, _ in far.asked if path.endswith("/rerun")]
    assert not order


def test_an_answer_without_a_token_is_no_token() -> None:
    documents: list[Any] = [
        {},
        {"token": ""},
        {"token": "x"},
        {"token": 5, "expires_at": "2026-11-21T13:00:00Z"},
        [],
        None,
    ]
    for tree in documents:
        clock = Clock()
        far = Apps(clock)
        github = client(far, clock=clock, credentials=app())
        github.run("o", "r", "1")
        far.mint_fault = [answer(tree, 201)]
        with pytest.raises(NotSent, match="no token"):
            github.rerun("o", "r", "1", receipt=RECEIPT)


@pytest.mark.shows("T22")
def test_a_name_that_now_means_another_repository_is_looked_up_again_after_a_404() -> None:
    clock = Clock()
    far = Apps(clock)
    github = client(far, clock=clock, credentials=app())
    github.run("o", "r", "1")
    broken = client(
        lambda request: (
            far(request)
            if "access_tokens" in request.url.path or "installation" in request.url.path
            else answer({}, 404)
        ),
        clock=clock,
        credentials=app(),
    )
    for _ in range(2):
        with pytest.raises(Refused):
            broken.run("o", "r", "1")
    assert [body for body in far.minted if "repositories" in body] == [
        {"repositories": ["r"], "permissions": {"metadata": "read"}}
    ] * 3


def test_a_public_file_elsewhere_can_be_read_with_the_cases_own_token() -> None:
    clock = Clock()
    far = Apps(clock)

    def with_file(request: httpx.Request) -> httpx.Response:
        if "/contents/" in request.url.path:
            assert request.headers["authorization"].startswith("Bearer ghs_")
            return answer({"type": "file", "encoding": "base64", "content": "eA=="})
        return far(request)

    github = client(with_file, clock=clock, credentials=app())
    assert github.file("other", "shared", "x.yml", SHA) is None  # the App is not installed there
    assert github.file("other", "shared", "x.yml", SHA, reader=("o", "r")) == b"x"


def test_an_app_is_its_bot() -> None:
    clock = Clock()
    found = client(Apps(clock), clock=clock, credentials=app()).identity("o", "r")
    assert (found.login, found.kind, found.id, found.shared) == ("cicatrix-ci[bot]", "app", None, False)


CANARY = TOKEN


@pytest.mark.shows("T14")
def test_no_credential_shows_itself() -> None:
    secret, token, the_app = Secret(CANARY), TokenCredentials(CANARY), app()
    far = Apps(Clock())
    github = client(far, credentials=token)
    body = "".join(PEM.splitlines()[1:3])
    for thing in (secret, token, the_app, github, the_app.jwt(Clock().now())):
        for text in (repr(thing), str(thing), f"{thing}"):
            assert CANARY not in text
            assert body[:40] not in text
            assert "eyJ" not in text
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="secret"):
            attempt(secret)


def _chain(error: BaseException) -> str:
    """A traceback as the most talkative reporter would print it, with the variables of every frame."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format(chain=True)
    return "".join(lines) + repr(error) + str(error) + repr(vars(error))


@pytest.mark.shows("T14")
@pytest.mark.parametrize(
    "fault",
    [
        httpx.ReadTimeout("x"),
        httpx.ConnectError("x"),
        answer({}, 401),
        answer({}, 403),
        answer({}, 502),
        RuntimeError("defect"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("call", [lambda g: g.run("o", "r", "1"), lambda g: g.rerun("o", "r", "1", receipt=RECEIPT)])
def test_no_traceback_with_all_its_variables_shows_the_token(
    fault: httpx.Response | Exception, call: Callable[[GitHub], object]
) -> None:
    def far(request: httpx.Request) -> httpx.Response:
        if isinstance(fault, Exception):
            raise fault
        return fault

    with pytest.raises((GitHubError, RuntimeError)) as caught:
        call(client(far))
    error = caught.value
    if isinstance(fault, Exception):
        fault.__traceback__ = None if error is not fault else fault.__traceback__
    assert CANARY not in _chain(error)


@pytest.mark.shows("T14")
def test_no_traceback_shows_the_key_or_a_token_of_an_app() -> None:
    clock = Clock()
    far = Apps(clock)
    github = client(far, clock=clock, credentials=app())
    github.run("o", "r", "1")
    far.mint_fault = [answer({}, 422)]
    with pytest.raises(Refused) as caught:
        github.rerun("o", "r", "1", receipt=RECEIPT)
    text = _chain(caught.value)
    assert "ghs_0" not in text.replace(repr(far.tokens), "").replace(repr(far.minted), "")
    assert PEM.splitlines()[1][:20] not in text


@pytest.mark.shows("T14")
def test_an_exchange_is_shown_without_a_token_or_a_jwt() -> None:
    clock, seen = Clock(), list[Exchange]()
    client(Apps(clock), clock=clock, credentials=app(), on_exchange=seen.append).run("o", "r", "1")
    assert [exchange.status for exchange in seen] == [200, 201, 201, 200]
    assert "ghs_" not in repr(seen)
    assert "eyJ" not in repr(seen)


@pytest.mark.shows("T14")
@pytest.mark.parametrize(
    "key",
    ["", "nonsense", PEM[:400], _pem(ec.generate_private_key(ec.SECP256R1())), b"\xff\xfe"],
    ids=["empty", "nonsense", "cut", "elliptic", "bytes"],
)
def test_a_key_that_cannot_be_used_is_named_without_its_text(key: str | bytes) -> None:
    with pytest.raises(ValueError, match="private key cannot be used") as caught:
        AppCredentials("12", key)
    assert caught.value.__context__ is None
    assert PEM.splitlines()[1][:20] not in str(caught.value)


def test_a_key_from_an_environment_variable_is_read() -> None:
    now = Clock().now()
    assert AppCredentials(12, PEM.replace("\n", "\\n")).jwt(now) == AppCredentials(12, PEM.encode()).jwt(now)


def test_credentials_that_cannot_be_right_are_refused_at_once() -> None:
    for token in ("", "  ", "two words", "line\nbreak", "smörgås"):
        with pytest.raises(ValueError, match="token"):
            TokenCredentials(token)
    with pytest.raises(ValueError, match="kind"):
        TokenCredentials("x", "robot")
    with pytest.raises(ValueError, match="App id"):
        AppCredentials("1/2", PEM)
    with pytest.raises(ValueError, match="installation"):
        AppCredentials("1", PEM, "x")


@pytest.mark.shows("T15")
@pytest.mark.parametrize(
    ("token", "kind", "classic"),
    [
        ("ghp_" + "a" * 36, "user", True),
        ("0123456789abcdef" * 2 + "01234567", "user", True),
        ("github_pat_" + "a" * 60, "user", False),
        ("ghs_" + "a" * 36, "actions", False),
        ("ghu_" + "a" * 36, "user", False),
        (" ghu_" + "a" * 36 + "\n", "user", False),
    ],
)
def test_what_kind_of_token_it_is(token: str, kind: str, classic: bool) -> None:
    given = TokenCredentials(token)
    assert (given.kind, given.classic) == (kind, classic)
    assert TokenCredentials(token, "actions").kind == "actions"


def test_unanswered_reads_of_an_app_stay_unanswered() -> None:
    clock = Clock()
    far = Apps(clock)
    far.mint_fault = [httpx.ReadTimeout("x")] * 8
    with pytest.raises(Unanswered):
        client(far, clock=clock, credentials=app()).run("o", "r", "1")
