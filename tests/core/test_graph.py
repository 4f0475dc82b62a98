"""Which jobs run along: read from workflow files, checked against a second, naive reading of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cicatrix.core.graph import MOST_NODES, Graph
from cicatrix.core.matrix import MOST_JOBS, Unresolved, expand, suffix
from cicatrix.core.workflow_file import parse_workflow, reusable_paths

CI = ".github/workflows/ci.yml"


def job(*needs: str, **more: Any) -> dict[str, Any]:
    return {"runs-on": "ubuntu-latest", "steps": [{"run": "true"}], **({"needs": list(needs)} if needs else {}), **more}


def graph(jobs: Mapping[str, Any], **called: Any) -> Graph:
    files = {CI: {"jobs": jobs}}
    files |= {f".github/workflows/{name}.yml": {"jobs": inner} for name, inner in called.items()}
    return Graph.build(CI, files)


@pytest.mark.shows("RR-7")
def test_dependants_are_followed_to_the_end_and_siblings_are_left_alone() -> None:
    g = graph({"build": job(), "lint": job(), "test": job("build"), "e2e": job("test"), "deploy": job("e2e", "lint")})
    along = g.dependants(["build"], ["build", "lint", "test", "e2e", "deploy"])
    assert along.names == ("test", "e2e", "deploy")
    assert not along.unknown
    assert not along.absent
    assert g.dependants(["lint"], ["build", "lint", "test", "e2e", "deploy"]).names == ("deploy",)


def test_a_dependant_that_has_not_shown_yet_is_named_as_absent() -> None:
    g = graph(
        {"a": job(), "b": job("a", strategy={"matrix": {"v": [1, 2]}}), "c": job("b", name="Ship ${{ inputs.x }}")}
    )
    along = g.dependants(["a"], ["a"])
    assert along.names == ()
    assert along.absent == ("b (1)", "b (2)", "Ship *")


def test_a_skipped_matrix_job_shows_unexpanded_and_runs_as_its_jobs() -> None:
    matrix = {"matrix": {"os": ["u", "w"]}}
    g = graph(
        {"a": job(), "plain": job("a", strategy=matrix), "named": job("a", name="N ${{ matrix.os }}", strategy=matrix)}
    )
    along = g.dependants(["a"], ["a", "plain", "N ${{ matrix.os }}"])
    assert along.names == ()
    assert along.absent == ("plain (u)", "plain (w)", "N u", "N w")
    assert not along.unknown
    assert g.runs_as("plain") == ("plain (u)", "plain (w)")
    assert g.runs_as("plain (u)") == ("plain (u)",)


@pytest.mark.parametrize(
    ("name", "matrix", "shown"),
    [
        (None, {"os": ["ubuntu", "win"], "py": [3.10, "3.12"]}, "t (ubuntu, 3.1)"),
        (None, {"os": ["ubuntu"], "fast": [True]}, "t (ubuntu, true)"),
        (None, {"c": [{"os": "u", "n": 3}]}, "t (u, 3)"),
        (None, {"v": [None, 1.0]}, "t (1)"),
        ("Test on ${{ matrix.os }}", {"os": ["ubuntu"]}, "Test on ubuntu"),
        ("Test ${{ matrix.c.os }}/${{ matrix['c']['n'] }}", {"c": [{"os": "u", "n": 3}]}, "Test u/3"),
        ("Test ${{ MATRIX.OS }}", {"os": ["ubuntu"]}, "Test ubuntu"),
        ("Static", {"os": ["ubuntu", "win"]}, "Static (win)"),
        ("Static", {"os": ["ubuntu", "win"]}, "Static"),
        ("Run ${{ github.ref }} on ${{ matrix.os }}", {"os": ["u"]}, "Run refs/heads/x on u"),
        ("x ${{ matrix.missing }}y", {"os": ["u"]}, "x y"),
    ],
)
def test_shown_names_find_their_job(name: str | None, matrix: dict[str, Any], shown: str) -> None:
    g = graph({"t": job(strategy={"matrix": matrix}, **({"name": name} if name else {})), "other": job("t")})
    found = g.job_of(shown)
    assert found is not None
    assert found.id == "t"
    assert g.dependants([shown], [shown, "other"]).names == ("other",)


def test_keys_tell_matrix_jobs_apart_and_stay_when_the_shown_name_changes() -> None:
    def with_name(name: str) -> Graph:
        return graph({"t": job(name=name, strategy={"matrix": {"os": ["u", "w"], "py": [3.12]}})})

    old, new = with_name("Test ${{ matrix.os }}"), with_name("Check on ${{ matrix.os }}")
    assert old.key_of("Test u") == new.key_of("Check on u") == CI + '#t{"os":"u","py":"3.12"}'
    assert old.key_of("Test u") != old.key_of("Test w")
    assert old.key_of("nothing like it") is None
    assert graph({"a": job()}).key_of("a") == f"{CI}#a"
    assert graph({"a": job(name="Same"), "b": job(name="Same")}).key_of("Same") is None


def test_names_that_github_cut_at_100_characters_find_their_job() -> None:
    long = "x" * 140
    g = graph({"t": job(strategy={"matrix": {"v": [long, "short"]}}), "after": job("t")})
    cut = f"t ({long}"[:97] + "..."
    assert g.key_of(cut) == g.key_of(f"t ({long})")
    assert g.dependants([cut], [cut, "after"]).names == ("after",)


def test_reusable_workflows_nest_and_their_dependants_cross_levels() -> None:
    g = graph(
        {
            "call": {"uses": "./.github/workflows/inner.yml", "strategy": {"matrix": {"env": ["a", "b"]}}},
            "after": job("call"),
            "free": job(),
        },
        inner={"one": job(), "two": job("one"), "deep": {"uses": "./.github/workflows/leaf.yml", "needs": "two"}},
        leaf={"last": job(environment="prod")},
    )
    names = [f"call ({e}) / {j}" for e in "ab" for j in ("one", "two", "deep / last")] + ["after", "free"]
    along = g.dependants(["call (a) / one"], names)
    assert along.names == ("call (a) / two", "call (a) / deep / last", "after")
    assert not along.unknown
    assert g.environment_of("call (b) / deep / last") == "prod"
    assert g.key_of("call (a) / deep / last") == CI + '#call/deep/last{"call.env":"a"}'
    assert g.needs_of("after", names) == tuple(names[:6])
    assert g.needs_of("call (a) / two", names) == ("call (a) / one",)


def test_a_skipped_caller_stands_for_all_its_jobs() -> None:
    g = graph({"a": job(), "call": {"uses": "./.github/workflows/inner.yml", "needs": ["a"]}}, inner={"x": job()})
    along = g.dependants(["a"], ["a", "call"])
    assert (along.names, along.absent, along.unknown) == ((), ("call / x",), False)
    assert g.runs_as("call") == ("call / x",)


def test_called_files_are_found_in_other_repositories_and_relative_to_them() -> None:
    outer = "octo/shared/.github/workflows/outer.yml@v1"
    inner = "octo/shared/.github/workflows/inner.yml@v1"
    files = {
        CI: {"jobs": {"call": {"uses": outer}, "after": job("call")}},
        outer: {"jobs": {"mid": {"uses": "./.github/workflows/inner.yml"}}},
        inner: {"jobs": {"x": job()}},
    }
    assert reusable_paths(files[CI], CI) == (outer,)
    assert reusable_paths(files[outer], outer) == (inner,)
    assert Graph.build(CI, files).dependants(["call / mid / x"], ["call / mid / x", "after"]).names == ("after",)


@pytest.mark.parametrize(
    ("jobs", "asked", "shown", "says"),
    [
        ({"a": job(), "b": job("a", strategy={"matrix": "${{ fromJSON(x) }}"})}, "a", ["a", "b (1)"], "run time"),
        (
            {"a": job(), "b": job("a", strategy={"matrix": {"v": "${{ fromJSON(x) }}"}})},
            "a",
            ["a", "b (1)"],
            "run time",
        ),
        (
            {"a": job(), "b": {"uses": "o/r/.github/workflows/x.yml@v1", "needs": "a"}},
            "a",
            ["a", "b / z"],
            "not be read",
        ),
        ({"a": {"uses": "o/r/.github/workflows/x.yml@v1"}}, "a / z", ["a / z"], "not be read"),
        ({"a": job(), "b": job("${{ fromJSON(x) }}")}, "a", ["a", "b"], "no list of job ids"),
        ({"a": job(), "b": job("gone")}, "a", ["a", "b"], "which is no job"),
        ({"a": job("b"), "b": job("a")}, "a", ["a", "b"], "circle"),
        ({"a": job("a")}, "a", ["a"], "circle"),
        ({"a": job()}, "zzz", ["a", "zzz"], "not in the workflow file"),
        ({"a": job()}, "a", ["a", "zzz"], "not in the workflow file"),
        ({"a": job(name="S"), "b": job(name="S")}, "S", ["S"], "more than one job"),
        ({"a": job(), "b": 7}, "a", ["a"], "no mapping"),
        ({"a": job(), "b": job("a", strategy={"matrix": {"v": list(range(300))}})}, "a", ["a"], "more than 256"),
    ],
)
@pytest.mark.shows("GE-4")
def test_what_the_files_do_not_tell_is_unknown(jobs: Any, asked: str, shown: list[str], says: str) -> None:
    along = graph(jobs).dependants([asked], shown)
    assert along.unknown
    assert any(says in reason for reason in along.reasons), along.reasons


def test_a_dynamic_matrix_elsewhere_leaves_the_answer_certain() -> None:
    g = graph(
        {"a": job(), "b": job("a"), "dyn": job(strategy={"matrix": {"v": "${{ fromJSON(x) }}"}}), "z": job("dyn")}
    )
    shown = ["a", "b", "dyn (1)", "dyn (2)", "z"]
    assert g.dependants(["a"], shown) == g.dependants(["a"], shown)
    assert (g.dependants(["a"], shown).names, g.dependants(["a"], shown).unknown) == (("b",), False)
    assert (g.dependants(["dyn (2)"], shown).names, g.dependants(["dyn (2)"], shown).unknown) == (("z",), False)
    assert g.key_of("dyn (2)") == f"{CI}#dyn:dyn (2)"


@pytest.mark.parametrize(
    "tree", [None, [], "x", {}, {"jobs": []}, {"jobs": {"a": []}}, {"jobs": {1: {}}}, {"jobs": None}]
)
def test_a_file_of_the_wrong_shape_is_unresolved(tree: object) -> None:
    along = Graph.build(CI, {CI: tree}).dependants(["a"], ["a", "b"])
    assert along.unknown


def test_a_missing_file_is_unresolved() -> None:
    assert "could not be read" in Graph.build(CI, {}).unresolved[0]


@pytest.mark.parametrize(
    ("condition", "needs", "is_one"),
    [
        ("always()", ["a"], True),
        ("${{ always() }}", ["a"], True),
        ("!cancelled()", ["a"], True),
        ("failure() && github.ref == 'x'", ["a"], True),
        ("ALWAYS ( )", ["a"], True),
        ("always()", [], False),
        ("success()", ["a"], False),
        ("github.event_name == 'push'", ["a"], False),
        ("inputs.always", ["a"], False),
        (True, ["a"], False),
    ],
)
def test_aggregators_are_jobs_with_needs_that_ask_for_a_status(
    condition: object, needs: list[str], is_one: bool
) -> None:
    g = graph({"a": job(), "gate": job(*needs, **{"if": condition})})
    assert g.is_aggregator("gate") is is_one
    assert g.needs_of("gate", ["a", "gate"]) == tuple(needs)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        (None, None),
        ("prod", "prod"),
        ({"name": "prod", "url": "x"}, "prod"),
        ({"url": "x"}, "?"),
        (["odd"], "?"),
        ("", "?"),
    ],
)
def test_environments_are_seen_however_they_are_written(environment: object, found: str | None) -> None:
    g = graph({"a": job(environment=environment)})
    assert g.environment_of("a") == found


def bomb(levels: int) -> list[Any]:
    tree: list[Any] = ["x"] * 10
    for _ in range(levels):
        tree = [tree] * 10
    return tree


def circle() -> list[Any]:
    tree: list[Any] = []
    tree.append(tree)
    return tree


@pytest.mark.parametrize(
    "jobs",
    [
        {f"j{n}": job(f"j{n - 1}") if n else job() for n in range(10_000)},
        {f"j{n}": job() for n in range(20_000)},
        {"a": job(strategy={"matrix": {"v": bomb(12)}})},
        {"a": job(strategy={"matrix": {"v": circle()}})},
        {"a": job(strategy={"matrix": {"v": [1], "exclude": [{"v": bomb(12)}], "include": [{"w": circle()}]}})},
        {"a": job(strategy={"matrix": {f"k{n}": list(range(10)) for n in range(50)}})},
        {"a": job(strategy={"matrix": {"v": [10**5_000]}})},
        {"a": job(needs=bomb(3))},
        {"a": job(name="${{ x }}a" * 600)},
        {f"j{n}": job(name="${{ x }}a" * 20) for n in range(3_000)},
        {"a": job(**{"if": "always" * 100_000})},
        {"a": {"uses": "./.github/workflows/ci.yml", "strategy": {"matrix": {"v": list(range(200))}}}},
    ],
    ids=range(12),
)
def test_hostile_trees_end_soon_and_never_raise(jobs: dict[str, Any]) -> None:
    began = time.perf_counter()
    g = graph(jobs)
    names = [*list(jobs)[:500], "a (1)", "aa" * 100]
    g.dependants(names[:20], names)
    g.key_of("a" * 300)
    assert len(g.nodes) <= MOST_NODES
    assert time.perf_counter() - began < 5


def test_workflows_that_call_each_other_end() -> None:
    fan = {"uses": "./.github/workflows/b.yml", "strategy": {"matrix": {"v": list(range(200))}}}
    back = {"uses": "./.github/workflows/ci.yml"}
    g = graph(
        {"x": fan, "y": fan}, b={"p": {"uses": "./.github/workflows/c.yml"}, "q": fan}, c={"back": back, "z": job()}
    )
    assert len(g.nodes) <= MOST_NODES
    assert g.dependants(["x (1) / p / back / w"], ["x (1) / p / back / w"]).unknown


# --- the matrix, as GitHub documents it


def test_include_extends_what_it_does_not_contradict_and_else_adds_a_job() -> None:
    found = expand(
        {
            "os": ["linux", "mac"],
            "db": ["pg", "lite"],
            "include": [
                {"level": "full"},  # contradicts nothing: extends all
                {"level": "quick", "db": "pg"},  # may replace what an include set, never what the matrix set
                {"os": "linux", "cache": "on"},
                {"os": "bsd"},  # contradicts all: a job of its own
                {"os": "bsd", "db": "pg"},  # and that job is no original, so it is not extended
            ],
        }
    )
    assert [dict(c) for c in found] == [
        {"os": "linux", "db": "pg", "level": "quick", "cache": "on"},
        {"os": "linux", "db": "lite", "level": "full", "cache": "on"},
        {"os": "mac", "db": "pg", "level": "quick"},
        {"os": "mac", "db": "lite", "level": "full"},
        {"os": "bsd"},
        {"os": "bsd", "db": "pg"},
    ]


def test_exclude_takes_partial_matches_and_goes_before_include() -> None:
    matrix = {"os": ["m", "w"], "v": [1, 2], "exclude": [{"os": "m"}], "include": [{"os": "m", "v": 1}]}
    assert [dict(c) for c in expand(matrix)] == [{"os": "w", "v": 1}, {"os": "w", "v": 2}, {"os": "m", "v": 1}]


def test_a_matrix_of_includes_alone_makes_one_job_each() -> None:
    assert [dict(c) for c in expand({"include": [{"site": "a"}, {"site": "b", "x": 1}]})] == [
        {"site": "a"},
        {"site": "b", "x": 1},
    ]


@pytest.mark.parametrize(
    "matrix",
    ["${{ x }}", [], 1, {}, {"v": "${{ x }}"}, {"v": ["${{ x }}"]}, {"v": 1}, {"include": ["x"]}, {1: [1]}, {"v": []}],
)
def test_a_matrix_that_is_not_known_says_so(matrix: object) -> None:
    with pytest.raises(Unresolved):
        expand(matrix)


def test_the_cap_of_256_jobs_holds_on_both_sides() -> None:
    assert len(expand({"a": list(range(16)), "b": list(range(16))})) == MOST_JOBS
    with pytest.raises(Unresolved, match="256"):
        expand({"a": list(range(16)), "b": list(range(16)), "include": [{"a": 99}]})
    assert len(expand({"a": list(range(20)), "b": list(range(20)), "exclude": [{"a": n} for n in range(10)]})) == 200


# --- against a second reading

IDS = [f"j{n}" for n in range(8)]


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    jobs: dict[str, Any] = {}
    for n, name in enumerate(IDS[: draw(st.integers(2, len(IDS)))]):
        needs = draw(st.lists(st.sampled_from(IDS[:n]), unique=True, max_size=3)) if n else []
        matrix = draw(st.sampled_from([None, {"v": [1, 2]}, {"os": ["u", "w"], "v": [1]}]))
        jobs[name] = job(*needs, **({"strategy": {"matrix": matrix}} if matrix else {}))
    return jobs


def shown_names(job_id: str, tree: Mapping[str, Any]) -> list[str]:
    matrix = tree.get("strategy", {}).get("matrix")
    return [job_id + suffix(c) for c in expand(matrix)] if matrix else [job_id]


@settings(max_examples=150, deadline=None)
@given(jobs=workflows(), data=st.data())
def test_dependants_equal_a_naive_reading(jobs: dict[str, Any], data: st.DataObject) -> None:
    def depends(a: str, on: str) -> bool:
        return any(need == on or depends(need, on) for need in jobs[a].get("needs", []))

    by_id = {job_id: shown_names(job_id, tree) for job_id, tree in jobs.items()}
    names = [name for shown in by_id.values() for name in shown]
    asked = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    ids = {job_id for job_id, shown in by_id.items() for name in shown if name in asked}
    expected = {n for j, shown in by_id.items() if any(depends(j, i) for i in ids) for n in shown} - set(asked)
    along = graph(jobs).dependants(asked, names)
    assert set(along.names) == expected
    assert not along.unknown
    assert not along.absent


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_tree_is_read_without_raising(tree: object) -> None:
    for shape in (
        tree,
        {"jobs": tree},
        {"jobs": {"a": tree}},
        {"jobs": {"a": {"strategy": {"matrix": tree}, "name": tree}}},
    ):
        parse_workflow(shape)
        Graph.build(CI, {CI: shape}).dependants(["a"], ["a"])
    for key in ("needs", "uses", "if", "environment", "strategy"):
        Graph.build(CI, {CI: {"jobs": {"a": {key: tree}, "b": {}}}}).dependants(["a"], ["a", "b"])
