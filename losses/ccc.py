"""Concordance correlation: agreement of predicted and true scores of a scale."""

# n rows, S scales.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.precision import full_precision


@full_precision
def concordance_loss(prediction: Tensor, target: Tensor) -> Tensor:
    r"""One minus the concordance correlation coefficient, over the rows, as a mean over the scales.

    .. math::
        L = \frac1S \sum_s 1 - \frac{2 \operatorname{cov}(p_s, y_s)}
          {\operatorname{var} p_s + \operatorname{var} y_s + (\bar p_s - \bar y_s)^2}

    with population moments (divided by n). Equal constants agree fully; otherwise a constant agrees with nothing.

    Reference: Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 1989.

    Args:
        prediction: predicted scores.
        target: true scores.

    Shape:
        both (n,) or (n, S); the result is a scalar.

    Returns:
        The loss, from 0 (equal) to 2.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> concordance_loss(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([3.0, 2.0, 1.0]))
        tensor(2.)
    """
    if prediction.shape != target.shape or prediction.ndim not in (1, 2) or not prediction.numel():
        raise ValueError(
            f"prediction has shape {tuple(prediction.shape)} and target {tuple(target.shape)}; "
            "expected one shape, (n,) or (n, S), with at least one row"
        )
    target = target.to(prediction)
    prediction_mean, target_mean = prediction.mean(0), target.mean(0)
    x, y = prediction - prediction_mean, target - target_mean
    shift = (prediction_mean - target_mean).square()
    spread = x.square().mean(0) + y.square().mean(0) + shift  # (S,)
    # One minus the coefficient, without a difference of nearly equal numbers: var p + var y - 2 cov = var(p - y).
    gap = (x - y).square().mean(0) + shift  # (S,)
    return (gap / spread.clamp_min(torch.finfo(spread.dtype).tiny)).mean()


class CCC(nn.Module):
    """One minus the concordance correlation coefficient as a module; see :func:`concordance_loss`.

    Reference: Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 1989.

    Shape:
        prediction and target (n,) or (n, S); the result is a scalar.

    Example:
        >>> import torch
        >>> scores = torch.tensor([4.0, 9.0, 17.0])
        >>> CCC()(scores, scores)
        tensor(0.)
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return concordance_loss(prediction, target)
