"""Running statistics kept apart for each corpus."""

import torch
from torch import nn

from transfer.batch_statistics import BatchStatistics


def build():
    norm = nn.BatchNorm1d(2)
    return norm, BatchStatistics([norm], ["a", "b"])


def test_each_corpus_has_the_statistics_of_its_own_batches():
    norm, statistics = build()
    reference = {"a": nn.BatchNorm1d(2), "b": nn.BatchNorm1d(2)}
    for i in range(6):
        corpus = "ab"[i % 2]
        x = torch.randn(8, 2, 5) + 10 * (corpus == "b")
        if i == 1:  # the second corpus starts from what the first has
            reference["b"].load_state_dict(reference["a"].state_dict())
        statistics.use(corpus, training=True)
        norm(x)
        reference[corpus](x)
    for corpus, expected in reference.items():
        statistics.use(corpus, training=False)
        assert torch.equal(norm.running_mean, expected.running_mean)
        assert torch.equal(norm.running_var, expected.running_var)


def test_a_corpus_never_trained_on_is_judged_by_the_first_that_was():
    norm, statistics = build()
    statistics.use("a", training=True)
    norm(torch.randn(8, 2, 5) + 3)
    mean = norm.running_mean.clone()
    statistics.use("b", training=False)
    assert torch.equal(norm.running_mean, mean)


def test_statistics_survive_a_state_dict_whichever_corpus_was_last():
    net, other = (
        nn.ModuleDict({"norm": (n := nn.BatchNorm1d(2)), "statistics": BatchStatistics([n], ["a", "b"])})
        for _ in range(2)
    )
    for corpus in "ab":
        net["statistics"].use(corpus, training=True)
        net["norm"](torch.randn(8, 2, 5) * 3)
    other["statistics"].use("a", training=False)
    other.load_state_dict({k: v.clone() for k, v in net.state_dict().items()})
    for corpus in "ab":
        for m in (net, other):
            m["statistics"].use(corpus, training=False)
        assert torch.equal(net["norm"].running_mean, other["norm"].running_mean)
