"""Evaluation from prediction tables alone: metrics, intervals over subjects, the table at the end of a run.

`transfer.evaluation.diagnostics` (domain gap; imports torch) is imported by its own name.
"""

from transfer.evaluation.aggregation import aggregate
from transfer.evaluation.bootstrap import bootstrap_interval, cluster_interval
from transfer.evaluation.levels import evaluate
from transfer.evaluation.predictions import (
    class_names,
    read_predictions,
    validate_predictions,
    write_predictions,
)
from transfer.evaluation.table import print_summary

__all__ = [
    "aggregate",
    "bootstrap_interval",
    "class_names",
    "cluster_interval",
    "evaluate",
    "print_summary",
    "read_predictions",
    "validate_predictions",
    "write_predictions",
]
