"""What int8 costs, shown on the demo's network: random weights show nothing."""

from __future__ import annotations

from pathlib import Path

from emotionnet.apps.demo import run_demo
from emotionnet.evaluation.exporting import Int8, export
from emotionnet.progress import message
from emotionnet.records import DataError
from emotionnet.runs import require_run

OWN = Path("runs/demo")  # where `emotionnet demo` leaves its run
KEY = "infer.demo.int8"


def demo_int8(work: Path) -> dict[str, float]:
    """Macro mAP on the validation split, float less int8, and how far the features move.

    The demo's run is that of the current folder, or made now in `work`.

    Args:
        work: A folder for what is written.

    Returns:
        The drop; the mean cosine of a picture's features in float and in int8, both less the mean of all
        pictures; and, to compare, that of different pictures.
    """
    run = OWN if is_demo(OWN) else work / "demo"
    if run != OWN:
        message(f"{OWN}: no finished demo; it is run now, some two minutes")
        run_demo(run)
    scores = export(run, work / "demo-int8", int8=Int8(max_drop=1.0)).scores
    return {
        f"{KEY}.map_drop": scores["drop"],
        f"{KEY}.centred_cosine": scores["cosine.same"],
        f"{KEY}.cosine_between_pictures": scores["cosine.different"],
    }


def is_demo(run: Path) -> bool:
    """Whether a folder is a finished RUN whose data set, vectors and teacher lie inside it."""
    try:
        require_run(run)
    except DataError:
        return False
    return all((run / part).is_dir() for part in ("dataset", "vectors", "teacher"))
