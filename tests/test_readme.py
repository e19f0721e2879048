"""What the README says can be typed can be typed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from transfer.recipe import Recipe

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


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
        cwd=Path(__file__).resolve().parents[1],
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "UAR" in done.stdout
    assert (tmp_path / "out" / "summary.json").is_file()


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
    root = Path(__file__).resolve().parent.parent
    assert all((root / target).exists() for target in re.findall(r"\]\((?!http)([^)#]+)\)", README))
