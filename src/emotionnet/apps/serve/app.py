"""The server as an app: addresses, and what stands before and behind them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from emotionnet import __version__
from emotionnet.apps.serve.bodies import BoundedBodies, Budget
from emotionnet.apps.serve.errors import OwnFaults, RefusedError, answer_faults
from emotionnet.apps.serve.limits import LIMITS, Limits
from emotionnet.apps.serve.page import page_router
from emotionnet.apps.serve.schemas import (
    LabelsReply,
    Marks,
    PredictionsReply,
    SearchFields,
    SearchReply,
    StatusReply,
    TaughtReply,
    content,
    errors,
    pictures_body,
)
from emotionnet.apps.serve.security import Gate
from emotionnet.apps.serve.service import Service
from emotionnet.apps.serve.uploads import read_json_body, received
from emotionnet.inference.results import SCHEMA_VERSION
from emotionnet.search.searcher import Results

TOP, MOST_TOP = 5, 100
FRESH = "private, no-cache"  # kept, and asked for again: it is answered by 304

PictureName = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Id of a picture of the index.")]
Emotion = Annotated[
    str | None,
    Query(
        max_length=100, description="An emotion of the model, or a word where it has words; none: the first."
    ),
]


def create_app(service: Service, *, token: str | None = None, limits: Limits = LIMITS) -> FastAPI:
    """An app that answers programs (/v1) and browsers.

    Args:
        service: What it answers from; closed when the app shuts down.
        token: What requests must show; None: only the names of this machine itself are answered to.
        limits: How much is read.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="emotionnet",
        version=__version__,
        description="Emotions that pictures evoke; pictures by feeling.",
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    answer_faults(app)
    budget = Budget(limits.bytes_at_once)
    for add in (_add_states, _add_predict, _add_explain, _add_search, _add_pictures, _add_teaching):
        router = APIRouter()
        add(router, service, limits, budget)
        app.include_router(router)
    app.include_router(page_router(service, limits, budget))
    app.add_middleware(BoundedBodies, limits=limits)  # the last one added is the first that is passed
    app.add_middleware(OwnFaults)
    app.add_middleware(Gate, token=token)
    return app


def _add_states(router: APIRouter, service: Service, _limits: Limits, _budget: Budget) -> None:
    @router.get("/healthz", response_model=StatusReply, responses=errors())
    async def healthz() -> Response:
        """Whether the server lives."""
        return _json({"status": "ok"})

    @router.get("/readyz", response_model=StatusReply, responses=errors(503))
    async def readyz() -> Response:
        """Whether it would take another picture now."""
        if not service.ready:
            raise RefusedError(503, "busy", "as many pictures wait as may")
        return _json({"status": "ready"})

    @router.get("/v1/labels", response_model=LabelsReply, responses=errors(422, 429, 503))
    async def labels(prefix: Annotated[str, Query(max_length=100)] = "") -> Response:
        """What can be asked for; with a prefix, words that begin so."""
        return _json(await service.labels(prefix))


def _add_predict(router: APIRouter, service: Service, limits: Limits, budget: Budget) -> None:
    @router.post(
        "/v1/predict",
        response_model=PredictionsReply,
        responses=errors(400, 408, 413, 415, 422, 429, 503),
        openapi_extra=pictures_body(many=True),
    )
    async def predict(request: Request, top: Annotated[int, Query(ge=1, le=MOST_TOP)] = TOP) -> Response:
        """The likeliest emotions and the nearest words of one or more pictures."""
        async with received(request, limits, budget) as body, asyncio.timeout(limits.request_seconds):
            told = await service.predict(body.files, top)
        return _json({"schema_version": SCHEMA_VERSION, "predictions": [one.to_dict() for one in told]})


def _add_explain(router: APIRouter, service: Service, limits: Limits, budget: Budget) -> None:
    kinds: dict[str, Any] = {
        "response_class": Response,
        "responses": {200: content("image/png"), **errors(400, 404, 408, 413, 415, 422, 429, 503)},
    }

    @router.post("/v1/explain", openapi_extra=pictures_body(many=False), **kinds)
    async def explain(request: Request, emotion: Emotion = None) -> Response:
        """Which parts of a picture speak for an emotion: the picture with a heat map, as PNG."""
        async with received(request, limits, budget) as body, asyncio.timeout(limits.request_seconds):
            png, told = await service.explain(body.file, emotion)
        return _map(png, told.emotion, told.method)

    @router.get("/v1/pictures/{picture}/explain", **kinds)
    async def explain_indexed(picture: PictureName, emotion: Emotion = None) -> Response:
        """The same for a picture of the index."""
        async with asyncio.timeout(limits.request_seconds):
            png, told = await service.explain(picture, emotion)
        return _map(png, told.emotion, told.method)


def _add_search(router: APIRouter, service: Service, limits: Limits, budget: Budget) -> None:
    kinds: dict[str, Any] = {
        "response_model": SearchReply,
        "responses": errors(400, 404, 408, 413, 415, 422, 429, 503),
    }

    @router.get("/v1/search", **kinds)
    async def search(asked: Annotated[SearchFields, Query()]) -> Response:
        """Pictures of the index, the best first."""
        async with asyncio.timeout(limits.request_seconds):
            return _found(await service.search(asked.query()))

    @router.post("/v1/search", openapi_extra=pictures_body(many=False), **kinds)
    async def search_like(request: Request, asked: Annotated[SearchFields, Query()]) -> Response:
        """The same, with a picture of one's own that they are to be like."""
        async with received(request, limits, budget) as body, asyncio.timeout(limits.request_seconds):
            return _found(await service.search(asked.query(body.file.content)))


def _add_pictures(router: APIRouter, service: Service, limits: Limits, _budget: Budget) -> None:
    kinds: dict[str, Any] = {
        "response_class": Response,
        "responses": {
            200: content("image/jpeg"),
            304: {"description": "As the browser has it."},
            **errors(404, 413, 415, 422, 429, 503),
        },
    }

    @router.get("/v1/pictures/{picture}/thumbnail", **kinds)
    async def thumbnail(request: Request, picture: PictureName) -> Response:
        """A small picture, without metadata."""
        async with asyncio.timeout(limits.request_seconds):
            return _jpeg(request, await service.thumbnail(picture))

    @router.get("/v1/pictures/{picture}/image", **kinds)
    async def image(request: Request, picture: PictureName) -> Response:
        """A picture for the screen, without metadata."""
        async with asyncio.timeout(limits.request_seconds):
            return _jpeg(request, await service.picture(picture))


def _add_teaching(router: APIRouter, service: Service, limits: Limits, budget: Budget) -> None:
    marks = {"requestBody": {"required": True, "content": content("application/json", Marks)["content"]}}

    @router.post(
        "/v1/teach",
        response_model=TaughtReply,
        responses=errors(400, 404, 408, 413, 415, 422, 429, 503),
        openapi_extra=marks,
    )
    async def teach(request: Request) -> Response:
        """Teach the index a word by examples."""
        body = await read_json_body(request, limits, budget)
        try:
            asked = Marks.model_validate_json(body)
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None
        told = await service.teach(asked.word, asked.yes, asked.no)
        return _json(told.to_dict())

    @router.delete("/v1/teach/{word}", response_model=StatusReply, responses=errors(404, 422, 429, 503))
    async def forget(word: Annotated[str, Path(min_length=1, max_length=64)]) -> Response:
        """Let the index forget a word."""
        await service.forget(word)
        return _json({"status": "forgotten"})


def _json(values: Mapping[str, Any]) -> Response:
    """Straight from dicts: on the way of every prediction."""
    return Response(json.dumps(values, ensure_ascii=False, allow_nan=False), media_type="application/json")


def _map(png: bytes, emotion: str, method: str) -> Response:
    headers = {"X-Emotion": quote(emotion), "X-Method": method}
    return Response(png, media_type="image/png", headers=headers)


def _jpeg(request: Request, picture: bytes) -> Response:
    headers = {"ETag": f'"{hashlib.sha256(picture).hexdigest()[:32]}"', "Cache-Control": FRESH}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(picture, media_type="image/jpeg", headers=headers)


def _found(results: Results) -> Response:
    told = results.to_dict()
    for hit, values in zip(results.hits, told["hits"], strict=True):
        name = hit.picture.id
        values |= {
            "id": name,
            "thumbnail": f"/v1/pictures/{name}/thumbnail",
            "picture": f"/v1/pictures/{name}/image",
        }
    return _json(told)
