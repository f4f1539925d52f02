"""Pictures by name: files beside shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotionnet.data.finding import find_images
from emotionnet.data.shards import naming
from emotionnet.data.shards.dataset import ShardDataset, open_shards
from emotionnet.data.shards.making import write_shards
from emotionnet.data.shards.member import ShardMember
from emotionnet.data.shards.naming import find_pictures, members, picture_at
from emotionnet.data.store import Dataset
from emotionnet.records import DataError
from tests.data.shards.conftest import MakeRemote


def test_other_names_stand_for_what_they_always_did(dataset: Dataset) -> None:
    names: list[str | Path] = [
        dataset.root / "images",
        f"{dataset.root}/images/oil/*.png",
        "none.png",
        "a\0b",
        "",
    ]
    assert find_pictures(names) == find_images(names)


def test_shards_stand_for_their_pictures_in_the_order_of_names(
    dataset: Dataset, shards: ShardDataset, remote: MakeRemote
) -> None:
    (first, *_), _ = find_images([dataset.root])
    url = remote(shards.root)
    found, faults = find_pictures([first, shards.root, url])
    assert faults == []
    assert found[0] == first
    assert tuple(found[1:41]) == shards.pictures()
    assert [str(one) for one in found[41:]] == [
        str(one).replace(str(shards.root), url) for one in shards.pictures()
    ]


def test_broken_shards_are_faults_and_the_rest_is_found(dataset: Dataset, shards: ShardDataset) -> None:
    (shards.root / "shards.json").write_text("{")
    found, faults = find_pictures([shards.root, dataset.root])
    assert len(found) == 40
    assert len(faults) == 1
    assert "shards.json: must be JSON" in faults[0]


def test_a_picture_in_a_shard_is_found_again_by_its_text(dataset: Dataset, shards: ShardDataset) -> None:
    member = shards.pictures()[7]
    assert picture_at(str(member)) == member
    path = dataset.image_path(dataset.records("val")[0])
    assert picture_at(str(path)) == path
    assert picture_at(f"{dataset.root}/x.tar/a.png") == Path(f"{dataset.root}/x.tar/a.png")
    with pytest.raises(DataError, match=r"x\.tar/a\.png: must lie in the shards of .*; none holds it"):
        picture_at(f"{shards.root}/x.tar/a.png")


def test_a_file_below_a_folder_that_is_called_like_a_shard_is_a_file(
    dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "b.tar").mkdir()
    path = dataset.image_path(dataset.records("val")[0])
    assert not isinstance(path, ShardMember)
    inside = tmp_path / "b.tar" / "a.png"
    inside.write_bytes(path.read_bytes())
    assert picture_at(str(inside)) == inside


def test_a_url_is_asked_only_by_leave(
    shards: ShardDataset, remote: MakeRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = remote(shards.root)
    text = str(members(url)[0])
    asked: list[str] = []

    def noted(root: str) -> tuple[ShardMember, ...]:
        asked.append(root)
        return members(root)

    monkeypatch.setattr(naming, "members", noted)
    naming._by_text.cache_clear()
    for stranger in (text, "https://example.org/a.tar/b.jpg", "file:///etc/a.tar/passwd", "s3://a.tar/b"):
        for urls in ((), ("memory://bucket", "https://example.com")):
            with pytest.raises(DataError, match=r"must lie in files or in shards that may be asked"):
                picture_at(stranger, urls=urls)
    assert asked == []
    assert picture_at(text, urls=[url]) == members(url)[0]
    assert asked == [url]


def test_a_text_that_no_file_can_have_is_a_fault() -> None:
    with pytest.raises(DataError, match="picture cannot be read"):
        picture_at(f"/{'a' * 5000}.tar/b.jpg")
    assert picture_at("/a\0b.tar/c.jpg") == Path("/a\0b.tar/c.jpg")


def test_shards_that_were_made_again_are_looked_at_again(dataset: Dataset, shards: ShardDataset) -> None:
    text = str(shards.pictures()[0])
    before = picture_at(text)
    write_shards(dataset, shards.root, samples=2, overwrite=True)
    after = picture_at(text)
    assert before != after == open_shards(shards.root).pictures()[0]
