"""Conditional domain-adversarial training: the discriminator sees features together with predictions."""

# n source rows, m target rows, d width, K classes, R random products.
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.adversarial import DomainDiscriminator, domain_accuracy, domain_cross_entropy
from losses.precision import full_precision
from losses.reversal import reverse_gradient
from losses.shapes import check_logits, check_pair

# Above so many products of a feature and a probability the authors draw random ones instead.
_MOST_PRODUCTS = 4096
_RANDOM_PRODUCTS = 1024


def multilinear_map(features: Tensor, probabilities: Tensor) -> Tensor:
    r"""All products of a feature and a probability.

    .. math::
        T_{\otimes}(f, g) = f \otimes g

    Reference: Long et al., "Conditional adversarial domain adaptation", NeurIPS 2018.

    Args:
        features: one row of features each.
        probabilities: one row of class probabilities each.

    Shape:
        features (n, d), probabilities (n, K); the result is (n, d K).

    Returns:
        The products, those of the first feature first.

    Example:
        >>> import torch
        >>> multilinear_map(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.25, 0.75]]))
        tensor([[0.2500, 0.7500, 0.5000, 1.5000]])
    """
    return (features[:, :, None] * probabilities[:, None, :]).flatten(1)


def randomised_map(features: Tensor, probabilities: Tensor, f_map: Tensor, g_map: Tensor) -> Tensor:
    r"""Random products whose inner products are, in expectation, those of the multilinear map.

    .. math::
        T_{\odot}(f, g) = \frac{1}{\sqrt R} (f W_f) \odot (g W_g)

    Reference: Long et al., "Conditional adversarial domain adaptation", NeurIPS 2018.

    Args:
        features: one row of features each.
        probabilities: one row of class probabilities each.
        f_map: fixed random matrix of the features, with numbers of mean zero and variance one.
        g_map: the same of the probabilities.

    Shape:
        features (n, d), probabilities (n, K), f_map (d, R), g_map (K, R); the result is (n, R).

    Returns:
        The products.

    Example:
        >>> import torch
        >>> randomised_map(torch.ones(1, 2), torch.ones(1, 3), torch.ones(2, 4), torch.ones(3, 4))
        tensor([[3., 3., 3., 3.]])
    """
    products = (features @ f_map) * (probabilities @ g_map)  # (n, R)
    return products / math.sqrt(f_map.shape[1])


@full_precision
def entropy_weight(logits: Tensor) -> Tensor:
    r"""Weight of each row by how sure its prediction is, from just above 1 to 2.

    .. math::
        w(p) = 1 + e^{-H(p)}

    Reference: Long et al., "Conditional adversarial domain adaptation", NeurIPS 2018.

    Args:
        logits: unnormalised class scores.

    Shape:
        logits (n, K); the result is (n,).

    Returns:
        The weights.

    Example:
        >>> import torch
        >>> entropy_weight(torch.tensor([[0.0, 0.0], [0.0, 100.0]]))
        tensor([1.5000, 2.0000])
    """
    log_p = F.log_softmax(logits, 1)
    return 1 + torch.exp((log_p.exp() * log_p).sum(1))


class CDAN(nn.Module):
    r"""Conditional domain-adversarial loss: the discriminator sees the products of features and predictions.

    .. math::
        L = \tfrac12 \sum_i v_i H(1, \sigma(D(T(R_\lambda(s_i), p_i))))
          + \tfrac12 \sum_j w_j H(0, \sigma(D(T(R_\lambda(t_j), q_j))))

    with the gradient reversal :math:`R_\lambda`, the map T of :func:`multilinear_map`, or of :func:`randomised_map`
    where that would give more than 4096 products, and weights that go with :func:`entropy_weight` and sum to one in
    each domain. Predictions and weights are constants in the gradient.

    Reference: Long et al., "Conditional adversarial domain adaptation", NeurIPS 2018.

    Args:
        in_features: width d of the features.
        classes: number K of classes.
        hidden: width of the discriminator's hidden layers.
        layers: number of hidden layers.
        dropout: probability of dropping a hidden unit.
        label_smoothing: softens the domain labels to 1 - e/2 and e/2.
        entropy_weighting: whether sure rows weigh more (CDAN+E), or all the same (CDAN).
        random_products: number R of random products, 0 for the multilinear map; by default as the authors do it.

    Shape:
        source (n, d), target (m, d), source_logits (n, K), target_logits (m, K); the result is a scalar.

    Raises:
        ValueError: for sizes below one, or a dropout or label smoothing outside [0, 1).

    Example:
        >>> import torch
        >>> cdan = CDAN(8, 3, hidden=16)
        >>> logits = torch.zeros(4, 3), torch.zeros(6, 3)
        >>> bool(cdan(torch.rand(4, 8), torch.rand(6, 8), *logits, strength=0.1) > 0)
        True
    """

    f_map: Tensor | None
    g_map: Tensor | None

    def __init__(
        self,
        in_features: int,
        classes: int,
        *,
        hidden: int = 256,
        layers: int = 2,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        entropy_weighting: bool = True,
        random_products: int | None = None,
    ) -> None:
        super().__init__()
        if in_features < 1 or classes < 2:
            raise ValueError(f"in_features={in_features}, classes={classes}; expected at least 1 feature and 2 classes")
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(f"label_smoothing is {label_smoothing}; expected a number in [0, 1)")
        if random_products is None:
            random_products = _RANDOM_PRODUCTS if in_features * classes > _MOST_PRODUCTS else 0
        if random_products < 0:
            raise ValueError(f"random_products is {random_products}; expected zero (multilinear map) or more")
        # Part of the state: a discriminator is worth nothing without the products that it was trained on.
        self.register_buffer("f_map", torch.randn(in_features, random_products) if random_products else None)
        self.register_buffer("g_map", torch.randn(classes, random_products) if random_products else None)
        width = random_products or in_features * classes
        self.discriminator = DomainDiscriminator(width, hidden=hidden, layers=layers, dropout=dropout)
        self.label_smoothing, self.entropy_weighting = label_smoothing, entropy_weighting

    def forward(
        self, source: Tensor, target: Tensor, source_logits: Tensor, target_logits: Tensor, strength: float = 1.0
    ) -> Tensor:
        """Return the domain cross-entropy; the gradient of the features is reversed and scaled by the strength."""
        check_pair(source, target)
        features = reverse_gradient(torch.cat([source, target]), strength)  # (n + m, d)
        logits = torch.cat([source_logits, target_logits]).detach()  # (n + m, K)
        scores: Tensor = self.discriminator(self._map(features, logits))  # (n + m,)
        n, weight = len(source), entropy_weight(logits) if self.entropy_weighting else None
        return domain_cross_entropy(
            scores[:n],
            scores[n:],
            label_smoothing=self.label_smoothing,
            source_weight=None if weight is None else weight[:n],
            target_weight=None if weight is None else weight[n:],
        )

    def accuracy(self, source: Tensor, target: Tensor, source_logits: Tensor, target_logits: Tensor) -> float:
        """Return the mean of the discriminator's accuracies in the two domains, without dropout or gradient."""
        with torch.no_grad():
            mapped = self._map(source, source_logits), self._map(target, target_logits)
        return domain_accuracy(self.discriminator, *mapped)

    def _map(self, features: Tensor, logits: Tensor) -> Tensor:
        check_logits(logits)
        if len(features) != len(logits):
            raise ValueError(f"there are {len(logits)} rows of logits for {len(features)} rows of features")
        # The predictions in full precision, then all in that of the discriminator's weights.
        probabilities = logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(1)
        dtype = self.discriminator.score.weight.dtype
        features, probabilities = features.to(dtype), probabilities.to(dtype)
        if self.f_map is None or self.g_map is None:
            return multilinear_map(features, probabilities)
        return randomised_map(features, probabilities, self.f_map, self.g_map)
