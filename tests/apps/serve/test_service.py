"""What requests leave behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from emotionnet.apps.serve.app import create_app
from emotionnet.apps.serve.errors import RefusedError
from emotionnet.apps.serve.forms import Form, Upload
from emotionnet.apps.serve.limits import Limits
from emotionnet.apps.serve.service import Service
from tests.apps.serve.conftest import ask as ask_app
from tests.apps.serve.conftest import picture


@pytest.mark.parametrize(
    "ask",
    [
        lambda service, content: service.predict([Upload("a", content)], 1),
        lambda service, content: service.predict([Upload("a", content), Upload("b", content)], 1),
        lambda service, content: service.explain(Upload("a", content), None),
    ],
    ids=["one", "two", "explain"],
)
def test_a_refused_picture_is_let_go_at_once(
    service: Service, ask: Callable[[Service, bytes], Coroutine[Any, Any, object]]
) -> None:
    async def refused(content: bytes) -> None:
        with pytest.raises(RefusedError):
            await ask(service, content)

    content = bytes(1000)
    gc.collect()
    gc.disable()  # which would find it, but much later
    try:
        before = sys.getrefcount(content)
        asyncio.run(refused(content))
        after = sys.getrefcount(content)
    finally:
        gc.enable()
    assert after == before


@pytest.mark.parametrize(("most", "status"), [(10**6, 200), (1000, 429), (10**6, 400)])
def test_a_form_is_let_go_at_once(
    service: Service, monkeypatch: pytest.MonkeyPatch, most: int, status: int
) -> None:
    forms: list[weakref.ref[Form]] = []

    class Known(Form):
        def __init__(self, limits: Limits) -> None:
            super().__init__(limits)
            forms.append(weakref.ref(self))

    monkeypatch.setattr("emotionnet.apps.serve.uploads.Form", Known)
    app = create_app(service, limits=Limits(bytes_at_once=most))
    content = picture(form="BMP", size=(30, 30))
    files = [] if status == 400 else [("files", ("a.bmp", content))]
    gc.collect()
    gc.disable()
    try:
        answer = ask_app(
            app, "POST", "/v1/predict", data={"a": "b" * 900}, files=files or [("a", (None, "b"))]
        )
        assert answer.status_code == status
        assert [form() for form in forms] == [None]
    finally:
        gc.enable()
