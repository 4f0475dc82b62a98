"""Tokens, Apps and permissions: who may do what, and how GitHub says no."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cicatrix.simulator import World
from tests.simulator.support import CI, REPO, client, failed_run, world

READS = {"actions": "read", "contents": "read", "pull_requests": "read", "checks": "read", "metadata": "read"}


@cache
def keys(which: int = 0) -> tuple[str, str]:
    del which
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def with_app(made: World) -> World:
    made.app(app_id=42, slug="cicatrix", public_key_pem=keys()[1], installation_id=77)
    return made


def signed(made: World, *, issued: float = -60, expires: float = 540, app_id: int = 42, key: str | None = None) -> str:
    now = made.now
    claims = {
        "iat": int((now + timedelta(seconds=issued)).timestamp()),
        "exp": int((now + timedelta(seconds=expires)).timestamp()),
        "iss": str(app_id),
    }
    return jwt.encode(claims, key or keys()[0], algorithm="RS256")


@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_a_good_token_all_is_401(token: str | None) -> None:
    made = world()
    failed_run(made)
    with client(made, token) as http:
        assert http.get(f"{REPO}/actions/runs").status_code == 401
        assert http.get("/user").status_code == 401
        assert http.get("/rate_limit").status_code == 401


def test_a_token_that_may_not_see_a_repository_gets_404() -> None:
    made = world()
    failed_run(made)
    made.token("narrow", login="guest", repositories=["acme/other"])
    with client(made, "narrow") as http:
        assert http.get(REPO).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "lacking", "needed"),
    [
        ("POST", "actions/runs/{run}/rerun-failed-jobs", {"actions": "read"}, "actions=write"),
        ("POST", "actions/jobs/{job}/rerun", {"actions": "read"}, "actions=write"),
        ("GET", "actions/runs", {"contents": "read"}, "actions=read"),
        ("GET", f"contents/{CI}", {"actions": "write"}, "contents=read"),
        ("GET", "pulls/1", {"actions": "write"}, "pull_requests=read"),
        ("GET", "commits/{sha}/check-runs", {"actions": "write"}, "checks=read"),
    ],
)
@pytest.mark.shows("AU-3")
def test_a_missing_right_is_a_403_that_names_it(method: str, path: str, lacking: dict[str, str], needed: str) -> None:
    made = world()
    _, run = failed_run(made)
    made.token("weak", login="guest", permissions=lacking)
    filled = path.format(run=run.id, job=run.job("test").id, sha=run.head_sha)
    with client(made, "weak") as http:
        answer = http.request(method, f"{REPO}/{filled}")
    assert (answer.status_code, answer.headers["x-accepted-github-permissions"]) == (403, needed)
    assert made.history.effects == []


def test_a_workflow_token_is_nobody_and_has_a_thousand_requests() -> None:
    made = world()
    failed_run(made)
    made.token("actions", login="ignored", kind="actions", permissions=READS)
    with client(made, "actions") as http:
        assert http.get("/user").status_code == 403
        assert http.get(REPO).headers["x-ratelimit-limit"] == "1000"
    assert made.history.calls[-1]["who"] == "github-actions[bot]"


@pytest.mark.shows("AU-3", "T15")
def test_an_app_gets_narrowed_tokens_for_an_hour() -> None:
    made = with_app(world())
    _, run = failed_run(made)
    made.repository("acme/other")
    repo_id = made.repository("acme/shop").id
    with client(made, signed(made)) as http:
        assert http.get("/app").json()["slug"] == "cicatrix"
        assert http.get(f"{REPO}/installation").json()["id"] == 77
        assert http.get("/app/installations/77").json()["app_id"] == 42
        body = {"repository_ids": [repo_id], "permissions": READS}
        answer = http.post("/app/installations/77/access_tokens", json=body)
    assert answer.status_code == 201
    token = answer.json()["token"]
    assert answer.json()["permissions"] == READS
    assert [r["full_name"] for r in answer.json()["repositories"]] == ["acme/shop"]
    with client(made, token) as http:
        assert http.get(f"{REPO}/actions/runs/{run.id}").status_code == 200
        assert http.get("/repos/acme/other").status_code == 404
        assert http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs").status_code == 403
        made.advance(3600)
        assert http.get(REPO).status_code == 401


def test_an_app_is_who_reruns() -> None:
    made = with_app(world())
    _, run = failed_run(made)
    with client(made, signed(made)) as http:
        token = http.post("/app/installations/77/access_tokens").json()["token"]
    with client(made, token) as http:
        assert http.post(f"{REPO}/actions/runs/{run.id}/rerun-failed-jobs").status_code == 201
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["triggering_actor"]["login"] == "cicatrix[bot]"
        made.revoke_installation_tokens()
        assert http.get(REPO).status_code == 401


@pytest.mark.parametrize(
    ("issued", "expires", "says"),
    [
        (30, 540, "Issued at"),
        (-60, 601, "too far in the future"),
        (-600, -1, "future time at which the assertion expires"),
    ],
)
@pytest.mark.shows("T16")
def test_a_jwt_out_of_time_is_401(issued: float, expires: float, says: str) -> None:
    made = with_app(world())
    with client(made, signed(made, issued=issued, expires=expires)) as http:
        answer = http.get("/app")
    assert answer.status_code == 401
    assert says in answer.json()["message"]


@pytest.mark.shows("T16")
def test_a_jwt_of_another_key_or_app_is_401() -> None:
    made = with_app(world())
    for token in (signed(made, key=keys(1)[0]), signed(made, app_id=43), "a.b.c"):
        with client(made, token) as http:
            assert http.get("/app").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"permissions": {"administration": "write"}},
        {"permissions": {"contents": "write"}},
        {"repository_ids": [1]},
        {"repositories": ["none"]},
    ],
)
@pytest.mark.shows("T15")
def test_a_token_is_never_wider_than_the_installation(body: dict[str, object]) -> None:
    made = with_app(world())
    failed_run(made)
    with client(made, signed(made)) as http:
        assert http.post("/app/installations/77/access_tokens", json=body).status_code == 422
        assert http.post("/app/installations/78/access_tokens").status_code == 404


def test_a_revoked_token_is_unknown() -> None:
    made = world()
    made.revoke("t")
    with client(made) as http:
        assert http.get("/user").status_code == 401
