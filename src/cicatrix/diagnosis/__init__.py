"""READS: a failed job's facts and log -> failure class, evidence line, confidence."""

from cicatrix.diagnosis.diagnoser import Diagnoser, ExcerptingDiagnoser
from cicatrix.diagnosis.report import verdict_json

__all__ = ["Diagnoser", "ExcerptingDiagnoser", "verdict_json"]
