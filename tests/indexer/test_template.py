from __future__ import annotations

import pytest
from dsv3 import Product
from dsv3.errors import InputError
from dsv3.indexer.template import DEFAULT, Template

MOUSE = Product(
    "m1",
    "Wireless mouse",
    brand="Tarnwell",
    description="Quiet clicks, long life.",
    attributes={"colour": "white", "buttons": 3.0, "silent": True, "ports": ("usb-a", "usb-c")},
)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("{title}", "Wireless mouse"),
        (
            "{title}. {brand}. {category}. {description}",
            "Wireless mouse. Tarnwell. Quiet clicks, long life",
        ),
        ("{category}: {title}", "Wireless mouse"),
        ("Buy {title} ({brand})", "Buy Wireless mouse (Tarnwell)"),
        ("{title} {attributes:colour,ports}", "Wireless mouse white, usb-a, usb-c"),
        ("{title} {attributes}", "Wireless mouse white, 3, usb-a, usb-c"),
        ("{description:5}", "Quiet"),
        ("{title} {colour} {nothing}", "Wireless mouse white"),
        ("{nothing}", "Wireless mouse"),
        (DEFAULT, "Wireless mouse. Tarnwell. Quiet clicks, long life. white"),
    ],
)
def test_fills_what_there_is(form: str, text: str) -> None:
    assert Template(form).fill(MOUSE) == text


@pytest.mark.parametrize("form", ["", "no placeholder", "{title", "{description:many}", "}"])
def test_a_bad_template_is_one_clear_line(form: str) -> None:
    with pytest.raises(InputError, match="template") as caught:
        Template(form)
    assert "\n" not in str(caught.value)
