"""Domain adaptation and transfer learning for speech, with numbers that can be believed.

What the command line does, these functions do; `TransferClassifier` is a strategy as a scikit-learn estimator.

Example:
    >>> from transfer import load_recipe
    >>> load_recipe("casia_to_modma_ddg").strategy.name
    'ddg'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transfer.classifier import TransferClassifier
    from transfer.comparing import compare
    from transfer.experiment import check, resume_run, run
    from transfer.export_cli import export
    from transfer.loading import load_recipe
    from transfer.predicting import predict
    from transfer.recipe import Recipe

__all__ = [
    "Recipe",
    "TransferClassifier",
    "check",
    "compare",
    "export",
    "load_recipe",
    "predict",
    "resume_run",
    "run",
]

_HOMES = {
    "TransferClassifier": "transfer.classifier",
    "compare": "transfer.comparing",
    "export": "transfer.export_cli",
    "predict": "transfer.predicting",
    "load_recipe": "transfer.loading",
    "Recipe": "transfer.recipe",
    "run": "transfer.experiment",
    "check": "transfer.experiment",
    "resume_run": "transfer.experiment",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for: torch alone takes more than a second."""
    if name not in _HOMES:
        raise AttributeError(f"module 'transfer' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
