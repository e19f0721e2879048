"""The prediction table: its schema and its file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transfer.errors import UserError
from transfer.evaluation.predictions import (
    KEYS,
    class_names,
    read_predictions,
    validate_predictions,
    write_predictions,
)


def make(subjects=4, recordings=3, slices=2, classes=("HC", "MDD"), *, several_truths=False, seed=0):
    """Return a random prediction table."""
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(subjects):
        for r in range(recordings):
            truth = classes[(r if several_truths else s) % len(classes)]
            for i in range(slices):
                row = {"corpus": "modma", "part": "test", "slice": i, "recording": f"{r:02}", "subject": f"s{s}"}
                p = rng.dirichlet(np.ones(len(classes)))
                rows.append({**row, "truth": truth, **{f"p_{name}": p[k] for k, name in enumerate(classes)}})
    return pd.DataFrame(rows)


def test_validation_orders_the_columns_and_keeps_class_order_and_further_columns():
    table = make(classes=("z", "a", "m")).assign(sex="f")
    shuffled = table[["sex", "p_z", "truth", "p_a", "slice", "subject", "corpus", "p_m", "part", "recording"]]
    valid = validate_predictions(shuffled)
    assert list(valid.columns) == [*KEYS, "p_z", "p_a", "p_m", "sex"]
    assert class_names(valid) == ["z", "a", "m"]
    assert valid["p_a"].dtype == np.float64
    assert valid["slice"].dtype == np.int64


def test_validation_leaves_its_argument_alone():
    table = make().astype({"p_HC": "float32", "p_MDD": "float32"})
    before = table.copy()
    validate_predictions(table)
    pd.testing.assert_frame_equal(table, before)


def test_half_precision_softmax_is_accepted():
    logits = np.random.default_rng(0).normal(size=(24, 6))
    p = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float16)
    table = make(classes=("a", "b", "c", "d", "e", "f"))
    table[[f"p_{name}" for name in class_names(table)]] = p
    assert len(validate_predictions(table)) == 24


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.drop(columns="subject"), UserError, r"lacks the columns \['subject'\]"),
        (lambda t: t.drop(columns="p_MDD"), UserError, "two or more classes"),
        (lambda t: t.iloc[:0], UserError, "no rows"),
        (lambda t: pd.concat([t, t["p_HC"]], axis=1), UserError, "twice"),
        (lambda t: t.assign(subject=range(len(t))), TypeError, "'subject' holds int"),
        (lambda t: t.assign(truth=None), UserError, "'truth' lacks a value in 24 of 24"),
        (lambda t: t.assign(slice=t["slice"] + 0.5), TypeError, "expected integers"),
        (lambda t: t.assign(p_HC="0.5"), TypeError, "expected probabilities"),
        (lambda t: t.assign(truth="MDP"), UserError, "did you mean 'MDD'"),
        (lambda t: t.assign(p_HC=np.nan), UserError, "24 of 24 rows"),
        (lambda t: t.assign(p_HC=-0.5, p_MDD=1.5), UserError, "sum to 1"),
        (lambda t: t.assign(p_HC=0.6, p_MDD=0.6), UserError, "sum to 1"),
        (lambda t: pd.concat([t, t.iloc[3:5]]), UserError, r"2 slices appear twice, the first is .*'recording': '01'"),
        (lambda t: t.assign(truth=["HC", "MDD"] * 12), UserError, "has 2 truths"),
        (lambda t: t.to_dict(), TypeError, "expected a pandas DataFrame"),
    ],
)
def test_a_bad_table_is_refused_with_what_is_wrong(change, error, message):
    with pytest.raises(error, match=message):
        validate_predictions(change(make()))


def test_a_table_read_is_the_table_written(tmp_path):
    table = validate_predictions(make().assign(sex="f"))
    path = write_predictions(table, tmp_path / "run" / "predictions.parquet")
    pd.testing.assert_frame_equal(read_predictions(path), table, check_exact=True)
    assert [file.name for file in path.parent.iterdir()] == ["predictions.parquet"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = write_predictions(make(seed=1), tmp_path / "predictions.parquet")
    old = path.read_bytes()

    def half(self, file, **_):
        Path(file).write_bytes(b"PAR1 half")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", half)
    with pytest.raises(OSError, match="disk full"):
        write_predictions(make(seed=2), path)
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["predictions.parquet"]


def test_a_file_that_is_no_parquet_is_a_users_mistake(tmp_path):
    path = tmp_path / "predictions.parquet"
    path.write_text("corpus,part")
    with pytest.raises(UserError, match=r"cannot be read .*not readable as Parquet"):
        read_predictions(path)


def test_a_table_that_unfolds_beyond_memory_is_refused(tmp_path):
    path = tmp_path / "predictions.parquet"
    pq.write_table(pa.table({"p_a": pa.nulls(10_000_001, pa.float64())}), path)
    with pytest.raises(UserError, match=r"more than 500000000 bytes unpacked or 10000000 cells.*predictions again"):
        read_predictions(path)


def test_a_table_with_lists_is_refused(tmp_path):
    path = tmp_path / "predictions.parquet"
    make(seed=1).assign(more=[[1]] * len(make(seed=1))).to_parquet(path)
    with pytest.raises(UserError, match="the column 'more' holds list"):
        read_predictions(path)
