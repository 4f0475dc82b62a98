"""Who broke the branch: proven by measurements, asked for when it is not, and never an innocent commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.rollback.culprit import Culprit, Finding, NoCulprit, Reproduce, find_culprit
from cicatrix.core.rollback.model import CommitFacts, Outcome, Signal
from tests.core.culprit_histories import run

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUILD = frozenset({"build"})
G, R, E, F, M = Outcome.GREEN, Outcome.RED, Outcome.ENVIRONMENT, Outcome.FLAKY, Outcome.MISSING


def sha(place: int) -> str:
    return f"{place + 1:040x}"


def line(count: int) -> list[CommitFacts]:
    """Newest first: place 0 is the tip."""
    return [
        CommitFacts(
            sha=sha(place),
            parents=(sha(place + 1),) if place + 1 < count else (),
            committed_at=NOW - timedelta(hours=1 + place),
            tree=sha(place),
            paths=("a.py",),
        )
        for place in range(count)
    ]


def at(place: int, outcome: Outcome, minutes: int, *, job: str = "build", source: str | None = None) -> Signal:
    """A signal of so many minutes ago; each is a source of its own unless one is named."""
    name = source or f"{job}-{place}-{outcome}-{minutes}"
    return Signal(job=job, sha=sha(place), source=name, outcome=outcome, at=NOW - timedelta(minutes=minutes))


PROOF = (at(1, G, 60), at(0, R, 12), at(1, G, 8), at(0, R, 4))
"""The tip broke it: green below, red, green below again, red again."""


def find(signals: Sequence[Signal], *, commits: int = 6, failed: frozenset[str] = BUILD) -> Finding:
    return find_culprit(line(commits), signals, failed, now=NOW)


def reason(finding: Finding) -> HealReason:
    assert isinstance(finding, NoCulprit), finding
    return finding.reason


@pytest.mark.shows("RB-1")
def test_a_commit_is_blamed_with_its_evidence() -> None:
    found = find(PROOF)
    assert isinstance(found, Culprit)
    assert (found.sha, found.last_good, found.jobs, found.suspects) == (sha(0), sha(1), BUILD, (sha(0),))
    assert found.evidence == PROOF


@pytest.mark.shows("RB-1")
@pytest.mark.parametrize("left_out", range(4))
def test_without_any_one_signal_of_the_proof_nobody_is_blamed(left_out: int) -> None:
    found = find([signal for place, signal in enumerate(PROOF) if place != left_out])
    if left_out == 0:
        assert isinstance(found, Culprit), "the green one after the failure is the one that counts"
    else:
        assert isinstance(found, Reproduce), found


@pytest.mark.shows("RB-1")
@pytest.mark.parametrize("outcome", [E, F, M])
def test_a_red_signal_of_another_cause_is_no_second_one(outcome: Outcome) -> None:
    found = find([*PROOF[:3], at(0, outcome, 4)])
    # one that comes and goes makes the job unreliable as well
    assert reason(found) is HealReason.NOT_REPRODUCED if outcome is F else isinstance(found, Reproduce)


def test_two_jobs_or_two_entries_of_one_source_are_one_signal() -> None:
    found = find([PROOF[0], PROOF[2], at(0, R, 12, source="run 7"), at(0, R, 4, source="run 7")])
    assert isinstance(found, Reproduce)
    assert "1 of 2" in found.why


@pytest.mark.shows("RB-1")
def test_the_green_commit_must_be_green_after_the_failure_began() -> None:
    """Else an outage that began meanwhile looks just like a bad commit."""
    found = find([at(1, G, 60), at(0, R, 12), at(0, R, 4)])
    assert isinstance(found, Reproduce)
    assert found.shas == (sha(1), sha(0))


@pytest.mark.shows("RB-1")
def test_the_culprit_must_be_red_after_that_again() -> None:
    """Else the outage may have ended between the last red and the green."""
    found = find([at(1, G, 60), at(0, R, 12), at(0, R, 6), at(1, G, 4)])
    assert isinstance(found, Reproduce)
    assert found.shas == (sha(0),)


@pytest.mark.shows("RB-1", "B3")
def test_a_good_commit_that_is_red_now_shows_an_outage() -> None:
    found = find([at(1, G, 60), at(0, R, 14), at(1, R, 9), at(1, R, 6), at(0, R, 4)])
    assert reason(found) is HealReason.ENVIRONMENT_SIGNAL


@pytest.mark.shows("RB-1")
def test_a_good_commit_that_is_red_once_since_is_asked_once_more() -> None:
    """In a short history one such red says too little to tell an outage from a job that comes and goes."""
    found = find([at(1, G, 60), at(0, R, 14), at(1, R, 9)])
    assert isinstance(found, Reproduce)
    assert found.shas == (sha(1),)
    assert reason(find([at(1, G, 60), at(0, R, 14), at(1, R, 9), at(1, G, 6)])) is HealReason.NOT_REPRODUCED


@pytest.mark.shows("RB-1")
def test_red_signals_near_an_outage_prove_nothing() -> None:
    enough = [*PROOF, at(1, G, 3), at(0, R, 1)]
    assert isinstance(find([*enough, at(4, E, 43)]), Culprit)
    assert reason(find([*enough, at(4, E, 20)])) is HealReason.ENVIRONMENT_SIGNAL, "the outage may not be over"


def test_an_outage_of_another_job_asks_for_one_more_signal_of_each_colour() -> None:
    signals = [*PROOF, at(0, E, 12, job="audit")]
    found = find(signals)
    assert isinstance(found, Reproduce)
    assert found.shas == (sha(1), sha(0))
    assert isinstance(find([*signals, at(1, G, 3), at(0, R, 1)]), Culprit)


@pytest.mark.shows("RB-1")
def test_data_of_the_tip_older_than_15_minutes_blames_nobody() -> None:
    def proof(newest: int) -> list[Signal]:
        return [at(1, G, 60), at(0, R, 40), at(1, G, 30), at(0, R, newest)]

    assert isinstance(find(proof(15)), Culprit)
    assert reason(find(proof(16))) is HealReason.DATA_TOO_OLD


def test_what_lies_in_the_future_did_not_happen() -> None:
    assert isinstance(find([*PROOF[:3], at(0, R, -1)]), Culprit), "clocks differ a little"
    assert isinstance(find([*PROOF[:3], at(0, R, -3)]), Reproduce)


@pytest.mark.shows("RB-1")
def test_a_gap_is_halved_and_never_jumped() -> None:
    signals = [at(9, G, 60), at(9, G, 8), at(0, R, 12), at(0, R, 4)]
    asked = []
    for _ in range(10):
        found = find(signals, commits=12)
        if isinstance(found, Culprit):
            break
        assert isinstance(found, Reproduce)
        for one in found.shas:
            place = next(p for p in range(12) if sha(p) == one)
            asked.append(place)
            # commit 6 broke it
            signals.append(at(place, R if place <= 6 else G, 3, source=f"asked {len(asked)}"))
    assert isinstance(found, Culprit)
    assert (found.sha, found.last_good) == (sha(6), sha(7))
    assert asked[:3] == [5, 7, 6], "the middle one first"


def test_commits_that_cannot_be_measured_end_the_search() -> None:
    lost = [at(1, M, minutes) for minutes in (9, 8, 7)]
    found = find([at(2, G, 60), at(2, G, 8), at(0, R, 12), at(0, R, 4), *lost])
    assert reason(found) is HealReason.CAUSE_UNKNOWN


@pytest.mark.shows("RB-1", "RB-2")
def test_every_later_commit_that_was_measured_is_red() -> None:
    found = find([at(2, G, 60), at(1, R, 50), at(1, R, 40), at(2, G, 30), at(1, R, 20), at(0, R, 4), at(0, G, 3)])
    assert reason(found) is HealReason.NOT_REPRODUCED


def test_a_job_that_is_red_and_green_on_the_tip_is_noise_and_the_others_stay() -> None:
    noise = (at(0, R, 12, job="e2e"), at(0, G, 4, job="e2e"))
    found = find([*PROOF, *noise], failed=frozenset({"build", "e2e"}))
    assert isinstance(found, Culprit)
    assert found.jobs == BUILD


def test_an_unreliable_job_needs_more_red_signals_and_one_that_is_too_unreliable_accuses_nobody() -> None:
    past = [at(p, G, 100 + p) for p in range(1, 40)]
    once = [at(p, R, 200 + p) for p in (3,)]
    found = find([*PROOF, *past, *once], commits=40)
    assert isinstance(found, Reproduce)
    assert "2 of 4" in found.why
    often = [at(p, R, 200 + p) for p in range(3, 23, 2)]
    assert reason(find([*PROOF, *past, *often], commits=40)) is HealReason.NOT_REPRODUCED


def test_several_commits_that_broke_a_job_each_are_named_newest_first() -> None:
    def broke(job: str, place: int) -> list[Signal]:
        """One older than its second proof, so that each later commit is red too."""
        red = [at(p, R, m, job=job) for p in range(place) for m in (13, 3)]
        return [at(place + 1, G, 9, job=job), at(place, R, 13, job=job), at(place, R, 3, job=job), *red]

    jobs = [f"job {place}" for place in range(4)]
    found = find([s for p in (0, 2) for s in broke(jobs[p], p)], failed=frozenset({jobs[0], jobs[2]}))
    assert isinstance(found, Culprit)
    assert (found.sha, found.jobs, found.suspects) == (sha(0), frozenset({jobs[0]}), (sha(0), sha(2)))
    found = find([s for p in range(4) for s in broke(jobs[p], p)], failed=frozenset(jobs))
    assert reason(found) is HealReason.CAUSE_UNKNOWN, "more than three are a person's"


def test_without_a_green_commit_older_ones_are_asked_for_and_then_there_is_none() -> None:
    signals = [at(0, R, 4)]
    asked = []
    for _ in range(8):
        found = find(signals, commits=6)
        if not isinstance(found, Reproduce):
            break
        place = next(p for p in range(6) if sha(p) == found.shas[0])
        asked.append(place)
        signals.append(at(place, R, 5, source=f"asked {place}"))
    assert asked == [1, 3, 5, 2, 4]
    assert reason(found) is HealReason.BASE_NOT_HEALTHY


def test_a_history_with_a_gap_or_without_commits_or_jobs_blames_nobody() -> None:
    broken = [commit for commit in line(6) if commit.sha != sha(1)]
    assert reason(find_culprit(broken, PROOF, BUILD, now=NOW)) is HealReason.CAUSE_UNKNOWN
    assert reason(find_culprit([], PROOF, BUILD, now=NOW)) is HealReason.HEALTH_UNKNOWN
    assert reason(find(PROOF, failed=frozenset())) is HealReason.CAUSE_UNKNOWN


def test_a_tip_that_was_not_measured_is_asked_for_until_it_cannot_be() -> None:
    found = find([at(1, G, 8)])
    assert isinstance(found, Reproduce)
    assert found.shas == (sha(0),)
    lost = [at(0, M, minutes) for minutes in (9, 8, 7)]
    assert reason(find([at(1, G, 8), *lost])) is HealReason.HEALTH_UNKNOWN
    outage = [at(0, E, minutes) for minutes in (9, 8, 7)]
    assert reason(find([at(1, G, 8), *outage])) is HealReason.ENVIRONMENT_SIGNAL
    long_ago = [at(0, M, minutes) for minutes in (150, 140, 130)]
    assert isinstance(find([at(1, G, 8), *long_ago]), Reproduce), "two hours later it is worth another try"


@pytest.mark.shows("RB-1", "F28")
def test_known_culprits_are_found_in_generated_histories_and_no_innocent_commit_is_blamed() -> None:
    tally = run(range(300))
    print(f"found {len(tally.found)} of 300; missed {tally.missed}; innocent {tally.innocent}")
    assert tally.innocent == ()
    assert len(tally.found) >= 0.95 * 300


@pytest.mark.shows("RB-1", "F28", "B3")
def test_an_outage_alone_blames_nobody() -> None:
    tally = run(range(80), outage_only=True)
    print(f"innocent {tally.innocent}")
    assert tally.innocent == ()
    assert len(tally.missed) == 80
