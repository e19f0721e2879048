"""A finished run in MLflow: corpora by fingerprint, every score, and a model that MLflow loads; nothing of the machine."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from transfer import predict, run
from transfer.errors import AudioError
from transfer.tracked_run import headline, track_result


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, empty_store):
    """Return MLflow's client, a run of the default store as it reads it, the run's summary, and where it was made."""
    from mlflow import MlflowClient

    from tests.conftest import TINY

    here = tmp_path_factory.mktemp("tracked")
    (here / "tiny.yaml").write_text(TINY, encoding="utf-8")
    for name in ("uv.lock", "pyproject.toml"):  # MLflow would put those of the current folder into a model
        (here / name).write_text(f"folder = '{here}'\n", encoding="utf-8")
    (here / "mlruns").mkdir()
    shutil.copy(empty_store, here / "mlruns")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(here)
        summary = run("tiny.yaml", ["training.epochs=1"], synthetic=True, out="out")
    client = MlflowClient(f"sqlite:///{here}/mlruns/mlflow.db")
    return SimpleNamespace(client=client, run=client.get_run(summary["mlflow_run_id"]), summary=summary, here=here)


@pytest.fixture(scope="module")
def artifacts(tracked):
    """Return the folders of what the run and its model left in the store."""
    folders = [*(tracked.here / "mlruns" / "artifacts").glob("models/*/artifacts")]
    return [tracked.here / "mlruns" / "artifacts" / tracked.run.info.run_id, *folders]


@pytest.fixture
def model(tracked, monkeypatch):
    """Return the run's model as MLflow loads it."""
    import mlflow

    monkeypatch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tracked.here}/mlruns/mlflow.db")
    return mlflow.pyfunc.load_model(f"runs:/{tracked.run.info.run_id}/model")


@pytest.fixture
def audio(tmp_path):
    generator = np.random.default_rng(0)
    for name, seconds in (("a", 1.0), ("b", 9.5)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * generator.standard_normal(int(16000 * seconds)), 16000)
    return tmp_path


def test_a_run_is_tracked_in_the_default_store_with_all_its_files(tracked):
    assert tracked.run.info.status == "FINISHED"
    assert tracked.run.data.params["strategy.name"] == "mmd"
    assert tracked.run.data.params["source.0.slices.version"] == "V2"
    tags = {key: value for key, value in tracked.run.data.tags.items() if not key.startswith("mlflow.")}
    assert len(tags.pop("spool")) == 32
    expected = {"strategy": "mmd", "source": "casia", "target": "modma", "synthetic": "True", "leakage": "none"}
    assert tags == {**expected, "selection": "target_validation"}
    files = {file.path for file in tracked.client.list_artifacts(tracked.run.info.run_id)}
    assert files == {file.name for file in (tracked.here / "out").iterdir()}


def test_corpora_are_recorded_by_fingerprint_and_role(tracked):
    heard = {entry.dataset.name: entry for entry in tracked.run.inputs.dataset_inputs}
    assert {name: entry.dataset.digest for name, entry in heard.items()} == tracked.summary["fingerprints"]
    roles = {name: {tag.key: tag.value for tag in entry.tags} for name, entry in heard.items()}
    assert roles == {"casia": {"mlflow.data.context": "source"}, "modma": {"mlflow.data.context": "target"}}
    parts = tracked.summary["split"]["parts"]["modma"].values()
    profile = {count: sum(part[count] for part in parts) for count in ("slices", "speakers")}
    assert json.loads(heard["modma"].dataset.profile) == profile


def test_scores_that_lie_deep_in_the_summary_are_metrics(tracked):
    scores, found = tracked.summary["metrics"]["test"]["recording"], tracked.run.data.metrics
    point = scores["operating_point"]
    assert found["test/recording/uar"] == scores["uar"]
    assert found["test/recording/prevalence"] == scores["prevalence"]
    assert found["test/recording/operating_point/sensitivity"] == point["sensitivity"]
    assert found["test/recording/operating_point/threshold"] == point["threshold"]
    assert found["test/recording/operating_point/validation/specificity"] == point["validation"]["specificity"]
    assert found["test/recording/per_class/MDD/recall"] == scores["per_class"]["MDD"]["recall"]
    assert [found["test/recording/uar_ci/low"], found["test/recording/uar_ci/high"]] == scores["uar_ci"]
    assert not [name for name in found if "confusion" in name or name.endswith("/n")]


def test_scores_of_groups_and_their_gaps_are_numbers_too_and_an_oracle_never_passes_for_another():
    gap = {"value": 0.25, "interval": [0.0, 0.5], "highest": "f", "lowest": "m"}
    sex = {"level": "subject", "groups": {"f": {"n": 3, "uar": 0.75}}, "gaps": {"uar": gap}}
    metrics = {"test": {"subject": {"auc": None, "auc_ci": None, "subgroups": {"sex": sex}}}}
    assert headline(metrics, "oracle") == {
        "oracle/test/subject/subgroups/sex/groups/f/uar": 0.75,
        "oracle/test/subject/subgroups/sex/gaps/uar/value": 0.25,
        "oracle/test/subject/subgroups/sex/gaps/uar/interval/low": 0.0,
        "oracle/test/subject/subgroups/sex/gaps/uar/interval/high": 0.5,
    }


def test_mlflow_loads_the_model_and_it_says_what_predict_says(tracked, model, audio):
    names = [str(audio / "a.wav"), str(audio / "b.wav")]
    found = model.predict(pd.DataFrame({"path": names}))
    expected = predict(tracked.here / "out", names, level="recording").table
    pd.testing.assert_frame_equal(found, expected)
    assert found["recording"].tolist() == names


def test_a_model_hears_pieces_of_files_and_knows_speakers_where_it_is_told(model, audio):
    name = str(audio / "b.wav")
    table = pd.DataFrame({"path": [name] * 3, "start": [None, 4.0, 0.0], "end": [4.0, None, 8.0], "speaker": "x"})
    pieces = model.predict(table.assign(recording=["one", "two", None]))
    assert pieces["recording"].tolist() == ["one", "two", name]
    assert pieces["speaker"].tolist() == ["x", "x", "x"]
    alone = model.predict(pd.DataFrame({"path": [name], "start": [4.0]}))
    assert pieces["p_MDD"][1] == alone["p_MDD"][0]
    assert len({*pieces["p_MDD"]}) == 3


def test_a_file_that_cannot_be_heard_is_an_error_and_no_row_less(model, audio):
    with pytest.raises(AudioError, match=r"nowhere\.wav"):
        model.predict(pd.DataFrame({"path": [str(audio / "a.wav"), str(audio / "nowhere.wav")]}))


@pytest.mark.filterwarnings("ignore:.*integer column")  # a count of slices is never missing
def test_the_signature_is_what_goes_in_and_comes_out(model, audio):
    from mlflow.models import infer_signature

    signature = model.metadata.signature
    assert [(c.name, c.type.name, c.required) for c in signature.inputs] == [
        ("path", "string", True),
        ("recording", "string", False),
        ("speaker", "string", False),
        ("start", "double", False),
        ("end", "double", False),
    ]
    told = model.predict(pd.DataFrame({"path": [str(audio / "a.wav")]}))
    assert infer_signature(told).inputs.to_dict() == signature.outputs.to_dict()


def test_a_model_is_one_of_the_store_and_needs_what_the_package_needs(tracked, artifacts):
    [output] = tracked.run.outputs.model_outputs
    logged = tracked.client.get_logged_model(output.model_id)
    assert (logged.name, str(logged.status), logged.source_run_id) == ("model", "READY", tracked.run.info.run_id)
    needed = (artifacts[1] / "requirements.txt").read_text().splitlines()
    assert needed[0].startswith("transfer-speech==")
    assert any(line.startswith("torch<") for line in needed)
    assert not any("pytest" in line or "pytorch-adapt" in line for line in needed)


def test_nothing_is_pickled(artifacts):
    files = {path.relative_to(artifacts[1]).as_posix() for path in artifacts[1].rglob("*") if path.is_file()}
    environment = {"conda.yaml", "python_env.yaml", "requirements.txt"}
    assert files == {"MLmodel", "data/model.safetensors", *environment}
    assert "pickle" not in (artifacts[1] / "MLmodel").read_text()


def test_nothing_recorded_names_this_machine_a_host_or_a_speaker(tracked, artifacts):
    files = [path for folder in artifacts for path in folder.rglob("*") if path.is_file()]
    data, heard = tracked.run.data, tracked.run.inputs.dataset_inputs
    said = [json.dumps([data.params, data.tags, [entry.to_dictionary() for entry in heard]]).encode()]
    for content in [path.read_bytes() for path in files] + said:
        for secret in (str(tracked.here), str(tracked.here.parent.parent), "audio_lanzhou", "://", "0201000"):
            assert secret.encode() not in content, secret
    assert len(files) == 7 + 5


@pytest.mark.parametrize(("switch", "version", "kept"), [(True, "V1", 1), (False, "V1", 0), (True, "frames", 0)])
def test_a_model_is_kept_unless_the_recipe_says_no_or_it_judges_frames(tmp_path, switch, version, kept):
    models = []
    tracker = SimpleNamespace(metrics=lambda *a, **k: None, artifact=lambda path: None, model=models.append)
    target = SimpleNamespace(slices=SimpleNamespace(version=version))
    recipe = SimpleNamespace(tracking=SimpleNamespace(model=switch), target=target)
    track_result(tracker, recipe, {"metrics": {}, "selection": {"tag": "last"}}, tmp_path)
    assert len(models) == kept
