"""Squared distances between all rows of two samples, and their median."""

# n source rows, m target rows, N = n + m, d width.
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# As many numbers (256 KiB) stay in the cache of one core while several steps work on them.
CACHED = 2**16


class Pairs(NamedTuple):
    """One number for each pair of rows: of two source rows, of a source and a target row, of two target rows."""

    flat: Tensor
    """All three, one after the other, as (n n + n m + m m,)."""
    xx: Tensor
    xy: Tensor
    yy: Tensor


def pairs_like(flat: Tensor, n: int, m: int) -> Pairs:
    """Look at one row of numbers as the three matrices of pairs; no copy is made.

    Args:
        flat: the numbers.
        n: number of source rows.
        m: number of target rows.

    Shape:
        flat (n n + n m + m m,); xx (n, n), xy (n, m), yy (m, m).

    Returns:
        The matrices.

    Example:
        >>> import torch
        >>> pairs_like(torch.arange(7), 1, 2).xy
        tensor([[1, 2]])
    """
    xx, xy, yy = flat.split([n * n, n * m, m * m])  # type: ignore[no-untyped-call]
    return Pairs(flat, xx.view(n, n), xy.view(n, m), yy.view(m, m))


def distances(x: Tensor, y: Tensor, *, power: int = 1) -> Tensor:
    r"""Euclidean distances of each row of x to each of y, or their squares, with a gradient.

    .. math::
        D_{ij} = \lVert x_i - y_j \rVert_2^p

    They come from inner products. Where that leaves no digit of a distance, the two rows count as one point: the
    distance is zero, and so is its gradient. Centre the rows before.

    Args:
        x: rows.
        y: rows; x itself for the distances within one sample.
        power: 1, or 2 for the squares.

    Shape:
        x (n, d), y (m, d); the result is (n, m).

    Returns:
        The distances, to the power.

    Example:
        >>> import torch
        >>> distances(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
        tensor([[0., 5.]])
    """
    norms = x.square().sum(1)[:, None] + y.square().sum(1)  # (n, m)
    squares = torch.addmm(norms, x, y.T, alpha=-2)
    apart = squares > 4 * torch.finfo(x.dtype).eps * norms
    if x is y:
        apart = apart & ~torch.eye(len(x), dtype=torch.bool, device=x.device)
    if power == 2:
        return torch.where(apart, squares, 0.0)
    # The root has no derivative at zero, not even where it is masked afterwards.
    return torch.where(apart, torch.where(apart, squares, 1.0).sqrt(), 0.0)


def squared_distances(x: Tensor, y: Tensor) -> Pairs:
    r"""Squared Euclidean distances of all pairs, from inner products.

    .. math::
        D_{ij} = \lVert x_i \rVert^2 + \lVert y_j \rVert^2 - 2 x_i \cdot y_j

    A row is no pair with itself: there the distance is infinite. Centre the rows before: the rounding error goes with
    their squared norms.

    Args:
        x: source rows.
        y: target rows.

    Shape:
        x (n, d), y (m, d).

    Returns:
        The squared distances, zero or more.

    Example:
        >>> import torch
        >>> squared_distances(torch.zeros(1, 2), torch.ones(2, 2)).flat
        tensor([inf, 2., 2., inf, 0., 0., inf])
    """
    n, m = len(x), len(y)
    pairs = pairs_like(x.new_empty(n * n + n * m + m * m), n, m)
    x2, y2 = torch.linalg.vecdot(x, x), torch.linalg.vecdot(y, y)  # (n,), (m,)
    torch.addmm(x2, x, x.T, alpha=-2, out=pairs.xx).add_(x2.unsqueeze(1))
    torch.addmm(y2, x, y.T, alpha=-2, out=pairs.xy).add_(x2.unsqueeze(1))
    torch.addmm(y2, y, y.T, alpha=-2, out=pairs.yy).add_(y2.unsqueeze(1))
    pairs.flat.clamp_min_(0)
    pairs.xx.fill_diagonal_(torch.inf)
    pairs.yy.fill_diagonal_(torch.inf)
    return pairs


def median_of_pairs(pairs: Pairs) -> Tensor:
    """Lower median over the pairs of distinct rows of the two samples together, each counted once.

    Args:
        pairs: numbers, the same for (i, j) as for (j, i), infinite for a row with itself, none of them NaN.

    Returns:
        The median, a scalar.

    Example:
        >>> import torch
        >>> median_of_pairs(squared_distances(torch.zeros(1, 1), torch.tensor([[1.0], [3.0]])))  # of 1, 4 and 9
        tensor(4.)
    """
    rows = len(pairs.xx) + len(pairs.yy)
    # Within a domain each pair stands in both triangles; across it stands once, and is taken twice. Of all pairs in
    # order, each twice, this is the median; the infinite ones come last.
    rank = (rows * (rows - 1) // 2 - 1) // 2 * 2 + 1
    twice = torch.cat([pairs.flat, pairs.xy.flatten()])
    if twice.device.type == "cpu":
        try:
            # Ten times faster than torch, and in place; without numpy torch does it.
            twice.numpy().partition(rank - 1)
        except RuntimeError:
            return twice.kthvalue(rank).values
        return twice[rank - 1]
    return twice.kthvalue(rank).values
