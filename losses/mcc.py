"""Minimum class confusion: predictions that do not hesitate between classes."""

# n rows, K classes.
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.precision import full_precision
from losses.shapes import check_logits


@full_precision
def minimum_class_confusion(logits: Tensor, *, temperature: float = 2.5) -> Tensor:
    r"""How much of the mass of each class is shared with other classes, sure rows counting more.

    .. math::
        L = \frac1K \sum_{k \ne l} \frac{C_{kl}}{\sum_{l'} C_{kl'}}, \qquad
        C_{kl} = \sum_i w_i p_{ik} p_{il}, \quad w_i = n \frac{1 + e^{-H(p_i)}}{\sum_j (1 + e^{-H(p_j)})}

    with :math:`p_i` the softmax of the logits over the temperature and :math:`H` its entropy. The weights are constants
    in the gradient.

    Reference: Jin et al., "Minimum class confusion for versatile domain adaptation", ECCV 2020.

    Args:
        logits: unnormalised class scores, of the target domain as a rule.
        temperature: softens the predictions; above zero.

    Shape:
        logits (n, K); the result is a scalar.

    Returns:
        The confusion, from 0 to 1 - 1/K.

    Raises:
        ValueError: for another shape or a temperature of zero or less.

    Example:
        >>> import torch
        >>> minimum_class_confusion(torch.zeros(3, 4))
        tensor(0.7500)
    """
    check_logits(logits)
    _check_temperature(temperature)
    n, classes = logits.shape
    log_p = F.log_softmax(logits / temperature, 1)
    p = log_p.exp()  # (n, K)
    with torch.no_grad():
        sureness = 1 + torch.exp((p * log_p).sum(1))  # (n,)
        weights = n * sureness / sureness.sum()
    confusion = (p * weights[:, None]).T @ p  # (K, K)
    # A class that nobody predicts has a row of zeros: no mass, no confusion.
    confusion = confusion / confusion.sum(1, keepdim=True).clamp_min(torch.finfo(p.dtype).tiny)
    return (confusion.sum() - confusion.trace()) / classes


class MCC(nn.Module):
    """Minimum class confusion as a module; see :func:`minimum_class_confusion`.

    Reference: Jin et al., "Minimum class confusion for versatile domain adaptation", ECCV 2020.

    Args:
        temperature: softens the predictions; above zero.

    Shape:
        logits (n, K); the result is a scalar.

    Raises:
        ValueError: for a temperature of zero or less.

    Example:
        >>> import torch
        >>> MCC()(1000 * torch.eye(4))
        tensor(0.)
    """

    def __init__(self, *, temperature: float = 2.5) -> None:
        super().__init__()
        _check_temperature(temperature)
        self.temperature = temperature

    def forward(self, logits: Tensor) -> Tensor:
        """Return the loss."""
        return minimum_class_confusion(logits, temperature=self.temperature)


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; expected a positive number")
