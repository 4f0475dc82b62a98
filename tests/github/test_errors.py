"""Errors say what happened, why and what to do next, and hold no secret (T14)."""

from __future__ import annotations

import inspect

import httpx
import pytest

from cicatrix.github import Deferred, GitHubError, NotSent, Refused, Unanswered, errors
from cicatrix.github.errors import shown
from tests.github.far_side import START, Script, answer, client

EACH = [
    NotSent("GET /x was not sent", why="ConnectError: no route"),
    Refused("GET /x was answered 404", why="Not Found", status=404),
    Deferred("GET /x was answered 429", why="slow down", status=429, not_before=START),
    Unanswered("GET /x was not answered", why="ReadTimeout: silence"),
]


@pytest.mark.parametrize("error", EACH, ids=lambda error: type(error).__name__)
def test_an_error_answers_three_questions(error: GitHubError) -> None:
    what, why, following = error.diagnostics()
    assert what.startswith("GET /x")
    assert why
    assert following.endswith(".")
    sentence = inspect.getdoc(type(error))
    assert sentence is not None
    assert str(error) == f"{sentence.splitlines()[0]} {what}: {why}"
    assert isinstance(error, GitHubError)


def test_the_tree_in_the_module_docstring_is_the_tree() -> None:
    drawn = [line for line in inspect.getdoc(errors).splitlines() if "──" in line]  # type: ignore[union-attr]  # it has one
    names = {line.split("── ")[1].split()[0] for line in drawn}
    assert (
        names
        == {kind.__name__ for kind in GitHubError.__subclasses__()}
        == {"NotSent", "Refused", "Deferred", "Unanswered"}
    )


@pytest.mark.shows("T14")
@pytest.mark.parametrize(
    "secret",
    [
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "ghs_123456_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln-bmF0dXJl",
        "github_pat_11AAAAAAA0abcdefghijkl_mnopqrst",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEowcut",
    ],
)
def test_a_secret_in_an_answer_does_not_reach_the_error(secret: str) -> None:
    with pytest.raises(Refused) as caught:
        client(Script([answer({"message": f"bad {secret} here"}, 403)])).run("o", "r", "1")
    core = secret.splitlines()[-1][-12:]
    assert core not in str(caught.value) + repr(caught.value) + repr(caught.value.diagnostics())
    assert core not in shown(f"https://x.blob.core.windows.net/a?se=1&sig={secret}")


@pytest.mark.shows("T14")
def test_the_key_of_a_link_is_masked() -> None:
    assert (
        shown("at https://x.example.org/a?se=1&sig=k3y%2F&sp=r now")
        == "at https://x.example.org/a?se=1&sig=[redacted]&sp=r now"
    )


def test_foreign_text_becomes_one_short_harmless_line() -> None:
    assert shown("a\r\n\x1b[31mb\u202ec\x00 d") == "a bc d"
    assert len(shown("x" * 10**6)) == 500
    error = Refused("POST /x", why="::error::\n\x1b]0;title\x07" + "y" * 10_000, status=422)
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)


def test_an_error_is_chained_to_nothing_that_holds_a_request() -> None:
    for fault in (httpx.ReadTimeout("x"), httpx.ConnectError("x"), answer({}, 502)):
        with pytest.raises(GitHubError) as caught:
            client(Script([fault])).run("o", "r", "1")
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
