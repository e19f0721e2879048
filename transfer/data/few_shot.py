"""Few-shot parts: a few labelled speakers train, all others are the test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from transfer.data.draws import Wish
from transfer.data.split import Split
from transfer.data.splitting import count_by
from transfer.errors import SplitError, did_you_mean

__all__ = ["few_shot_split"]


def few_shot_split(table: pd.DataFrame, *, labelled: int | Sequence[str], seed: int = 0, corpus: str = "") -> Split:
    """Give a few speakers to training and all others to the test.

    Speakers are drawn so that those of a smaller number are among those of a larger one, and that every class is
    covered as early as may be.

    Args:
        table: slice table (columns speaker, recording, label).
        labelled: how many speakers are labelled, or which; 0 leaves all to the test, unknown speakers too.
        seed: of the draw.
        corpus: name of the corpus, for messages.

    Raises:
        SplitError: if no speaker is left for the test, or a named speaker is not there.

    Example:
        >>> table = pd.DataFrame({"speaker": ["f1", "f2", "m1"], "label": ["x"] * 3, "recording": list("123")})
        >>> few_shot_split(table, labelled=["m1"]).speakers("test")
        ('f1', 'f2')
    """
    named = Wish(0, 0, seed, corpus).named()
    if isinstance(labelled, str):
        raise SplitError(
            f"{named}labelled speakers must be a number or a list, got the text {labelled!r}; expected [{labelled}]"
        )
    if not labelled and len(table) and (table["speaker"] == "").any():
        note = "who speaks is not known in all clips: no interval over speakers can be trusted"
        return Split(table, pd.Series("test", index=table.index), by="labelled_speakers", notes=(note,))
    present = count_by(table, "speaker", named) > 0
    chosen = _drawn(present, labelled, seed, named) if isinstance(labelled, int) else _named(present, labelled, named)
    if len(chosen) >= len(present):
        raise SplitError(
            f"{named}{len(chosen)} labelled speakers of {len(present)} leave none for the test; "
            f"label {len(present) - 1} at most"
        )
    parts = pd.Series(np.where(table["speaker"].isin(chosen), "train", "test"), index=table.index)
    lacking = present.columns[~present.loc[chosen].any()] if chosen else []
    notes = (f"the labelled speakers have no {', '.join(map(str, lacking))}",) if len(lacking) else ()
    return Split(table, parts, by="labelled_speakers", notes=notes)


def _drawn(present: pd.DataFrame, count: int, seed: int, named: str) -> list[str]:
    """Draw labelled speakers: in turn, the one who brings most of the classes that were covered least so far."""
    if isinstance(count, bool) or count < 0:
        raise SplitError(f"{named}{count} labelled speakers cannot be; expected 0 or more")
    order = list(np.random.default_rng(seed).permutation(present.index.to_numpy(dtype=object)))
    covered = pd.Series(0, index=present.columns)
    chosen: list[str] = []
    while order and len(chosen) < count:
        least = covered.index[covered == covered.min()]
        gains = [int(present.loc[speaker, least].sum()) for speaker in order]
        speaker = order.pop(int(np.argmax(gains)))
        covered += present.loc[speaker].astype(int)
        chosen.append(str(speaker))
    return chosen


def _named(present: pd.DataFrame, labelled: Sequence[str], named: str) -> list[str]:
    """Return the labelled speakers, or raise if one is not there."""
    for speaker in labelled:
        if speaker not in present.index:
            raise SplitError(
                f"{named}no speaker {speaker!r}; {did_you_mean(str(speaker), [str(s) for s in present.index])}"
            )
    return list(dict.fromkeys(labelled))
