"""A bare repository behind a repository of the simulated GitHub: what it holds, and commits written by plumbing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .git_process import GitCommandError, git
from .parts import SimCommit

if TYPE_CHECKING:
    from .repository import SimRepository
    from .world import World

AUTHOR = "Octo Cat <octocat@example.com>"
_FORMAT = "%x1e%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%B"
_ESCAPED = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n"}

Files = Mapping[str, str | bytes | None]


class SimGit:
    """Made by `SimRepository.attach_git`. What others do to the folder is seen by `sync`, which every request calls."""

    def __init__(self, world: World, repo: SimRepository, path: Path) -> None:
        self.world = world
        self.repo = repo
        self.path = path.absolute()

    def begin(self) -> None:
        """Makes the bare repository when it is not there, and its first commit when it has none."""
        if not (self.path / "HEAD").is_file():
            self.path.mkdir(parents=True, exist_ok=True)
            self.run("init", "--bare", "--quiet", f"--initial-branch={self.repo.default_branch}")
        self.repo.branches.clear()
        if self.heads():
            self.sync()
            return
        files = {path: text for (path, ref), text in self.repo.files.items() if ref is None}
        self.commit(self.repo.default_branch, files or {"README.md": f"# {self.repo.full_name}\n"}, "Begin")

    def run(
        self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, also: Sequence[int] = ()
    ) -> bytes:
        return git(self.path, *arguments, stdin=stdin, env=env, also=also)

    # --- what it holds ---

    def heads(self) -> dict[str, str]:
        """Branch -> SHA, as the folder says."""
        text = self.run("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads/").decode()
        return {name: sha for sha, _, name in (line.partition(" ") for line in text.splitlines())}

    def sync(self) -> None:
        """Takes over where the branches point now, with the world's time."""
        heads = self.heads()
        known = self.repo.branches
        for name in [name for name in known if name not in heads]:
            del known[name]
        for name, sha in heads.items():
            if name not in known:
                known[name] = [(self.world.now, sha)]
                self._reborn(name)
            elif known[name][-1][1] != sha:
                known[name].append((self.world.now, sha))

    def _reborn(self, branch: str) -> None:
        """Open pull requests follow their branch again after it was deleted and made anew."""
        for pull in self.repo.pulls.values():
            if pull.state == "open" and not pull.fork and pull.head_ref == branch:
                pull.heads = self.repo.branches[branch]

    def has(self, sha: str) -> bool:
        return self.run("cat-file", "-t", sha, also=(128,)).strip() == b"commit"

    def read(self, sha: str, path: str) -> bytes | None:
        """A file of a commit; None where there is none."""
        kind = self.run("cat-file", "-t", f"{sha}:{path}", also=(128,)).strip()
        return self.run("cat-file", "blob", f"{sha}:{path}") if kind == b"blob" else None

    def paths(self, sha: str) -> list[str]:
        text = self.run("ls-tree", "-r", "-z", "--name-only", sha, also=(128,)).decode("utf-8", "surrogateescape")
        return sorted(path for path in text.split("\0") if path)

    def log(self, tip: str, *limits: str, paths: Sequence[str] = ()) -> list[SimCommit]:
        """The commits that the tip reaches, newest first, as `git log` orders them."""
        text = self.run("log", f"--format={_FORMAT}", *limits, tip, "--", *paths).decode("utf-8", "replace")
        return [_commit(part) for part in text.split("\x1e") if part]

    def ahead(self, base: str, head: str) -> int:
        """How many commits `head` has that `base` has not."""
        return int(self.run("rev-list", "--count", f"{base}..{head}", "--"))

    def contains(self, tip: str, sha: str) -> bool:
        """Whether the tip reaches the commit."""
        return self.has(sha) and self.run("rev-list", "-1", sha, f"^{tip}", "--") == b""

    def changed(self, base: str, head: str) -> list[str]:
        """Paths that a pull request from `head` to `base` changes."""
        text = self.run("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", f"{base}...{head}", "--")
        return [path for path in text.decode("utf-8", "surrogateescape").split("\0") if path]

    # --- what people write ---

    def commit(
        self,
        branch: str,
        files: Files,
        message: str,
        *,
        parents: Sequence[str] | None = None,
        date: datetime | None = None,
        author: str = AUTHOR,
        modes: Mapping[str, str] | None = None,
    ) -> str:
        """One commit, to which the branch moves; answers its SHA. Equal arguments on equal history give equal SHAs.

        `files`: path -> content, None deletes it. `parents`: the branch's tip unless given; the tree is the first
        one's. `date`: the world's time unless given. `modes`: 100755, 120000, or 160000 whose content is the SHA.
        """
        with self.world.lock:
            if parents is None:
                tip = self.heads().get(branch)
                parents = [tip] if tip else []
            seconds = int((date or self.world.now).timestamp())
            signed = f"{author} {seconds} +0000"
            ref = f"refs/heads/{branch}"
            stream = _stream(ref, files, message=message, parents=parents, signed=signed, modes=modes or {})
            self.run("fast-import", "--quiet", "--force", "--date-format=raw", stdin=stream)
            sha = self.run("rev-parse", "--verify", f"refs/heads/{branch}").decode().strip()
            self.sync()
            return sha

    def merge(self, base: str, head_sha: str, *, method: str, message: str, login: str) -> str | None:
        """Brings a head into the branch by merge, squash or rebase, and answers the new tip; None at a conflict."""
        tip = self.heads()[base]
        env = self._signed(login)
        if method == "rebase":
            made = self._rebased(tip, head_sha, env)
        else:
            done = (
                self.run("merge-tree", "--write-tree", "--no-messages", tip, head_sha, also=(1,)).decode().split("\n")
            )
            conflict = len([line for line in done if line]) > 1
            parents = ["-p", tip] + (["-p", head_sha] if method == "merge" else [])
            made = None if conflict else self._commit_tree(done[0], message, parents, env)
        if made is not None:
            self.run("update-ref", f"refs/heads/{base}", made, tip)
            self.sync()
        return made

    def _rebased(self, tip: str, head_sha: str, env: Mapping[str, str]) -> str | None:
        """The head's own commits on top of the tip, each with its author and message."""
        index = {"GIT_INDEX_FILE": str(self.path / "cicatrix-rebase.index")}
        made = tip
        for sha in self.run("rev-list", "--reverse", "--no-merges", f"{tip}..{head_sha}", "--").decode().split():
            patch = self.run("diff-tree", "-p", "--binary", "--full-index", "--no-ext-diff", f"{sha}^", sha, "--")
            self.run("read-tree", made, env=index)
            try:
                self.run("apply", "--cached", "-", stdin=patch, env=index)
            except GitCommandError:
                return None
            tree = self.run("write-tree", env=index).decode().strip()
            old = self.log(sha, "-1")[0]
            author = {
                "GIT_AUTHOR_NAME": old.author,
                "GIT_AUTHOR_EMAIL": old.email,
                "GIT_AUTHOR_DATE": f"{int(old.authored_at.timestamp())} +0000",
            }
            made = self._commit_tree(tree, old.message, ["-p", made], {**env, **author})
        return made

    def _commit_tree(self, tree: str, message: str, parents: Sequence[str], env: Mapping[str, str]) -> str:
        done = self.run("commit-tree", tree, *parents, "-F", "-", stdin=message.encode(), env=env)
        return done.decode().strip()

    def _signed(self, login: str) -> Mapping[str, str]:
        date = f"{int(self.world.now.timestamp())} +0000"
        mail = f"{login}@example.com"
        return {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", login), ("EMAIL", mail), ("DATE", date))
        }


def _stream(
    ref: str, files: Files, *, message: str, parents: Sequence[str], signed: str, modes: Mapping[str, str]
) -> bytes:
    """The commit in the words of `git fast-import`."""
    text = message.encode()
    lines = [f"commit {ref}\nauthor {signed}\ncommitter {signed}\ndata {len(text)}\n".encode(), text, b"\n"]
    lines += [f"{'merge' if place else 'from'} {sha}\n".encode() for place, sha in enumerate(parents)]
    for path, content in files.items():
        lines.append(_change(path, content, modes.get(path, "100644")))
    return b"".join((*lines, b"\n"))


def _change(path: str, content: str | bytes | None, mode: str) -> bytes:
    quoted = '"' + path.translate(_ESCAPED) + '"'
    if content is None:
        return f"D {quoted}\n".encode("utf-8", "surrogateescape")
    blob = content.encode() if isinstance(content, str) else content
    if mode == "160000":
        return f"M {mode} {blob.decode()} {quoted}\n".encode()
    start = f"M {mode} inline {quoted}\ndata {len(blob)}\n".encode("utf-8", "surrogateescape")
    return start + blob + b"\n"


def _commit(text: str) -> SimCommit:
    sha, tree, parents, author, email, authored, committed, message = text.split("\0", 7)
    return SimCommit(
        sha=sha,
        tree=tree,
        parents=tuple(parents.split()),
        author=author,
        email=email,
        authored_at=datetime.fromtimestamp(int(authored), UTC),
        committed_at=datetime.fromtimestamp(int(committed), UTC),
        message=message.rstrip("\n"),
    )
