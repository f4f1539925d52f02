"""Pictures through a network in many processes, by Ray: one machine with all of its cores, or a cluster.

Each process opens the model and does for some of the pictures what one process does for all of them; what
they tell comes back in order. Pictures and model must lie where all machines find them by the same names.
Where a process dies, Ray starts another one, which does its block again; a block that ends `TRIES` of them
ends the job.
"""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from emotionnet.data.shards.member import PictureFile
from emotionnet.inference.backends import Backend, Hint
from emotionnet.inference.choice import BackendName
from emotionnet.inference.engine import AT_ONCE, Read, Told, read_input
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.ray_session import faults, import_ray, session, workers
from emotionnet.progress import track
from emotionnet.records import DataError, as_text, first_line

MOST = 128  # pictures of a block, or one step of the back end where that is more
BLOCKS = 4  # for each process, at least, where there are pictures enough: all of them end together
TRIES = 3  # of a block whose process dies: Ray itself would go on for ever
_COLUMN, _PLACE = "block", "place"  # pictures, or what was told of them; and which of the blocks it is


class RayPredictor(Predictor):
    """A network at work in processes of Ray where many files are told, and here for all else.

    Args:
        here: The same network in this process; what has been told goes through its words and its guard.
        name: As for `load_predictor`, by which each process opens it, with the back end that `here` has.
        hint: As there.
    """

    def __init__(self, here: Predictor, name: str, hint: Hint) -> None:
        super().__init__(
            here.backend,
            here.model,
            here.vectors,
            words=here.words,
            guard=here.guard,
            identify=lambda: here.identity,
        )
        backend = cast(BackendName, here.backend.name)
        self._again = partial(load_predictor, name, backend=backend, hint=hint)

    def told_files(
        self, paths: Sequence[PictureFile], *, progress: str = "", read: Read = read_input
    ) -> Generator[Told[PictureFile]]:
        """As that of `Predictor`, in the same order and the same batches, computed by all processes of Ray.

        Raises:
            DataError: Ray cannot be reached, or a process cannot open the model.
            ChildProcessError: Something went wrong in a process.
        """
        return _told(self._again, self.backend, paths, progress, read)


def _told(
    again: Callable[[], Predictor], backend: Backend, paths: Sequence[PictureFile], progress: str, read: Read
) -> Generator[Told[PictureFile]]:
    if not paths:
        return
    ray = import_ray()
    with faults(ray), session(ray):
        count, needs = workers(ray, backend.name)
        size = block_size(backend.step, len(paths), count)
        blocks = [paths[start : start + size] for start in range(0, len(paths), size)]
        items = [{_PLACE: place, _COLUMN: pickle.dumps(block)} for place, block in enumerate(blocks)]
        starts = ray.remote(num_cpus=0)(_Starts).remote()
        data = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            _Actor,
            fn_constructor_args=(again, read, str(Path.cwd()), partial(_begin, starts)),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=min(count, len(items))),
            **needs,
        )
        data.context.execution_options.preserve_order = True
        data.context.enable_progress_bars = data.context.print_on_execution_start = False
        with closing(iter(data.iter_rows())) as rows:  # before Ray ends: it would be started again for that
            told = zip(blocks, rows, strict=True)
            steps = track(told, progress, len(paths), amount=lambda one: len(one[0])) if progress else told
            for _, row in steps:
                yield from _results(row[_COLUMN])


def _results(content: bytes) -> list[Told[PictureFile]]:
    found: list[Told[PictureFile]] | Exception = pickle.loads(content)  # of our own process
    if isinstance(found, Exception):
        raise found
    return found


def block_size(step: int, count: int, workers: int) -> int:
    """How many pictures a process gets at once.

    A multiple of what `run_files` gives at once, so that every batch has the pictures that it would have in
    one process: a picture's last bits depend on those beside it.
    """
    group = step * -(-AT_ONCE // step)
    most = max(1, MOST // group)
    return group * min(most, max(1, count // (group * BLOCKS * workers)))


class _Starts:
    """How often each block was begun: a process of Ray's by itself, since the others may die."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def begin(self, place: int) -> int:
        self._counts[place] += 1
        return self._counts[place]


def _begin(starts: Any, place: int) -> int:
    """The number of this start of a block; `starts` is the process that counts."""
    return int(import_ray().get(starts.begin.remote(place)))


class _Actor:
    """A process of Ray's: opens the model on first use, and puts blocks of pictures through it.

    Args:
        again: Opens it.
        read: As for `Predictor.told_files`.
        folder: In which the names of model and pictures hold.
        begin: The number of this start of a block.
    """

    def __init__(
        self, again: Callable[[], Predictor], read: Read, folder: str, begin: Callable[[int], int]
    ) -> None:
        self._again, self._read, self._folder, self._begin = again, read, folder, begin

    @cached_property
    def predictor(self) -> Predictor:
        try:
            os.chdir(self._folder)  # the names of pictures and model may be relative
        except OSError as error:
            raise DataError(
                f"{self._folder}: must be on every machine of the Ray cluster, with pictures and model; "
                f"{error.strerror} on {os.uname().nodename}"
            ) from None
        return self._again()

    def __call__(self, table: pa.Table) -> pa.Table:
        answers = [self._answer(row[_PLACE], pickle.loads(row[_COLUMN])) for row in table.to_pylist()]
        return pa.table({_COLUMN: pa.array(map(pickle.dumps, answers), pa.large_binary())})

    def _answer(self, place: int, paths: Sequence[PictureFile]) -> list[Told[PictureFile]] | Exception:
        """What is told of some pictures, or what went wrong: Ray would wrap it in much else."""
        try:
            if self._begin(place) > TRIES:
                ends = f"{as_text(paths[0])} to {as_text(paths[-1])}"
                return ChildProcessError(
                    f"{TRIES} processes of Ray died one after the other over the {len(paths)} pictures from "
                    f"{ends}: one of them ends a process, or memory is short"
                )
            with closing(self.predictor.told_files(paths, read=self._read)) as steps:
                return list(steps)
        except DataError as error:
            return DataError(error.faults)
        except Exception as error:
            said = f"{type(error).__name__}: {first_line(error)}"
            return ChildProcessError(f"a process of Ray failed on {os.uname().nodename}: {said}")
