"""From a model and an address to a server at work; its packages are imported when they are there."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from emotionnet.data.addresses import is_loopback
from emotionnet.progress import message
from emotionnet.records import DataError

if TYPE_CHECKING:
    from emotionnet.apps.serve.service import Service
    from emotionnet.inference.choice import BackendName

TOKEN = "EMOTIONNET_TOKEN"
SHORTEST_TOKEN = 16  # characters
PACKAGES = ("fastapi", "uvicorn", "httptools", "python_multipart")


def serve(
    model: Path | str,
    *,
    index: Path | None,
    host: str,
    port: int,
    backend: BackendName = "auto",
    shards: Sequence[str] = (),
) -> None:
    """Answer programs and browsers until SIGTERM or SIGINT; what was asked before is answered.

    Args:
        model: A RUN, a MODEL, or a CLIP model, as for `load_predictor`.
        index: An INDEX that it made; None: there is no search.
        host: Address to listen at. Others than the loopback's ask for a token: that of the environment
            (`TOKEN`), else a new one, which is printed with the address.
        port: To listen at; 0: any that is free.
        backend: As for `load_predictor`.
        shards: URLs of SHARDS that pictures of the index may be read from.

    Raises:
        DataError: A package is missing, the address cannot be listened at, the token is too short, or the
            model or the index cannot be opened.
    """
    missing = next((name for name in PACKAGES if find_spec(name) is None), None)
    if missing is not None:
        raise DataError(
            f"the package {missing} must be installed; it is not: pip install 'emotionnet[serve]'"
        )
    token, is_new = _token(host)
    listening = _listening(host, port)
    with listening:
        service = _service(model, index, backend, shards)
        _run(service, listening, token, _address(host, listening, token if is_new else None))


def _service(model: Path | str, index: Path | None, backend: BackendName, shards: Sequence[str]) -> Service:
    from emotionnet.apps.serve.service import Service
    from emotionnet.inference.exported import is_exported
    from emotionnet.inference.hub import local_run
    from emotionnet.inference.loading import load_predictor
    from emotionnet.inference.names import is_clip
    from emotionnet.search.store import Index

    opened = None if index is None else Index.open(index)
    folder = None if is_clip(model) else local_run(model)  # a hub is asked for it once
    predictor = load_predictor(folder or model, backend=backend)
    explaining = None
    if backend == "auto" and folder is not None and not is_exported(folder):
        explaining = partial(load_predictor, folder, backend="torch")  # grad-cam is finer than occlusion
    return Service(predictor, opened, explaining=explaining, shards=shards)


def _run(service: Service, listening: socket.socket, token: str | None, address: str) -> None:
    from emotionnet.apps.serve.app import create_app
    from emotionnet.apps.serve.server import run_app

    app = create_app(service, token=token, limits=service.limits)
    run_app(app, listening, service.limits, lambda: message(f"serving {address}"))


def _token(host: str) -> tuple[str | None, bool]:
    """What requests must show, and whether it is new, so that its user has to be told."""
    given = os.environ.get(TOKEN)
    if given is not None:
        if len(given) < SHORTEST_TOKEN or not (given.isascii() and given.isprintable()):
            raise DataError(f"${TOKEN}: must be at least {SHORTEST_TOKEN} ASCII characters")
        return given, False
    return (None, False) if is_loopback(host) else (secrets.token_urlsafe(24), True)


def _listening(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise DataError(f"{host}:{port}: must be an address of this machine; {_said(error)}") from None
    try:
        if os.name == "posix":  # elsewhere it lets two servers share an address
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        raise DataError(
            f"{host}:{port}: must be free to listen at; {_said(error)}: choose another --port or --host"
        ) from None
    return listening


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()


def _address(host: str, listening: socket.socket, token: str | None) -> str:
    """The URL for a browser, with the token where its user does not know it."""
    bound, port = listening.getsockname()[:2]
    everywhere = ipaddress.ip_address(bound).is_unspecified
    name = socket.gethostname() if everywhere else f"[{bound}]" if ":" in bound else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
