"""Open whatever computes: a RUN, a MODEL or a CLIP model. No torch in here before it is needed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from emotionnet.inference.backends import Hint
from emotionnet.inference.choice import BackendName, open_backend
from emotionnet.inference.exported import is_exported, network_identity
from emotionnet.inference.guard import read_guard
from emotionnet.inference.hub import local_run
from emotionnet.inference.names import is_clip
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.words import VectorWords, is_sentence
from emotionnet.models.description import ImageModel, read_description
from emotionnet.records import DataError
from emotionnet.runs import require_run
from emotionnet.text.vectors import WordVectors, read_vectors


def load_predictor(
    run: Path | str,
    *,
    device: str = "auto",
    vectors: Path | str | None = None,
    backend: BackendName | None = None,
    hint: Hint = "throughput",
) -> Predictor:
    """Open a RUN, a MODEL or a CLIP model.

    Args:
        run: The RUN folder, the name of one on the Hugging Face hub, such as `hf:user/model`, a MODEL,
            which is computed without torch, or `open_clip:ARCH@WEIGHTS`, which is by torch alone.
        device: A name of PyTorch's, such as `cpu`, `cuda:1` or `mps`; `auto`: a CUDA GPU where there is
            one, else the CPU. All back ends but torch use the CPU.
        vectors: VECTORS in place of the run's own.
        backend: What computes it: `torch` in float32, which a RUN has when nothing is given; `openvino` or
            `onnxruntime`, whose numbers differ in the last digits, and with OpenVINO by more where the CPU
            has bfloat16, so that another emotion may come first; `auto`: what is likely the fastest that is
            installed.
        hint: `latency` for one picture after the other, `throughput` for many; for OpenVINO and ONNX Runtime.

    Raises:
        DataError: The folder is no finished RUN of an image network and no MODEL, a file in it or the vectors
            are broken or of another size than its projection, the hub does not give it, there is no such
            device, or the back end cannot compute it.
    """
    if is_clip(run):
        return _open_clip(str(run), device=device, vectors=vectors, backend=backend)
    folder = local_run(run)
    if not is_exported(folder):
        require_run(folder)
    model = read_description(folder, ImageModel)
    opened = open_backend(folder, backend, device=device, hint=hint)
    found = _word_vectors(folder, model, vectors)
    of_sentences = found is not None and is_sentence(folder if vectors is None else Path(vectors))
    return Predictor(
        opened,
        model,
        found,
        words=None if found is None else VectorWords(found, sentence=of_sentences),
        guard=read_guard(folder),
        identify=partial(network_identity, folder),
    )


def _open_clip(name: str, *, device: str, vectors: object, backend: BackendName | None) -> Predictor:
    if vectors is not None:
        raise DataError(f"{name}: reads words by itself; leave out the word vectors")
    if backend not in (None, "auto", "torch"):
        raise DataError(f"{name}: is computed by torch only; got the back end {backend}")
    from emotionnet.inference.clip import load_clip

    return load_clip(name, device=device)


def _word_vectors(run: Path, model: ImageModel, given: Path | str | None) -> WordVectors | None:
    if given is None and not (run / "words.json").is_file():
        return None
    found = read_vectors(run if given is None else Path(given))
    if found.size != model.embedding_size:
        sizes = f"{found.size} and {model.embedding_size or 'none'}"
        raise DataError(
            f"{given or run}: the run's word vectors and its projection must have one size; got {sizes}"
        )
    return found
