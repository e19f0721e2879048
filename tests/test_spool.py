"""The journal of what was told to a tracker: read back as it was told, and what is damaged is not told."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer.errors import UserError
from transfer.spool import JOURNAL, Spool, TrackedAs

ABOUT = TrackedAs("sqlite:///a.db", "transfer", "first")


def test_a_journal_is_read_back_as_it_was_told_and_a_line_cut_off_counts_as_not_told(tmp_path):
    spool = Spool(ABOUT, tmp_path)
    spool.put("metrics", [("loss", 0.5, 17, 0), ("uar", float("nan"), 17, 0)])
    spool.put("params", [("a", "1")])
    spool.put("artifacts", [tmp_path / "summary.json"])
    spool.run_id = "r"
    spool.advance("metrics", 1)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'00000000 ["metrics", [["loss", 0.')
    again = Spool(None, tmp_path)
    assert (again.about.name, again.about.token, again.run_id) == ("first", spool.about.token, "r")
    assert [item[0] for item in again.waiting("metrics", 9)] == ["uar"]
    assert again.waiting("artifacts", 9) == [tmp_path / "summary.json"]
    assert again.left() == 3
    again.put("metrics", [("loss", 0.5, 99, 0), ("loss", 0.25, 99, 1)])
    assert [item[::3] for item in again.waiting("metrics", 9)] == [("uar", 0), ("loss", 1)], (
        "told before is not told again"
    )
    assert Spool(None, tmp_path).left() == 4, "what was cut off does not spoil what follows"


def test_a_run_folder_that_moved_takes_its_files_with_it(tmp_path):
    (tmp_path / "a").mkdir()
    Spool(ABOUT, tmp_path / "a").put("artifacts", [tmp_path / "a" / "x.json", tmp_path / "elsewhere"])
    (tmp_path / "a").rename(tmp_path / "b")
    assert Spool(None, tmp_path / "b").waiting("artifacts", 9) == [tmp_path / "b" / "x.json", tmp_path / "elsewhere"]


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1), bit=st.integers(0, 7))
def test_a_flipped_bit_costs_its_own_line_and_changes_no_number(place, bit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(ABOUT, folder)
    for step in range(5):
        spool.put("metrics", [("loss", step / 7, 1700000000000 + step, step)])
    raw = bytearray((folder / JOURNAL).read_bytes())
    raw[int(place * (len(raw) - 1))] ^= 1 << bit
    (folder / JOURNAL).write_bytes(bytes(raw))
    found = Spool(ABOUT, folder).told["metrics"]
    assert set(found) <= set(spool.told["metrics"])
    assert len(found) >= 3 or not found  # a line end that is gone costs two lines; the first line, all


def test_a_spool_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UserError, match="no record waits here"):
        Spool(None, tmp_path)
    (tmp_path / JOURNAL).write_bytes(b"00000000 {}\n")
    with pytest.raises(UserError, match="no record waits here"):
        Spool(None, tmp_path)


def test_a_full_disk_costs_the_spool_and_not_the_run(tmp_path, caplog):
    spool = Spool(ABOUT, tmp_path)
    spool._journal = Path("/dev/full")  # every write to it says that there is no space left
    spool.put("metrics", [("loss", 0.5, 17, 0)])
    spool.put("metrics", [("loss", 0.4, 17, 1)])
    assert len(spool.waiting("metrics", 9)) == 2
    [said] = [record.getMessage() for record in caplog.records]
    assert "cannot be written" in said
    assert "No space left" in said
