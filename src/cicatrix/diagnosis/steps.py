"""What a step does, as far as its name or command says so."""

# ruff: noqa: E501 -- a pattern or a sample line is one thing and is read in one piece

from __future__ import annotations

import re

from cicatrix.core.verdict import StepKind

_CODE = re.compile(r"\b(?:tests?|testing|e2e|spec|specs|lint|typecheck|pytest|jest|deploy|publish|release)\b")
_KINDS: tuple[tuple[StepKind, re.Pattern[str]], ...] = (
    (StepKind.UPLOAD, re.compile(r"\b(?:upload(?:ing)?|upload-artifact|save cache|docker push)\b")),
    (
        StepKind.DOWNLOAD,
        re.compile(
            r"\b(?:download(?:ing)?|download-artifact|restore cache|actions/cache|docker pull|pull image|fetch)\b"
        ),
    ),
    (StepKind.CHECKOUT, re.compile(r"\b(?:checkout|check out|clone|actions/checkout|get[_ ]sources|submodules?)\b")),
    (
        StepKind.INSTALL,
        re.compile(
            r"\b(?:install(?:ing)?|dependencies|npm ci|yarn --frozen-lockfile|go mod download|bundle install|pip install|"
            r"poetry install|uv sync|composer install|cargo fetch|apt-get|dotnet restore|nuget restore|mvn dependency)\b"
        ),
    ),
    (
        StepKind.SETUP,
        re.compile(
            r"^(?:run )?(?:set ?up|setup|initialize containers|pull |prepare|login|log in|configure)\b|/setup-|"
            r"\b(?:prepare_executor|prepare_script|login-action|setup-[a-z]+)\b"
        ),
    ),
)


def step_kind(name: str | None) -> StepKind | None:
    """The kind of the step called `name`, or None: it builds, or the name does not say.

    A name that speaks of tests, lint or a deployment is `TEST`, whatever else it says: "Install and test" runs the code.
    """
    if not name:
        return None
    text = name.casefold()
    if _CODE.search(text):
        return StepKind.TEST
    if text.startswith(("build", "run make", "run cargo build")):
        return None
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), None)
