"""Repositories that try to run something: whatever steps into a trap leaves a mark in a folder."""

from __future__ import annotations

from pathlib import Path

from tests.git.repositories import git

HOOKS = (
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
)
ATTRIBUTES = b"* filter=trap diff=trap merge=trap\n"


def script(marks: Path, name: str) -> str:
    """A program that leaves the mark `name` and passes its input on."""
    marks.mkdir(exist_ok=True)
    program = marks.parent / "programs" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n: > '{marks / name}'\ncat 2>/dev/null\nexit 0\n")
    program.chmod(0o700)
    return str(program)


def settings(marks: Path) -> dict[str, str]:
    """Configuration that makes git run programs."""
    return {
        "core.fsmonitor": script(marks, "fsmonitor"),
        "core.sshCommand": script(marks, "ssh"),
        "core.pager": script(marks, "pager"),
        "core.editor": script(marks, "editor"),
        "core.askPass": script(marks, "askpass"),
        "core.gitProxy": script(marks, "proxy"),
        "core.alternateRefsCommand": script(marks, "alternate-refs"),
        "credential.helper": script(marks, "credential"),
        "diff.external": script(marks, "external-diff"),
        "diff.trap.textconv": script(marks, "textconv"),
        "diff.trap.command": script(marks, "diff-command"),
        "merge.trap.driver": script(marks, "merge-driver"),
        "filter.trap.clean": script(marks, "clean"),
        "filter.trap.smudge": script(marks, "smudge"),
        "filter.trap.process": script(marks, "process"),
        "gpg.program": script(marks, "gpg"),
        "commit.gpgSign": "true",
        "log.showSignature": "true",
        "uploadpack.packObjectsHook": script(marks, "pack-objects"),
        "alias.status": f"!{script(marks, 'alias')}",
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::{script(marks, 'ext')}",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "trace2.eventTarget": str(marks / "trace2"),
    }


def arm(repository: Path, git_folder: Path, marks: Path) -> None:
    """Set every trap in that repository."""
    (git_folder / "hooks").mkdir(exist_ok=True)
    for name in HOOKS:
        hook = git_folder / "hooks" / name
        hook.write_text(f"#!/bin/sh\n: > '{marks / name}'\n")
        hook.chmod(0o700)
    for key, value in settings(marks).items():
        git(repository, "config", key, value)
    (git_folder / "info").mkdir(exist_ok=True)
    (git_folder / "info" / "attributes").write_bytes(ATTRIBUTES)


def environment(marks: Path) -> dict[str, str]:
    """Variables that make git run programs or read somebody's configuration."""
    home = marks.parent / "home"
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text(f"[core]\n\tfsmonitor = {script(marks, 'home')}\n\thooksPath = {marks}\n")
    (home / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    return {
        "HOME": str(home),
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": script(marks, "count-fsmonitor"),
        "GIT_CONFIG_KEY_1": "core.sshCommand",
        "GIT_CONFIG_VALUE_1": script(marks, "count-ssh"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_EXTERNAL_DIFF": script(marks, "env-diff"),
        "GIT_SSH_COMMAND": script(marks, "env-ssh"),
        "GIT_ASKPASS": script(marks, "env-askpass"),
        "GIT_EDITOR": script(marks, "env-editor"),
        "GIT_PAGER": script(marks, "env-pager"),
        "GIT_EXEC_PATH": str(marks.parent / "programs"),
        "GIT_TEMPLATE_DIR": str(marks.parent / "template"),
        "GIT_DIR": str(marks / "elsewhere"),
        "GIT_WORK_TREE": str(marks),
        "GIT_INDEX_FILE": str(marks / "index"),
        "GIT_OBJECT_DIRECTORY": str(marks / "objects"),
        "GIT_TRACE": str(marks / "trace"),
        "GIT_TRACE2_EVENT": str(marks / "trace2"),
        "GIT_CURL_VERBOSE": "1",
        "PATH": f"{marks.parent / 'programs'}:/usr/local/bin:/usr/bin:/bin",
    }


def left(marks: Path) -> list[str]:
    """Names of the traps that were stepped into."""
    return sorted(path.name for path in marks.iterdir()) if marks.exists() else []
