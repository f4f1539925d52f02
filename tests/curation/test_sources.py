import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from emotionnet.curation import source_tables
from emotionnet.curation.sources import SOURCE_SCHEMA, has_tables, read_source, without_repeats
from emotionnet.records import DataError


def jsonl(folder: Path, *rows: Any) -> Path:
    path = folder / "records.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def csv(folder: Path, text: str) -> Path:
    path = folder / "records.csv"
    path.write_text(text)
    return path


def parquet(folder: Path, columns: dict[str, Sequence[Any]]) -> Path:
    path = folder / "records.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return read_source(path).records.select("id", "image", "tags", "group").to_dicts()


WANTED = [
    {"id": "7", "image": "a.jpg", "tags": ["sad", "cat"], "group": None},
    {"id": "8", "image": "sub/b.jpg", "tags": ["mad"], "group": "g"},
]


def test_json_lines(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path,
        {"id": 7, "image": "a.jpg", "tags": ["sad", "cat"], "more": {"x": 1}},
        {"id": "8", "image": "sub/b.jpg", "tags": ["mad"], "group": "g"},
    )
    source = read_source(path)
    assert rows(path) == WANTED
    assert (source.name, source.root, source.records.schema) == ("records", tmp_path, SOURCE_SCHEMA)


def test_the_raw_form_of_2020(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"cid": 12, "tags": ["happy^1.2"], "url": "https://example.org/1.jpg", "width": 9})
    assert rows(path) == [
        {"id": "12", "image": "https://example.org/1.jpg", "tags": ["happy^1.2"], "group": None}
    ]


@pytest.mark.parametrize("separator", ["|", ","])
def test_csv(tmp_path: Path, separator: str) -> None:
    tags = separator.join(["sad", "cat"])
    path = csv(tmp_path, f'id,image,tags,group\n7,a.jpg,"{tags}",\n8,sub/b.jpg,mad,g\n')
    assert rows(path) == WANTED


def test_in_a_csv_with_bars_a_comma_is_part_of_a_tag(tmp_path: Path) -> None:
    path = csv(tmp_path, 'id,image,tags\n7,a.jpg,"sad|cat"\n8,b.jpg,"hello, sir"\n')
    assert [row["tags"] for row in rows(path)] == [["sad", "cat"], ["hello, sir"]]


def test_parquet(tmp_path: Path) -> None:
    columns: dict[str, Sequence[Any]] = {
        "id": [7, 8],
        "image": ["a.jpg", "sub/b.jpg"],
        "tags": [["sad", "cat"], ["mad"]],
    }
    assert rows(parquet(tmp_path, {**columns, "group": [None, "g"]})) == WANTED


def test_a_record_may_lack_tags_and_picture(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"id": "1", "tags": ["sad"], "image": "a.jpg"}, {"id": "2"})
    assert rows(path)[1] == {"id": "2", "image": None, "tags": None, "group": None}


def faults(path: Path) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        _ = read_source(path).records
    return tuple(fault.removeprefix(str(path)) for fault in caught.value.faults)


def test_ids_must_stand_once_and_be_given(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,image,tags\n1,a,sad\n,b,sad\n1,c,sad\n1,d,sad\n")
    assert faults(path) == (
        ": row 2: id must be given; it is empty",
        ": row 3: every id must stand once; '1' stands in row 1 too",
        ": row 4: every id must stand once; '1' stands in row 1 too",
    )


def test_at_most_ten_faults_are_listed(tmp_path: Path) -> None:
    assert len(faults(csv(tmp_path, "id,image,tags\n" + "1,a,sad\n" * 50))) == 10


def test_faulty_json_lines_are_named(tmp_path: Path) -> None:
    good = {"id": "1", "image": "a.jpg", "tags": ["sad"]}
    path = jsonl(tmp_path, good, '{"id": "2", "ta', "", {**good, "id": "3", "tags": "sad|mad"}, "[1]")
    first, second, third = faults(path)
    assert first.startswith(":2: must be a JSON object; ")
    assert second == ":4: tags must be a list of strings; got str"
    assert third == ":5: must be a JSON object; got list"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,picture,tags\n1,a,b\n", ": must have the columns id, image, tags; image (or url) missing"),
        ("number\n1\n", ": must have the columns id, image, tags; id (or cid), image (or url), tags missing"),
        ("id,image,tags\n", ": must hold at least one record; it is empty"),
        ("", ": must be a CSV table; empty CSV"),
        ("id,image,tags\n1,a,b,c,d\n", ": must be a CSV table; found more fields than defined in 'Schema'"),
    ],
)
def test_csv_files_that_cannot_be_used(tmp_path: Path, text: str, reason: str) -> None:
    assert faults(csv(tmp_path, text)) == (reason,)


def test_json_lines_without_a_column(tmp_path: Path) -> None:
    assert faults(jsonl(tmp_path, {"id": 1, "tags": ["sad"]})) == (
        ": must have the columns id, image, tags; image (or url) missing",
    )


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"tags": ["sad"]}, ": column tags must be a list of strings; got String"),
        ({"tags": [[1]]}, ": column tags must be a list of strings; got List(Int64)"),
        ({"image": [5]}, ": column image must be text; got Int64"),
        ({"id": [1.5]}, ": column id must be text; got Float64"),
    ],
)
def test_columns_of_another_type(tmp_path: Path, columns: dict[str, list[Any]], reason: str) -> None:
    path = parquet(tmp_path, {"id": ["1"], "image": ["a.jpg"], "tags": [["sad"]], **columns})
    assert faults(path) == (reason,)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_file_of_another_kind(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"records.{suffix}"
    path.write_bytes(b"\xff\xfe\x00PNG\x00\n\x80" * 9)
    assert all(fault.startswith(":") for fault in faults(path))


@pytest.mark.parametrize("name", ["records.txt", "records", "folder.csv", "none.jsonl"])
def test_an_unknown_type_names_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / "records.txt").write_text("x")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(
        DataError,
        match=r"'emoji', 'openclipart', a folder or a file that ends in one of \.jsonl, \.csv, \.parquet",
    ):
        read_source(tmp_path / name)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_folder_may_have_brackets_in_its_name(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "run[1]*"
    folder.mkdir()
    row = {"id": "7", "image": "a.jpg", "tags": ["sad"]}
    makers = {
        "csv": lambda: csv(folder, "id,image,tags\n7,a.jpg,sad\n"),
        "parquet": lambda: parquet(folder, {name: [value] for name, value in row.items()}),
        "jsonl": lambda: jsonl(folder, row),
    }
    assert rows(makers[suffix]()) == [{**row, "group": None}]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_byte_order_mark_is_no_fault(tmp_path: Path, suffix: str) -> None:
    text = {
        "csv": "id,image,tags\n7,a.jpg,sad|cat\n8,sub/b.jpg,mad\n",
        "jsonl": '{"id":"7","image":"a.jpg","tags":["sad","cat"]}\n'
        '{"id":"8","image":"sub/b.jpg","tags":["mad"]}\n',
    }
    path = tmp_path / f"records.{suffix}"
    path.write_text(text[suffix], encoding="utf-8")
    plain = rows(path)
    path.write_text(text[suffix], encoding="utf-8-sig")
    assert rows(path) == plain
    assert plain[0]["tags"] == ["sad", "cat"]


def test_a_fault_behind_a_byte_order_mark_is_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text('{"id":"7","image":"a.jpg","tags":["sad"]}\nx\n', encoding="utf-8-sig")
    with pytest.raises(DataError) as error:
        _ = read_source(path).records
    assert len(error.value.faults) == 1
    assert error.value.faults[0].startswith(f"{path}:2: must be a JSON object")


def test_a_folder_of_downloads_has_pictures_below_it(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        images = ["images/x.jpg", "https://example.org/y.jpg", None]
        ids = [f"{number}{row}" for row in range(3)]
        parquet(tmp_path / name, {"id": ids, "image": images, "tags": [["sad"]] * 3})
    (tmp_path / "other").mkdir()
    parquet(tmp_path / "other", {"nothing": [1]}).rename(tmp_path / "other" / "features.parquet")
    assert has_tables(tmp_path)
    found = read_source(tmp_path)
    assert found.root == tmp_path
    assert found.records["id"].to_list() == ["00", "01", "02", "10", "11", "12"]
    assert found.records["image"].to_list() == [
        *("a/images/x.jpg", "https://example.org/y.jpg", None),
        *("b/images/x.jpg", "https://example.org/y.jpg", None),
    ]


def test_a_folder_with_tables_of_its_own_is_those(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    parquet(tmp_path / "a", {"id": ["1"], "image": ["x.jpg"], "tags": [["sad"]]})
    jsonl(tmp_path, {"id": "2", "image": "y.jpg", "tags": []})
    assert read_source(tmp_path).records["image"].to_list() == ["y.jpg"]


def test_ids_that_stand_twice_in_a_file_are_found_across_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_tables, "PIECE_BYTES", 150)
    folder = tmp_path / "tables"
    folder.mkdir()
    row = {"image": "a.jpg", "tags": ["sad"]}
    jsonl(folder, *({**row, "id": str(number)} for number in (*range(9), 2)))
    csv(folder, "id,image,tags\n5,a,sad\n10,a,sad\n10,b,sad\n").rename(folder / "a.csv")
    with pytest.raises(DataError) as caught:
        _ = read_source(folder).records
    assert caught.value.faults == (
        f"{folder}/a.csv: row 3: every id must stand once; '10' stands in row 2 too",
        f"{folder}/records.jsonl: row 10: every id must stand once; '2' stands in row 3 too",
    )


def keyword_files(folder: Path, *ids: Sequence[int]) -> None:
    """A file of its own for each list of ids, named a.csv, b.csv, and so on."""
    for name, some in zip("abcdefghijklmnop", ids, strict=False):
        lines = "".join(f"{number},{name}{number}.jpg,sad\n" for number in some)
        (folder / f"{name}.csv").write_text(f"id,image,tags\n{lines}")


def test_of_an_id_in_several_files_the_first_record_counts(tmp_path: Path) -> None:
    keyword_files(tmp_path, [1, 2], [3, 2], [2, 3, 4], [], [4, 5])
    source = read_source(tmp_path)
    assert source.records["image"].to_list() == ["a1.jpg", "a2.jpg", "b3.jpg", "c4.jpg", "e5.jpg"]
    assert source.records.schema == SOURCE_SCHEMA
    assert [without_repeats(batch)[1].rows() for batch in source.batches if batch.height] == [
        [],
        [("2", "same id as a record of a.csv")],
        [("2", "same id as a record of a.csv"), ("3", "same id as a record of b.csv")],
        [("4", "same id as a record of c.csv")],
    ]


def test_ids_of_many_files_are_told_as_a_dictionary_tells_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    files = [rng.permutation(200)[: rng.integers(1, 60)].tolist() for _ in range(16)]
    keyword_files(tmp_path, *files)
    first: dict[int, str] = {}
    wanted = []
    for name, some in zip("abcdefghijklmnop", files, strict=True):
        wanted += [(str(i), f"same id as a record of {first[i]}.csv") for i in some if i in first]
        first |= {i: name for i in some if i not in first}
    source = read_source(tmp_path)
    assert [row for batch in source.batches for row in without_repeats(batch)[1].rows()] == wanted
    assert source.records["image"].to_list() == [f"{name}{i}.jpg" for i, name in first.items()]


def test_ids_with_equal_hashes_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = pl.Series.hash

    def colliding(ids: pl.Series, seed: int) -> pl.Series:
        return hashed(ids, seed=seed) if seed else pl.Series(np.zeros(len(ids), dtype=np.uint64))

    monkeypatch.setattr(pl.Series, "hash", colliding)
    keyword_files(tmp_path, [1], [2])
    assert read_source(tmp_path).records["id"].to_list() == ["1", "2"]


def test_the_same_id_in_two_downloads_is_told_with_its_folder(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        parquet(tmp_path / name, {"id": ["1"], "image": ["x.jpg"], "tags": [["sad"]]})
    *_, last = read_source(tmp_path).batches
    assert without_repeats(last)[1].rows() == [("1", "same id as a record of a/records.parquet")]


def test_a_folder_with_a_picture_beside_its_table_is_an_album(tmp_path: Path) -> None:
    csv(tmp_path, "id,image,tags\n1,a.jpg,sad\n")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    assert has_tables(tmp_path)
    (tmp_path / "b.JPG").touch()
    assert not has_tables(tmp_path)
    (tmp_path / "b.JPG").unlink()
    (tmp_path / "records.csv").unlink()
    assert not has_tables(tmp_path)


def test_a_table_of_a_folder_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    jsonl(tmp_path, {"id": 1, "image": "a.jpg", "tags": ["sad"]})
    (tmp_path / "other.csv").write_text("id,tags\n2,sad\n")
    with pytest.raises(
        DataError, match=r"other\.csv: must have the columns id, image, tags; image \(or url\)"
    ):
        _ = read_source(tmp_path).records


def test_a_line_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_tables, "PIECE_BYTES", 100)
    row = {"id": 1, "image": "a.jpg", "tags": ["sad"]}
    assert faults(jsonl(tmp_path, row, {**row, "id": 2, "image": "x" * 500})) == (
        ": a line must have at most 100 bytes; one has more",
    )


def test_each_row_of_json_lines_may_use_the_other_name(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"cid": 1, "url": "a", "tags": []}, {"id": 2, "image": "b", "tags": []})
    assert [(row["id"], row["image"]) for row in rows(path)] == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (
            {"sha256": ["a" * 64, "A" * 64]},
            f": row 2: sha256 must be 64 digits from 0 to f; got '{'A' * 64}'",
        ),
        ({"look": [None, b"12"]}, ": row 2: look must be 32 bytes; got b'12'"),
        ({"look": ["a" * 32, None]}, ": column look must be 32 bytes; got String"),
    ],
)
def test_hashes_that_are_none(tmp_path: Path, columns: dict[str, list[Any]], reason: str) -> None:
    good: dict[str, Sequence[Any]] = {"id": ["1", "2"], "image": ["a", "b"], "tags": [["sad"], ["mad"]]}
    assert faults(parquet(tmp_path, {**good, **columns})) == (reason,)


def test_only_parquet_has_looks(tmp_path: Path) -> None:
    row = {"id": "1", "image": "a", "tags": ["sad"]}
    for path in (jsonl(tmp_path, {**row, "look": 5}), csv(tmp_path, "id,image,tags,look\n1,a,sad,5\n")):
        assert read_source(path).records.select("id", "look").rows() == [("1", None)]


def test_hashes_that_are_given(tmp_path: Path) -> None:
    look = bytes(range(32))
    path = parquet(
        tmp_path,
        {
            "id": [1, 2],
            "image": ["a", "b"],
            "tags": [[], []],
            "sha256": ["0f" * 32, ""],
            "look": [look, None],
        },
    )
    assert read_source(path).records.select("sha256", "look").rows() == [("0f" * 32, look), (None, None)]
