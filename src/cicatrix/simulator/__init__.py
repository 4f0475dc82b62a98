"""A GITHUB: stateful, faulty on demand, in process or behind real HTTP; for tests, the demo and users' own drills.

It shares no logic with the product, so that it can contradict it. Start at `World`.
"""

from .artifacts import zipped
from .dispatches import Dispatch
from .exchange import Exchange, Request, Response
from .faults import Fault, Faults
from .git_repo import SimGit
from .history import History
from .parts import BranchRules, SimPull, SimRun
from .repository import SimRepository
from .specs import JobSpec, Outcome, SimulatorError
from .transport import SimTransport
from .world import World

__all__ = [
    "BranchRules",
    "Dispatch",
    "Exchange",
    "Fault",
    "Faults",
    "History",
    "JobSpec",
    "Outcome",
    "Request",
    "Response",
    "SimGit",
    "SimPull",
    "SimRepository",
    "SimRun",
    "SimTransport",
    "SimulatorError",
    "World",
    "zipped",
]
