"""A trained model, its bundle, and what a hostile hand would do to it: for the tests of both."""

import hashlib
import json
import zipfile

import numpy as np
import pytest
import soundfile

from transfer import run
from transfer.bundle import MANIFEST
from transfer.export_cli import export


def run_tiny(here, *overrides):
    """Run the smallest recipe on stand-ins, `here / "tiny.yaml"`, into `here / "out"`, from a folder."""
    from tests.conftest import TINY

    (here / "tiny.yaml").write_text(TINY, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        run(here / "tiny.yaml", ["tracking.kind=none", *overrides], synthetic=True, out=here / "out")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the folder of a finished run, its bundle, and two audio files."""
    here = tmp_path_factory.mktemp("bundle")
    run_tiny(here)
    generator = np.random.default_rng(0)
    for name, seconds in (("a", 1.3), ("b", 6.5)):
        soundfile.write(here / f"{name}.wav", 0.1 * generator.standard_normal(int(16000 * seconds)), 16000)
    export(here / "out", "bundle", here / "model.bundle")
    return here


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, found, *, manifest=True):
    """Write members as a hostile but careful hand would: with a manifest of the right hashes."""
    if manifest:
        tree = json.loads(found[MANIFEST])
        tree["files"] = {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in found.items()
            if name != MANIFEST
        }
        found = {**found, MANIFEST: json.dumps(tree).encode()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in found.items():
            archive.writestr(name, data)
    return path
