"""`transfer split` on stand-ins, from the command line."""

import json

import pytest
from typer.testing import CliRunner

from transfer import check, run
from transfer.cli import app
from transfer.errors import SplitError
from transfer.frozen_split import freeze_split


def test_the_line_that_split_prints_demands_the_parts_that_it_froze(tiny, tmp_path):
    out = tmp_path / "split.csv"
    said = CliRunner().invoke(app, ["split", str(tiny), "split.seed=4", "--synthetic", "--out", str(out), "--json"])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["file"] == str(out)
    assert set(found["slices"]["modma"]) == {"train", "valid", "test"}
    planned = check(tiny, [f"split.file={out}", f"split.hash='{found['hash']}'"], synthetic=True)
    assert planned.split == found["hash"]
    assert sum(found["slices"]["modma"].values()) == (planned.slices["corpus"] == "modma").sum()
    plain = CliRunner().invoke(app, ["split", str(tiny), "split.seed=4", "--synthetic", "--out", str(out)])
    assert plain.stdout == f"split: {{file: {out}, hash: '{found['hash']}'}}\n"


def test_a_place_that_cannot_be_written_is_a_users_mistake(tiny, tmp_path):
    with pytest.raises(SplitError, match="cannot be written"):
        freeze_split(tiny, out=tmp_path, synthetic=True)


def test_a_run_on_frozen_parts_says_that_a_file_parted_it(tiny, tmp_path):
    out = tmp_path / "split.csv"
    freeze_split(tiny, out=out, synthetic=True)
    summary = run(
        tiny, [f"split.file={out}", "training.epochs=1", "tracking.kind=none"], synthetic=True, out=tmp_path / "run"
    )
    assert summary["split"]["by"] == "file"
