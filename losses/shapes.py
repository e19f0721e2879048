"""The shapes that losses accept, and what they say about the others."""

from __future__ import annotations

from torch import Tensor


def check_pair(source: Tensor, target: Tensor) -> None:
    """Refuse anything but two matrices of one width and kind of numbers with at least one row each.

    Args:
        source: features of the source domain.
        target: features of the target domain.

    Shape:
        (n, d) and (m, d); n and m may differ.

    Raises:
        TypeError: for what is no tensor of floating point numbers, or two kinds of them.
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> check_pair(torch.zeros(3, 4), torch.zeros(2, 4))
    """
    kinds = [getattr(x, "dtype", type(x).__name__) for x in (source, target)]
    if not all(isinstance(x, Tensor) and x.is_floating_point() for x in (source, target)) or kinds[0] != kinds[1]:
        raise TypeError(
            f"source is {kinds[0]} and target {kinds[1]}; expected two tensors of the same floating point numbers, such as "
            "torch.as_tensor(x, dtype=torch.float32)"
        )
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(
            f"source has shape {tuple(source.shape)} and target {tuple(target.shape)}; expected (n, d) and (m, d) with "
            "one width d: pool or flatten the frames first"
        )
    if not source.numel() or not target.numel():
        raise ValueError(
            f"source has shape {tuple(source.shape)} and target {tuple(target.shape)}; expected at least one row and "
            "one column in each: leave this step out when a batch is empty"
        )


def check_logits(logits: Tensor) -> None:
    """Refuse anything but a matrix of logits with at least one row and two classes.

    Args:
        logits: unnormalised class scores.

    Shape:
        (n, K)

    Raises:
        ValueError: for other shapes.

    Example:
        >>> import torch
        >>> check_logits(torch.zeros(3, 2))
    """
    if logits.ndim != 2 or not logits.shape[0] or logits.shape[1] < 2:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)}; expected (n, K) with at least one row and two classes"
        )


def check_labels(logits: Tensor, labels: Tensor) -> None:
    """Refuse labels that are not one class index for each row of the logits.

    The values are looked at on the CPU only: on an accelerator it would stop the queue at every step.

    Args:
        logits: unnormalised class scores.
        labels: class indices, 0 to K - 1.

    Shape:
        logits (n, K), labels (n,)

    Raises:
        ValueError: for other shapes, and for a label outside 0 to K - 1 (none is ignored).
        TypeError: for labels that are not integers.

    Example:
        >>> import torch
        >>> check_labels(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    """
    check_logits(logits)
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(f"labels are {labels.dtype}; expected integer class indices: use labels.long()")
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"labels have shape {tuple(labels.shape)}; expected ({logits.shape[0]},), one for each row")
    if labels.device.type == "cpu" and not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        raise ValueError(
            f"labels run from {int(labels.min())} to {int(labels.max())}; expected 0 to {logits.shape[1] - 1}: "
            "no label is ignored, so leave unlabelled rows out"
        )
