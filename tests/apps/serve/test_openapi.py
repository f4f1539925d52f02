"""The OpenAPI description holds: schemathesis makes requests of it, and looks at the answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from emotionnet.apps.serve.app import create_app
from emotionnet.apps.serve.service import Service
from emotionnet.inference.loading import load_predictor
from emotionnet.search.store import Index

HOST = {"Host": "127.0.0.1"}
# What a description cannot say: which words are known, and which bytes are a picture.
STATUSES = ["2xx", 401, 403, 404, 415, 422, 429]
CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": STATUSES}}}


@pytest.fixture
def served(squares: Path, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    monkeypatch.setattr("emotionnet.inference.words.has_sentence_model", lambda: False)
    service = Service(load_predictor(squares / "model", backend="onnxruntime"), Index.open(indexed))
    yield create_app(service)
    service.close()


@pytest.mark.parametrize("examples", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_answers_are_as_described(served: FastAPI, examples: int) -> None:
    config = schemathesis.Config.from_dict(CONFIG)
    schema = schemathesis.openapi.from_asgi("/openapi.json", served, config=config, headers=HOST)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 12
    for operation in operations:
        assert _checked(operation, GenerationMode.POSITIVE, examples) > 0
        with suppress(Unsatisfiable):  # there is nothing to get wrong
            _checked(operation, GenerationMode.NEGATIVE, examples)


def _checked(operation: Any, mode: GenerationMode, examples: int) -> int:
    """Ask an operation for what it takes, or for what it does not; gives how often."""
    count = 0

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        nonlocal count
        count += 1
        case.call_and_validate(headers=HOST)

    ask()
    return count
