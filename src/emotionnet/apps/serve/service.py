"""What a server does, for its programs' interface and its page alike: each work in its own threads."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from functools import cache, partial
from typing import Any

from emotionnet.apps.serve.batching import Batcher
from emotionnet.apps.serve.errors import NotHereError, RefusedError
from emotionnet.apps.serve.forms import Upload
from emotionnet.apps.serve.library import Library
from emotionnet.apps.serve.limits import LIMITS, Limits
from emotionnet.apps.serve.line import Line
from emotionnet.apps.serve.pictures import look, refusal
from emotionnet.apps.serve.telling import Teller
from emotionnet.inference.explain import Explanation, explain
from emotionnet.inference.outputs import joined
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.results import Prediction, Score
from emotionnet.records import DataError
from emotionnet.search.query import Query
from emotionnet.search.searcher import Results
from emotionnet.search.store import Index, IndexedPicture
from emotionnet.search.taught import Taught

SEARCHERS = 2  # threads: each uses NumPy, which has threads of its own
SUGGESTIONS = 10


class Service:
    """A model at work, and an index where there is one.

    Args:
        predictor: The model.
        index: What is searched and taught; None: neither.
        limits: How much is taken on.
        explaining: Opens the model in another way, on the first question, to explain what it says; None: as
            it is.
        shards: URLs of SHARDS that pictures of the index may be read from.

    Raises:
        DataError: The index was made by another model.
    """

    def __init__(
        self,
        predictor: Predictor,
        index: Index | None = None,
        limits: Limits = LIMITS,
        *,
        explaining: Callable[[], Predictor] | None = None,
        shards: Collection[str] = (),
    ) -> None:
        self.predictor, self.limits = predictor, limits
        self._explainer = cache(explaining or (lambda: predictor))  # asked by one thread alone
        self._batcher = Batcher(predictor.backend, predictor.model.preprocessing, limits)
        self._teller = Teller(predictor)
        self._library = (
            None if index is None else Library(index, predictor, limits, self._batcher.pixels, shards=shards)
        )
        self._explaining = Line("explain", 1, limits.explanations, 3.0)
        self._teaching = Line("teach", 1, limits.explanations, 3.0)
        self._searching = Line("search", SEARCHERS, limits.searches, 0.1)

    @property
    def ready(self) -> bool:
        """Whether another picture would be taken."""
        return not self._batcher.is_full

    def close(self) -> None:
        """End all threads; what they work at is finished."""
        for one in (self._batcher, self._teller, self._explaining, self._teaching, self._searching):
            one.close()

    async def predict(self, uploads: Sequence[Upload], top: int) -> list[Prediction]:
        """The `top` emotions and tags of each picture.

        Raises:
            RefusedError: Some cannot be read; `details` names them.
            BusyError: Too many wait.
        """
        told = await self._batcher.outputs([upload.content for upload in uploads])
        faults = [
            (upload, one) for upload, one in zip(uploads, told, strict=True) if isinstance(one, RefusedError)
        ]
        if faults:
            raise _all_of(faults, alone=len(uploads) == 1)
        outputs = joined([one for one in told if not isinstance(one, RefusedError)])
        return await self._teller.predictions([upload.name for upload in uploads], outputs, top)

    async def predict_one(self, name: str, content: bytes, top: int) -> Prediction:
        """As `predict`."""
        return (await self.predict([Upload(name, content)], top))[0]

    async def explain(self, picture: Upload | str, emotion: str | None) -> tuple[bytes, Explanation]:
        """A picture, sent or of the index, with the heat map over it as PNG.

        Raises:
            DataError: It cannot be read, or the emotion is unknown.
            NotHereError: The index does not have it.
            BusyError: Too many wait.
        """
        library = None if isinstance(picture, Upload) else self._require_library()

        def work() -> tuple[bytes, Explanation]:
            if isinstance(picture, Upload):
                content = picture.content
            else:
                assert library is not None
                content = library.original(picture)
            return self._explained(content, emotion)

        return await self._explaining.do(work)

    def _explained(self, content: bytes, emotion: str | None) -> tuple[bytes, Explanation]:
        with self._batcher.pixels.held(look(content, self.limits)):
            try:
                told = explain(self._explainer(), content, emotion or None)
            except DataError as error:
                raise (refusal(error) if error.faults[0].startswith("<") else error) from None
            file = io.BytesIO()
            told.overlay().save(file, "PNG", compress_level=1)
            return file.getvalue(), told

    async def search(self, query: Query) -> Results:
        """Pictures of the index; a picture that the query brings along is looked at first.

        Raises:
            DataError: As `Searcher.search`; a picture that cannot be read is told as by `predict`.
            NotHereError: There is no index, or not that picture in it.
            BusyError: Too many wait.
        """
        library = self._require_library()

        def work() -> Results:
            brought = [like for like in query.like if isinstance(like, bytes)]
            with self._batcher.pixels.held(sum(look(one, self.limits) for one in brought)):
                return library.search(query)

        return await self._searching.do(work)

    async def about(self, picture: str, top: int) -> tuple[IndexedPicture, tuple[Score, ...]]:
        """What the index knows of a picture, and its likeliest emotions.

        Raises:
            NotHereError: There is no index, or not that picture in it.
        """
        return await self._searching.do(partial(self._require_library().about, picture, top))

    async def thumbnail(self, picture: str) -> bytes:
        """A small JPEG of a picture of the index; errors as `about`."""
        return await self._searching.do(partial(self._require_library().thumbnail, picture))

    async def picture(self, picture: str) -> bytes:
        """A larger one, without metadata.

        Raises:
            NotHereError: As `about`, or its file is gone or was changed.
        """
        return await self._searching.do(partial(self._require_library().picture, picture))

    async def teach(self, word: str, yes: Sequence[str], no: Sequence[str]) -> Taught:
        """Teach the index a word by pictures of its own, by id.

        Raises:
            DataError: As `teaching.teach`.
            NotHereError: There is no index, or not one of the pictures in it.
            BusyError: Too many wait.
        """
        return await self._teaching.do(partial(self._require_library().teach, word, yes, no))

    async def forget(self, word: str) -> None:
        """Let the index forget a word.

        Raises:
            NotHereError: There is no index, or not that word.
            BusyError: Too many wait.
        """
        await self._teaching.do(partial(self._require_library().forget, word))

    async def labels(self, prefix: str = "") -> dict[str, Any]:
        """What can be asked for: emotions, taught words, and words that begin so."""
        return await self._searching.do(partial(self._labels, prefix))

    def _labels(self, prefix: str) -> dict[str, Any]:
        library = self._library
        taught = {} if library is None else library.taught()
        told: dict[str, Any] = {
            "emotions": list(self.predictor.emotions),
            "taught": [
                {
                    "word": one.word,
                    "score": one.score,
                    "chance": one.chance,
                    "marks": len(one.yes) + len(one.no),
                }
                for one in taught.values()
            ],
            "trained_on": self.predictor.trained_on,
            "model": self.predictor.model.trunk,
            "index": None if library is None else {"pictures": len(library.searcher.index)},
        }
        if prefix:
            told["suggestions"] = self._suggestions(prefix)
        return told

    def _suggestions(self, prefix: str) -> list[str]:
        if self._library is not None:
            return self._library.searcher.suggestions(prefix, SUGGESTIONS)
        return [word for word in self.predictor.emotions if word.startswith(prefix.lower())][:SUGGESTIONS]

    def _require_library(self) -> Library:
        if self._library is None:
            raise NotHereError("no_index", "the server has no index: start it with --index")
        return self._library


def _all_of(faults: Sequence[tuple[Upload, RefusedError]], *, alone: bool) -> RefusedError:
    """One refusal for several pictures, with the status of the first."""
    _, first = faults[0]
    if alone:
        return first.again()
    details = [
        {"image": upload.name, "code": fault.code, "message": fault.faults[0]} for upload, fault in faults
    ]
    said = [f"{upload.name}: {fault.faults[0]}" for upload, fault in faults]
    return RefusedError(first.status, first.code, said, details=details)
