"""Waveforms of the training slices, kept on the device so that every batch can be transformed anew.

Axis letters: N slices, n of them in a batch, S samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from feature_extractors.frontends import Waveform
from transfer.data.domain import Domain
from transfer.data.features import extract_features
from transfer.errors import AudioError

__all__ = ["Waveforms", "load_waveforms"]


@dataclass(frozen=True)
class Waveforms:
    """Waveforms of some slices of a corpus, one after another: they take what they last, not what the longest lasts.

    Args:
        samples: of all of them, on the device, (all samples,).
        starts: where each slice begins, (N,).
        lengths: its samples, (N,); 0 for a slice that training may not hear.

    Example:
        >>> heard = Waveforms(torch.arange(5.0), torch.tensor([0, 2, 2]), torch.tensor([2, 0, 3]))
        >>> heard.batch(torch.tensor([2, 0]))
        (tensor([[[2., 3., 4.]],
                 [[0., 1., 0.]]]), tensor([3, 2]))
    """

    samples: Tensor
    starts: Tensor
    lengths: Tensor

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Gather waveforms, (n, 1, S), zero past their lengths (n,)."""
        rows = rows.to(self.starts.device)
        lengths = self.lengths[rows]
        clips = [self.samples[a : a + n] for a, n in zip(self.starts[rows].tolist(), lengths.tolist(), strict=True)]
        return pad_sequence(clips, batch_first=True)[:, None], lengths.to(self.samples.device)


def load_waveforms(
    domain: Domain,
    *,
    sample_rate: int,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> Waveforms:
    """Load what training may hear of a corpus; validation and test slices stay on the disk.

    Args:
        domain: the corpus, with its whole slice table.
        sample_rate: in Hz.
        device: where to.
        progress: is told (done, all).

    Raises:
        AudioError: for audio that cannot be used any more.
    """
    rows = np.union1d(domain.pools["labelled"], domain.pools["any"])
    store = extract_features(domain.table.iloc[rows], Waveform(sample_rate=sample_rate), progress=progress)
    if store.problems:
        first, why = next(iter(store.problems.items()))
        raise AudioError(f"{domain.table['path'].iloc[int(rows[first])]}: {why}")
    lengths, starts = torch.zeros(2, len(domain.table), dtype=torch.int64)
    lengths[rows] = torch.from_numpy(store.lengths)
    starts[rows] = torch.from_numpy(np.cumsum(store.lengths) - store.lengths)
    return Waveforms(torch.from_numpy(store.frames[:, 0]).to(device), starts, lengths)
