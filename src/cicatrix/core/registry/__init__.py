"""The registry of repository actions (E83.1): the document, and the one evaluator of it."""

from cicatrix.core.facts import Review
from cicatrix.core.registry.approvals import approvers, latest_reviews
from cicatrix.core.registry.document import advice, advice_in_file, json_schema, restore, validate
from cicatrix.core.registry.evaluate import NO_REGISTRY, evaluate
from cicatrix.core.registry.model import (
    ActiveRegistry,
    AllowedAction,
    ApprovalRule,
    OwnRemedy,
    Precondition,
    PreconditionType,
    Registry,
    RequiredCheck,
)
from cicatrix.core.registry.preconditions import combined
from cicatrix.core.registry.standing import Evaluation, Standing, action_json
from cicatrix.core.registry.table import STATUSES

__all__ = [
    "NO_REGISTRY",
    "STATUSES",
    "ActiveRegistry",
    "AllowedAction",
    "ApprovalRule",
    "Evaluation",
    "OwnRemedy",
    "Precondition",
    "PreconditionType",
    "Registry",
    "RequiredCheck",
    "Review",
    "Standing",
    "action_json",
    "advice",
    "advice_in_file",
    "approvers",
    "combined",
    "evaluate",
    "json_schema",
    "latest_reviews",
    "restore",
    "validate",
]
