"""A repository of the simulated GitHub: files, workflows, pull requests, branches, runs, checks of other Apps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from .git_host import GitHost
from .git_repo import SimGit
from .parts import BranchRules, ForeignCheck, Heads, SimPull, SimRun, SimStatus, SimWorkflow, head_at
from .reusable import referenced, write_reusable
from .specs import JobSpec, Outcomes, SimulatorError, leaves
from .state import AttemptPlan, RunAttempt, RunState, build_attempt
from .workflow_file import Events, workflow_text
from .workflow_reader import job_specs

if TYPE_CHECKING:
    from .world import World

P = ParamSpec("P")
R = TypeVar("R")


def locked(verb: Callable[Concatenate[SimRepository, P], R]) -> Callable[Concatenate[SimRepository, P], R]:
    """The verb runs under the world's lock, as requests do: no reader sees half of it."""

    @functools.wraps(verb)
    def call(self: SimRepository, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.world.lock:
            return verb(self, *args, **kwargs)

    return call


@dataclass(slots=True)
class SimRepository:
    """Made by `World.repository`. Every verb may be called at any time; what it makes exists from then on."""

    world: World
    full_name: str
    id: int
    default_branch: str
    files: dict[tuple[str, str | None], bytes] = field(default_factory=dict)
    workflows: dict[str, SimWorkflow] = field(default_factory=dict)
    pulls: dict[int, SimPull] = field(default_factory=dict)
    branches: dict[str, Heads] = field(default_factory=dict)
    runs: list[RunState] = field(default_factory=list)
    checks: list[ForeignCheck] = field(default_factory=list)
    statuses: list[SimStatus] = field(default_factory=list)
    collaborators: dict[str, str] = field(default_factory=dict)
    """Login in lower case -> role."""
    protected: set[str] = field(default_factory=set)
    rules: dict[str, BranchRules] = field(default_factory=dict)
    actions_may_open_pulls: bool = True
    """The setting "Allow GitHub Actions to create and approve pull requests", which is off at first at GitHub."""
    git: SimGit | None = None
    """The real repository behind it, after `attach_git`."""
    private: bool = False
    """Nobody sees a private repository but its collaborators; everybody has `read` in a public one."""

    @property
    def owner(self) -> str:
        return self.full_name.partition("/")[0]

    @locked
    def collaborator(self, login: str, role: str | None) -> None:
        """Gives a user a role (read, triage, write, maintain, admin or an organisation's own), or takes it (None)."""
        self.collaborators.pop(login.lower(), None)
        if role is not None:
            self.collaborators[login.lower()] = role

    def role_of(self, login: str) -> str:
        """The user's role, as GitHub tells it."""
        if login.lower() == self.owner.lower():
            return "admin"
        return self.collaborators.get(login.lower()) or ("none" if self.private else "read")

    @locked
    def protect(self, /, branch: str, **rules: Any) -> None:
        """Protects a branch, which is made when it is not there; `rules` are the fields of BranchRules."""
        self.branch(branch)
        self.protected.add(branch)
        self.rules[branch] = BranchRules(**rules)

    @locked
    def attach_git(self, path: Path) -> SimGit:
        """From now on branches, commits, heads of pull requests and files are those of this bare repository.

        It is made when it is not there; an empty one begins with the files that the repository had.
        """
        if self.world.git is None:
            GitHost(self.world)
        self.git = SimGit(self.world, self, path)
        self.git.begin()
        return self.git

    @locked
    def rename(self, full_name: str) -> None:
        """Renames the repository; another owner's name transfers it. Its old name then leads to it (301).

        https://docs.github.com/en/repositories/creating-and-managing-repositories/renaming-a-repository
        """
        before = self.full_name
        self.world.move_repository(self, full_name)
        for run in self.runs:
            run.repository = full_name
            run.head_repository = full_name if run.head_repository == before else run.head_repository
        for pull in self.pulls.values():
            pull.head_repository = full_name if pull.head_repository == before else pull.head_repository

    @locked
    def delete(self) -> None:
        """Deletes the repository. `World.repository` of the same name then makes another one, with another id."""
        self.world.delete_repository(self)

    @locked
    def file(self, path: str, text: str | bytes, ref: str | None = None) -> None:
        """Puts a file under one ref (branch or SHA), or under every ref."""
        self.files[(path, ref)] = text.encode() if isinstance(text, str) else text

    @locked
    def remove_file(self, path: str) -> None:
        for key in [k for k in self.files if k[0] == path]:
            del self.files[key]

    def find_file(self, path: str, ref: str | None, at: datetime) -> bytes | None:
        """The file as the contents API finds it; without a ref on the default branch."""
        wanted = ref or self.default_branch
        if self.git is not None:
            return self.git.read(self.commit_of(wanted, at), path)
        candidates: list[str | None] = [wanted, wanted.removeprefix("refs/heads/")]
        if candidates[-1] in self.branches:
            candidates.append(head_at(self.branches[candidates[-1] or ""], at))
        candidates += [name for name, heads in self.branches.items() if head_at(heads, at) == wanted]
        candidates.append(None)
        return next((self.files[(path, c)] for c in candidates if (path, c) in self.files), None)

    def paths(self, ref: str, at: datetime) -> list[str]:
        """Every file's path at a ref, sorted; without git those of all refs."""
        if self.git is not None:
            return self.git.paths(self.commit_of(ref, at))
        return sorted({path for path, _ in self.files})

    def commit_of(self, ref: str, at: datetime) -> str:
        """The SHA that a branch (short or whole name) had at that time; anything else is taken for a SHA."""
        name = ref.removeprefix("refs/").removeprefix("heads/")
        return head_at(self.branches[name], at) if name in self.branches else ref

    def lines(self) -> list[Heads]:
        """The heads of every branch and pull request."""
        return [*self.branches.values(), *(pull.heads for pull in self.pulls.values())]

    def knows(self, sha: str) -> bool:
        """Whether the repository holds the commit."""
        if self.git is not None:
            return self.git.has(sha)
        return any(sha == head for heads in self.lines() for _, head in heads) or any(
            sha == run.head_sha for run in self.runs
        )

    @locked
    def workflow(
        self,
        path: str,
        jobs: Sequence[JobSpec] = (),
        *,
        on: Events = "pull_request",
        name: str | None = None,
        run_name: str | None = None,
        text: str | None = None,
    ) -> SimWorkflow:
        """Adds a workflow and writes its file, and those of the reusable workflows that it calls.

        `on` may be a mapping as in a file; `run_name` may hold `${{ ... }}` of the event. With `text` the file is that,
        and its jobs are read from it unless given. A repository with git gets its files by `git.commit` instead.
        """
        shown = name or path.rpartition("/")[2].rpartition(".")[0]
        jobs = jobs or job_specs(text or "")
        leaves(jobs)
        self.file(path, text or workflow_text(shown, on, jobs, run_name=run_name))
        write_reusable(self, jobs)
        existing = self.workflows.get(path)
        workflow = SimWorkflow(
            id=existing.id if existing else self.world.next_id("workflow"),
            path=path,
            name=shown,
            jobs=tuple(jobs),
            made_at=self.world.now,
        )
        self.workflows[path] = workflow
        return workflow

    @locked
    def branch(self, name: str) -> str:
        """The branch's head SHA; the branch is made when it is not there."""
        if name not in self.branches:
            self.branches[name] = [(self.world.now, self.world.next_sha())]
        return self.branches[name][-1][1]

    @locked
    def pull_request(
        self,
        number: int,
        *,
        head_branch: str = "change",
        base_branch: str | None = None,
        fork: bool = False,
        fork_deleted: bool = False,
        auto_merge: bool = False,
        state: str = "open",
        author: str = "contributor",
    ) -> SimPull:
        """Opens a pull request with a fresh head commit. A fork's is `<author>/<name of the repository>`."""
        is_fork = fork or fork_deleted
        home = f"{author}/{self.full_name.partition('/')[2]}" if is_fork else self.full_name
        sha = self.world.next_sha()
        heads: Heads = [(self.world.now, sha)]
        if not is_fork:
            heads = self.branches[head_branch] = self.branches.get(head_branch, heads)
        pull = SimPull(
            world=self.world,
            id=self.world.next_id("pull"),
            number=number,
            head_ref=head_branch,
            base_ref=base_branch or self.default_branch,
            head_repository=None if fork_deleted else home,
            fork=is_fork,
            author=author,
            auto_merge=auto_merge,
            state=state,
            created_at=self.world.now,
            heads=heads,
        )
        self.branch(pull.base_ref)
        self.pulls[number] = pull
        return pull

    @locked
    def push(self, target: SimPull | int | str) -> str:
        """A new commit on a pull request (itself or its number) or on a branch; answers its SHA. Starts no run."""
        sha = self.world.next_sha()
        if isinstance(target, str):
            self.branch(target)
            self.branches[target].append((self.world.now, sha))
            return sha
        pull = self.pulls[target] if isinstance(target, int) else target
        pull.heads.append((self.world.now, sha))
        return sha

    @locked
    def check_run(
        self,
        sha: str,
        name: str,
        app_slug: str,
        conclusion: str | None = "success",
        *,
        status: str | None = None,
        title: str | None = None,
        summary: str | None = None,
    ) -> ForeignCheck:
        """A check of another App on a commit; without a conclusion it is still in progress."""
        check = ForeignCheck(
            id=self.world.next_id("job"),
            name=name,
            head_sha=sha,
            app_slug=app_slug,
            status=status or ("completed" if conclusion else "in_progress"),
            conclusion=conclusion,
            at=self.world.now,
            title=title,
            summary=summary,
        )
        self.checks.append(check)
        return check

    @locked
    def status(self, sha: str, context: str, state: str = "success") -> SimStatus:
        """A commit status: error, failure, pending or success; the latest of a context counts."""
        number = self.world.next_id("status")
        made = SimStatus(id=number, context=context, state=state, sha=sha, at=self.world.now)
        self.statuses.append(made)
        return made

    @locked
    def run(
        self,
        workflow_path: str,
        *,
        pull_request: SimPull | int | None = None,
        branch: str | None = None,
        event: str | None = None,
        head_sha: str | None = None,
        created_at: datetime | None = None,
        finished: bool = False,
        outcomes: Outcomes | None = None,
        conclusion: str | None = None,
        retriable: bool = True,
        actor: str = "contributor",
    ) -> SimRun:
        """Starts a run of a workflow, for a pull request or on a branch.

        It progresses with the world's time; with `finished` it began early enough to be over just now.
        `outcomes` replaces, by shown job name or job id, what the workflow's jobs come to in this run.
        `conclusion` makes a run without jobs (`startup_failure`, `action_required`).
        `retriable=False` is a run that GitHub will not retry.
        """
        workflow = self.workflows.get(workflow_path)
        if workflow is None:
            raise SimulatorError(
                f"{self.full_name} has no workflow {workflow_path!r}; it has "
                f"{', '.join(sorted(self.workflows)) or 'none'}"
            )
        pull = self.pulls[pull_request] if isinstance(pull_request, int) else pull_request
        if pull is None and branch is None:
            branch = self.default_branch
        sha = head_sha or (pull.head_sha if pull else self.branch(branch or self.default_branch))
        opened = leaves(workflow.jobs, outcomes) if conclusion is None else ()
        state = RunState(
            id=self.world.next_id("run"),
            repository=self.full_name,
            repository_id=self.id,
            workflow_id=workflow.id,
            path=workflow.path,
            workflow_name=workflow.name,
            event=event or ("pull_request" if pull else "push"),
            head_sha=sha,
            head_branch=pull.head_ref if pull else branch,
            head_repository=pull.head_repository if pull else self.full_name,
            run_number=sum(1 for r in self.runs if r.workflow_id == workflow.id) + 1,
            check_suite_id=self.world.next_id("suite"),
            created_at=created_at or self.world.now,
            actor=pull.author if pull else actor,
            pull_request=pull.number if pull else None,
            fork=bool(pull and pull.fork),
            leaves=opened,
            referenced=tuple(referenced(self, workflow.jobs, sha, pull)),
            retriable=retriable and conclusion is None,
        )
        self._first_attempt(state, conclusion)
        if finished and created_at is None:
            length = state.ends_at - state.created_at
            state.created_at = self.world.now - length - timedelta(seconds=1)
            state.attempts.clear()
            self._first_attempt(state, conclusion)
        self.runs.append(state)
        self.world.register_run(self, state)
        return SimRun(self.world, state)

    def _first_attempt(self, state: RunState, conclusion: str | None) -> None:
        if conclusion is not None:
            state.attempts.append(
                RunAttempt(
                    number=1,
                    started_at=state.created_at,
                    triggering_login=state.actor,
                    executions=[],
                    latest={},
                    conclusion=conclusion,
                )
            )
            return
        plan = AttemptPlan(
            number=1,
            at=state.created_at,
            login=state.actor,
            fresh=frozenset(leaf.name for leaf in state.leaves),
            copy_untouched=False,
            collapse_skipped=self.world.skipped_shown == "collapsed",
        )
        state.attempts.append(build_attempt(state, plan, lambda: self.world.next_id("job")))
