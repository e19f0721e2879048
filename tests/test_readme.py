"""What the README says can be typed can be typed."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from transfer.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_are_single_lines_that_set_everything_up():
    lines = re.findall(r"```sh\n(.*?)\n```", README, re.S)
    assert "pip install uv && uv run transfer run recipes/casia_to_modma_ddg.yaml --synthetic" in lines
    assert "pip install uv && uv run pytest" in lines


def test_the_first_command_runs(tmp_path):
    (line,) = (text for text in re.findall(r"```sh\n(.*?)\n```", README, re.S) if "transfer run" in text)
    words = shlex.split(line.split("uv run transfer")[1])
    # One alignment phase of the small network on few stand-ins: the path is the same, and CI has two cores.
    small = [
        "training.epochs=3",
        "synthetic.overrides={}",
        "synthetic.source={clips: 1}",
        "synthetic.target={speakers: 8, clips: 1}",
    ]
    small += ["extractor.mode=plain", f"--out={tmp_path / 'out'}", f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"]
    command = [sys.executable, "-m", "transfer", *words, *small]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "UAR" in done.stdout
    assert (tmp_path / "out" / "summary.json").is_file()


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1")
def test_the_first_command_as_it_stands_is_above_chance_by_more_than_its_interval(tmp_path):
    command = [sys.executable, "-m", "transfer", "run", "recipes/casia_to_modma_ddg.yaml", "--synthetic", "--json"]
    command += [f"--out={tmp_path / 'out'}", "tracking.kind=none"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    subject = json.loads(done.stdout)["metrics"]["test"]["subject"]
    assert subject["uar_ci"][0] > 0.5, subject


def test_the_recipe_shown_is_a_recipe():
    (text,) = re.findall(r"```yaml\n(.*?)\n```", README, re.S)
    assert Recipe.model_validate(yaml.safe_load(text)).strategy.name == "ddg"


def test_every_command_of_the_table_exists():
    shown = set(re.findall(r"`transfer (\w+)", README))
    out = subprocess.run(
        [sys.executable, "-m", "transfer", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert shown
    assert all(re.search(rf"^\W*{name}\b", out, re.M) for name in shown), out


def test_files_the_readme_points_at_are_there():
    assert all((ROOT / target).exists() for target in re.findall(r"\]\((?!http)([^)#]+)\)", README))
