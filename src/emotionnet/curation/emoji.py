"""The embedded source: emoji of three vendors, with the keywords that two projects give them.

Pictures: emoji-datasource-google and -twitter (64 px), fluent-emoji-3d (256 px). Tags: all
keywords of emojilib and emojibase for the emoji, whoever drew it. One record for each
vendor and base emoji; skin tones are no records of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from emotionnet.curation.emoji_groups import emoji_groups
from emotionnet.curation.npm import Package, fetch, read_members
from emotionnet.curation.sources import SOURCE_SCHEMA, Source
from emotionnet.progress import track


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who drew the emoji, in which package and folder, under which licence."""

    name: str
    package: Package
    folder: str
    licence: str


VENDORS = (
    Vendor(
        "google",
        Package(
            "emoji-datasource-google",
            "16.0.0",
            "sha512-ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==",
        ),
        "img/google/64/",
        "Apache-2.0",
    ),
    Vendor(
        "twitter",
        Package(
            "emoji-datasource-twitter",
            "16.0.0",
            "sha512-7F+uCuHH+7Qnrc15P5tnbvKkg9E6tlzi4MnT2uW1RlN4pLYTza6cP/dstIfSDMtpjFLWuZewWg8jBbuL2eyELQ==",
        ),
        "img/twitter/64/",
        "CC-BY-4.0",
    ),
    Vendor(
        "fluent",
        Package(
            "@lobehub/fluent-emoji-3d",
            "1.1.0",
            "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
        ),
        "assets/",
        "MIT",
    ),
)
EMOJILIB = Package(
    "emojilib",
    "4.0.3",
    "sha512-KbWiYre9aRSaPbHrHZIz9zmoM+21LAsK1VFJtnTh1VCtWE/rNMDviGhQTmselFl95dhqtGlY22iH0leG5BuW0g==",
)
EMOJIBASE = Package(
    "emojibase-data",
    "17.0.0",
    "sha512-Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
)
_LIST, _KEYWORDS, _NAMES = "emoji.json", "dist/emoji-en-US.json", "en/data.json"


def unpack_emoji(cache: Path, folder: Path) -> Source:
    """Fetch the packages if need be, put the pictures into `folder`, and list the records.

    A vendor that lacks an emoji has no record for it.

    Raises:
        DataError: A package cannot be fetched or is not the pinned one.
    """
    packages = [*(vendor.package for vendor in VENDORS), EMOJILIB, EMOJIBASE]
    archives = {package.name: fetch(package, cache) for package in track(packages, "Fetching emoji")}
    emoji = _read_json(archives[VENDORS[0].package.name], _LIST)
    keywords = _read_json(archives[EMOJILIB.name], _KEYWORDS)
    entries = {entry["hexcode"]: entry for entry in _read_json(archives[EMOJIBASE.name], _NAMES)}
    described = [_describe(item, keywords, entries) for item in emoji]
    groups = emoji_groups({code: name for code, name, _ in described})
    rows = [
        {
            "id": f"{vendor.name}/{code.lower()}",
            "image": image,
            "tags": tags,
            "group": groups[code],
            "source": vendor.name,
            "licence": vendor.licence,
        }
        for vendor in track(VENDORS, "Unpacking emoji")
        for images in [_write_pictures(vendor, archives[vendor.package.name], folder)]
        for code, _, tags in described
        for image in [_find(images, code)]
        if image is not None
    ]
    return Source("emoji", folder, [pl.DataFrame(rows, schema=SOURCE_SCHEMA)])


def _describe(
    item: Mapping[str, Any], keywords: Mapping[str, list[str]], entries: Mapping[str, Mapping[str, Any]]
) -> tuple[str, str, list[str]]:
    """Code points, name and tags of a base emoji."""
    code = str(item["unified"])
    plain = code.replace("-FE0F", "")
    entry = entries.get(code) or entries.get(plain) or {}
    words = keywords.get(_text(code)) or keywords.get(_text(plain)) or []
    return code, str(entry.get("label", item["name"])), list(dict.fromkeys([*words, *entry.get("tags", [])]))


def _text(code: str) -> str:
    return "".join(chr(int(part, 16)) for part in code.split("-"))


def _read_json(archive: Path, name: str) -> Any:
    return json.loads(read_members(archive, lambda member: member == name)[name])


def _write_pictures(vendor: Vendor, archive: Path, folder: Path) -> dict[str, str]:
    """Path in `folder` by the file's stem."""
    pictures = read_members(archive, lambda name: name.startswith(vendor.folder))
    (folder / vendor.name).mkdir()
    written = {}
    for name, content in pictures.items():
        file = Path(name).name
        (folder / vendor.name / file).write_bytes(content)
        written[Path(file).stem] = f"{vendor.name}/{file}"
    return written


def _find(images: Mapping[str, str], code: str) -> str | None:
    """Vendors differ in leading zeros and in presentation selectors."""
    return next((images[stem] for stem in _stems(code.lower()) if stem in images), None)


def _stems(code: str) -> Iterator[str]:
    for spelling in (code, code.replace("-fe0f", "")):
        yield spelling
        yield spelling.lstrip("0")
