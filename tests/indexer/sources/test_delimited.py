"""Delimited text as shops export it: dialects, encodings, stray quotation marks, long cells."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from dsv3.errors import InputError
from dsv3.indexer.product import LONGEST_TEXT
from dsv3.indexer.sources.load import read_records
from dsv3.indexer.sources.products import read_items
from dsv3.indexer.sources.records import RawRecord, ReadOptions, Rejected, SourceProgress
from hypothesis import given, settings
from hypothesis import strategies as st


def read(
    spec: str, encoding: str | None = None
) -> tuple[list[Any], list[Rejected], dict[str, str]]:
    """Return the records' fields, the rejected rows, and what was told of the text."""
    progress = SourceProgress()
    found = list(read_records(spec, ReadOptions(encoding=encoding), progress))
    fields = [dict(item.fields) for item in found if isinstance(item, RawRecord)]
    rejected = [item for item in found if isinstance(item, Rejected)]
    return fields, rejected, progress.recognised.get(spec, {})


TABLE = [["id", "title", "price"], ["p1", "Wok, 30 cm", "39.90"], ["p2", "Sieve", "12.00"]]
EXPECTED = [dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]]


def as_text(delimiter: str, *, end: str = "\n", rows: list[list[str]] = TABLE, **how: Any) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end, **how).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", list(",;\t|^~"))
def test_delimiters_and_ends_of_lines_are_told(write: Any, delimiter: str, end: str) -> None:
    fields, rejected, told = read(write("a.csv", as_text(delimiter, end=end).encode()))
    assert (fields, rejected) == (EXPECTED, [])
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", "^": "caret", "~": "tilde"}
    assert told == {"encoding": "utf-8", "dialect": f"{names[delimiter]}, quotes doubled"}


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("sep=;\nid;title\n1;Wok, 30\n", "semicolon, quotes doubled, header in row 2"),
        ('"sep=:"\r\nid:title\r\n1:"Wok, 30"\r\n', "':', quotes doubled, header in row 2"),
        ('\nStock list,\n\nid,title\n1,"Wok, 30"\n', "comma, quotes doubled, header in row 4"),
        ("# made by hand\nid;title\n1;Wok, 30\n", "semicolon, quotes doubled, header in row 2"),
        ("Wares, tools and pots\nid\ttitle\n1\tWok, 30\n", "tab, quotes doubled, header in row 2"),
        ("'id','title'\n'1','Wok, 30'\n'2','x'\n", "comma, single quotes, quotes doubled"),
    ],
)  # fmt: skip
def test_what_stands_before_the_header_is_passed_over(write: Any, text: str, dialect: str) -> None:
    fields, rejected, told = read(write("a.csv", text))
    assert fields[0] == {"id": "1", "title": "Wok, 30"}
    assert not rejected
    assert told["dialect"] == dialect


def test_spaces_after_delimiters(write: Any) -> None:
    text = 'id, title, price\n1, "Wok, 30", 9.00\n2, Sieve, 4.00\n'
    assert read(write("a.csv", text))[0] == [
        {"id": "1", "title": "Wok, 30", "price": "9.00"},
        {"id": "2", "title": "Sieve", "price": "4.00"},
    ]


def test_codes_that_are_guarded_as_formulas(write: Any) -> None:
    text = 'sku,title,ean\n="007",Wok,="0012"\n"=""008""","Wok, 30","=""0013"""\n'
    assert [list(each.values()) for each in read(write("a.csv", text))[0]] == [
        ["007", "Wok", "0012"],
        ["008", "Wok, 30", "0013"],
    ]


def test_a_header_that_is_never_closed_is_an_error(write: Any) -> None:
    for later in ("3,Pan,5.00", '3,"Pan, 20",5.00'):
        text = f'id,"title,price\n1,Wok,9.00\n2,Sieve,4.00\n{later}\n'
        with pytest.raises(InputError, match="mark in the header, line 1, is never closed"):
            read(write("a.csv", text))
    assert read(write("b.csv", 'id,"title","price\n(EUR)"\n1,Wok,9.00\n'))[0] == [
        {"id": "1", "title": "Wok", "price\n(EUR)": "9.00"}
    ]


def test_a_stray_quotation_mark_where_rows_are_shorter_than_the_header(write: Any) -> None:
    rows = [f"{n},Wok {n},{n}.00" for n in range(20)]
    rows[4] = '4,"Wok 4,4.00'
    rows[9] = '9,"Wok, 9",9.00'
    fields, rejected, _ = read(write("a.csv", "\n".join(["id,title,price,note,x", *rows, ""])))
    assert [each.line for each in rejected] == [6]
    assert len(fields) == 19


def test_decimal_commas_are_no_delimiters(write: Any) -> None:
    rows = "".join(f"{n};Wok {n}, schwarz;{n},90;1,5\n" for n in range(1, 9))
    fields, _, told = read(write("a.csv", "Nr;Name;Preis;Liter\n" + rows))
    assert fields[0] == {"Nr": "1", "Name": "Wok 1, schwarz", "Preis": "1,90", "Liter": "1,5"}
    assert told["dialect"].startswith("semicolon")


def test_a_tsv_that_holds_commas_is_read_by_what_it_holds(write: Any) -> None:
    assert read(write("a.tsv", as_text(",")))[0] == EXPECTED


def test_a_text_without_a_delimiter_is_refused(write: Any) -> None:
    with pytest.raises(InputError, match=r"a\.csv: no delimiter was found.*sep="):
        read(write("a.csv", "Dear all\nthe list comes later\n"))
    assert read(write("b.csv", "title\nWok\nSieve\n"))[0] == [{"title": "Wok"}, {"title": "Sieve"}]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('"Say \\"go\\", twice"', 'Say "go", twice'),
        ('"\\"Nord\\""', '"Nord"'),
        ("C:\\wares\\wok", "C:\\wares\\wok"),
        ('"back\\\\slash, ""both"""', 'back\\slash, "both"'),
    ],
)
def test_quotes_after_a_backslash(write: Any, cell: str, value: str) -> None:
    usual = "".join(f'{n},"Pot \\"{n}\\", steel",4.00\n' for n in range(2, 9))
    fields, rejected, told = read(write("a.csv", f"id,title,price\n1,{cell},9.00\n{usual}"))
    assert not rejected
    assert fields[0] == {"id": "1", "title": value, "price": "9.00"}
    assert fields[1]["title"] == 'Pot "2", steel'
    assert told["dialect"] == "comma, quotes after a backslash"


@pytest.mark.parametrize("cell", [1, 5])
def test_quotes_after_a_backslash_in_cells_of_several_lines(write: Any, cell: int) -> None:
    text = '<p class=\\"intro\\">Warm, soft</p>\n<p class=\\"more\\">Washable</p>'
    rows = [f'{n},Rug {n},"{text if n <= cell else "plain, short"}",{n}.50\n' for n in range(1, 6)]
    spec = write("a.csv", "id,title,description,price\n" + "".join(rows))
    fields, rejected, told = read(spec)
    assert not rejected
    assert [each["price"] for each in fields] == [f"{n}.50" for n in range(1, 6)]
    assert fields[0]["description"] == text.replace("\\", "")
    assert told["dialect"] == "comma, quotes after a backslash"


def test_a_backslash_before_the_end_of_a_cell_is_itself(write: Any) -> None:
    text = 'id,path,note\n1,"C:\\",a\n2,"D:\\x\\","say ""x"""\n3,E:\\,b\n'
    fields, rejected, told = read(write("a.csv", text))
    assert [each["path"] for each in fields] == ["C:\\", "D:\\x\\", "E:\\"]
    assert fields[1]["note"] == 'say "x"'
    assert not rejected
    assert told["dialect"] == "comma, quotes doubled"


LANGUAGES = {
    "German": ("Nr;Name\n1;Großer Kochtopf für Gemüse\n2;Löffel, weiß\n", "cp1252 mac_roman cp850"),
    "French": ("Réf;Nom\n1;Poêle à crêpes émaillée\n2;Théière, façon été\n", "cp1252 mac_roman"),
    "Swedish": ("Nr;Namn\n1;Blå kåpa för kök\n2;Hängare, trä\n", "cp1252 mac_roman"),
    "Spanish": ("Nº;Nombre\n1;Sartén pequeña\n2;Cajón, jardín\n", "cp1252 mac_roman"),
    "Polish": ("Nr;Nazwa\n1;Łyżka do zupy, żółta\n2;Garnek ze stali, część\n", "cp1250 iso8859_2"),
    "Czech": ("Č;Název\n1;Lžíce na polévku, dřevěná\n2;Hrnek, průměr\n", "cp1250 iso8859_2"),
    "Hungarian": ("Sz;Név\n1;Főzőkanál, fűszerőrlő\n2;Bögre, kék\n", "cp1250"),
    "Turkish": ("No;Başlık\n1;Çelik tencere, yeşil ışık\n2;Kaşık, ağaç\n", "cp1254"),
    "Russian": ("Номер;Название\n1;Чайник, красный\n2;Ложка деревянная\n", "cp1251 koi8_r"),
    "Greek": ("Κωδικός;Τίτλος\n1;Κουτάλι, ξύλινο\n2;Κατσαρόλα μεγάλη\n", "cp1253"),
    "Japanese": ("番号;商品名\n1;電気ケトル、赤いもの\n2;木のスプーン\n", "cp932 euc_jp"),
    "Chinese": ("编号;名称\n1;电水壶,红色的\n2;木勺子和锅\n", "gb18030"),
}


@pytest.mark.parametrize("times", [1, 300])
@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        (language, encoding)
        for language, (_, encodings) in LANGUAGES.items()
        for encoding in [*encodings.split(), "utf-8", "utf-8-sig", "utf-16", "utf-16-le",
                         "utf-16-be", "utf-32", "utf-32-le"]
    ],
)  # fmt: skip
def test_encodings_are_told(write: Any, language: str, encoding: str, times: int) -> None:
    header, *rows = LANGUAGES[language][0].splitlines()
    spec = write("a.csv", "\n".join([header, *(rows * times), ""]).encode(encoding))
    fields, rejected, told = read(spec)
    assert not rejected
    assert fields == [
        dict(zip(header.split(";"), row.split(";"), strict=True)) for row in rows * times
    ], told


def test_an_encoding_that_is_given_overrules(write: Any) -> None:
    spec = write("a.csv", "id;title\n1;è\n".encode("cp1252"))
    assert read(spec)[0][0]["title"] == "è"
    assert read(spec, "cp1250")[0][0]["title"] == "č"
    _, rejected, _ = read(spec, "utf-8")
    assert [(each.line, each.reason) for each in rejected] == [(2, "the line is not utf-8")]
    for unknown in ("klingon", "base64", "x\0"):
        with pytest.raises(InputError, match=r"--encoding .* unknown; known are utf-8"):
            read(spec, unknown)


def test_a_line_in_another_encoding_than_the_rest(write: Any) -> None:
    rows = [f"{n},Müsli {n}\n".encode() for n in range(50)]
    rows[7] = "7,Müsli\n".encode("cp1252")
    rows[9] = b"9,\xff\x81\n"
    fields, rejected, _ = read(write("a.csv", b"id,title\n" + b"".join(rows)))
    assert fields[7]["title"] == "Müsli"
    assert [(each.line, each.reason) for each in rejected] == [
        (11, "the line is neither UTF-8 nor Windows-1252")
    ]
    assert len(fields) == 49


def test_an_encoding_that_shows_after_the_sample(write: Any) -> None:
    plain = "".join(f"{n};Garnek {n}\n" for n in range(10_000))
    text = f"nr;title\n{plain}x;Żółta łyżka, część\n"
    assert read(write("a.csv", text.encode("cp1250")))[0][-1]["title"] == "Żółta łyżka, część"


def test_marks_of_other_lines_stay_in_cells(write: Any) -> None:
    cell = "a\x85b\u2028c\x0bd\x0ce\x1ff\x00g"
    fields, _, _ = read(write("a.csv", f"id,title\n1,{cell}\n2,x\n".encode()))
    assert [each["title"] for each in fields] == [cell, "x"]


def test_lines_of_a_cell_are_kept_as_they_are(write: Any) -> None:
    cell = "one\n\n  \r\nthree, 3\rfour\n"
    rows = [["id", "title", "x"], ["1", cell, "y"], ["2", "b", "z"]]
    fields, rejected, _ = read(write("a.csv", as_text(",", rows=rows).encode()))
    assert [each["title"] for each in fields] == [cell, "b"]
    assert not rejected


def test_a_return_within_a_line_ends_it_only_between_rows(write: Any) -> None:
    fields, rejected, _ = read(write("a.csv", b"id,title\n1,a\n2,b\r3,c\n4,d\re\n5,f\n"))
    assert [each["id"] for each in fields] == ["1", "2", "3", "5"]
    assert [each.record for each in rejected] == ["4,d\re"]


def test_a_long_cell_is_read_and_cut(write: Any) -> None:
    long = '<img src="data:' + "A, b\n" * LONGEST_TEXT + '">'
    rows = [["id", "title", "description", "x"], ["1", "a", long, "y"], ["2", "b", "c", "z"]]
    before = csv.field_size_limit()
    spec = write("a.csv", as_text(",", rows=rows))
    progress = SourceProgress()
    first, second = read_items([spec], progress=progress)
    assert not isinstance(first, Rejected)
    assert first.record.fields == {**dict(zip(rows[0], rows[1], strict=True)),
                                   "description": long[:LONGEST_TEXT]}  # fmt: skip
    assert second.line == long.count("\n") + 3
    assert progress.cut == {"description": 1}
    assert csv.field_size_limit() == before
    assert read(spec)[0][0]["description"] == long


ROWS = [f"{n},Norden shelf {n},{n}.00,Norden" for n in range(1, 10)]
HEADER = "id,title,price,brand"


@pytest.mark.parametrize("at", range(9))
@pytest.mark.parametrize(
    ("bad", "closing"),
    [
        ('97,"17 inch arm,13.00,Norden', None),
        ('97,arm,13.00,"Norden', None),
        ('"97,arm,13.00,Norden', None),
        ('97,"17 inch arm,13.00,Norden', '98,"Norden shelf",19.00,Norden'),
        ('97,"17 inch arm,13.00,Norden', '98,"Norden shelf, nine",19.00,Norden'),
        ('97,"17 inch arm,13.00,Norden', '98,shelf 9",19.00,Norden'),
        ('97,arm,13.00,"Norden', '"98",shelf,19.00,Norden'),
        ('97,arm,13.00,"Norden', '98,shelf,19.00,"Norden"'),
    ],
)
def test_a_stray_quotation_mark_costs_its_own_row(
    write: Any, bad: str, closing: str | None, at: int
) -> None:
    rows = list(ROWS)
    if closing:
        rows.insert(min(at + 4, 8), closing)
    rows.insert(at, bad)
    fields, rejected, _ = read(write("a.csv", "\n".join([HEADER, *rows, ""])))
    assert [each.line for each in rejected] == [at + 2]
    assert [each.record for each in rejected] == [bad]
    assert "quotation mark" in rejected[0].reason
    assert [each["id"] for each in fields] == [
        row.split(",")[0].strip('"') for row in rows if row != bad
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "one\ntwo",
        "one,\ntwo, three, and four\nfive, six, seven, eight",
        "Sizes:\n2,Small,9.00,X\n3,Large,9.50,X\nend of the table",
        '17" wide\n\n40" long, steel',
        "<p>one</p>\n<p>two, three, four, five</p>\n",
    ],
)
@pytest.mark.parametrize("column", [1, 3])
def test_a_cell_of_several_lines_is_kept(write: Any, cell: str, column: int) -> None:
    table = [line.split(",") for line in [HEADER, *ROWS]]
    table[4][column] = cell
    fields, rejected, _ = read(write("a.csv", as_text(",", rows=table)))
    assert not rejected
    assert [list(each.values()) for each in fields] == table[1:]


def test_two_short_lines_in_the_last_of_two_cells_are_kept(write: Any) -> None:
    text = 'id,title\nA-1,"Warm\nred, blue"\nA-2,"Soft\nrot,blau"\nA-3,x\nA-4,y\n'
    fields, rejected, _ = read(write("a.csv", text))
    assert [each["title"] for each in fields] == ["Warm\nred, blue", "Soft\nrot,blau", "x", "y"]
    assert not rejected


def test_a_file_cut_within_a_text_gives_no_rows_of_its_lines(write: Any) -> None:
    text = 'id,title,description\n1,a,"b"\n2,c,"First, the line\nand, then, more\nof it'
    fields, rejected, _ = read(write("a.csv", text))
    assert [each["id"] for each in fields] == ["1"]
    assert [(each.line, each.ends) for each in rejected] == [(3, True)]


@pytest.mark.parametrize(
    "text", ['24" wide, black', '24" wide, black\nand light', '24" wide\nlight']
)
def test_a_table_most_of_whose_rows_are_broken_gives_no_rows_of_their_lines(
    write: Any, text: str
) -> None:
    rows = [f'S{n},Lamp {n},"A {text}",{n}.50\n' for n in range(500)]
    fields, rejected, _ = read(write("a.csv", "sku,title,description,price\n" + "".join(rows)))
    assert fields == []
    assert [each.record for each in rejected] == [row.rstrip("\n") for row in rows]


def test_rows_with_too_many_cells_are_told_each(write: Any) -> None:
    rows = [f"{n},Shelf {n}, oak,{n}.00,Norden" if n in (3, 4) else ROWS[n - 1]
            for n in range(1, 10)]  # fmt: skip
    fields, rejected, _ = read(write("a.csv", "\n".join([HEADER, *rows, ""])))
    assert [each.line for each in rejected] == [4, 5]
    assert len(fields) == 7


def test_quotes_that_leave_a_row_short_are_told(write: Any) -> None:
    fields, rejected, _ = read(write("a.csv", 'id,title,x\n1,"a,b,"c"\n2,"d",e\n3,f\n'))
    assert [each["id"] for each in fields] == ["2", "3"]
    assert rejected[0].reason == "a quotation mark is out of place: 2 of 3 cells are left"


def test_delimiters_at_the_end_of_rows_or_of_the_header_alone(write: Any) -> None:
    assert read(write("a.csv", "id,title\n1,a,\n2,b,\n"))[:2] == (
        [{"id": "1", "title": "a"}, {"id": "2", "title": "b"}], [])  # fmt: skip
    assert read(write("b.csv", "id,title,\n1,a\n2,b"))[:2] == (
        [{"id": "1", "title": "a"}, {"id": "2", "title": "b"}], [])  # fmt: skip


def test_rows_without_content_and_headers_once_more_are_counted(write: Any) -> None:
    progress = SourceProgress()
    spec = write("a.csv", "id,title\n1,a\n,\n\nid,title\n2,b\n ,,\n")
    assert len(list(read_records(spec, progress=progress))) == 2
    assert progress.skipped == {"an empty row": 2, "a repeated header": 1}


_CELLS = st.text(
    st.characters(codec="cp1252", exclude_categories=["Cc"], exclude_characters="'\\#"), max_size=12
).map(str.strip)


@st.composite
def _tables(draw: st.DrawFn) -> list[list[str]]:
    rows = draw(st.lists(st.tuples(_CELLS, _CELLS, _CELLS), min_size=1, max_size=30))
    return [
        ["id", "title", "description", "price"],
        *([f"A-{n}", *map(_lined, cells[:2]), f"{n}.50"] for n, cells in enumerate(rows)),
    ]  # fmt: skip


def _lined(cell: str) -> str:
    return cell.replace("x", "\n").replace("y", "\r\n")


@settings(max_examples=150, deadline=None)
@given(
    table=_tables(),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_a_table_that_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[str]],
    delimiter: str,
    encoding: str,
    end: str,
    quoting: int,
) -> None:
    path: Path = tmp_path_factory.mktemp("t") / "a.csv"
    if end == "\r":
        quoting = csv.QUOTE_ALL  # the writer leaves "\n" bare where it ends no lines
    path.write_bytes(as_text(delimiter, end=end, rows=table, quoting=quoting).encode(encoding))
    fields, rejected, told = read(str(path))
    assert [list(each.values()) for each in fields] == table[1:], told
    assert not rejected


def _shelf(n: int) -> str:
    text = f"First line of {n}.\nSecond line, with a comma.\n\n- strong, light, {n} cm"
    return f'S{n},"Shelf {n}, oak",Norden,{n}.50,"{text}"\n'


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize(
    "bad",
    [
        'X1,"Lamp,Orvana,9.50,"Line one.\nLine two, more.\n"\n',
        'X1,Lamp 19",Orvana,9.50,"Line one 19" big.\nLine two, more.\n"\n',
        'X1,Lamp,"Orvana,9.50,"Line one.\n\nLine two.\n"\n',
        '"X1,Lamp,Orvana,9.50,plain text\n',
        '"X1,"Lamp, oak",Orvana,9.50,"one line"\n',
        'X"1"",Lamp,Orvana,"9.50"x,"one line"\n',
        'X1,Lamp,Orvana,9.50,"24" wide, black.\n\n- strong, light"\n',
        'X1,Lamp,Orvana,9.50,"24" wide and black.\n\n- one, two, three, four, five"\n',
        'X1,Lamp,Orvana,9.50,"24" wide and black.\n\n- one,two,three,four,five"\n',
        'X1,"Lamp,Orvana,9.50,"Line one\nline two\n\nline four, with comma"\n',
        'X1,Lamp,Orvana,9.50,"Line one, never closed\nline two, with comma\n',
    ],
)
def test_a_stray_mark_beside_cells_of_several_lines_costs_its_own_row(
    write: Any, bad: str, at: int
) -> None:
    rows = [_shelf(n) for n in range(1, 7)]
    rows.insert(at, bad)
    spec = write("a.csv", "sku,title,brand,price,description\n" + "".join(rows))
    fields, rejected, _ = read(spec)
    assert [each["sku"] for each in fields] == [f"S{n}" for n in range(1, 7)]
    assert [each.record for each in rejected] == [bad.rstrip("\n")]
    assert fields[-1]["description"].endswith("- strong, light, 6 cm")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_stray_mark_anywhere_beside_cells_of_several_lines(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rows = [_shelf(n) for n in range(1, 12)]
    at = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.integers(0, len(rows[at]) - 2))
    gone = data.draw(st.integers(0, 1)) if rows[at][place] != "\n" else 0
    rows[at] = rows[at][:place] + '"' + rows[at][place + gone :]
    path = tmp_path_factory.mktemp("t") / "a.csv"
    path.write_text("sku,title,brand,price,description\n" + "".join(rows))
    fields, rejected, _ = read(str(path))
    others = [f"S{n}" for n in range(1, 12) if n != at + 1]
    assert [each["sku"] for each in fields if each["sku"] in others] == others
    assert len(fields) <= len(rows) <= len(fields) + len(rejected)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_leaves_the_rows_that_it_does_not_touch(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = [f'{n},"Shelf, no. {n}",{n}.00,Norden' if n % 3 == 0 else f"{n},Shelf {n},{n}.00,Orvana"
             for n in range(100, 140)]  # fmt: skip
    at = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[at])))
    mark = data.draw(st.sampled_from(['"', ",", "", "\x00", '",', ',"', "x"]))
    gone = data.draw(st.integers(0, 3))
    lines[at] = lines[at][:place] + mark + lines[at][place + gone :]
    path = tmp_path_factory.mktemp("t") / "a.csv"
    path.write_text("\n".join(["id,title,price,brand", *lines, ""]))
    fields, rejected, _ = read(str(path))
    whole = {str(n) for n in range(100, 140) if n != 100 + at}
    assert whole <= {each["id"] for each in fields}
    assert len(fields) + len(rejected) == len(lines)
