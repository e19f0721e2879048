"""Slice tables to part."""

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def slices():
    """Return a factory: slices of speakers that say every label, or (own) one of their own in turn."""

    def make(speakers, labels=("x", "y"), each=2, own=False):
        rows = [
            {"speaker": speaker, "label": label, "recording": f"{speaker}-{label}-{i}.wav"}
            for n, speaker in enumerate(speakers)
            for label in ([labels[n % len(labels)]] if own else labels)
            for i in range(each)
        ]
        table = pd.DataFrame(rows)
        return table.assign(path="/c/" + table["recording"], start=0.0, end=1.0)

    return make


@pytest.fixture(scope="session")
def names():
    """Return a factory of names of speakers."""
    return lambda n: [f"s{i:02d}" for i in range(n)]
