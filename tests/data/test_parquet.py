"""Parquet tables: what they may hold, and how large they may become."""

import tracemalloc
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transfer.data import parquet
from transfer.data.parquet import read_parquet_table
from transfer.errors import CorpusError


def written(folder, columns, **options):
    pq.write_table(pa.table(columns), folder / "a.parquet", **options)
    return folder / "a.parquet"


@pytest.mark.parametrize("kind", ["dictionary", "string"])
def test_a_small_file_of_words_that_unfold_is_refused_before_it_takes_memory(tmp_path, kind):
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int8()), ["x" * 100_000])
    portion = pa.table({"a": column.cast(pa.string()) if kind == "string" else column})
    file = tmp_path / "a.parquet"
    with pq.ParquetWriter(file, portion.schema) as writer:
        for _ in range(60):  # 600 MB of which 1 % is told
            writer.write_table(portion)
    assert file.stat().st_size < 1_000_000
    tracemalloc.start()
    with pytest.raises(CorpusError, match=r"a\.parquet: more than 500000000 bytes unpacked or 10000000 cells"):
        read_parquet_table(file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20_000_000


def test_what_a_file_says_of_its_size_is_not_relied_upon(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_check_size", lambda path, metadata: None)
    monkeypatch.setattr(parquet, "LARGEST", 1000)
    for columns in ({"a": ["x" * 600, "y" * 600]}, {"a": list(range(200))}):
        with pytest.raises(CorpusError, match="more than 1000 bytes"):
            read_parquet_table(written(tmp_path, columns))
    monkeypatch.setattr(parquet, "MOST_CELLS", 10)
    with pytest.raises(CorpusError, match="or 10 cells"):
        read_parquet_table(written(tmp_path, {"a": pa.nulls(11)}))


@pytest.mark.parametrize(
    "columns",
    [{"a": pa.nulls(10_000_001, pa.int64())}, {"a": [bytes(60_000_000).decode()]}],
    ids=["rows", "bytes"],
)
def test_what_a_file_says_of_its_size_is_looked_up_before_it_is_read(tmp_path, columns, monkeypatch):
    file = written(tmp_path, columns, compression="zstd")
    assert file.stat().st_size < 100_000
    monkeypatch.setattr(parquet, "LARGEST", 50_000_000)
    monkeypatch.setattr(parquet, "_portions", lambda *_: pytest.fail("was read"))
    with pytest.raises(CorpusError, match="bytes unpacked"):
        read_parquet_table(file)


def test_no_memory_is_a_refusal(tmp_path, monkeypatch):
    for error in (MemoryError(), pa.ArrowMemoryError("malloc of size 20000000000 failed"), pa.ArrowKeyError("x")):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(parquet, "_portions", fail)
        with pytest.raises(CorpusError, match=r"not readable as Parquet \((MemoryError|malloc|.?x)"):
            read_parquet_table(written(tmp_path, {"a": [1]}))


@pytest.mark.parametrize("coding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_words_written_as_prefixes_of_one_another_are_refused(tmp_path, coding):
    file = written(tmp_path, {"a": ["x" * 1000] * 10_000}, use_dictionary=False, column_encoding={"a": coding})
    with pytest.raises(CorpusError, match="not readable as Parquet"):
        read_parquet_table(file)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([["x"]], r"list<.*>"),
        ([{"x": 1}], r"struct<.*>"),
        ([b"x"], "binary"),
        ([pd.Timestamp(0)], r"timestamp\[us\]"),
        ([pd.Timestamp(0).date()], "date32"),
        (pa.array([Decimal("1.5")]), "decimal128"),
    ],
)
def test_what_is_no_text_and_no_number_is_refused_by_its_column(tmp_path, column, kind):
    with pytest.raises(CorpusError, match=rf"a\.parquet: the column 'label' holds {kind}.*expected text, numbers"):
        read_parquet_table(written(tmp_path, {"path": ["a.wav"], "label": column}))


def test_text_numbers_truth_and_durations_are_read_whatever_they_are_stored_as(tmp_path):
    columns = {
        "text": ["a", None, "b"],
        "large": pa.array(["a", "b", "b"], pa.large_string()),
        "words": pa.array(["a", "b", None]).dictionary_encode(),
        "whole": [1, None, 3],
        "half": pa.array([0.5, 1.0, None], pa.float32()),
        "truth": [True, False, None],
        "nothing": pa.nulls(3),
        "ns": pa.array([1_500_000_000, None, 0], pa.duration("ns")),
        "a.b": [1, 2, 3],
    }
    expected = {name: list(pa.array(values).to_pylist()) for name, values in columns.items()}
    found = read_parquet_table(written(tmp_path, columns))
    assert found == expected | {"ns": [1.5, None, 0.0]}
    assert {type(cell) for cell in found["whole"]} == {int, type(None)}


def test_an_index_without_a_name_is_no_column(tmp_path):
    frame = pd.DataFrame({"path": ["a.wav", "b.wav"]}, index=[3, 7])
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_parquet_table(tmp_path / "a.parquet") == {"path": ["a.wav", "b.wav"]}


def test_a_column_named_twice_is_refused(tmp_path):
    pq.write_table(pa.table([[1], [2]], names=["Label", "label "]), tmp_path / "a.parquet")
    assert read_parquet_table(tmp_path / "a.parquet") == {"Label": [1], "label ": [2]}
    with pytest.raises(CorpusError, match=r"a\.parquet: the column 'label' stands there more than once"):
        read_parquet_table(tmp_path / "a.parquet", named=lambda name: name.strip().lower())
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match="the column 'a' stands there more than once"):
        read_parquet_table(tmp_path / "a.parquet")
