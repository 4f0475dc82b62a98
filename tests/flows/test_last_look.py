"""The last look at the kill switch, as `wiring` puts it between the decision and the bytes (GE-5)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cicatrix import wiring
from cicatrix.core.policy import RerunRequest
from cicatrix.flows.context import Context
from cicatrix.flows.reading import Target
from cicatrix.flows.rerun import rerun_failed_jobs
from cicatrix.settings import load
from cicatrix.simulator import JobSpec, SimTransport, World
from tests.stage import CI, TOKEN, codes, lost

SCOPES = ("deployment", "organisation", "repository", "action")


def environ(folder: Path) -> dict[str, str]:
    return {"CICATRIX_DATABASE_URL": str(folder / "ledger.db"), "GITHUB_TOKEN": TOKEN, "CICATRIX_WRITE_INTERVAL": "0"}


@pytest.mark.shows("GE-5", "PL-8", "F31")
@pytest.mark.parametrize("scope", SCOPES)
def test_a_switch_set_after_the_decision_keeps_the_call_back(tmp_path: Path, scope: str) -> None:
    world = World(now=datetime(2026, 11, 21, 12, tzinfo=UTC))
    world.token(TOKEN, login="octocat", kind="user")
    repo = world.repository("acme/shop")
    repo.workflow(CI, [JobSpec(id="unit", outcomes=lost())])
    repo.run(CI, pull_request=repo.pull_request(1, head_branch="change-1"), finished=True)
    world.advance(1)
    held: list[Context] = []

    def stop(name: str) -> None:
        """The intent is committed, and nothing has left yet."""
        if name != "github.post.before":
            return
        home = held[0].github.repository("acme", "shop")
        targets = {"organisation": home.owner_id, "repository": home.id, "action": "rerun_failed_jobs"}
        host = home.host if scope in {"organisation", "repository"} else ""
        with held[0].ledger.write("stop") as tx:
            tx.set_kill_switch(scope, "drill", "cli:ada", host=host, target=targets.get(scope, ""))

    settings = load(environ=environ(tmp_path))
    with wiring.build(
        settings, transport=SimTransport(world), now=lambda: world.now, sleep=world.advance, boundary=stop
    ) as ctx:
        held.append(ctx)
        request = RerunRequest(request_id="r-1", principal="cli:ada")
        answer = rerun_failed_jobs(ctx, Target(owner="acme", repository="shop", pull_request=1), request).answer
        with ctx.ledger.read() as view:
            (operation,) = view.all_operations()
            assert view.all_slots() == (), "definitely no effect: nothing stays charged"
    assert answer["decision"] == "BLOCKED", codes(answer)
    assert codes(answer) == {"unit": "BLOCKED kill_switch"}, "a refused request says so"
    assert operation.state.value == "REFUSED", "and it is not sent later either"
    assert [call for call in world.history.calls if call["method"] == "POST"] == []


@pytest.mark.shows("GE-4", "GE-5")
def test_a_ledger_that_cannot_be_read_stops_the_write(tmp_path: Path) -> None:
    settings = load(environ=environ(tmp_path))
    with wiring.open_ledger_only(settings, read_only=False) as ledger:
        look = wiring.last_look(settings, ledger)
        assert look("no such operation") == "the ledger knows no operation no such operation"
        ledger.close()
        for file in tmp_path.glob("ledger.db*"):
            file.write_bytes(b"this is no database" * 1000)
        why = look("no such operation")
    assert why is not None
    assert "cannot be read" in why


@pytest.mark.shows("AU-2")
@pytest.mark.parametrize("service", [True, False])
def test_a_services_ledger_stamps_the_hash_of_its_allowlist(tmp_path: Path, *, service: bool) -> None:
    settings = load(environ=environ(tmp_path) | {"GITHUB_REPO_ALLOWLIST": '{"allowlist": []}'})
    with wiring.build(settings, service=service) as ctx:
        with ctx.ledger.write("any") as tx:
            tx.append("one.kind", {})
        with ctx.ledger.read() as view:
            (entry,) = view.entries()
    wanted = wiring.access_policy(settings)[0].hash
    assert entry.data.get("accessHash") == (wanted if service else None), "a shell has no access policy to name"
