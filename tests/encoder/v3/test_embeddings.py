from __future__ import annotations

import torch
from dsv3.encoder.v3 import V3Config
from dsv3.encoder.v3.config import PositionExtension
from dsv3.encoder.v3.embeddings import Embeddings, table_rows
from dsv3.encoder.v3.padding import Padding
from hypothesis import given
from hypothesis import strategies as st

TABLE = 8
EXTENSIONS: tuple[PositionExtension, ...] = ("repeat", "interpolate", "grouped")


def _mask(*lengths: int, left: bool = False) -> torch.Tensor:
    places = torch.arange(max(lengths))
    if left:
        return torch.stack([places >= max(lengths) - length for length in lengths])
    return torch.stack([places < length for length in lengths])


@given(
    length=st.integers(1, 60), other=st.integers(1, 60), left=st.booleans(),
    extension=st.sampled_from(EXTENSIONS),
)  # fmt: skip
def test_a_texts_rows_stay_in_the_table_and_do_not_depend_on_its_neighbours(
    length: int, other: int, left: bool, extension: PositionExtension
) -> None:
    alone = table_rows(_mask(length), TABLE, extension)[0]
    mask = _mask(length, other, left=left)
    together = table_rows(mask, TABLE, extension)[0][mask[0]]
    torch.testing.assert_close(together.double(), alone.double(), rtol=0, atol=1e-5)
    assert alone.min() >= 0
    assert alone.max() <= TABLE - 1
    if length <= TABLE:
        assert alone.tolist() == list(range(length))


def test_long_texts_repeat_share_or_squeeze_rows() -> None:
    mask = _mask(15)
    assert table_rows(mask, TABLE, "repeat")[0].tolist() == [*range(8), *range(7)]
    assert table_rows(mask, TABLE, "grouped")[0].tolist() == [n // 2 for n in range(15)]
    squeezed = table_rows(mask, TABLE, "interpolate")[0]
    torch.testing.assert_close(squeezed, torch.arange(15) * 7 / 14)


def test_a_row_between_two_is_their_weighted_mean(config: V3Config) -> None:
    config.position_extension = "interpolate"
    config.position_table_size = TABLE
    embeddings = Embeddings(config)
    rows = embeddings._positions(torch.tensor([2.0, 2.25, 7.0]))
    table = embeddings.positions.weight
    torch.testing.assert_close(rows[0], table[2])
    torch.testing.assert_close(rows[1], 0.75 * table[2] + 0.25 * table[3])
    torch.testing.assert_close(rows[2], table[7])


def test_padding_is_removed_and_restored() -> None:
    padding = Padding(_mask(2, 5, 1))
    x = torch.arange(15.0).view(3, 5, 1)
    tokens = padding.remove(x)
    assert tokens.flatten().tolist() == [0, 1, 5, 6, 7, 8, 9, 10]
    assert torch.equal(padding.restore(tokens), x * padding.mask.unsqueeze(-1))
    assert Padding(_mask(3, 3)).none
