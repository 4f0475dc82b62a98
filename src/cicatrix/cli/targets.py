"""What a person may point at, and what it means. Nothing here asks GitHub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cicatrix.flows.reading import Target
from cicatrix.github import Host

from .errors import Stop, usage

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})/(?!\.{1,2}(?:[#@/]|$))[A-Za-z0-9._-]{1,100}"
_REPOSITORY = re.compile(rf"(?:(?P<host>[^/\s]+)/)?(?P<name>{_NAME})", re.ASCII)
_PULL = re.compile(rf"(?P<name>{_NAME})#(?P<number>\d{{1,19}})", re.ASCII)
_COMMIT = re.compile(rf"(?P<name>{_NAME})@(?P<sha>[0-9A-Fa-f]+)", re.ASCII)
_NUMBER = re.compile(r"#?(?P<number>-?\d{1,19})", re.ASCII)
_RUN = re.compile(r"run:(?P<id>\d{1,19})", re.ASCII)
_WEB_PULL = re.compile(r"pull/(?P<number>\d{1,19})(?:/.*)?", re.ASCII)
_WEB_RUN = re.compile(r"actions/runs/(?P<id>\d{1,19})(?:/.*)?", re.ASCII)
_WEB_COMMIT = re.compile(r"commit/(?P<sha>[0-9A-Fa-f]+)(?:/.*)?", re.ASCII)

RUN_IDS_FROM = 100_000_000
"""A bare number from here on is a run id: GitHub's run ids passed it in 2020, no pull request number comes near."""

FORMS = (
    "Write 123 with -R owner/repo, owner/repo#123, owner/repo@SHA, run:ID with -R, or the URL of a pull request or run."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed:
    """A target and the name of the host that it is on."""

    host: str
    target: Target
    text: str


def parse_all(texts: Sequence[str], *, repo: str | None, run_id: str | None, hosts: Sequence[Host]) -> list[Pointed]:
    """Every target of one command. Raises Stop (usage) for the first one that means nothing."""
    if run_id is not None and not positive(run_id):
        raise usage(
            "The run id means nothing.", f"{run_id[:60]!r} is not a positive number.", "Take it from the run's URL."
        )
    if not texts and run_id is None:
        raise usage("No target was given.", "The command needs to know what is red.", FORMS)
    if run_id is not None and len(texts) > 1:
        raise usage("A run id belongs to one target.", f"{len(texts)} targets were given.", "Ask for one at a time.")
    found = [_one(text, repo=repo, hosts=hosts) for text in texts]
    if run_id is None:
        return found
    if not found:
        host, owner, name = repository(repo, hosts)
        return [Pointed(host=host, target=Target(owner=owner, repository=name, run_id=run_id), text=f"run:{run_id}")]
    one = found[0]
    if one.target.run_id not in {None, run_id} or one.target.sha is not None:
        raise usage(
            "The run id does not go with this target.", f"{one.text} names something else.", "Leave one of them out."
        )
    target = Target(
        owner=one.target.owner,
        repository=one.target.repository,
        pull_request=one.target.pull_request,
        run_id=run_id,
    )
    return [Pointed(host=one.host, target=target, text=one.text)]


def repository(text: str | None, hosts: Sequence[Host]) -> tuple[str, str, str]:
    """(host, owner, name) of `-R OWNER/REPO` or `-R HOST/OWNER/REPO`. Raises Stop (usage)."""
    if text is None:
        raise usage("The repository is missing.", "A number alone does not say which repository.", "Add -R owner/repo.")
    found = _REPOSITORY.fullmatch(text.strip())
    if found is None:
        raise usage("The repository means nothing.", f"{text[:80]!r} is not owner/repo.", "Write -R owner/repo.")
    owner, _, name = found["name"].partition("/")
    return _host(found["host"], hosts, text), owner, name


def _one(text: str, *, repo: str | None, hosts: Sequence[Host]) -> Pointed:
    text = text.strip()
    if "://" in text:
        return _url(text, hosts)
    if found := _PULL.fullmatch(text):
        owner, _, name = found["name"].partition("/")
        number = _pull_number(found["number"])
        return Pointed(host=hosts[0].name, target=Target(owner=owner, repository=name, pull_request=number), text=text)
    if found := _COMMIT.fullmatch(text):
        owner, _, name = found["name"].partition("/")
        return Pointed(
            host=hosts[0].name, target=Target(owner=owner, repository=name, sha=_sha(found["sha"])), text=text
        )
    if found := _RUN.fullmatch(text):
        host, owner, name = repository(repo, hosts)
        target = Target(owner=owner, repository=name, run_id=_run_id(found["id"]))
        return Pointed(host=host, target=target, text=text)
    if found := _NUMBER.fullmatch(text):
        number = _pull_number(found["number"])
        host, owner, name = repository(repo, hosts)
        if number >= RUN_IDS_FROM and not text.startswith("#"):
            return Pointed(host=host, target=Target(owner=owner, repository=name, run_id=str(number)), text=text)
        return Pointed(host=host, target=Target(owner=owner, repository=name, pull_request=number), text=text)
    raise _unclear(text)


def _url(text: str, hosts: Sequence[Host]) -> Pointed:
    try:
        place = urlsplit(text)
        where = place.netloc.lower()
    except ValueError:
        raise _unclear(text) from None
    pieces = place.path.strip("/").split("/", 2)
    if place.scheme not in {"https", "http"} or len(pieces) < 3 or not _REPOSITORY.fullmatch("/".join(pieces[:2])):
        raise _unclear(text)
    host = _host(where, hosts, text)
    owner, name, rest = pieces
    if found := _WEB_PULL.fullmatch(rest):
        target = Target(owner=owner, repository=name, pull_request=_pull_number(found["number"]))
    elif found := _WEB_RUN.fullmatch(rest):
        target = Target(owner=owner, repository=name, run_id=_run_id(found["id"]))
    elif found := _WEB_COMMIT.fullmatch(rest):
        target = Target(owner=owner, repository=name, sha=_sha(found["sha"]))
    else:
        raise _unclear(text)
    return Pointed(host=host, target=target, text=text)


def _host(given: str | None, hosts: Sequence[Host], text: str) -> str:
    if given is None:
        return hosts[0].name
    for host in hosts:
        if given.lower() in {host.name.lower(), *(urlsplit(u).netloc.lower() for u in (host.web_url, host.api_url))}:
            return host.name
    raise usage(
        f"The host of {text[:120]} is not configured.",
        f"Configured are {', '.join(h.name for h in hosts)}.",
        "Set GITHUB_API_URL, or add the host to CICATRIX_HOSTS.",
    )


def _pull_number(text: str) -> int:
    if int(text) < 1:
        raise usage("There is no such pull request.", f"Pull request numbers begin at 1, and {text} was given.", FORMS)
    return int(text)


def _run_id(text: str) -> str:
    if not positive(text):
        raise usage("The run id means nothing.", f"{text!r} is not a positive number.", "Take it from the run's URL.")
    return str(int(text))


def positive(text: str) -> bool:
    """Whether the text is a whole number from 1 on, as GitHub's ids are."""
    return re.fullmatch(r"0*[1-9]\d{0,18}", text, re.ASCII) is not None


def _sha(text: str) -> str:
    if len(text) not in {40, 64}:
        raise usage(
            "The commit is not named in full.",
            f"{text[:64]!r} has {len(text)} digits; short forms can mean another commit tomorrow.",
            "Write all 40 (or 64) hexadecimal digits; `git rev-parse NAME` prints them.",
        )
    return text.lower()


def _unclear(text: str) -> Stop:
    return usage("The target means nothing.", f"{text[:120]!r} has none of the known forms.", FORMS)
