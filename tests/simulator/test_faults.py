"""Fault switches: what the caller sees, and what really happened behind its back."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import httpx
import pytest

from cicatrix.simulator import JobSpec, SimulatorError, World
from tests.simulator.support import CI, FLAKY, REPO, client, failed_run, shop, world


def _post(made: World, run_id: int) -> int | str:
    with client(made) as http:
        try:
            return http.post(f"{REPO}/actions/runs/{run_id}/rerun-failed-jobs", timeout=5).status_code
        except httpx.TransportError as problem:
            return type(problem).__name__


@pytest.mark.parametrize(
    ("fault", "seen", "effects"),
    [
        ("answer_502_after_effect", 502, 1),
        ("answer_502_before", 502, 0),
        ("reset_after_effect", "ReadError", 1),
        ("reset_before", "ReadError", 0),
        ("unreachable", "ConnectError", 0),
        ("rate_limited", 403, 0),
    ],
)
@pytest.mark.shows("F2", "F3", "F11")
def test_an_answer_lost_before_or_after_its_effect(fault: str, seen: int | str, effects: int) -> None:
    made = world()
    _, run = failed_run(made)
    made.faults.add(fault, "POST *")
    assert _post(made, run.id) == seen
    assert len(made.history.effects) == effects
    assert made.history.calls[-1]["faults"] == [fault]
    assert _post(made, run.id) == (403 if effects else 201)


def test_a_slow_answer_is_a_timeout_after_its_effect_and_time_passes() -> None:
    made = world()
    _, run = failed_run(made)
    before = made.now
    made.faults.slow(30, "POST *", count=1)
    assert _post(made, run.id) == "ReadTimeout"
    assert len(made.history.effects) == 1
    assert (made.now - before).total_seconds() == 5


@pytest.mark.shows("F4")
def test_a_stale_read_shows_the_attempt_late() -> None:
    made = world()
    _, run = failed_run(made)
    made.faults.stale_for(20)
    assert _post(made, run.id) == 201
    with client(made) as http:
        seen = []
        for _ in range(4):
            seen.append(http.get(f"{REPO}/actions/runs/{run.id}").json()["run_attempt"])
            assert (http.get(f"{REPO}/actions/runs/{run.id}/attempts/2").status_code == 200) == (seen[-1] == 2)
            made.advance(8)
    assert seen == [1, 1, 1, 2]


@pytest.mark.shows("F4")
def test_a_stale_read_never_hides_what_was_there_before_it_began() -> None:
    made = world()
    _, run = failed_run(made)
    made.faults.stale_for(86_400)
    with client(made) as http:
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["conclusion"] == "failure"
        assert http.get(f"{REPO}/actions/runs").json()["total_count"] == 1
        made.human_reruns(run.id)
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["run_attempt"] == 1
        made.advance(86_401)
        assert http.get(f"{REPO}/actions/runs/{run.id}").json()["run_attempt"] == 2


@pytest.mark.shows("F5")
def test_a_person_may_be_first() -> None:
    made = world()
    _, run = failed_run(made)
    made.faults.human_reruns_at_the_same_time()
    assert _post(made, run.id) == 403
    assert [e["login"] for e in made.history.effects] == ["human"]


@pytest.mark.parametrize(("form", "body"), [("html", "Unicorn"), ("truncated", '{"total'), ("empty", "")])
@pytest.mark.shows("F14")
def test_garbage_is_no_json(form: str, body: str) -> None:
    made = world()
    failed_run(made)
    made.faults.garbage(form=form)
    with client(made) as http:
        answer = http.get(f"{REPO}/actions/runs")
        assert body in answer.text
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid"):
            answer.json()
        assert http.get(f"{REPO}/actions/runs").json()["total_count"] == 1


@pytest.mark.parametrize(("form", "status"), [("404", 404), ("410", 410), ("blob", 302)])
@pytest.mark.shows("F33")
def test_logs_may_be_gone(form: str, status: int) -> None:
    made = world()
    _, run = failed_run(made)
    made.faults.missing_logs(form=form)
    with client(made) as http, httpx.Client(transport=http._transport) as stranger:
        answer = http.get(f"{REPO}/actions/jobs/{run.job('test').id}/logs")
        assert answer.status_code == status
        if form == "blob":
            assert stranger.get(answer.headers["location"]).status_code == 404


@pytest.mark.parametrize(
    ("form", "status", "after"),
    [
        ("seconds", 403, "60"),
        ("429", 429, "60"),
        ("huge", 403, "999999999"),
        ("garbage", 403, "soon"),
        ("absent", 403, None),
        ("primary", 403, None),
    ],
)
@pytest.mark.shows("F10")
def test_rate_limits_come_in_all_forms(form: str, status: int, after: str | None) -> None:
    made = world()
    failed_run(made)
    made.faults.rate_limited(form)
    with client(made) as http:
        answer = http.get(f"{REPO}/actions/runs")
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, after)
    assert (answer.headers.get("x-ratelimit-remaining") == "0") == (form == "primary")


@pytest.mark.parametrize(("form", "seconds"), [("date", 60), ("past", -3600)])
@pytest.mark.shows("F10")
def test_retry_after_may_be_a_date(form: str, seconds: int) -> None:
    made = world()
    failed_run(made)
    made.faults.rate_limited(form)
    with client(made) as http:
        after = http.get(f"{REPO}/actions/runs").headers["retry-after"]
    assert (parsedate_to_datetime(after) - made.now).total_seconds() == seconds


@pytest.mark.shows("F10")
def test_the_hourly_limit_counts_and_comes_back() -> None:
    made = world(rate_limit=2)
    failed_run(made)
    with client(made) as http:
        seen = [http.get(REPO).status_code for _ in range(3)]
        assert seen == [200, 200, 403]
        assert http.get("/rate_limit").json()["rate"]["remaining"] == 0
        made.advance(3600)
        assert http.get(REPO).headers["x-ratelimit-remaining"] == "1"


@pytest.mark.parametrize(("grows", "seen"), [(True, [100, 2]), (False, [100, 0])])
@pytest.mark.shows("F15")
def test_a_list_changes_between_two_pages(grows: bool, seen: list[int]) -> None:
    made = world()
    _, run = failed_run(made, [JobSpec(id=f"j{n}") for n in range(101)])
    made.faults.list_changes_while_paging(grows=grows)
    with client(made) as http:
        pages = [
            http.get(f"{REPO}/actions/runs/{run.id}/jobs", params={"per_page": 100, "page": n}).json() for n in (1, 2)
        ]
    assert [len(page["jobs"]) for page in pages] == seen
    assert pages[1]["total_count"] == 101 + (1 if grows else -1)
    ids = [job["id"] for page in pages for job in page["jobs"]]
    assert (len(set(ids)) < len(ids)) is grows


def test_chance_comes_from_the_seed_alone() -> None:
    def drive(seed: int) -> list[int | str]:
        made = world(seed)
        _, run = failed_run(made, [JobSpec(id="test", outcomes=FLAKY[:1])])
        made.faults.answer_502_before("POST *", count=None, probability=0.5)
        seen = []
        for _ in range(12):
            seen.append(_post(made, run.id))
            run.finish()
        return [*seen, made.history.lines()]

    assert drive(3) == drive(3)
    assert drive(3) != drive(4)


def test_faults_begin_after_the_exchanges_that_go_well() -> None:
    made = world()
    failed_run(made)
    made.faults.answer_502_before("GET *", skip=2)
    with client(made) as http:
        assert [http.get(REPO).status_code for _ in range(4)] == [200, 200, 502, 200]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "explode"}, "unknown fault"),
        ({"kind": "slow", "minutes": 3}, "no setting"),
        ({"kind": "rate_limited", "form": "polite"}, "no form"),
    ],
)
def test_unknown_faults_are_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        world().faults.add(**values)


def test_hooks_frame_each_request_and_may_crash_it() -> None:
    from cicatrix.simulator import SimTransport  # noqa: PLC0415 -- the one test that builds its own

    made = world()
    shop(made).run(CI, branch="main")
    seen: list[str] = []

    def after(method: str, path: str) -> None:
        seen.append(f"after {method} {path}")
        raise KeyboardInterrupt

    transport = SimTransport(made, before=lambda method, path: seen.append(f"before {method} {path}"), after=after)
    http = httpx.Client(transport=transport, base_url=made.api_origin, headers={"authorization": "Bearer t"})
    with http, pytest.raises(KeyboardInterrupt):
        http.get(REPO)
    assert seen == [f"before GET {REPO}", f"after GET {REPO}"]
    assert made.history.calls[-1]["status"] == 200
