"""The examples of the page about Python run, and it shows every name that the package offers."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import transfer

PAGE = Path(__file__).resolve().parent.parent / "docs" / "python_api.md"


def test_the_examples_run():
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 10
    assert found.failed == 0


def test_every_public_name_is_there_and_told_of():
    text = PAGE.read_text(encoding="utf-8")
    for name in transfer.__all__:
        assert callable(getattr(transfer, name))
        assert re.search(rf"\b{name}\b", text), name


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, transfer; print(sorted({'torch', 'sklearn', 'pandas', 'mlflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
