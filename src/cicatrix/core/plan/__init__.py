"""The rerun plan: facts, policy and usage in, one decision out. The same facts give the same decision.

Read `decide.py` top down: the run is judged (`stops.py`), then each job (`jobs.py`), then what runs along with it
(`along.py`) and what is left of the budgets (`budgets.py`); at last the one call to GitHub is chosen (`call.py`).
"""

from cicatrix.core.plan.decide import plan_rerun
from cicatrix.core.plan.model import NOT_FAILED, Call, JobPlan, Plan

__all__ = ["NOT_FAILED", "Call", "JobPlan", "Plan", "plan_rerun"]
