"""Training measured: ResNet-50 with three heads of the sizes of 2020, from JPEG files of 256 px."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from emotionnet.apps.bench.machine import measured, resnet50_floor
from emotionnet.apps.bench.notes import leave_note
from emotionnet.apps.bench.rounds import Contender, race
from emotionnet.apps.bench.tagged import tagged
from emotionnet.apps.memory import keep_freed_memory
from emotionnet.config import ImageDataConfig, ModelConfig, TextConfig, TrainConfig
from emotionnet.data.store import read_dataset
from emotionnet.training.image_job import image_job
from emotionnet.training.loop import fit
from emotionnet.training.speed import settled

KEY = "train.resnet50"
TRUNK, BATCH, SIDE = "resnet50", 32, 224
WIDTH, HEIGHT = 340, 256  # of the files
FILES = 128
GPU = torch.cuda.is_available()
PICTURES = 8192 if GPU else 256  # that ours goes through in a round
STEPS = {"2020": 64 if GPU else 2, "timm": 128 if GPU else 5}  # of a peer in a round
WARM_UP = 3  # rounds: memory of some GB comes page by page, and the first of them are slow
EPOCHS = 100  # of the run that speed is chosen for: long enough to choose, too short for compiling


def train(work: Path) -> dict[str, float]:
    """Pictures a second of our loop, of that of 2020, and of what one would write today.

    Args:
        work: An empty folder.
    """
    made = tagged(work, pictures=PICTURES, files=FILES, width=WIDTH, height=HEIGHT)
    peer = {"files": made.files, "batch": BATCH, "trunk": TRUNK}
    ours = {"dataset": made.dataset, "vectors": made.vectors, "teacher": made.teacher, "work": work}
    rates = race(
        [
            Contender("ours", f"{__name__}:make_ours", ours | {"trunk": TRUNK}),
            Contender(
                "2020", "emotionnet.apps.bench.peers:make_2020_training", peer | {"steps": STEPS["2020"]}
            ),
            Contender(
                "timm", "emotionnet.apps.bench.peers:make_timm_training", peer | {"steps": STEPS["timm"]}
            ),
        ],
        warm_up=WARM_UP,
    )
    return {
        f"{KEY}.speedup_vs_2020": rates.ratio("ours", "2020"),
        f"{KEY}.speedup_vs_timm": rates.ratio("ours", "timm"),
        f"{KEY}.images_per_second": rates.median("ours"),
        f"{KEY}.share_of_floor": rates.median("ours") * resnet50_floor(measured(), training=True),
        **rates.flat(KEY),
    }


def make_ours(*, dataset: Path, vectors: Path, teacher: Path, work: Path, trunk: str) -> Callable[[], float]:
    """Our own loop, set up as the command does; a round is an epoch, its rate the one that the loop tells."""
    keep_freed_memory()
    config = TrainConfig(
        data=ImageDataConfig(root=dataset, image_size=SIDE, batch_size=BATCH),
        text=TextConfig(vectors=vectors, teacher=teacher),
        model=ModelConfig(trunk=trunk, weights="none"),
        epochs=EPOCHS,
        out=work / "run",
    )
    config, job = settled(config, image_job(config, read_dataset(dataset)))
    compiled = ", compiled" if config.compile == "on" else ""
    leave_note(work, f"{KEY}.chosen", f"{config.precision} {config.memory_format}{compiled}")
    one_epoch = config.model_copy(update={"epochs": 1})

    def one_round() -> float:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            state = fit(job.module, job.train, job.val, one_epoch, Path(folder), frozen=job.frozen)
        rate: float = state.history[-1]["images_per_second"]
        return rate

    return one_round
