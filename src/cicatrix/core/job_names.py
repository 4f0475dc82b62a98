"""Under which names a job of a workflow file may show in a run.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idname
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cicatrix.core.matrix import Combination, suffix, text_of
from cicatrix.core.workflow_file import JobNode

Template = tuple[str, ...]
"""Known parts of a name, in order; between two of them stands text that only the run knows."""

MOST_TEMPLATES = 8
_LONGEST = 2_000
_REFERENCE = re.compile(r"\s*matrix((?:\.[A-Za-z_][\w\-]*|\[\s*'[^']*'\s*\])+)\s*", re.IGNORECASE)
_PART = re.compile(r"\.([A-Za-z_][\w\-]*)|\[\s*'([^']*)'\s*\]")


def candidates(job: JobNode, combination: Combination | None) -> tuple[Template, ...]:
    """The likeliest name first. `combination` is None for a matrix that is known only at run time.

    A name without matrix values may or may not bear them in brackets, so both forms are there.
    """
    if job.name is None:
        return ((job.id + suffix(combination),),) if combination is not None else ((f"{job.id} (", ")"), (job.id,))
    name, from_matrix = _evaluated(job.name, combination)
    found = [name]
    if not from_matrix and combination is None:
        found.append(_concat(name, (" (", ")")))
    elif not from_matrix and combination:
        found.append(_concat(name, (suffix(combination),)))
    if "${{" in job.name and not combination:
        found.append((job.name,))  # a job that was skipped before its name was computed
    return tuple(dict.fromkeys(found))


def unexpanded(job: JobNode) -> tuple[Template, ...]:
    """The names of a matrix job that was skipped before its matrix was expanded."""
    return ((job.name if job.name is not None else job.id,),)


def joined(callers: tuple[Template, ...], own: tuple[Template, ...]) -> tuple[Template, ...]:
    """`caller / callee`, at most 8 forms; `callers` is empty for a job of the run's own workflow file."""
    if not callers:
        return own[:MOST_TEMPLATES]
    return tuple(_concat(_concat(a, (" / ",)), b) for a in callers for b in own)[:MOST_TEMPLATES]


def written(template: Template) -> str:
    """The template for people: `*` stands for what only the run knows."""
    return "*".join(template)


def fits(template: Template, name: str) -> bool:
    """Whether the name has the template's parts in this order. Linear in the name."""
    first, *middle, last = template
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _concat(a: Template, b: Template) -> Template:
    return (*a[:-1], a[-1] + b[0], *b[1:])


def _evaluated(name: str, combination: Combination | None) -> tuple[Template, bool]:
    """The name with matrix values filled in, and whether it uses any."""
    if len(name) > _LONGEST:
        return ("", ""), True
    template: Template = ("",)
    from_matrix, at = False, 0
    while (start := name.find("${{", at)) >= 0 and (end := name.find("}}", start)) >= 0:
        template = _concat(template, (name[at:start],))
        expression = name[start + 3 : end]
        from_matrix |= "matrix" in expression.lower()
        template = _concat(template, _value(expression, combination))
        at = end + 2
    return _concat(template, (name[at:],)), from_matrix


def _value(expression: str, combination: Combination | None) -> Template:
    reference = _REFERENCE.fullmatch(expression)
    if reference is None or combination is None:
        return ("", "")
    value: object = combination
    for dotted, quoted in _PART.findall(reference.group(1)):
        value = _member(value, dotted or quoted)
    return ("", "") if isinstance(value, Mapping | list | tuple) else (text_of(value),)


def _member(value: object, name: str) -> object:
    """GitHub compares names without case, and what is not there is empty text."""
    if not isinstance(value, Mapping):
        return None
    return next((item for key, item in value.items() if str(key).casefold() == name.casefold()), None)
