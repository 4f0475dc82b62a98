"""Judges exchanges by GitHub's own published description: openapi-core on a slice of it, and a few checks beside it.

The slice lies in `../shared/data` beside the project's root and is never copied. Without it nothing is judged, and
the summary says so. Each distinct exchange (method, path template, query keys, JSON structure of both bodies, enum
values, status) is judged once a run; repeats are counted. Exempt are answers that a fault switch has spoilt on
purpose (their requests are judged all the same) and log hosts, which the description does not cover.

What the slice leaves open is checked here: unknown query parameters; a status that an operation does not list
(401, 403, 404, 422, 429, ...) must carry GitHub's error object (schema `basic-error`); a redirect must say where to.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
from jsonschema import Draft7Validator
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

ROOT = Path(__file__).resolve().parents[1]
SLICE = ROOT.parent / "shared" / "data" / "github-openapi-slice.json"

OUTSIDE: Mapping[tuple[str, str], str] = {
    ("GET", "/repos/{owner}/{repo}/actions/runs/{run_id}/approvals"): (
        "https://docs.github.com/en/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run"
    ),
}
"""Method and path template -> GitHub's page, for paths that we use and that the slice lacks. May only shrink.

The review history of a run is the only place where GitHub tells who approved a deployment, which the registry's
precondition `environment_approved` asks for (RG-4). It takes no query parameter (same page). Its refusals are judged
as GitHub's error object; the shape of its answer is shown by `tests/simulator/test_approvals.py`.
"""

VARYING = b"0123456789abcdef"
"""Bytes that ids, times and SHAs are made of. What is left of a body once they are gone tells its shape well enough
to know an exchange again without reading it (`test_judge.py` shows that no two enum values become one)."""

SEARCH_DATE = re.compile(r"^([<>]=?)?[\dT:Z+-]+$|^(\*|[\dT:Z+-]+)\.\.(\*|[\dT:Z+-]+)$")
"""`created` of a list of runs: a date-time in the description's types, search syntax in its prose
(https://docs.github.com/en/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax)."""

BY_ID = re.compile(r"^/repositories/\d+(?=/|$)")
"""Where the former name of a repository leads: the same operations by id, which the description lists by name only
(https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects)."""

SLASHED = {"path": ".+", "ref": ".+"}
"""Path parameters whose values hold slashes of their own."""
_DATE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_SHAPELESS = re.compile(r"[0-9a-f]{40}|\d+")


@dataclass(frozen=True, slots=True)
class _Seen:
    method: str
    path: str
    query: str
    asked: Mapping[str, str]
    request_body: bytes
    status: int
    answered: Mapping[str, str]
    body: bytes

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}{'?' + self.query if self.query else ''} -> {self.status}"


class Judge:
    """One for a whole test run. `violations` grows; `take()` empties it; `summary()` is for the end."""

    def __init__(self, slice_file: Path = SLICE) -> None:
        self.active = slice_file.is_file()
        self.distinct = 0
        self.repeats = 0
        self.faults = 0
        self.log_host = 0
        self.outside = 0
        """Distinct exchanges on a path of OUTSIDE, of which the description says nothing."""
        self.unlisted = 0
        """Distinct exchanges whose status the operation does not list, judged as GitHub's error object instead."""
        self.violations: list[str] = []
        self._lock = threading.Lock()
        self._known: set[int] = set()
        self._structures: set[int] = set()
        self._templates: dict[tuple[str, str], str | None] = {}
        self._openapi: OpenAPI | None = None
        self._tree: dict[str, Any] = {}
        if self.active:
            self._tree = _readable(json.loads(slice_file.read_text(encoding="utf-8")))
            self._patterns = _patterns(self._tree)
            self._enums = frozenset(_enum_properties(self._tree))

    def observe(
        self,
        method: str,
        path: str,
        query: str,
        *,
        request_headers: Mapping[str, str],
        request_body: bytes,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        fault: bool = False,
        log_host: bool = False,
    ) -> None:
        """Judges one exchange. Header names of the request and of the answer may be in any case."""
        if not self.active:
            return
        path = BY_ID.sub("/repos/o/r", path)
        with self._lock:
            if log_host:
                self.log_host += 1
                return
            if fault:
                self.faults += 1
                status, body = 0, b""
            asked = {name.lower(): value for name, value in request_headers.items()}
            answered = {name.lower(): value for name, value in headers.items()}
            about = ("authorization" in asked, asked.get("content-type"), *_about(answered))
            quick = hash(
                (
                    method,
                    _SHAPELESS.sub("0", path),
                    _SHAPELESS.sub("0", query),
                    about,
                    request_body.translate(None, VARYING),
                    status,
                    body.translate(None, VARYING),
                )
            )
            if quick in self._known:
                self.repeats += 1
                return
            self._known.add(quick)
            self._look_closer(_Seen(method, path, query, asked, request_body, status, answered, body))

    def observe_httpx(self, response: httpx.Response) -> None:
        """For `httpx.Client(event_hooks={"response": [judge.observe_httpx]})`; reads the answer."""
        request = response.request
        response.read()
        self.observe(
            request.method,
            request.url.raw_path.partition(b"?")[0].decode(),
            request.url.query.decode(),
            request_headers=request.headers,
            request_body=request.read(),
            status=response.status_code,
            headers=response.headers,
            body=response.content,
        )

    def take(self) -> list[str]:
        """The violations since the last time."""
        with self._lock:
            found, self.violations = self.violations, []
            return found

    def counts(self) -> dict[str, int]:
        """The figures of the summary, for adding up over worker processes."""
        names = ("distinct", "repeats", "faults", "log_host", "outside", "unlisted")
        return {name: int(getattr(self, name)) for name in names}

    # --- one exchange ---

    def _look_closer(self, seen: _Seen) -> None:
        template = self._template(seen.method, seen.path)
        structure = hash(
            (
                seen.method,
                template or seen.path,
                tuple(sorted((k, v if k in self._enums else "") for k, v in seen.pairs)),
                "authorization" in seen.asked,
                seen.asked.get("content-type"),
                _about(seen.answered),
                self._shape(_json(seen.request_body)),
                seen.status,
                self._shape(_json(seen.body)),
            )
        )
        if structure in self._structures:
            self.repeats += 1
            return
        self._structures.add(structure)
        if template is None:
            self._judge_outside(seen)
            return
        self.distinct += 1
        operation = self._tree["paths"][template][seen.method.lower()]
        self._judge_query(seen, template, operation)
        request = _request(seen, template)
        refused_stranger = seen.status == 401 and "authorization" not in seen.asked
        if not refused_stranger and seen.status not in (400, 422):
            self._judge_request(seen, request)
        if seen.status:
            self._judge_response(seen, operation, request)

    def _template(self, method: str, path: str) -> str | None:
        key = (method, _SHAPELESS.sub("0", path))
        if key not in self._templates:
            self._templates[key] = next(
                (
                    template
                    for template, pattern in self._patterns
                    if pattern.fullmatch(path) and method.lower() in self._tree["paths"][template]
                ),
                None,
            )
        return self._templates[key]

    def _judge_query(self, seen: _Seen, template: str, operation: Mapping[str, Any]) -> None:
        listed = (*operation.get("parameters", ()), *self._tree["paths"][template].get("parameters", ()))
        known = {p["name"] for p in (self._resolved(p) for p in listed) if p["in"] == "query"}
        for name, _ in seen.pairs:
            if name not in known:
                self.violations.append(f"{seen.line}: unknown query parameter {name!r}; known are {sorted(known)}")
        names = [name for name, _ in seen.pairs]
        if len(set(names)) < len(names):
            self.violations.append(f"{seen.line}: a query parameter is given twice")
        created = dict(seen.pairs).get("created")
        if created is not None and not SEARCH_DATE.match(created):
            self.violations.append(f"{seen.line}: created is no date and no range of dates")

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in node:
            return node
        target: Any = self._tree
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        return dict(target)

    def _judge_request(self, seen: _Seen, request: MockRequest) -> None:
        try:
            self._api().validate_request(request)
        except OpenAPIError as problem:
            self.violations.append(f"{seen.line}: request: {_explained(problem)}")

    def _judge_response(self, seen: _Seen, operation: Mapping[str, Any], request: MockRequest) -> None:
        if seen.status in (301, 302, 307) and not seen.answered.get("location"):
            self.violations.append(f"{seen.line}: a redirect without Location")
        if seen.status == 304 and seen.body:
            self.violations.append(f"{seen.line}: a 304 with a body")
        if seen.status in (204, 301, 302, 304, 307):
            return
        if str(seen.status) not in operation["responses"]:
            self._judge_unlisted(seen)
            return
        kind = seen.answered.get("content-type", "").partition(";")[0]
        try:
            self._api().validate_response(request, MockResponse(seen.body, seen.status, dict(seen.answered), kind))
        except OpenAPIError as problem:
            self.violations.append(f"{seen.line}: answer: {_explained(problem)}")

    def _judge_unlisted(self, seen: _Seen) -> None:
        self.unlisted += 1
        if seen.status < 400:
            self.violations.append(f"{seen.line}: the operation has no such answer")
            return
        tree = _json(seen.body)
        schema = self._tree["components"]["schemas"]["basic-error"]
        problems = [e.message for e in Draft7Validator(schema).iter_errors(tree)]
        if not isinstance(tree, dict) or "message" not in tree:
            problems.append("not GitHub's error object (message, documentation_url)")
        self.violations += [f"{seen.line}: error body: {problem}" for problem in problems]

    def _judge_outside(self, seen: _Seen) -> None:
        """A path that the slice lacks: one of the few that are known, without parameters, refused as GitHub refuses."""
        if not any(method == seen.method and _pattern(path).fullmatch(seen.path) for method, path in OUTSIDE):
            self.violations.append(f"{seen.line}: path is outside GitHub's description")
            return
        self.outside += 1
        if seen.query:
            self.violations.append(f"{seen.line}: unknown query parameter; there are none")
        if seen.status >= 400:
            self._judge_unlisted(seen)

    def _api(self) -> OpenAPI:
        if self._openapi is None:
            self._openapi = OpenAPI.from_dict(self._tree)
        return self._openapi

    def _shape(self, tree: Any, name: str = "") -> Any:
        """The JSON's structure as something hashable: names, kinds of values, and the values of enums."""
        if isinstance(tree, dict):
            return tuple((key, self._shape(value, key)) for key, value in sorted(tree.items()))
        if isinstance(tree, list):
            return ("list", frozenset(self._shape(value, name) for value in tree))
        if isinstance(tree, str):
            if name in self._enums:
                return tree
            if _DATE.match(tree):
                return "date"
            return "url" if tree.startswith("http") else "text"
        return type(tree).__name__


def summary(counts: Mapping[str, int], *, active: bool) -> str:
    """One sentence for the end of a test run."""
    if not active:
        return "GitHub's description is not beside the project (../shared/data): no exchange was judged."
    return (
        f"{counts['distinct']} distinct exchanges judged by GitHub's description ({counts['unlisted']} of them with a "
        f"status that it does not list, judged as its error object), {counts['repeats']} repeats; exempt: "
        f"{counts['faults']} spoilt by a fault switch, {counts['log_host']} with a log host, {counts['outside']} on a "
        "path that it lacks."
    )


def _readable(node: Any) -> Any:
    """The description, minus two of its slips that would refuse GitHub's own documented answers.

    A nullable enum that does not list null (a check run in progress has the conclusion null:
    https://docs.github.com/en/rest/checks/runs) allows it; a discriminator over alternatives of which one is a list
    (https://docs.github.com/en/rest/repos/contents) is dropped, its `oneOf` stays.
    """
    if isinstance(node, list):
        return [_readable(value) for value in node]
    if not isinstance(node, dict):
        return node
    read = {key: _readable(value) for key, value in node.items()}
    if read.get("nullable") is True and isinstance(read.get("enum"), list) and None not in read["enum"]:
        read["enum"].append(None)
    mapping = read.get("discriminator", {}).get("mapping", {}) if isinstance(read.get("discriminator"), dict) else {}
    if any(str(target).endswith("/content-directory") for target in mapping.values()):
        del read["discriminator"]
    return read


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(
        re.sub(r"\\{(\w+)\\}", lambda m: f"(?P<{m[1]}>{SLASHED.get(m[1], '[^/]+')})", re.escape(template))
    )


def _patterns(tree: Mapping[str, Any]) -> list[tuple[str, re.Pattern[str]]]:
    """Path templates as patterns, those with fewer parameters first, then the longer ones."""
    made = [(template, _pattern(template)) for template in tree["paths"]]
    return sorted(made, key=lambda pair: (pair[0].count("{"), -len(pair[0])))


def _enum_properties(node: Any, name: str = "") -> set[str]:
    """Names of all properties and parameters that have an enum anywhere in the description."""
    found: set[str] = set()
    if isinstance(node, dict):
        if "enum" in node:
            found.add(name)
        for key, value in node.items():
            found |= _enum_properties(value, node["name"] if key == "schema" and "name" in node else key)
    elif isinstance(node, list):
        for value in node:
            found |= _enum_properties(value, name)
    return found


def _request(seen: _Seen, template: str) -> MockRequest:
    """openapi-core knows no parameter with a slash in it, so such values are quoted for its eyes."""
    found = _pattern(template).fullmatch(seen.path)
    flat = template
    for key, value in (found.groupdict() if found else {}).items():
        flat = flat.replace(f"{{{key}}}", quote(value, safe="%"))
    return MockRequest(
        "https://api.github.com",
        seen.method,
        flat,
        args={name: value for name, value in seen.pairs if name != "created"},
        headers=dict(seen.asked),
        data=seen.request_body,
        content_type=seen.asked.get("content-type", "").partition(";")[0],
    )


def _about(answered: Mapping[str, str]) -> tuple[str, bool]:
    """The headers of an answer that are judged: kind of content, and whether it says where to go."""
    return answered.get("content-type", ""), bool(answered.get("location"))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return "not JSON"


def _explained(problem: BaseException) -> str:
    """The causes in one line, without the body: where in it, and what is wrong there."""
    parts = []
    at: BaseException | None = problem
    while at is not None:
        details = getattr(at, "schema_errors", None)
        if details:
            parts += [f"at {'/'.join(map(str, e.absolute_path)) or 'the top'}: {e.message[-200:]}" for e in details]
        else:
            parts.append(str(at)[:200])
        at = at.__cause__
    return " | ".join(dict.fromkeys(part for part in parts if part))
