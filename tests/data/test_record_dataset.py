from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emotionnet.data.benchmarks.benchmark import ALL, picture
from emotionnet.data.image_folders import read_folders
from emotionnet.data.listing import Listing
from emotionnet.data.record_dataset import RecordDataset, dataset_of
from emotionnet.data.record_tables import SCHEMA
from emotionnet.records import SPLITS, DataError, ImageRecord, Word

MakeTree = Callable[..., Path]
PutPicture = Callable[[Path], Path]


def opened(root: Path, seed: int = 0) -> RecordDataset:
    return dataset_of(read_folders(root), seed=seed)


def ids(dataset: RecordDataset) -> dict[str, list[str]]:
    return {split: [record.id for record in dataset.unchecked_records(split)] for split in SPLITS}


def test_it_is_a_data_set_like_any_other(make_tree: MakeTree) -> None:
    dataset = opened(make_tree(anger=10, joy=20))
    assert dataset.emotions == (Word("anger", 10), Word("joy", 20))
    assert [len(dataset.records(split)) for split in SPLITS] == [21, 3, 6]
    assert dataset.table("val").columns == list(SCHEMA)
    assert dataset.table("val")["id"].to_list() == [record.id for record in dataset.records("val")]
    assert all(dataset.local_picture(record.path, record.id).is_file() for record in dataset.records("test"))
    assert (dataset.name, dataset.licences, dataset.dimension_names) == ("tree", {"tree": "unknown"}, ())
    assert dataset.info["counts"]["train_groups"] == 21


def test_words_count_groups_and_not_pictures(tmp_path: Path, put_picture: PutPicture) -> None:
    for name in ("a", "b", "c"):
        put_picture(tmp_path / f"{name}.png")
    records = (
        picture("t", "a.png", (0,), group="g", tags=(0,)),
        picture("t", "b.png", (0, 1), group="g"),
        picture("t", "c.png", (0, 1), label_weights=(1.0, 0.0), tags=(0,)),
    )
    listing = Listing(tmp_path, "t", "table", ("awe", "joy"), {"test": records}, tags=("sun",))
    dataset = dataset_of(listing, seed=0)
    assert dataset.emotions == (Word("awe", 2), Word("joy", 1))
    assert dataset.tags == (Word("sun", 2),)


def test_the_hash_is_that_of_records_and_files_not_of_their_place_or_order(make_tree: MakeTree) -> None:
    first = opened(make_tree("one", anger=10, joy=10))
    again = opened(make_tree("two", joy=10, anger=10))
    assert first.content_hash == again.content_hash
    assert first.split_hash("test") == again.split_hash("test")
    listing = read_folders(first.root)
    turned = replace(listing, records={ALL: tuple(reversed(listing.records[ALL]))})
    assert dataset_of(turned, seed=0).content_hash == first.content_hash
    other_seed = opened(first.root, seed=1)
    assert other_seed.content_hash != first.content_hash
    assert other_seed.split_hash("test") != first.split_hash("test")
    (again.root / "joy" / "3.png").write_bytes(b"another size")
    assert opened(again.root).content_hash != first.content_hash
    relabelled = replace(listing, labels=("anger", "awe"))
    assert dataset_of(relabelled, seed=0).content_hash != first.content_hash


def test_splits_of_the_files_stay(tmp_path: Path, put_picture: PutPicture) -> None:
    for split in SPLITS:
        put_picture(tmp_path / split / "joy" / f"{split}.png")
    dataset = opened(tmp_path)
    assert ids(dataset) == {split: [f"{split}/joy/{split}.png"] for split in SPLITS}
    assert dataset.drawn is None
    assert dataset.plan() is None


def test_train_without_val_gives_a_tenth(tmp_path: Path, put_picture: PutPicture) -> None:
    for number in range(20):
        put_picture(tmp_path / "train" / "joy" / f"{number}.png")
    put_picture(tmp_path / "test" / "joy" / "1.png")
    dataset = opened(tmp_path)
    assert {split: len(names) for split, names in ids(dataset).items()} == {"train": 18, "val": 2, "test": 1}
    plan = dataset.plan()
    assert plan is not None
    assert (plan["seed"], plan["protocol"], plan["splits"]) == (0, {"val": 0.1}, ids(dataset))


def test_train_alone_is_dealt_out_as_a_whole(tmp_path: Path, put_picture: PutPicture) -> None:
    for number in range(20):
        put_picture(tmp_path / "train" / "joy" / f"{number}.png")
    assert {split: len(names) for split, names in ids(opened(tmp_path)).items()} == {
        "train": 14,
        "val": 2,
        "test": 4,
    }


def test_a_test_split_is_not_made_up(
    tmp_path: Path, put_picture: PutPicture, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "val"):
        put_picture(tmp_path / split / "joy" / f"{split}.png")
    dataset = opened(tmp_path)
    assert ids(dataset)["test"] == []
    assert "no pictures are in test" in capsys.readouterr().err
    with pytest.raises(DataError, match=rf"{tmp_path.name}: the test split must hold at least one picture"):
        dataset.records("test")


def test_a_test_split_whose_pictures_are_gone_is_not_drawn_from_train(
    tmp_path: Path, put_picture: PutPicture, capsys: pytest.CaptureFixture[str]
) -> None:
    train = [picture("t", f"{number}.png", (0,)) for number in range(20)]
    for record in train:
        put_picture(tmp_path / record.path)
    records = {"train": tuple(train), "test": (picture("t", "gone.png", (0,)),)}
    dataset = dataset_of(Listing(tmp_path, "t", "table", ("joy",), records), seed=0)
    assert {split: len(names) for split, names in ids(dataset).items()} == {"train": 18, "val": 2, "test": 0}
    assert "no pictures are in test" in capsys.readouterr().err


def test_groups_and_the_seed_decide_what_is_drawn(tmp_path: Path, put_picture: PutPicture) -> None:
    """Drawn by picture, the four of a group would not stay together."""
    records = tuple(picture("t", f"{n}.png", (n % 2,), group=f"g{n // 4}") for n in range(80))
    for record in records:
        put_picture(tmp_path / record.path)
    for given in ({ALL: records}, {"train": records[:-4], "test": records[-4:]}):
        listing = Listing(tmp_path, "t", "table", ("awe", "joy"), given)
        drawn = [dataset_of(listing, seed=seed) for seed in (0, 1)]
        for dataset in drawn:
            places: dict[str, set[str]] = {}
            for split in SPLITS:
                for record in dataset.records(split):
                    places.setdefault(record.group, set()).add(split)
            assert all(len(found) == 1 for found in places.values())
        assert ids(drawn[0])["val"] != ids(drawn[1])["val"]


def test_names_of_dimensions_take_no_table(
    tmp_path: Path, put_picture: PutPicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_picture(tmp_path / "a.png")
    record = picture("t", "a.png", dimensions=(1.0, 2.0))
    listing = Listing(tmp_path, "t", "table", (), {"train": (record,)}, dimensions=("valence", "arousal"))
    dataset = dataset_of(listing, seed=0)
    monkeypatch.setattr(RecordDataset, "table", lambda *_: pytest.fail("of 100,000 rows it takes seconds"))
    assert dataset.dimension_names == ("valence", "arousal")
    assert dataset.records("train") == (record,)


def test_assigned_splits_go_before_those_that_are_drawn(
    make_tree: MakeTree, put_picture: PutPicture, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_tree(joy=10)
    before = opened(root, seed=5)
    split_of = {name: split for split, names in ids(before).items() for name in names}
    again = dataset_of(read_folders(root), seed=0, assigned=split_of)
    assert ids(again) == ids(before)
    assert again.content_hash == before.content_hash
    put_picture(root / "joy" / "new.png")
    assert ids(dataset_of(read_folders(root), seed=0, assigned=split_of)) == ids(before)
    error = capsys.readouterr().err
    assert "1 pictures are left out, since they are not among those that splits were drawn for" in error
    assert "first 'joy/new.png'" in error
    assert opened(root).share_in(split_of) == pytest.approx(10 / 11)
    with pytest.raises(DataError, match="some pictures must be among those that splits were drawn for"):
        again.assigned({"joy/other.png": "train"})


def listed(root: Path, *records: ImageRecord) -> Listing:
    return Listing(root, "t", "table", ("awe", "joy"), {"train": records, "val": (), "test": ()})


def test_what_cannot_be_used_is_left_out_with_one_message(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_tree(joy=4)
    records = [picture("t", f"joy/{number}.png", (1,)) for number in range(6)]
    records[1] = replace(records[1], labels=())
    records[2] = replace(records[2], label_weights=(0.0,))
    records[3] = replace(records[3], labels=(), dimensions=(1.0,))
    dataset = dataset_of(listed(root, *records, picture("t", "x\udcff.png", (1,))), seed=0)
    assert sorted(name for names in ids(dataset).values() for name in names) == ["joy/0.png", "joy/3.png"]
    error = capsys.readouterr().err
    assert "2 pictures are left out, since they are not there; first 'joy/4.png'" in error
    assert "2 pictures are left out, since they have no label; first 'joy/1.png'" in error
    assert "1 pictures are left out, since they have names that are not spelled in UTF-8" in error


def test_a_list_of_which_nothing_is_there_is_refused(tmp_path: Path) -> None:
    records = [picture("t", f"{number}.png", (1,)) for number in range(3)]
    text = (
        r"must hold a labelled picture; of 3 that are listed 3 are not there and 0 have no label, first missi"
    )
    with pytest.raises(DataError, match=text):
        dataset_of(listed(tmp_path, *records), seed=0)


def test_an_id_stands_once(make_tree: MakeTree) -> None:
    record = picture("t", "joy/0.png", (1,))
    with pytest.raises(DataError, match=r"id must stand once; 'joy/0\.png' stands twice"):
        dataset_of(listed(make_tree(joy=1), record, record), seed=0)


def test_groups_that_the_files_tear_apart_are_told_of(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (picture("t", f"joy/{number}.png", (1,), group="g") for number in range(2))
    listing = replace(listed(make_tree(joy=2)), records={"train": (first,), "val": (), "test": (second,)})
    dataset_of(replace(listing, records={"train": (first,), "val": (second,), "test": ()}), seed=0)
    assert "1 groups lie in two splits, as the files give; first 'g'" in capsys.readouterr().err


def test_a_split_that_is_none_is_refused(make_tree: MakeTree) -> None:
    dataset = opened(make_tree(joy=10))
    for ask in (dataset.records, dataset.table, dataset.split_hash):
        with pytest.raises(DataError, match="split must be one of train, val, test; got 'all'"):
            ask("all")


def test_a_record_of_another_data_set_cannot_lead_outside(make_tree: MakeTree) -> None:
    dataset = opened(make_tree(joy=10))
    with pytest.raises(DataError, match="leaves the folder"):
        dataset.image_path(picture("t", "../../secret.png"))
