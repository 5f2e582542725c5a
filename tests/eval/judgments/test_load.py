from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dsv3.errors import InputError
from dsv3.eval.judgments.load import LAYOUTS, load_qrels, load_run
from dsv3.eval.judgments.tables import read_frequencies

PAIRS = {"usb c cable": {"P 1": 3, "键盘-2": 0}, "قلم": {"P 1": 1}}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rows() -> list[tuple[str, str, int]]:
    return [(q, p, grade) for q, judged in PAIRS.items() for p, grade in judged.items()]


def delimited(sign: str, header: tuple[str, ...] = ("query", "product_id", "grade")) -> str:
    return "\n".join(sign.join(map(str, row)) for row in (header, *rows())) + "\n"


def test_csv_tsv_and_jsonl_hold_the_same(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "j.csv", "\ufeff" + delimited(",")),
        write(tmp_path / "j.tsv", delimited("\t", ("Search Term", "ASIN", "Relevance"))),
        write(
            tmp_path / "j.jsonl",
            "\n".join(json.dumps({"query": q, "docid": p, "rating": g}) for q, p, g in rows()),
        ),
        tmp_path / "j.csv.gz",
    ]
    files[-1].write_bytes(gzip.compress(delimited(",").encode()))
    for file in files:
        assert load_qrels(file).grades == PAIRS, file


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_header_of_a_csv_tells_its_delimiter(tmp_path: Path, sign: str) -> None:
    assert load_qrels(write(tmp_path / "j.csv", delimited(sign))).grades == PAIRS


def test_ids_and_texts_of_queries(tmp_path: Path) -> None:
    file = write(tmp_path / "j.csv", "query_id,query,product_id,grade\n7,usb cable,a,2\n")
    qrels = load_qrels(file)
    assert qrels.grades == {"7": {"a": 2}}
    assert qrels.queries == {"7": "usb cable"}
    bare = write(tmp_path / "bare.csv", "query_id,product_id,grade\n7,a,2\n")
    texts = write(tmp_path / "q.csv", "query_id,query\n7,usb cable\n")
    assert load_qrels(bare, queries=texts).queries == {"7": "usb cable"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("query,price\na,3\n", "no column for product_id, grade among query, price"),
        ("query,product_id,grade\na,b,good\n", "line 2: grade 'good'"),
        ("query,product_id,grade\na,b,1.5\n", "line 2: grade '1.5'"),
        ("query,product_id,grade\n,b,1\n", "line 2: no query"),
        ("query,product_id,grade\n", "no judgment found"),
        ('query,product_id,grade\na,b,1\n"a,b,1\n', "line 3: cannot be read .* quotation mark"),
    ],
)
def test_wrong_judgments_are_told_by_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_qrels(write(tmp_path / "j.csv", text))


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_qrels(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no such file"):
        load_run(tmp_path / "none.trec")
    with pytest.raises(InputError, match="layout 'wrong' is not known: esci, wands, beir"):
        load_qrels(tmp_path, "wrong")
    with pytest.raises(InputError, match="no layout of judgments"):
        load_qrels(tmp_path)


def test_beir(tmp_path: Path) -> None:
    write(tmp_path / "queries.jsonl", '{"_id": "1", "text": "red shoes"}\n')
    write(tmp_path / "qrels" / "dev.tsv", "query-id\tcorpus-id\tscore\n1\td 1\t1\n")
    write(tmp_path / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\n1\td2\t2\n")
    assert load_qrels(tmp_path).grades == {"1": {"d2": 2}}
    assert load_qrels(tmp_path, split="dev").grades == {"1": {"d 1": 1}}
    assert load_qrels(tmp_path).queries == {"1": "red shoes"}
    with pytest.raises(InputError, match=r"no qrels/train.tsv; there is dev, test"):
        load_qrels(tmp_path, split="train")


def test_esci_has_its_official_gains(tmp_path: Path) -> None:
    labels = ["E", "S", "C", "I", "E"]
    table = pa.table(
        {
            "query": ["red shoes"] * 4 + ["zapatos"],
            "query_id": [1, 1, 1, 1, 2],
            "product_id": ["a", "b", "c", "d", "e"],
            "product_locale": ["us"] * 4 + ["es"],
            "esci_label": labels,
            "split": ["test"] * 3 + ["train", "test"],
        }
    )
    pq.write_table(table, tmp_path / "shopping_queries_dataset_examples.parquet")
    qrels = load_qrels(tmp_path)
    assert qrels.grades == {"1": {"a": 3, "b": 2, "c": 1}, "2": {"e": 3}}
    assert [qrels.gain(grade) for grade in (3, 2, 1, 0)] == [1.0, 0.1, 0.01, 0.0]
    assert load_qrels(tmp_path, split="all", locale="us").grades["1"]["d"] == 0
    assert list(load_qrels(tmp_path, locale="es").queries.values()) == ["zapatos"]


def test_wands(tmp_path: Path) -> None:
    write(tmp_path / "query.csv", "query_id\tquery\tquery_class\n0\tsalon chair\tChairs\n")
    label = "id\tquery_id\tproduct_id\tlabel\n0\t0\t25434\tExact\n1\t0\t12088\tIrrelevant\n"
    write(tmp_path / "label.csv", label + "2\t0\t42931\tPartial\n")
    qrels = load_qrels(tmp_path)
    assert qrels.grades == {"0": {"25434": 2, "12088": 0, "42931": 1}}
    assert qrels.queries == {"0": "salon chair"}
    assert load_qrels(tmp_path / "label.csv").grades == qrels.grades


def test_chorus_with_one_or_three_raters(tmp_path: Path) -> None:
    one = write(tmp_path / "rated.csv", "query,docid,rating\nlaptop,1229111,0\n")
    three = write(
        tmp_path / "individual.csv",
        "query,docid,name,description,agent_1_rating,agent_2_rating,agent_3_rating,final_rating\n"
        'laptop,1229111,"a ""b""",c,2,0,0,0\n',
    )
    assert load_qrels(one).grades == load_qrels(three).grades == {"laptop": {"1229111": 0}}


def test_trec_files_are_told_from_tables(tmp_path: Path) -> None:
    qrels = write(tmp_path / "qrels.txt", "q1 0 a 2\nq1 0 b -1\n\n")
    assert load_qrels(qrels).grades == {"q1": {"a": 2, "b": -1}}
    run = load_run(write(tmp_path / "run.txt", "q1 Q0 a 1 2.0 bm25\nq1 Q0 b 2 1.0 bm25\n"))
    assert (run.name, run.rankings) == ("bm25", {"q1": ("a", "b")})


def test_every_layout_says_what_it_is() -> None:
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)
    assert all(layout.description for layout in LAYOUTS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.csv", "query,product_id,rank\nq,b,2\nq,a,1\n"),
        ("r.tsv", "query\tproduct_id\tscore\nq\ta\t0.9\nq\tb\t0.1\n"),
        ("r.jsonl", '{"query": "q", "doc_id": "a", "score": 2}\n{"query": "q", "doc_id": "b", '
                    '"score": 1}'),
    ],
)  # fmt: skip
def test_runs_from_tables(tmp_path: Path, name: str, text: str) -> None:
    run = load_run(write(tmp_path / name, text))
    assert run.rankings == {"q": ("a", "b")}
    assert run.name == "r"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.csv", "query,product_id\nq,a\n", "needs a column rank or score"),
        ("r.csv", "query,product_id,rank\nq,a,one\n", "line 2: rank 'one' is not a number"),
        ("r.csv", "query,product_id,rank\nq,a,1\nq,a,2\n", "line 3: .*ranked twice"),
        ("r.trec", "q Q0 a 1 2.0 x\nq Q0 a 2 1.0 x\n", "line 2: .*ranked twice"),
        ("r.trec", "q Q0 a 1 high x\n", "line 1: score 'high'"),
        ("r.trec", "q Q0 a 1\n", "line 1: expected 6 fields, found 4"),
    ],
)
def test_wrong_runs_are_told_by_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_run(write(tmp_path / name, text))


def test_query_logs(tmp_path: Path) -> None:
    counted = write(tmp_path / "log.csv", "query,frequency\nshoes,10\nhat,2\nshoes,1\n")
    assert read_frequencies(counted) == {"shoes": 11, "hat": 2}
    single = write(tmp_path / "log.jsonl", '{"user_query": "hat"}\n{"user_query": "hat"}\n')
    assert read_frequencies(single) == {"hat": 2}
