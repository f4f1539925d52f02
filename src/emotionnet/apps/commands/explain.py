"""Why a trained network says what it says."""

from __future__ import annotations

from pathlib import Path

from emotionnet.apps.commands.base import app
from emotionnet.apps.commands.pictures import BackendName
from emotionnet.records import DataError


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

    By grad-cam where torch computes the network, by occlusion for a MODEL and with another back end.

    Args:
        run: The RUN folder, a MODEL, or open_clip:ARCH@WEIGHTS.
        image: The picture.
        emotion: One of the run's emotions, or a word that its vectors know; without it, the likeliest.
        out: The heat map, a PNG file.
        backend: As for 'predict'; without it, torch for a RUN.
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

    found = explained(load_predictor(run, backend=backend, hint="throughput"), image, emotion)
    if found.domain is not None and found.domain.outside:
        message(f"{image}: {domain_note(found.domain.trained_on)}")
    with new_file(out) as file:
        found.sheet().save(file, format="PNG")
    print_result({"out": str(out), **found.to_dict()})
