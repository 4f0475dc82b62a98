"""The catalogue of fixes: what it holds, what is chosen from it, and what a registry adds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cicatrix.core.heal_reasons import HealReason
from cicatrix.core.health.model import (
    Band,
    CheckState,
    Component,
    ComponentScore,
    Gate,
    Measurement,
)
from cicatrix.core.registry import json_schema, validate
from cicatrix.core.remedy.catalogue import CATALOGUE, OWN, REMEDIES
from cicatrix.core.remedy.choose import choose
from cicatrix.core.remedy.model import Risk, matches
from cicatrix.core.remedy.own import own_remedies
from tests.core.registries import document, registry

PYTHON = ("pyproject.toml", "requirements.txt")
RED = dict.fromkeys(Component, CheckState.FAIL)


def measured(states: dict[Component, CheckState]) -> Measurement:
    return Measurement(
        sha="a" * 40,
        taken_at=datetime(2026, 11, 22, tzinfo=UTC),
        set_hash="s",
        results=(),
        components=tuple(ComponentScore(component=c, state=state, score=None) for c, state in states.items()),
        confidence=None,
        health=None,
        blockers=(),
        warnings=(),
        ready=None,
        gate=Gate.FAIL,
        band=Band.UNKNOWN,
    )


@pytest.mark.shows("RM-1")
def test_every_fix_says_all_that_a_person_must_know() -> None:
    assert len(CATALOGUE) == len(REMEDIES), "no id twice"
    for remedy in REMEDIES:
        assert re.fullmatch(r"[a-z][a-z0-9.-]{0,63}", remedy.id), "as remediation.allow writes it"
        assert not remedy.id.startswith(OWN)
        assert remedy.id.startswith(f"{remedy.ecosystem}.")
        assert remedy.command
        assert remedy.paths
        assert remedy.needs
        assert remedy.about.endswith(".")
        assert remedy.undo.endswith(".")
        assert remedy.trigger is not None


@pytest.mark.shows("RM-1", "B9")
def test_no_fix_forces_runs_install_scripts_or_touches_what_decides_about_checks() -> None:
    for remedy in REMEDIES:
        words = [*remedy.command, *remedy.prepare, *(remedy.dry_run or ())]
        assert not {"--force", "-f", "rm", "sh", "bash"} & set(words), remedy.id
        for command in (remedy.command, remedy.prepare):
            if command[:1] == ("npm",):
                assert "--ignore-scripts" in command, remedy.id
        assert not any(".github" in pattern for pattern in remedy.paths)
        assert set(remedy.deletes) <= {"go.sum"}, remedy.id


@pytest.mark.shows("RM-1")
def test_lint_fixes_come_first_then_formatters_lockfiles_and_bumps() -> None:
    chosen = choose(measured(RED), list(CATALOGUE), (*PYTHON, "uv.lock", "package-lock.json", "eslint.config.js"))
    assert [remedy.id for remedy in chosen.run] == [
        "node.eslint-fix",
        "python.ruff-fix",
        "python.ruff-format",
        "node.lock-refresh",
        "python.lock-refresh",
        "node.audit-fix",
        "python.safe-bump",
    ]
    assert chosen.suggested == ("python.ruff-fix-unsafe",)


@pytest.mark.parametrize("state", [CheckState.PASS, CheckState.SKIPPED, CheckState.UNKNOWN])
def test_what_is_well_or_not_known_triggers_nothing(state: CheckState) -> None:
    assert choose(measured({Component.LINT: state}), list(CATALOGUE), PYTHON).run == ()


@pytest.mark.shows("RM-1", "B9")
@given(allow=st.sets(st.sampled_from(sorted(CATALOGUE))))
def test_nothing_runs_that_is_not_listed_or_of_high_risk(allow: set[str]) -> None:
    root = [pattern.replace("*", "x") for remedy in REMEDIES for pattern in remedy.needs]
    chosen = choose(measured(RED), allow, root)
    run = {remedy.id for remedy in chosen.run}
    assert run <= allow
    assert all(remedy.risk is not Risk.HIGH for remedy in chosen.run)
    assert run | {declined.id for declined in chosen.declined} == set(CATALOGUE), "each fitting one is told"
    assert not run & {declined.id for declined in chosen.declined}


def test_an_allowed_id_that_nobody_knows_is_told() -> None:
    chosen = choose(measured({}), ["python.typo"], PYTHON)
    assert [(d.id, d.reason) for d in chosen.declined] == [("python.typo", HealReason.REMEDY_NOT_ALLOWED)]


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("**/*.py", "a.py", True),
        ("**/*.py", "a/b/c.py", True),
        ("**/*.py", "a.pyc", False),
        ("*.py", "a/b.py", False),
        ("src/**/x/*.ts", "src/x/a.ts", True),
        ("src/**/x/*.ts", "src/a/b/x/a.ts", True),
        ("src/**/x/*.ts", "lib/x/a.ts", False),
        ("**", "any/thing", True),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "aXbYbZ", False),
        ("go.mod", "go.mod", True),
        ("go.mod", "x/go.mod", False),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert matches(pattern, path) is fits


def test_a_pattern_of_a_registry_cannot_take_long() -> None:
    assert not matches("*a" * 100, "a" * 20_000 + "b")
    assert not matches("/".join(["**", "a"] * 50), "/".join(["a"] * 5_000 + ["b"]))


# --- the registry's own fixes


def with_remedies(*remedies: dict[str, Any], action: str = "apply_remediation") -> dict[str, Any]:
    return document({"actionType": action, "remedies": list(remedies)})


GEN = {"id": "own.codegen", "command": ["make", "generate"], "risk": "low", "paths": ["src/**/*.gen.go"]}


@pytest.mark.shows("RM-1")
def test_a_registry_adds_fixes_of_its_own() -> None:
    (remedy,) = own_remedies(registry(with_remedies(GEN)))
    assert (remedy.id, remedy.command, remedy.risk) == ("own.codegen", ("make", "generate"), Risk.LOW)
    assert remedy.paths == ("src/**/*.gen.go",)
    chosen = choose(measured({Component.BUILD: CheckState.FAIL}), ["own.codegen"], (), (*REMEDIES, remedy))
    assert [r.id for r in chosen.run] == ["own.codegen"]
    off = document({"actionType": "apply_remediation", "enabled": False, "remedies": [GEN]})
    assert own_remedies(registry(off)) == ()
    assert own_remedies(None) == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "python.ruff-format"}, "own."),
        ({"id": "codegen"}, "own."),
        ({"command": "make generate"}, "a list of arguments"),
        ({"command": []}, "1..50 arguments"),
        ({"risk": "none"}, "low or medium or high"),
        ({"paths": ["../x"]}, "a pattern inside the repository"),
        ({"paths": ["/etc/passwd"]}, "a pattern inside the repository"),
        ({"paths": ["a/.."]}, "a pattern inside the repository"),
        ({"shell": True}, "is no key here"),
    ],
)
def test_a_fix_of_a_registry_that_is_refused(change: dict[str, Any], says: str) -> None:
    tree = with_remedies(GEN | change)
    found, problems = validate(tree, {}, "registry.yml")
    assert found is None
    assert says in " ".join(str(problem) for problem in problems)
    assert not Draft202012Validator(json_schema()).is_valid(tree)


def test_fixes_stand_in_the_action_that_runs_them_and_nowhere_else() -> None:
    tree = with_remedies(GEN, action="rerun_failed_jobs")
    found, problems = validate(tree, {}, "registry.yml")
    assert found is None
    assert "belongs to apply_remediation" in str(problems[0])
    schema = Draft202012Validator(json_schema())
    assert not schema.is_valid(tree)
    assert schema.is_valid(with_remedies(GEN))


def test_a_document_without_own_fixes_keeps_the_hash_that_it_was_stored_with() -> None:
    plain: Any = registry(document({"actionType": "apply_remediation"}))
    assert "remedies" not in plain.tree["allowedActions"][0]
    empty = registry(with_remedies())
    assert empty.hash == plain.hash
    assert registry(with_remedies(GEN)).hash != plain.hash
