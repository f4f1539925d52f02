"""The interface of programs: what is asked, what comes back, and how faults are told."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from emotionnet.apps.serve.app import create_app
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.service import Service
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.predictor import Predictor
from emotionnet.search.store import Index
from tests.apps.serve.conftest import MeansBackend, ask, ask_all, described, picture

Call = Callable[..., httpx.Response]
PNG = {"content-type": "image/png"}
NOT_ONE = "must be a picture (JPEG, PNG, WEBP, GIF, BMP, TIFF, PPM, AVIF); it is something else"


def files(*contents: bytes, field: str = "files") -> list[tuple[str, tuple[str, bytes]]]:
    return [(field, (f"{number}.png", content)) for number, content in enumerate(contents)]


def fault(answer: httpx.Response) -> tuple[int, str, str]:
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def test_predictions_are_those_of_the_predictor(call: Call, predictor: Predictor) -> None:
    contents = [picture(colour) for colour in ("red", "green", "blue")]
    answer = call("POST", "/v1/predict?top=2", files=files(*contents))
    told = predictor.predict(contents, top=2)
    names = [{"image": f"{number}.png"} for number in range(3)]
    expected = [one.to_dict() | name for one, name in zip(told, names, strict=True)]
    assert answer.json() == {"schema_version": 1, "predictions": expected}
    assert [one.emotions[0].name for one in told] == ["anger", "joy", "sadness"]


def test_one_picture_may_be_the_body(call: Call) -> None:
    for kind in ("image/png", "application/octet-stream", "image/jpeg"):
        answer = call("POST", "/v1/predict?top=1", content=picture("blue"), headers={"content-type": kind})
        (told,) = answer.json()["predictions"]
        assert (told["image"], told["emotions"][0]["name"]) == ("picture", "sadness")


def test_faults_of_pictures_are_told_by_name(call: Call) -> None:
    answer = call("POST", "/v1/predict", files=files(picture(), b"text", picture()[:45]))
    status, code, said = fault(answer)
    assert (status, code) == (415, "no_picture")
    assert said.splitlines()[0] == f"1.png: {NOT_ONE}"
    details = answer.json()["error"]["details"]
    assert [(one["image"], one["code"]) for one in details] == [
        ("1.png", "no_picture"),
        ("2.png", "unreadable_picture"),
    ]
    assert fault(call("POST", "/v1/predict", content=b"text", headers=PNG)) == (415, "no_picture", NOT_ONE)


def test_faults_of_requests(call: Call) -> None:
    assert fault(call("GET", "/nothing"))[:2] == (404, "not_found")
    assert fault(call("GET", "/v1/predict"))[:2] == (405, "method_not_allowed")
    status, code, said = fault(call("POST", "/v1/predict?top=0", content=picture(), headers=PNG))
    assert (status, code, said) == (422, "invalid", "query.top: Input should be greater than or equal to 1")
    assert fault(call("POST", "/v1/predict", content=b"x", headers={"content-type": "text/plain"}))[0] == 415


def test_only_what_this_server_knows_is_described(call: Call) -> None:
    described = call("GET", "/openapi.json").json()
    assert sorted(described["paths"]) == [
        "/healthz",
        "/readyz",
        "/v1/explain",
        "/v1/labels",
        "/v1/pictures/{picture}/explain",
        "/v1/pictures/{picture}/image",
        "/v1/pictures/{picture}/thumbnail",
        "/v1/predict",
        "/v1/search",
        "/v1/teach",
        "/v1/teach/{word}",
    ]
    for path in ("/docs", "/redoc"):
        assert fault(call("GET", path))[0] == 404


def test_labels_without_an_index(call: Call) -> None:
    told = call("GET", "/v1/labels").json()
    assert told["emotions"] == ["anger", "joy", "sadness"]
    assert (told["taught"], told["index"], told["trained_on"]) == ([], None, "none")
    assert "suggestions" not in told
    assert call("GET", "/v1/labels?prefix=J").json()["suggestions"] == ["joy"]


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/v1/search?q=joy", {}),
        ("POST", "/v1/search", {"files": files(picture(), field="file")}),
        ("GET", f"/v1/pictures/{'0' * 16}/image", {}),
        ("GET", f"/v1/pictures/{'0' * 16}/thumbnail", {}),
        ("GET", f"/v1/pictures/{'0' * 16}/explain", {}),
        ("POST", "/v1/teach", {"json": {"word": "x", "yes": ["0" * 16]}}),
        ("DELETE", "/v1/teach/x", {}),
    ],
)
def test_without_an_index_its_addresses_say_so(
    call: Call, method: str, path: str, more: dict[str, Any]
) -> None:
    said = "the server has no index: start it with --index"
    assert fault(call(method, path, **more)) == (404, "no_index", said)


def test_a_full_queue_asks_for_another_try(app: FastAPI, predictor: Predictor, backend: MeansBackend) -> None:
    service = Service(predictor, limits=Limits(waiting=4))
    small = create_app(service, limits=service.limits)
    many = ("POST", "/v1/predict", {"files": files(*[picture()] * 4)})
    answers = ask_all(small, [many, many])
    assert sorted(answer.status_code for answer in answers) == [200, 429]
    (busy,) = [answer for answer in answers if answer.status_code == 429]
    assert fault(busy)[1] == "busy"
    assert int(busy.headers["retry-after"]) >= 1
    service.close()


def test_readiness_tells_of_a_full_queue(predictor: Predictor, backend: MeansBackend) -> None:
    service = Service(predictor, limits=Limits(waiting=0))
    assert fault(ask(create_app(service), "GET", "/readyz")) == (503, "busy", "as many pictures wait as may")
    assert ask(create_app(service), "GET", "/healthz").json() == {"status": "ok"}
    service.close()


def test_a_request_that_takes_too_long_is_ended(predictor: Predictor, backend: MeansBackend) -> None:
    service = Service(predictor, limits=Limits(request_seconds=0.05))
    backend.gate.clear()
    answer = ask(
        create_app(service, limits=service.limits), "POST", "/v1/predict", content=picture(), headers=PNG
    )
    assert fault(answer) == (503, "too_slow", "the server could not do this in time; try again")
    backend.gate.set()
    service.close()


def test_a_fault_of_our_own_tells_nothing_of_the_inside(
    call: Call, backend: MeansBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.error = RuntimeError("/secret/place")
    status, code, said = fault(call("POST", "/v1/predict", content=picture(), headers=PNG))
    assert (status, code) == (500, "internal")
    assert "secret" not in said
    number = said.split()[-1]
    logged = capsys.readouterr().err
    assert f"fault {number}: RuntimeError" in logged
    assert "/secret/place" in logged


def test_nothing_of_an_upload_is_written_to_the_disk(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file is made")

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    large = picture(form="BMP", size=(1500, 1500))  # 6.75 MB, where Starlette's reader begins a file at 1
    assert call("POST", "/v1/predict", files=files(large, large)).status_code == 200


def test_an_explanation_is_a_picture_and_says_what_it_explains(call: Call) -> None:
    answer = call("POST", "/v1/explain?emotion=joy", content=picture("green"), headers=PNG)
    assert (answer.headers["content-type"], answer.headers["x-emotion"]) == ("image/png", "joy")
    assert answer.headers["x-method"] == "occlusion"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
    likeliest = call("POST", "/v1/explain", files=files(picture("blue"), field="file"))
    assert likeliest.headers["x-emotion"] == "sadness"
    assert fault(call("POST", "/v1/explain", content=b"x", headers=PNG)) == (415, "no_picture", NOT_ONE)
    assert fault(call("POST", "/v1/explain", files=files(b"x", b"y", field="file")))[1] == "too_many_files"


def test_an_unknown_emotion_is_told_with_one_that_is_near(backend: MeansBackend) -> None:
    service = Service(Predictor(backend, described(), None))
    answer = ask(create_app(service), "POST", "/v1/explain?emotion=jo", content=picture(), headers=PNG)
    status, code, said = fault(answer)
    assert (status, code) == (422, "invalid")
    assert said.endswith("did you mean joy?")
    service.close()


def test_what_explains_is_opened_once_when_it_is_asked(predictor: Predictor, backend: MeansBackend) -> None:
    opened: list[Predictor] = []

    def other() -> Predictor:
        opened.append(
            Predictor(backend, described().model_copy(update={"emotions": ("awe", "fear", "calm")}), None)
        )
        return opened[-1]

    service = Service(predictor, explaining=other)
    app = create_app(service)
    assert ask(app, "POST", "/v1/predict", content=picture(), headers=PNG).status_code == 200
    assert not opened
    for _ in range(2):
        answer = ask(app, "POST", "/v1/explain?emotion=awe", content=picture(), headers=PNG)
        assert answer.headers["x-emotion"] == "awe"
    assert len(opened) == 1
    service.close()


def test_explanations_are_made_one_at_a_time_and_few_wait(
    predictor: Predictor, backend: MeansBackend
) -> None:
    service = Service(predictor, limits=Limits(explanations=2))
    one = ("POST", "/v1/explain", {"content": picture(), "headers": PNG})
    answers = ask_all(create_app(service), [one] * 5)
    assert sorted(answer.status_code for answer in answers)[:2] == [200, 200]
    assert {answer.status_code for answer in answers[2:]} <= {200, 429}
    assert 429 in {answer.status_code for answer in answers}
    service.close()


@pytest.fixture
def library(squares: Path, indexed: Path) -> Iterator[Call]:
    """Asks a server with an index."""
    predictor = load_predictor(squares / "model", backend="onnxruntime")
    service = Service(predictor, Index.open(indexed))
    app = create_app(service)
    yield lambda *request, **more: ask(app, *request, **more)
    service.close()


def test_a_search_and_what_it_leads_to(library: Call, squares: Path) -> None:
    told = library("GET", "/v1/search?q=blue&k=2&not=red&emotion=sadness>0.5").json()
    assert told["schema_version"] == 1
    first = told["hits"][0]
    assert first["path"] == str((squares / "pictures/blue/light.png").resolve())
    for link in (first["thumbnail"], first["picture"]):
        answer = library("GET", link)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        again = library("GET", link, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert library("GET", f"/v1/search?like={first['id']}").json()["hits"]
    why = library("GET", f"/v1/pictures/{first['id']}/explain?emotion=sadness")
    assert why.headers["content-type"] == "image/png"


def test_a_search_with_a_picture_of_ones_own(library: Call) -> None:
    answer = library("POST", "/v1/search?k=1", files=files(picture((255, 90, 90)), field="file"))
    (hit,) = answer.json()["hits"]
    assert hit["path"].endswith("red/light.png")
    broken = library("POST", "/v1/search", files=files(b"text", field="file"))
    assert fault(broken) == (415, "no_picture", NOT_ONE)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "a query needs words"),
        ("q=x:y", "a weight must be a number"),
        ("q=joy&k=0", "query.k: Input should be greater than or equal to 1"),
        ("q=joy&from=yesterday", "query.from: "),
        ("q=joy&game=1", "query.game: Extra inputs are not permitted"),
        ("emotion=envy>0.3", "envy"),
        ("like=/etc/passwd", "query.like.0: String should match pattern"),
    ],
)
def test_queries_that_cannot_be_understood(library: Call, query: str, said: str) -> None:
    status, code, found = fault(library("GET", f"/v1/search?{query}"))
    assert (status, code) == (422, "invalid")
    assert said in found


def test_a_word_is_taught_told_and_forgotten(library: Call) -> None:
    hits = library("GET", "/v1/search?q=blue").json()["hits"]
    by_name = {Path(hit["path"]).parent.name + Path(hit["path"]).stem: hit["id"] for hit in hits}
    marks = {"word": "green", "yes": [by_name["bluedark"], by_name["bluelight"]], "no": [by_name["reddark"]]}
    told = library("POST", "/v1/teach", json=marks).json()
    assert (told["word"], told["yes"], told["no"]) == ("green", 2, 1)
    labels = library("GET", "/v1/labels?prefix=gr").json()
    assert [one["word"] for one in labels["taught"]] == ["green"]
    assert labels["index"] == {"pictures": 5}
    assert labels["suggestions"][0] == "green"
    first = library("GET", "/v1/search?q=green").json()["hits"][0]
    assert first["id"] in marks["yes"]
    assert library("DELETE", "/v1/teach/Green").json() == {"status": "forgotten"}
    assert fault(library("DELETE", "/v1/teach/green"))[:2] == (404, "no_word")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"yes": []}', "word: Field required"),
        ('{"word": "x", "yes": ["../../x"]}', "yes.0: String should match pattern"),
        ('{"word": "x", "yes": []}', "at least one picture must be marked yes; got none"),
        (json.dumps({"word": "x" * 65, "yes": ["0" * 16]}), "word: String should have at most 64"),
        ('{"word": "x", "yes": ["0000000000000000"], "more": 1}', "more: Extra inputs are not permitted"),
    ],
)
def test_marks_that_cannot_be_used(library: Call, body: str, said: str) -> None:
    answer = library("POST", "/v1/teach", content=body, headers={"content-type": "application/json"})
    status, code, found = fault(answer)
    assert (status, code) == (422, "invalid")
    assert said in found


def test_the_app_closes_its_service(predictor: Predictor) -> None:
    service = Service(predictor)
    app = create_app(service)

    async def live() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(live())
    with pytest.raises(RuntimeError, match="after shutdown"):
        asyncio.run(service.labels())
