"""Python: ruff, pip-audit, compileall, pytest or unittest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cicatrix.checks.ecosystems.look import Choice, Left, Look, check, table
from cicatrix.core.health.model import Component

JUNIT = ".cicatrix-junit.xml"
_MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
_TESTS = ("test_*.py", "*_test.py", "tests/**/test_*.py", "test/**/test_*.py", "tests/**/*_test.py")


def python(look: Look) -> Iterator[Choice | Left]:
    """Chosen where a manifest or a module is."""
    found = look.has(*_MANIFESTS) or ("*.py" if look.any("*.py", "src/*/*.py") else "")
    if found:
        yield _lint(look)
        yield _security(look)
        yield Choice(
            check("python-compile", Component.BUILD, "python3", "-m", "compileall", "-q", "-f", *_sources(look)),
            f"{found} is there, and every module must compile",
        )
        yield _tests(look)


def _lint(look: Look) -> Choice | Left:
    configured = look.has("ruff.toml", ".ruff.toml") or (
        "pyproject.toml" if table(look.toml("pyproject.toml"), "tool", "ruff") else ""
    )
    if not look.available("ruff"):
        return Left("ruff", "it is not installed")
    command = ("ruff", "check", "--output-format", "json", "--no-cache", ".")
    # rules that nobody chose may warn, not block
    return Choice(
        check("python-ruff", Component.LINT, *command, parser="ruff", blocking=bool(configured)),
        f"{configured} configures it" if configured else "ruff is installed; it only warns, as nothing configures it",
    )


def _security(look: Look) -> Choice | Left:
    wanted = look.text("requirements.txt").strip()
    project = table(look.toml("pyproject.toml"), "project")
    if not wanted and not project.get("dependencies"):
        return Left("pip-audit", "no dependency is declared")
    if not look.available("pip-audit"):
        return Left("pip-audit", "it is not installed")
    source: tuple[str, ...] = (".",)
    if wanted:
        # with every version given nothing has to be resolved, so no package's code runs
        source = (*(("--disable-pip", "--no-deps") if _pinned(wanted) else ()), "-r", "requirements.txt")
    command = ("pip-audit", "--format", "json", "--progress-spinner", "off", *source)
    return Choice(
        check("python-pip-audit", Component.SECURITY, *command, parser="pip-audit"),
        f"{'requirements.txt' if wanted else 'pyproject.toml'} declares dependencies",
    )


def _pinned(requirements: str) -> bool:
    lines = [line.split("#")[0].strip() for line in requirements.splitlines()]
    return all(re.fullmatch(r"[A-Za-z0-9._\[\],-]+==[A-Za-z0-9.!+_-]+", line) for line in lines if line)


def _sources(look: Look) -> list[str]:
    """Packages and modules; tests may hold files that must not compile."""
    if (look.folder / "src").is_dir():
        return ["src"]
    packages = sorted(path.parent.name for path in look.folder.glob("*/__init__.py"))
    modules = sorted(path.name for path in look.folder.glob("*.py"))
    # a name like an option would be one; the folder as a whole holds it too
    plain = [name for name in (*packages, *modules) if name not in {"test", "tests"} and not name.startswith("-")]
    return plain or ["."]


def _tests(look: Look) -> Choice | Left:
    if not look.any(*_TESTS):
        return Left("python tests", "no file is named test_*.py")
    if look.available("pytest"):
        command = ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={JUNIT}")
        return Choice(
            check("python-pytest", Component.TESTS, *command, parser="junit", report=JUNIT),
            "test files are there and pytest is installed",
        )
    top = "tests" if look.any("tests/test_*.py") and not look.has("tests/__init__.py") else "."
    return Choice(
        check("python-unittest", Component.TESTS, "python3", "-m", "unittest", "discover", "-s", top),
        "test files are there; pytest is not installed",
    )
