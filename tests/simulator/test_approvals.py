"""The review history of a run's deployments, whose description lies outside the slice that the judge reads."""

from __future__ import annotations

import pytest
from jsonschema import Draft7Validator

from tests.simulator.support import REPO, client, failed_run, world

# the fields that https://docs.github.com/en/rest/actions/workflow-runs names for an entry, in our own words
ENTRY = {
    "type": "object",
    "required": ["environments", "state", "user", "comment"],
    "additionalProperties": False,
    "properties": {
        "state": {"enum": ["approved", "rejected", "pending"]},
        "comment": {"type": "string"},
        "user": {"type": "object", "required": ["login", "id", "node_id", "type", "site_admin"]},
        "environments": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "integer"},
                    "node_id": {"type": "string"},
                    "name": {"type": "string"},
                    "url": {"type": "string", "pattern": "^https://"},
                    "html_url": {"type": "string", "pattern": "^https://"},
                    "created_at": {"type": "string"},
                    "updated_at": {"type": "string"},
                },
            },
        },
    },
}


@pytest.mark.shows("F35", "RG-4")
def test_a_review_history_is_in_githubs_shape() -> None:
    made = world()
    _, run = failed_run(made)
    path = f"{REPO}/actions/runs/{run.id}/approvals"
    with client(made) as http:
        assert http.get(path).json() == []
        run.approve_environment("pro duction", "ann", "rejected")
        run.approve_environment("staging", "bob")
        found = http.get(path).json()
        assert http.get(f"{REPO}/actions/runs/1/approvals").status_code == 404
    Draft7Validator({"type": "array", "items": ENTRY, "minItems": 2}).validate(found)
    told = [(entry["user"]["login"], entry["state"], entry["environments"][0]["name"]) for entry in found]
    assert told == [("ann", "rejected", "pro duction"), ("bob", "approved", "staging")]
    assert found[0]["environments"][0]["url"].endswith("/repos/acme/shop/environments/pro%20duction")
    assert found[0]["environments"][0]["id"] != found[1]["environments"][0]["id"]


def test_the_right_of_actions_is_asked_for() -> None:
    made = world()
    _, run = failed_run(made)
    made.token("bare", login="guest", permissions={"metadata": "read", "deployments": "read"})
    made.token("able", login="guest", permissions={"metadata": "read", "actions": "read"})
    path = f"{REPO}/actions/runs/{run.id}/approvals"
    with client(made, "bare") as http:
        refused = http.get(path)
        assert refused.status_code == 403
        assert refused.headers["x-accepted-github-permissions"] == "actions=read"
    with client(made, "able") as http:
        assert http.get(path).status_code == 200
