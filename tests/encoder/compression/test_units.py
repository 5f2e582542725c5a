from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from dsv3.encoder.compression.importance import energy, importance, joined, most_important
from dsv3.encoder.compression.models import (
    as_v3,
    embed_all,
    open_model,
    token_batches,
    v3_of,
    with_inner,
)
from dsv3.encoder.compression.prune import idle_experts
from dsv3.encoder.compression.refit import input_moments
from dsv3.encoder.compression.samples import Samples
from dsv3.encoder.compression.units import (
    Site,
    cut_experts,
    cut_units,
    output_of,
    removed,
    sites_of,
    unit_weights,
    units,
)
from dsv3.encoder.v3 import V3Config, V3Model
from dsv3.encoder.v3.accounts import build_empty, count_operations, count_parameters
from dsv3.encoder.v3.gates import TASKS
from dsv3.errors import InputError
from dsv3.progress import Silent
from sentence_transformers import SentenceTransformer
from torch import Tensor


def _vectors(model: SentenceTransformer, samples: Samples) -> Tensor:
    found = []
    for task in TASKS:
        batches = token_batches(model, samples.of(task), task, 64)
        found.append(embed_all(model, batches, task))
    return torch.cat(found)


def _every_second(v3: V3Model, site: Site) -> Tensor:
    """Keep other units in each expert, so that mixing them up would show."""
    groups = v3.config.layer_shape(site.layer).experts if site.part == "expert" else 1
    half = units(v3.config, site) // 2
    return torch.stack([torch.arange(half) * 2 + group % 2 for group in range(groups)])


def _masked(v3: V3Model, site: Site, kept: Tensor) -> V3Model:
    """Return the model with the outputs of the units that are not kept set to zero."""
    made = V3Model(v3.config)
    made.load_state_dict(v3.state_dict())
    made.train(False)
    output = output_of(v3.config, site)
    weight = made.get_parameter(output.weight).data
    grouped = weight if weight.dim() == 3 else weight.unsqueeze(0)  # shares memory
    for group, units_kept in enumerate(kept):
        mask = torch.zeros(units(v3.config, site))
        mask[units_kept] = 1
        grouped[group] *= mask.repeat_interleave(output.columns)
    return made


@pytest.mark.parametrize("name", ["bert", "tiny"])
def test_a_cut_model_is_the_masked_model(
    name: str, request: pytest.FixtureRequest, samples: Samples
) -> None:
    model = as_v3(open_model(request.getfixturevalue(name)))
    v3 = v3_of(model)
    few = samples.some(20, 0)
    parts = set()
    for site in sites_of(v3):
        kept = _every_second(v3, site)
        cut = cut_units(v3, {site: kept})
        masked = _masked(v3, site, kept)
        ours, theirs = (_vectors(with_inner(model, one), few) for one in (cut, masked))
        torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=1e-4)
        assert not torch.allclose(ours, _vectors(model, few), atol=1e-3), f"{site} cut nothing"
        gone = units(v3.config, site) - kept.size(-1)
        assert v3.num_parameters() - cut.num_parameters() == gone * unit_weights(v3.config, site)
        parts.add(site.part)
    assert parts == (
        {"heads", "feed_forward"} | ({"shared", "expert"} if name == "tiny" else set())
    )


def test_a_bert_as_v3_has_its_vectors(bert: Any, samples: Samples) -> None:
    model = open_model(bert)
    dense = as_v3(model)
    assert v3_of(dense).config.sparse_layers == []
    torch.testing.assert_close(
        _vectors(dense, samples), _vectors(model, samples), atol=1e-5, rtol=1e-4
    )
    assert as_v3(dense) is dense


def test_a_pruned_shape_is_counted_right(v3: SentenceTransformer) -> None:
    whole = v3_of(v3)
    kept = {site: _every_second(whole, site) for site in sites_of(whole)}
    cut = cut_experts(cut_units(whole, kept), {0: [1, 4, 5]})
    shape = cut.config.layer_shape(0)
    assert (shape.heads, shape.shared, shape.experts, shape.expert) == (2, 24, 3, 16)
    assert cut.config.layer_shape(1).feed_forward == 32
    assert cut.config.layer_shape(2).experts == 8
    empty = build_empty(cut.config)
    assert count_parameters(empty) == count_parameters(cut)
    assert count_parameters(cut).total == cut.num_parameters()
    assert count_parameters(cut).dense == count_parameters(whole).dense
    expert = 2 * 32 * 16 + 16 + 32
    idle = (1 * expert + 3 * 32) + (6 * expert + 8 * 32)
    assert count_parameters(cut).total - count_parameters(cut).active == idle
    sparse = count_operations(cut, "query", 8).sparse
    assert sparse < count_operations(whole, "query", 8).sparse


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ([{}], "1 entries for 3 layers"),
        ([{"tails": 1}, {}, {}], "no width 'tails'"),
        ([{"heads": 0}, {}, {}], "below 1"),
        ([{"experts": 1}, {}, {}], "2 of 1 experts"),
    ],
)
def test_shapes_that_no_model_has_are_refused(shapes: list[dict[str, int]], told: str) -> None:
    with pytest.raises(InputError, match=told):
        V3Config(num_hidden_layers=3, layer_shapes=shapes)


def test_experts_that_no_token_chose_leave_the_vectors_as_they_were(
    v3: SentenceTransformer, samples: Samples
) -> None:
    whole = v3_of(v3)
    unwanted = {0: (2, 7), 2: (0,)}
    for layer, experts in unwanted.items():
        gates: Any = whole.layers[layer].mixture.gates  # type: ignore[union-attr]
        for gate in (gates.query, gates.document):
            for e in experts:
                gate.weight.data[e] = 0.0
        # scores stay those of the other experts; only these are never the best
        gates.bias[:] = 0.0
    biased = with_inner(v3, _never(whole, unwanted))
    kept = idle_experts(biased, samples, 0.0, max_tokens=64)
    for layer, experts in unwanted.items():
        assert not set(experts) & set(kept[layer])
    cut = with_inner(v3, cut_experts(v3_of(biased), kept))
    torch.testing.assert_close(
        _vectors(cut, samples), _vectors(biased, samples), atol=2e-6, rtol=1e-4
    )


def _never(whole: V3Model, unwanted: dict[int, tuple[int, ...]]) -> V3Model:
    """Point the gates of some experts away from what all tokens share."""
    from dsv3.encoder.upcycling.gate_start import _recorded

    with _recorded(whole) as inputs, torch.no_grad():
        whole(torch.arange(5, 155).view(10, 15), task="query")
    for layer, experts in unwanted.items():
        gates: Any = whole.layers[layer].mixture.gates  # type: ignore[union-attr]
        x = torch.cat([inputs[layer], torch.ones(len(inputs[layer]), 1)], dim=1)
        away = torch.linalg.lstsq(x[:, :-1], -40 * torch.ones(len(x), 1)).solution[:, 0]
        for gate in (gates.query, gates.document):
            for e in experts:
                gate.weight.data[e] = away
    return whole


def test_as_many_experts_stay_as_a_token_visits(v3: SentenceTransformer, samples: Samples) -> None:
    kept = idle_experts(v3, samples, 1e9, max_tokens=64)
    assert [len(experts) for experts in kept.values()] == [2, 2]


@pytest.mark.parametrize(
    ("part", "width", "ratio", "gone"),
    [
        ("heads", 12, 0.2, 3),
        ("heads", 12, 0.25, 3),
        ("heads", 12, 0.5, 6),
        ("heads", 1, 0.5, 0),
        ("feed_forward", 1536, 0.2, 304),
        ("feed_forward", 1536, 0.5, 768),
        ("feed_forward", 1536, 0.0, 0),
        ("feed_forward", 24, 0.25, 6),
        ("shared", 1050, 0.0, 0),
    ],
)
def test_a_ratio_removes_whole_heads_and_steps_of_channels(
    part: Any, width: int, ratio: float, gone: int
) -> None:
    config = V3Config(moe_layers=[], layer_shapes=[{part: width}, *[{}] * 5])
    assert removed(config, Site(0, part), ratio) == gone


@pytest.mark.parametrize(
    ("name", "site"),
    [("bert", Site(1, "heads")), ("bert", Site(2, "feed_forward")), ("tiny", Site(2, "expert"))],
)
def test_importance_is_the_loss_that_a_small_gate_adds(
    name: str, site: Site, request: pytest.FixtureRequest, samples: Samples
) -> None:
    """Hold the estimate against 1 - cosine, measured, with the greatest unit turned down a bit."""
    model = as_v3(open_model(request.getfixturevalue(name)))
    few = samples.some(8, 0)
    estimate = torch.stack(
        [
            importance(model, few, max_tokens=64, seed=seed, progress=Silent())[site]
            for seed in range(24)
        ]
    ).mean(0)
    group, unit = divmod(int(estimate.argmax()), estimate.size(1))
    target = _vectors(model, few)
    output = output_of(v3_of(model).config, site)
    weight = v3_of(model).get_parameter(output.weight).data
    columns = slice(unit * output.columns, (unit + 1) * output.columns)
    step = 0.05
    (weight[group] if weight.dim() == 3 else weight)[:, columns] *= 1 - step
    loss = 1 - float((_vectors(model, few).double() * target.double()).sum(-1).mean())
    assert loss / step**2 == pytest.approx(float(estimate[group, unit]), rel=0.35)


def test_energy_is_the_mean_square_of_what_a_unit_gives(
    v3: SentenceTransformer, samples: Samples
) -> None:
    whole = v3_of(v3)
    moments = input_moments(v3, samples, max_tokens=64, progress=Silent())
    seen: list[Tensor] = []
    module: Any = whole.layers[1].attention.output  # type: ignore[union-attr]
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    _vectors(v3, samples)
    hook.remove()
    x = torch.cat(seen)  # (tokens, heads * 8)
    found = energy(whole.state_dict(), whole.config, Site(1, "heads"), moments[Site(1, "heads")])
    parts = [(x[:, h * 8 : h * 8 + 8] @ module.weight[:, h * 8 : h * 8 + 8].T) for h in range(4)]
    wanted = torch.stack([(part.detach() ** 2).sum() for part in parts])
    torch.testing.assert_close(found[0], wanted, rtol=1e-3, atol=1e-3)


def test_the_most_important_units_keep_their_order() -> None:
    scores = torch.tensor([[0.1, 3.0, 2.0, 0.0], [5.0, 1.0, 0.0, 6.0]])
    assert most_important(scores, 2).tolist() == [[1, 2], [0, 3]]
    assert joined(torch.tensor([[1.0, 3.0]]), torch.tensor([[8.0, 0.0]])).tolist() == [[1.25, 0.75]]


def test_units_of_all_sites_are_ranked(v3: SentenceTransformer, samples: Samples) -> None:
    again: Callable[[], dict[Site, Tensor]] = lambda: importance(  # noqa: E731
        v3, samples.some(8, 0), max_tokens=32, seed=4, progress=Silent()
    )
    first, second = again(), again()
    assert list(first) == sites_of(v3_of(v3))
    for site, scores in first.items():
        assert scores.shape[1] == units(v3_of(v3).config, site)
        torch.testing.assert_close(scores, second[site])
    assert all(parameter.requires_grad for parameter in v3_of(v3).parameters())
