"""The client against the simulated GitHub: an independent far side, judged by GitHub's own description."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cicatrix.github import AppCredentials, Credentials, Deferred, GitHub, Host, Refused, TokenCredentials, Unanswered
from cicatrix.simulator import JobSpec, Outcome, SimRun, SimTransport, World
from tests.github.far_side import RECEIPT, START

CI = ".github/workflows/ci.yml"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def world() -> tuple[World, SimRun]:
    made = World(now=START)
    made.token("ghp_person", login="octocat")
    made.app(app_id=12, slug="cicatrix-ci", public_key_pem=PUBLIC)
    repo = made.repository("acme/shop")
    flaky = [Outcome.failure("connection reset by peer"), Outcome.success()]
    repo.workflow(CI, [JobSpec(id="test", matrix={"n": list(range(120))}), JobSpec(id="net", outcomes=flaky)])
    pull = repo.pull_request(1)
    return made, repo.run(CI, pull_request=pull, finished=True)


def client(made: World, credentials: Credentials | None = None) -> GitHub:
    return GitHub(
        Host(name="sim", api_url=made.api_origin, log_hosts=(made.log_origin.partition("://")[2],)),
        credentials or TokenCredentials("ghp_person"),
        transport=SimTransport(made),
        now=lambda: made.now,
        sleep=made.advance,
        jitter=lambda: 0.5,
    )


@pytest.mark.shows("AU-3", "T15")
@pytest.mark.parametrize(
    "credentials", [TokenCredentials("ghp_person"), AppCredentials(12, PRIVATE)], ids=["token", "app"]
)
def test_the_whole_walk(credentials: Credentials) -> None:
    made, simulated = world()
    github = client(made, credentials)
    who = github.identity("acme", "shop")
    pull = github.pull_request("acme", "shop", 1)
    (run,) = github.runs_of_head("acme", "shop", pull.head_sha).items
    assert (run.id, run.failed, run.run_attempt) == (str(simulated.id), True, 1)
    jobs = github.jobs("acme", "shop", run.id, 1)
    assert (len(jobs.items), jobs.incomplete) == (121, None)
    (failed,) = [job for job in jobs.items if job.failed]
    checks = github.check_runs("acme", "shop", pull.head_sha)
    assert (len(checks.items), checks.incomplete) == (121, None)
    assert b"connection reset by peer" in github.job_log("acme", "shop", failed.id).text
    assert b"matrix" in (github.file("acme", "shop", run.path, run.head_sha) or b"")
    assert github.file("acme", "shop", ".github/cicatrix.yml") is None
    assert github.rerun_failed_jobs("acme", "shop", run.id, receipt=RECEIPT).status == 201
    with pytest.raises(Refused) as again:
        github.rerun_failed_jobs("acme", "shop", run.id, receipt=RECEIPT)
    assert again.value.running
    made.advance(3600)
    healed = github.run_attempt("acme", "shop", run.id, 2)
    assert (healed.conclusion, healed.triggering_actor) == ("success", who.login)
    assert len(made.history.effects) == 1


def test_an_unchanged_file_costs_nothing() -> None:
    made, _ = world()
    made.repository("acme/shop").file(".github/cicatrix.yml", "version: 1\n")
    github = client(made)
    assert [github.file("acme", "shop", ".github/cicatrix.yml") for _ in range(3)] == [b"version: 1\n"] * 3
    assert [call["status"] for call in made.history.calls] == [200, 304, 304]


@pytest.mark.shows("F2", "RT-1")
def test_an_answer_lost_after_the_effect_is_not_asked_for_again() -> None:
    for fault in ("answer_502_after_effect", "reset_after_effect"):
        made, simulated = world()
        getattr(made.faults, fault)("*rerun*")
        with pytest.raises(Unanswered):
            client(made).rerun_failed_jobs("acme", "shop", str(simulated.id), receipt=RECEIPT)
        assert len(made.history.effects) == 1
        assert len([call for call in made.history.calls if call["method"] == "POST"]) == 1


@pytest.mark.shows("F11")
def test_reads_outlast_a_burst_of_faults() -> None:
    for fault in ("answer_502_before", "reset_before", "garbage"):
        made, simulated = world()
        getattr(made.faults, fault)("*", count=3)
        assert client(made).run("acme", "shop", str(simulated.id)).failed
        assert made.now - START >= timedelta(seconds=7)


@pytest.mark.shows("F15", "RR-15")
def test_a_list_that_changes_while_paging_is_incomplete() -> None:
    made, simulated = world()
    made.faults.list_changes_while_paging("*")
    assert client(made).jobs("acme", "shop", str(simulated.id), 1).incomplete is not None


@pytest.mark.shows("F10", "RT-2")
def test_a_rate_limit_defers_a_write_to_its_time() -> None:
    made, simulated = world()
    made.faults.rate_limited("seconds", "*rerun*")
    with pytest.raises(Deferred) as caught:
        client(made).rerun_failed_jobs("acme", "shop", str(simulated.id), receipt=RECEIPT)
    assert START < caught.value.not_before <= START + timedelta(hours=1)
    assert not made.history.effects


@pytest.mark.shows("T16")
def test_revoked_installation_tokens_are_replaced() -> None:
    made, simulated = world()
    github = client(made, AppCredentials(12, PRIVATE))
    github.run("acme", "shop", str(simulated.id))
    made.revoke_installation_tokens()
    assert github.run("acme", "shop", str(simulated.id)).failed
