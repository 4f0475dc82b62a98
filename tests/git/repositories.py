"""Repositories made by real git with fixed dates and authors, so that equal stories give equal object names."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cicatrix.git import Author

US = Author(name="Cicatrix", email="cicatrix@example.test")
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
START = 1_767_000_000
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

Content = bytes | tuple[str, bytes] | None
"""Bytes of a plain file; with a mode for anything else (160000: the bytes are a commit's name); None deletes."""

_ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/dev/null",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_NAME": "Somebody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "somebody@example.test" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_DATE": f"{START} +0000" for who in ("AUTHOR", "COMMITTER")},
}


def git(folder: Path, *arguments: str, stdin: bytes = b"", ok: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Plain git, as somebody else would run it."""
    line = ["git", "-C", str(folder), *arguments]
    return subprocess.run(line, input=stdin, env=_ENV, capture_output=True, check=ok, timeout=60)


def says(folder: Path, *arguments: str) -> str:
    return git(folder, *arguments).stdout.decode().strip()


@dataclass(slots=True)
class Maker:
    """A bare repository that grows commit by commit, without any checkout."""

    folder: Path
    count: int = 0
    trees: dict[str, dict[str, Content]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.folder / "HEAD").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main")

    def commit(
        self,
        changes: Mapping[str, Content],
        *parents: str,
        branch: str = "main",
        message: str = "",
    ) -> str:
        """A commit on its first parent's files with these changes; the branch then stands at it."""
        files = dict(self.trees.get(parents[0], {})) if parents else {}
        files = {name: content for name, content in {**files, **changes}.items() if content is not None}
        self.count += 1
        body = [_header(branch, self.count, message or f"change {self.count}\n", parents), b"deleteall\n"]
        body += [_file(name, content) for name, content in files.items()]
        git(self.folder, "fast-import", "--quiet", "--force", stdin=b"".join(body))
        sha = says(self.folder, "rev-parse", f"refs/heads/{branch}")
        self.trees[sha] = files
        return sha

    def tree(self, sha: str) -> str:
        return says(self.folder, "rev-parse", f"{sha}^{{tree}}")

    def tree_of(self, files: Mapping[str, Content]) -> str:
        """The tree that holds exactly these files."""
        return self.tree(self.commit(files, branch=f"expected-{self.count}"))


def _header(branch: str, number: int, message: str, parents: tuple[str, ...]) -> bytes:
    words = message.encode("utf-8", "surrogateescape")
    who = f"Somebody <somebody@example.test> {START + number * 60} +0000"
    lines = [b"commit refs/heads/%s\n" % branch.encode(), f"author {who}\ncommitter {who}\n".encode()]
    lines.append(b"data %d\n%s\n" % (len(words), words))
    lines += [f"{'merge' if at else 'from'} {parent}\n".encode() for at, parent in enumerate(parents)]
    return b"".join(lines) if parents else b"reset refs/heads/%s\n" % branch.encode() + b"".join(lines)


def _file(name: str, content: Content) -> bytes:
    assert content is not None
    mode, data = content if isinstance(content, tuple) else ("100644", content)
    path = '"' + "".join(f"\\{byte:03o}" for byte in name.encode("utf-8", "surrogateescape")) + '"'
    if mode == "160000":
        return f"M {mode} {data.decode()} {path}\n".encode()
    return f"M {mode} inline {path}\ndata {len(data)}\n".encode() + data + b"\n"
