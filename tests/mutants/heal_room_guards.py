"""The guards of git, checks and GitHub's writes of part 3 that are removed in turn, with the tests that go red then."""

from __future__ import annotations

from tests.mutants.guards import Change
from tests.mutants.service_guards import Guard, guard

_LATER = '{indent}subprocess.Popen(["sh", "-c", f"sleep 3; kill -9 -{{process.pid}}"], start_new_session=True)'
"""The process group is killed after the test has looked, so that no run of a mutant leaves anything behind."""

_REFUSED = "git/test_revert.py::"

REVERT = (
    guard(
        "undoing the tip may give any tree",
        f"{_REFUSED}test_undoing_the_tip_must_give_its_parents_very_tree",
        "git/reverting.py",
        "    if target == tip and tree != changes.tree_of(git, parent):",
        "    if False:",
    ),
    guard(
        "a revert may change something else",
        f"{_REFUSED}test_a_wrong_tree_is_never_accepted",
        "git/reverting.py",
        "    if changes.patch(git, tip, tree) != changes.patch(git, target, parent):",
        "    if False:",
    ),
    guard(
        "a revert may delete what the commit did not add",
        f"{_REFUSED}test_only_files_that_the_commit_added_may_go",
        "git/reverting.py",
        "    if not gone <= added:",
        "    if False:",
    ),
    guard(
        "the result of a revert is not judged",
        f"{_REFUSED}test_a_git_that_answers_with_an_empty_tree_is_caught",
        "git/reverting.py",
        "    deleted = judged(git, target=target, parent=parent, tip=tip, tree=tree)",
        "    deleted = ()",
    ),
    guard(
        "an empty revert is made",
        f"{_REFUSED}test_a_commit_that_was_undone_already_is_not_undone_again",
        "git/reverting.py",
        "    if tree == changes.tree_of(git, tip):",
        "    if False:",
    ),
    guard(
        "a history that is cut off is reverted in",
        f"{_REFUSED}test_a_mirror_whose_history_is_cut_off_reverts_nothing",
        "git/reverting.py",
        "    if history.is_shallow(git):",
        "    if False:",
    ),
    guard(
        "any commit counts as a branch's tip",
        f"{_REFUSED}test_a_tip_that_is_no_branchs_tip_any_more_is_refused",
        "git/reverting.py",
        '    if not git.run("for-each-ref", "--count=1", f"--points-at={tip}", HEADS, also=(129,)).out:',
        "    if False:",
    ),
    guard(
        "a commit of another branch is reverted",
        f"{_REFUSED}test_a_commit_that_the_branch_does_not_hold_is_refused",
        "git/reverting.py",
        "    if commit is None or not history.is_ancestor(git, target, tip):",
        "    if commit is None:",
    ),
    guard(
        "a merge goes back to the side that was merged",
        f"{_REFUSED}test_a_merge_never_goes_back_to_the_side_that_was_merged",
        "git/reverting.py",
        "    if len(commit.parents) > 1 and parent not in history.first_parents(git, tip):",
        "    if False:",
    ),
    guard(
        "a conflict is resolved by taking a side",
        f"{_REFUSED}test_a_conflict_is_reported_and_never_resolved",
        "git/trees.py",
        "    if done.code:\n",
        "    if done.code > 200:\n",
    ),
    guard(
        "what is no plain file is merged",
        f"{_REFUSED}test_a_conflict_is_reported_and_never_resolved",
        "git/trees.py",
        "or not {base.mode, ours.mode, theirs.mode} <= REGULAR",
        "",
    ),
    guard(
        "a file takes a folder's place in silence",
        f"{_REFUSED}test_a_conflict_is_reported_and_never_resolved",
        "git/trees.py",
        "        if entries(git, env) != {path: entry for path, entry in {**here, **steps}.items() "
        "if entry is not None}:",
        "        if False:",
    ),
)

_PUSH = "git/test_push.py::"

PUSH = (
    guard(
        "a push needs no receipt of its own kind",
        f"{_PUSH}test_no_push_without_the_receipt_of_its_intent",
        "git/pushing.py",
        "    if receipt.kind != Kind.PUSH.value:",
        "    if False:",
    ),
    guard(
        "a push does not look where the ref is",
        f"{_PUSH}test_a_branch_that_moved_meanwhile_is_left_alone",
        "git/pushing.py",
        '"$old" != {expected}',
        '"x" = {expected}',
    ),
    guard(
        "a push is forced",
        f"{_PUSH}test_no_word_of_force_reaches_git",
        "git/pushing.py",
        'f"{sha}:{full}"',
        'f"+{sha}:{full}"',
    ),
    guard(
        "a push whose answer was lost counts as not sent",
        f"{_PUSH}test_an_answer_that_never_came_is_settled_by_reading",
        "git/pushing.py",
        '    sent = (hooks / "asked").exists()',
        "    sent = False",
    ),
    guard(
        "a push that was stopped half way counts as not sent",
        f"{_PUSH}test_a_push_that_takes_too_long_is_stopped",
        "git/pushing.py",
        '    kind = PushUnanswered if (hooks / "asked").exists() else PushNotSent',
        "    kind = PushNotSent",
    ),
    guard(
        "a cut report of the remote is a definite no",
        "git/test_push_ends.py::test_a_remote_that_did_not_tell_the_end_is_settled_by_reading",
        "git/pushing.py",
        'if flag == "!" and not _CUT.search(summary):',
        'if flag == "!":',
    ),
)

_TRAPS = "git/test_traps.py::"

HARDENED = (
    guard(
        "hooks of a repository run",
        "git/test_safety.py::test_the_git_of_this_machine_holds_every_guard",
        "git/run.py",
        '    f"core.hooksPath={os.devnull}",\n',
    ),
    guard(
        "a repository's fsmonitor runs",
        "git/test_safety.py::test_the_git_of_this_machine_holds_every_guard",
        "git/run.py",
        '    "core.fsmonitor=false",\n',
    ),
    guard(
        "git may speak any protocol",
        "git/test_safety.py::test_the_git_of_this_machine_holds_every_guard",
        "git/run.py",
        '    "protocol.allow=never",\n',
    ),
    guard(
        "git follows redirects",
        "git/test_mirror.py::test_a_redirect_is_not_followed",
        "git/run.py",
        '    "http.followRedirects=false",\n',
    ),
    guard(
        "git sees the caller's environment",
        "git/test_mirror.py::test_git_sees_our_environment_and_nothing_else",
        "git/run.py",
        "{**ENVIRONMENT, **(env or {})}",
        "{**os.environ, **ENVIRONMENT, **(env or {})}",
    ),
    guard(
        "a call of git takes as long as it likes",
        "git/test_mirror.py::test_a_call_that_never_ends_is_killed_with_its_children",
        "git/run.py",
        "        os.killpg(process.pid, signal.SIGKILL)",
        _LATER.format(indent=" " * 8),
    ),
    guard(
        "a command in a worktree finds changes that nobody made",
        "git/test_changes.py::test_to_a_command_in_a_worktree_it_looks_like_a_clean_checkout_of_depth_one",
        "git/worktree.py",
        '    own.run("config", "core.symlinks", "false")\n',
    ),
    guard(
        "attributes of a tree change the bytes of a worktree",
        "git/test_changes.py::test_a_worktree_holds_the_very_bytes_and_gives_them_back",
        "git/worktree.py",
        'write_text(ATTRIBUTES, encoding="utf-8")',
        'write_text("", encoding="utf-8")',
    ),
    guard(
        "a mirror that somebody wrote to is used",
        "git/test_safety.py::test_a_mirror_that_somebody_wrote_to_is_not_opened",
        "git/mirror.py",
        "        if strange:",
        "        if False:",
    ),
    guard(
        "configuration of strangers stays in the mirror",
        "git/test_safety.py::test_configuration_that_somebody_put_into_the_mirror_does_not_stay",
        "git/mirror.py",
        '        _write(place / "config", CONFIG)\n',
    ),
    guard(
        "attributes of strangers stay in the mirror",
        "git/test_safety.py::test_configuration_that_somebody_put_into_the_mirror_does_not_stay",
        "git/mirror.py",
        '        _write(place / "info" / "attributes", ATTRIBUTES)\n',
    ),
    guard(
        "an unsafe git is used",
        "git/test_safety.py::test_an_old_or_lying_git_makes_no_mirror",
        "git/mirror.py",
        "        safety.check(git, timeout=timeout)\n",
    ),
    guard(
        "a remote whose history is cut off is mirrored",
        "git/test_mirror.py::test_a_remote_whose_history_is_cut_off_is_refused",
        "git/mirror.py",
        '        if "shallow" in done.err:',
        "        if False:",
    ),
    guard(
        "a name may look like an option",
        "git/test_names.py::test_whatever_we_take_as_a_branch_git_takes_too_and_it_is_no_option",
        "git/names.py",
        r"|\A[-/.]|/-",
    ),
    guard(
        "a short name is a commit for git",
        "git/test_names.py::test_only_a_whole_object_name_is_one",
        "git/names.py",
        r'"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z"',
        r'"[0-9a-f]{38}"',
    ),
    guard(
        "a token may stand in a remote's URL",
        "git/test_names.py::test_a_remote_is_behind_https_or_on_this_machine",
        "git/remote.py",
        "parts.username is not None or parts.password is not None or ",
    ),
    guard(
        "plain HTTP reaches any host",
        "git/test_names.py::test_a_remote_is_behind_https_or_on_this_machine",
        "git/remote.py",
        '(parts.scheme == "http" and _loopback(host))',
        'parts.scheme == "http"',
    ),
    guard(
        "a link in a fix's folder is followed",
        "git/test_changes.py::test_a_folder_behind_a_link_is_never_read",
        "git/changes.py",
        "os.walk(root):",
        "os.walk(root, followlinks=True):",
    ),
    guard(
        "a worktree shares the mirror's objects",
        f"{_TRAPS}test_a_command_in_a_worktree_cannot_reach_the_mirror",
        "git/worktree.py",
        '    source.run("pack-objects", "--quiet", "--end-of-options", str(packs / "pack"), stdin=listed, env=env)\n',
        '    (packs.parent / "info").mkdir(exist_ok=True)\n'
        '    (packs.parent / "info" / "alternates").write_text(f"{source.folder}/objects\\n")\n',
    ),
)

_PROCESS = "checks/test_process.py::"

CHECKS = (
    guard(
        "a check sees every variable",
        f"{_PROCESS}test_no_secret_of_ours_reaches_a_command",
        "checks/process.py",
        "if name in PASSED_ON and value",
        "if value",
    ),
    guard(
        "a fix sees a password in a proxy's address",
        "checks/test_fixes.py::test_a_fix_gets_no_credential_of_this_process",
        "checks/process.py",
        " and not _PASSWORD.search(value)",
    ),
    Guard(
        "what a check leaves in the background goes on",
        (
            Change(
                "checks/process.py",
                "            os.killpg(process.pid, signal.SIGKILL)",
                _LATER.format(indent=" " * 12),
            ),
            Change("checks/process.py", "_PIPES_CLOSE = 5.0", "_PIPES_CLOSE = 0.2"),
        ),
        f"tests/{_PROCESS}test_what_it_leaves_in_the_background_ends_with_it",
    ),
    guard(
        "all of an endless output is kept",
        f"{_PROCESS}test_too_much_output_is_cut_and_hashed_whole",
        "checks/process.py",
        "            self.kept += chunk[:room]",
        "            self.kept += chunk",
    ),
    guard(
        "a check may ask somebody",
        f"{_PROCESS}test_nobody_answers_a_question",
        "checks/process.py",
        "                stdin=subprocess.DEVNULL,",
        '                stdin=os.open("/proc/cpuinfo", os.O_RDONLY),',
    ),
    guard(
        "a repository's own folder is searched for programs",
        f"{_PROCESS}test_a_program_of_the_repository_takes_no_tools_place",
        "checks/process.py",
        "if part and Path(part).is_absolute()",
        "if part",
    ),
    guard(
        "an entity of XML is expanded",
        "checks/test_parsers.py::test_hostile_xml_is_refused_before_it_does_anything",
        "checks/parsers/junit.py",
        "    parser.StartDoctypeDeclHandler = _no_document_type\n",
    ),
    guard(
        "a report that lists fewer tests than it counts is believed",
        "checks/test_parsers.py::test_a_report_that_tells_nothing_is_told_so",
        "checks/parsers/junit.py",
        "if not failed and (not ran or listed > len(self.cases)):",
        "if not failed and not ran:",
    ),
    guard(
        "a package that could not be audited is healthy",
        "checks/test_parsers.py::test_what_comes_from_outside",
        "checks/parsers/audits.py",
        '            if dependency["skip_reason"] != _OWN_PROJECT:',
        "            if False:",
    ),
    guard(
        "an audit's totals are not looked at",
        "checks/test_parsers.py::test_a_report_that_tells_nothing_is_told_so",
        "checks/parsers/audits.py",
        "        if part(totals, severity, int) != sum(1 for found in findings if found.severity == severity):",
        "        if False:",
    ),
    guard(
        "an empty report of a failed tool is healthy",
        "checks/test_measure.py::test_what_was_not_measured_is_unknown_and_says_why",
        "checks/measure.py",
        "    if ran.exit_code != 0 and not parsed.findings:",
        "    if False:",
    ),
    guard(
        "an empty report is JSON",
        "checks/test_parsers.py::test_a_report_that_tells_nothing_is_told_so",
        "checks/parsers/parsed.py",
        '        raise Unreadable("the report is empty")\n    try:',
        "        return []\n    try:",
    ),
    guard(
        "the report that the commit brought along is read",
        "checks/test_measure.py::test_a_report_of_the_commit_is_not_taken_for_one_of_this_run",
        "checks/measure.py",
        "            report.unlink()",
        "            pass",
    ),
    Guard(
        "a report may be a link out of the worktree",
        (
            Change("checks/measure.py", "not _inside(report, folder) or ", ""),
            Change("checks/measure.py", "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK", "os.O_RDONLY"),
        ),
        "tests/checks/test_measure.py::test_what_was_not_measured_is_unknown_and_says_why",
    ),
    guard(
        "a fix edits a file behind a link",
        "checks/test_fixes.py::test_a_report_that_cannot_be_read_or_a_link_in_place_of_the_file_changes_nothing",
        "checks/fixes.py",
        "    if path.is_symlink() or not path.is_file()",
        "    if not path.is_file()",
    ),
    guard(
        "removing what a fix left follows a link",
        "checks/test_fixes.py::test_folders_that_were_there_before_stay",
        "checks/fixes.py",
        "    if place.is_symlink():\n        place.unlink()",
        "    if place.is_symlink():\n        shutil.rmtree(place.resolve())\n        place.unlink()",
    ),
)

_ARCHIVE = "github/test_archives.py::"

GITHUB = (
    guard(
        "a write of any kind takes any receipt",
        "github/test_writes.py::test_a_write_wants_a_receipt_of_its_own_kind",
        "github/writes.py",
        "        if receipt.kind != write.kind:",
        "        if False:",
    ),
    guard(
        "a token of a write may do everything",
        "github/test_writes.py::test_the_token_of_a_write_may_do_that_alone",
        "github/writes.py",
        "owner, repo, write.permissions)",
        "owner, repo, RERUN)",
    ),
    guard(
        "an archive may unpack to any multiple",
        f"{_ARCHIVE}test_a_bomb_ends_at_the_ratio_and_a_long_file_at_its_limit",
        "github/archives.py",
        "            if len(out) > RATIO * max(member.compress_size, 1):",
        "            if False:",
    ),
    guard(
        "a file of an archive may have any length",
        f"{_ARCHIVE}test_a_bomb_ends_at_the_ratio_and_a_long_file_at_its_limit",
        "github/archives.py",
        "            if len(out) > limit:",
        "            if False:",
    ),
    guard(
        "a link in an archive is a report",
        f"{_ARCHIVE}test_a_link_or_device_is_no_report",
        "github/archives.py",
        "    if mode not in {0, stat.S_IFREG} or member.is_dir():",
        "    if False:",
    ),
    guard(
        "the first of two files of one name is the report",
        f"{_ARCHIVE}test_two_files_of_one_name_are_a_question_that_nobody_answers",
        "github/archives.py",
        "    if len(found) > 1:",
        "    if False:",
    ),
    guard(
        "an archive may have any number of entries",
        f"{_ARCHIVE}test_too_many_entries_are_not_looked_through",
        "github/archives.py",
        "    if len(entries) > ENTRIES:",
        "    if False:",
    ),
    guard(
        "an artifact is fetched from anywhere",
        "github/test_repair_reads.py::test_an_archive_from_anywhere_else_is_not_fetched",
        "github/logs.py",
        "if target is None or exchanges.host.log_refusal(target) is not None:",
        "if target is None:",
    ),
)

ROOM_GUARDS = (*REVERT, *PUSH, *HARDENED, *CHECKS, *GITHUB)
