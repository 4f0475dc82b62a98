"""What a job died of, and whether that allows a rerun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cicatrix.core.attempts import is_dependant_failure
from cicatrix.core.facts import FAILED, KNOWN_CONCLUSIONS
from cicatrix.core.plan.model import NOT_FAILED, Item, Question
from cicatrix.core.reasons import Reason
from cicatrix.core.verdict import RETRYABLE, FailureClass, Verdict

CLASS_REASONS: Mapping[FailureClass, Reason] = {
    FailureClass.INFRA_TRANSIENT: Reason.INFRA_TRANSIENT,
    FailureClass.FLAKY_PROBABLE: Reason.FLAKY_PROBABLE,
    FailureClass.INFRA_PERSISTENT: Reason.INFRA_PERSISTENT,
    FailureClass.DETERMINISTIC: Reason.NOT_ELIGIBLE,
    FailureClass.CANCELLED: Reason.CANCELLED,
    FailureClass.UNKNOWN: Reason.UNKNOWN_CLASS,
}


def judge_job(item: Item, question: Question) -> None:
    """Everything about the job itself that speaks against a rerun."""
    job = item.job
    if job.status == "completed" and job.conclusion in NOT_FAILED:
        item.no(Reason.NOT_FAILED, f"ended in {job.conclusion}")
        return
    if job.status == "completed":
        _judge_conclusion(item, question)
    stop_rules = question.lawbook.stop_rules
    if question.request.automatic and question.others[job.name]:
        item.no(Reason.ALREADY_RERUN_BY_OTHER, f"{question.others[job.name]} attempts of it are not ours")
    _judge_wait(item, question)
    streak = question.usage.same_signal.get(item.key, 0)
    if streak >= stop_rules.no_signal_change_threshold:
        item.no(Reason.NO_SIGNAL_CHANGE, f"{streak} reruns in a row failed the same way")
    last = question.usage.last_rerun.get(item.key)
    cooldown = timedelta(minutes=stop_rules.cooldown_minutes)
    if last is not None and question.now < last + cooldown:
        why = f"last rerun {last:%H:%M:%S} UTC, stopRules.cooldownMinutes {stop_rules.cooldown_minutes}"
        item.no(Reason.COOLDOWN_ACTIVE, why)


def _judge_wait(item: Item, question: Question) -> None:
    """Rule 6 of the seed's stop rules, for our own scheduler: a person who asks has reviewed it."""
    longest, first = question.lawbook.stop_rules.max_wait_minutes_for_green, question.usage.first_rerun
    if not question.request.automatic or longest is None or first is None:
        return
    if question.now - first > timedelta(minutes=longest):
        why = f"first rerun {first:%H:%M:%S} UTC, stopRules.maxWaitMinutesForGreen {longest}"
        item.no(Reason.MAX_WAIT_EXCEEDED, why)


def _judge_conclusion(item: Item, question: Question) -> None:
    conclusion = item.job.conclusion
    if conclusion == "action_required":
        item.no(Reason.ACTION_REQUIRED, "the job waits for a maintainer")
    elif conclusion == "cancelled":
        item.no(Reason.CANCELLED, "the job was cancelled")
    elif conclusion not in KNOWN_CONCLUSIONS:
        item.no(Reason.UNKNOWN_CLASS, f"conclusion {conclusion!r} is not one we know")
    elif conclusion not in FAILED:
        item.no(Reason.UNKNOWN_CLASS, f"conclusion {conclusion!r} is not a failure of the job itself")
    elif is_dependant_failure(item.job, question.facts):
        item.no(Reason.DEPENDANT_FAILURE, "a job that it needs failed")
    else:
        _judge_class(item, question)


def _judge_class(item: Item, question: Question) -> None:
    verdict = item.verdict
    if verdict is None:
        item.no(Reason.UNKNOWN_CLASS, "not diagnosed")
    elif verdict.failure_class not in RETRYABLE:
        item.no(CLASS_REASONS[verdict.failure_class], _evidence(verdict))
    elif verdict.failure_class not in question.lawbook.eligible:
        item.no(Reason.NOT_ELIGIBLE, f"{verdict.failure_class} is not in the lawbook's eligible")


def _evidence(verdict: Verdict) -> str:
    if verdict.rule is None:
        return "no rule speaks" if verdict.suspected is None else f"suspected {verdict.suspected}, too weak to act on"
    return f"rule {verdict.rule}, line {verdict.line_number}" if verdict.line_number else f"rule {verdict.rule}"


def judge_storm(items: Sequence[Item], question: Question) -> None:
    """More failed jobs than `storm.failedJobs` pass only with one terminal infrastructure cause that all share."""
    limit = question.lawbook.storm.failed_jobs
    failed = [i for i in items if i.job.failed and Reason.DEPENDANT_FAILURE not in i.why]
    causes = {_terminal_cause(i.verdict) for i in failed}
    if len(failed) <= limit or (len(causes) == 1 and None not in causes):
        return
    for item in failed:
        item.no(Reason.TOO_MANY_FAILURES, f"{len(failed)} jobs failed, storm.failedJobs is {limit}")


def _terminal_cause(verdict: Verdict | None) -> str | None:
    if verdict is None or not verdict.terminal or verdict.failure_class is not FailureClass.INFRA_TRANSIENT:
        return None
    return verdict.rule


def cooldown_end(items: Sequence[Item], question: Question) -> datetime | None:
    """When the last cooldown ends of the items that nothing else holds: only then does waiting help."""
    cooldown = timedelta(minutes=question.lawbook.stop_rules.cooldown_minutes)
    last = question.usage.last_rerun
    ends = [last[i.key] + cooldown for i in items if set(i.why) == {Reason.COOLDOWN_ACTIVE} and i.key in last]
    return max(ends, default=None)
