"""`transfer split` on stand-ins, from the command line."""

import json

from typer.testing import CliRunner

from transfer import check
from transfer.cli import app


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
