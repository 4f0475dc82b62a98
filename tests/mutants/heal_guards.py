"""All guards of part 3 that are removed in turn, and those of the workflows that are shipped."""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutants.heal_core_guards import CORE_GUARDS
from tests.mutants.heal_flow_guards import FLOW_GUARDS
from tests.mutants.heal_room_guards import ROOM_GUARDS

GUARDS = (*CORE_GUARDS, *ROOM_GUARDS, *FLOW_GUARDS)


@dataclass(frozen=True, slots=True)
class Shipped:
    """`old` stands in the file, below the repository's root; `test` is one of tests/shipped/test_workflows.py."""

    name: str
    test: str
    file: str
    old: str
    new: str


_CHECK = ".github/workflows/post-remediation-check.yml"
_HEALING = ".github/workflows/phase3-auto-healing.yml"

SHIPPED = (
    Shipped(
        "a payload is put into a script",
        "test_no_expression_stands_in_a_script",
        _CHECK,
        'given, typed = json.loads(os.environ["GIVEN"])',
        'given, typed = json.loads("""${{ toJSON(github.event.client_payload) }}""")',
    ),
    Shipped(
        "a payload names what is checked out",
        "test_nothing_of_the_event_becomes_an_argument_or_a_ref",
        _CHECK,
        "          path: code\n",
        "          path: code\n          ref: ${{ github.event.client_payload.commit_sha }}\n",
    ),
    Shipped(
        "foreign code runs beside the key",
        "test_the_key_and_foreign_code_never_share_a_machine",
        _CHECK,
        "          CICATRIX_PAYLOAD: ${{ steps.payload.outputs.payload }}\n",
        "          CICATRIX_PAYLOAD: ${{ steps.payload.outputs.payload }}\n"
        "          CICATRIX_REPORT_KEY: ${{ secrets.CICATRIX_REPORT_KEY }}\n",
    ),
    Shipped(
        "a checkout leaves its token to foreign code",
        "test_no_checkout_leaves_its_token_behind",
        _CHECK,
        "          fetch-depth: 0\n          persist-credentials: false\n",
        "          fetch-depth: 0\n          persist-credentials: true\n",
    ),
    Shipped(
        "every job has every right",
        "test_rights_are_granted_by_job_and_nothing_is_cancelled_midway",
        _HEALING,
        "permissions: {}\n",
        "permissions: write-all\n",
    ),
    Shipped(
        "what was begun is cancelled midway",
        "test_rights_are_granted_by_job_and_nothing_is_cancelled_midway",
        _HEALING,
        "  cancel-in-progress: false\n",
        "  cancel-in-progress: true\n",
    ),
    Shipped(
        "an action is called by a tag that somebody can move",
        "test_actions_are_pinned_by_commit_with_their_version_beside",
        "action.yml",
        "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
        "actions/setup-python@v7",
    ),
    Shipped(
        "the re-dispatch takes any text for a commit",
        "test_the_redispatch_takes_a_commit_only",
        _HEALING,
        "^[0-9a-f]{40,64}$",
        "[0-9a-f]{40,64}",
    ),
    Shipped(
        "an argument of the action is split by a shell",
        "test_the_action_gives_each_line_as_one_argument",
        "action.yml",
        '"${arguments[@]}"',
        "${arguments[@]}",
    ),
)
