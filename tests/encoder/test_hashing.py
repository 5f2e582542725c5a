from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from dsv3.encoder.hashing import HashingEncoder
from dsv3.errors import EncoderError
from hypothesis import given
from hypothesis import strategies as st

_PRINT_VECTOR = """
import sys
from dsv3.encoder.hashing import HashingEncoder
vectors = HashingEncoder(32).encode_documents(["Kettle, 1.7 l, stainless steel"])
sys.stdout.write(vectors.tobytes().hex())
"""


def test_another_process_with_another_hash_seed_gives_the_same_vector() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _PRINT_VECTOR],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = HashingEncoder(32).encode_documents(["Kettle, 1.7 l, stainless steel"]).tobytes().hex()
    assert outputs == {here.encode()}


def test_the_vector_is_the_one_published() -> None:
    # A changed hash would silently invalidate every cache made with it.
    vector = HashingEncoder(8).encode_documents(["red shoe"])[0]
    expected = [0.0, 0.0, -0.2669, 0.1601, -0.4804, -0.5338, 0.5338, -0.3203]
    np.testing.assert_allclose(vector, expected, atol=1e-4)


def test_dimensions_differ_in_fingerprint() -> None:
    assert HashingEncoder(64).fingerprint != HashingEncoder(128).fingerprint


@pytest.mark.parametrize("dim", [0, -1, 7, 1 << 20])
def test_a_senseless_dimension_is_refused(dim: int) -> None:
    with pytest.raises(EncoderError, match="between 8 and 65536"):
        HashingEncoder(dim)


@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_text_has_unit_length_and_repeats(texts: list[str]) -> None:
    encoder = HashingEncoder(16)
    vectors = encoder.encode_documents(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.ones(len(texts)), atol=1e-5)
    np.testing.assert_array_equal(vectors, encoder.encode_queries(texts))
