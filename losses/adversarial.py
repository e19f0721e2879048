"""Domain-adversarial training: a discriminator behind a gradient reversal layer."""

# n source rows, m target rows, d width.
from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.precision import full_precision
from losses.reversal import reverse_gradient
from losses.shapes import check_pair


@full_precision
def domain_cross_entropy(
    source_logits: Tensor,
    target_logits: Tensor,
    *,
    label_smoothing: float = 0.0,
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy of a domain discriminator, both domains with the same say whatever their sizes.

    .. math::
        L = \tfrac12 \sum_i v_i \, H(1 - \tfrac\epsilon2, \sigma(a_i))
          + \tfrac12 \sum_j w_j \, H(\tfrac\epsilon2, \sigma(b_j))

    with :math:`H(q, p) = -q \log p - (1 - q) \log(1 - p)` and weights that sum to one in each domain (by default
    :math:`1/n` and :math:`1/m`). A discriminator that knows nothing scores :math:`\log 2`.

    Reference: Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016.

    Args:
        source_logits: scores a of the source rows; positive means source.
        target_logits: scores b of the target rows.
        label_smoothing: the number epsilon, in [0, 1).
        source_weight: a positive weight for each source row; scaled to sum to one.
        target_weight: a positive weight for each target row; scaled to sum to one.

    Shape:
        source_logits (n,), target_logits (m,); the result is a scalar.

    Returns:
        The cross-entropy in nats.

    Example:
        >>> import torch
        >>> domain_cross_entropy(torch.zeros(3), torch.zeros(5))
        tensor(0.6931)
    """
    losses = []
    sides = (
        (source_logits, source_weight, 1.0 - label_smoothing / 2),
        (target_logits, target_weight, label_smoothing / 2),
    )
    for logits, weight, label in sides:
        loss = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label), reduction="none")
        losses.append(loss.mean() if weight is None else (weight * loss).sum() / weight.sum())
    return (losses[0] + losses[1]) / 2


class DomainDiscriminator(nn.Module):
    """A multilayer perceptron that scores how source-like each row is.

    Every hidden layer is linear, ReLU, dropout. There is no batch normalisation: its statistics would mix, or separate,
    the two domains, and are unstable in small batches.

    Args:
        in_features: width d of the features.
        hidden: width of the hidden layers.
        layers: number of hidden layers.
        dropout: probability of dropping a hidden unit.

    Shape:
        (n, d) to (n,).

    Raises:
        ValueError: for sizes below one or a dropout outside [0, 1).

    Example:
        >>> import torch
        >>> DomainDiscriminator(8)(torch.zeros(3, 8)).shape
        torch.Size([3])
    """

    def __init__(self, in_features: int, *, hidden: int = 256, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        if in_features < 1 or hidden < 1 or layers < 1:
            raise ValueError(
                f"in_features={in_features}, hidden={hidden}, layers={layers}; expected at least 1 of each"
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout is {dropout}; expected a probability in [0, 1)")
        widths = [in_features] + [hidden] * layers
        stack: list[nn.Module] = []
        for before, after in pairwise(widths):
            stack += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.score = nn.Linear(hidden, 1)
        self.body = nn.Sequential(*stack)

    def forward(self, features: Tensor) -> Tensor:
        """Score the rows; positive means source."""
        if features.ndim != 2:
            raise ValueError(
                f"features have shape {tuple(features.shape)}; expected (n, d): pool or flatten the frames"
            )
        # Features that left an autocast region in 16 bits meet the weights in theirs.
        features = features.to(self.score.weight.dtype)  # (n, d)
        scores: Tensor = self.score(self.body(features)).squeeze(1)  # (n,)
        return scores


class DANN(nn.Module):
    r"""Domain-adversarial loss: the discriminator learns to tell the domains apart, the features learn that it cannot.

    .. math::
        L = \tfrac12 \operatorname{mean}_i H(1, \sigma(D(R_\lambda(s_i))))
          + \tfrac12 \operatorname{mean}_j H(0, \sigma(D(R_\lambda(t_j))))

    with the gradient reversal :math:`R_\lambda`; one optimizer minimises it over features and discriminator together.

    Reference: Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016.

    Args:
        in_features: width d of the features.
        hidden: width of the discriminator's hidden layers.
        layers: number of hidden layers.
        dropout: probability of dropping a hidden unit.
        label_smoothing: softens the domain labels to 1 - e/2 and e/2.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for sizes below one, or a dropout or label smoothing outside [0, 1).

    Example:
        >>> import torch
        >>> dann = DANN(8, hidden=16)
        >>> bool(dann(torch.zeros(4, 8), torch.zeros(6, 8), strength=0.1) > 0)
        True
        >>> dann.accuracy(torch.zeros(4, 8), torch.zeros(6, 8))
        0.5
    """

    def __init__(
        self,
        in_features: int,
        *,
        hidden: int = 256,
        layers: int = 2,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(f"label_smoothing is {label_smoothing}; expected a number in [0, 1)")
        self.discriminator = DomainDiscriminator(in_features, hidden=hidden, layers=layers, dropout=dropout)
        self.label_smoothing = label_smoothing

    def forward(self, source: Tensor, target: Tensor, strength: float = 1.0) -> Tensor:
        """Return the domain cross-entropy; the gradient of the features is reversed and scaled by the strength."""
        source_scores, target_scores = _score(
            self.discriminator, reverse_gradient(source, strength), reverse_gradient(target, strength)
        )
        return domain_cross_entropy(source_scores, target_scores, label_smoothing=self.label_smoothing)

    def accuracy(self, source: Tensor, target: Tensor) -> float:
        """Return the mean of the discriminator's accuracies in the two domains, without dropout or gradient."""
        return domain_accuracy(self.discriminator, source, target)


def domain_accuracy(discriminator: nn.Module, source: Tensor, target: Tensor) -> float:
    """Balanced accuracy of a domain discriminator, without dropout or gradient; the training mode stays as it was.

    Args:
        discriminator: scores rows, positive for source; a score of zero counts as target.
        source: rows of the source domain.
        target: rows of the target domain.

    Shape:
        source (n, d), target (m, d).

    Returns:
        The accuracy, from 0 to 1; 0.5 is chance whatever n and m.

    Example:
        >>> import torch
        >>> domain_accuracy(torch.nn.Flatten(0), torch.ones(4, 1), -torch.ones(2, 1))
        1.0
    """
    training = discriminator.training
    discriminator.eval()
    try:
        with torch.no_grad():
            source_scores, target_scores = _score(discriminator, source, target)
            correct = (source_scores > 0).float().mean() + (target_scores <= 0).float().mean()
    finally:
        discriminator.train(training)
    return float(correct) / 2


def _score(discriminator: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Score both domains in one pass."""
    check_pair(source, target)
    scores: Tensor = discriminator(torch.cat([source, target]))  # (n + m,)
    return scores[: len(source)], scores[len(source) :]
