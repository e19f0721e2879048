"""Moment matching: the distance between means and covariances, of two batches or of a batch and stored moments."""

# n source rows, m target rows, d width.
from __future__ import annotations

from torch import Tensor, nn

from losses.coral import coral
from losses.precision import full_precision
from losses.shapes import check_pair

__all__ = ["MomentMatching", "moment_gap", "moment_matching", "row_covariance"]


def row_covariance(features: Tensor) -> Tensor:
    r"""Return the unbiased covariance of rows, :math:`C = \frac{1}{n - 1} \sum_i (x_i - \bar x)(x_i - \bar x)^\top`.

    A single row has a covariance of zero.

    Args:
        features: one row an example.

    Shape:
        features (n, d); the result is (d, d).

    Example:
        >>> import torch
        >>> row_covariance(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
        tensor([[2., 0.],
                [0., 0.]])
    """
    centred = features - features.mean(0)
    return centred.T @ centred / max(len(features) - 1, 1)


@full_precision
def moment_gap(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    r"""Squared distance between the first two moments of a batch and moments that were stored.

    .. math::
        L = \frac1d \lVert \bar t - \mu \rVert^2 + \frac{1}{4 d^2} \lVert C_T - C \rVert_F^2

    the second term as in CORAL. Who holds mean and covariance alone can adapt to a source that may not be handed on.

    Reference: Sun and Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV workshops 2016; with
    stored statistics in place of source data: Ishii and Sugiyama, "Source-free domain adaptation via distributional
    alignment by matching batch normalization statistics", 2021.

    Args:
        features: of the target domain, one row an example.
        mean: of the source domain.
        covariance: of the source domain.

    Shape:
        features (m, d), mean (d,), covariance (d, d); the result is a scalar.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> moment_gap(torch.tensor([[1.0], [3.0]]), torch.tensor([1.0]), torch.tensor([[4.0]]))  # 1 + (2 - 4)^2 / 4
        tensor(2.)
    """
    d = features.shape[-1]
    if features.ndim != 2 or mean.shape != (d,) or covariance.shape != (d, d):
        shapes = ", ".join(str(tuple(given.shape)) for given in (features, mean, covariance))
        raise ValueError(f"features, mean and covariance have shapes {shapes}; expected (m, d), (d,) and (d, d)")
    first = (features.mean(0) - mean).square().sum() / d
    second = (row_covariance(features) - covariance).square().sum() / (4 * d * d)
    return first + second


@full_precision
def moment_matching(source: Tensor, target: Tensor) -> Tensor:
    r"""Squared distance between the means of source and target, and between their covariances as in :func:`losses.coral.coral`.

    Args:
        source: features of the source domain.
        target: features of the target domain.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> moment_matching(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [3.0]]))
        tensor(1.)
    """
    check_pair(source, target)
    loss: Tensor = (source.mean(0) - target.mean(0)).square().mean() + coral(source, target)
    return loss


class MomentMatching(nn.Module):
    """Squared distance between the first two moments of source and target as a module; see :func:`moment_matching`.

    Reference: Sun and Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV workshops 2016.

    Shape:
        source (n, d), target (m, d); the result is a scalar.

    Example:
        >>> import torch
        >>> features = torch.rand(6, 3)
        >>> MomentMatching()(features, features)
        tensor(0.)
    """

    def __init__(self) -> None:
        super().__init__()

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return moment_matching(source, target)
