"""What a network says of pictures, told as predictions: those of many requests at once, in a thread.

One by one they would take the event loop longer than all else that it does for a request.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from emotionnet.apps.serve.batching import with_company
from emotionnet.inference.outputs import Outputs, joined
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.results import Prediction

MOST = 32  # requests at once


@dataclass(frozen=True)
class _Question:
    names: Sequence[str]
    outputs: Outputs
    top: int
    future: Future[list[Prediction]]


class Teller:
    """Makes predictions of outputs.

    Args:
        predictor: Whose outputs they are.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._waiting: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="tell", daemon=True)
        self._thread.start()

    async def predictions(self, names: Sequence[str], outputs: Outputs, top: int) -> list[Prediction]:
        """As those of `Predictor`."""
        future: Future[list[Prediction]] = Future()
        self._waiting.put(_Question(names, outputs, top, future))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let the thread end; what waits is told before."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            some = with_company(self._waiting, first, MOST)
            wanted = [one for one in some if one.future.set_running_or_notify_cancel()]
            if wanted:
                self._tell(wanted)

    def _tell(self, some: Sequence[_Question]) -> None:
        names = [name for one in some for name in one.names]
        try:
            outputs = joined([one.outputs for one in some])
            told = iter(self._predictor.predictions(names, outputs, max(one.top for one in some)))
        except Exception as error:  # whatever it is, somebody waits for it
            for one in some:
                one.future.set_exception(error)
            return
        for one in some:
            one.future.set_result([_first(next(told), one.top) for _ in one.names])


def _first(prediction: Prediction, top: int) -> Prediction:
    return replace(prediction, emotions=prediction.emotions[:top], tags=prediction.tags[:top])
