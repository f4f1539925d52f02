"""The page: HTML for a browser, made of what the service says.

Fragments answer with status 200 also when they tell of a fault of the user's: they are the page's own words,
shown in place. Programs talk to /v1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotionnet.apps.serve.bodies import Budget
from emotionnet.apps.serve.forms import clean_name
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.look import asset_response, quoted, template
from emotionnet.apps.serve.schemas import Marks
from emotionnet.apps.serve.uploads import read_json_body, received
from emotionnet.records import DataError
from emotionnet.search.query import HITS, parse_query
from emotionnet.search.query import Query as Question

if TYPE_CHECKING:
    from emotionnet.apps.serve.service import Service

TOP = 7  # emotions beside a picture: as many as are read at a glance
BEGIN = 12  # words that the first screen offers, each with its first picture
MOST = 10 * HITS  # pictures on one page


class SearchForm(BaseModel):
    """The fields of the search, as the form and the address of a search hold them."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    q: str = Field("", max_length=400)
    unwanted: str = Field("", alias="not", max_length=400)
    like: str = Field("", pattern="^([0-9a-f]{16})?$")
    emotion: str = Field("", max_length=100)
    least: str = Field("", max_length=20)
    folder: str = Field("", max_length=1000)
    since: str = Field("", alias="from", max_length=40)
    until: str = Field("", alias="to", max_length=40)
    k: int = Field(HITS, ge=1, le=MOST)

    @property
    def filtered(self) -> bool:
        """Whether a filter is set."""
        return any((self.unwanted, self.emotion, self.folder, self.since, self.until))

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.q.strip() or self.like or self.filtered)

    def query(self, picture: bytes | None = None) -> Question:
        """The question; `picture` is one from outside of the index."""
        like: list[Any] = [self.like] if self.like else []
        return parse_query(
            self.q,
            not_=[self.unwanted] if self.unwanted.strip() else [],
            emotion=[f"{self.emotion}>{self._share():g}"] if self.emotion else [],
            like=like if picture is None else [*like, picture],
            folder=self.folder.strip() or None,
            taken=(self.since or None, self.until or None),
            k=self.k,
        )

    def _share(self) -> float:
        try:
            return float(self.least or 30) / 100
        except ValueError:
            raise DataError(
                f"the least of an emotion must be a number of per cent; got {self.least!r}"
            ) from None

    def address(self, **changed: Any) -> str:
        """The fields that say something, as the query of an address."""
        fields = self.model_dump(by_alias=True, exclude_defaults=True) | changed
        return urlencode({name: value for name, value in fields.items() if value != ""})


def page_router(service: Service, limits: Limits, budget: Budget) -> APIRouter:
    """The page, its fragments and its static files.

    Args:
        service: What computes.
        limits: Of a request's body.
        budget: How many bytes all requests hold.
    """
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    _add_start(router, service)
    _add_own_pictures(router, service, limits, budget)
    _add_index(router, service)
    _add_teaching(router, service, limits, budget)
    router.add_api_route("/static/{name}", asset_response, methods=["GET"])
    return router


def _add_start(router: APIRouter, service: Service) -> None:
    @router.get("/")
    async def start(form: Annotated[SearchForm, Query()]) -> HTMLResponse:
        labels = await service.labels()
        index = labels["index"]
        found: Mapping[str, Any] = {"results": None, "error": None, "asked": ""}
        if index is not None and not form.empty:
            found = await _found(service, form)
        return _page(
            "page.html.j2",
            **found,
            form=form,
            trained_on=labels["trained_on"],
            emotions=labels["emotions"],
            taught=labels["taught"],
            swap=False,
            pictures=None if index is None else index["pictures"],
            begin=[(word, "") for word in _begin(labels)],
        )

    @router.get("/page/begin")
    async def begin() -> HTMLResponse:
        words = _begin(await service.labels())
        return _page("begin.html.j2", begin=[(word, await _first(service, word)) for word in words])

    @router.get("/page/suggest")
    async def suggest(q: Annotated[str, Query(max_length=400)] = "") -> HTMLResponse:
        before, last = _unfinished(q)
        words = (await service.labels(last))["suggestions"] if last.strip() else []
        return _page("words.html.j2", words=[f"{before}{quoted(word)}" for word in words])


def _add_own_pictures(router: APIRouter, service: Service, limits: Limits, budget: Budget) -> None:
    @router.post("/page/predict")
    async def predict(request: Request, name: Annotated[str, Query(max_length=255)] = "") -> HTMLResponse:
        try:
            async with received(request, limits, budget) as body, asyncio.timeout(limits.request_seconds):
                called = clean_name(name, default="picture")
                told = await service.predict_one(called, body.file.content, TOP)
        except DataError as error:
            return _page("fault.html.j2", lines=[_of_file(fault) for fault in error.faults])
        indexed = (await service.labels())["index"] is not None
        return _page("prediction.html.j2", prediction=told, searchable=indexed)

    @router.post("/page/search")
    async def search_like(request: Request, form: Annotated[SearchForm, Query()]) -> HTMLResponse:
        async with received(request, limits, budget) as body, asyncio.timeout(limits.request_seconds):
            found = await _found(service, form, body.file.content)
        return _page("results.html.j2", **found)


def _add_index(router: APIRouter, service: Service) -> None:
    @router.get("/page/search")
    async def search(form: Annotated[SearchForm, Query()]) -> HTMLResponse:
        answer = _page("results.html.j2", **await _found(service, form))
        address = form.address()
        answer.headers["HX-Push-Url"] = f"/?{address}" if address else "/"
        return answer

    @router.get("/page/pictures/{picture}")
    async def one(picture: str) -> HTMLResponse:
        record, emotions = await service.about(picture, TOP)
        trained_on = (await service.labels())["trained_on"]
        return _page("picture.html.j2", picture=record, emotions=emotions, trained_on=trained_on)


def _add_teaching(router: APIRouter, service: Service, limits: Limits, budget: Budget) -> None:
    @router.post("/page/teach")
    async def teach(request: Request) -> HTMLResponse:
        try:
            marks = _marks(await read_json_body(request, limits, budget))
            told = await service.teach(marks.word, marks.yes, marks.no)
        except DataError as error:
            return _page("fault.html.j2", lines=error.faults)
        taught = (await service.labels())["taught"]
        return _page("learned.html.j2", told=told, taught=taught, swap=True)

    @router.delete("/page/teach")
    async def forget(word: Annotated[str, Query(max_length=200)]) -> HTMLResponse:
        await service.forget(word)
        return _page("taught.html.j2", taught=(await service.labels())["taught"], swap=False)


def _unfinished(text: str) -> tuple[str, str]:
    """A query as far as it is written, and its last word, or phrase whose quotes are open."""
    if text.count('"') % 2:
        before, _, last = text.rpartition('"')
        return before, last
    start = max(text.rfind(letter) for letter in ' ,"') + 1
    return text[:start], text[start:]


def _of_file(fault: str) -> str:
    """A fault of a picture that stands below its name."""
    return f"This file {fault}" if fault.startswith("must ") else fault


def _marks(body: bytes) -> Marks:
    try:
        return Marks.model_validate_json(body)
    except ValidationError:
        raise DataError("needed are a word of at most 64 letters and marked pictures of the index") from None


async def _found(service: Service, form: SearchForm, picture: bytes | None = None) -> Mapping[str, Any]:
    """What the template of results needs."""
    known: dict[str, Any] = {"results": None, "error": None, "asked": "", "like": form.like}
    try:
        query = form.query(picture)
        results = await service.search(query)
    except DataError as error:
        return known | {"error": error.faults, "more": ""}
    full = len(results.hits) == form.k < MOST and picture is None
    more = form.address(k=min(MOST, 2 * form.k)) if full else ""
    return known | {"results": results, "asked": str(query), "more": more}


async def _first(service: Service, word: str) -> str:
    """The id of the first picture for a word; empty where there is none."""
    try:
        hits = (await service.search(parse_query(quoted(word), k=1))).hits
    except DataError:
        return ""
    return hits[0].picture.id if hits else ""


def _begin(labels: Mapping[str, Any]) -> list[str]:
    """Words for the first screen: taught ones first."""
    words = [*(one["word"] for one in labels["taught"]), *labels["emotions"]]
    return list(dict.fromkeys(words))[:BEGIN]


def _page(name: str, **values: Any) -> HTMLResponse:
    return HTMLResponse(template(name).render(**values))
