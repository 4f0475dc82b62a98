"""Scenario files: a world written down in YAML, for `cicatrix simulate --scenario FILE`.

    now: 2026-11-21T12:00:00Z         # optional; the caller's time otherwise
    seed: 1                           # optional; chance of faults and all SHAs come from it
    listing: copied                   # or absent: untouched jobs of a new attempt
    skipped_shown: expanded           # or collapsed
    omit_run_attempt: false
    rate_limit: 5000                  # requests an hour; optional
    tokens:
      - token: demo-token
        login: octocat
        kind: user                    # or actions
        permissions: {actions: write, checks: read, contents: read, members: read, pull_requests: read}  # else all
        repositories: [acme/shop]     # all if left out
    teams: {acme/leads: [octocat]}
    repositories:
      - name: acme/shop
        default_branch: main
        private: false
        collaborators: {octocat: write}  # read, triage, write, maintain, admin; else read, or none where private
        protected: [main]
        files: {README.md: "hello"}
        git: false                    # true: a real repository, which begins with `files` and `workflows`
        commits: []                   # with git, oldest first: {message: Add it, files: {a.py: "text", b.py: null}}
        workflows:
          - path: .github/workflows/ci.yml
            name: CI
            on: [pull_request]
            jobs:
              - id: test
                name: Test                      # optional, may hold ${{ matrix.x }}
                needs: [build]
                matrix: {python: ["3.11", "3.12"]}
                dynamic_matrix: false
                always: false                   # an aggregator
                environment: production
                uses: ./.github/workflows/x.yml # a reusable workflow, with its own `jobs`
                labels: [ubuntu-latest]
                seconds: 60
                steps: [Run actions/checkout@v4, Run tests]
                outcomes: [{failure: "log lines", step: Run tests}, success]
                matrix_outcomes: {"3.11": [lost_runner, success]}
        pull_requests:
          - number: 1
            head_branch: fix                    # pr-<number> if left out
            base_branch: main
            fork: false
            fork_deleted: false
            auto_merge: false
            state: open
            author: contributor
            draft: false
            labels: [ready]
            assignees: [octocat]
            changes: [src/app.py]
            reviews: [{login: octocat, state: APPROVED}]
            checks: [{name: coverage, app: codecov, conclusion: success}]
            runs:
              - workflow: .github/workflows/ci.yml
                finished: true                  # over just now; else it starts now
                outcomes: {test: [timed_out, success]}
                approvals: [{environment: production, login: octocat, state: approved}]
                conclusion: startup_failure     # a run without jobs
        runs:
          - {workflow: .github/workflows/ci.yml, branch: main, event: push, finished: true}
    faults:
      - {kind: answer_502_after_effect, endpoint: "POST *", count: 1, probability: 0.5}

An outcome is a word (`success`, `failure`, `lost_runner`, `never_acquired`, `timed_out`, `cancelled`), or a mapping of
that word to the log of the deciding step, with `step`, `seconds` and, for `lost_runner`, `empty_steps` beside it.
Keys that are not listed here are refused, with their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .parts import SimPull
from .repository import SimRepository
from .specs import JobSpec, Outcome, SimulatorError
from .world import World

DEFAULT = """\
tokens:
  - {token: demo-token, login: octocat, kind: user}
repositories:
  - name: acme/shop
    collaborators: {octocat: admin}
    workflows:
      - path: .github/workflows/ci.yml
        name: CI
        on: [pull_request]
        jobs:
          - {id: build, seconds: 30, steps: [Run actions/checkout@v4, Compile]}
          - {id: test, needs: [build], matrix: {python: ["3.11", "3.12"]}}
          - {id: gate, needs: [test], always: true, seconds: 5}
    pull_requests:
      - number: 1  # the runner of one job was lost
        runs:
          - {workflow: .github/workflows/ci.yml, finished: true, outcomes: {"test (3.11)": [lost_runner, success]}}
      - number: 2  # the registry reset a connection
        runs:
          - workflow: .github/workflows/ci.yml
            finished: true
            outcomes:
              "test (3.12)":
                - failure: &reset |
                    npm error code ECONNRESET
                    npm error network request to https://registry.example.com/left-pad failed, reason: socket hang up
                  step: Install dependencies
                - success
      - number: 3  # a test fails, and will again
        runs:
          - workflow: .github/workflows/ci.yml
            finished: true
            outcomes:
              test:
                failure: &assertion |
                  E       AssertionError: assert 3 == 4
                  FAILED tests/test_cart.py::test_total - AssertionError: assert 3 == 4
      - number: 4  # it does not compile, and speaks of a timeout
        runs:
          - workflow: .github/workflows/ci.yml
            finished: true
            outcomes:
              build: {failure: "src/timeout.c:12:5: error: unknown type name 'timeout_t'", step: Compile}
      - number: 5  # one half is the registry's, the other the code's; the gate fails with them
        runs:
          - workflow: .github/workflows/ci.yml
            finished: true
            outcomes:
              "test (3.11)": [{failure: *reset, step: Install dependencies}, success]
              "test (3.12)": {failure: *assertion}
      - number: 6  # the registry stays away, however often it is asked
        runs:
          - workflow: .github/workflows/ci.yml
            finished: true
            outcomes:
              "test (3.11)": {failure: *reset, step: Install dependencies}
"""
"""The world of `cicatrix simulate` without a file: pull requests that a rerun heals, and some that it cannot."""

_TOP = "now seed listing skipped_shown omit_run_attempt rate_limit tokens teams repositories faults"
_REPOSITORY = "name default_branch private collaborators protected files git commits workflows pull_requests runs"
_JOB = "id name needs matrix dynamic_matrix always environment uses jobs labels seconds steps outcomes matrix_outcomes"
_PULL = "number head_branch base_branch fork fork_deleted auto_merge state author"
_REVIEWS = ("APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING")
_APPROVALS = ("approved", "rejected", "pending")
_PULL_STATE = "draft labels assignees changes reviews"
_WORDS = ("success", "failure", "lost_runner", "never_acquired", "timed_out", "cancelled")


def load(text: str, *, now: datetime | None = None, folder: Path | None = None) -> World:
    """The world that a scenario describes. Raises SimulatorError with the place of what is wrong.

    `now` is the world's time when the scenario gives none; one of the two must be there. `folder` is where the
    repositories with git are kept; without it there can be none.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except YAMLError as problem:
        raise SimulatorError(f"the scenario is not YAML: {problem}") from None
    top = _mapping(tree, "the scenario", _TOP)
    made = World(now=_now(top, now), seed=_integer(top.get("seed", 0), "seed"))
    made.listing = _one_of(top.get("listing", "copied"), "listing", ("copied", "absent"))
    made.skipped_shown = _one_of(top.get("skipped_shown", "expanded"), "skipped_shown", ("expanded", "collapsed"))
    made.omit_run_attempt = bool(top.get("omit_run_attempt", False))
    if "rate_limit" in top:
        made.rate_limit = _integer(top["rate_limit"], "rate_limit")
    for where, token in _items(top.get("tokens", ()), "tokens"):
        values = _mapping(token, where, "token login kind permissions repositories")
        name = _text(values, "token", where)
        made.token(name, **{"login": name, **{k: v for k, v in values.items() if k != "token"}})
    for name, members in _mapping(top.get("teams", {}), "teams", None).items():
        organisation, slash, slug = str(name).partition("/")
        if not (organisation and slash and slug):
            raise SimulatorError(f"teams: {name!r} is no team; write organisation/slug")
        made.team(organisation, slug, _names(members, f"teams.{name}"))
    for where, repository in _items(top.get("repositories", ()), "repositories"):
        _repository(made, where, repository, folder)
    for where, fault in _items(top.get("faults", ()), "faults"):
        values = _mapping(fault, where, "kind endpoint count probability seconds form skip")
        made.faults.add(_text(values, "kind", where), **{k: v for k, v in values.items() if k != "kind"})
    return made


def _now(top: Mapping[str, Any], now: datetime | None) -> datetime:
    value = top.get("now", now)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise SimulatorError(f"now: {value!r} is no time; write 2026-11-21T12:00:00Z") from None
    if not isinstance(value, datetime):
        raise SimulatorError("now: the scenario needs a time; write now: 2026-11-21T12:00:00Z")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _repository(made: World, where: str, tree: Any, folder: Path | None) -> None:
    values = _mapping(tree, where, _REPOSITORY)
    repo = made.repository(_text(values, "name", where), default_branch=values.get("default_branch", "main"))
    repo.private = bool(values.get("private", False))
    for login, role in _mapping(values.get("collaborators", {}), f"{where}.collaborators", None).items():
        repo.collaborator(str(login), str(role))
    for branch in _names(values.get("protected", ()), f"{where}.protected"):
        repo.protect(branch)
    for path, text in _mapping(values.get("files", {}), f"{where}.files", None).items():
        repo.file(path, str(text))
    for place, workflow in _items(values.get("workflows", ()), f"{where}.workflows"):
        parts = _mapping(workflow, place, "path name on jobs")
        jobs = [_job(p, j) for p, j in _items(parts.get("jobs", ()), f"{place}.jobs")]
        repo.workflow(_text(parts, "path", place), jobs, on=parts.get("on", "pull_request"), name=parts.get("name"))
    _git(repo, where, values, folder)
    for place, pull in _items(values.get("pull_requests", ()), f"{where}.pull_requests"):
        parts = _mapping(pull, place, f"{_PULL} {_PULL_STATE} checks runs")
        number = _integer(parts.get("number"), f"{place}.number")
        given = {"head_branch": f"pr-{number}", **{k: parts[k] for k in _PULL.split()[1:] if k in parts}}
        opened = repo.pull_request(number, **given)
        _state_of(opened, place, parts)
        for check_place, check in _items(parts.get("checks", ()), f"{place}.checks"):
            row = _mapping(check, check_place, "name app conclusion")
            repo.check_run(
                opened.head_sha,
                _text(row, "name", check_place),
                _text(row, "app", check_place),
                row.get("conclusion"),
            )
        for run_place, run in _items(parts.get("runs", ()), f"{place}.runs"):
            _run(repo, run_place, run, opened)
    for place, run in _items(values.get("runs", ()), f"{where}.runs"):
        _run(repo, place, run, None)


def _git(repo: SimRepository, where: str, values: Mapping[str, Any], folder: Path | None) -> None:
    """The real repository behind it with the commits that people made, where the scenario asks for one."""
    commits = _items(values.get("commits", ()), f"{where}.commits")
    if not values.get("git", False):
        if commits:
            raise SimulatorError(f"{where}.commits: a repository without git has none; write git: true")
        return
    if folder is None:
        raise SimulatorError(f"{where}.git: there is no folder to keep it in")
    git = repo.attach_git(folder / f"{repo.full_name}.git")
    for place, commit in commits:
        parts = _mapping(commit, place, "branch message files")
        branch = parts.get("branch", repo.default_branch)
        changed = _mapping(parts.get("files", {}), f"{place}.files", None)
        files = {str(path): None if text is None else str(text) for path, text in changed.items()}
        parents = None if branch in git.heads() else [git.heads()[repo.default_branch]]
        git.commit(str(branch), files, _text(parts, "message", place), parents=parents)


def _run(repo: SimRepository, where: str, tree: Any, pull: SimPull | None) -> None:
    values = _mapping(tree, where, "workflow branch event finished outcomes conclusion retriable created_at approvals")
    outcomes = {
        name: _outcomes(f"{where}.outcomes.{name}", row)
        for name, row in _mapping(values.get("outcomes", {}), f"{where}.outcomes", None).items()
    }
    created = values.get("created_at")
    run = repo.run(
        _text(values, "workflow", where),
        pull_request=pull,
        branch=values.get("branch"),
        event=values.get("event"),
        created_at=None if created is None else _now({"now": created}, None),
        finished=bool(values.get("finished", False)),
        outcomes=outcomes or None,
        conclusion=values.get("conclusion"),
        retriable=bool(values.get("retriable", True)),
    )
    for place, given in _items(values.get("approvals", ()), f"{where}.approvals"):
        review = _mapping(given, place, "environment login state")
        state = _one_of(review.get("state", "approved"), f"{place}.state", _APPROVALS)
        run.approve_environment(_text(review, "environment", place), _text(review, "login", place), state)


def _state_of(pull: SimPull, where: str, parts: Mapping[str, Any]) -> None:
    """Draft, labels, assignees, changed files and reviews of a pull request."""
    pull.draft = bool(parts.get("draft", False))
    pull.label(*_names(parts.get("labels", ()), f"{where}.labels"))
    pull.assign(*_names(parts.get("assignees", ()), f"{where}.assignees"))
    pull.change(*_names(parts.get("changes", ()), f"{where}.changes"))
    for place, tree in _items(parts.get("reviews", ()), f"{where}.reviews"):
        review = _mapping(tree, place, "login state")
        state = _one_of(review.get("state", "APPROVED"), f"{place}.state", _REVIEWS)
        pull.review(_text(review, "login", place), state)


def _job(where: str, tree: Any) -> JobSpec:
    values = dict(_mapping(tree, where, _JOB))
    _text(values, "id", where)
    if "jobs" in values:
        values["jobs"] = [_job(p, j) for p, j in _items(values["jobs"], f"{where}.jobs")]
    if "outcomes" in values:
        values["outcomes"] = _outcomes(f"{where}.outcomes", values["outcomes"])
    if "matrix_outcomes" in values:
        rows = _mapping(values["matrix_outcomes"], f"{where}.matrix_outcomes", None)
        values["matrix_outcomes"] = {str(k): _outcomes(f"{where}.matrix_outcomes.{k}", v) for k, v in rows.items()}
    for name in ("needs", "labels", "steps"):
        if name in values:
            values[name] = _names(values[name], f"{where}.{name}")
    return JobSpec(**values)


def _outcomes(where: str, tree: Any) -> list[Outcome]:
    rows = tree if isinstance(tree, list) else [tree]
    return [_outcome(f"{where}[{n}]", row) for n, row in enumerate(rows)]


def _outcome(where: str, tree: Any) -> Outcome:
    values: dict[str, Any] = {tree: None} if isinstance(tree, str) else dict(_mapping(tree, where, None))
    words = [word for word in _WORDS if word in values]
    if len(words) != 1:
        raise SimulatorError(f"{where}: an outcome is one of {', '.join(_WORDS)}, not {tree!r}")
    log = values.pop(words[0])
    if log is not None:
        values["log"] = str(log)
    try:
        made: Outcome = getattr(Outcome, words[0])(**values)
    except TypeError:
        raise SimulatorError(f"{where}: {words[0]} does not take {', '.join(sorted(map(str, values)))}") from None
    return made


def _mapping(tree: Any, where: str, known: str | None) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise SimulatorError(f"{where} must be a mapping of keys to values, not {type(tree).__name__}")
    if known is not None:
        for key in tree:
            if key not in known.split():
                raise SimulatorError(f"{where}: unknown key {key!r}; known are {', '.join(known.split())}")
    return tree


def _items(tree: Any, where: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(tree, list | tuple):
        raise SimulatorError(f"{where} must be a list, not {type(tree).__name__}")
    return [(f"{where}[{n}]", item) for n, item in enumerate(tree)]


def _names(tree: Any, where: str) -> list[str]:
    return [str(item) for _, item in _items(tree, where)]


def _text(tree: Mapping[str, Any], key: str, where: str) -> str:
    value = tree.get(key)
    if not isinstance(value, str) or not value:
        raise SimulatorError(f"{where}: {key} is missing or no text")
    return value


def _integer(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SimulatorError(f"{where} must be a whole number, not {value!r}")
    return value


def _one_of(value: Any, where: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise SimulatorError(f"{where} must be {' or '.join(words)}, not {value!r}")
    return str(value)
