"""A small tree in the layout of Debian's packages; nothing of the packages themselves."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import polars as pl
import pytest
from PIL import Image

from emotionnet.config import CurateConfig, SplitSizes
from emotionnet.curation import openclipart
from emotionnet.curation.curate import curate
from emotionnet.curation.openclipart import describe_drawing, is_installed, read_openclipart
from emotionnet.data.check import check_dataset
from emotionnet.records import DataError

PUBLIC = "http://web.resource.org/cc/PublicDomain"


def svg(author: str, keywords: list[str], licence: str = PUBLIC, before: str = "") -> str:
    """As Inkscape writes it; the publisher's name is no author, a title is no keyword."""
    items = "".join(f"<rdf:li>{escape(word)}</rdf:li>" for word in keywords)
    return f"""<?xml version="1.0"?>{before}
<svg xmlns="http://www.w3.org/2000/svg"><title>not this</title><metadata>
<rdf:RDF xmlns:cc="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><cc:Work rdf:about="">
<dc:title>A picture</dc:title>
<dc:subject><rdf:Bag>{items}<rdf:li> </rdf:li></rdf:Bag></dc:subject>
<dc:publisher><cc:Agent><dc:title>Publisher</dc:title></cc:Agent></dc:publisher>
<dc:creator><cc:Agent><dc:title> {escape(author)}
</dc:title></cc:Agent></dc:creator>
<cc:license rdf:resource="{licence}"/></cc:Work></rdf:RDF></metadata><path d="M 0 0"/></svg>"""


def put(folder: Path, name: str, text: str, seed: int) -> None:
    drawing, picture = folder / "svg" / f"{name}.svg", folder / "png" / f"{name}.png"
    for path in (drawing, picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    drawing.write_text(text)
    pixels = np.random.default_rng(seed).integers(0, 255, size=(32, 32, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(picture)


def test_records_are_grouped_by_author_and_one_picture_is_one_record(tmp_path: Path) -> None:
    put(tmp_path, "food/apple", svg("Ann  Bo", ["fruit", "Apple"]), 1)
    put(tmp_path, "plants/apple", svg("Ann Bo", ["plant", "fruit"]), 1)
    put(tmp_path, "food/pear", svg("ANN BO", ["fruit"], "http://creativecommons.org/licenses/GPL/2.0/"), 2)
    put(tmp_path, "food/fig", svg("Mö & Co", ["a & b"], ""), 3)
    source = read_openclipart(tmp_path)
    assert source.root == tmp_path / "png"
    assert source.records.select("id", "image", "tags", "group", "licence").rows() == [
        ("food/apple", "food/apple.png", ["fruit", "Apple", "plant"], "ann bo", "public domain"),
        ("food/fig", "food/fig.png", ["a & b"], "mö & co", None),
        ("food/pear", "food/pear.png", ["fruit"], "ann bo", "GPL/2.0"),
    ]
    assert source.rejects.is_empty()


BOMB = '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE svg [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
BEYOND = '<!DOCTYPE svg [<!ENTITY % more SYSTEM "http://example.org/more.dtd"> %more;]>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (svg("Eve", ["a"], before=BOMB), "must declare no entity; declares 'a'"),
        (svg("Eve", ["a"], before=OUTSIDE), "must declare no entity; declares 'secret'"),
        (svg("Eve", ["a"], before=BEYOND), "must declare no entity; declares 'more'"),
        (svg("", ["a"]), "must name its author; names none"),
        ("<svg><metadata>", "must be XML; no element found"),
        ("\0\1 not XML", "must be XML; "),
        ("<a>" * 100_000, "elements must lie at most 200 deep"),
    ],
)
def test_a_drawing_that_cannot_be_used_is_rejected_with_its_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    put(tmp_path, "good", svg("Ann", ["fruit"]), 1)
    put(tmp_path, "odd", text, 2)
    source = read_openclipart(tmp_path)
    assert source.records["id"].to_list() == ["good"]
    [(name, said)] = source.rejects.rows()
    assert name == "odd"
    assert said.startswith(f"odd.svg: {reason}")


def test_of_a_large_drawing_no_more_is_read_than_its_rdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openclipart, "MAX_BYTES", 2**18)
    late, early = tmp_path / "late.svg", tmp_path / "early.svg"
    early.write_text(svg("Ann", ["fruit"]) + " <" * 2**18)  # no XML, but behind what is read
    assert describe_drawing(early).authors == ["Ann"]
    late.write_text("<svg>" + " " * 2**19 + "</svg>")
    with pytest.raises(DataError, match=r"late\.svg: RDF must end within 262,144 bytes"):
        describe_drawing(late)


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    assert not is_installed(tmp_path)
    with pytest.raises(DataError, match="apt-get install openclipart-png openclipart-svg"):
        read_openclipart(tmp_path)
    (tmp_path / "png").mkdir()
    (tmp_path / "svg").mkdir()
    assert is_installed(tmp_path)
    with pytest.raises(DataError, match="at least one drawing with an author"):
        read_openclipart(tmp_path)


def test_a_data_set_of_it_caps_authors_and_rejects_bombs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, words = tmp_path / "tree", tmp_path / "words.txt"
    words.write_text("fruit\nflag\n")
    for author in range(8):
        for number in range(2 if author else 5):
            word = ("fruit", "flag")[author % 2]
            text = svg(f"author {author}", [word, f"thing {'abcde'[number]} {'stuvwxyz'[author]}"])
            put(tree, f"{word}/{author}_{number}", text, 10 * author + number)
    put(tree, "fruit/bomb", svg("someone else", ["fruit", "boom"]), 99)
    Image.new("1", (20_000, 20_000)).save(tree / "png" / "fruit" / "bomb.png")
    monkeypatch.setattr("emotionnet.curation.curate.read_openclipart", lambda: read_openclipart(tree))
    config = CurateConfig(
        source="openclipart",
        vocabulary=words,
        min_emotion_groups=3,
        group_pictures=3,
        short_side=20,
        splits=SplitSizes(test=1, val=1, train=10),
        out=tmp_path / "dataset",
    )
    dataset = curate(config)
    records = [record for split in ("train", "val", "test") for record in dataset.records(split)]
    assert sorted(record.group for record in records).count("author 0") == 3
    assert len(records) == 3 + 7 * 2
    for record in records:
        with Image.open(dataset.local_picture(record.path, record.id)) as image:
            assert (image.size, image.format) == ((20, 20), "PNG")
    assert check_dataset(dataset.root).faults == ()
    reasons = pl.read_parquet(tmp_path / "dataset" / "rejects.parquet")["reason"].to_list()
    assert reasons.count("more than 3 pictures of author 0") == 2
    assert "fruit/bomb.png: must have at most 100,000,000 pixels; has more" in reasons
