"""Why a trained network says what it says."""

from __future__ import annotations

from pathlib import Path

from emotionnet.apps.commands.base import app
from emotionnet.apps.commands.pictures import BackendName
from emotionnet.records import DataError, did_you_mean


@app.command
def explain(
    run: str,
    image: Path,
    /,
    *,
    emotion: str | None = None,
    out: Path,
    backend: BackendName | None = None,
    overwrite: bool = False,
) -> None:
    """Draw a heat map: which parts of a picture speak for an emotion.

    By grad-cam where torch computes the network, as it does for a RUN when no back end is named; else, as for
    a MODEL, by occlusion, which covers parts of the picture in turn and is coarser.

    Args:
        run: The RUN folder, a MODEL, hf:USER/NAME, or open_clip:ARCH@WEIGHTS.
        image: The picture.
        emotion: One of the run's emotions, or any word where it has word vectors; without it, the likeliest.
        out: The heat map, a PNG file.
        backend: As for 'predict'; without it, torch for a RUN, and the fastest for a MODEL.
        overwrite: Replace an earlier file.
    """
    if out.suffix.lower() != ".png":
        raise DataError(f"{out}: --out must be named *.png")
    if out.exists() and not (overwrite and out.is_file()):
        raise DataError(f"{out}: exists already; choose another --out or add --overwrite")
    from emotionnet.apps.output import print_result
    from emotionnet.files import new_file
    from emotionnet.inference.explain import explain as explained
    from emotionnet.inference.loading import load_predictor
    from emotionnet.inference.results import domain_note
    from emotionnet.progress import message

    predictor = load_predictor(run, backend=backend, hint="throughput")
    found = explained(predictor, image, emotion)
    if found.probability is None:
        meant = did_you_mean(found.emotion.lower(), predictor.emotions)
        message(f"{found.emotion!r} is none of the run's emotions, so it is explained as a word{meant}")
    if found.domain is not None and found.domain.outside:
        message(f"{image}: {domain_note(found.domain.trained_on)}")
    with new_file(out) as file:
        found.sheet().save(file, format="PNG")
    print_result({"out": str(out), **found.to_dict()})
