"""Node: npm ci, eslint, npm audit, the scripts `build` and `test`."""

from __future__ import annotations

from collections.abc import Iterator

from cicatrix.checks.ecosystems.look import Choice, Left, Look, check, table
from cicatrix.core.health.model import Component

_ESLINT = (
    *(f"eslint.config.{end}" for end in ("js", "mjs", "cjs", "ts")),
    *(f".eslintrc{end}" for end in (".json", ".js", ".cjs", ".yml", ".yaml", "")),
)
_UNWRITTEN = "no test specified"
"""What `npm init` writes as the script `test`."""
_BUILD_WEIGHT = 9
"""Against 1 for the installation, so that a build which fails leaves its component near zero."""


def node(look: Look) -> Iterator[Choice | Left]:
    """Chosen where a package.json is. The installation comes first: everything else needs it."""
    if not look.has("package.json"):
        return
    manifest = look.json("package.json")
    scripts = table(manifest, "scripts")
    lock = look.has("package-lock.json", "npm-shrinkwrap.json")
    if lock:
        yield Choice(
            check("npm-ci", Component.BUILD, "npm", "ci", "--no-audit", "--no-fund"), f"{lock} says what to install"
        )
    else:
        yield Left("npm ci and npm audit", "there is no package-lock.json")
    yield _lint(look, manifest)
    if lock:
        yield Choice(
            check("npm-audit", Component.SECURITY, "npm", "audit", "--json", parser="npm-audit"),
            f"{lock} names the dependencies",
        )
    if scripts.get("build"):
        build = check("npm-build", Component.BUILD, "npm", "run", "build", weight=_BUILD_WEIGHT)
        yield Choice(build, "package.json has a script build")
    else:
        yield Left("npm run build", "package.json has no script build")
    if scripts.get("test") and _UNWRITTEN not in str(scripts["test"]):
        yield Choice(check("npm-test", Component.TESTS, "npm", "test"), "package.json has a script test")
    else:
        yield Left("npm test", "package.json has no script test")


def _lint(look: Look, manifest: dict[str, object]) -> Choice | Left:
    configured = look.has(*_ESLINT) or ("package.json" if manifest.get("eslintConfig") else "")
    if not configured:
        return Left("eslint", "nothing configures it")
    command = ("npx", "--no-install", "eslint", "--format", "json", ".")
    return Choice(check("eslint", Component.LINT, *command, parser="eslint"), f"{configured} configures it")
