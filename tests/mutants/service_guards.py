"""The guards of the service that are removed in turn: what is changed, and the test that goes red then."""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutants.guards import Change


@dataclass(frozen=True, slots=True)
class Guard:
    """`test` is a node id; of several cases one has to go red."""

    name: str
    changes: tuple[Change, ...]
    test: str


def guard(name: str, test: str, file: str, old: str, new: str = "") -> Guard:
    return Guard(name, (Change(file, old, new),), f"tests/{test}")


ANYTHING = "(lambda *_: True)("
"""In place of a call that asks something: it is given what it asks for."""

ACCESS = (
    guard(
        "the allowlist is not asked before GitHub is",
        "web/test_callers.py::test_the_allowlist_says_no_before_github_is_asked",
        "flows/permission.py",
        "        _check_access(ctx, owner, repository)\n        check_caller",
        "        check_caller",
    ),
    guard(
        "the allowlist is not asked in the decision",
        "flows/test_places.py::test_the_allowlist_is_asked_in_the_decision_too[repository]",
        "flows/policies.py",
        "        _judge_access(making, deployment, home, facts)\n",
    ),
    guard(
        "the allowlist's branches are not asked",
        "flows/test_places.py::test_the_allowlist_is_asked_in_the_decision_too[branch]",
        "flows/policies.py",
        "        refusal = deployment.access.branch_refusal(home.owner, home.name, branch)\n",
    ),
    guard(
        "a pull request's own branch counts as the branch that is acted on",
        "flows/test_places.py::test_a_stranger_s_branch_name_does_not_open_the_allowlist",
        "flows/policies.py",
        'branch = pull.base_ref if pull else facts.run.head_branch or ""',
        'branch = facts.run.head_branch or ""',
    ),
    guard(
        "a malformed allowlist allows",
        "core/test_access.py::test_a_missing_or_malformed_policy_denies_everything",
        "core/access.py",
        "        if self.problem:\n            return AccessRefusal(",
        "        if self.problem:\n            return None\n            return AccessRefusal(",
    ),
    guard(
        "a tag counts as a branch",
        "core/test_access.py::test_a_tag_is_no_branch_and_a_branch_no_tag",
        "core/access.py",
        'if name and not name.startswith("refs/") and any(matches(_full(one), prefix + name) for one in patterns):',
        "if name and any(matches(_full(one), _HEADS + name) for one in patterns):",
    ),
)

CALLERS = (
    guard(
        "a key's role is not looked at",
        "web/test_callers.py::test_what_is_refused_by_name_is_not_asked_of_github",
        "flows/permission.py",
        "    if key.role < needed:",
        "    if False:",
    ),
    guard(
        "a GitHub user's role is not looked at",
        "web/test_callers.py::test_a_github_user_has_githubs_own_role[read-403]",
        "flows/permission.py",
        "        if has is None or has < needed:",
        "        if False:",
    ),
    guard(
        "a key's repositories are not compared by name",
        "web/test_callers.py::test_what_is_refused_by_name_is_not_asked_of_github",
        "flows/permission.py",
        "    elif not key.covers_name(host, full_name):",
        "    elif False:",
    ),
    guard(
        "a key's repositories are not compared by id",
        "web/test_callers.py::test_a_key_for_a_repository_that_was_made_anew_is_for_another_one",
        "flows/permission.py",
        "    if key is not None and not key.covers(home.host, home.id, home.full_name):",
        "    if False:",
    ),
    guard(
        "a key's actions are not looked at",
        "web/test_callers.py::test_what_is_refused_by_name_is_not_asked_of_github",
        "flows/permission.py",
        "    elif not key.allows(action):",
        "    elif False:",
    ),
    guard(
        "keys do not expire",
        "web/test_callers.py::test_every_bad_credential_gets_the_same_401",
        "core/principal.py",
        "        if now >= self.expires_at:",
        "        if False:",
    ),
    guard(
        "keys are not revoked",
        "web/test_callers.py::test_every_bad_credential_gets_the_same_401",
        "core/principal.py",
        "        if self.revoked_at is not None:",
        "        if False:",
    ),
    guard(
        "a wrong secret is taken",
        "web/test_callers.py::test_every_bad_credential_gets_the_same_401",
        "web/callers.py",
        "if key is None or not right or key.problem",
        "if key is None or key.problem",
    ),
    guard(
        "a secret is compared by its first bytes",
        "web/test_callers.py::test_every_bad_credential_gets_the_same_401",
        "web/callers.py",
        "hmac.compare_digest(hash_secret(secret), stored)",
        "hmac.compare_digest(hash_secret(secret)[:0], stored[:0])",
    ),
    Guard(
        "a token is whose it says it is",
        (
            Change("web/callers.py", '        if found.kind != "user":', "        if False:"),
            Change("web/callers.py", 'TokenCredentials(token, kind="user")', "TokenCredentials(token)"),
        ),
        "tests/web/test_callers.py::test_every_bad_credential_gets_the_same_401",
    ),
    guard(
        "writes rely on remembered rights",
        "web/test_callers.py::test_rights_are_asked_again_for_writes_and_remembered_for_reads",
        "web/taking.py",
        "    return _caller(request, fresh=True)",
        "    return _caller(request, fresh=False)",
    ),
    guard(
        "a decision does not ask whether its caller may ask still",
        "flows/test_places.py::test_a_key_that_ended_while_facts_were_read_writes_nothing[revoked]",
        "flows/policies.py",
        "        _judge_caller(making, view, rules, asked)\n",
    ),
    guard(
        "a key of the database may be widened by hand",
        "ledger/test_keys.py::test_a_key_whose_rights_were_widened_by_hand_opens_nothing",
        "ledger/keys.py",
        "        vouched.by_entry(",
        f"        {ANYTHING}",
    ),
    guard(
        "a stored answer is told to everybody",
        "web/test_replayed.py::test_a_stored_answer_is_told_to_those_who_may_ask_for_it",
        "web/reruns.py",
        "    home = check_replay(",
        "    home = (lambda ctx, *_, **__: ctx.github.repository(owner, repo))(",
    ),
    Guard(
        "a stored answer is told although the allowlist says no now",
        (
            Change(
                "flows/permission.py",
                "    _check_access(ctx, owner, repository)\n    check_caller",
                "    check_caller",
            ),
            Change(
                "flows/permission.py",
                "    _check_access(ctx, home.owner, home.name)\n    _check_identity(ctx, principal, action, None,",
                "    _check_identity(ctx, principal, action, None,",
            ),
        ),
        "tests/web/test_replayed.py::test_a_stored_answer_is_not_told_once_the_allowlist_says_no",
    ),
    guard(
        "a stored answer is told to a key of the repository's predecessor",
        "web/test_replayed.py::test_a_stored_answer_is_not_told_to_a_key_of_the_former_repository",
        "flows/permission.py",
        "    _check_identity(ctx, principal, action, None, home)\n    return home",
        "    return home",
    ),
)

REGISTRY = (
    guard(
        "a stored answer about the repository's predecessor is told to a key of the present one",
        "web/test_replayed.py::test_a_stored_answer_is_not_told_to_a_key_of_the_former_repository",
        "web/reruns.py",
        '    if any((found.get("host"), found.get("repositoryId")) != (home.host, home.id) for found in decisions):',
        "    if False:",
    ),
    guard(
        "production acts without a registry",
        "web/test_seed_api.py::test_production_fail_closed_no_registry",
        "flows/permission.py",
        "        if writes and named is None and ctx.deployment.environment is Environment.PROD:",
        "        if False:",
    ),
    guard(
        "production decides without a registry",
        "flows/test_policies.py::test_production_without_a_registry_refuses",
        "flows/policies.py",
        "    if active is None and deployment.environment is Environment.STAGING and action in without:",
        "    if active is None and action in without:",
    ),
    guard(
        "a registry is told by its name alone",
        "core/test_registry_evaluate.py::test_a_renamed_moved_or_recreated_repository_inherits_nothing",
        "core/registry/evaluate.py",
        "    if (active.host.lower(), active.repository_id) != (standing.host.lower(), standing.repository_id):",
        "    if False:",
    ),
    guard(
        "a registry is told by its id alone",
        "core/test_registry_evaluate.py::test_a_renamed_moved_or_recreated_repository_inherits_nothing",
        "core/registry/evaluate.py",
        "    if active.full_name.lower() != name or active.registry.repository.lower() != name:",
        "    if False:",
    ),
    guard(
        "a recreated repository is taken for one without a registry",
        "web/test_callers.py::test_a_registry_for_a_repository_that_was_made_anew_is_for_another_one",
        "flows/permission.py",
        '    if evaluation.kind == "other_repository":',
        "    if False:",
    ),
    guard(
        "a disabled action is allowed",
        "core/test_registry_evaluate.py::test_a_disabled_action_is_refused_with_its_place",
        "core/registry/evaluate.py",
        "    if config is not None and not config.enabled:",
        "    if False:",
    ),
    guard(
        "what the registry refuses whatever the facts is refused after GitHub was asked",
        "web/test_callers.py::test_what_is_refused_by_name_is_not_asked_of_github",
        "flows/permission.py",
        "    if evaluation.kind in STATIC:",
        "    if False:",
    ),
    guard(
        "an action that is not performed is performed",
        "core/test_registry_evaluate.py::test_an_action_that_we_do_not_perform_is_stored_and_refused",
        "core/registry/evaluate.py",
        "    if action not in PERFORMED:",
        "    if False:",
    ),
    guard(
        "0 retries are no refusal",
        "web/test_seed_api.py::test_registry_max_retries_respected",
        "flows/policies.py",
        "    if evaluation.max_retries == 0:",
        "    if False:",
    ),
    guard(
        "maxRetries bounds nothing",
        "seeds/test_seed_000.py::test_registry_max_retries_respected",
        "flows/policies.py",
        '    return evaluation, evaluation.max_retries, f"registry maxRetries ({place})"',
        '    return evaluation, None, f"registry maxRetries ({place})"',
    ),
    guard(
        "what is not listed is allowed",
        "core/test_registry_evaluate.py::test_what_is_not_listed_is_let_through_in_staging_only_and_never_to_a_branch",
        "core/registry/evaluate.py",
        "    if registry.fail_closed:",
        "    if False:",
    ),
    guard(
        "failClosed false counts in production",
        "core/test_registry_evaluate.py::test_what_is_not_listed_is_let_through_in_staging_only_and_never_to_a_branch",
        "core/registry/evaluate.py",
        "    if standing.environment is not Environment.STAGING:",
        "    if False:",
    ),
    guard(
        "failClosed false counts for writes to a branch",
        "core/test_registry_evaluate.py::test_what_is_not_listed_is_let_through_in_staging_only_and_never_to_a_branch",
        "core/registry/evaluate.py",
        "    if action in WRITES_TO_A_BRANCH:",
        "    if False:",
    ),
    guard(
        "what a precondition says is not counted",
        "core/test_registry_evaluate.py::test_every_precondition_is_met_by_what_was_read_or_named_as_missing",
        "core/registry/evaluate.py",
        '        if why is not None:\n            remedy = "It has to be met',
        '        if False:\n            remedy = "It has to be met',
    ),
    guard(
        "no evidence is needed",
        "core/test_registry_evaluate.py::test_no_evidence_no_action",
        "core/registry/evaluate.py",
        '    if config.require_evidence and not (standing.evidence or "").strip():',
        "    if False:",
    ),
    guard(
        "a registry's cooldown has no end and no beginning",
        "core/test_registry_evaluate.py::test_the_cooldown_runs_from_the_last_allowed_execution",
        "core/registry/evaluate.py",
        "    if standing.now >= ends:",
        "    if True:",
    ),
    guard(
        "a decision does not know when the action was last allowed",
        "flows/test_places.py::test_a_registry_s_cooldown_holds_the_next_request",
        "flows/policies.py",
        "        last_allowed=last,\n",
    ),
    guard(
        "what was never executed starts a cooldown",
        "ledger/test_registries.py::test_every_evaluation_is_a_row_and_only_an_intended_one_starts_a_cooldown",
        "ledger/registries.py",
        "    _A.operation_id.is_not(None),\n",
    ),
    guard(
        "no approval is needed",
        "core/test_registry_approvals.py::test_an_approval_counts_by_whom_on_which_commit_and_when",
        "core/registry/evaluate.py",
        "        if (why := rule_problem(rule, standing)) is not None:",
        "        if (why := rule_problem(rule, standing)) is not None and False:",
    ),
    guard(
        "who asks may approve",
        "core/test_registry_approvals.py::test_an_approval_counts_by_whom_on_which_commit_and_when",
        "core/registry/approvals.py",
        "    return frozenset(approved - {login_of(standing.requester)})",
        "    return frozenset(approved)",
    ),
    guard(
        "one approval is enough where who asks is not known",
        "core/test_registry_approvals.py::test_an_approval_counts_by_whom_on_which_commit_and_when",
        "core/registry/approvals.py",
        "    return 1 if standing.requester is None else 0",
        "    return 0",
    ),
    guard(
        "the approval of an older head counts",
        "core/test_registry_approvals.py::test_an_approval_counts_by_whom_on_which_commit_and_when",
        "core/registry/approvals.py",
        " and review.commit_sha == standing.head_sha",
    ),
    guard(
        "an earlier approval outlives a later objection",
        "core/test_registry_approvals.py::test_an_approval_counts_by_whom_on_which_commit_and_when",
        "core/registry/approvals.py",
        " or _order(review) > _order(found[login])",
    ),
    guard(
        "readers approve",
        "core/test_registry_approvals.py::test_an_approval_counts_by_whom_on_which_commit_and_when",
        "core/registry/approvals.py",
        "        return writers(standing, approved)\n    names",
        "        return approved\n    names",
    ),
    guard(
        "code owners are not asked",
        "core/test_registry_approvals.py::test_an_approval_counts_by_whom_on_which_commit_and_when",
        "core/registry/approvals.py",
        "    if rule.require_code_owners:",
        "    if False:",
    ),
    guard(
        "a list with a hole meets a precondition",
        "flows/test_standing.py::test_a_list_with_a_hole_is_not_known",
        "flows/standing.py",
        "    return None if listing is None or listing.incomplete else listing.items",
        "    return None if listing is None else listing.items",
    ),
    guard(
        "a registry that was tampered with is followed",
        "ledger/test_registries.py::test_a_registry_changed_behind_the_ledgers_back_gives_no_rights",
        "ledger/registries.py",
        "        self._vouched(row)\n",
    ),
    guard(
        "a registry that was deleted from the table is none",
        "ledger/test_registries.py::test_a_registry_changed_behind_the_ledgers_back_gives_no_rights",
        "ledger/registries.py",
        '        if newest is not None and newest.action != "deactivated":',
        "        if False:",
    ),
    guard(
        "two repositories share a registryId",
        "web/test_admin.py::test_who_may_put_a_registry_and_what",
        "ledger/registries.py",
        "        self._refuse_a_second_use(registry.registry_id, host, repository_id, full_name)\n",
    ),
    guard(
        "a plan that somebody overtook is applied",
        "cli/test_registry.py::test_a_plan_that_somebody_overtook_is_not_applied",
        "flows/registering.py",
        "            if _state(active) != _state(plan.active):",
        "            if False:",
    ),
    guard(
        "whoever may write may put a registry",
        "web/test_admin.py::test_who_may_put_a_registry_and_what",
        "web/registry.py",
        "    needs(caller, Role.ADMIN, owner, repo)\n",
    ),
    guard(
        "a key of a repository's predecessor may put its registry",
        "web/test_callers.py::test_a_key_of_the_former_repository_changes_and_reads_nothing",
        "web/registry.py",
        "        _of_this_key(caller, plan)\n",
    ),
)

_JUDGED = (
    ("CHECKS_PASSED", "_checks_passed"),
    ("CHECKS_STATUS", "_checks_status"),
    ("REVIEW_APPROVED", "_review_approved"),
    ("REVIEW_COUNT", "_review_count"),
    ("LABEL_PRESENT", "_label_present"),
    ("LABEL_ABSENT", "_label_absent"),
    ("ASSIGNEE_SET", "_assignee_set"),
    ("ENVIRONMENT_APPROVED", "_environment_approved"),
)
_FLAGS = (
    ("branch protection", "s.branch_protected, ", "True, "),
    ("mergeability", "s.mergeable, ", "True, "),
    ("drafts", "s.draft, ", "False, "),
)
_PRECONDITIONS = "core/test_registry_evaluate.py::test_every_precondition_is_met_by_what_was_read_or_named_as_missing"

PRECONDITIONS = (
    *(
        guard(
            f"the precondition {name.lower()} is always met",
            _PRECONDITIONS,
            "core/registry/preconditions.py",
            f"    _P.{name}: {judge},",
            f"    _P.{name}: lambda *_: None,",
        )
        for name, judge in _JUDGED
    ),
    *(
        guard(f"the precondition about {name} is always met", _PRECONDITIONS, "core/registry/preconditions.py", *texts)
        for name, *texts in _FLAGS
    ),
)

LAWBOOK = (
    guard(
        "the policy is not asked again in the transaction of the decision",
        "flows/test_places.py::test_what_changed_while_facts_were_read_counts[registry]",
        "flows/intent.py",
        "        current = resolved_in(tx, turn, facts)\n        _watch_identity",
        "        current = turn\n        _watch_identity",
    ),
    guard(
        "the automation policy is not asked in the transaction of the decision",
        "flows/test_places.py::test_two_requests_at_once_do_not_share_the_one_run_of_a_window",
        "flows/policies.py",
        "        automation = _judge_automation(making, view, deployment, resolved, asked, evaluation=evaluation)\n",
    ),
    guard(
        "the automation policy is not asked before facts are read",
        "flows/test_places.py::test_a_window_that_is_used_up_is_told_before_anything_is_read",
        "flows/permission.py",
        "            _check_automation(ctx, principal, action, home)",
        "            pass",
    ),
    guard(
        "an action that the lawbook's automation does not name is allowed",
        "core/test_automation.py::test_a_list_that_is_not_empty_denies_what_it_does_not_name_even_where_it_is_permissive",
        "core/automation.py",
        'return AutomationVerdict(allow=False, reason=reason, code="no_policy")',
        'return AutomationVerdict(allow=True, reason=reason, code="no_policy")',
    ),
    guard(
        "permissive counts in production",
        "core/test_automation.py::test_permissive_records_the_denial_and_goes_on_in_staging_only",
        "core/automation.py",
        'policy.enforcement_mode == "permissive" and environment is Environment.STAGING',
        'policy.enforcement_mode == "permissive"',
    ),
    guard(
        "refusals use a window up",
        "ledger/test_policy_rows.py::test_what_was_denied_and_let_through_uses_no_window_up",
        "ledger/policy_rows.py",
        "        _P.allowed,\n",
    ),
    guard(
        "stored lawbooks are not read",
        "flows/test_places.py::test_what_changed_while_facts_were_read_counts[lawbook]",
        "flows/policies.py",
        "    for stored in view.active_lawbooks(host, owner_id, repository_id) if view else ():",
        "    for stored in ():",
    ),
    guard(
        "a stored version can be overwritten",
        "ledger/test_lawbook_store.py::test_versions_are_immutable_and_every_change_is_told",
        "ledger/lawbooks.py",
        "        if known is not None and known.hash != hash:",
        "        if False:",
    ),
    guard(
        "a lawbook that was tampered with is followed",
        "ledger/test_lawbook_store.py::test_a_lawbook_whose_text_was_changed_is_not_followed",
        "ledger/lawbooks.py",
        '        vouched.by_entry(self._connection, row.activated_index, "lawbook.activated", told, what)\n',
    ),
    guard(
        "of two lawbooks of a repository the last one counts",
        "cli/test_lawbook_service.py::test_layers_of_organisation_and_repository_tighten_and_never_loosen",
        "core/lawbook/resolve.py",
        "if layer.kind is LayerKind.REPOSITORY and not KEYS[name].free:",
        "if False:",
    ),
    guard(
        "a base lawbook that cannot be loaded is none",
        "web/test_wire.py::test_a_base_lawbook_that_cannot_be_loaded_is_503",
        "web/reruns.py",
        "    if caller.ctx.deployment.base_problems:",
        "    if False:",
    ),
)

SWITCH = (
    *(
        guard(
            f"the kill switch of {name} stops nothing",
            f"ledger/test_operations.py::{test}",
            "ledger/stops.py",
            f"kill_switches.c.scope == {scope}{end}",
            f'kill_switches.c.scope == "off"{end}',
        )
        for name, scope, end, test in (
            (
                "the deployment",
                "DEPLOYMENT",
                ",\n        and_(",
                "test_the_kill_switch_stops_its_scope_and_nothing_else",
            ),
            ("an organisation", "ORGANISATION", ",", "test_the_kill_switch_stops_its_scope_and_nothing_else"),
            ("a repository", "REPOSITORY", ",", "test_the_kill_switch_stops_its_scope_and_nothing_else"),
            ("an action", "ACTION", ",", "test_the_kill_switch_of_an_action_stops_that_action_everywhere"),
        )
    ),
    guard(
        "a decision does not look at the database's switches",
        "web/test_admin.py::test_a_switch_stops_the_next_write_and_says_so",
        "ledger/usage.py",
        "kill_switch=kill_switch(connection, query.host, query.repository_id, query.owner_id, query.action),",
        "kill_switch=None,",
    ),
    guard(
        "nobody looks at the switches a last time",
        "flows/test_last_look.py::test_a_switch_set_after_the_decision_keeps_the_call_back",
        "wiring/__init__.py",
        "may_write = last_look(settings, ledger)",
        "may_write = lambda _: None",
    ),
    guard(
        "switches that cannot be read stop nothing",
        "flows/test_last_look.py::test_a_ledger_that_cannot_be_read_stops_the_write",
        "wiring/deployments.py",
        '            return f"the ledger\'s switches cannot be read: {trouble}"',
        "            return None",
    ),
    guard(
        "who set a switch lifts it in production",
        "web/test_admin.py::test_in_production_somebody_else_lifts",
        "web/switches.py",
        "        _second_person(caller, tx, scope)\n",
    ),
    guard(
        "who set a switch lifts it in production, at the shell",
        "cli/test_kill.py::test_in_production_a_second_person_lifts_it",
        "cli/killing.py",
        "        if environment is Environment.PROD and known.set_by == person():",
        "        if False:",
    ),
    guard(
        "whoever has one repository stops all of them",
        "web/test_admin.py::test_who_may_stop_what",
        "web/rights.py",
        "    if key is None or key.role < Role.ADMIN or key.repositories is not None:",
        "    if False:",
    ),
    guard(
        "whoever may write stops a repository",
        "web/test_admin.py::test_who_may_stop_what",
        "web/switches.py",
        "        needs(caller, Role.ADMIN, owner, repo)\n    return",
        "        pass\n    return",
    ),
    guard(
        "a key of a repository's predecessor stops it",
        "web/test_callers.py::test_a_key_of_the_former_repository_changes_and_reads_nothing",
        "web/switches.py",
        "    if key is not None and not key.covers(callers.host, repository_id, full_name):",
        "    if False:",
    ),
)

WIRE = (
    guard(
        "a request id answers any request",
        "web/test_rerun_route.py::test_a_red_pull_request_is_rerun_once_and_the_same_request_is_replayed",
        "ledger/requests.py",
        "    if known.request_hash != request_hash:",
        "    if False:",
    ),
    guard(
        "unknown fields are ignored",
        "web/test_seed_api.py::test_invalid_inputs_400_errors",
        "web/bodies.py",
        'extra="forbid", strict=True',
        "strict=True",
    ),
    guard(
        "a text passes for a number",
        "web/test_seed_api.py::test_invalid_inputs_400_errors",
        "web/bodies.py",
        'extra="forbid", strict=True',
        'extra="forbid"',
    ),
    guard(
        "a name twice in one object is read once",
        "web/test_wire.py::test_what_is_no_body_is_said_so",
        "web/bodies.py",
        "    if len(found) != len(pairs):",
        "    if False:",
    ),
    Guard(
        "a body is judged before its sender is known",
        (
            Change(
                "web/taking.py",
                "async def read_body(request: Request, _caller: ActsAtGitHub) -> bytes:",
                "async def read_body(request: Request) -> bytes:",
            ),
            Change("web/reruns.py", "    caller: ActsAtGitHub, raw: Body,", "    raw: Body, caller: ActsAtGitHub,"),
        ),
        "tests/web/test_wire.py::test_authentication_comes_before_everything_that_a_request_may_have_wrong",
    ),
    guard(
        "a service without a credential judges bodies",
        "web/test_wire.py::test_without_a_github_credential_the_second_401_comes_before_400",
        "web/service.py",
        "        if not self.service.has_credential:",
        "        if False:",
    ),
    guard(
        "a body of any size is read",
        "web/test_wire.py::test_size_and_type_of_a_body",
        "web/taking.py",
        "                if len(read) > LARGEST_BODY:",
        "                if False:",
    ),
    guard(
        "a secret may be a request id",
        "web/test_seed_api.py::test_invalid_inputs_400_errors",
        "web/service.py",
        "        if REDACTED in self.redact(found):",
        "        if False:",
    ),
    guard(
        "a secret is echoed as the correlation id",
        "web/test_wire.py::test_x_request_id_is_correlation_only",
        "web/frame.py",
        " and REDACTED not in self._service.redact(given)",
    ),
    guard(
        "answers are not redacted on their way out",
        "web/test_redacted.py::test_a_known_secret_in_foreign_text_leaves_in_no_answer",
        "web/service.py",
        "            return self.redact(tree)",
        "            return tree",
    ),
    guard(
        "a fault is told to the caller",
        "web/test_wire.py::test_a_fault_tells_its_id_and_nothing_else",
        "web/app.py",
        "return problem_answer(service, problem_of(error, service.ctx.now()), request.state.request_id)\n",
        "return problem_answer(service, Problem('INTERNAL_ERROR', str(error), ''), request.state.request_id)\n",
    ),
)

READS = (
    guard(
        "lists show every repository",
        "ledger/test_listing.py::test_only_repositories_that_may_be_seen_are_listed",
        "ledger/listing.py",
        "    return found if ids is None else found.where(column.in_(sorted(ids)))",
        "    return found",
    ),
    guard(
        "a key sees every repository in a list",
        "web/test_reads.py::test_nobody_sees_what_is_not_theirs[decisions]",
        "web/rights.py",
        "    return Visible(host=host, ids=tuple(",
        "    return Visible(host=None, ids=None and tuple(",
    ),
    guard(
        "lists ask for no role",
        "web/test_reads.py::test_nobody_sees_what_is_not_theirs[attempts]",
        "web/rights.py",
        "    needs(caller, Role.READER, owner, repo)\n",
    ),
    guard(
        "a key of a repository's predecessor reads its lists",
        "web/test_callers.py::test_a_key_of_the_former_repository_changes_and_reads_nothing",
        "web/rights.py",
        '    if key is not None and not key.covers(caller.service.callers.host, found, f"{owner}/{repo}"):',
        "    if False:",
    ),
    guard(
        "a cursor of another list is taken",
        "ledger/test_listing.py::test_a_cursor_of_another_list_is_refused",
        "ledger/listing.py",
        "        if name != self._name or len(told)",
        "        if len(told)",
    ),
    *(
        guard(
            f"everybody reads {name}",
            "web/test_reads.py::test_single_things_of_others_are_as_if_they_were_not_there",
            file,
            old,
            old.replace("may_read(", ANYTHING),
        )
        for name, file, old in (
            ("a decision by its id", "web/reads.py", "view.decision(id)\n    if found is None or not may_read("),
            ("an operation by its id", "web/reads.py", "view.operation(id)\n    if found is None or not may_read("),
            ("a case by its id", "web/reads.py", "view.case(id)\n    if found is None or not may_read("),
            ("an entry by its index", "web/log.py", "return bool(repository_id) and may_read("),
        )
    ),
    guard(
        "a proof is given for a tree that is not stored",
        "ledger/test_proofs.py::test_what_is_not_in_the_log_has_no_proof",
        "ledger/proofs.py",
        "    if size is not None and size != len(leaves):",
        "    if False:",
    ),
    guard(
        "verify-deployment does not follow a proof's path",
        "deployment/test_checks.py::test_every_fault_of_a_proof_is_named",
        "cli/deployment_checks.py",
        "    if not verify_inclusion(hashed, index, size, path, bytes.fromhex(root)):",
        "    if False:",
    ),
    guard(
        "verify-deployment does not hash the entry's text",
        "deployment/test_checks.py::test_every_fault_of_a_proof_is_named",
        "cli/deployment_checks.py",
        '    if proof.get("leafHash") != hashed.hex():',
        "    if False:",
    ),
    guard(
        "verify-deployment takes the proof of another tree",
        "deployment/test_checks.py::test_every_fault_of_a_proof_is_named",
        "cli/deployment_checks.py",
        '    if proof.get("index") != index or proof.get("size") != size or proof.get("root") != root:',
        "    if False:",
    ),
    guard(
        "verify-deployment does not compare a row with its entry",
        "deployment/test_checks.py::test_a_row_must_tell_what_its_entry_tells",
        "cli/deployment_checks.py",
        "        if same or fell:",
        "        if True:",
    ),
    guard(
        "green while something goes on",
        "flows/test_triage.py::test_green_only_when_nothing_is_going_on",
        "core/triage/report.py",
        'return "PENDING" if pending or incomplete else "GREEN"',
        'return "GREEN"',
    ),
    guard(
        "a fence is always three backticks",
        "core/test_prompt.py::test_no_log_breaks_out_of_its_block",
        "core/prompt/markdown.py",
        'fence = "`" * max(3, _longest_run(body) + 1)',
        'fence = "```"',
    ),
    guard(
        "a code span is always one backtick",
        "core/test_prompt.py::test_no_name_branch_address_or_command_becomes_markup",
        "core/prompt/markdown.py",
        'mark = "`" * (_longest_run(body) + 1)',
        'mark = "`"',
    ),
    guard(
        "control characters reach a prompt",
        "core/test_prompt.py::test_no_character_that_shows_nothing_reaches_a_prompt",
        "core/prompt/markdown.py",
        '    return "".join(c for c in cleaned if c == "\\n" or unicodedata.category(c) not in _UNSEEN)',
        "    return cleaned",
    ),
)

RECORD = (
    guard(
        "an evaluation leaves no row",
        "flows/test_places.py::test_every_decision_leaves_its_rows",
        "flows/policy_rows.py",
        "    if (told := policy.evaluation) is not None:",
        "    if False:",
    ),
    guard(
        "a refusal before facts leaves no entry and no row",
        "seeds/test_seed_000.py::test_action_not_allowed_by_registry",
        "flows/permission.py",
        "        _record(ctx, no, principal, action, full_name=full_name, named=named)\n",
    ),
    guard(
        "an automation verdict leaves no row",
        "flows/test_places.py::test_every_decision_leaves_its_rows",
        "flows/policy_rows.py",
        "    verdict = policy.automation\n",
        "    verdict = None\n",
    ),
    guard(
        "stop decisions leave no rows",
        "flows/test_places.py::test_every_decision_leaves_its_rows",
        "flows/intent.py",
        "    record_stops(tx, turn, facts, plan, inputs.usage, decision_id=decision_id, index=index)\n",
    ),
    guard(
        "what a decision saw is not kept",
        "flows/test_replay.py::test_every_decision_of_a_story_replays_to_what_was_recorded",
        "flows/intent.py",
        "    tx.record_inputs(decision_id, record_inputs(inputs, tx.redacted))\n",
    ),
    guard(
        "the new tables of history have no triggers",
        "ledger/test_guards.py::test_another_program_cannot_change_history_through_the_triggers[registry_action_audit]",
        "ledger/migrations/versions/v0002_who_may_do_what.py",
        "BEFORE {verb.upper()} ON {table}",
        "BEFORE {verb.upper()} ON {table} WHEN 0",
    ),
    guard(
        "a row of the new tables can be replaced",
        "ledger/test_guards.py::test_another_program_cannot_change_history_through_the_triggers[stop_decision_audit]",
        "ledger/migrations/versions/v0002_who_may_do_what.py",
        "BEFORE INSERT ON {table} WHEN {taken}",
        "BEFORE INSERT ON {table} WHEN 0 AND {taken}",
    ),
    guard(
        "our own connections may change every table",
        "ledger/test_guards.py::test_our_own_connections_are_refused_before_any_trigger",
        "ledger/guards.py",
        "_CHANGEABLE = frozenset(MUTABLE)",
        "_CHANGEABLE = _OURS",
    ),
    guard(
        "a ledger without its guards is opened",
        "ledger/test_guards.py::test_the_self_test_refuses_a_file_whose_guard_was_removed",
        "ledger/guards.py",
        '    raise _unsafe(place, f"`{statement}` succeeded although {guard} should refuse it")',
        "    return",
    ),
    guard(
        "it starts without an environment",
        "web/test_up.py::test_what_must_not_start_is_told_before_a_ledger_is_opened",
        "cli/upping.py",
        "    if not settings.deploy_env and (app or not _loopback(host)):",
        "    if False:",
    ),
    guard(
        "it starts with an allowlist that says nothing",
        "web/test_up.py::test_what_must_not_start_is_told_before_a_ledger_is_opened",
        "cli/upping.py",
        "    if problems and settings.repo_allowlist is not None:",
        "    if False:",
    ),
)

GUARDS = (*ACCESS, *CALLERS, *REGISTRY, *PRECONDITIONS, *LAWBOOK, *SWITCH, *WIRE, *READS, *RECORD)
