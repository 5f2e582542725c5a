from __future__ import annotations

import pytest
from dsv3 import Product
from dsv3.indexer.quantities import (
    FIELDS,
    UNITS,
    Unit,
    find_quantities,
    quantity_values,
    unit_of_name,
)
from hypothesis import given
from hypothesis import strategies as st

BASES = {
    "length": "centimeter", "area": "meter**2", "volume": "liter", "mass": "gram",
    "power": "watt", "energy": "watt_hour", "charge": "milliampere_hour", "voltage": "volt",
    "frequency": "hertz", "data": "gigabyte", "resolution": "megapixel", "light": "lumen",
    "temperature": "degree_Celsius", "share": "percent",
}  # fmt: skip


@pytest.fixture(scope="module")
def registry() -> object:
    pint = pytest.importorskip("pint")
    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_factors_are_those_of_pint(registry: object, unit: Unit) -> None:
    quantity = registry.Quantity  # type: ignore[attr-defined]
    for value in (1.0, 98.6):
        expected = quantity(value, unit.name).to(BASES[unit.dimension]).magnitude
        assert value * unit.factor + unit.offset == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Juice 1.5 l", [("volume", 1.5)]), ("1,5l", [("volume", 1.5)]),
        ("750 ml", [("volume", 0.75)]), ("750ml", [("volume", 0.75)]),
        ("75 cl", [("volume", 0.75)]),
        ("½ Liter", [("volume", 0.5)]), ("2 litros", [("volume", 2.0)]),
        ('TV 27"', [("length", 68.58)]), ("27 inch", [("length", 68.58)]),
        ("27-inch", [("length", 68.58)]), ("27-in screen", [("length", 68.58)]),
        ("27 Zoll", [("length", 68.58)]), ("27''", [("length", 68.58)]),
        ("27″", [("length", 68.58)]),
        ("27 pouces", [("length", 68.58)]), ('1/2" socket', [("length", 1.27)]),
        ("1 1/2 inch", [("length", 3.81)]), ("1½ inch", [("length", 3.81)]),
        ("68,6 cm", [("length", 68.6)]), ("2 m", [("length", 200.0)]),
        ("6.6 ft", [("length", 201.168)]), ("5' 3\"", [("length", 160.02)]),
        ("10 mm", [("length", 1.0)]), ("3 mètres", [("length", 300.0)]),
        ("500 GB", [("data", 500.0)]), ("1TB SSD", [("data", 1000.0)]),
        ("16 GB RAM", [("data", 16.0)]), ("65W", [("power", 65.0)]),
        ("2,2 kW", [("power", 2200.0)]),
        ("2000 mAh", [("charge", 2000.0)]), ("2.000 mAh", [("charge", 2000.0)]),
        ("144 Hz", [("frequency", 144.0)]), ("5 GHz", [("frequency", 5e9)]),
        ("230 V", [("voltage", 230.0)]), ("12/24 V", [("voltage", 12.0), ("voltage", 24.0)]),
        ("24 MP", [("resolution", 24.0)]), ("24 Mpx", [("resolution", 24.0)]),
        ("3 kg", [("mass", 3000.0)]), ("12 oz", [("mass", 340.194277)]),
        ("12 fl oz", [("volume", 0.354882355)]), ("1.500 ml", [("volume", 1.5)]),
        ("1.500 kg", [("mass", 1500.0)]), ("1,500 lb", [("mass", 680388.555)]),
        ("20 °C", [("temperature", 20.0)]), ("212 °F", [("temperature", 100.0)]),
        ("100% wool", [("share", 100.0)]), ("20 m² roll", [("area", 20.0)]),
        ("30 x 40 cm", [("length", 30.0), ("length", 40.0)]),
        ("30x40x5cm", [("length", 30.0), ("length", 40.0), ("length", 5.0)]),
        ("10-20 l", [("volume", 10.0), ("volume", 20.0)]), ("Model 5-750 ml", [("volume", 0.75)]),
    ],
)  # fmt: skip
def test_quantities_as_people_write_them(text: str, found: list[tuple[str, float]]) -> None:
    assert [(each.dimension, each.base) for each in find_quantities(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "5g network", "5G phone", "4K television", "M8 screw", "3D printer", "Core i5", "1080p",
        'the "Model 27" lamp', "“Type 8” chair", "2 in 1", "2-in-1 tablet", "3 in a box", "size XL",
        "A4", "W32 L34", "5w-30 oil", "180 g/m² paper", "5 M", "2 v 2", "no digit l", "",
        "90 km/h", "XC60 wl",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_quantity(text: str) -> None:
    assert find_quantities(text) == ()


def test_a_pack_is_one_quantity_several_times() -> None:
    text = "Cola, 6 x 330 ml cans"
    [pack] = find_quantities(text)
    assert (pack.count, pack.value, pack.unit, pack.base) == (6, 330.0, "ml", 0.33)
    assert text[pack.start : pack.end] == "6 x 330 ml"


def test_a_mark_that_closes_a_quotation_is_no_inch() -> None:
    [only] = find_quantities('TV 55", called "Series 7", flat')
    assert only.value == 55


@given(st.text(st.sampled_from("0123456789 .,/x-\"'’″“”½%°ClmgwinGB"), max_size=60) | st.text())
def test_any_text_is_read(text: str) -> None:
    for each in find_quantities(text):
        assert each.dimension in FIELDS
        assert 0 <= each.start < each.end <= len(text)
        assert each.count >= 1
        assert each.value >= 0


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("weight_kg", "kilogram"), ("screen_size_inch", "inch"), ("weight_value_grams", "gram"),
        ("power_w", "watt"), ("width", None), ("m", None), ("made_by", None),
    ],
)  # fmt: skip
def test_a_name_may_end_in_a_unit(name: str, unit: str | None) -> None:
    found = unit_of_name(name)
    assert (found and found.name) == unit


def test_a_product_says_quantities_in_its_title_and_attributes() -> None:
    product = Product(
        "1",
        'Monitor 27", 144 Hz',
        description="with a 3 m cable",
        attributes={
            "size": "68,58 cm", "weight_kg": 4.5, "box_weight_kg": "6,25", "ports": ("2 m", "HDMI"),
            "curved": True, "width": 60.0, "power_w": 30.0,
        },
    )  # fmt: skip
    assert sorted(quantity_values(product)) == [
        ("frequency_hz", 144.0), ("length_cm", 68.58), ("length_cm", 200.0), ("mass_g", 4500.0),
        ("mass_g", 6250.0), ("title_frequency_hz", 144.0), ("title_length_cm", 68.58),
    ]  # fmt: skip


def test_a_number_too_large_for_its_unit_is_left_out() -> None:
    assert list(quantity_values(Product("1", "x", attributes={"speed_ghz": 1e308}))) == []


def test_the_shop_s_own_field_wins() -> None:
    product = Product("1", "Water 1.5 l", attributes={"volume_l": "one and a half"})
    assert list(quantity_values(product)) == []
