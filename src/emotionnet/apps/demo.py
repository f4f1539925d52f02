"""The whole way on embedded data, by nothing that the commands cannot do."""

from __future__ import annotations

import time
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emotionnet.config import CurateConfig, TeacherConfig, TrainConfig, VectorsConfig
from emotionnet.config_files import Stage, load_config
from emotionnet.curation.curate import curate
from emotionnet.data.store import read_dataset
from emotionnet.evaluation.guard_scores import guard_scores
from emotionnet.evaluation.report import report_run
from emotionnet.evaluation.scoring import evaluate_run
from emotionnet.evaluation.zeroshot import zeroshot_run
from emotionnet.progress import message
from emotionnet.runs import merge_metrics, read_metrics
from emotionnet.search.build import build_index
from emotionnet.search.scoring import search_scores
from emotionnet.search.searcher import Searcher
from emotionnet.search.store import Index
from emotionnet.search.teaching_score import teaching_scores
from emotionnet.text.build import make_vectors
from emotionnet.training.run import train, train_teacher

VENDOR = "google"  # whose emoji are indexed


def run_demo(out: Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Curate the emoji, make vectors, train teacher and network, score it and its guard, report, index.

    Args:
        out: The RUN folder; the other stages lie in `dataset`, `vectors` and `teacher` inside it.
        overwrite: Replace an earlier demo.

    Returns:
        The headline scores, the wall time in seconds, and where the report is.

    Raises:
        DataError: A folder exists already, or an embedded package is missing.
    """
    started = time.perf_counter()
    dataset, vectors, teacher = out / "dataset", out / "vectors", out / "teacher"
    message("1/9 data curate: emoji of three vendors, with their keywords")
    curate(_config(CurateConfig, "curate", out=dataset), overwrite=overwrite)
    message("2/9 text vectors: sentence vectors of the tags")
    make_vectors(_config(VectorsConfig, "vectors", data=dataset, out=vectors), overwrite=overwrite)
    message("3/9 text teacher: tags in, emotions out")
    text = {"text.vectors": vectors, "data.root": dataset}
    train_teacher(_config(TeacherConfig, "teacher", **text, out=teacher), overwrite=overwrite)
    message("4/9 train: pictures in, emotions out")
    train(_config(TrainConfig, "train", **text, **{"text.teacher": teacher}, out=out), overwrite=overwrite)
    message("5/9 evaluate: scores and baselines on emoji never seen")
    evaluate_run(out)
    message("6/9 zeroshot: emotion words never seen")
    zeroshot_run(out)
    message("7/9 guard: pictures that are no emoji")
    if _has("skimage", extra="demo"):
        guard_scores(out)
    message("8/9 report")
    report, _ = report_run(out)
    message("9/9 index: the emoji of one vendor, found by words and by examples")
    _score_search(out, overwrite=overwrite)
    seconds = time.perf_counter() - started
    message(f"done in {seconds / 60:.1f} minutes; open {report}")
    return {**_headline(out), "seconds": round(seconds, 1), "report": str(report)}


def _score_search(run: Path, *, overwrite: bool) -> None:
    """Index one vendor's emoji, and put into the run's scores what searching and teaching find among them."""
    if not _has("lancedb", extra="search"):
        return
    dataset = read_dataset(run / "dataset")
    pictures = dataset.root / "images" / VENDOR
    build_index(run, [pictures], run / "index", backend="torch", overwrite=overwrite)  # torch, as all scores
    index = Index.open(run / "index")
    scores = search_scores(Searcher(index), dataset) | teaching_scores(index, dataset)
    merge_metrics(run, scores, replacing=("search.", "teach."))


def _has(package: str, *, extra: str) -> bool:
    """Whether a package is there, without which a part of the demo is left out."""
    if find_spec(package) is not None:
        return True
    message(f"left out, since {package} is not installed: pip install 'emotionnet[{extra}]'")
    return False


def _config(model: type[Stage], name: str, **options: Any) -> Stage:
    with resources.as_file(resources.files("emotionnet") / "experiments" / "demo" / f"{name}.json") as file:
        return load_config(model, file, {key: str(value) for key, value in options.items()})


def _headline(run: Path) -> dict[str, float]:
    """The scores that the report begins with, and what each baseline reached."""
    begun = (
        "test.macro_map",
        "test.hit_rate",
        "difference.frozen.macro_map",
        "zero_shot.unseen.auc",
        "search.mean.precision_at_10",
        "search.mean.test_precision_at_10",
        "teach.mean.ap",
        "teach.mean.search_ap",
    )
    names = {f"{name}{end}" for name in begun for end in ("", "_ci_low", "_ci_high", "_p")}
    return {
        key: value
        for key, value in read_metrics(run).items()
        if key in names or (key.startswith("baseline.") and key.count(".") == 2 and "_ci_" not in key)
    }
