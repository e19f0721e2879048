"""The examples of docs/losses.md run, each in a process of its own."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from losses import LOSSES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "losses.md").read_text()
EXAMPLES = dict(re.findall(r"^## (.*?)\n.*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))


def test_page_has_the_three_examples_and_names_every_loss():
    assert list(EXAMPLES) == ["A plain PyTorch loop", "Lightning", "skorch"]
    for name, kind in LOSSES.items():
        assert f"`{name}`" in PAGE
        assert re.search(rf"`{kind.__name__}[(`]", PAGE)


@pytest.mark.parametrize("title", EXAMPLES)
def test_example_runs(title):
    needed = {"Lightning": "lightning", "skorch": "skorch"}.get(title)
    if needed and importlib.util.find_spec(needed) is None:
        compile(EXAMPLES[title], title, "exec")
        pytest.skip(f"{needed} is not installed; the example compiles")
    command = [sys.executable, "-W", "ignore", "-c", EXAMPLES[title]]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stderr
