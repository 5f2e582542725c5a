from __future__ import annotations

import pytest
import torch
from dsv3.encoder.compression.models import as_v3, embed_all, inner, token_batches, v3_of
from dsv3.encoder.compression.prune import Pruner, Pruning, prune_model
from dsv3.encoder.compression.refit import input_moments, refitted
from dsv3.encoder.compression.samples import Samples
from dsv3.encoder.compression.sensitivity import RATIOS, Curve, choose_ratios, pruned_weights
from dsv3.encoder.compression.units import (
    Site,
    cut_units,
    output_of,
    removed,
    sites_of,
    unit_weights,
    units,
)
from dsv3.encoder.v3 import V3Config
from dsv3.encoder.v3.gates import TASKS
from dsv3.errors import InputError
from dsv3.progress import Silent
from sentence_transformers import SentenceTransformer
from torch import Tensor

SMALL = Pruning(ratio=0.3, texts=40, curve_texts=12, max_tokens=24, idle=0.0)


def _vectors(model: SentenceTransformer, samples: Samples) -> Tensor:
    return torch.cat(
        [embed_all(model, token_batches(model, samples.of(t), t, 24), t) for t in TASKS]
    )


def _all_units(config: V3Config, site: Site) -> Tensor:
    groups = config.layer_shape(site.layer).experts if site.part == "expert" else 1
    return torch.arange(units(config, site)).expand(groups, -1)


def test_pruning_nothing_changes_nothing(model: SentenceTransformer, samples: Samples) -> None:
    same = Pruner(model, samples, SMALL).prune_alike(0.0).model
    few = samples.some(20, 5)
    torch.testing.assert_close(_vectors(same, few), _vectors(model, few), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("refit", [True, False])
def test_keeping_every_unit_changes_nothing(
    model: SentenceTransformer, samples: Samples, refit: bool
) -> None:
    v3 = v3_of(as_v3(model))
    moments = input_moments(as_v3(model), samples.some(10, 0), max_tokens=24, progress=Silent())
    kept = {site: _all_units(v3.config, site) for site in sites_of(v3)}
    outputs: dict[str, Tensor] = {}
    for site in kept if refit else ():
        outputs |= refitted(v3.state_dict(), v3.config, site, kept[site], moments[site])
    cut = cut_units(v3, kept, outputs)
    for (name, ours), theirs in zip(
        cut.state_dict().items(), v3.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, msg=name)


def test_every_ratio_lies_in_its_bounds_and_the_target_is_met(
    model: SentenceTransformer, samples: Samples
) -> None:
    found = prune_model(model, samples, SMALL)
    config = v3_of(as_v3(model)).config
    assert all(0.2 <= ratio <= 0.5 for ratio in found.ratios.values())
    prunable = sum(unit_weights(config, site) * units(config, site) for site in found.ratios)
    gone = pruned_weights(config, found.ratios)
    assert gone >= 0.3 * prunable
    assert inner(as_v3(model)).num_parameters() - inner(found.model).num_parameters() == gone
    assert 0.2 < found.cosine < 1
    for curve in found.curves:
        assert len(curve.losses) == len(RATIOS)
        assert curve.losses[0] < curve.losses[-1] + 0.05


def test_refitting_keeps_the_vectors_nearer(bert: object, samples: Samples) -> None:
    from pathlib import Path

    from dsv3.encoder.compression.models import open_model

    model = open_model(Path(str(bert)))
    few = samples.some(40, 5)
    losses = []
    for refit in (True, False):
        pruning = Pruning(texts=150, max_tokens=24, refit=refit)
        cut = Pruner(model, samples, pruning).prune_alike(0.5).model
        losses.append(1 - float((_vectors(cut, few) * _vectors(model, few)).sum(-1).mean()))
    assert losses[0] < 0.8 * losses[1]


def test_a_refit_is_the_least_squares_solution(v3: SentenceTransformer, samples: Samples) -> None:
    """Hold the output weights of a cut feed-forward against torch's solver."""
    from typing import Any

    whole = v3_of(v3)
    site = Site(1, "feed_forward")
    moments = input_moments(v3, samples, max_tokens=24, progress=Silent())[site]
    seen: list[Tensor] = []
    module: Any = whole.layers[1].feed_forward.down  # type: ignore[union-attr]
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    _vectors(v3, samples)
    hook.remove()
    x = torch.cat(seen).double()  # (tokens, width)
    kept = torch.arange(0, 64, 2).unsqueeze(0)
    names = output_of(whole.config, site)
    found = refitted(whole.state_dict(), whole.config, site, kept, moments)
    inputs = torch.cat([x[:, kept[0]], torch.ones(len(x), 1)], 1)
    target = x @ module.weight.detach().double().T + module.bias.detach().double()
    best = torch.linalg.lstsq(inputs, target).solution
    joint = torch.cat([found[names.weight], found[names.bias].unsqueeze(1)], 1).double().T

    def error(weights: Tensor) -> float:
        return float(((inputs @ weights - target) ** 2).mean())

    plain = torch.cat([module.weight[:, kept[0]], module.bias.unsqueeze(1)], 1).detach().double().T
    # the ridge costs a little against the exact solution
    assert error(best) <= error(joint) < error(best) + 0.1 * (error(plain) - error(best))


def test_sensitive_parts_are_pruned_less() -> None:
    config = V3Config(moe_layers=[])
    curves = [
        Curve(Site(layer, "feed_forward"), RATIOS, [slope * ratio**2 for ratio in RATIOS])
        for layer, slope in enumerate((1.0, 0.1, 1.0, 0.5, 2.0, 0.1))
    ]
    chosen = choose_ratios(config, curves, 0.35)
    by_layer = [chosen[Site(layer, "feed_forward")] for layer in range(6)]
    assert by_layer[1] == by_layer[5] == 0.5
    assert by_layer[4] == min(by_layer) < by_layer[3]
    widths = sum(removed(config, site, ratio) for site, ratio in chosen.items())
    assert 0.35 <= widths / (6 * 1536) < 0.37


@pytest.mark.parametrize("ratio", [0.1, 0.6])
def test_a_target_outside_the_bounds_is_refused(ratio: float) -> None:
    with pytest.raises(InputError, match=r"0\.2 to 0\.5"):
        choose_ratios(V3Config(), [], ratio)
