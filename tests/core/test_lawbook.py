"""The lawbook: every key checked, layers by the stricter value, one hash, one origin for each limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cicatrix.core.canonical import canonical_hash
from cicatrix.core.health.model import Check, Component
from cicatrix.core.lawbook import (
    BUILT_IN,
    DELEGABLE,
    HARD_CAP,
    KEYS,
    Layer,
    LayerKind,
    Mode,
    bound,
    describe,
    json_schema,
    pin_problem,
    resolve,
    validate,
)
from cicatrix.core.lawbook.model import SideEffects
from cicatrix.core.lawbook.problems import MOST_PROBLEMS
from cicatrix.core.verdict import FailureClass

REPO = ".github/cicatrix.yml"
CHECK: dict[str, object] = {"name": "tests", "component": "tests", "command": ["npm", "test"]}
DEPLOYMENT, ORGANISATION, REPOSITORY = LayerKind.DEPLOYMENT, LayerKind.ORGANISATION, LayerKind.REPOSITORY

DAY_ONE: dict[str, Any] = {
    "version": "2026-11-21.1",
    "mode": "shadow",
    "eligible": ["infra_transient", "flaky_probable"],
    "attempts": {
        "perJob": 2,
        "perJobAndSha": 2,
        "perPullRequest": 5,
        "perPullRequestDay": 15,
        "perRepositoryDay": 50,
        "perOrganisationDay": 200,
    },
    "minutes": {"perPullRequestDay": None, "perRepositoryDay": None},
    "mixed": "serial",
    "serial": {"maxAttempts": 2, "maxMinutes": 30},
    "allowAllJobs": False,
    "forks": "never",
    "mergeQueue": "refuse",
    "autoMerge": "refuse",
    "sideEffects": {"jobs": ["deploy", "release", "publish", "migrate"], "environments": "never", "allow": []},
    "storm": {"failedJobs": 5, "pullRequests": 3, "window": "2h"},
    "stopRules": {"cooldownMinutes": 5, "noSignalChangeThreshold": 2, "maxWaitMinutesForGreen": 60},
    "automation": [],
    "precision": {"minimumPercent": 90},
    "checks": [],
    "remediation": {"allow": [], "maxFiles": 20, "maxLines": 500},
    "dispatch": {
        "via": "repository_dispatch",
        "workflow": "post-remediation-check.yml",
        "deadline": "10m",
        "perCommit": 1,
        "perCase": 3,
    },
    "rollback": {
        "healthBelow": 30,
        "deliver": "draft_pull_request",
        "upTo": "validated",
        "directPush": [],
        "createPerDay": 4,
        "mergePerDay": 0,
        "maxTargetAge": "72h",
    },
    "owners": [],
    "delegated": [],
}


def layer(tree: Mapping[str, Any], kind: LayerKind = REPOSITORY, file: str = REPO) -> Layer:
    found, problems = validate(tree, {}, file, kind=kind)
    assert not problems, [str(p) for p in problems]
    assert found is not None
    return found


def complaints(tree: object) -> list[str]:
    found, problems = validate(tree, {}, REPO)
    assert (found is None) == bool(problems)
    return [f"{p.path} {p.message}" for p in problems]


def test_the_file_of_the_foundations_is_the_built_in_lawbook() -> None:
    resolved = resolve([layer(DAY_ONE, DEPLOYMENT)])
    assert dataclasses.replace(resolved.lawbook, version=BUILT_IN.version) == BUILT_IN
    assert {name for name, _ in walk(DAY_ONE)} == {*KEYS, "delegated"} - {"rules"}
    assert not resolved.ignored


@pytest.mark.shows("RR-8")
def test_the_built_in_budgets_are_those_of_the_specification() -> None:
    a = BUILT_IN.attempts
    assert (a.per_job, a.per_job_and_sha, a.per_pull_request) == (2, 2, 5)
    assert (a.per_pull_request_day, a.per_repository_day, a.per_organisation_day) == (15, 50, 200)
    assert BUILT_IN.mode is Mode.SHADOW
    assert BUILT_IN.eligible == {FailureClass.INFRA_TRANSIENT, FailureClass.FLAKY_PROBABLE}
    assert BUILT_IN.storm.window == timedelta(hours=2)
    assert BUILT_IN.version == "v1.0.0-dev"


def walk(tree: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        pair
        for name, value in tree.items()
        for pair in ([(f"{name}.{n}", v) for n, v in value.items()] if isinstance(value, dict) else [(name, value)])
    ]


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"attempts": {"perJob": 6}}, "attempts.perJob must be 0..5, not 6"),
        ({"attempts": {"perJob": -1}}, "attempts.perJob must be 0..5, not -1"),
        ({"attempts": {"perJob": 1.5}}, "attempts.perJob must be 0..5, not 1.5"),
        ({"attempts": {"perJob": True}}, "attempts.perJob must be 0..5, not true"),
        ({"attempts": {"perJob": "2"}}, "attempts.perJob must be 0..5, not 2"),
        ({"attempts": {"perJob": None}}, "attempts.perJob must be 0..5, not null"),
        ({"attempts": {"perJobAndSha": 6}}, "attempts.perJobAndSha must be 0..5, not 6"),
        ({"attempts": 2}, "attempts must be a mapping with perJob, "),
        ({"attempts": {"perjob": 2}}, "attempts.perjob is no key of a lawbook: did you mean attempts.perJob?"),
        ({"perJob": 2}, "perJob is no key of a lawbook: did you mean attempts.perJob?"),
        ({"stopRules": {"maxRerunsPerJob": 2}}, "is no key of a lawbook: use attempts.perJob"),
        ({"mode": "on"}, "mode must be off or shadow or act, not on"),
        ({"mode": False}, "mode must be off or shadow or act, not false"),
        ({"eligible": ["deterministic"]}, "eligible[0] must be flaky_probable or infra_transient"),
        ({"eligible": "infra_transient"}, "eligible must be a list"),
        ({"eligible": ["infra_transient"] * 2}, "eligible[1] repeats infra_transient"),
        ({"version": 1.0}, "(put it in quotes)"),
        ({"version": "a" * 64}, "no hash"),
        ({"version": "x\n"}, "version must be a label"),
        ({"storm": {"window": "2 hours"}}, "storm.window must be a time such as 30s, 10m, 2h or 3d"),
        ({"storm": {"window": 120}}, "storm.window must be a time"),
        ({"minutes": {"perRepositoryDay": -1}}, "minutes.perRepositoryDay must be 0..10000000 or null"),
        ({"checks": ["x"]}, "checks[0] must be a mapping, not x"),
        ({"checks": [{"name": "x", "component": "lint"}]}, "checks[0] needs command"),
        ({"checks": [CHECK | {"command": "npm test"}]}, "checks[0].command must be a list of arguments"),
        ({"checks": [CHECK | {"command": []}]}, "checks[0].command must be a list of 1..50 arguments"),
        ({"checks": [CHECK | {"command": ["a\nb"]}]}, "checks[0].command[0] must be one argument of 1..500"),
        ({"checks": [CHECK | {"component": "style"}]}, "checks[0].component must be lint or security or build or"),
        ({"checks": [CHECK | {"parser": "xunit"}]}, "checks[0].parser must be one of 7 words"),
        ({"checks": [CHECK | {"directory": "../other"}]}, "checks[0].directory must be a path inside"),
        ({"checks": [CHECK | {"directory": "a/.."}]}, "checks[0].directory must be a path inside"),
        ({"checks": [CHECK | {"report": "/etc/passwd"}]}, "checks[0].report must be a path inside"),
        ({"checks": [CHECK | {"timeout": "2h"}]}, "checks[0].timeout must be a time up to 1h"),
        ({"checks": [CHECK | {"weight": 0}]}, "checks[0].weight must be 1..100"),
        ({"checks": [CHECK, CHECK | {"weight": 2}]}, "checks[1].name repeats tests"),
        ({"rules": [{"id": "x"}]}, "rules comes with part 4"),
        ({"delegated": ["version"]}, "delegated[0] must be "),
        ({"owners": ["me"]}, "owners[0] must be a login or team"),
        ({"owners": [{"owners": ["@a"], "x": 1}]}, "owners[0].x is no key here"),
        ({"automation": [{}]}, "automation[0] needs actionType"),
        (
            {"automation": [{"actionType": "rerun_failed_jobs", "allowedEnvs": ["here"]}]},
            "automation[0].allowedEnvs[0]",
        ),
        ({7: 1}, "7 is no key of a lawbook"),
        ({"attempts": {7: 1}}, "attempts.7 is no key of a lawbook"),
        ({"x\x1b[31m\u202e": 1}, "x is no key of a lawbook"),
        ([], "the file must be a mapping"),
        ("mode", "the file must be a mapping"),
    ],
)
@pytest.mark.shows("LB-1")
def test_what_is_wrong_is_said_with_its_key(tree: object, says: str) -> None:
    found = complaints(tree)
    assert len(found) == 1
    assert says in found[0]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    tree = {"mode": "on", "attempts": {"perJob": 9}, "foo": 1}
    positions: dict[tuple[str | int, ...], tuple[int, int]] = {
        ("mode",): (9, 1),
        ("attempts",): (5, 1),
        ("attempts", "perJob"): (5, 12),
        ("foo",): (2, 3),
    }
    _, problems = validate(tree, positions, REPO)
    assert [str(p).split(" ")[0] for p in problems] == [f"{REPO}:2:3", f"{REPO}:5:12", f"{REPO}:9:1"]
    assert str(problems[1]).startswith(".github/cicatrix.yml:5:12 attempts.perJob must be 0..5")


def test_a_file_of_nothing_but_mistakes_gives_a_readable_number_of_problems() -> None:
    assert len(complaints({f"k{n}": 1 for n in range(5_000)})) == MOST_PROBLEMS


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    secret = "ghp_" + "a1B2" * 9
    assert "a1B2" not in complaints({"mode": secret})[0]


def test_the_seed_s_spaced_class_names_are_accepted() -> None:
    found = layer({"eligible": ["infra transient", "flaky probable"]})
    assert found.values["eligible"] == ("flaky_probable", "infra_transient")


# --- layers


def merged(repository: Mapping[str, Any], organisation: Mapping[str, Any] | None = None) -> Any:
    layers = [layer(repository)]
    if organisation is not None:
        layers.append(layer(organisation, ORGANISATION, "org.yml"))
    return resolve(layers)


@pytest.mark.parametrize(
    ("repository", "key", "kept"),
    [
        ({"mode": "act"}, "mode", "shadow"),
        ({"attempts": {"perJob": 5}}, "attempts.perJob", 2),
        ({"attempts": {"perRepositoryDay": 51}}, "attempts.perRepositoryDay", 50),
        ({"allowAllJobs": True}, "allowAllJobs", False),
        ({"forks": "allow"}, "forks", "never"),
        ({"mergeQueue": "allow"}, "mergeQueue", "refuse"),
        ({"autoMerge": "allow"}, "autoMerge", "refuse"),
        ({"sideEffects": {"allow": ["deploy"]}}, "sideEffects.allow", []),
        ({"sideEffects": {"environments": "allow"}}, "sideEffects.environments", "never"),
        ({"stopRules": {"cooldownMinutes": 0}}, "stopRules.cooldownMinutes", 5),
        ({"stopRules": {"noSignalChangeThreshold": 3}}, "stopRules.noSignalChangeThreshold", 2),
        ({"stopRules": {"maxWaitMinutesForGreen": None}}, "stopRules.maxWaitMinutesForGreen", 60),
        ({"storm": {"failedJobs": 9}}, "storm.failedJobs", 5),
        ({"storm": {"window": "1h"}}, "storm.window", "2h"),
        ({"serial": {"maxAttempts": 5}}, "serial.maxAttempts", 2),
        ({"precision": {"minimumPercent": 10}}, "precision.minimumPercent", 90),
        ({"rollback": {"mergePerDay": 1}}, "rollback.mergePerDay", 0),
    ],
)
def test_a_repository_alone_cannot_loosen_anything(repository: dict[str, Any], key: str, kept: object) -> None:
    resolved = merged(repository)
    section, _, name = key.rpartition(".")
    tree: Any = resolved.tree
    assert (tree[section] if section else tree)[name] == kept
    assert [i.key for i in resolved.ignored] == [key]
    assert "--lawbook or CICATRIX_LAWBOOK" in resolved.ignored[0].remedy
    assert f"`{key}`" in resolved.ignored[0].remedy
    assert resolved.origins[key] == "built-in"


@pytest.mark.parametrize(
    ("repository", "key", "value"),
    [
        ({"mode": "off"}, "mode", "off"),
        ({"attempts": {"perJob": 0}}, "attempts.perJob", 0),
        ({"eligible": ["infra_transient"]}, "eligible", ["infra_transient"]),
        ({"eligible": []}, "eligible", []),
        ({"minutes": {"perRepositoryDay": 30}}, "minutes.perRepositoryDay", 30),
        ({"mixed": "block"}, "mixed", "block"),
        ({"stopRules": {"cooldownMinutes": 6}}, "stopRules.cooldownMinutes", 6),
        ({"storm": {"window": "180m"}}, "storm.window", "3h"),
    ],
)
def test_a_repository_may_tighten(repository: dict[str, Any], key: str, value: object) -> None:
    resolved = merged(repository)
    section, _, name = key.rpartition(".")
    tree: Any = resolved.tree
    assert (tree[section] if section else tree)[name] == value
    assert not resolved.ignored
    assert resolved.origins[key] == REPO


def test_words_for_side_effects_add_to_those_above_and_none_is_taken_away() -> None:
    resolved = merged({"sideEffects": {"jobs": ["ship"]}})
    assert set(resolved.lawbook.side_effects.jobs) == {"deploy", "migrate", "publish", "release", "ship"}
    assert not resolved.ignored
    assert resolved.origins["sideEffects.jobs"] == f"built-in and {REPO}"


def test_an_organisation_sets_and_what_it_delegates_a_repository_may_set_too() -> None:
    organisation = {"mode": "shadow", "attempts": {"perJob": 3, "perRepositoryDay": 500}, "delegated": ["mode"]}
    resolved = merged({"mode": "act", "attempts": {"perJob": 5}}, organisation)
    assert resolved.lawbook.mode is Mode.ACT
    assert resolved.lawbook.attempts.per_job == 3
    assert resolved.lawbook.attempts.per_repository_day == 500
    assert [i.key for i in resolved.ignored] == ["attempts.perJob"]
    assert bound(resolved, "attempts.perJob") == "lawbook attempts.perJob (org.yml)"


def test_a_delegated_section_covers_its_keys_up_to_the_hard_cap() -> None:
    resolved = merged({"attempts": {"perJob": 5, "perJobAndSha": 5}}, {"delegated": ["attempts"]})
    assert resolved.lawbook.attempts.per_job == HARD_CAP
    assert not resolved.ignored


def test_a_repository_cannot_delegate_to_itself() -> None:
    resolved = merged({"mode": "act", "delegated": ["mode"]})
    assert resolved.lawbook.mode is Mode.SHADOW
    assert {i.key for i in resolved.ignored} == {"mode", "delegated"}


def test_a_deployment_s_file_is_the_base_and_binds_organisation_and_repository() -> None:
    base = layer({"mode": "act", "attempts": {"perJob": 4}, "delegated": ["forks"]}, DEPLOYMENT, "base.yml")
    organisation = layer(
        {"attempts": {"perJob": 5}, "forks": "allow", "delegated": ["attempts", "forks"]}, ORGANISATION
    )
    repository = layer({"attempts": {"perJob": 5}, "forks": "allow"})
    resolved = resolve([repository, organisation, base])
    assert resolved.lawbook.mode is Mode.ACT
    assert resolved.lawbook.attempts.per_job == 4
    assert resolved.lawbook.forks == "allow"
    assert [i.key for i in resolved.ignored] == ["attempts.perJob"] * 2
    assert not resolved.built_in


def test_two_layers_of_one_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="one kind"):
        resolve([layer({}, kind=LayerKind.DEPLOYMENT), layer({}, kind=LayerKind.DEPLOYMENT)])


@pytest.mark.shows("LB-1")
def test_of_two_layers_of_a_repository_the_stricter_value_holds() -> None:
    one, two = layer({"attempts": {"perJob": 1}}), layer({"attempts": {"perJob": 2, "perPullRequest": 3}})
    for both in ([one, two], [two, one]):
        assert resolve(both).lawbook.attempts.per_job == 1
        assert resolve(both).lawbook.attempts.per_pull_request == 3


def test_origins_name_file_and_line() -> None:
    found, _ = validate({"attempts": {"perJob": 1}}, {("attempts", "perJob"): (7, 3)}, REPO)
    assert found is not None
    assert bound(resolve([found]), "attempts.perJob") == "lawbook attempts.perJob (.github/cicatrix.yml:7)"
    assert bound(resolve([found]), "mixed") == "lawbook mixed (built-in)"
    rows = {row.key: row for row in describe(resolve([found]))}
    assert (rows["attempts.perJob"].value, rows["attempts.perJob"].origin) == ("1", f"{REPO}:7")
    assert set(rows) == {*KEYS, "delegated"}


# --- properties over all files


def generated(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Valid and nearly valid values for a part of our own schema."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of(*map(generated, schema["anyOf"]))
    kind = schema["type"]
    if "integer" in kind:
        numbers = st.integers(schema["minimum"] - 1, schema["maximum"] + 1) | st.integers(0, 5)
        return numbers | st.none() | st.floats(0, 9) | st.booleans()
    if kind == "boolean":
        return st.booleans()
    if kind == "null":
        return st.none()
    if kind == "array":
        return st.lists(generated(schema["items"]), max_size=3) if "items" in schema else st.just([])
    if kind == "string":
        words = st.sampled_from(
            ["2h", "10m", "0s", "90000m", "1h\n", "v1", "a" * 64, "deploy", "@a/b", "@a", "x y", "", "\u0663s"]
        )
        return st.from_regex(schema["pattern"]) | words | st.text(max_size=5)
    return st.fixed_dictionaries({}, optional={n: generated(s) for n, s in schema["properties"].items()})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
SCHEMA = json_schema()
SCHEMA_OF = Draft202012Validator(SCHEMA)
FILES = st.fixed_dictionaries(
    {}, optional={name: generated(s) | JUNK for name, s in SCHEMA["properties"].items()} | {"odd": JUNK}
)


def valid(name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values of one key that both the schema and the validation take."""
    meets = generated(schema).filter(SCHEMA_OF.evolve(schema=schema).is_valid)
    return meets.filter(lambda value: not complaints({name: value}))


VALID = st.fixed_dictionaries({}, optional={name: valid(name, s) for name, s in SCHEMA["properties"].items()})


@pytest.mark.shows("LB-1")
@settings(max_examples=300, deadline=None)
@given(FILES)
def test_schema_and_validation_accept_the_same_files(tree: dict[str, Any]) -> None:
    # that no two checks share a name is the one rule that a schema cannot say
    assume(not any("each check has a name of its own" in line for line in complaints(tree)))
    assert SCHEMA_OF.is_valid(tree) == (not complaints(tree)), complaints(tree)


def test_the_schema_is_one_and_accepts_the_day_one_file() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA_OF.is_valid(DAY_ONE)
    assert SCHEMA_OF.is_valid(None)
    assert not SCHEMA_OF.is_valid([])


def strictness(tree: Mapping[str, object]) -> dict[str, object]:
    return dict(walk({k: dict(v) if isinstance(v, Mapping) else v for k, v in tree.items()}))


@settings(max_examples=100, deadline=None)
@given(VALID)
def test_a_repository_never_gets_more_than_the_layers_above(tree: dict[str, Any]) -> None:
    above, below = resolve(()), resolve([layer(tree)])
    for name, key in KEYS.items():
        if not key.free:
            a, b = value_of(above, name), value_of(below, name)
            assert key.kind.plain(key.kind.stricter(a, b)) == key.kind.plain(b), name


def value_of(resolved: Any, name: str) -> Any:
    """The inner form of a resolved key, read back from the tree that was hashed."""
    section, _, rest = name.rpartition(".")
    tree = resolved.tree[section] if section else resolved.tree
    return KEYS[name].kind.read(tree[rest], (name,), lambda _path, message: pytest.fail(message))


@settings(max_examples=100, deadline=None)
@given(VALID, VALID, VALID)
def test_stricter_is_commutative_associative_and_idempotent(a: Any, b: Any, c: Any) -> None:
    one, two, three = (layer(tree).values for tree in (a, b, c))
    for name in one.keys() & two.keys() & three.keys():
        kind = KEYS[name].kind
        x, y, z = one[name], two[name], three[name]
        assert kind.plain(kind.stricter(x, y)) == kind.plain(kind.stricter(y, x))
        assert kind.plain(kind.stricter(kind.stricter(x, y), z)) == kind.plain(kind.stricter(x, kind.stricter(y, z)))
        assert kind.plain(kind.stricter(x, x)) == kind.plain(x)


# --- hash and pin


@pytest.mark.shows("GE-2")
@settings(max_examples=60, deadline=None)
@given(VALID)
def test_the_hash_covers_what_decides_and_nothing_else(tree: dict[str, Any]) -> None:
    one = resolve([layer(tree)])
    again = resolve([layer(dict(reversed(tree.items())), file="elsewhere.yml")])
    assert one.hash == again.hash == canonical_hash(dict(one.tree) | {})
    assert (one.hash == resolve(()).hash) == (one.lawbook == BUILT_IN)


def test_equal_times_hash_equally_however_they_are_written() -> None:
    hashes = {resolve([layer({"storm": {"window": w}})]).hash for w in ("3h", "180m", "10800s")}
    assert len(hashes) == 1


@pytest.mark.shows("GE-2")
def test_a_pin_fits_the_deployment_s_base_lawbook_whatever_the_repository_says() -> None:
    base = layer({"version": "2026-11-21.1", "attempts": {"perJob": 4}}, DEPLOYMENT)
    resolved = resolve([base, layer({"version": "other", "attempts": {"perJob": 1}})])
    assert resolved.lawbook.version == "other"
    assert resolved.base_hash == resolve([base]).hash != resolved.hash
    for pin in (None, "", " ", "2026-11-21.1", resolved.base_hash, resolved.base_hash.upper()):
        assert pin_problem(pin, resolved) is None
    for pin in ("v1.0.0-dev", "other", resolved.hash, "0" * 64):
        problem = pin_problem(pin, resolved)
        assert problem is not None
        assert pin in problem
        assert (resolved.base_hash if len(pin) == 64 else resolved.base_version) in problem
    assert pin_problem("v1.0.0-dev", resolve(())) is None


# --- side effects


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("deploy", "deploy"),
        ("Deploy to prod (eu)", "deploy"),
        ("redeploy-site", "deploy"),
        ("db migration", "migrate"),
        ("migrating", "migrate"),
        ("semantic-releaser", "release"),
        ("call / publish", "publish"),
        ("unit tests", None),
        ("Build (release)", None),
        ("Deploy docs preview", None),
    ],
)
@pytest.mark.shows("RR-10")
def test_side_effects_are_seen_in_names_unless_the_lawbook_names_the_job(name: str, word: str | None) -> None:
    rules = SideEffects(
        jobs=BUILT_IN.side_effects.jobs,
        environments="never",
        allow=("Build (*)", "Deploy docs preview", "*-preview-[x]"),
    )
    assert rules.word(name) == word


@pytest.mark.shows("GK-4")
def test_checks_are_declared_with_everything_that_runs_them() -> None:
    tree = CHECK | {"parser": "junit", "report": "out/junit.xml", "weight": 3, "blocking": False, "timeout": "10m"}
    (check,) = resolve([layer({"checks": [tree | {"directory": "backend"}]})]).lawbook.checks
    assert check == Check(
        name="tests",
        component=Component.TESTS,
        command=("npm", "test"),
        parser="junit",
        report="out/junit.xml",
        weight=3,
        blocking=False,
        timeout=timedelta(minutes=10),
        directory="backend",
    )
    SCHEMA_OF.validate({"checks": [tree]})


def test_everything_but_labels_and_owners_can_be_delegated() -> None:
    assert {n for n in KEYS if "." not in n} - set(DELEGABLE) == {"version", "owners", "checks", "rules"}
