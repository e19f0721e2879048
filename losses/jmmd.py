"""Joint maximum mean discrepancy: several layers of a network compared together."""

# n source rows, m target rows, L layers.
from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from losses.gaussian_kernels import gaussians, kernel_sum
from losses.mmd import mean_weights
from losses.precision import full_precision
from losses.shapes import check_pair


@full_precision
def jmmd(
    source: Sequence[Tensor],
    target: Sequence[Tensor],
    *,
    kernels: int = 5,
    ratio: float = 2.0,
    bandwidth: float | None = None,
    weights: Sequence[float] | None = None,
    unbiased: bool = False,
) -> Tensor:
    r"""Squared maximum mean discrepancy of the joint distribution of several layers.

    .. math::
        L = \frac{1}{n^2} \sum_{ij} \prod_l k_l(s^l_i, s^l_j) + \frac{1}{m^2} \sum_{ij} \prod_l k_l(t^l_i, t^l_j)
          - \frac{2}{nm} \sum_{ij} \prod_l k_l(s^l_i, t^l_j)

    with the kernel of :func:`losses.mmd.mmd` in each layer, its base from that layer. Of one layer it is that loss. The
    layers are as a rule the features and the predicted probabilities. The gradient is differentiable once.

    Reference: Long et al., "Deep transfer learning with joint adaptation networks", ICML 2017.

    Args:
        source: features of the source domain in each layer.
        target: features of the target domain in each layer.
        kernels: number of kernels of each layer.
        ratio: ratio of neighbouring bandwidths.
        bandwidth: the base in squared units of the features, for all layers; the median of each by default.
        weights: a weight for each kernel, from the smallest bandwidth to the largest; all one by default.
        unbiased: whether to leave out the pairs of a row with itself.

    Shape:
        source L times (n, d_l), target L times (m, d_l); the result is a scalar.

    Returns:
        The loss; of the biased estimate, from 0 to twice the sum of the weights to the power L.

    Raises:
        ValueError: for other shapes or options out of range.
        TypeError: for a tensor in place of a list of tensors.

    Example:
        >>> import torch
        >>> layers = [torch.rand(6, 8), torch.rand(6, 3).softmax(1)]
        >>> bool(jmmd(layers, layers).abs() < 1e-4)
        True
    """
    _check_layers(source, target)
    kernel = gaussians(kernels=kernels, ratio=ratio, bandwidth=bandwidth, weights=weights)
    return kernel_sum(source, target, mean_weights(len(source[0]), len(target[0]), unbiased=unbiased), kernel)


class JMMD(nn.Module):
    """Joint maximum mean discrepancy of several layers as a module; see :func:`jmmd`.

    Reference: Long et al., "Deep transfer learning with joint adaptation networks", ICML 2017.

    Args:
        kernels: number of kernels of each layer.
        ratio: ratio of neighbouring bandwidths.
        bandwidth: bandwidth of the middle kernel in squared units of the features; by default the median of the
            squared distances of the batch, layer by layer.
        weights: a weight for each kernel, from the smallest bandwidth to the largest; all one by default.
        unbiased: whether to leave out the pairs of a row with itself.

    Shape:
        source L times (n, d_l), target L times (m, d_l); the result is a scalar.

    Raises:
        ValueError: for options out of range.

    Example:
        >>> import torch
        >>> JMMD()([torch.rand(4, 8), torch.rand(4, 3)], [torch.rand(6, 8), torch.rand(6, 3)]).shape
        torch.Size([])
    """

    def __init__(
        self,
        *,
        kernels: int = 5,
        ratio: float = 2.0,
        bandwidth: float | None = None,
        weights: Sequence[float] | None = None,
        unbiased: bool = False,
    ) -> None:
        super().__init__()
        gaussians(kernels=kernels, ratio=ratio, bandwidth=bandwidth, weights=weights)
        self.kernels, self.ratio, self.bandwidth = kernels, ratio, bandwidth
        self.weights, self.unbiased = weights, unbiased

    def forward(self, source: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """Return the loss."""
        return jmmd(
            source,
            target,
            kernels=self.kernels,
            ratio=self.ratio,
            bandwidth=self.bandwidth,
            weights=self.weights,
            unbiased=self.unbiased,
        )


def _check_layers(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    if any(isinstance(layers, Tensor) for layers in (source, target)):
        raise TypeError("source and target are to be lists of tensors, one for each layer: put a single one in a list")
    if not source or len(source) != len(target):
        raise ValueError(
            f"there are {len(source)} source and {len(target)} target layers; expected as many, at least 1"
        )
    for source_layer, target_layer in zip(source, target, strict=True):
        check_pair(source_layer, target_layer)
    rows = {len(layer) for layer in source}, {len(layer) for layer in target}
    if len(rows[0]) > 1 or len(rows[1]) > 1:
        raise ValueError(f"layers have {rows[0]} source and {rows[1]} target rows; expected one number in each domain")
