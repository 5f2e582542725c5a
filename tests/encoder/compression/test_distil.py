from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from dsv3.encoder.compression.depth import alternate_layers, keep_layers, layer_count, rank_starts
from dsv3.encoder.compression.distil import (
    DISTILLATION,
    distil,
    teacher_vectors,
)
from dsv3.encoder.compression.models import embed_all, inner, open_model, token_batches, v3_of
from dsv3.encoder.compression.samples import Samples, make_samples, short_queries
from dsv3.encoder.compression.units import cut_units, sites_of
from dsv3.encoder.training.distillation import similarity_loss, vector_loss
from dsv3.encoder.v3.gates import TASKS
from dsv3.errors import InputError
from dsv3.progress import Silent
from sentence_transformers import SentenceTransformer

SHORT = replace(DISTILLATION, steps=12, batch_size=8, learning_rate=3e-3, max_tokens=24, seed=3)


def _unit(*shape: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.parametrize(
    ("count", "found"),
    [
        (6, [(0, 2, 4), (1, 3, 5), (0, 2, 5)]),
        (4, [(0, 2), (1, 3), (0, 3)]),
        (3, [(0,), (2,)]),
        (2, [(0,), (1,)]),
    ],
)
def test_a_student_has_every_second_layer(count: int, found: list[tuple[int, ...]]) -> None:
    assert alternate_layers(count) == found


def test_one_layer_has_no_half() -> None:
    with pytest.raises(InputError, match="one layer"):
        alternate_layers(1)


def test_kept_layers_are_the_teachers(model: SentenceTransformer, samples: Samples) -> None:
    count = layer_count(model)
    same = keep_layers(model, range(count))
    batches = token_batches(model, samples.documents, "document", 64)
    torch.testing.assert_close(
        embed_all(same, batches, "document"), embed_all(model, batches, "document")
    )
    fewer = keep_layers(model, [count - 1, 0])
    assert layer_count(fewer) == 2
    assert layer_count(model) == count
    with pytest.raises(InputError, match=f"layers 0 to {count - 1}"):
        keep_layers(model, [count])


def test_kept_layers_of_v3_keep_their_experts_and_widths(v3: SentenceTransformer) -> None:
    whole = v3_of(v3)
    last = [site for site in sites_of(whole) if site.layer == 2 and site.part == "heads"]
    cut = cut_units(whole, {last[0]: torch.tensor([[1]])})
    inner_one = v3_of(v3)
    inner_one.layers, inner_one.config = cut.layers, cut.config
    student = v3_of(keep_layers(v3, [1, 2]))
    assert student.config.sparse_layers == [1]
    assert student.config.layer_shape(1).heads == 1
    assert inner_one.config.sparse_layers == [0, 2]


def test_starts_are_ranked_by_nearness(model: SentenceTransformer, samples: Samples) -> None:
    starts = rank_starts(model, samples.some(20, 0), max_tokens=32)
    assert {start.layers for start in starts} == set(alternate_layers(layer_count(model)))
    assert [start.cosine for start in starts] == sorted(
        (start.cosine for start in starts), reverse=True
    )


def test_losses_of_equal_vectors_are_zero() -> None:
    queries, documents = _unit(3, 8, seed=0), _unit(5, 8, seed=1)
    assert float(vector_loss(documents, documents)) == pytest.approx(0, abs=1e-6)
    both = (queries, documents)
    assert float(similarity_loss(both, both, 0.05)) == pytest.approx(0, abs=1e-6)


def test_the_similarity_loss_is_the_divergence_of_what_each_text_sees() -> None:
    ours = (_unit(2, 8, seed=0), _unit(4, 8, seed=1))
    theirs = (_unit(2, 8, seed=2), _unit(4, 8, seed=3))
    rows = []
    for place in range(6):
        others = [n for n in range(4) if n != place - 2]
        shares = []
        for queries, documents in (ours, theirs):
            text = torch.cat([queries, documents])[place]
            shares.append(torch.softmax(documents[others] @ text / 0.1, 0))
        student, teacher = shares
        rows.append((teacher * (teacher / student).log()).sum())
    wanted = float(torch.stack(rows).mean())
    assert float(similarity_loss(ours, theirs, 0.1)) == pytest.approx(wanted, rel=1e-4)


def test_similarities_stay_when_all_vectors_turn_together() -> None:
    vectors = (_unit(3, 8, seed=0), _unit(5, 8, seed=1))
    turn, _ = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(2)))
    turned = (vectors[0] @ turn, vectors[1] @ turn)
    assert float(similarity_loss(turned, vectors, 0.05)) == pytest.approx(0, abs=1e-4)
    assert float(vector_loss(turned[1], vectors[1])) > 0.1


def test_distillation_lowers_the_loss_and_is_seeded(
    model: SentenceTransformer, samples: Samples
) -> None:
    students = [keep_layers(model, rank_starts(model, samples.some(9, 0), max_tokens=24)[0].layers)]
    students.append(keep_layers(students[0], range(layer_count(students[0]))))
    first, second = (distil(student, model, samples, SHORT) for student in students)
    assert np.mean(first.losses[-3:]) < 0.8 * np.mean(first.losses[:3])
    assert first.losses == second.losses
    for one, other in zip(*(inner(s).parameters() for s in students), strict=True):
        torch.testing.assert_close(one, other)
    words = [inner(one).get_input_embeddings().weight for one in (students[0], model)]
    torch.testing.assert_close(*words)


def test_another_seed_learns_from_other_texts(model: SentenceTransformer, samples: Samples) -> None:
    runs = [
        distil(
            keep_layers(model, [0, 1]),
            model,
            samples,
            replace(DISTILLATION, steps=2, batch_size=8, seed=seed),
        ).losses
        for seed in (0, 1)
    ]
    assert runs[0] != runs[1]


def test_the_compiled_teacher_gives_torchs_vectors(
    model: SentenceTransformer, samples: Samples
) -> None:
    limit = model.max_seq_length
    found = teacher_vectors(model, samples, 16, Silent())
    for task in TASKS:
        batches = token_batches(model, samples.of(task), task, 16)
        torch.testing.assert_close(
            found[task], embed_all(model, batches, task), atol=1e-4, rtol=1e-3
        )
    assert model.max_seq_length == limit


@pytest.mark.parametrize("changes", [{"steps": None}, {"batch_size": 1}])
def test_settings_that_train_nothing_are_refused(
    changes: dict[str, Any], v3: SentenceTransformer, samples: Samples
) -> None:
    with pytest.raises(InputError, match="at least 1 step"):
        distil(v3, v3, samples, replace(DISTILLATION, **changes))


def test_too_few_texts_are_refused(v3: SentenceTransformer) -> None:
    with pytest.raises(InputError, match="1 texts are too few"):
        make_samples(["usb hub"])
    with pytest.raises(InputError, match="4 texts to learn from as query"):
        distil(v3, v3, make_samples(["usb hub"] * 4), replace(DISTILLATION, batch_size=8))


def test_short_queries_are_runs_of_the_documents_words(documents: list[str]) -> None:
    queries = short_queries(documents, seed=2)
    assert queries == short_queries(documents, seed=2)
    for query, document in zip(queries, documents, strict=True):
        assert query
        assert query in " ".join(document.split())
        assert len(query.split()) <= 6


def test_a_compiled_folder_is_not_a_model_to_compress(tmp_path: object, tiny: object) -> None:
    from pathlib import Path

    from dsv3.encoder.export import export_encoder
    from dsv3.errors import EncoderError

    out = Path(str(tmp_path)) / "compiled"
    export_encoder(str(tiny), out, verify=False)
    with pytest.raises(EncoderError, match="compiled already"):
        open_model(out)
