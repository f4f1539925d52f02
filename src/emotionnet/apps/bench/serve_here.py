"""A server for the bench, in a process of its own: the product's, with or without batches."""

from __future__ import annotations

import socket
import sys

from emotionnet.apps.memory import keep_freed_memory
from emotionnet.apps.serve.app import create_app
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.server import run_app
from emotionnet.apps.serve.service import Service
from emotionnet.inference.choice import BackendName
from emotionnet.inference.loading import load_predictor


def serve_here(model: str, backend: BackendName, batch: int) -> None:
    """Serve a model on a free port, which is printed, until SIGTERM.

    Args:
        model: A RUN or a MODEL.
        backend: What computes it.
        batch: Pictures that go through the network together at most; 0: as many as it wants.
    """
    keep_freed_memory()
    limits = Limits(batch=batch or None)
    service = Service(load_predictor(model, backend=backend), limits=limits)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        app = create_app(service, limits=limits)
        run_app(app, listening, limits, lambda: print(port, flush=True))  # noqa: T201


if __name__ == "__main__":
    serve_here(sys.argv[1], sys.argv[2], int(sys.argv[3]))  # type: ignore[arg-type]  # ours alone
