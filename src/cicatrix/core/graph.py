"""Which jobs run along when some jobs of a run are run again (foundations 6).

GitHub reruns every job that needs a rerun job, directly or not, and its API does not say which those are. They are
read from the workflow files at the run's head SHA. What the files do not tell is said, never guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cicatrix.core.canonical import canonical
from cicatrix.core.job_names import Template, candidates, fits, joined, unexpanded, written
from cicatrix.core.matrix import NO_MATRIX, Combination, text_of
from cicatrix.core.workflow_file import JobNode, WorkflowFile, parse_workflow, reusable_of

DEEPEST = 10
"""Levels of reusable workflows: GitHub's limit."""
MOST_NODES = 10_000
MOST_PATTERNS = 1_000
_LONGEST_NAME = 100
_ELLIPSIS = "..."

Instance = tuple[tuple[str, int | None], ...]
"""Job id and number of its combination, level by level; None where the matrix is not expanded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """One job as it may show in a run, or the job that calls a reusable workflow."""

    instance: Instance
    job: JobNode
    templates: tuple[Template, ...]
    shadow: bool = False
    """It shows only when it was skipped: the caller of a reusable workflow, or a matrix job before its expansion."""
    doubt: str | None = None
    """Why this job is not known exactly: a dynamic matrix, or a called file that could not be read."""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(job_id for job_id, _ in self.instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependants:
    """What runs along. With `unknown` the planner must take more: every job that was skipped or started later."""

    names: tuple[str, ...]
    """Shown names of jobs of the run, in the run's order, without the jobs asked about."""
    absent: tuple[str, ...] = ()
    """Names under which jobs would show that the run does not list yet; `*` stands for what is not known."""
    reasons: tuple[str, ...] = ()
    """Why the answer is not certain."""

    @property
    def unknown(self) -> bool:
        return bool(self.reasons)


@dataclass(slots=True)
class Graph:
    """The jobs of one workflow file and of the reusable ones it calls. Build it with `Graph.build`."""

    path: str
    unresolved: tuple[str, ...]
    """Why the graph as a whole is not known. Reasons that concern single jobs come with the answer about these."""
    nodes: tuple[Node, ...]
    _files: Mapping[Instance, WorkflowFile]
    _exact: dict[str, list[Node]] = field(default_factory=dict)
    _patterns: list[tuple[Template, Node]] = field(default_factory=list)
    _found: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    _users: dict[Instance, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def build(cls, path: str, files: Mapping[str, object]) -> Graph:
        """The graph of the workflow file `path`. Never raises for what the files hold, and always ends.

        `files` holds the parsed trees by path; those of called workflows by the names of `reusable_paths`. What
        `files()` of another graph gave does as well: the graph is then equal to that one.
        """
        builder = _Builder(files)
        builder.add_run(path)
        graph = cls(path, tuple(dict.fromkeys(builder.unresolved)), tuple(builder.nodes), builder.files)
        graph._index()
        return graph

    def files(self) -> Mapping[str, WorkflowFile]:
        """The workflow files that the graph was built from, by the names of `build`; those that were read, that is."""
        found: dict[str, WorkflowFile] = {}
        for instance, file in self._files.items():
            name = self.path
            for depth, (job_id, _) in enumerate(instance):
                name = reusable_of(self._files[instance[:depth]].jobs[job_id].uses or "", name) or name
            found[name] = file
        return found

    def key_of(self, shown_name: str) -> str | None:
        """The job key: workflow path + job id + matrix values (foundations 2).

        None when the name belongs to no job of the file, or to two different ones: the shown name is the key then.
        """
        nodes = self._match(shown_name)
        if not nodes or len({node.ids for node in nodes}) > 1:
            return None
        node = nodes[0]
        base = f"{self.path}#{'/'.join(node.ids)}"
        if any(number is None for _, number in node.instance) and node.doubt:
            return f"{base}:{shown_name}"
        values = self._values(node) if len(nodes) == 1 else None
        return f"{base}{values}" if values else base

    def job_of(self, shown_name: str) -> JobNode | None:
        """The job of the file that shows under this name; None when there is none, or more than one."""
        nodes = self._match(shown_name)
        return nodes[0].job if nodes and len({node.ids for node in nodes}) == 1 else None

    def environment_of(self, shown_name: str) -> str | None:
        """The deployment environment of any job that shows under this name; None without one."""
        return next((node.job.environment for node in self._match(shown_name) if node.job.environment), None)

    def is_aggregator(self, shown_name: str) -> bool:
        """Whether every job that shows under this name judges the jobs it needs (`if: always()` with `needs`)."""
        nodes = self._match(shown_name)
        return bool(nodes) and all(node.job.aggregator for node in nodes)

    def needs_of(self, shown_name: str, all_names: Collection[str]) -> tuple[str, ...]:
        """Shown names of the jobs that this one needs directly; of a called workflow, all of its jobs.

        A job within a called workflow also needs what the calling job needs.
        """
        wanted: set[tuple[Instance, str]] = set()
        for node in self._match(shown_name):
            for depth, (job_id, _) in enumerate(node.instance):
                prefix = node.instance[:depth]
                job = self._files[prefix].jobs.get(job_id) if prefix in self._files else None
                wanted |= {(prefix, need) for need in (job.needs if job else ())}
        return tuple(name for name in all_names if any(self._within(node, wanted) for node in self._match(name)))

    def dependants(self, names: Iterable[str], all_names: Collection[str]) -> Dependants:
        """Every job of the run that runs along when the named jobs run again, directly or through other dependants.

        `names` and `all_names` are names as the run shows them. Matrix siblings share their needs.
        """
        asked = list(dict.fromkeys(names))
        reasons = list(self.unresolved)
        reached: set[tuple[Instance, str]] = set()
        for name in asked:
            nodes = self._match(name)
            if not nodes:
                reasons.append(f"the job {name} is not in the workflow file")
            if len({node.ids for node in nodes}) > 1:
                reasons.append(f"more than one job of the workflow file shows as {name}")
            reasons += [node.doubt for node in nodes if node.doubt and node.job.uses]
            for node in nodes:
                self._reach(node, reached)
        along = [node for node in self.nodes if self._within(node, reached)]
        reasons += [node.doubt for node in along if node.doubt]
        shown: list[str] = []
        listed: set[tuple[str, ...]] = set()
        for name in dict.fromkeys(all_names):
            nodes = self._match(name)
            if not nodes:
                reasons.append(f"the job {name} is not in the workflow file")
            if self._stands_for_others(nodes):
                continue  # skipped as a whole: when it runs, it runs under the names of its jobs
            for node in nodes:
                listed.update(node.ids[:n] for n in range(1, len(node.ids) + 1))
            if name not in asked and any(self._within(node, reached) for node in nodes):
                shown.append(name)
        absent = [written(node.templates[0]) for node in along if not node.shadow and not _listed(node, listed)]
        return Dependants(
            names=tuple(shown), absent=tuple(dict.fromkeys(absent)), reasons=tuple(dict.fromkeys(reasons))
        )

    def runs_as(self, shown_name: str) -> tuple[str, ...]:
        """The names under which a shown job runs: its own, or those of the jobs that one skipped line stands for.

        A skipped matrix and a skipped reusable workflow show as one line. Its own name while its jobs are not known.
        """
        nodes = self._match(shown_name)
        inner = [n for n in self.nodes if not n.shadow and any(n.ids[: len(s.ids)] == s.ids for s in nodes)]
        if not self._stands_for_others(nodes) or any(n.doubt for n in inner):
            return (shown_name,)
        return tuple(dict.fromkeys(written(n.templates[0]) for n in inner))

    def _stands_for_others(self, nodes: Sequence[Node]) -> bool:
        """Whether a shown name is one line for several jobs: a skipped matrix, or a skipped reusable workflow."""
        return bool(nodes) and all(
            node.shadow and any(not n.shadow and n.ids[: len(node.ids)] == node.ids for n in self.nodes)
            for node in nodes
        )

    def _reach(self, node: Node, reached: set[tuple[Instance, str]]) -> None:
        """Adds (level, job id) of everything that needs the node, on its own level and on those of its callers."""
        for depth, (job_id, _) in enumerate(node.instance):
            prefix = node.instance[:depth]
            users = self._users_in(prefix)
            todo = list(users.get(job_id, ()))
            while todo:
                user = todo.pop()
                if (prefix, user) not in reached:
                    reached.add((prefix, user))
                    todo += users.get(user, ())

    def _users_in(self, prefix: Instance) -> Mapping[str, Sequence[str]]:
        """Job id -> ids of the jobs of the same file that need it."""
        if prefix not in self._users:
            users: dict[str, list[str]] = {}
            for job in self._files[prefix].jobs.values() if prefix in self._files else ():
                for need in job.needs:
                    users.setdefault(need, []).append(job.id)
            self._users[prefix] = users
        return self._users[prefix]

    def _within(self, node: Node, reached: set[tuple[Instance, str]]) -> bool:
        return any((node.instance[:depth], job_id) in reached for depth, (job_id, _) in enumerate(node.instance))

    def _values(self, node: Node) -> str:
        values = {
            f"{'/'.join(node.ids[: depth + 1])}.{key}" if depth < len(node.instance) - 1 else key: text_of(value)
            for depth in range(len(node.instance))
            for key, value in self._combination(node.instance[: depth + 1]).items()
        }
        return canonical(values) if values else ""

    def _combination(self, instance: Instance) -> Combination:
        job_id, number = instance[-1]
        file = self._files.get(instance[:-1])
        matrix = file.jobs[job_id].matrix if file else None
        return matrix[number] if matrix and number is not None else {}

    def _index(self) -> None:
        for node in self.nodes:
            for template in node.templates:
                if len(template) == 1:
                    self._exact.setdefault(template[0], []).append(node)
                else:
                    self._patterns.append((template, node))
        if len(self._patterns) > MOST_PATTERNS:
            self._patterns.clear()
            self.unresolved += (f"more than {MOST_PATTERNS} job names are computed at run time",)

    def _match(self, name: str) -> tuple[Node, ...]:
        """The nodes that may show under the name: exact names first, then names with computed parts."""
        if name not in self._found:
            self._found[name] = self._search(name)
        return self._found[name]

    def _search(self, name: str) -> tuple[Node, ...]:
        if name in self._exact:
            return tuple(self._exact[name])
        if len(name) >= _LONGEST_NAME - len(_ELLIPSIS) and name.endswith(_ELLIPSIS):  # GitHub cuts long names
            start = name.removesuffix(_ELLIPSIS)
            cut = [node for full, nodes in self._exact.items() if full.startswith(start) for node in nodes]
            if cut:
                return tuple(cut)
        fitting = [(template, node) for template, node in self._patterns if fits(template, name)]
        most = max((sum(map(len, template)) for template, _ in fitting), default=0)
        return tuple(dict.fromkeys(node for template, node in fitting if sum(map(len, template)) == most))


def _listed(node: Node, listed: Collection[tuple[str, ...]]) -> bool:
    """Whether the run lists the job, or a job of the same called workflow."""
    return any(node.ids[:n] in listed for n in range(1, len(node.ids) + 1))


class _Builder:
    """Walks the files from the run's own one down, with every limit counted."""

    def __init__(self, files: Mapping[str, object]) -> None:
        self._trees = files
        self._parsed: dict[str, WorkflowFile] = {}
        self.files: dict[Instance, WorkflowFile] = {}
        self.nodes: list[Node] = []
        self.unresolved: list[str] = []
        self._full = False

    def add_run(self, path: str) -> None:
        if path in self._trees:
            self._add_file(path, (), (), (path,))
        else:
            self.unresolved.append(f"the workflow file {path} could not be read")

    def _add_file(self, name: str, prefix: Instance, callers: tuple[Template, ...], chain: tuple[str, ...]) -> None:
        if name not in self._parsed:
            tree = self._trees[name]
            self._parsed[name] = tree if isinstance(tree, WorkflowFile) else parse_workflow(tree)
            self.unresolved += [f"{name}: {reason}" for reason in self._parsed[name].unresolved]
        file = self.files[prefix] = self._parsed[name]
        for job in file.jobs.values():
            doubt = file.unexpanded.get(job.id)
            for number, combination in enumerate(job.matrix or (None,)):
                if self._full:
                    return
                place = (*prefix, (job.id, None if combination is None else number))
                self._add_job(place, job, joined(callers, candidates(job, combination)), chain, doubt)
            if job.matrix not in (None, NO_MATRIX):
                self._keep(
                    Node(
                        instance=(*prefix, (job.id, None)),
                        job=job,
                        templates=joined(callers, unexpanded(job)),
                        shadow=True,
                    )
                )

    def _add_job(
        self, place: Instance, job: JobNode, templates: tuple[Template, ...], chain: tuple[str, ...], doubt: str | None
    ) -> None:
        if job.uses is None:
            self._keep(Node(instance=place, job=job, templates=templates, doubt=doubt))
            return
        called = reusable_of(job.uses, chain[-1])
        if called is None or called not in self._trees or called in chain or len(chain) >= DEEPEST:
            doubt = f"the job {job.id} calls {job.uses[:200]}, which could not be read"
            inner = joined(templates, (("", ""),))
            self._keep(Node(instance=place, job=job, templates=(*templates, *inner), doubt=doubt))
            return
        self._keep(Node(instance=place, job=job, templates=templates, shadow=True, doubt=doubt))
        self._add_file(called, place, templates, (*chain, called))

    def _keep(self, node: Node) -> None:
        if len(self.nodes) >= MOST_NODES:
            self._full = True
            self.unresolved.append(f"the workflow makes more than {MOST_NODES} jobs")
        else:
            self.nodes.append(node)
