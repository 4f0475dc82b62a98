"""The guards of the walks of part 3 that are removed in turn: the one way of every write, and the ladder."""

from __future__ import annotations

from tests.mutants.guards import Change
from tests.mutants.service_guards import Guard, guard

_EFFECTS = "flows/ladder/effects.py"
_GUARDS = "ladder/test_guards.py::"
_REFUSALS = "ladder/test_refusals.py::"
_REPORTS = "ladder/test_reports.py::"
_DISPATCH = "ladder/test_redispatch.py::"

WRITES = (
    guard(
        "a push does not look at the switches a last time",
        f"{_GUARDS}test_a_push_has_a_last_look_of_its_own",
        _EFFECTS,
        "    why = rung.ctx.may_write(receipt.operation_id)\n",
        "    why = None\n",
    ),
    guard(
        "the last look is not wired to pushes",
        f"{_GUARDS}test_wiring_gives_the_last_look_to_pushes_and_to_every_dispatcher",
        "wiring/__init__.py",
        "            may_write=may_write,\n            boundary=boundary,\n        )\n",
        "            boundary=boundary,\n        )\n",
    ),
    guard(
        "the last look is not wired to further credentials",
        f"{_GUARDS}test_wiring_gives_the_last_look_to_pushes_and_to_every_dispatcher",
        "wiring/workshops.py",
        "                may_write=may_write,\n",
    ),
    guard(
        "what the places say is not asked before an intent",
        f"{_REFUSALS}test_the_kill_switch_between_the_plan_and_the_write_holds_it[push]",
        _EFFECTS,
        "    for reason, why in policy.stops:\n",
        "    for reason, why in ():\n",
    ),
    guard(
        "a stored switch is not asked before an intent",
        f"{_GUARDS}test_what_is_in_the_ledger_stops_an_intent[switch]",
        _EFFECTS,
        "    if switch is not None:",
        "    if False:",
    ),
    guard(
        "an unresolved conflict of identities does not stop a write",
        f"{_GUARDS}test_what_is_in_the_ledger_stops_an_intent[conflict]",
        _EFFECTS,
        "    if conflict is not None:",
        "    if False:",
    ),
    guard(
        "without a ledger that stays something is written",
        f"{_GUARDS}test_without_a_database_nothing_is_written",
        _EFFECTS,
        "    if rung.ctx.deployment.attempt_bound_only:",
        "    if False:",
    ),
    guard(
        "an automatic case writes in shadow",
        f"{_REFUSALS}test_in_shadow_an_automatic_case_writes_nothing",
        _EFFECTS,
        '    if rung.automatic and mode != "act":',
        "    if False:",
    ),
    guard(
        "what needs an approval leaves without one",
        f"{_GUARDS}test_what_proposes_nothing_waits_for_its_approval",
        _EFFECTS,
        "if wish.proposes and reason is Reason.APPROVAL_REQUIRED:",
        "if reason is Reason.APPROVAL_REQUIRED:",
    ),
    guard(
        "a step that was taken over writes all the same",
        f"{_GUARDS}test_a_step_that_was_taken_over_writes_nothing",
        _EFFECTS,
        "    def decide(tx: Tx) -> Intent | Operation | Stop:\n        still_held(tx, rung.case)\n",
        "    def decide(tx: Tx) -> Intent | Operation | Stop:\n",
    ),
    guard(
        "a write without an answer is sent again",
        f"{_DISPATCH}test_a_lost_answer_is_looked_for_by_the_runs_name_and_never_sent_twice[502 before it]",
        _EFFECTS,
        "        settle(ctx, operation, sender=True)\n    else:\n",
        "        defer(ctx, operation, ctx.now(), str(doubt))\n    else:\n",
    ),
    guard(
        "a write that was done is done again",
        f"{_GUARDS}test_a_wish_that_is_done_is_not_sent_again",
        _EFFECTS,
        "    if not known:\n        return _begin(rung, wish, guard)\n    latest = known[-1]\n",
        "    if not known or known[-1].state is S.CONFIRMED:\n"
        "        return _begin(rung, wish, guard)\n    latest = known[-1]\n",
    ),
    guard(
        "a rung's own limits are not asked at the intent",
        f"{_DISPATCH}test_one_commit_is_validated_once_for_all_cases",
        _EFFECTS,
        "    return guard(tx) if guard is not None else None\n",
        "    return None\n",
    ),
    guard(
        "absence of a push is a definite no",
        f"{_GUARDS}test_a_push_whose_end_nobody_knows_is_not_sent_again",
        "flows/ladder/settling.py",
        "        repeatable = Kind(operation.kind) in MAY_BE_REPEATED\n",
        "        repeatable = True\n",
    ),
)

ROLLBACKS = (
    guard(
        "rollbacks of a day are not counted",
        f"{_REFUSALS}test_so_many_rollbacks_a_day_and_no_more",
        "flows/ladder/rollback.py",
        "    return len(made), ",
        "    return 0, ",
    ),
    guard(
        "automatic rollbacks of a commit are not counted",
        f"{_REFUSALS}test_the_second_automatic_rollback_of_a_commit_in_a_day_is_a_persons",
        "flows/ladder/rollback.py",
        "len(same if done else same - {own})",
        "0",
    ),
    guard(
        "limits that were used up since the plan are not counted at the intent",
        f"{_GUARDS}test_the_days_limits_are_counted_again_where_the_intent_is_recorded",
        "flows/ladder/rollback.py",
        "        if created >= rules.create_per_day:",
        "        if False:",
    ),
    Guard(
        "two cases roll back on one ref",
        (
            Change(
                "flows/ladder/rollback.py",
                "    leased = lease.case_id if lease and lease.case_id != rung.case.id and lease.until > view.now "
                "else None\n",
                "    leased = None\n",
            ),
            Change("flows/ladder/rollback.py", "        if plan.writes and not tx", "        if () and not tx"),
            Change("flows/ladder/rollback.py", "            if not taken:", "            if False:"),
        ),
        f"tests/{_GUARDS}test_two_cases_do_not_roll_back_on_one_ref",
    ),
    guard(
        "a proposed rollback does not block its branch",
        f"{_REFUSALS}test_a_released_branch_may_be_rolled_back_again_by_a_person",
        "flows/ladder/rollback.py",
        "note=note, within=block, rollback=final)",
        "note=note, rollback=final)",
    ),
    guard(
        "in production a rollback lands without an approval rule",
        f"{_REFUSALS}test_in_production_nothing_lands_without_an_approval_rule",
        "flows/ladder/rollback.py",
        "    if prod and (told is None or not told.approval_required):",
        "    if False:",
    ),
    guard(
        "a branch whose rules could not be read is pushed to",
        f"{_GUARDS}test_rules_that_cannot_be_read_allow_no_push",
        "flows/ladder/rollback.py",
        "    except Refused:\n        return False\n",
        "    except Refused:\n        return True\n",
    ),
    guard(
        "a protected branch is pushed to",
        f"{_GUARDS}test_a_protected_branch_is_not_pushed_to",
        "flows/ladder/rollback.py",
        " and found is not None and found.protected is False",
    ),
    guard(
        "a branch that keeps moving is planned for without end",
        f"{_REFUSALS}test_a_branch_that_keeps_moving_is_left_to_a_person",
        "flows/ladder/rollback.py",
        'if moved and int(known.get("round", 1)) < REPLANS:',
        'if moved and int(known.get("round", 1)) < 9:',
    ),
    guard(
        "a plan that writes nothing is carried out",
        f"{_REFUSALS}test_report_only_plans_and_writes_nothing",
        "flows/ladder/rollback.py",
        "    if not plan.writes and plan.action is not RollbackAction.LOCAL_BRANCH:",
        "    if False:",
    ),
    Guard(
        "advisories accuse commits",
        (
            Change(
                "flows/ladder/suspects.py",
                "result.blocking and result.component is not Component.SECURITY",
                "result.blocking",
            ),
            Change("flows/ladder/suspects.py", "        if result.component is not Component.SECURITY\n", ""),
        ),
        f"tests/{_GUARDS}test_a_failing_audit_accuses_nobody",
    ),
)

REPORTS = (
    guard(
        "a report that is not proven is believed",
        f"{_REPORTS}test_a_forged_report_is_refused_and_leads_nowhere[unsigned]",
        "flows/ladder/redispatch.py",
        "    if problems:\n",
        "    if False:\n",
    ),
    guard(
        "a report of another workflow's run is believed",
        f"{_REPORTS}test_a_run_of_another_workflow_that_bears_the_id_is_not_believed",
        "flows/ladder/redispatch.py",
        '    if run.path.partition("@")[0] != workflow:',
        "    if False:",
    ),
    guard(
        "numbers of another commit are believed",
        f"{_REPORTS}test_a_forged_report_is_refused_and_leads_nowhere[measured_elsewhere]",
        "flows/ladder/redispatch.py",
        '    if found.sha != asked["sha"] or (before is not None and before.sha != asked["base"]):',
        "    if False:",
    ),
    guard(
        "the nonce signs although a key is set",
        f"{_REPORTS}test_where_a_report_key_is_set_the_nonce_alone_signs_nothing",
        "flows/ladder/redispatch.py",
        "    secret = rung.ctx.deployment.report_key\n",
        "    secret = None\n",
    ),
    guard(
        "a 404 moves on to the next credential",
        f"{_DISPATCH}test_404_stops_although_another_credential_is_there",
        "flows/ladder/redispatch.py",
        "        if next_step(effect.status or 422).step is not Step.NEXT_CREDENTIAL:",
        "        if False:",
    ),
    guard(
        "silence is waited for without end",
        f"{_DISPATCH}test_a_run_that_never_ends_is_handed_over_at_the_deadline",
        "flows/ladder/redispatch.py",
        "    if now >= deadline:",
        "    if False:",
    ),
    guard(
        "an unmeasurable validation keeps a fix going",
        f"{_GUARDS}test_an_inconclusive_validation_is_a_persons",
        "flows/ladder/rolled_back.py",
        "{ValidationOutcome.FAILED, ValidationOutcome.INCONCLUSIVE}",
        "{ValidationOutcome.FAILED}",
    ),
)

VALIDATIONS = (
    guard(
        "a measurement of another payload is judged",
        "cli/test_validating.py::test_a_measurement_of_another_payload_or_with_changed_numbers_is_not_judged",
        "flows/validate.py",
        '    if tree.get("payload_hash") != canonical_hash(build_payload(payload)):',
        "    if False:",
    ),
    guard(
        "another base is compared with",
        "cli/test_validating.py::test_a_measurement_of_another_payload_or_with_changed_numbers_is_not_judged",
        "flows/validate.py",
        "    if before is not None and (payload.known is None or before.sha != payload.known.base_sha):",
        "    if False:",
    ),
)

GATES = (
    guard(
        "a blocked branch passes its gate",
        "cli/test_gating.py::test_after_a_rollback_the_gate_is_closed_until_a_person_releases_it",
        "flows/gate.py",
        "    if block is not None:\n        return 1\n",
    ),
    guard(
        "what is unknown passes the gate",
        "cli/test_gating.py::test_what_is_unknown_ends_with_1",
        "flows/gate.py",
        "Gate.HOLD: 1}",
        "Gate.HOLD: 0}",
    ),
    guard(
        "any branch in a bad way gets a case",
        "cli/test_gating.py::test_a_critical_default_branch_gets_a_case",
        "flows/gate.py",
        "    return default and found",
        "    return found",
    ),
)

HEALING = (
    guard(
        "a result that is worse is proposed",
        "flows/test_heal.py::test_a_result_that_is_worse_is_not_proposed",
        "flows/heal.py",
        "    if after.health < before.health:",
        "    if False:",
    ),
    guard(
        "a result whose health is unknown is proposed",
        "flows/test_heal.py::test_a_result_whose_health_is_unknown_is_not_proposed",
        "flows/heal.py",
        '        return HealReason.HEALTH_UNKNOWN, f"the health {when} is not known"\n',
        "        return None\n",
    ),
    guard(
        "numbers of other checks show an improvement",
        "flows/test_heal.py::test_measurements_with_different_checks_are_not_compared",
        "flows/heal.py",
        "    if before.set_hash != after.set_hash:",
        "    if False:",
    ),
    guard(
        "limits bind each fix alone",
        "flows/test_heal.py::test_limits_bind_each_fix_and_all_of_them_together",
        "flows/heal.py",
        'why=f"{found[1]}, all fixes together") if found else None',
        'why="") if () else None',
    ),
    guard(
        "a refused change stays for the next fix",
        "flows/test_heal.py::test_a_change_that_may_not_be_proposed_leaves_nothing[a workflow]",
        "flows/heal.py",
        "declined = fixed.declined or self._judged(remedy, changes, made)",
        "declined = fixed.declined",
    ),
    guard(
        "a case's id may hold any text",
        "flows/test_heal.py::test_text_of_a_registry_cannot_tell_github_to_skip_ci",
        "flows/heal.py",
        "    if _CASE.fullmatch(case) is None:",
        "    if False:",
    ),
)

_ATTACKS = "ladder/test_adversary.py::"

ATTACKS = (
    guard(
        "a draft that a person closed lands",
        f"{_ATTACKS}test_a_draft_that_a_person_closed_never_lands",
        "flows/ladder/rolled_back.py",
        '    if pull.state != "open":',
        "    if False:",
    ),
    guard(
        "a draft for another branch lands",
        f"{_ATTACKS}test_a_draft_that_was_turned_to_another_branch_never_lands",
        "flows/ladder/rolled_back.py",
        "    if pull.base_ref != rung.branch:",
        "    if False:",
    ),
    guard(
        "a draft that holds more than was validated lands",
        f"{_ATTACKS}test_a_draft_whose_branch_holds_more_than_was_validated_never_lands",
        "flows/ladder/rolled_back.py",
        "return None if pull.head_sha == sha else",
        "return None if True else",
    ),
    guard(
        "a stranger's pull request counts as ours",
        f"{_ATTACKS}test_a_strangers_pull_request_from_our_branch_is_not_taken_for_ours[before]",
        "flows/ladder/finding.py",
        " and pull.author == us",
    ),
    guard(
        "who asked for a validation gets more",
        f"{_ATTACKS}test_a_request_for_a_validation_never_becomes_a_fix_or_a_rollback",
        "flows/ladder/climb.py",
        "    if wanted in ASKED:",
        '    if wanted == "rollback":',
    ),
    guard(
        "a report says when it was measured",
        f"{_ATTACKS}test_a_report_cannot_say_that_it_was_measured_at_another_time",
        "flows/ladder/redispatch.py",
        "taken_at=max(asked, min(found.taken_at, rung.ctx.now()))",
        "taken_at=found.taken_at",
    ),
    guard(
        "a machine opens again what a person ended",
        f"{_ATTACKS}test_a_branch_that_a_person_released_is_not_blocked_again_by_the_same_finding",
        "flows/ladder/climb.py",
        "        if automatic and case.state in ENDED:",
        "        if False:",
    ),
    guard(
        "a run that can never be read is waited for without end",
        f"{_ATTACKS}test_a_run_that_somebody_deleted_ends_the_wait_at_the_deadline",
        "flows/ladder/redispatch.py",
        "        if now < deadline + rung.ctx.deployment.reconcile_window:",
        "        if True:",
    ),
    guard(
        "a fork's run goes on to a fix",
        f"{_GUARDS}test_a_fork_has_no_branch_that_a_rung_could_work_on",
        "flows/tick.py",
        "own = pull.head_repository_id == facts.repository.id",
        "own = True",
    ),
    guard(
        "git is started although a branch's name is an argument",
        f"{_ATTACKS}test_a_branch_name_that_is_no_argument_ends_its_case_and_no_other[-x]",
        "flows/ladder/climb.py",
        "    if rung.branch and not is_branch(rung.branch):",
        "    if False:",
    ),
    guard(
        "code of the repository runs where nobody said so",
        "ladder/test_remedies.py::test_where_no_code_may_run_a_fix_is_left_to_whoever_may",
        "flows/ladder/remedy.py",
        "    if not may_run(rung):",
        "    if False:",
    ),
    guard(
        "a tick runs the code of a case that a gate opened",
        "ladder/test_where_code_runs.py::test_a_tick_without_leave_measures_nothing_of_a_case_that_a_gate_opened",
        "flows/ladder/measuring.py",
        "    return rung.ctx.deployment.run_checks\n",
        "    return True\n",
    ),
    guard(
        "a label that opts a commit out is not read",
        "ladder/test_opting_out.py::test_a_label_on_the_pull_request_opts_its_commit_out",
        "flows/ladder/opting_out.py",
        "if OFF in pull.labels",
        "if False",
    ),
    guard(
        "a dispatch does not take its ref",
        f"{_DISPATCH}test_two_cases_do_not_work_on_one_ref_at_once",
        "flows/ladder/redispatch.py",
        "        leased = ref and not",
        "        leased = () and not",
    ),
)

FLOW_GUARDS = (*WRITES, *ROLLBACKS, *REPORTS, *VALIDATIONS, *GATES, *HEALING, *ATTACKS)
