"""Heads that are fitted at once instead of trained step by step: the classical classifiers that every network must beat.

N clips, F filters, K classes, P = K (K - 1) / 2 pairs of classes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feature_extractors.frames import Frames
from feature_extractors.heads import Head
from feature_extractors.pooling import masked_mean

__all__ = ["FittedHead", "LinearSVMHead", "LogisticHead"]

FloatArray = npt.NDArray[np.float64]


class FittedHead(Head):
    """Base of the heads that scikit-learn fits to embeddings: masked mean over time, then linear functions.

    Args:
        in_features: F of the extractor.
        outputs: linear functions.
        c: inverse strength of the penalty; of several, leave one group (speaker) out of the training clips decides by
            unweighted average recall, the first of equals.

    Raises:
        ValueError: for a penalty that is not positive.
    """

    def __init__(self, *, in_features: int, outputs: int, c: float | Sequence[float]) -> None:
        super().__init__(embedding=in_features, classes=outputs)
        self.choices = [float(value) for value in ([c] if isinstance(c, int | float) else c)]
        if not self.choices or min(self.choices) <= 0:
            raise ValueError(f"c is {c}; expected a positive number or several, such as [0.001, 0.01, 0.1, 1]")
        self.classifier.requires_grad_(False)

    def specific(self, frames: Frames) -> Frames:
        """Return the frames as they come: this head has no layers over time."""
        return frames

    def pool(self, specific: Frames) -> Tensor:
        """Return the mean over the real frames, (N, F)."""
        return masked_mean(specific.features, specific.valid())

    def fit(self, embeddings: Tensor, labels: Tensor, groups: Sequence[str]) -> float:
        """Fit the linear functions, every class counting the same, and return the c that was taken.

        Args:
            embeddings: (N, F).
            labels: class indices, (N,).
            groups: who speaks in each clip, N.

        Raises:
            ValueError: where there are clips of one class only.
        """
        x, y = embeddings.double().cpu().numpy(), labels.cpu().numpy()
        if len(np.unique(y)) < 2:
            raise ValueError("a classifier is fitted to clips of two classes or more, and all of these are of one")
        c = self.choices[0] if len(self.choices) == 1 else self._chosen(x, y, np.asarray(groups))
        weight, bias = self._solve(self._model(c).fit(x, y))
        with torch.no_grad():
            self.classifier.weight.copy_(torch.from_numpy(weight))
            self.classifier.bias.copy_(torch.from_numpy(bias))
        return c

    def _chosen(self, x: FloatArray, y: npt.NDArray[np.int64], groups: npt.NDArray[np.str_]) -> float:
        """Return the c that serves best the speakers left out."""
        from sklearn.metrics import recall_score
        from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

        if len(set(groups)) < 2:
            raise ValueError(f"c is chosen by leaving speakers out, and there is one; give one value of {self.choices}")
        scores = [
            recall_score(
                y, cross_val_predict(self._model(c), x, y, groups=groups, cv=LeaveOneGroupOut()), average="macro"
            )
            for c in self.choices
        ]
        return self.choices[int(np.argmax(scores))]

    @abstractmethod
    def _model(self, c: float) -> Any:
        """Return the classifier, not yet fitted."""

    @abstractmethod
    def _solve(self, model: Any) -> tuple[FloatArray, FloatArray]:
        """Return weight and bias of the linear functions of a fitted classifier; classes that it lacks never win."""


class LogisticHead(FittedHead):
    """Multinomial logistic regression with a ridge penalty (scikit-learn's lbfgs), all classes weighted alike.

    Args:
        in_features: F of the extractor.
        in_scales: B of the extractor; this head looks at the features alone.
        classes: K.
        c: see `FittedHead`.

    Shape:
        Frames of (N, F, T) -> (N, K)

    Example:
        >>> head = LogisticHead(in_features=2, classes=2)
        >>> x = torch.tensor([[0.0, 1.0], [0.2, 1.0], [1.0, 0.0], [1.2, 0.0]])
        >>> head.fit(x, torch.tensor([0, 0, 1, 1]), ["a", "b", "a", "b"])
        1.0
        >>> head.classify(Frames(x[:, :, None], torch.ones(4, dtype=torch.long))).argmax(1)
        tensor([0, 0, 1, 1])
    """

    def __init__(self, *, in_features: int, in_scales: int = 0, classes: int, c: float | Sequence[float] = 1.0) -> None:
        super().__init__(in_features=in_features, outputs=classes, c=c)

    def _model(self, c: float) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=c, class_weight="balanced", max_iter=5000, tol=1e-7)

    def _solve(self, model: Any) -> tuple[FloatArray, FloatArray]:
        weight, bias = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # one function says all of two classes
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        whole = np.zeros(tuple(self.classifier.weight.shape))
        biases = np.full(len(whole), float(bias.min()) - 1e4)
        whole[model.classes_], biases[model.classes_] = weight, bias
        return whole, biases


class LinearSVMHead(FittedHead):
    """Linear support vector machine, one against one with libsvm (scikit-learn's SVC), all classes weighted alike.

    Of each pair (i, j), i < j, a linear function says i where it is positive; the class with most of the K - 1 votes it
    can get is decided for, the first of equals. Logits are votes - (K - 1) / 2, and of two classes the function itself:
    they rank, and are not calibrated.

    References: Chang & Lin, LIBSVM, ACM TIST 2011.

    Args:
        in_features: F of the extractor.
        in_scales: B of the extractor; this head looks at the features alone.
        classes: K.
        c: see `FittedHead`.

    Shape:
        Frames of (N, F, T) -> (N, K)

    Example:
        >>> LinearSVMHead(in_features=88, classes=6, c=0.01).classifier.out_features
        15
    """

    def __init__(
        self, *, in_features: int, in_scales: int = 0, classes: int, c: float | Sequence[float] = 0.01
    ) -> None:
        super().__init__(in_features=in_features, outputs=max(1, classes * (classes - 1) // 2), c=c)
        first, second = np.triu_indices(classes, 1)
        self.pairs: tuple[tuple[int, int], ...] = tuple(zip(first.tolist(), second.tolist(), strict=True))
        self.classes = classes

    def classify(self, specific: Frames) -> Tensor:
        """Return the logits (N, K) of frames that `specific` gave."""
        said: Tensor = self.classifier(self.pool(specific))  # (N, P)
        if self.classes == 2:
            return torch.cat([said, -said], dim=1)
        votes = said.new_full((len(said), self.classes), -(self.classes - 1) / 2)
        for k, (i, j) in enumerate(self.pairs):
            votes[:, i] += said[:, k] > 0
            votes[:, j] += said[:, k] <= 0
        return votes

    def _model(self, c: float) -> Any:
        from sklearn.svm import SVC

        return SVC(kernel="linear", C=c, class_weight="balanced")

    def _solve(self, model: Any) -> tuple[FloatArray, FloatArray]:
        sign = -1.0 if len(model.classes_) == 2 else 1.0  # of two classes SVC's function is of the second
        known = {
            (int(i), int(j)): k for k, (i, j) in enumerate(zip(*np.triu_indices(len(model.classes_), 1), strict=True))
        }
        place = {int(name): k for k, name in enumerate(model.classes_)}
        weight, bias = np.zeros(tuple(self.classifier.weight.shape)), np.zeros(len(self.pairs))
        for k, (i, j) in enumerate(self.pairs):
            if i in place and j in place:
                own = known[place[i], place[j]]
                weight[k], bias[k] = sign * model.coef_[own], sign * model.intercept_[own]
            else:  # a class without clips loses against every other
                bias[k] = 1.0 if i in place else -1.0
        return weight, bias
