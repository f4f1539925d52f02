from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

import pytest

pytest.importorskip("fastapi")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from emotionnet.apps.serve.bodies import Budget
from emotionnet.apps.serve.errors import BusyError, NotHereError, answer_faults
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.look import assets, percent, quoted
from emotionnet.apps.serve.page import SearchForm, page_router
from emotionnet.inference.results import Domain, Prediction, Score
from emotionnet.records import DataError
from emotionnet.search.query import Bound, Query
from emotionnet.search.searcher import Hit, Results
from emotionnet.search.store import IndexedPicture
from emotionnet.search.taught import Taught

HOSTILE = '<script>alert("1")</script>'
PICTURE = {"Content-Type": "application/octet-stream"}


def picture(name: str, path: str, *, outside: bool | None = False) -> IndexedPicture:
    taken = datetime(2021, 5, 4, 3, 2)
    return IndexedPicture(name, path, "0" * 64, 9, 1200, 800, taken, ("calm", "broken heart"), outside, 0.1)


class FakeService:
    """Answers that a test knows."""

    def __init__(self) -> None:
        self.index: dict[str, int] | None = {"pictures": 1234}
        self.asked: list[Query] = []
        self.outside = False
        self.fails: Exception | None = None
        self.taught: dict[str, Taught] = {}
        self.hits = (
            Hit(picture("a" * 16, f"/home/{HOSTILE}/one.png"), 3.21, (Score("joy", 0.624),), ("x", "y")),
            Hit(picture("b" * 16, "/home/two.png", outside=True), 1.0, (Score("anger", 0.004),)),
        )

    async def labels(self, prefix: str = "") -> dict[str, Any]:
        told = [
            {"word": one.word, "score": one.score, "chance": one.chance, "marks": len(one.yes + one.no)}
            for one in self.taught.values()
        ]
        words = {"emotions": ["anger", "joy"], "trained_on": "emoji", "model": "tiny"}
        suggested = {"suggestions": [f"{prefix}x", HOSTILE]} if prefix else {}
        return {**words, "taught": told, "index": self.index, **suggested}

    async def predict_one(self, name: str, _content: bytes, _top: int) -> Prediction:
        if self.fails:
            raise self.fails
        domain = Domain("emoji", 0.5, 0.4 if self.outside else 0.6)
        return Prediction(
            name, (Score("joy", 0.624), Score("anger", 0.2)), (Score(HOSTILE, 0.3),), domain=domain
        )

    async def search(self, query: Query) -> Results:
        self.asked.append(query)
        if self.fails:
            raise self.fails
        return Results(query, self.hits[: query.k], ("taken as calm",))

    async def about(self, name: str, _top: int) -> tuple[IndexedPicture, tuple[Score, ...]]:
        found = [hit.picture for hit in self.hits if hit.picture.id == name]
        if not found:
            raise NotHereError("no_picture", "the index has no picture of this id")
        return found[0], (Score("joy", 0.624),)

    async def teach(self, word: str, yes: Sequence[str], no: Sequence[str]) -> Taught:
        if word == "bad":
            raise DataError("a word must be good")
        scored = len(yes) > 2
        self.taught[word] = Taught.model_construct(  # type: ignore[call-arg]  # all that the page shows
            word=word,
            yes=tuple(yes),
            no=tuple(no),
            score=0.5 if scored else None,
            chance=0.1 if scored else None,
            why="" if scored else "there are fewer than 3 yes",
        )
        return self.taught[word]

    async def forget(self, word: str) -> None:
        if self.taught.pop(word, None) is None:
            raise NotHereError("no_word", "no such word was taught")


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def client(service: FakeService) -> Iterator[TestClient]:
    app, limits = FastAPI(), Limits(file_bytes=1000)
    answer_faults(app)
    app.include_router(page_router(cast(Any, service), limits, Budget(limits.bytes_at_once)))
    with TestClient(app) as client:
        yield client


def text(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def test_first_screen_says_what_was_trained_on_and_how_much_there_is(client: TestClient) -> None:
    shown = client.get("/").text
    assert "trained on emoji 1,234 pictures in the index" in text(shown)
    assert 'href="/?q=joy"' in shown
    assert 'id="q"' in shown


def test_without_index_there_is_no_search(client: TestClient, service: FakeService) -> None:
    service.index = None
    shown = client.get("/?q=joy").text
    assert 'id="files"' in shown
    assert not re.search('id="(q|results|viewer|teaching)"', shown)
    assert "More like this" not in client.post("/page/predict", content=b"x", headers=PICTURE).text
    assert not service.asked


def test_page_holds_no_script_style_or_address_of_others(client: TestClient) -> None:
    pages = [client.get("/").text, client.get("/?q=joy").text, client.get(f"/page/pictures/{'a' * 16}").text]
    for shown in pages:
        assert not re.search(r"<script(?![^>]*src=\"/static/)|<style|\sstyle=|\son\w+=|javascript:|//", shown)


def test_address_of_a_search_gives_the_page_with_its_results(
    client: TestClient, service: FakeService
) -> None:
    whole = client.get('/?q=calm "broken heart":2&not=fear&emotion=joy&least=40&folder=a/b&from=2020-01-01')
    assert "2 pictures" in text(whole.text)
    assert service.asked == [
        Query(
            words=(("calm", 1.0), ("broken heart", 2.0), ("fear", -1.0)),
            emotions=(Bound("joy", ">", 0.4),),
            folder="a/b",
            taken_from=datetime(2020, 1, 1).date(),
        )
    ]
    assert '<details class="filters" open>' in whole.text
    assert "<option selected>joy</option>" in whole.text


def test_results_name_emotion_score_copies_and_what_is_outside(client: TestClient) -> None:
    answer = client.get("/page/search?q=joy&k=2&emotion=&from=")
    assert answer.headers["HX-Push-Url"] == "/?q=joy&k=2"
    hits = re.findall(r'<li class="hit".*?</li>', answer.text, flags=re.DOTALL)
    first, second = map(text, hits)
    assert first == "2 more alike joy 62 % score 3.2 Yes : one.png No : one.png"
    assert second == "unfamiliar anger &lt;1 % score 1.0 Yes : two.png No : two.png"
    assert "taken as calm" in answer.text
    assert "/page/search?q=joy&amp;k=4" in answer.text


def test_what_pictures_and_words_are_called_is_never_html(client: TestClient, service: FakeService) -> None:
    shown = [
        client.get("/page/search", params={"q": f'"{HOSTILE.replace(chr(34), "")}"'}).text,
        client.get(f"/page/pictures/{'a' * 16}").text,
        client.get("/page/suggest?q=se").text,
        client.post("/page/predict", content=b"x", headers=PICTURE).text,
        client.post("/page/teach", json={"word": HOSTILE, "yes": ["a" * 16]}).text,
        client.get("/", params={"q": HOSTILE}).text,
    ]
    assert all("<script>" not in one for one in shown)
    assert all("&lt;script" in one for one in shown)


def test_more_like_a_picture_of_the_index(client: TestClient, service: FakeService) -> None:
    shown = client.get(f"/page/search?like={'b' * 16}").text
    assert service.asked[0].like == ("b" * 16,)
    assert f'<img class="asked" src="/v1/pictures/{"b" * 16}/thumbnail"' in shown


@pytest.mark.parametrize("like", ["/etc/passwd", "..", "A" * 16, "a" * 17])
def test_path_is_no_picture_to_be_like(client: TestClient, service: FakeService, like: str) -> None:
    assert client.get("/page/search", params={"like": like}).status_code == 422
    assert not service.asked


def test_more_like_an_own_picture(client: TestClient, service: FakeService) -> None:
    assert client.post("/page/search", content=b"pixels", headers=PICTURE).status_code == 200
    assert service.asked[0].like == (b"pixels",)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", "a query needs words"),
        (
            "q=joy&emotion=joy&least=x",
            "the least of an emotion must be a number of per cent; got &#39;x&#39;",
        ),
        ("q=joy&from=yesterday", "a day must be given as year-month-day"),
    ],
)
def test_fault_of_a_search_stands_in_its_place(client: TestClient, asked: str, said: str) -> None:
    answer = client.get(f"/page/search?{asked}")
    assert answer.status_code == 200
    assert said in answer.text
    assert 'role="alert"' in answer.text


def test_note_on_what_is_outside_comes_first(client: TestClient, service: FakeService) -> None:
    inside = client.post("/page/predict?name=a.png", content=b"x", headers=PICTURE).text
    assert "outside" not in inside
    assert text(inside).startswith("joy 62 % : show where anger 20 %")
    assert '<rect width="62.4%" height="100%"/>' in inside
    service.outside = True
    outside = client.post("/page/predict?name=a.png", content=b"x", headers=PICTURE).text
    assert text(outside).startswith("This picture is unlike the pictures of &#39;emoji&#39; that this model")


def test_broken_picture_is_told_in_plain_words(client: TestClient, service: FakeService) -> None:
    service.fails = DataError("must be a picture (JPEG, PNG); it is something else")
    answer = client.post("/page/predict?name=a.png", content=b"x", headers=PICTURE)
    assert answer.status_code == 200
    assert text(answer.text) == "This file must be a picture (JPEG, PNG); it is something else"


def test_large_body_is_told(client: TestClient) -> None:
    assert "must have at most" in client.post("/page/predict", content=b"x" * 1001, headers=PICTURE).text


def test_busy_server_says_when_to_come_back(client: TestClient, service: FakeService) -> None:
    service.fails = BusyError(3)
    answer = client.post("/page/predict", content=b"x", headers=PICTURE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")


def test_large_view_tells_all_that_is_known(client: TestClient) -> None:
    shown = client.get(f"/page/pictures/{'b' * 16}").text
    assert "1,200 \N{MULTIPLICATION SIGN} 800" in shown
    assert "2021-05-04 03:02" in shown
    assert "This picture is unlike" in shown
    assert 'href="/?q=%22broken%20heart%22"' in shown
    assert client.get(f"/page/pictures/{'c' * 16}").status_code == 404


def test_taught_word_is_told_with_its_score_and_chance(client: TestClient) -> None:
    ids = [letter * 16 for letter in "abcd"]
    few = client.post("/page/teach", json={"word": "cosy", "yes": ids[:2]}).text
    assert "cosy works now, in search and in tags. No score yet: there are fewer than 3 yes." in text(few)
    assert "2 marks, no score yet" in text(few)
    more = client.post("/page/teach", json={"word": "cosy", "yes": ids[:3], "no": ids[3:]}).text
    said = "Average precision 0.50 (chance 0.10), cross-validated over 3 yes and 1 no."
    assert said in text(more)
    assert "AP 0.50, chance 0.10, 4 marks" in text(more)
    assert "AP 0.50" in text(client.get("/").text)
    assert "cosy" not in client.delete("/page/teach?word=cosy").text
    assert client.delete("/page/teach?word=cosy").status_code == 404


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"word": "bad", "yes": ["a" * 16]}, "a word must be good"),
        ({"word": "", "yes": []}, "needed are a word of at most 64 letters and marked pictures of the index"),
        ({"word": "cosy", "yes": ["../../etc"]}, "needed are a word of at most 64 letters"),
    ],
)
def test_marks_that_teach_nothing(client: TestClient, marks: dict[str, Any], said: str) -> None:
    answer = client.post("/page/teach", json=marks)
    assert said in text(answer.text)
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("se", "sex"),
        ("calm se", "calm sex"),
        ("calm,se", "calm,sex"),
        ('"broken heart" se', '"broken heart" sex'),
        ('calm "see no e', 'calm "see no ex"'),  # a phrase is searched as one
    ],
)
def test_suggestions_complete_the_last_word_or_phrase(client: TestClient, written: str, first: str) -> None:
    shown = client.get("/page/suggest", params={"q": written}).text
    assert html.unescape(shown).strip().startswith(f'<option value="{first}">')


@pytest.mark.parametrize("written", ["", "calm ", '"calm"'])
def test_a_finished_word_has_no_suggestions(client: TestClient, written: str) -> None:
    assert client.get("/page/suggest", params={"q": written}).text.strip() == ""


def test_a_browser_reads_of_faults_on_a_page(client: TestClient, service: FakeService) -> None:
    service.fails = BusyError(3)
    for address, status, said in [("/?k=0", 422, "query.k: "), ("/?q=joy", 429, "as much to do as may wait")]:
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert said in text(answer.text)
        assert 'href="/static/app.css' in answer.text
    assert answer.headers["Retry-After"] == "3"
    assert client.get("/page/search?k=0").headers["Content-Type"] == "application/json"


def test_words_to_begin_with_show_their_first_picture(client: TestClient, service: FakeService) -> None:
    shown = client.get("/page/begin").text
    assert [(query.words, query.k) for query in service.asked] == [
        ((("anger", 1.0),), 1),
        ((("joy", 1.0),), 1),
    ]
    assert shown.count(f"/v1/pictures/{'a' * 16}/thumbnail") == 2
    service.fails = DataError("no such word")
    assert "<img" not in client.get("/page/begin").text


def test_static_files_are_kept_until_they_change(client: TestClient) -> None:
    address = re.search(r'href="(/static/app.css[^"]+)"', client.get("/").text)
    assert address
    answer = client.get(address[1])
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]
    known = client.get(address[1], headers={"If-None-Match": answer.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize("name", ["none.js", "..%2fpage.py", "htmx.LICENSE.txt", "%2e%2e/look.py"])
def test_nothing_else_is_handed_out(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_script_and_style_load_nothing_from_elsewhere() -> None:
    for name in ("app.css", "app.js"):
        content = assets()[name].content.decode()
        assert not re.search(
            r"url\(|@import|https?:|\beval\b|new Function|innerHTML", content.replace('"innerHTML"', "")
        )


def test_address_of_a_search_holds_what_was_filled_in() -> None:
    form = SearchForm.model_validate({"q": "a b", "not": "c", "from": "2020-01-01", "to": "", "other": "1"})
    assert form.address() == "q=a+b&not=c&from=2020-01-01"
    assert form.address(k=48) == "q=a+b&not=c&from=2020-01-01&k=48"


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "0 %"), (0.004, "<1 %"), (0.01, "1 %"), (0.995, "100 %"), (0.5, "50 %")]
)
def test_percent(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("word", "said"),
    [("joy", "joy"), ("broken heart", '"broken heart"'), ('a:"b', '"a:b"'), ("a,b", '"a,b"')],
)
def test_word_in_a_query(word: str, said: str) -> None:
    assert quoted(word) == said
