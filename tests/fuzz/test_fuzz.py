"""Bytes from strangers are taken or refused by name: a small run of what `tests.fuzz.campaign` does at length."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.changes import changed
from tests.fuzz.targets import TARGETS, scratch

EXAMPLES = 400 if os.environ.get("TRANSFER_SLOW") else 25
# The readers of file names are one function over a table; each has its turn in the campaign.
SMALL = ("recipe", "audio", "reader-emovo", "reader-modma", "reader-manifest", "reader-audformat", "reader-daic_woz")
OTHERS = sorted(set(TARGETS) - set(SMALL))
SLOW = pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1")


@pytest.fixture(scope="module", autouse=True)
def _clean():
    """Remove what the targets wrote."""
    yield
    shutil.rmtree(scratch())
    scratch.cache_clear()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(n, marks=[pytest.mark.slow, SLOW]) for n in OTHERS)])
def test_what_strangers_write_is_taken_or_refused_by_name(name):
    target = TARGETS[name]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(changed(target.seeds(), target.words))
    def one(data):
        target.try_out(data)

    one()


@pytest.mark.parametrize("name", ["recipe", "audio", "reader-manifest"])
def test_the_examples_that_a_fuzzer_begins_with_are_taken(name):
    target = TARGETS[name]
    assert any(target.try_out(seed) for seed in target.seeds()[:3])


def test_a_manifest_in_parquet_is_among_them_and_one_with_lists_is_refused():
    target = TARGETS["reader-manifest"]
    assert [target.try_out(seed) for seed in target.seeds()[:3]] == [True, True, False]
