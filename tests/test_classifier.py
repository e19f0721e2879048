"""The estimator: scikit-learn's contract, skada's conventions, and the engine's own strategies underneath."""

import os

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from transfer import TransferClassifier
from transfer.array_training import ArrayCorpus
from transfer.attaching import attach_strategy
from transfer.data.domain import Domain
from transfer.domain_labels import sides_of
from transfer.recipe import Recipe
from transfer.strategies import STRATEGIES

OPTIONS = {
    "pytorch_adapt": {"hook": "DANNHook"},
    "alignment": {"losses": [{"name": "mmd"}]},
    "ddg": {"every": 1, "steps": 2},
    "ae": {"every": 1, "steps": 2},
}


def rows(n=80, *, shift=1.0, seed=0):
    """Return features, labels, domains and groups: half source, half target, two classes."""
    generator = np.random.default_rng(seed)
    y, domain = np.arange(n) % 2, np.where(np.arange(n) < n // 2, 1, -2)
    X = generator.normal(size=(n, 4)) + 3.0 * y[:, None] * [1, 0, 1, 0]
    X[domain < 0] += shift
    return X, y, domain, np.arange(n) // 5


def unlabelled(y, domain):
    return np.where(domain > 0, y, -1)


def checked(strategy):
    """Run scikit-learn's checks on a strategy, and return the names of those that passed."""
    estimator = TransferClassifier(strategy, epochs=4, learning_rate=0.01, batch_size=64)
    found = check_estimator(estimator, on_skip=None, expected_failed_checks={})  # a new one needs its reason here
    return {result["check_name"] for result in found if result["status"] == "passed"}


@pytest.mark.filterwarnings("ignore::UserWarning")  # scikit-learn gives no domains, which the estimator warns of
def test_it_passes_scikit_learns_checks_without_exception():
    passed = checked("source_only")
    assert len(passed) >= 45
    assert {"check_methods_subset_invariance", "check_classifiers_train", "check_dict_unchanged"} <= passed


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="minutes; set TRANSFER_SLOW=1")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("strategy", ["dann", "scratch", "finetune", "joint"])
def test_other_strategies_pass_scikit_learns_checks(strategy):
    assert len(checked(strategy)) >= 45


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"moment_matching"}))  # begins with a file: see below
def test_every_strategy_learns_from_arrays(name):
    X, y, domain, _ = rows(32)
    y = np.where(np.arange(32) < 24, y, -1)  # some of the target is labelled
    model = TransferClassifier({"name": name, **OPTIONS.get(name, {})}, epochs=1, batch_size=8).fit(X, y, domain)
    said = model.predict_proba(X[domain < 0])
    assert said.shape == (16, 2)
    assert np.isfinite(said).all()
    assert all(np.isfinite(v) for stage in model.history_.values() for epoch in stage for v in epoch.values())


def test_it_is_the_engine_that_trains(train):
    """The probabilities are those of the strategy attached and trained by hand."""
    X, y, domain, _ = rows()
    labels = unlabelled(y, domain)
    model = TransferClassifier("mmd", epochs=2, batch_size=8, normalisation="none", random_state=3)
    model.fit(X, labels, domain)

    def by_hand(chosen):
        n, known = int(chosen.sum()), torch.from_numpy(labels[chosen] >= 0)
        every = torch.arange(n)
        pools = {"labelled": every[known], "any": every, "valid": every[:0], "test": every[:0]}
        features = torch.from_numpy(X[chosen, :, None].astype(np.float32))
        table = pd.DataFrame({"part": ["train"] * n, "speaker": [""] * n})
        return features, torch.ones(n, dtype=torch.int64), torch.from_numpy(labels[chosen]), pools, table

    corpora = {
        name: Domain(name, ("0", "1"), *by_hand(chosen))
        for name, chosen in (("source_1", domain > 0), ("target", domain < 0))
    }
    seed = int(np.random.RandomState(3).randint(2**31 - 1))
    recipe = {
        "extractor": {"name": "functionals"},
        "head": {"name": "linear"},
        "training": {"epochs": 2, "batch_size": 8, "seed": seed, "optimizer": {"lr": 1e-3}},
    }
    tree = {
        "name": "by_hand",
        "strategy": {"name": "mmd"},
        "source": [{"corpus": "source_1"}],
        "target": {"corpus": "target"},
        "heads": "shared",
        **recipe,
    }
    classes = {name: domain.classes for name, domain in corpora.items()}
    strategy, _ = attach_strategy(Recipe.model_validate(tree), classes, corpora, torch.device("cpu"))
    train(strategy, seed=seed)
    network = strategy.setting.model.eval()
    with torch.no_grad():
        logits = network(torch.from_numpy(X[:, :, None].astype(np.float32)), torch.ones(len(X), dtype=int), "target")
    assert model.predict_proba(X) == pytest.approx(logits.softmax(1).numpy(), abs=1e-6)


def test_adapting_helps_where_the_target_lies_elsewhere_and_no_label_of_it_is_known():
    X, y, domain, _ = rows(200, shift=3.0)
    labels, target = unlabelled(y, domain), domain < 0
    without = TransferClassifier("source_only", epochs=8).fit(X, labels, domain)
    adapted = TransferClassifier("mmd", epochs=8, normalisation="corpus").fit(X, labels, domain)
    assert without.score(X[target], y[target]) < 0.8
    assert adapted.score(X[target], y[target]) > 0.95


def test_labels_of_the_target_are_used_where_they_are_given():
    X, y, domain, _ = rows(120)
    far = np.where(domain < 0, 1 - y, y)  # the target calls the classes by each other's name
    shown = TransferClassifier("scratch", epochs=8).fit(X, far, domain)
    assert shown.score(X, far, sample_domain=domain) > 0.9
    hidden = TransferClassifier("source_only", epochs=8).fit(X, unlabelled(far, domain), domain)
    assert hidden.score(X, far, sample_domain=domain) < 0.5


def test_rows_without_a_domain_are_told_by_their_masks():
    X, y, domain, _ = rows()
    labels = unlabelled(y, domain)
    told = TransferClassifier("coral", epochs=1).fit(X, labels, sample_domain=domain)
    guessed = TransferClassifier("coral", epochs=1).fit(X, labels)
    assert np.array_equal(told.predict_proba(X), guessed.predict_proba(X))
    with pytest.warns(UserWarning, match="every row is taken for source and target"):
        TransferClassifier("coral", epochs=1).fit(X, y)


def test_minus_one_is_a_class_where_it_can_be_no_mask():
    assert sides_of(np.array([-1, 1, 1]), None).both
    assert sides_of(np.array([-1, 0, 1]), None).target.tolist() == [0]
    with pytest.raises(ValueError, match="name classes from 0"):
        sides_of(np.array([-1, 1, -1]), [1, 1, -2])
    words = np.array(["sad", "", "glad"])
    assert sides_of(words, None).target.tolist() == [1]


def test_each_source_is_a_domain_of_its_own_and_all_targets_are_one():
    X, y, domain, _ = rows()
    domain[:20] = 3
    domain[-10:] = -5
    model = TransferClassifier("mmd", epochs=1, normalisation="corpus").fit(X, unlabelled(y, domain), domain)
    assert model.sources_ == ("source_1", "source_3")
    assert {"adapt/task_source_1", "adapt/task_source_3"} <= set(model.history_["transfer"][0])
    with pytest.raises(ValueError, match="leave them out, or set allow_source"):
        model.predict(X, sample_domain=domain)
    both = model.predict_proba(X, sample_domain=domain, allow_source=True)
    assert np.allclose(both[domain < 0], model.predict_proba(X[domain < 0]))
    assert not np.allclose(both[domain > 0], model.predict_proba(X[domain > 0])), "standardised as sources"
    with pytest.raises(ValueError, match="source_7 was not among the domains of fit: source_1, source_3, target"):
        model.predict(X[:1], sample_domain=7, allow_source=True)


def test_sequences_are_learned_by_a_network_over_time():
    generator = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = generator.normal(size=(40, 3, 12)) + 2.0 * y[:, None, None]
    domain = np.where(np.arange(40) < 20, 1, -1)
    model = TransferClassifier("dann", epochs=2, batch_size=8).fit(X, unlabelled(y, domain), domain)
    assert type(model.model_.model.extractor).__name__ == "MultiTIM"
    assert model.predict(X).shape == (40,)
    with pytest.raises(ValueError, match="X has 4 dimensions"):
        model.fit(X[..., None], y, domain)


def test_sequences_reach_the_engine_as_they_are():
    X = np.arange(24.0).reshape(2, 3, 4)  # rows, channels, frames
    store = ArrayCorpus(X, np.array([0, 1])).store()
    assert np.array_equal(store.clip(1), X[1].T)


def test_the_process_keeps_its_random_state_and_equal_seeds_give_equal_models():
    X, y, domain, _ = rows()
    model = TransferClassifier("dann", epochs=1, random_state=7)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    first = model.fit(X, unlabelled(y, domain), domain).predict_proba(X)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    torch.manual_seed(2)
    again = clone(model).fit(X, unlabelled(y, domain), domain).predict_proba(X)
    assert np.array_equal(first, again)
    other = clone(model).set_params(random_state=8).fit(X, unlabelled(y, domain), domain).predict_proba(X)
    assert not np.array_equal(first, other)


def test_a_pipeline_and_a_grid_search_over_groups_take_it():
    X, y, domain, groups = rows()
    pipe = make_pipeline(StandardScaler(), TransferClassifier("mmd", epochs=1))
    search = GridSearchCV(
        pipe,
        {"transferclassifier__strategy": ["mmd", {"name": "dann", "weight": 0.1}]},
        cv=GroupKFold(2),
        error_score="raise",
    )
    search.fit(X, y, groups=groups, transferclassifier__sample_domain=domain)
    assert set(search.best_params_) == {"transferclassifier__strategy"}
    assert search.predict(X).shape == y.shape


def test_scores_are_of_target_rows_whose_label_is_known():
    X, y, domain, _ = rows()
    model = TransferClassifier("source_only", epochs=2).fit(X, unlabelled(y, domain), domain)
    target = domain < 0
    wrong_source = np.where(target, y, 1 - y)
    assert model.score(X, wrong_source, sample_domain=domain) == model.score(X[target], y[target])
    some = np.where(np.arange(80) < 60, y, -1)
    assert model.score(X, some, sample_domain=domain) == model.score(X[40:60], y[40:60])
    with pytest.raises(ValueError, match="no row to score"):
        model.score(X, unlabelled(y, domain), sample_domain=domain)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"strategy": "dan"}, "unknown strategy 'dan': did you mean 'dann'"),
        ({"strategy": {"name": "mmd", "wieght": 1}}, "strategy.wieght: mmd has no such option; did you mean 'weight'"),
        ({"epochs": 0}, "training.epochs"),
        ({"normalisation": "speaker"}, "expected train, corpus or none"),
        ({"training": {"augment": [{"name": "mixup"}]}}, "leave it out"),
        ({"strategy": "scratch"}, "label some target rows"),
        ({"strategy": "moment_matching"}, "matches moments that a source left behind"),
        ({"extractor": "functional"}, "did you mean 'functionals'"),
    ],
)
def test_mistakes_are_answered_in_words(params, message):
    X, y, domain, _ = rows(16)
    with pytest.raises(ValueError, match=message):
        TransferClassifier(**params).fit(X, unlabelled(y, domain), domain)


def test_domains_that_are_none_are_refused():
    X, y, domain, _ = rows(16)
    for wrong, message in (
        (domain * 0, "holds what is no domain"),
        (domain[:-1], "expected a number for each of the 16 rows"),
        (np.full(16, -1), "sample_domain names none"),
        (np.ones(16), "no row of the target"),
    ):
        with pytest.raises(ValueError, match=message):
            TransferClassifier("mmd", epochs=1).fit(X, y, wrong)


@pytest.fixture
def skada():
    """Return skada, with scikit-learn's routing of metadata as it was before: skada turns it on for the process."""
    from sklearn import config_context, get_config

    with config_context(**get_config()):
        yield pytest.importorskip("skada", reason="no skada; `uv sync` installs it")


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="seconds of another library; set TRANSFER_SLOW=1")
def test_skadas_scorers_and_pipelines_take_it(skada):
    import sklearn
    from skada import metrics
    from skada.model_selection import SourceTargetShuffleSplit
    from sklearn.model_selection import cross_validate

    X, y, domain, _ = rows(120)
    labels = unlabelled(y, domain)
    classifier = TransferClassifier("mmd", epochs=2)
    with sklearn.config_context(enable_metadata_routing=True):
        pipes = make_pipeline(StandardScaler(), classifier), skada.make_da_pipeline(StandardScaler(), classifier)
        scorers = {
            metrics.SupervisedScorer(): (classifier, *pipes),
            metrics.PredictionEntropyScorer(): (classifier, *pipes),
            metrics.SoftNeighborhoodDensity(): (classifier, *pipes),
            metrics.CircularValidation(): (classifier, *pipes),
            metrics.MixValScorer(random_state=0): (classifier, *pipes),
            metrics.ImportanceWeightedScorer(): (classifier,),
            metrics.DeepEmbeddedValidation(): pipes,  # of others it wants the module of skorch
        }
        for scorer, estimators in scorers.items():
            for estimator in estimators:
                params = {"sample_domain": domain}
                params |= {"target_labels": y} if isinstance(scorer, metrics.SupervisedScorer) else {}
                cv = SourceTargetShuffleSplit(n_splits=1, random_state=0)
                found = cross_validate(estimator, X, labels, params=params, cv=cv, scoring=scorer, error_score="raise")
                assert np.isfinite(found["test_score"]).all(), (scorer, estimator)
