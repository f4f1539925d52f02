"""The INDEX that a server answers from: reopened when it changed, its pictures read only as it knows them."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from emotionnet.apps.serve.errors import NotHereError, RefusedError
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.pictures import Pixels, look, reencoded, refusal
from emotionnet.data.shards.member import ShardMember
from emotionnet.data.shards.naming import picture_at
from emotionnet.inference.predictor import Predictor, largest
from emotionnet.inference.results import Score
from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.search.query import Query
from emotionnet.search.searcher import Results, Searcher
from emotionnet.search.store import Index, IndexedPicture
from emotionnet.search.taught import Taught, forget, taught_words
from emotionnet.search.teaching import teach

SIDE = 1600  # pixels, of a picture that is sent out
ID = re.compile("[0-9a-f]{16}")


class Library:
    """An INDEX at work, for several threads.

    Args:
        index: As it is now.
        predictor: The network that it was made with.
        limits: What is decoded of its pictures.
        pixels: How much is decoded at once.
        shards: URLs of SHARDS that its pictures may be read from; whatever it says, no other is asked.

    Raises:
        DataError: Another network made the index.
    """

    def __init__(
        self,
        index: Index,
        predictor: Predictor,
        limits: Limits,
        pixels: Pixels,
        *,
        shards: Collection[str] = (),
    ) -> None:
        self.folder, self._shards = index.folder, frozenset(url.rstrip("/") for url in shards)
        self._predictor, self._limits, self._pixels = predictor, limits, pixels
        self._opening = threading.Lock()
        self._opened = self._with_version(index)

    @property
    def searcher(self) -> Searcher:
        """The index as it is now.

        Raises:
            RefusedError: It is gone, broken or another model's by now.
        """
        with self._opening, _readable():
            searcher, version = self._opened
            if searcher.index.version != version:
                self._opened = self._with_version(Index.open(self.folder))
            return self._opened[0]

    def _with_version(self, index: Index) -> tuple[Searcher, int]:
        if index.info.identity != self._predictor.identity:
            raise DataError(
                f"{index.folder}: must be an index that the served model made; it was made by "
                f"{index.info.model}: serve that, or make it again"
            )
        version = index.version  # before anything is read: a change meanwhile is seen next time
        return Searcher(index, self._predictor), version

    def search(self, query: Query) -> Results:
        """As `Searcher.search`; no text of a query is ever taken for a path.

        Raises:
            DataError: As there, or a picture is none of the index.
        """
        searcher = self._ready_searcher()
        for like in query.like:
            if isinstance(like, Path):
                raise DataError("a picture must be one of the index, or be sent; a path is neither")
            if isinstance(like, str):
                _known(searcher.index, like)
        try:
            return searcher.search(query)
        except DataError as error:
            raise RefusedError(422, "invalid", [self._told(fault) for fault in error.faults]) from None

    def about(self, name: str, top: int) -> tuple[IndexedPicture, tuple[Score, ...]]:
        """What the index knows of a picture, and its likeliest emotions."""
        index = self.searcher.index
        record = _record(index, name)
        shares_C = index.probabilities[index.row(name)]
        return record, largest(index.info.emotions, shares_C, top)

    def thumbnail(self, name: str) -> bytes:
        """A small JPEG."""
        index = self.searcher.index
        _known(index, name)
        return index.thumbnail(name)

    def original(self, name: str) -> bytes:
        """The file of a picture.

        Raises:
            NotHereError: The index does not know it, or the file is gone, or is no longer what was indexed.
        """
        record = _record(self.searcher.index, name)
        content = self._content(record.path, record.bytes)
        if content is None or hashlib.sha256(content).hexdigest() != record.sha256:
            raise NotHereError("picture_gone", "the picture's file is gone or was changed since")
        return content

    def _content(self, path: str, size: int) -> bytes | None:
        """The bytes of a picture of so many bytes, in a file or a shard; None where it is not there."""
        try:
            picture = picture_at(path, urls=self._shards)
            if isinstance(picture, ShardMember):
                return picture.read() if picture.size == size else None
            return _regular_file(picture, size)
        except DataError:
            return None

    def picture(self, name: str) -> bytes:
        """A picture as a JPEG of at most `SIDE` pixels, without metadata.

        Raises:
            NotHereError: As `original`.
            RefusedError: It is too large to be decoded here.
        """
        content = self.original(name)
        try:
            with self._pixels.held(look(content, self._limits)):
                return reencoded(content, SIDE)
        except DataError as error:
            raise refusal(error) from None

    def teach(self, word: str, yes: Sequence[str], no: Sequence[str]) -> Taught:
        """As `teaching.teach`."""
        searcher = self._ready_searcher()
        for name in (*yes, *no):
            _known(searcher.index, name)
        try:
            return teach(searcher, word, yes, no)
        except DataError as error:
            raise RefusedError(422, "invalid", [self._told(fault) for fault in error.faults]) from None

    def forget(self, word: str) -> None:
        """Delete a taught word.

        Raises:
            NotHereError: There is none.
        """
        self.taught()
        try:
            forget(self.folder, word)
        except DataError:
            raise NotHereError("no_word", "no such word was taught") from None

    def taught(self) -> dict[str, Taught]:
        """As `taught.taught_words`.

        Raises:
            RefusedError: One of their files is broken.
        """
        with _readable():
            return taught_words(self.folder)

    def _ready_searcher(self) -> Searcher:
        """`searcher`, whose faults are from here on those of what is asked."""
        self.taught()
        return self.searcher

    def _told(self, fault: str) -> str:
        """A fault without the places of this machine."""
        for place, name in ((str(self.folder), "the index"), (self.searcher.index.info.model, "the model")):
            fault = fault.replace(place, name)
        return fault


@contextmanager
def _readable() -> Iterator[None]:
    """Faults of the index's own files: standard error tells which, the client that there are some."""
    try:
        yield
    except DataError as error:
        message(str(error))
        raise RefusedError(
            503, "index_broken", "the index cannot be read now; the server's log tells why"
        ) from None


def _known(index: Index, name: str) -> None:
    if not ID.fullmatch(name) or name not in index:
        raise NotHereError("no_picture", "the index has no picture of this id")


def _record(index: Index, name: str) -> IndexedPicture:
    _known(index, name)
    return index.record(name)


def _regular_file(path: Path, size: int) -> bytes | None:
    """The content of a file of so many bytes; None for whatever else lies there."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for its writer
    except (OSError, ValueError):
        return None
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode) or about.st_size != size:
            return None
        with open(number, "rb", closefd=False) as file:
            return file.read(size)
    except OSError:
        return None
    finally:
        os.close(number)
