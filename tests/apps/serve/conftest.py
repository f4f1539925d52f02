"""A server whose network is plain to see, asked without a socket."""

from __future__ import annotations

import asyncio
import io
import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from emotionnet.apps.serve.app import create_app
from emotionnet.apps.serve.service import Service
from emotionnet.inference.outputs import Array, Outputs
from emotionnet.inference.predictor import Predictor
from emotionnet.models.description import ImageModel
from emotionnet.search.build import build_index
from emotionnet.text.vectors import WordVectors
from tests.conftest import means_described, write_means

COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}
MakePicture = Callable[..., bytes]


class MeansBackend:
    """Features are the means of red, green and blue, the scores and the projection the same times 2 and 3.

    `sizes` are those of the batches that came; while `gate` is shut, each waits.
    """

    name, n_features = "means", 3

    def __init__(self, step: int = 4) -> None:
        self.step = step
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def run(self, batches: Iterable[Array]) -> Generator[Outputs]:
        for batch_N3SS in batches:
            self.sizes.append(len(batch_N3SS))
            assert self.gate.wait(20)
            if self.error is not None:
                raise self.error
            means_N3 = batch_N3SS.mean(axis=(2, 3)).astype(np.float32)
            yield Outputs(means_N3, 2 * means_N3, 3 * means_N3)


def described() -> ImageModel:
    """The model that `MeansBackend` computes: anger is red, joy green, sadness blue."""
    return ImageModel.model_validate(means_described(8))


@pytest.fixture
def backend() -> MeansBackend:
    return MeansBackend()


@pytest.fixture
def predictor(backend: MeansBackend) -> Predictor:
    return Predictor(backend, described(), WordVectors(tuple(COLOURS), np.eye(3, dtype=np.float32)))


@pytest.fixture
def service(predictor: Predictor) -> Iterator[Service]:
    service = Service(predictor)
    yield service
    service.close()


@pytest.fixture
def app(service: Service) -> FastAPI:
    return create_app(service)


@pytest.fixture
def call(app: FastAPI) -> Callable[..., httpx.Response]:
    return lambda *request, **more: ask(app, *request, **more)


def ask(app: FastAPI, method: str, url: str, **more: Any) -> httpx.Response:
    """One request; `host` is what it names."""
    return ask_all(app, [(method, url, more)])[0]


def ask_all(app: FastAPI, requests: Iterable[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
    """Requests that come together."""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            asked = [client.request(method, url, **more) for method, url, more in requests]
            return await asyncio.gather(*asked)

    return asyncio.run(all_of_them())


def picture(
    colour: str | tuple[int, ...] = "red", form: str = "PNG", size: tuple[int, int] = (12, 9), **more: Any
) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, COLOURS.get(str(colour), colour)).save(file, form, **more)
    return file.getvalue()


SQUARES = {
    "blue/dark.png": (0, 0, 120),
    "blue/light.png": (90, 120, 255),
    "green.png": (0, 200, 0),
    "red/dark.png": (120, 0, 0),
    "red/light.png": (255, 90, 90),
}


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: `pictures` are those of `SQUARES`, `model` is a MODEL, `index` their INDEX."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("squares")
    for name, colour in SQUARES.items():
        (folder / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "pictures" / name).write_bytes(picture(colour, size=(16, 16)))
    (folder / "model").mkdir()
    write_means(folder / "model")
    build_index(folder / "model", [folder / "pictures"], folder / "index", backend="onnxruntime")
    return folder


@pytest.fixture
def indexed(squares: Path, tmp_path: Path) -> Path:
    """A copy of the INDEX, over the same pictures."""
    shutil.copytree(squares / "index", tmp_path / "index")
    return tmp_path / "index"
