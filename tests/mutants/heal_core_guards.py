"""The guards of the core and of the ledger of part 3 that are removed in turn, with the tests that go red then."""

from __future__ import annotations

from tests.mutants.guards import Change
from tests.mutants.service_guards import Guard, guard

CULPRIT = (
    guard(
        "an unreliable job needs no more red signals than any other",
        "core/test_culprit.py::test_an_unreliable_job_needs_more_red_signals_and_one_that_is_too_unreliable_accuses_nobody",
        "core/rollback/culprit.py",
        "if len(target.reds) < needed.reds or again",
        "if again",
    ),
    guard(
        "a source that names a job twice is two signals",
        "core/test_culprit.py::test_two_jobs_or_two_entries_of_one_source_are_one_signal",
        "core/rollback/evidence.py",
        "setdefault(signal.source, [])",
        'setdefault(f"{signal.source} {signal.at}", [])',
    ),
    guard(
        "the last good commit need not be green again",
        "core/test_culprit.py::test_the_green_commit_must_be_green_after_the_failure_began",
        "core/rollback/culprit.py",
        "since = [signal.at for signal in base.greens if signal.at >= first_red]",
        "since = [first_red] * 9",
    ),
    guard(
        "the culprit need not be red again after the green",
        "core/test_culprit.py::test_the_culprit_must_be_red_after_that_again",
        "core/rollback/culprit.py",
        " or target.reds[-1].at < since[needed.since - 1]",
    ),
    guard(
        "a good commit that is red now does not speak for the environment",
        "core/test_culprit.py::test_a_good_commit_that_is_red_now_shows_an_outage",
        "core/rollback/culprit.py",
        "    if (outside := _outside(line, good)) is not None:\n        return outside\n",
    ),
    guard(
        "red signals near an outage count",
        "core/test_culprit.py::test_red_signals_near_an_outage_prove_nothing",
        "core/rollback/evidence.py",
        " and not _near(s.at, outages)",
    ),
    guard(
        "environment, flaky and missing results count as red",
        "core/test_culprit.py::test_a_red_signal_of_another_cause_is_no_second_one",
        "core/rollback/evidence.py",
        "all(s.outcome is Outcome.RED and",
        "all(",
    ),
    guard(
        "an outage of another job asks for no further signal",
        "core/test_culprit.py::test_an_outage_of_another_job_asks_for_one_more_signal_of_each_colour",
        "core/rollback/culprit.py",
        "max(wanted, WANTED), doubt=doubt)",
        "max(wanted, WANTED), doubt=False)",
    ),
    guard(
        "old signals of the tip blame somebody",
        "core/test_culprit.py::test_data_of_the_tip_older_than_15_minutes_blames_nobody",
        "core/rollback/culprit.py",
        "    if now - tip.reds[-1].at > FRESH:",
        "    if False:",
    ),
    guard(
        "signals of the future count",
        "core/test_culprit.py::test_what_lies_in_the_future_did_not_happen",
        "core/rollback/culprit.py",
        "signal for signal in signals if signal.at <= now + SKEW",
        "signals",
    ),
    guard(
        "commits that nobody measured are jumped",
        "core/test_culprit.py::test_a_gap_is_halved_and_never_jumped",
        "core/rollback/culprit.py",
        "    if gap:\n        return _ask_gap(line, gap, good)\n",
    ),
    guard(
        "a red that came and went on a later commit is passed over",
        "core/test_culprit.py::test_every_later_commit_that_was_measured_is_red",
        "core/rollback/culprit.py",
        "not line.at(0).green]",
        "line.at(0).reds]",
    ),
    guard(
        "a job that comes and goes accuses as any other",
        "core/test_culprit.py::test_an_unreliable_job_needs_more_red_signals_and_one_that_is_too_unreliable_accuses_nobody",
        "core/rollback/evidence.py",
        "        if not self.flukes:\n            return wanted\n",
        "        return wanted\n",
    ),
    guard(
        "any number of suspects is a machine's",
        "core/test_culprit.py::test_several_commits_that_broke_a_job_each_are_named_newest_first",
        "core/rollback/culprit.py",
        "    if len(suspects) > MOST_SUSPECTS:",
        "    if False:",
    ),
    guard(
        "a history with a gap is taken as it is",
        "core/test_culprit.py::test_a_history_with_a_gap_or_without_commits_or_jobs_blames_nobody",
        "core/rollback/culprit.py",
        "        if newer.parents[:1] != (older.sha,):",
        "        if False:",
    ),
)

_STOPS = "core/rollback/stops.py"
_BLOCKS = "core/test_rollback_plan.py::test_each_stop_alone_blocks"
_HOLES = "core/test_rollback_plan.py::test_whatever_is_unknown_alone_makes_nothing"
_DIRECT = "core/test_rollback_plan.py::test_what_keeps_a_direct_push_back_leaves_a_draft"
_CALM = "core/test_rollback_plan.py::test_unknown_health_alone_makes_it_a_draft"

PLAN = (
    guard("the places' own stops do not block a rollback", _BLOCKS, _STOPS, "        *inputs.stops,\n"),
    guard(
        "a machine rolls back without a proven cause",
        f"{_HOLES}[culprit]",
        _STOPS,
        "if culprit is None and (inputs.automatic or named is None):",
        "if False:",
    ),
    guard(
        "another commit than the proven one is reverted",
        _BLOCKS,
        _STOPS,
        "if target is not None and sha != target.sha:",
        "if False:",
    ),
    guard(
        "a fact about the repository that could not be read does not block",
        f"{_HOLES}[shallow]",
        _STOPS,
        "        if state is None:\n",
        "        if False:\n",
    ),
    guard(
        "shallow, dirty and detached do not block",
        _BLOCKS,
        _STOPS,
        "        elif state:\n",
        "        elif False:\n",
    ),
    guard("a moved tip does not block", _BLOCKS, _STOPS, "elif facts.tip != facts.expected_tip:", "elif False:"),
    guard(
        "a tip that could not be read does not block",
        _HOLES,
        _STOPS,
        "if facts.tip is None or facts.expected_tip is None:\n        yield",
        "if facts.tip is None or facts.expected_tip is None:\n        return\n        yield",
    ),
    guard(
        "a short name is a commit",
        f"{_HOLES}[no full sha]",
        _STOPS,
        "target is None or SHA.fullmatch(target.sha) is None",
        "target is None",
    ),
    guard(
        "a commit that the branch does not hold is reverted", _BLOCKS, _STOPS, "elif not facts.reachable:", "elif 0:"
    ),
    Guard(
        "an unknown reachability counts as reachable",
        (
            Change(_STOPS, "if facts.reachable is None:", "if False:"),
            Change(_STOPS, "elif not facts.reachable:", "elif facts.reachable is False:"),
        ),
        f"tests/{_HOLES}[reachable]",
    ),
    guard("a root commit is reverted", _BLOCKS, _STOPS, "    if count == 0:", "    if False:"),
    guard("an octopus is reverted", _BLOCKS, _STOPS, "    if count > MERGE_PARENTS:", "    if False:"),
    guard(
        "a merge needs no mainline",
        _BLOCKS,
        _STOPS,
        "if count == MERGE_PARENTS and facts.mainline not in {1, 2}:",
        "if False:",
    ),
    guard(
        "a commit of any age is reverted",
        _BLOCKS,
        _STOPS,
        "if inputs.now - target.committed_at > inputs.rules.max_target_age:",
        "if False:",
    ),
    guard("a revert is reverted", _BLOCKS, _STOPS, "    if target.reverts is not None:", "    if False:"),
    guard("later commits on the same files do not block", _BLOCKS, _STOPS, "    elif facts.dependants:", "    elif 0:"),
    guard(
        "workflow files are pushed without the right to",
        _BLOCKS,
        _STOPS,
        "if target.touches_workflows and inputs.ci and not facts.workflows_permission:",
        "if False:",
    ),
    guard(
        "a commit's own `never` is not heard",
        _BLOCKS,
        _STOPS,
        'target.trailers.get(key, "").strip().lower() == value',
        "False",
    ),
    guard("a label that opts out is not heard", _BLOCKS, _STOPS, "    if inputs.opted_out:", "    if False:"),
    guard("a leased ref is worked on by two", _BLOCKS, _STOPS, "    if inputs.leased_by:", "    if False:"),
    guard(
        "rollbacks of a day are not limited",
        _BLOCKS,
        _STOPS,
        '    yield from _count(inputs.created_today, inputs.rules.create_per_day, "rollback.createPerDay")\n',
    ),
    guard("a limit that could not be read allows", _HOLES, _STOPS, "    if used is None:\n", "    if False:\n"),
    guard(
        "a machine rolls a commit back twice in a day",
        _BLOCKS,
        _STOPS,
        "    elif inputs.automatic_of_target > 0:",
        "    elif False:",
    ),
    guard(
        "an undone commit is undone again",
        "core/test_rollback_plan.py::test_a_commit_that_is_reverted_already_is_left_alone",
        "core/rollback/plan.py",
        "    if revert := inputs.facts.already_reverted_by:",
        '    if revert := "":',
    ),
    guard(
        "report-only makes something",
        "core/test_rollback_plan.py::test_report_only_tells_what_would_stop_it_and_makes_nothing",
        "core/rollback/plan.py",
        'if inputs.report_only or inputs.rules.up_to == "report":',
        "if False:",
    ),
    guard(
        "a person's machine pushes",
        "core/test_rollback_plan.py::test_on_somebodys_machine_a_branch_is_made_and_nothing_is_pushed",
        "core/rollback/plan.py",
        "    if not inputs.ci:",
        "    if False:",
    ),
    guard(
        "a direct push needs no grant of its branch",
        _DIRECT,
        _STOPS,
        'if rules.deliver != "direct_push" or inputs.branch not in rules.direct_push:',
        "if False:",
    ),
    guard("a rollback that ends before a merge merges", _DIRECT, _STOPS, '    if rules.up_to != "merge":', "    if 0:"),
    guard("the branch's own rules are not asked", _DIRECT, _STOPS, "    if not inputs.may_push_direct:", "    if 0:"),
    guard(
        "a commit that a person named is pushed without a proof",
        _DIRECT,
        _STOPS,
        "    if inputs.culprit is None:",
        "    if False:",
    ),
    guard("calm is an emergency", _DIRECT, _STOPS, "        stops.extend(_calm(inputs))", "        pass"),
    guard(
        "rollbacks that land in a day are not limited",
        _DIRECT,
        _STOPS,
        '    stops.extend(_count(inputs.merged_today, rules.merge_per_day, "rollback.mergePerDay"))\n',
    ),
    guard("an old health is an emergency", _CALM, _STOPS, "if not -SKEW <= now - measured.taken_at <= FRESH:", "if 0:"),
    guard("another commit's health is an emergency", _CALM, _STOPS, "if measured.sha != inputs.facts.tip:", "if 0:"),
    guard(
        "health at the threshold is an emergency",
        "core/test_rollback_plan.py::test_the_threshold_is_the_lawbooks",
        _STOPS,
        "    if measured.health >= below:",
        "    if measured.health > below:",
    ),
    guard(
        "a ready CI is an emergency",
        f"{_DIRECT}",
        _STOPS,
        "    if measured.ready:\n",
        "    if False:\n",
    ),
    guard(
        "a state that is not known is shown as healthy",
        "core/test_rollback_plan.py::test_the_state_that_is_shown",
        "core/rollback/plan.py",
        "        return RollbackStatus.UNKNOWN\n    if measurement.health",
        "        return RollbackStatus.HEALTHY\n    if measurement.health",
    ),
)

VALIDATION = (
    guard(
        "an unknown component is judged",
        "core/test_validation.py::test_any_unknown_component_is_inconclusive_and_never_a_rollback",
        "core/validation.py",
        "return unknown or measurement.confidence is None",
        "return measurement.confidence is None",
    ),
    Guard(
        "an unknown readiness counts as not ready",
        (
            Change("core/validation.py", " or measurement.ready is None", ""),
            Change("core/validation.py", "if confidence is None or ready is None:", "if confidence is None:"),
            Change("core/validation.py", "READY * ready\n", "READY * bool(ready)\n"),
        ),
        "tests/core/test_validation.py::test_the_boundaries_of_the_seed",
    ),
    guard(
        "effectiveness is not clamped",
        "core/test_validation.py::test_effectiveness_is_always_between_0_and_100",
        "core/validation.py",
        "max(0, min(100, total))",
        "total",
    ),
    guard(
        "numbers of other checks are compared",
        "core/test_validation.py::test_improvement_compares_equal_checks_and_tools_only",
        "core/validation.py",
        "before.set_hash == after.set_hash and ",
    ),
    guard(
        "numbers of other tools are compared",
        "core/test_validation.py::test_improvement_compares_equal_checks_and_tools_only",
        "core/validation.py",
        " and dict(before.tools) == dict(after.tools)",
    ),
    guard(
        "a fix that improved nothing is a success",
        "core/test_validation.py::test_success_of_an_automatic_fix_needs_a_measured_improvement",
        "core/validation.py",
        "held=automatic_fix and (better is None or better < 0)",
        "held=False",
    ),
    guard(
        "a success needs no readiness",
        "core/test_validation.py::test_the_boundaries_of_the_seed",
        "core/validation.py",
        "score >= SUCCESS_FROM and ready and not held",
        "score >= SUCCESS_FROM and not held",
    ),
    guard(
        "a bad score with a ready CI is rolled back",
        "core/test_validation.py::test_the_boundaries_of_the_seed",
        "core/validation.py",
        "score < health_below and after.ready is False",
        "score < health_below",
    ),
    guard(
        "a component passes with errors in it",
        "core/test_validation.py::test_what_a_passing_component_is",
        "core/validation.py",
        "return sum(count.errors for count in counts) == 0",
        "return True",
    ),
)

DISPATCH = (
    guard(
        "a payload may hold more fields",
        "core/test_dispatching.py::test_a_field_of_another_shape_is_refused",
        "core/dispatching.py",
        "    if len(tree.keys() - set(names)) > 0:",
        "    if False:",
    ),
    guard(
        "a field may have any shape",
        "core/test_dispatching.py::test_a_field_of_another_shape_is_refused",
        "core/dispatching.py",
        " or (value not in also and shape.fullmatch(value) is None)",
    ),
    guard(
        "a shape need not be the whole text",
        "core/test_dispatching.py::test_a_field_of_another_shape_is_refused",
        "core/dispatching.py",
        "shape.fullmatch(value)",
        "shape.match(value)",
    ),
    guard(
        "a field may stand twice",
        "core/test_dispatching.py::test_a_field_that_stands_twice_is_refused",
        "core/dispatching.py",
        "    if len(tree) != len(pairs):",
        "    if False:",
    ),
    guard(
        "what is built is not read",
        "core/test_dispatching.py::test_what_may_not_be_sent_is_not_built",
        "core/dispatching.py",
        "    read_payload(tree)\n    return tree\n",
        "    return tree\n",
    ),
    guard(
        "a server's failure is a definite no",
        "core/test_dispatching.py::test_what_follows_from_a_status",
        "core/dispatching.py",
        "status in range(400, 500) else Next(step=Step.RECONCILE)",
        "status else Next(step=Step.RECONCILE)",
    ),
    guard(
        "200 accepts a dispatch",
        "core/test_dispatching.py::test_what_follows_from_a_status",
        "core/dispatching.py",
        ' or (status == RUN_DETAILS and via != "workflow_dispatch")',
    ),
    guard(
        "a rate limit moves on to the next credential",
        "core/test_dispatching.py::test_a_403_of_a_rate_limit_waits_and_moves_nowhere",
        "core/dispatching.py",
        "    if rate_limited and status in {403, 429}:",
        "    if False:",
    ),
    guard(
        "a refused credential is tried again",
        "core/test_dispatching.py::test_credentials_are_tried_in_their_order_and_refused_ones_never_again",
        "core/dispatching.py",
        "if credential in present - used",
        "if credential in present",
    ),
    guard(
        "dispatches are not counted",
        "core/test_dispatching.py::test_how_often_a_commit_and_a_case_are_dispatched",
        "core/dispatching.py",
        "if used is None or used >= most",
        "if used is None",
    ),
    guard(
        "dispatches that could not be counted are allowed",
        "core/test_dispatching.py::test_how_often_a_commit_and_a_case_are_dispatched",
        "core/dispatching.py",
        "if used is None or used >= most",
        "if used is not None and used >= most",
    ),
)

_SIGNED = "core/test_dispatching.py::test_other_keys_other_dispatches_and_other_shapes_are_refused"

SIGNATURE = (
    guard(
        "a signature is not compared",
        "core/test_dispatching.py::test_every_changed_or_missing_field_is_noticed",
        "core/report_signature.py",
        'not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))',
        "False",
    ),
    guard(
        "the nonce alone is enough where there is a secret",
        _SIGNED,
        "core/report_signature.py",
        ' or signature.get("key") != basis',
    ),
    guard(
        "a report of another dispatch is believed",
        _SIGNED,
        "core/report_signature.py",
        '        *(f"the report is about another {name}" for name, value in expected.items() '
        "if report.get(name) != value),\n",
    ),
    guard(
        "the nonce is not bound to the key",
        _SIGNED,
        "core/report_signature.py",
        '_PURPOSE + b"\\0" + nonce.encode()',
        "_PURPOSE",
    ),
    guard(
        "an unsigned report is believed",
        _SIGNED,
        "core/report_signature.py",
        '        return ("the report is not signed",)',
        "        return ()",
    ),
)

HEALTH = (
    guard(
        "an unknown component counts as not there",
        "core/test_health.py::test_an_unknown_component_makes_every_number_unknown",
        "core/health/score.py",
        "any(not c.outside for c in components if c.component in unknown)",
        "False",
    ),
    guard(
        "a half known component has a score",
        "core/test_health.py::test_a_half_known_component_is_unknown",
        "core/health/score.py",
        "mean = None if unknown or not asked else _mean(asked, bonus=False)",
        "asked = [r for r in asked if r not in unknown]\n    mean = _mean(asked, bonus=False) if asked else None",
    ),
    guard(
        "one outside reason excuses the others",
        "core/test_health.py::test_one_inside_reason_is_enough_to_hold",
        "core/health/score.py",
        "bool(unknown) and all(r.outside for r in unknown)",
        "any(r.outside for r in unknown)",
    ),
    guard(
        "a health without build and tests is a number",
        "core/test_health.py::test_a_health_without_build_and_tests_is_unknown",
        "core/health/score.py",
        "return not working & unknown or bool(working & measured)",
        "return True",
    ),
    guard(
        "what the outside did not answer leaves CI ready",
        "core/test_health.py::test_what_the_outside_did_not_answer_stays_out_and_is_no_pass",
        "core/health/score.py",
        "None if unknown or health is None else True",
        "None if health is None else True",
    ),
    guard(
        "fixes raise health",
        "core/test_health.py::test_fixes_raise_confidence_and_never_health",
        "core/health/score.py",
        "health = _overall(results, components, penalty, bonus=False)",
        "health = _overall(results, components, penalty, bonus=True)",
    ),
    guard(
        "failing tests do not block",
        "core/test_health.py::test_failing_tests_block",
        "core/health/score.py",
        "failed, warned = counts.failed_tests > 0, False",
        "failed, warned = False, counts.failed_tests > 0",
    ),
    guard(
        "a score leaves 0..100",
        "core/test_health.py::test_every_number_is_0_to_100_or_unknown",
        "core/health/score.py",
        "return min(max(value, Fraction(0)), Fraction(100))",
        "return value",
    ),
    guard(
        "numbers that do not follow from the results are taken",
        "core/test_health.py::test_numbers_that_do_not_follow_from_the_results_are_refused",
        "core/health/score.py",
        "    if told != owed or (measurement.confidence is None) is not (again.confidence is None):",
        "    if False:",
    ),
    guard(
        "confidence may claim any bonus",
        "core/test_health.py::test_numbers_that_do_not_follow_from_the_results_are_refused",
        "core/health/score.py",
        "<= min(low + _MOST_BONUS, 100)",
        "<= 100",
    ),
    guard(
        "the hash of the checks leaves out their commands",
        "core/test_health.py::test_the_set_hash_is_of_what_is_run_whatever_the_order",
        "core/health/score.py",
        '            "command": check.command,\n',
    ),
)

_JUDGE = "core/remedy/judge.py"
_PATHS = "core/test_remedy_judge.py::test_paths_and_modes"
_DEPS = "core/test_remedy_judge.py::test_dependencies"

REMEDY = (
    guard(
        "a fix may change what decides about checks and reviews",
        _PATHS,
        _JUDGE,
        "if _FORBIDDEN_FOLDERS & set(parts[:-1]) or parts[-1] in _FORBIDDEN_FILES:",
        "if False:",
    ),
    guard(
        "the case of a name hides it",
        _PATHS,
        _JUDGE,
        'parts = [part.lower() for part in change.path.split("/")]',
        'parts = change.path.split("/")',
    ),
    guard("a fix may leave the repository", _PATHS, _JUDGE, 'if ".." in parts or "" in parts:', "if False:"),
    guard("a fix may make links and submodules", _PATHS, _JUDGE, "if change.new_mode not in _REGULAR:", "if False:"),
    guard(
        "a fix may change any file",
        _PATHS,
        _JUDGE,
        "return None if matches_any(remedy.paths, change.path) else",
        "return None if True else",
    ),
    guard(
        "a fix may make files runnable",
        _PATHS,
        _JUDGE,
        'if change.status != "M" or change.old_mode != change.new_mode:',
        'if change.status != "M":',
    ),
    guard(
        "a fix may change any number of files",
        "core/test_remedy_judge.py::test_limits_of_files_and_lines",
        _JUDGE,
        "    if len(changes) > max_files:",
        "    if False:",
    ),
    guard(
        "a fix may change any number of lines",
        "core/test_remedy_judge.py::test_limits_of_files_and_lines",
        _JUDGE,
        "    if lines > max_lines:",
        "    if False:",
    ),
    guard(
        "a manifest that cannot be read is kept",
        _DEPS,
        _JUDGE,
        "if old is None or new is None:\n        return",
        "if old is None or new is None:\n        return None\n        return",
    ),
    guard("a fix may add a dependency", _DEPS, _JUDGE, "    if added:\n", "    if False:\n"),
    guard("a fix may name what no package is called", _DEPS, _JUDGE, "    if strange:\n", "    if False:\n"),
    guard("packages may come from anywhere", _DEPS, _JUDGE, "    if hosts and old.hosts:", "    if False:"),
    guard("a bump may change scripts", _DEPS, _JUDGE, "    if old.rest != new.rest:", "    if False:"),
    guard(
        "a fix may raise a major version",
        _DEPS,
        _JUDGE,
        "        if spec != was and not _compatible(was, spec):",
        "        if False:",
    ),
    guard("a lockfile may raise a major version", _DEPS, _JUDGE, "        if worse:", "        if False:"),
    guard(
        "a fix that is not listed runs",
        "core/test_remedy.py::test_nothing_runs_that_is_not_listed_or_of_high_risk",
        "core/remedy/choose.py",
        "    if remedy.id not in allow:",
        "    if False:",
    ),
    guard(
        "a fix of high risk runs",
        "core/test_remedy.py::test_nothing_runs_that_is_not_listed_or_of_high_risk",
        "core/remedy/choose.py",
        "    if remedy.risk is Risk.HIGH:",
        "    if False:",
    ),
    guard(
        "an unknown component triggers fixes",
        "core/test_remedy.py::test_what_is_well_or_not_known_triggers_nothing",
        "core/remedy/choose.py",
        "_ILL = frozenset({CheckState.FAIL, CheckState.WARNING})",
        "_ILL = frozenset({CheckState.FAIL, CheckState.WARNING, CheckState.UNKNOWN})",
    ),
)

LEDGER = (
    guard(
        "a ref is leased to two cases",
        "ledger/test_branches.py::test_a_ref_is_worked_on_by_one_case_at_a_time",
        "ledger/branches.py",
        "        if held is not None and held.case_id != case_id:",
        "        if False:",
    ),
    guard(
        "a lease never ends",
        "ledger/test_branches.py::test_a_lease_that_ended_may_be_taken_and_not_before",
        "ledger/branches.py",
        "        if found is None or found.until <= self.now:",
        "        if found is None:",
    ),
    guard(
        "anybody gives a lease back",
        "ledger/test_branches.py::test_a_lease_is_given_back_by_its_holder_alone",
        "ledger/branches.py",
        '_GIVE_BACK = delete(ref_leases).where(*_REF, _L.case_id == bindparam("holder"))',
        '_GIVE_BACK = delete(ref_leases).where(*_REF, bindparam("holder") == bindparam("holder"))',
    ),
    guard(
        "a block ends with any release",
        "ledger/test_branches.py::test_the_oldest_block_that_stands_is_told",
        "ledger/branches.py",
        "            _later.c.case_id == _B.case_id,\n",
    ),
    guard(
        "what was released once blocks never again",
        "ledger/test_branches.py::test_the_oldest_block_that_stands_is_told",
        "ledger/branches.py",
        "            _later.c.id > _B.id,\n",
    ),
    guard(
        "blocks can be made to vanish",
        "ledger/test_branches.py::test_no_block_can_be_made_to_vanish",
        "ledger/migrations/versions/v0003_every_kind_of_write.py",
        '_HISTORY = ("branch_blocks", "health_measurements")',
        '_HISTORY = ("health_measurements",)',
    ),
    guard(
        "texts of a measured report are kept as they came",
        "ledger/test_measurements.py::test_texts_of_a_report_are_redacted",
        "ledger/measurements.py",
        "report = self._clean(row.report)",
        "report = row.report",
    ),
    guard(
        "a report is not vouched for",
        "ledger/test_measurements.py::test_the_entry_holds_numbers_and_hashes_and_no_text_of_strangers",
        "ledger/measurements.py",
        'canonical(report).encode("utf-8")',
        'b""',
    ),
    guard(
        "a new token is no rotation",
        "ledger/test_credentials.py::test_first_sight_and_rotation_are_entries_and_use_is_not",
        "ledger/credentials.py",
        "        if not known:\n",
        "        if True:\n",
    ),
)

CORE_GUARDS = (*CULPRIT, *PLAN, *VALIDATION, *DISPATCH, *SIGNATURE, *HEALTH, *REMEDY, *LEDGER)
