"""The seed's verification: it passes against a right deployment, and fails against every wrong one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from cicatrix.cli.errors import Stop
from cicatrix.core.actions import Role
from cicatrix.simulator import Outcome
from tests.deployment.conftest import Site
from tests.deployment.proxy import Exchange, proxy

RERUN = "/api/github/prs/1/checks/rerun"


# --- a right deployment ---


@pytest.mark.shows("VF-1", "VF-2", "VF-3")
def test_a_right_deployment_passes_and_spends_one_rerun(site: Site) -> None:
    site.red()
    code, wrong = site.verify()
    assert (code, wrong) == (0, {})
    assert site.reruns == 1
    told = json.loads(site.out)
    assert told["ok"] is True
    assert {c["scenario"] for c in told["checks"]} == {
        "authentication",
        "1 basic",
        "2 same request",
        "record",
        "3 maxAttempts=1",
    }
    assert site.waited  # the rerun went on for a while, and the answer was run_in_progress


@pytest.mark.shows("VF-2")
def test_a_second_verification_passes_too_and_reruns_no_more_than_the_bound(site: Site) -> None:
    site.red()
    assert site.verify()[0] == 0
    assert site.verify()[0] == 0
    assert site.verify()[0] == 0
    assert site.reruns == 2


@pytest.mark.shows("VF-1")
def test_each_check_is_a_line_with_a_glyph_and_a_word(site: Site) -> None:
    run = site.red()
    code, _ = site.verify(as_json=False, output="table", run_id=run)
    assert code == 0
    lines = site.out.splitlines()
    assert len(lines) >= 25
    assert all(line.startswith("✓ passed    ") for line in lines)
    assert "verified: " in site.err
    assert "use --token-file" in site.err


@pytest.mark.shows("VF-2")
def test_a_rerun_that_goes_on_is_waited_for_and_then_called_not_shown(site: Site) -> None:
    site.red()
    code, wrong = site.verify(timeout=0)
    assert code == 8
    assert "in progress" in wrong["a second rerun is BLOCKED max_attempts_exceeded"]
    assert site.reruns == 1


@pytest.mark.shows("VF-2")
def test_a_rerun_that_healed_shows_no_bound(site: Site) -> None:
    site.red(site.flake(), Outcome.success())
    code, wrong = site.verify()
    assert code == 8
    assert "healed" in wrong["a second rerun is BLOCKED max_attempts_exceeded"]


@pytest.mark.shows("VF-2")
def test_a_failure_that_is_not_eligible_shows_no_bound(site: Site) -> None:
    site.red(Outcome.failure("src/a.c:1:1: error: unknown type name 'x'", step="Run tests"))
    code, wrong = site.verify()
    assert code == 8
    assert "reran nothing" in wrong["a second rerun is BLOCKED max_attempts_exceeded"]
    assert site.reruns == 0


# --- who may ask ---


@pytest.mark.shows("VF-1")
@pytest.mark.parametrize("token", ["cic_aaaaaaab_" + "B" * 43, "nonsense"])
def test_a_wrong_token_ends_with_4(site: Site, token: str) -> None:
    site.red()
    code, wrong = site.verify(token=token)
    assert code == 4
    assert wrong["the request is answered"].startswith("HTTP 401 UNAUTHORIZED")


@pytest.mark.shows("VF-1")
def test_a_key_that_may_only_read_ends_with_4(site: Site) -> None:
    site.red()
    code, wrong = site.verify(token=site.desk.key(Role.READER))
    assert code == 4
    assert wrong["the request is answered"].startswith("HTTP 403 CALLER_NOT_AUTHORISED")
    assert site.reruns == 0


@pytest.mark.shows("VF-1")
def test_the_token_comes_from_a_file_and_is_never_shown(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.red()
    file = tmp_path_factory.mktemp("secret") / "token"
    file.write_text(f"{site.key}\n")
    assert site.verify(token=None, token_file=file)[0] == 0
    assert "token" not in site.err
    monkeypatch.setenv("CICATRIX_TOKEN_FILE", str(file))
    assert site.verify(token=None)[0] == 0
    assert site.key not in site.out + site.err


@pytest.mark.shows("VF-1")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": None}, 4),
        ({"token_file": "x"}, 2),
        ({"base_url": "ftp://127.0.0.1"}, 2),
        ({"base_url": "http://me:secret@127.0.0.1"}, 2),
        ({"base_url": "127.0.0.1:80"}, 2),
        ({"base_url": "http://127.0.0.1:9"}, 1),
    ],
)
def test_what_cannot_be_asked_ends_in_three_lines(site: Site, changes: dict[str, Any], code: int) -> None:
    with pytest.raises(Stop) as stop:
        site.verify(changes.pop("base_url", None), **changes)
    assert stop.value.code == code
    assert "secret" not in stop.value.what
    assert all((stop.value.what, stop.value.why, stop.value.next))


# --- wrong deployments ---


def fails(site: Site, check: str, told: str, **proxied: Callable[[Exchange], None]) -> None:
    """The verification through such a proxy ends with 1 and names this check."""
    site.red()
    with proxy(site.desk.url, **proxied) as url:
        code, wrong = site.verify(url)
    assert code == 1, wrong
    assert check in wrong, wrong
    assert told in wrong[check], wrong
    assert len(site.err.splitlines()[-3:]) == 3


def test_an_honest_proxy_changes_nothing(site: Site) -> None:
    site.red()
    with proxy(site.desk.url) as url:
        assert site.verify(url) == (0, {})


@pytest.mark.shows("VF-2")
def test_a_broken_bound_is_found(site: Site) -> None:
    def again(exchange: Exchange) -> None:
        if exchange.route == RERUN and exchange.status == 200 and exchange.sent["maxAttempts"] == 1:
            tree = exchange.tree
            tree["decision"] = "RERUN_TRIGGERED"
            for job in tree["jobs"]:
                if job["jobName"] == "test":
                    job |= {"action": "RERUN", "reasonCode": "infra_transient", "attemptNumber": 2}
            actions = [job["action"] for job in tree["jobs"]]
            for action, name in (("RERUN", "rerunJobs"), ("BLOCKED", "blockedJobs"), ("SKIP", "skippedJobs")):
                tree["metadata"][name] = actions.count(action)
            exchange.answer(tree)

    fails(site, "nothing is rerun beyond the bound", "was rerun again", after=again)


@pytest.mark.shows("VF-2")
def test_a_bound_that_is_really_broken_is_found(site: Site) -> None:
    """The server is asked with maxAttempts 2 where 1 was sent: it reruns the job a second time."""

    def raise_it(exchange: Exchange) -> None:
        if exchange.route == RERUN and exchange.sent.get("maxAttempts") == 1:
            exchange.send({**exchange.sent, "maxAttempts": 2})

    fails(site, "nothing is rerun beyond the bound", "was rerun again", before=raise_it)
    assert site.reruns == 2


@pytest.mark.shows("VF-2", "VF-3")
def test_a_rerun_that_the_answer_hides_stands_in_the_rows(site: Site) -> None:
    """The server reruns a second time, and the answer says BLOCKED."""

    def raise_it(exchange: Exchange) -> None:
        if exchange.route == RERUN and exchange.sent.get("maxAttempts") == 1:
            exchange.send({**exchange.sent, "maxAttempts": 2})

    def hide(exchange: Exchange) -> None:
        tree = exchange.tree if exchange.route == RERUN else {}
        if tree.get("decision") == "RERUN_TRIGGERED" and "-3-" in tree["requestId"]:
            job = next(job for job in tree["jobs"] if job["action"] == "RERUN")
            job |= {"action": "BLOCKED", "reasonCode": "max_attempts_exceeded", "attemptNumber": 0}
            tree |= {"decision": "BLOCKED"}
            tree["metadata"] |= {"rerunJobs": 0, "blockedJobs": tree["metadata"]["blockedJobs"] + 1}
            exchange.answer(tree)

    fails(site, "its rows say the same", "no row says what the answer says about test", before=raise_it, after=hide)


def answers(change: Callable[[dict[str, Any]], None]) -> Callable[[Exchange], None]:
    """Changes every decision that is answered."""

    def after(exchange: Exchange) -> None:
        if exchange.route == RERUN and exchange.status == 200:
            tree = exchange.tree
            change(tree)
            exchange.answer(tree)

    return after


@pytest.mark.shows("VF-2")
@pytest.mark.parametrize(
    ("change", "check", "told"),
    [
        (lambda t: t.pop("schemaVersion"), "schema version", "missing"),
        (lambda t: t["metadata"].update(totalJobs="2"), "metadata", "totalJobs"),
        (lambda t: t.update(lawbookHash="v1.0.0-dev"), "lawbook hash", "64 hex digits"),
        (lambda t: t.update(lawbookHash="a" * 64), "rows say what their entries say", "lawbookHash is not that"),
        (lambda t: t.update(deploymentEnv="prod"), "rows say what their entries say", "deploymentEnv is not that"),
    ],
)
def test_a_broken_schema_is_found(site: Site, change: Any, check: str, told: str) -> None:
    fails(site, check, told, after=answers(change))


@pytest.mark.shows("VF-2")
def test_authentication_that_is_off_is_found(site: Site) -> None:
    def let_in(exchange: Exchange) -> None:
        exchange.request_headers.setdefault("authorization", f"Bearer {site.key}")

    fails(site, "a request without a token is refused", "HTTP 200", before=let_in)


@pytest.mark.shows("VF-2")
def test_authentication_that_takes_any_token_is_found(site: Site) -> None:
    def let_in(exchange: Exchange) -> None:
        if "authorization" in exchange.request_headers:
            exchange.request_headers["authorization"] = f"Bearer {site.key}"

    fails(site, "a request with a wrong token is refused", "HTTP 200", before=let_in)


@pytest.mark.shows("VF-2")
def test_idempotency_that_is_off_is_found(site: Site) -> None:
    """Each request gets an id of its own: the second one decides again."""
    asked: dict[str, str] = {}

    def forget(exchange: Exchange) -> None:
        if exchange.route == RERUN:
            own = str(uuid.uuid4())
            asked[own] = exchange.sent["requestId"]
            exchange.send({**exchange.sent, "requestId": own})

    def hide(exchange: Exchange) -> None:
        if exchange.route == RERUN:
            exchange.answer({**exchange.tree, "requestId": asked[exchange.sent["requestId"]]})

    fails(site, "the answer is equal to the byte", "differs", before=forget, after=hide)


@pytest.mark.shows("VF-2")
def test_a_replay_that_does_not_say_so_is_found(site: Site) -> None:
    def hide(exchange: Exchange) -> None:
        exchange.headers.pop("idempotency-replayed", None)

    fails(site, "it is marked as stored", "missing", after=hide)


def lists(route: str, change: Callable[[list[dict[str, Any]]], None]) -> Callable[[Exchange], None]:
    """Changes the items of a list."""

    def after(exchange: Exchange) -> None:
        if exchange.route == route and exchange.status == 200:
            tree = exchange.tree
            change(tree["items"])
            exchange.answer(tree)

    return after


def _reran(items: list[dict[str, Any]]) -> dict[str, Any]:
    return next(item for item in items if item["jobName"] == "test")


@pytest.mark.shows("VF-3")
@pytest.mark.parametrize(
    ("route", "change", "check", "told"),
    [
        ("/api/attempts", lambda i: i.clear(), "a row for every decided job", "no row says"),
        ("/api/attempts", lambda i: _reran(i).update(decision="NOOP"), "a row for every decided job", "no row says"),
        (
            "/api/attempts",
            lambda i: _reran(i).update(lawbookHash="b" * 64),
            "rows say what their entries say",
            "another lawbook hash",
        ),
        (
            "/api/attempts",
            lambda i: _reran(i).update(decisionId="another"),
            "rows say what their entries say",
            "has no proven entry",
        ),
        (
            "/api/attempts",
            lambda i: _reran(i).update(ledgerIndex=999),
            "every entry is in the ledger (RFC 6962)",
            "999",
        ),
        ("/api/audit", lambda i: i.clear(), "audit rows with their principal", "0 of 0 audit rows"),
        ("/api/audit", lambda i: i[0].update(initiatedBy="system"), "audit rows with their principal", "and we are"),
    ],
)
def test_broken_rows_are_found(site: Site, route: str, change: Any, check: str, told: str) -> None:
    fails(site, check, told, after=lists(route, change))


@pytest.mark.shows("VF-3")
def test_a_row_that_was_tampered_with_before_it_was_answered_is_found(site: Site) -> None:
    """Answer and row tell the same story, and the ledger tells another one."""

    def after(exchange: Exchange) -> None:
        if exchange.status == 200 and exchange.route == "/api/attempts":
            tree = exchange.tree
            for item in tree["items"]:
                item["reasonCode"] = "flaky_probable" if item["jobName"] == "test" else item["reasonCode"]
            exchange.answer(tree)
        if exchange.status == 200 and exchange.route == RERUN and exchange.sent["maxAttempts"] == 2:
            tree = exchange.tree
            next(job for job in tree["jobs"] if job["jobName"] == "test")["reasonCode"] = "flaky_probable"
            exchange.answer(tree)

    fails(site, "rows say what their entries say", "its entry says RERUN infra_transient", after=after)


def proofs(change: Callable[[dict[str, Any]], None], route: str = "/api/ledger/proof/") -> Callable[[Exchange], None]:
    """Changes every proof."""

    def after(exchange: Exchange) -> None:
        if exchange.route.startswith(route) and exchange.status == 200:
            tree = exchange.tree
            change(tree)
            exchange.answer(tree)

    return after


def _rewritten(tree: dict[str, Any]) -> None:
    tree["body"] = tree["body"].replace('"schema":1', '"schema":2')


@pytest.mark.shows("VF-3")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.update(path=[*t["path"][:-1], "00" * 32]), "does not lead"),
        (lambda t: t.update(leafHash="0" * 64), "hashes to"),
    ],
)
def test_a_wrong_proof_is_found(site: Site, change: Any, told: str) -> None:
    fails(site, "every entry is in the ledger (RFC 6962)", told, after=proofs(change))


@pytest.mark.shows("VF-3")
def test_an_entry_that_was_rewritten_is_found(site: Site) -> None:
    after = proofs(_rewritten, "/api/ledger/entries/")
    fails(site, "every entry is in the ledger (RFC 6962)", "hashes to", after=after)


@pytest.mark.shows("VF-3")
def test_a_head_that_is_another_trees_is_found(site: Site) -> None:
    after = proofs(lambda t: t.update(root="1" * 64), "/api/ledger/head")
    fails(site, "every entry is in the ledger (RFC 6962)", "another tree", after=after)
