"""From pictures to outputs: order, faults, how much is read ahead, and that it ends."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotionnet.data.images import Preprocessing
from emotionnet.inference import engine
from emotionnet.inference.engine import AT_ONCE, read_input, run_files, run_images
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.records import DataError

HOW = Preprocessing(image_size=4, crop_pct=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Means:
    """Features are a picture's mean; `late` outputs are held back, as by a queue; `sizes` are of batches."""

    name, n_features = "means", 1

    def __init__(self, step: int, late: int = 0) -> None:
        self.step, self.late = step, late
        self.sizes: list[int] = []

    def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
        held: list[Outputs] = []
        for batch in batches:
            self.sizes.append(len(batch))
            means = batch.mean(axis=(1, 2, 3))[:, None]
            held.append(Outputs(means, means, None))
            if len(held) > self.late:
                yield held.pop(0)
        yield from held


def saved(folder: Path, count: int, bad: Iterable[int] = ()) -> list[Path]:
    """Grey pictures, the value of each its number."""
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", (4, 4), (number, number, number)).save(path)
    for number in bad:
        paths[number].write_bytes(b"no picture")
    return paths


@pytest.mark.parametrize(("step", "late"), [(1, 0), (1, 3), (4, 2), (32, 0), (50, 1)])
def test_each_picture_has_its_own_outputs_in_order_whatever_the_back_end_holds_back(
    tmp_path: Path, step: int, late: int
) -> None:
    bad = [0, 1, 2, 3, 7, 40, 68, 69]
    paths = saved(tmp_path, 70, bad)
    steps = list(run_files(Means(step, late), HOW, paths, progress=""))
    good = [number for number in range(70) if number not in bad]
    assert [path for told in steps for path in told.pictures] == [paths[number] for number in good]
    found = np.concatenate([told.outputs.features[:, 0] for told in steps if told.outputs is not None])
    np.testing.assert_allclose(found * 255, good, atol=1e-3)
    faults = [fault for told in steps for fault in told.faults]
    assert [fault.split(": must")[0] for fault in faults] == [str(paths[number]) for number in bad]
    sizes = [len(told.pictures) + len(told.faults) for told in steps]
    assert all(size >= AT_ONCE for size in sizes[:-1])
    if step == 32:
        assert [len(told.pictures) for told in steps] == [27, 31, 4]


def test_a_batch_has_the_pictures_of_its_step_that_can_be_read(tmp_path: Path) -> None:
    """Their last bits depend on those beside them: others' faults must not move pictures between batches."""
    backend = Means(4)
    list(run_files(backend, HOW, saved(tmp_path, 10, [1, 4, 5, 6, 7]), progress=""))
    assert backend.sizes == [3, 2]


def test_files_of_which_none_can_be_read(tmp_path: Path) -> None:
    paths = saved(tmp_path, 3, [0, 1, 2])
    (told,) = run_files(Means(2), HOW, paths, progress="")
    assert (told.pictures, told.outputs, len(told.faults)) == ((), None, 3)
    assert list(run_files(Means(2), HOW, [], progress="")) == []


def test_after_a_fault_images_are_only_looked_through(tmp_path: Path) -> None:
    backend = Means(2)
    with pytest.raises(DataError) as error:
        run_images(backend, HOW, saved(tmp_path, 100, [2, 99]))
    assert [fault.split(": must")[0] for fault in error.value.faults] == [
        str(tmp_path / "2.png"),
        str(tmp_path / "99.png"),
    ]
    assert backend.sizes == [2]


def test_facts_come_out_with_the_pictures_that_they_are_of(tmp_path: Path) -> None:
    def named(picture: Any, how: Preprocessing) -> tuple[Array, str]:
        return read_input(picture, how)[0], picture.name

    paths = saved(tmp_path, 70, [0, 33, 40])
    for told in run_files(Means(4), HOW, paths, progress="", read=named):
        assert told.facts == tuple(path.name for path in told.pictures)
        assert len(told.facts) > 3


def test_a_few_pictures_are_read_ahead_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    def counted(picture: Any, how: Preprocessing) -> tuple[Array, None]:
        read.append(picture)
        return read_input(picture, how)

    monkeypatch.setattr(engine, "usable_threads", lambda: 2)
    steps = run_files(Means(1), HOW, saved(tmp_path, 8) * 50, progress="", read=counted)
    next(steps)
    assert AT_ONCE <= len(read) <= 2 * AT_ONCE + 1
    steps.close()


def test_it_ends_when_nobody_asks_for_more(tmp_path: Path) -> None:
    """As when the reader of a pipe has gone, or the user has pressed Ctrl-C."""
    before = threading.active_count()
    steps = run_files(Means(1, late=2), HOW, saved(tmp_path, 8) * 50, progress="")
    next(steps)
    assert threading.active_count() > before
    steps.close()
    assert threading.active_count() == before


def test_an_error_of_the_back_end_ends_it_too(tmp_path: Path) -> None:
    class Broken(Means):
        def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
            yield from super().run([next(iter(batches))])
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        list(run_files(Broken(1), HOW, saved(tmp_path, 8) * 50, progress=""))
    assert threading.active_count() == before
