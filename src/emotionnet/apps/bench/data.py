"""Loading measured: picture files to batches for training and for evaluation, on one core, without a network.

What ours gives is compared with the way of 2020: same crops, pixels of nearly the same values.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from emotionnet.apps.bench.peers import EVALUATION, Pictures
from emotionnet.apps.bench.photographs import photographs
from emotionnet.apps.bench.rounds import Contender, race
from emotionnet.apps.bench.tagged import tagged
from emotionnet.apps.memory import keep_freed_memory
from emotionnet.config import ImageDataConfig, ModelConfig, ObjectiveConfig, TrainConfig
from emotionnet.data.images import Preprocessing, evaluation_input
from emotionnet.data.loaders import Augmentation
from emotionnet.data.opening import open_data
from emotionnet.data.seeding import torch_seed
from emotionnet.data.shards.making import write_shards
from emotionnet.data.store import read_dataset
from emotionnet.models.trunks import IMAGENET_MEAN, IMAGENET_STD
from emotionnet.records import TrainingError
from emotionnet.training.image_job import image_job

PEER = "emotionnet.apps.bench.peers:make_2020_loading"
BATCH = 32
HOW = Preprocessing(image_size=224, crop_pct=0.875, mean=IMAGENET_MEAN, std=IMAGENET_STD)
SMALL, LARGE = (340, 256), (2000, 1500)  # width and height of the files
PICTURES = {SMALL: 512, LARGE: 32}  # in a round
SHARD = 64  # pictures of a shard
COMPARED = 32
MOST_DIFFERENCE = 2.0  # mean absolute difference, of 255


def data(work: Path) -> dict[str, float]:
    """Pictures per second of a core: ours, ours with its cache of decoded pictures, and that of 2020.

    Args:
        work: An empty folder.

    Raises:
        TrainingError: Ours gives other pictures than that of 2020.
    """
    return {**_training(work / "small"), **_evaluation(work / "large")}


def _training(work: Path) -> dict[str, float]:
    width, height = SMALL
    made = tagged(work, pictures=PICTURES[SMALL], files=PICTURES[SMALL], width=width, height=height)
    difference = _agreement("data.train", made.files, training_difference)
    shards = write_shards(read_dataset(made.dataset), work / "shards", samples=SHARD).root
    make, ours = f"{__name__}:make_training", {"dataset": made.dataset, "cache": work / "cache"}
    rates = race(
        [
            Contender("ours", make, ours | {"cache_side": None}),
            Contender("cached", make, ours | {"cache_side": height}),
            Contender("shards", make, ours | {"dataset": shards, "cache_side": None}),
            Contender("2020", PEER, {"files": made.files, "training": True, "batch": BATCH}),
        ]
    )
    return {
        "data.train.speedup_vs_2020": rates.ratio("ours", "2020"),
        "data.cached.speedup_vs_2020": rates.ratio("cached", "2020"),
        "data.shards.speed_vs_folder": rates.ratio("shards", "ours"),
        "data.train.difference": difference,
        **rates.flat("data.train"),
    }


def _evaluation(work: Path) -> dict[str, float]:
    width, height = LARGE
    files = photographs(work, PICTURES[LARGE], width=width, height=height)
    difference = _agreement("data.large", files, evaluation_difference)
    rates = race(
        [
            Contender("ours", f"{__name__}:make_evaluation", {"files": files}),
            Contender("2020", PEER, {"files": files, "training": False, "batch": BATCH}),
        ]
    )
    return {
        "data.large.speedup_vs_2020": rates.ratio("ours", "2020"),
        "data.large.difference": difference,
        **rates.flat("data.large"),
    }


def make_training(*, dataset: Path, cache: Path, cache_side: int | None) -> Callable[[], float]:
    """Batches as the loop takes them, float32; crops and mirrors are new in each round.

    Args:
        dataset: A DATASET or SHARDS.
        cache: The project's cache folder, in place of the user's.
        cache_side: See `ImageDataConfig`.
    """
    os.environ["EMOTIONNET_CACHE"] = str(cache)
    keep_freed_memory()
    torch.set_num_threads(1)
    config = TrainConfig(
        data=ImageDataConfig(root=dataset, batch_size=BATCH, workers=0, cache_side=cache_side),
        model=ModelConfig(trunk="test_resnet", weights="none", shape="plain"),
        objective=ObjectiveConfig(embedding="none", distillation="none"),
    )
    part = image_job(config, open_data(config.data)).train

    def one_round() -> float:
        part.order.epoch += 1
        started = time.process_time()
        for batch in part.loader:
            part.prepare(batch.inputs[0])
        return part.order.count / (time.process_time() - started)

    return one_round


def make_evaluation(*, files: Sequence[Path]) -> Callable[[], float]:
    """Batches as a network in evaluation takes them, float32."""
    keep_freed_memory()

    def one_round() -> float:
        started = time.process_time()
        for start in range(0, len(files), BATCH):
            np.stack([evaluation_input(file, HOW) for file in files[start : start + BATCH]])
        return len(files) / (time.process_time() - started)

    return one_round


def training_difference(file: Path, seed: int) -> float:
    """Mean absolute difference, of 255, between ours and the same crop and mirror by Pillow."""
    steps = [v2.RandomResizedCrop(HOW.image_size, antialias=True), v2.RandomHorizontalFlip()]
    reference = v2.Compose([*steps, v2.PILToTensor()])
    with Image.open(file) as image, torch_seed(seed):
        expected_3SS = reference(image.convert("RGB"))
    ours_3SS = Augmentation(HOW, crop_scale=(0.08, 1.0), flip=True)(file, seed)
    return float((ours_3SS.float() - expected_3SS.float()).abs().mean())


def evaluation_difference(file: Path, seed: int) -> float:  # noqa: ARG001
    """Mean absolute difference, of 255, between ours and torchvision's first transforms."""
    expected_3SS, _ = Pictures([file], EVALUATION)[0]
    apart_3SS = evaluation_input(file, HOW) - expected_3SS.numpy()
    return float(255 * np.abs(apart_3SS * np.reshape(HOW.std, (3, 1, 1))).mean())


def _agreement(key: str, files: Sequence[Path], difference: Callable[[Path, int], float]) -> float:
    """The mean over some files.

    Raises:
        TrainingError: It is above `MOST_DIFFERENCE`.
    """
    found = float(np.mean([difference(file, seed) for seed, file in enumerate(files[:COMPARED])]))
    if found > MOST_DIFFERENCE:
        raise TrainingError(
            f"{key}: pictures must differ by at most {MOST_DIFFERENCE} of 255; got {found:.2f}"
        )
    return found
