"""Decoded pictures in one file."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from emotionnet.apps.bench.photographs import photographs
from emotionnet.data import pixels
from emotionnet.data.epoch_order import EpochOrder
from emotionnet.data.images import Preprocessing, decode, evaluation_input
from emotionnet.data.loaders import Augmentation, Evaluation, image_batches
from emotionnet.data.picture import Picture
from emotionnet.data.pixels import KeptPictures, kept_pictures
from emotionnet.records import DataError

HOW = Preprocessing(image_size=32, crop_pct=0.875, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
AUGMENTATION = Augmentation(HOW, crop_scale=(0.08, 1.0), flip=True)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTIONNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pixels"


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Two PNG and two JPEG pictures of 80 x 60 and 60 x 80 pixels."""
    rng = np.random.default_rng(0)
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.jpg", "d.jpg")]
    for number, path in enumerate(paths):
        coarse_HW3 = rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)
        size = (80, 60) if number % 2 else (60, 80)
        Image.fromarray(coarse_HW3).resize(size, Image.Resampling.BICUBIC).save(path)
    return paths


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were decoded to be kept."""
    found: list[Path] = []
    real = pixels._shrunk

    def counted(path: Path, side: int) -> Any:
        found.append(path)
        return real(path, side)

    monkeypatch.setattr(pixels, "_shrunk", counted)
    return found


def kept(paths: list[Path], side: int = 60) -> KeptPictures:
    return kept_pictures(paths, side, progress="")


def folders(cache: Path) -> list[Path]:
    """All but the locks."""
    return [path for path in cache.iterdir() if path.is_dir()]


def test_pictures_that_are_not_shrunk_are_evaluated_to_the_bit(cache: Path, pictures: list[Path]) -> None:
    for source, path in zip(kept(pictures), pictures, strict=True):
        np.testing.assert_array_equal(evaluation_input(source, HOW), evaluation_input(path, HOW))


def test_in_training_they_differ_by_at_most_1_of_255(cache: Path, pictures: list[Path]) -> None:
    for source, path in zip(kept(pictures), pictures, strict=True):
        for seed in range(10):
            found, expected = AUGMENTATION(source, seed), AUGMENTATION(path, seed)
            assert (found.int() - expected.int()).abs().max() <= (1 if path.suffix == ".png" else 0)


def test_large_pictures_are_shrunk_and_cropped_where_they_were(cache: Path, tmp_path: Path) -> None:
    paths = photographs(tmp_path / "large", 2, width=640, height=480)
    sources = kept(paths, 120)
    for source, path in zip(sources, paths, strict=True):
        assert isinstance(source, Picture)
        assert (source.array().shape, source.size) == ((120, 160, 3), (640, 480))
        difference = evaluation_input(source, HOW) - evaluation_input(path, HOW)
        assert np.abs(difference).mean() * 0.3 * 255 < 2
        for seed in range(6):
            moved = AUGMENTATION(source, seed).float() - AUGMENTATION(path, seed)
            assert moved.abs().mean() < 6, "small crops are less sharp; another crop is 20 and more away"


def test_they_are_decoded_once_and_again_when_anything_changes(
    cache: Path, pictures: list[Path], decoded: list[Path]
) -> None:
    for _ in range(2):
        kept(pictures)
    assert decoded == pictures
    kept(pictures[::-1])
    kept(pictures, 50)
    pictures[0].write_bytes(pictures[1].read_bytes())
    found = kept(pictures)
    assert len(decoded) == 4 * len(pictures)
    np.testing.assert_array_equal(found[0].array(), np.asarray(decode(pictures[1])))


def test_what_another_version_kept_is_not_taken(
    cache: Path, pictures: list[Path], decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(pictures)
    monkeypatch.setattr(pixels, "SCHEMA", pixels.SCHEMA + 1)
    kept(pictures)
    assert len(decoded) == 2 * len(pictures)


def test_a_picture_that_stands_twice_is_kept_once(
    cache: Path, pictures: list[Path], decoded: list[Path]
) -> None:
    found = kept([*pictures, pictures[0]])
    assert (len(found), len(decoded)) == (5, 4)
    np.testing.assert_array_equal(found[4].array(), np.asarray(decode(pictures[0])))


def test_unreadable_pictures_are_named_as_without(cache: Path, pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("I am a text")
    pictures[1].write_bytes(pictures[1].read_bytes()[:300])
    paths = [tmp_path / "none.png", *pictures, tmp_path / "text.jpg"]
    batches = []
    for sources in (paths, kept(paths)):
        order = EpochOrder(len(paths), batch_size=8, seed=0, shuffle=False)
        batches += list(image_batches(sources, Evaluation(HOW), order, workers=0))
    assert batches[0].skipped == batches[1].skipped
    assert len(batches[0].skipped) == 3
    assert torch.equal(batches[0].inputs[0], batches[1].inputs[0])
    assert torch.equal(batches[0].indices, batches[1].indices)


def test_nothing_but_unreadable_pictures_can_be_kept_too(cache: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert list(kept([tmp_path / "none.png"])) == [tmp_path / "none.png"]


def cut(folder: Path) -> None:
    content = (folder / "pixels.bin").read_bytes()
    (folder / "pixels.bin").write_bytes(content[:-1])


def index(folder: Path, change: Callable[[Any], Any]) -> None:
    np.save(folder / "index.npy", change(np.load(folder / "index.npy")), allow_pickle=True)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "pixels cut off": cut,
    "no pixels": lambda folder: (folder / "pixels.bin").unlink(),
    "no index": lambda folder: (folder / "index.npy").unlink(),
    "empty index": lambda folder: (folder / "index.npy").write_bytes(b""),
    "text": lambda folder: (folder / "index.npy").write_text("index"),
    "another file": lambda folder: (folder / "index.npy").replace(folder / "notes.txt"),
    "fewer rows": lambda folder: index(folder, lambda found: found[1:]),
    "another type": lambda folder: index(folder, lambda found: found.astype(np.float64)),
    "objects": lambda folder: index(folder, lambda found: found.astype(object)),
    "negative": lambda folder: index(folder, lambda found: -found),
    "huge": lambda folder: index(folder, lambda found: found * 2**40),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_is_broken_is_made_again(
    cache: Path, pictures: list[Path], decoded: list[Path], damage: Callable[[Path], Any]
) -> None:
    kept(pictures)
    (folder,) = folders(cache)
    damage(folder)
    for _ in range(2):
        np.testing.assert_array_equal(kept(pictures)[3].array(), np.asarray(decode(pictures[3])))
    assert len(decoded) == 2 * len(pictures)
    assert folders(cache) == [folder]


def test_a_full_disk_is_one_line_and_leaves_nothing(
    cache: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("emotionnet.files.os.fsync", full)
    with pytest.raises(DataError, match=r"cannot be kept \(No space left on device\); free some") as error:
        kept(pictures)
    assert len(error.value.faults) == 1
    assert folders(cache) == []


def test_a_cache_that_may_not_be_written_is_one_line(cache: Path, pictures: list[Path]) -> None:
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file")
    with pytest.raises(DataError, match=r"must be a place to write to; .* \$EMOTIONNET_CACHE") as error:
        kept(pictures)
    assert len(error.value.faults) == 1


def test_who_comes_second_waits_for_the_first(cache: Path, pictures: list[Path], decoded: list[Path]) -> None:
    """Each by a lock of its own, as processes have: what one of them maps is not made again."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: kept(pictures)[3].array(), range(2)))
    np.testing.assert_array_equal(*found)
    assert sorted(decoded) == pictures


def test_what_a_killed_process_left_goes(cache: Path, pictures: list[Path]) -> None:
    kept(pictures)
    (folder,) = folders(cache)
    (folder / "index.npy").unlink()
    (folder.with_name(f".{folder.name}.abc") / "new").mkdir(parents=True)
    kept(pictures)
    assert folders(cache) == [folder]


def test_what_is_there_needs_no_lock(
    cache: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a cache may only be read."""
    kept(pictures)
    monkeypatch.setattr(pixels, "made_alone", None)
    assert len(kept(pictures)) == 4


def test_another_process_gets_no_pixels_sent(cache: Path, pictures: list[Path]) -> None:
    found = kept(pictures)
    expected = [found[number].array() for number in range(4)]
    sent = pickle.dumps(found)
    assert len(sent) < 2000
    for source, pixels_HW3 in zip(pickle.loads(sent), expected, strict=True):
        np.testing.assert_array_equal(source.array(), pixels_HW3)


def test_workers_change_nothing(cache: Path, pictures: list[Path]) -> None:
    found = []
    for workers in (0, 2):
        order = EpochOrder(len(pictures), batch_size=2, seed=3, shuffle=True)
        batches = image_batches(kept(pictures), AUGMENTATION, order, workers=workers)
        found.append(torch.cat([batch.inputs[0] for batch in batches]))
    assert torch.equal(found[0], found[1])
