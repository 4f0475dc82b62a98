"""A GITHUB: stateful, faulty on demand, in process or behind real HTTP; for tests, the demo and users' own drills.

It shares no logic with the product, so that it can contradict it. Start at `World`.
"""

from .exchange import Exchange, Request, Response
from .faults import Fault, Faults
from .history import History
from .parts import SimPull, SimRun
from .repository import SimRepository
from .specs import JobSpec, Outcome, SimulatorError
from .transport import SimTransport
from .world import World

__all__ = [
    "Exchange",
    "Fault",
    "Faults",
    "History",
    "JobSpec",
    "Outcome",
    "Request",
    "Response",
    "SimPull",
    "SimRepository",
    "SimRun",
    "SimTransport",
    "SimulatorError",
    "World",
]
