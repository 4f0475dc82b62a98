"""The catalogue of fixes. None of them runs unless the lawbook's `remediation.allow` lists its id.

No entry forces anything: no `--force`, no deleted lockfile, no install script of a dependency.
"""

from __future__ import annotations

from collections.abc import Mapping

from cicatrix.core.health.model import Component
from cicatrix.core.remedy.model import Edit, Remedy, Risk, Stage

_PYTHON = ("**/*.py", "**/*.pyi")
_PYTHON_PROJECT = ("pyproject.toml", "ruff.toml", ".ruff.toml", "setup.cfg", "setup.py", "requirements*.txt")
_SCRIPTS = tuple(f"**/*.{end}" for end in ("js", "jsx", "cjs", "mjs", "ts", "tsx", "cts", "mts", "vue"))
_STYLED = (*_SCRIPTS, *(f"**/*.{end}" for end in ("json", "css", "scss", "less", "html", "md", "yml", "yaml")))
_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
_LOCK_UNDO = "Close the draft pull request; after a merge, revert its commit and install from the lockfile again."

_PYTHON_FIXES = (
    Remedy(
        id="python.ruff-format",
        ecosystem="python",
        trigger=Component.LINT,
        stage=Stage.FORMAT,
        command=("ruff", "format", "--no-cache", "."),
        dry_run=("ruff", "format", "--no-cache", "--diff", "."),
        risk=Risk.LOW,
        paths=_PYTHON,
        needs=_PYTHON_PROJECT,
        about="Formats Python files with ruff, as the repository's own settings say.",
    ),
    Remedy(
        id="python.ruff-fix",
        ecosystem="python",
        trigger=Component.LINT,
        stage=Stage.LINT,
        command=("ruff", "check", "--no-cache", "--fix", "."),
        dry_run=("ruff", "check", "--no-cache", "--diff", "."),
        ends_well=(0, 1),
        risk=Risk.LOW,
        paths=_PYTHON,
        needs=_PYTHON_PROJECT,
        about="Applies the fixes that ruff calls safe.",
    ),
    Remedy(
        id="python.ruff-fix-unsafe",
        ecosystem="python",
        trigger=Component.LINT,
        stage=Stage.LINT,
        command=("ruff", "check", "--no-cache", "--fix", "--unsafe-fixes", "."),
        dry_run=("ruff", "check", "--no-cache", "--diff", "--unsafe-fixes", "."),
        ends_well=(0, 1),
        risk=Risk.HIGH,
        paths=_PYTHON,
        needs=_PYTHON_PROJECT,
        about="Applies also the fixes that may change what the program does. A person runs it, and reads the result.",
    ),
    Remedy(
        id="python.lock-refresh",
        ecosystem="python",
        trigger=Component.BUILD,
        stage=Stage.LOCK,
        command=("uv", "lock", "--no-build"),
        dry_run=("uv", "lock", "--no-build", "--dry-run"),
        risk=Risk.MEDIUM,
        paths=("uv.lock",),
        needs=("uv.lock",),
        undo=_LOCK_UNDO,
        about="Brings uv.lock in line with pyproject.toml, without building anything.",
    ),
    Remedy(
        id="python.requirements-refresh",
        ecosystem="python",
        trigger=Component.BUILD,
        stage=Stage.LOCK,
        command=("pip-compile", "--quiet", "--strip-extras", "requirements.in"),
        dry_run=("pip-compile", "--quiet", "--strip-extras", "--dry-run", "requirements.in"),
        risk=Risk.MEDIUM,
        paths=("requirements.txt",),
        needs=("requirements.in",),
        undo=_LOCK_UNDO,
        about="Brings requirements.txt in line with requirements.in.",
    ),
    Remedy(
        id="python.safe-bump",
        ecosystem="python",
        trigger=Component.SECURITY,
        stage=Stage.BUMP,
        command=(
            *("pip-audit", "--format", "json", "--progress-spinner", "off"),
            *("--no-deps", "--disable-pip", "--requirement", "requirements.txt"),
        ),
        dry_run=None,
        ends_well=(0, 1),
        edit=Edit.REQUIREMENTS,
        risk=Risk.MEDIUM,
        paths=("requirements.txt",),
        needs=("requirements.txt",),
        about="Raises pinned requirements to the first version without a known vulnerability, never to another major.",
    ),
)

_NODE_FIXES = (
    Remedy(
        id="node.prettier",
        ecosystem="node",
        trigger=Component.LINT,
        stage=Stage.FORMAT,
        command=("node_modules/.bin/prettier", "--write", "--log-level", "warn", ".", "!.github/**"),
        dry_run=("node_modules/.bin/prettier", "--list-different", ".", "!.github/**"),
        risk=Risk.LOW,
        paths=_STYLED,
        prepare=_INSTALL,
        leaves=("node_modules",),
        needs=(".prettierrc", ".prettierrc.*", "prettier.config.*"),
        about="Formats files with the prettier that the repository installs.",
    ),
    Remedy(
        id="node.eslint-fix",
        ecosystem="node",
        trigger=Component.LINT,
        stage=Stage.LINT,
        command=("node_modules/.bin/eslint", "--fix", "."),
        dry_run=("node_modules/.bin/eslint", "--fix-dry-run", "--format", "json", "."),
        ends_well=(0, 1),
        risk=Risk.MEDIUM,
        paths=_SCRIPTS,
        prepare=_INSTALL,
        leaves=("node_modules",),
        needs=("eslint.config.*", ".eslintrc", ".eslintrc.*"),
        about="Applies the fixes of the eslint that the repository installs. Its configuration is code and runs.",
    ),
    Remedy(
        id="node.lock-refresh",
        ecosystem="node",
        trigger=Component.BUILD,
        stage=Stage.LOCK,
        command=("npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"),
        dry_run=("npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--dry-run"),
        risk=Risk.MEDIUM,
        paths=("package-lock.json",),
        needs=("package-lock.json",),
        undo=_LOCK_UNDO,
        about="Brings package-lock.json in line with package.json; installs nothing and runs no script.",
    ),
    Remedy(
        id="node.audit-fix",
        ecosystem="node",
        trigger=Component.SECURITY,
        stage=Stage.BUMP,
        command=("npm", "audit", "fix", "--package-lock-only", "--ignore-scripts", "--no-fund"),
        dry_run=("npm", "audit", "fix", "--package-lock-only", "--ignore-scripts", "--no-fund", "--dry-run"),
        ends_well=(0, 1),
        risk=Risk.MEDIUM,
        paths=("package.json", "package-lock.json"),
        needs=("package-lock.json",),
        undo=_LOCK_UNDO,
        about="Raises vulnerable packages within the ranges that package.json allows; never by force.",
    ),
)

_OTHER_FIXES = (
    Remedy(
        id="go.fmt",
        ecosystem="go",
        trigger=Component.LINT,
        stage=Stage.FORMAT,
        command=("go", "fmt", "./..."),
        dry_run=("gofmt", "-d", "."),
        risk=Risk.LOW,
        paths=("**/*.go",),
        needs=("go.mod",),
        about="Formats Go files.",
    ),
    Remedy(
        id="go.mod-tidy",
        ecosystem="go",
        trigger=Component.BUILD,
        stage=Stage.LOCK,
        command=("go", "mod", "tidy"),
        dry_run=("go", "mod", "tidy", "-diff"),
        risk=Risk.MEDIUM,
        paths=("go.mod", "go.sum"),
        creates=("go.sum",),
        deletes=("go.sum",),
        needs=("go.mod",),
        undo=_LOCK_UNDO,
        about="Brings go.mod and go.sum in line with what the code imports. A module that is new is refused.",
    ),
    Remedy(
        id="rust.fmt",
        ecosystem="rust",
        trigger=Component.LINT,
        stage=Stage.FORMAT,
        command=("cargo", "fmt", "--all"),
        dry_run=("cargo", "fmt", "--all", "--check"),
        risk=Risk.LOW,
        paths=("**/*.rs",),
        needs=("Cargo.toml",),
        about="Formats Rust files.",
    ),
    Remedy(
        id="rust.lock-refresh",
        ecosystem="rust",
        trigger=Component.BUILD,
        stage=Stage.LOCK,
        command=("cargo", "update", "--workspace"),
        dry_run=("cargo", "update", "--workspace", "--dry-run"),
        risk=Risk.MEDIUM,
        paths=("Cargo.lock",),
        needs=("Cargo.lock",),
        undo=_LOCK_UNDO,
        about="Brings Cargo.lock in line with Cargo.toml, and raises nothing else.",
    ),
    Remedy(
        id="java.spotless",
        ecosystem="java",
        trigger=Component.LINT,
        stage=Stage.FORMAT,
        command=("mvn", "--batch-mode", "--quiet", "spotless:apply"),
        dry_run=("mvn", "--batch-mode", "--quiet", "spotless:check"),
        risk=Risk.MEDIUM,
        paths=("**/*.java", "**/*.kt"),
        needs=("pom.xml",),
        about="Formats with the spotless plugin that pom.xml configures.",
    ),
    Remedy(
        id="java.spotless-gradle",
        ecosystem="java",
        trigger=Component.LINT,
        stage=Stage.FORMAT,
        command=("gradle", "--quiet", "--no-daemon", "spotlessApply"),
        dry_run=("gradle", "--quiet", "--no-daemon", "spotlessCheck"),
        risk=Risk.MEDIUM,
        paths=("**/*.java", "**/*.kt"),
        needs=("build.gradle", "build.gradle.kts"),
        about="Formats with the spotless plugin that the Gradle build configures.",
    ),
)

REMEDIES = (*_PYTHON_FIXES, *_NODE_FIXES, *_OTHER_FIXES)
CATALOGUE: Mapping[str, Remedy] = {remedy.id: remedy for remedy in REMEDIES}

OWN = "own."
"""How the id of a registry's own fix begins; no id of the catalogue does."""
