"""What runs upload: listed, and fetched from another host by a link that is valid for a minute.

https://docs.github.com/en/rest/actions/artifacts
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from . import logs
from .bodies import Tree, node, stamp
from .exchange import Refusal, Request, Response, not_found

if TYPE_CHECKING:
    from .calls import Call
    from .parts import SimArtifact
    from .repository import SimRepository
    from .state import RunState
    from .world import World

PLACE = "/actions-results/artifacts/"
DOCS = "/actions/artifacts"
DAYS = timedelta(days=90)


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """An archive as `actions/upload-artifact` makes it; equal files give equal bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return made.getvalue()


def of_run(call: Call, repo: SimRepository, run: RunState) -> list[Tree]:
    """The artifacts of a run that the caller sees; `name` asks for one."""
    name = call.values.get("name")
    seen = [a for a in call.world.artifacts.values() if a.run_id == run.id and a.at <= call.at]
    return [_body(call, repo, run, a) for a in seen if name in (None, a.name)]


def _body(call: Call, repo: SimRepository, run: RunState, given: SimArtifact) -> Tree:
    url = f"{call.api}/repos/{repo.full_name}/actions/artifacts/{given.id}"
    return {
        "id": given.id,
        "node_id": node("AF", given.id),
        "name": given.name,
        "size_in_bytes": len(given.data),
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": given.expired,
        "created_at": stamp(given.at),
        "updated_at": stamp(given.at),
        "expires_at": stamp(given.at + DAYS),
        "digest": f"sha256:{hashlib.sha256(given.data).hexdigest()}",
        "workflow_run": {
            "id": run.id,
            "repository_id": run.repository_id,
            "head_repository_id": run.repository_id,
            "head_branch": run.head_branch or "",
            "head_sha": run.head_sha,
        },
    }


def link(call: Call, repo: SimRepository, text: str) -> Response:
    """302 to the host that keeps it; 410 once it has expired."""
    found = call.world.artifacts.get(int(text)) if text.isdigit() else None
    if found is None or found.repository_id != repo.id or found.at > call.at:
        raise not_found(DOCS)
    if found.expired:
        raise Refusal(410, "Artifact has expired", docs=DOCS)
    where = logs.link(call.world.log_origin, found.id, call.world.now).replace("/actions-results/jobs/", PLACE)
    return Response(302, {"location": where, "content-type": "text/html; charset=utf-8"})


def download(world: World, request: Request) -> Response:
    """The archive's bytes, for whoever holds a fresh link."""
    name = request.path.removeprefix(PLACE)
    found = world.artifacts.get(int(name)) if name.isdigit() else None
    if found is None or found.expired:
        return logs.refuse(404, "BlobNotFound")
    if request.method != "GET" or not logs.valid_link(found.id, request.query, world.now):
        return logs.refuse(403, "AuthenticationFailed")
    return Response(200, {"content-type": "application/zip"}, found.data)
