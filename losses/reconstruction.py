"""Reconstruction losses over the frames that are not padding."""

# N clips, F filters, T frames.
from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.precision import full_precision


@full_precision
def reconstruction_loss(prediction: Tensor, target: Tensor, lengths: Tensor | None = None, *, norm: int = 2) -> Tensor:
    r"""Mean squared or absolute error over the frames that are not padding.

    .. math::
        L = \frac{\sum_i \sum_{t < T_i} \sum_f |p_{ift} - y_{ift}|^q}{F \sum_i T_i}

    Every frame counts the same, and so a long clip more than a short one. What stands in the padding, be it NaN, has
    no influence on the value or the gradient.

    Args:
        prediction: reconstructed features.
        target: the features to reconstruct.
        lengths: number T of frames of each clip; all of them by default.
        norm: the power q: 2 (mean squared error) or 1 (mean absolute error).

    Shape:
        prediction and target (N, ..., T), lengths (N,); the result is a scalar.

    Returns:
        The mean error, in squared or plain units of the features; zero where no clip has a frame.

    Raises:
        ValueError: for shapes that differ, lengths that are not one a clip, or another norm.

    Example:
        >>> import torch
        >>> padded = torch.tensor([[1.0, 1.0, 9.0], [3.0, 1.0, 1.0]])
        >>> reconstruction_loss(padded, torch.ones(2, 3), torch.tensor([2, 3]))
        tensor(0.8000)
    """
    _check(prediction, target, lengths, norm)
    if lengths is None:
        return _power(prediction - target, norm).mean()
    frames = prediction.shape[-1]
    valid = torch.arange(frames, device=prediction.device) < lengths.to(prediction.device)[:, None]  # (N, T)
    valid = valid.view(len(valid), *[1] * (prediction.ndim - 2), frames)  # (N, 1, ..., T)
    # Masked before the power: NaN times zero would still be NaN.
    difference = torch.where(valid, prediction - target, 0.0)  # (N, ..., T)
    width = prediction[0, ..., 0].numel()
    return _power(difference, norm).sum() / (width * valid.sum()).clamp_min(1)


class ReconstructionLoss(nn.Module):
    """Reconstruction loss over the frames that are not padding; see :func:`reconstruction_loss`.

    Args:
        norm: 2 for the mean squared error, 1 for the mean absolute error.

    Shape:
        prediction and target (N, ..., T), lengths (N,); the result is a scalar.

    Raises:
        ValueError: for another norm.

    Example:
        >>> import torch
        >>> ReconstructionLoss(norm=1)(torch.zeros(2, 4, 3), torch.ones(2, 4, 3), torch.tensor([3, 1]))
        tensor(1.)
    """

    def __init__(self, *, norm: int = 2) -> None:
        super().__init__()
        if norm not in (1, 2):
            raise ValueError(f"norm is {norm}; expected 1 (absolute error) or 2 (squared error)")
        self.norm = norm

    def forward(self, prediction: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the mean error over the frames that are not padding."""
        return reconstruction_loss(prediction, target, lengths, norm=self.norm)


def _power(difference: Tensor, norm: int) -> Tensor:
    return difference.abs() if norm == 1 else difference.square()


def _check(prediction: Tensor, target: Tensor, lengths: Tensor | None, norm: int) -> None:
    if norm not in (1, 2):
        raise ValueError(f"norm is {norm}; expected 1 (absolute error) or 2 (squared error)")
    if prediction.shape != target.shape or prediction.ndim < 2:
        raise ValueError(
            f"prediction has shape {tuple(prediction.shape)} and target {tuple(target.shape)}; "
            "expected one shape (N, ..., T)"
        )
    if lengths is not None and lengths.shape != prediction.shape[:1]:
        raise ValueError(f"lengths have shape {tuple(lengths.shape)}; expected ({len(prediction)},), one for each clip")
