"""What an extractor hands to a head, and which of its frames are real. N clips, F filters, T frames, B scales."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Frames", "real_frames", "reverse_time", "valid_frames", "zero_padding"]


class Frames(NamedTuple):
    """Features over time with the number of real frames of each clip.

    Frames past a clip's length are zero in `features` and `scales`.

    Args:
        features: last output of a network. Shape: (N, F, T).
        lengths: number of real frames of each clip. Shape: (N,).
        scales: outputs of all temporal scales, or None where a network has none. Shape: (N, F, T, B).
        padded: False promises that every clip fills all T frames, which saves the masks; True is always safe.

    Example:
        >>> frames = Frames(torch.zeros(2, 39, 5), lengths=torch.tensor([5, 3]))
        >>> frames.valid()
        tensor([[ True,  True,  True,  True,  True],
                [ True,  True,  True, False, False]])
    """

    features: Tensor
    lengths: Tensor
    scales: Tensor | None = None
    padded: bool = True

    def valid(self) -> Tensor | None:
        """Return the mask of real frames, (N, T), or None where nothing is padded."""
        if not self.padded:
            return None
        return valid_frames(self.lengths, clips=self.features.shape[0], frames=self.features.shape[2])

    @classmethod
    def build(cls, features: Tensor, valid: Tensor | None, scales: Tensor | None = None) -> Frames:
        """Set padded frames to zero and count the real ones.

        Args:
            features: last output of a network. Shape: (N, F, T).
            valid: mask of real frames, or None where nothing is padded. Shape: (N, T).
            scales: outputs of all temporal scales, or None. Shape: (N, F, T, B).

        Example:
            >>> Frames.build(torch.ones(1, 1, 3), torch.tensor([[True, True, False]])).features
            tensor([[[1., 1., 0.]]])
        """
        clips, _, frames = features.shape
        if valid is None:
            return cls(features, torch.full((clips,), frames, device=features.device), scales, padded=False)
        if scales is not None:
            scales = scales.masked_fill(~valid[:, None, :, None], 0)
        return cls(zero_padding(features, valid), valid.sum(1), scales)


def valid_frames(lengths: Tensor | None, *, clips: int, frames: int) -> Tensor | None:
    """Mask the real frames of a padded batch; None means that all of them are real.

    In eager mode lengths that fill all frames give None as well, so that an unpadded batch takes the fast paths. Inside
    `torch.compile` and `torch.export` given lengths always make a mask, since the graph may not depend on their values.

    Args:
        lengths: number of real frames of each clip, or None. Shape: (N,).
        clips: N, the number of clips in the batch.
        frames: T, the number of frames of the batch.

    Shape:
        (N, T), True at real frames, or None.

    Raises:
        TypeError: for lengths that are no tensor of integers.
        ValueError: where there is not one length a clip, or a length lies outside [1, T].

    Example:
        >>> valid_frames(torch.tensor([1, 2]), clips=2, frames=2)
        tensor([[ True, False],
                [ True,  True]])
        >>> valid_frames(torch.tensor([2, 2]), clips=2, frames=2) is None
        True
    """
    if lengths is None:
        return None
    if not isinstance(lengths, Tensor) or lengths.is_floating_point():
        raise TypeError(
            f"lengths is {_kind(lengths)}; expected a tensor of integers, one a clip, such as torch.tensor([50, 40])"
        )
    if lengths.shape != (clips,):
        raise ValueError(f"lengths has shape {tuple(lengths.shape)}; expected one length a clip, ({clips},)")
    if clips and not torch.compiler.is_compiling():
        shortest, longest = torch.stack(torch.aminmax(lengths)).tolist()
        if shortest < 1 or longest > frames:
            raise ValueError(
                f"lengths reach from {shortest} to {longest}; expected 1 to {frames}, the frames of the batch"
            )
        if shortest == frames:
            return None
    return torch.arange(frames, device=lengths.device) < lengths[:, None]  # (N, T)


def real_frames(x: Tensor, lengths: Tensor | None, *, channels: int) -> Tensor | None:
    """Check what an extractor is given, and mask its real frames as `valid_frames` does.

    Args:
        x: features, or a waveform of one channel. Shape: (N, C, T).
        lengths: number of real frames of each clip, or None. Shape: (N,).
        channels: C that the extractor was built for.

    Shape:
        (N, T), True at real frames, or None.

    Raises:
        TypeError: for something else than tensors, of floating point numbers and of integers.
        ValueError: for another shape or number of channels, no frame, or lengths that do not fit.

    Example:
        >>> real_frames(torch.randn(39, 50), None, channels=39)
        Traceback (most recent call last):
        ...
        ValueError: the features have shape (39, 50); expected (clips, 39, frames): one clip is a batch of one, x[None]
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"the features are {_kind(x)}; expected a tensor of floating point numbers")
    if x.ndim != 3 or x.shape[1] != channels or x.shape[2] < 1:
        hint = ": one clip is a batch of one, x[None]" if x.ndim == 2 and x.shape[0] == channels else ""
        raise ValueError(f"the features have shape {tuple(x.shape)}; expected (clips, {channels}, frames){hint}")
    return valid_frames(lengths, clips=x.shape[0], frames=x.shape[2])


def _kind(value: object) -> str:
    """Return what to call a value in a message: the type of a tensor's numbers, else its own."""
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__


def zero_padding(x: Tensor, valid: Tensor | None) -> Tensor:
    """Set the padded frames of x to zero.

    Args:
        x: any values over time. Shape: (N, F, T).
        valid: mask of real frames, or None where nothing is padded. Shape: (N, T).

    Shape:
        (N, F, T)

    Example:
        >>> zero_padding(torch.ones(1, 1, 3), torch.tensor([[True, True, False]]))
        tensor([[[1., 1., 0.]]])
    """
    return x if valid is None else x.masked_fill(~valid[:, None], 0)


def reverse_time(x: Tensor, valid: Tensor | None) -> Tensor:
    """Reverse each clip within its own length; its padding stays at the end.

    y[n, :, t] = x[n, :, L_n - 1 - t] for t < L_n. Reversing twice gives x back.

    Args:
        x: any values over time. Shape: (N, F, T).
        valid: mask of real frames, or None where nothing is padded. Shape: (N, T).

    Shape:
        (N, F, T)

    Example:
        >>> reverse_time(torch.tensor([[[1, 2, 0]]]), torch.tensor([[True, True, False]]))
        tensor([[[2, 1, 0]]])
    """
    if valid is None:
        return x.flip(-1)
    time = torch.arange(x.shape[-1], device=x.device)
    mirrored = torch.where(valid, valid.sum(1, keepdim=True) - 1 - time, time)  # (N, T)
    return x.gather(-1, mirrored[:, None].expand_as(x))
