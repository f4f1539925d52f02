"""Pictures through a network: the one way from pictures to outputs, whatever computes them.

Threads read and transform some pictures ahead while the network computes, so that neither waits for the
other, and no more of them, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from emotionnet.data.images import ImageLike, Preprocessing, evaluation_input
from emotionnet.inference.backends import Backend, usable_threads
from emotionnet.inference.outputs import Array, Outputs, joined
from emotionnet.progress import track
from emotionnet.records import DataError

AT_ONCE = 32  # pictures that come out together, and that are read ahead
MOST_READERS = 16

Picture = TypeVar("Picture", bound=ImageLike)
Read = Callable[[Any, Preprocessing], tuple[Array, Any]]  # the network's input of a picture, and facts of it

_Tried = tuple[Array, Any] | DataError


@dataclass(frozen=True)
class Told(Generic[Picture]):
    """What a network says of a few pictures.

    `outputs` are those of `pictures`, None where there are none; `facts` are what was read of each of them
    besides; `faults` has a line for each other picture.
    """

    pictures: tuple[Picture, ...]
    outputs: Outputs | None
    faults: tuple[str, ...]
    facts: tuple[Any, ...] = ()


def read_input(picture: ImageLike, how: Preprocessing) -> tuple[Array, None]:
    """The network's input of a picture and no facts; see `evaluation_input`."""
    return evaluation_input(picture, how), None


def run_images(
    backend: Backend, how: Preprocessing, images: Sequence[ImageLike], *, progress: str = ""
) -> Outputs:
    """Put images through a network.

    Args:
        backend: What computes it.
        how: Preprocessing of the images.
        images: At least one.
        progress: What a progress bar on standard error says; empty: no bar.

    Raises:
        DataError: No image, or some that cannot be decoded: one line for each.
    """
    if not images:
        raise DataError("at least one image must be given; got none")
    parts: list[Outputs] = []
    faults: list[str] = []
    with closing(_told(backend, how, images, read_input, whole=True)) as steps:
        for told in _tracked(steps, len(images), progress):
            faults += told.faults
            if told.outputs is not None:
                parts.append(told.outputs)
    if faults:
        raise DataError(faults)
    return joined(parts)


def run_files(
    backend: Backend,
    how: Preprocessing,
    paths: Sequence[Picture],
    *,
    progress: str,
    read: Read = read_input,
) -> Generator[Told[Picture]]:
    """Put files through a network a few at a time, so that memory does not grow with their number.

    Args:
        backend: What computes it.
        how: Preprocessing of the pictures.
        paths: In the order in which they come out.
        progress: What a progress bar on standard error says; empty: no bar.
        read: Makes the network's input of a file, for those who want more of it while it is open; it works in
            several threads.

    Yields:
        A few files each.
    """
    some: list[Told[Picture]] = []
    with closing(_told(backend, how, paths, read)) as steps:
        for told in _tracked(steps, len(paths), progress):
            some.append(told)
            if sum(_count(one) for one in some) >= AT_ONCE:
                yield _together(some)
                some.clear()
        if some:
            yield _together(some)


def _together(some: Sequence[Told[Picture]]) -> Told[Picture]:
    outputs = [one.outputs for one in some if one.outputs is not None]
    return Told(
        pictures=tuple(picture for one in some for picture in one.pictures),
        outputs=joined(outputs) if outputs else None,
        faults=tuple(fault for one in some for fault in one.faults),
        facts=tuple(fact for one in some for fact in one.facts),
    )


def _count(told: Told[Picture]) -> int:
    return len(told.pictures) + len(told.faults)


def _tracked(steps: Iterator[Told[Picture]], total: int, progress: str) -> Iterator[Told[Picture]]:
    return track(steps, progress, total, amount=_count) if progress else steps


def _told(
    backend: Backend,
    how: Preprocessing,
    pictures: Sequence[Picture],
    read: Read,
    *,
    whole: bool = False,
) -> Generator[Told[Picture]]:
    """Each step of the backend; `whole`: once a picture cannot be read, the rest is only looked through."""
    waiting: deque[Told[Picture]] = deque()  # read, their outputs to come

    def batches() -> Iterator[Array]:
        broken = False
        for some, arrays in reading:
            broken = broken or (whole and bool(some.faults))
            waiting.append(Told((), None, some.faults) if broken else some)
            if arrays and not broken:
                yield np.stack(arrays)

    with closing(_read_ahead(how, pictures, read, backend.step)) as reading:
        with closing(backend.run(batches())) as computing:
            for outputs in computing:
                while not waiting[0].pictures:
                    yield waiting.popleft()
                yield replace(waiting.popleft(), outputs=outputs)
        yield from waiting


def _read_ahead(
    how: Preprocessing, pictures: Sequence[Picture], read: Read, step: int
) -> Generator[tuple[Told[Picture], list[Array]]]:
    """The pictures in steps, each with the network's input for those that can be read.

    Whole pictures exist in the threads only, so that memory does not grow with their size times their number.
    """
    readers = min(max(2, usable_threads()), MOST_READERS)
    ahead = -(-max(AT_ONCE, 2 * readers) // step)
    started: deque[tuple[Sequence[Picture], list[Future[_Tried]]]] = deque()
    pool = ThreadPoolExecutor(readers, thread_name_prefix="pictures")
    try:
        for start in range(0, len(pictures), step):
            some = pictures[start : start + step]
            started.append((some, [pool.submit(_tried, read, picture, how) for picture in some]))
            if len(started) > ahead:
                yield _finished(*started.popleft())
        while started:
            yield _finished(*started.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _tried(read: Read, picture: ImageLike, how: Preprocessing) -> _Tried:
    try:
        return read(picture, how)
    except DataError as error:
        return error


def _finished(
    pictures: Sequence[Picture], futures: Sequence[Future[_Tried]]
) -> tuple[Told[Picture], list[Array]]:
    found = [(picture, future.result()) for picture, future in zip(pictures, futures, strict=True)]
    good = [(picture, *one) for picture, one in found if not isinstance(one, DataError)]
    faults = tuple(fault for _, one in found if isinstance(one, DataError) for fault in one.faults)
    pictures, facts = tuple(picture for picture, _, _ in good), tuple(facts for _, _, facts in good)
    return Told(pictures, None, faults, facts), [array for _, array, _ in good]
