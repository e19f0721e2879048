"""`TransferClassifier`: every strategy of the toolkit as a scikit-learn classifier, on features that you have already."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from transfer.array_training import ArrayCorpus, train_on_arrays
from transfer.build import registries
from transfer.data.domain import HIDDEN
from transfer.domain_labels import Sides, masked, sides_of
from transfer.errors import UserError
from transfer.loading import Source, checked_recipe
from transfer.randomness import random_state, restore_random_state
from transfer.recipe import Recipe

__all__ = ["TransferClassifier"]

Named = str | Mapping[str, Any]


class TransferClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A strategy that learns from source rows and adapts to target rows, for feature matrices or sequences.

    Domains are told by `sample_domain`, as skada does: a positive number is a source (each number one of its own), a
    negative one the target. A target row may have its label masked, by -1 (numbers) or '' (text). Where `sample_domain` is
    not given, masked rows are the target and all others one source; where none is masked either, every row is taken for
    both, with a warning. The last epoch is kept: nothing is selected, so that the score of rows held out is one.

    Args:
        strategy: a name of `transfer list strategies`, or a mapping of `name` and options, such as
            `{"name": "mmd", "weight": 0.5}`.
        extractor: likewise; None is `functionals` (a perceptron) for matrices and a plain `multi_tim` for sequences.
        head: likewise, one for all domains.
        epochs: of the transfer stage, and of the pretraining of strategies that have one.
        batch_size: rows drawn from each domain in a step.
        learning_rate: of AdamW.
        normalisation: `train` (one mean and deviation, from the labelled rows), `corpus` (each domain by its own rows) or `none`.
        training: more of the section `training` of a recipe, such as `{"task_loss": "focal"}`.
        accelerator: `cpu`, `gpu` or `auto`.
        random_state: of weights and batches.

    Attributes:
        classes_: class labels, (K,).
        n_features_in_: C.
        history_: stage -> one mapping an epoch, the mean of every loss term.

    Shape:
        - X: (N, C), or (N, C, T) for sequences of T frames
        - y, sample_domain: (N,)

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(120) % 2
        >>> X = rng.normal(size=(120, 4)) + 2.0 * y[:, None]
        >>> X[60:] += 1.0                                                     # the target sounds different,
        >>> labels = np.where(np.arange(120) < 60, y, -1)                       # and nobody has labelled it
        >>> domain = np.where(np.arange(120) < 60, 1, -2)
        >>> model = TransferClassifier("mmd", epochs=10, normalisation="corpus").fit(X, labels, sample_domain=domain)
        >>> bool(model.score(X[60:], y[60:]) > 0.9)
        True
    """

    __metadata_request__fit = {"sample_domain": True}  # noqa: RUF012 (scikit-learn's way to ask for it)
    __metadata_request__predict = {"sample_domain": True, "allow_source": True}  # noqa: RUF012
    __metadata_request__predict_proba = {"sample_domain": True, "allow_source": True}  # noqa: RUF012
    __metadata_request__score = {"sample_domain": True, "allow_source": True, "sample_weight": True}  # noqa: RUF012

    def __init__(
        self,
        strategy: Named = "dann",
        *,
        extractor: Named | None = None,
        head: Named = "linear",
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        normalisation: Literal["train", "corpus", "none"] = "train",
        training: Mapping[str, Any] | None = None,
        accelerator: Literal["cpu", "gpu", "auto"] = "cpu",
        random_state: Any = 0,
    ) -> None:
        self.strategy = strategy
        self.extractor = extractor
        self.head = head
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.normalisation = normalisation
        self.training = training
        self.accelerator = accelerator
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_domain: Any = None) -> TransferClassifier:
        """Learn from labelled rows, and adapt to those of the target.

        Args:
            X: features.
            y: labels; of target rows, -1 or '' where they are not known.
            sample_domain: positive for a source, negative for the target.

        Raises:
            ValueError: for data that cannot be learned from, and names, options or numbers that do not exist.
        """
        X, y = validate_data(self, X, y, allow_nd=True, dtype=np.float64, y_numeric=False)
        x, y = _sequences(X), column_or_1d(y, warn=True)
        check_classification_targets(y)
        sides = sides_of(y, sample_domain)
        if sides.both:
            warnings.warn(
                "no row is known to be of the target: every row is taken for source and target; give sample_domain "
                "(negative for the target), or mask target labels by -1",
                UserWarning,
                stacklevel=2,
            )
        hidden = masked(y) & sides.may_be_masked
        self.classes_, index = np.unique(y[~hidden], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs rows of at least two classes; got {len(self.classes_)} class")
        labels = np.full(len(y), HIDDEN)
        labels[~hidden] = index
        recipe = self._recipe(sides, sequences=np.ndim(X) == 3)
        corpora = {section.corpus: sides.sources[section.corpus] for section in recipe.source}
        data = {name: ArrayCorpus(x[rows], labels[rows]) for name, rows in corpora.items()}
        data["target"] = _target(recipe, x, labels, sides.target)
        before = random_state()
        try:
            self.model_ = train_on_arrays(recipe, data, classes=len(self.classes_))
        finally:
            restore_random_state(before)
        self.sources_ = tuple(corpora)
        self.history_ = {record.stage: record.epochs for record in self.model_.records}
        return self

    def predict(self, X: Any, sample_domain: Any = None, *, allow_source: bool = False) -> npt.NDArray[Any]:
        """Return the class of each row, (N,).

        Args:
            X: features.
            sample_domain: of the rows; without it all are of the target.
            allow_source: accept rows of a source, which are standardised as such.

        Raises:
            ValueError: for rows of a source that are not allowed, or was never seen.
        """
        said = self.predict_proba(X, sample_domain, allow_source=allow_source)
        return np.asarray(self.classes_[said.argmax(axis=1)])

    def predict_proba(
        self, X: Any, sample_domain: Any = None, *, allow_source: bool = False
    ) -> npt.NDArray[np.float64]:
        """Return the probability of each class, (N, K), in the order of `classes_`.

        Args:
            X: features.
            sample_domain: of the rows; without it all are of the target.
            allow_source: accept rows of a source, which are standardised as such.

        Raises:
            ValueError: for rows of a source that are not allowed, or was never seen.
        """
        check_is_fitted(self)
        x = _sequences(validate_data(self, X, allow_nd=True, dtype=np.float64, reset=False))
        whose = sides_of(np.zeros(len(x)), np.full(len(x), -1) if sample_domain is None else sample_domain)
        if whose.sources and not allow_source:
            raise ValueError("sample_domain names rows of a source; leave them out, or set allow_source=True")
        out = np.empty((len(x), len(self.classes_)))
        groups = {**whose.sources, **({"target": whose.target} if len(whose.target) else {})}
        for name, rows in groups.items():
            if name != "target" and name not in self.sources_:
                raise ValueError(f"{name} was not among the domains of fit: {', '.join((*self.sources_, 'target'))}")
            out[rows] = self.model_.probabilities(name, x[rows])
        return out

    def score(
        self, X: Any, y: Any, sample_weight: Any = None, sample_domain: Any = None, *, allow_source: bool = False
    ) -> float:
        """Return the accuracy on target rows whose label is known; rows of a source count where they are allowed.

        Args:
            X: features.
            y: true labels; masked ones are left out.
            sample_weight: how much each row counts.
            sample_domain: of the rows; without it all are of the target.
            allow_source: count rows of a source too.

        Raises:
            ValueError: where no row is left.
        """
        from sklearn.metrics import accuracy_score

        check_is_fitted(self)
        y = np.asarray(y)
        unknown = masked(y) & ~masked(self.classes_).any()  # -1 and 1 may be classes
        own = np.ones(len(y), bool) if sample_domain is None or allow_source else np.asarray(sample_domain) < 0
        rows = np.flatnonzero(own & ~unknown)
        if not len(rows):
            raise ValueError("no row to score: all are of a source, or have their label masked")
        whose = None if sample_domain is None else np.broadcast_to(sample_domain, y.shape)[rows]
        said = self.predict(_safe_indexing(X, rows), whose, allow_source=allow_source)
        weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        return float(accuracy_score(y[rows], said, sample_weight=weight))

    def _recipe(self, sides: Sides, *, sequences: bool) -> Recipe:
        """Return the recipe that the parameters mean.

        Raises:
            UserError: naming what is wrong with them.
        """
        strategy = _named(self.strategy)
        kind = registries()["strategies"][str(strategy.get("name"))]
        if self.normalisation not in ("train", "corpus", "none"):
            raise UserError(f"normalisation is {self.normalisation!r}; expected train, corpus or none")
        if (self.training or {}).get("augment"):
            raise UserError("training.augment transforms speech, and these are features; leave it out")
        default = {"name": "multi_tim", "mode": "plain"} if sequences else {"name": "functionals"}
        tree = {
            "name": "classifier",
            "strategy": strategy,
            "source": [{"corpus": name} for name in sides.sources] if "source" in kind.learns_from else [],
            "target": {"corpus": "target"},
            "heads": "shared",
            "normalisation": self.normalisation,
            "extractor": default if self.extractor is None else _named(self.extractor),
            "head": _named(self.head),
            "training": {
                "epochs": self.epochs,
                "batch_size": self.batch_size,
                "optimizer": {"lr": self.learning_rate},
                "seed": int(check_random_state(self.random_state).randint(2**31 - 1)),
                **(self.training or {}),
            },
            "pretraining": {"epochs": self.epochs if kind.pretrains else 0},
            "selection": {"by": "last"},
            "tracking": {"kind": "none"},
            "compute": {"accelerator": self.accelerator},
        }
        return checked_recipe(tree, Source({"": type(self).__name__}))


def _target(
    recipe: Recipe, x: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], rows: npt.NDArray[np.intp]
) -> ArrayCorpus:
    """Return the rows of the target; where a strategy looks at none, those of the sources stand in, without labels.

    Raises:
        UserError: for rows that the strategy cannot learn from.
    """
    name, kind = recipe.strategy.name, registries()["strategies"][recipe.strategy.name]
    if "target" not in kind.learns_from and not len(rows):
        return ArrayCorpus(x, np.full(len(x), HIDDEN))
    if not len(rows):
        raise UserError(f"strategy {name} adapts to a target, and no row of the target is there; a target is negative")
    if "source" in kind.learns_from and not recipe.source:
        raise UserError(f"strategy {name} transfers from a source, and sample_domain names none; a source is positive")
    if kind.needs_target_labels and not (labels[rows] != HIDDEN).any():
        raise UserError(
            f"strategy {name} learns from target labels, and all are masked; label some target rows, or choose a strategy "
            "that does without, such as dann"
        )
    return ArrayCorpus(x[rows], labels[rows])


def _named(component: Named) -> dict[str, Any]:
    """Return a component as a recipe writes it."""
    return dict(component) if isinstance(component, Mapping) else {"name": component}


def _sequences(X: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return rows as (N, C, T)."""
    if X.ndim > 3:
        raise ValueError(f"X has {X.ndim} dimensions; expected (rows, features) or (rows, channels, frames)")
    return X[:, :, None] if X.ndim == 2 else X
