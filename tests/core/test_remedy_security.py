"""The security result: the seed's formula made whole, beside what the original computed (C16)."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cicatrix.core.remedy.bumps import bump_requirements, vulnerable
from cicatrix.core.remedy.manifests import read_manifest
from cicatrix.core.remedy.security import SecurityResult, Tally, effectiveness, tally_of, upgrades

COUNTS = st.integers(0, 50)
TALLIES = st.builds(Tally, critical=COUNTS, high=COUNTS, moderate=COUNTS, low=COUNTS, info=COUNTS)


def original(before: Tally, after: Tally) -> float:
    """The seed's formula as its original computed it: neither clamped nor guarded. Test only."""
    if before.total == 0:
        return 100.0
    gone = before.weight - after.weight
    return math.nan if before.weight == 0 else float(math.floor(100 * gone / before.weight + 0.5))


@pytest.mark.shows("RM-4", "C16", "C20")
@pytest.mark.parametrize(
    ("before", "after", "theirs", "ours"),
    [
        (Tally(critical=2, high=1), Tally(high=1), 77.0, 77),
        (Tally(critical=1), Tally(), 100.0, 100),
        (Tally(high=1), Tally(critical=1), -67.0, 0),
        (Tally(info=3), Tally(), math.nan, None),
        (Tally(), Tally(), 100.0, 100),
        (Tally(), Tally(low=1), 100.0, 0),
        (Tally(moderate=1), Tally(moderate=1), 0.0, 0),
        (Tally(low=4), Tally(low=3), 25.0, 25),
        (Tally(moderate=2), Tally(moderate=1), 50.0, 50),
        (Tally(critical=1, high=1), Tally(high=1, moderate=1), 43.0, 43),
    ],
)
def test_effectiveness_beside_the_original(before: Tally, after: Tally, theirs: float, ours: int | None) -> None:
    computed = original(before, after)
    assert (math.isnan(computed) and math.isnan(theirs)) or computed == theirs
    assert effectiveness(before, after) == ours


@pytest.mark.shows("RM-4", "C16")
@given(before=TALLIES, after=TALLIES)
def test_effectiveness_is_always_0_to_100_or_unknown(before: Tally, after: Tally) -> None:
    found = effectiveness(before, after)
    assert found is None or 0 <= found <= 100
    assert (found is None) == (before.weight == 0 and before.total > 0)


@pytest.mark.shows("RM-4")
def test_what_was_not_measured_is_unknown() -> None:
    assert effectiveness(None, Tally()) is None
    assert effectiveness(Tally(), None) is None
    assert tally_of(None) is None
    told = SecurityResult(before=None, after=Tally()).as_json()
    assert told["before"] is None
    assert told["summary"] == {
        "fixed": None,
        "upgraded": 0,
        "remainingCritical": 0,
        "remainingHigh": 0,
        "effectiveness": None,
    }


def test_nothing_found_is_no_improvement() -> None:
    """The seed labels a pull request from 70 on: an untouched healthy one must not get there."""
    assert SecurityResult(before=Tally(), after=Tally()).effectiveness == 100
    assert SecurityResult(before=Tally(), after=Tally()).improvement == 0
    assert SecurityResult(before=Tally(high=1), after=Tally()).improvement == 100
    assert SecurityResult(before=Tally(info=1), after=Tally()).improvement is None


def report(*entries: tuple[str, str, list[list[str]]]) -> str:
    listed = [
        {"name": name, "version": version, "vulns": [{"id": f"X-{n}", "fix_versions": f} for n, f in enumerate(fixes)]}
        for name, version, fixes in entries
    ]
    return json.dumps({"dependencies": listed, "fixes": []})


def test_a_pinned_line_is_raised_to_the_first_version_without_the_vulnerabilities() -> None:
    lines = ("# ours", "Jinja2[i18n]==2.11.1 ; python_version > '3'", "requests == 2.19.0", "flask==1.0")
    text = "\n".join((*lines, "pin==1.0 \\", " --hash=x", "loose>=1", ""))
    found = vulnerable(
        report(
            ("jinja2", "2.11.1", [["2.11.3", "3.0.0"], ["2.11.2"]]),
            ("requests", "2.19.0", [["2.20.0rc1", "3.0.0"]]),
            ("flask", "1.0", []),
            ("pin", "1.0", [["1.1"]]),
            ("loose", "1.0", [["1.1"]]),
        )
    )
    assert found is not None
    bumped = bump_requirements(text, found)
    assert bumped.text == text.replace("2.11.1", "2.11.3")
    (attempt,) = bumped.attempts
    assert (attempt.package, attempt.current, attempt.target, attempt.type) == ("jinja2", "2.11.1", "2.11.3", "patch")
    assert attempt.vulnerabilities_fixed == 2
    assert [(review.package, review.reason) for review in bumped.reviews] == [
        ("requests", "requests has no fixed version of the same major"),
        ("pin", "pin is pinned with hashes"),
        ("loose", "loose is not pinned with == here"),
    ]


@pytest.mark.shows("RM-4", "C16")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"dependencies": [{"name": "a", "skip_reason": "not on the server"}]}',
        '{"dependencies": [{"name": "undefined", "version": "0.1.0", "vulns": []}]}',
        '{"dependencies": [{"name": null, "version": "1", "vulns": []}]}',
        '{"dependencies": [{"name": "a", "version": "1", "vulns": [{}]}]}',
    ],
)
def test_a_report_that_cannot_be_believed_raises_nothing_and_fixes_nothing(text: str) -> None:
    assert vulnerable(text) is None


def test_upgrades_are_read_from_what_changed() -> None:
    before = read_manifest("uv.lock", '[[package]]\nname = "a"\nversion = "1.0.0"\n')
    after = read_manifest("uv.lock", '[[package]]\nname = "a"\nversion = "2.0.0"\n')
    assert before is not None
    assert after is not None
    (found,) = upgrades(before, after, applied=False, error="refused")
    told = SecurityResult(before=None, after=None, attempts=(found,)).as_json()["upgradeAttempts"]
    assert told == [
        {
            "packageName": "a",
            "currentVersion": "1.0.0",
            "targetVersion": "2.0.0",
            "upgradeType": "major",
            "safe": False,
            "applied": False,
            "vulnerabilitiesFixed": None,
            "error": "refused",
        }
    ]
