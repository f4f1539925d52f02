import base64
import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from emotionnet.curation import emoji
from emotionnet.curation.emoji import VENDORS, unpack_emoji
from emotionnet.curation.npm import Package

LIST = [
    {"unified": "1F600", "name": "GRINNING FACE"},
    {"unified": "00A9-FE0F", "name": "COPYRIGHT SIGN"},
    {"unified": "1F938-200D-2640-FE0F", "name": "WOMAN CARTWHEELING"},
    {"unified": "1F938", "name": "PERSON DOING CARTWHEEL"},
]
KEYWORDS = {"\U0001f600": ["grinning_face", "happy"], "\u00a9": ["copyright"]}
NAMES = [
    {"hexcode": "1F600", "label": "grinning face", "tags": ["happy", "joy"]},
    {"hexcode": "1F938", "label": "person cartwheeling"},
    {"hexcode": "1F938-200D-2640-FE0F", "label": "woman cartwheeling", "tags": ["excited"]},
]


def packed(cache: Path, package: Package, members: dict[str, bytes]) -> Package:
    """Put a package with these members into the cache, and give it with its integrity."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    digest = base64.b64encode(hashlib.sha512(buffer.getvalue()).digest()).decode()
    fake = replace(package, integrity=f"sha512-{digest}")
    (cache / fake.file_name).write_bytes(buffer.getvalue())
    return fake


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with small packages in the layouts of the real ones; Fluent lacks the woman."""
    folder = tmp_path / "cache"
    folder.mkdir()
    stems = ("1f600", "00a9-fe0f", "1f938-200d-2640-fe0f", "1f938")
    pictures = [
        {f"{vendor.folder}{stem}.png": f"{vendor.name} {stem}".encode() for stem in stems}
        for vendor in VENDORS
    ]
    pictures[0] |= {"emoji.json": json.dumps(LIST).encode(), "img/google/sheets/64.png": b"sheet"}
    pictures[2] = {f"assets/{stem}.webp": stem.encode() for stem in ("1f600", "a9", "1f938")}
    vendors = [
        replace(vendor, package=packed(folder, vendor.package, members))
        for vendor, members in zip(VENDORS, pictures, strict=True)
    ]
    monkeypatch.setattr(emoji, "VENDORS", tuple(vendors))
    keywords = {"dist/emoji-en-US.json": json.dumps(KEYWORDS).encode()}
    monkeypatch.setattr(emoji, "EMOJILIB", packed(folder, emoji.EMOJILIB, keywords))
    names = {"en/data.json": json.dumps(NAMES).encode()}
    monkeypatch.setattr(emoji, "EMOJIBASE", packed(folder, emoji.EMOJIBASE, names))
    return folder


def test_there_is_a_record_for_each_emoji_that_a_vendor_drew(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    source = unpack_emoji(cache, tmp_path / "pictures")
    assert source.name == "emoji"
    assert source.records["id"].to_list() == [
        *(f"google/{stem}" for stem in ("1f600", "00a9-fe0f", "1f938-200d-2640-fe0f", "1f938")),
        *(f"twitter/{stem}" for stem in ("1f600", "00a9-fe0f", "1f938-200d-2640-fe0f", "1f938")),
        *(f"fluent/{stem}" for stem in ("1f600", "00a9-fe0f", "1f938")),
    ]


def test_a_record_has_the_tags_of_both_projects_and_its_vendors_licence(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    rows = {row["id"]: row for row in unpack_emoji(cache, tmp_path / "pictures").records.to_dicts()}
    assert rows["twitter/1f600"] == {
        "id": "twitter/1f600",
        "image": "twitter/1f600.png",
        "tags": ["grinning_face", "happy", "joy"],
        "group": "1f600",
        "source": "twitter",
        "licence": "CC-BY-4.0",
        "sha256": None,
        "look": None,
    }
    assert rows["google/1f938-200d-2640-fe0f"]["group"] == rows["fluent/1f938"]["group"] == "1f938"
    assert rows["google/1f938"]["tags"] == []
    assert rows["google/00a9-fe0f"]["tags"] == ["copyright"]


def test_the_pictures_are_unpacked_and_nothing_else(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    records = unpack_emoji(cache, folder).records
    assert (folder / "google/1f600.png").read_bytes() == b"google 1f600"
    assert dict(records.select("id", "image").iter_rows())["fluent/00a9-fe0f"] == "fluent/a9.webp"
    assert sum(path.is_file() for path in folder.rglob("*")) == 11
