"""From a RUN to a MODEL, in float32 or, where its scores allow, in int8.

Shape letters: N = pictures, S = side in pixels, F = features.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotionnet.data.images import evaluation_input
from emotionnet.data.shards.member import PictureFile
from emotionnet.data.store import Dataset
from emotionnet.evaluation.pooled import by_group
from emotionnet.evaluation.predictions import table_of
from emotionnet.evaluation.scores import resample
from emotionnet.evaluation.subject import open_run_data, training_config
from emotionnet.evaluation.units import Split, read_split, require_sides
from emotionnet.files import new_folder, refuse_existing
from emotionnet.inference.backends import Backend, Engine, open_exported
from emotionnet.inference.engine import run_images
from emotionnet.inference.export import copy_beside, export_run, require_batch
from emotionnet.inference.exported import PARTS, Exported, Form, read_exported, write_exported
from emotionnet.inference.hub import local_run
from emotionnet.inference.label_points import unit_rows
from emotionnet.inference.outputs import Array, Outputs, each_once
from emotionnet.inference.quantising import quantise
from emotionnet.inference.torch_backend import open_network
from emotionnet.models.description import ImageModel, read_description, write_description
from emotionnet.progress import message, track
from emotionnet.records import DataError, TrainingError
from emotionnet.runs import require_run

SEED = 0  # of the draw of pictures
CRITERIA = ("macro_map", "hit_rate", "ccc")  # that choose a run's best epoch, and are scores
ENGINES: Mapping[Form, Engine] = {"onnx": "onnxruntime", "openvino": "openvino"}


@dataclass(frozen=True)
class Int8:
    """How a network becomes int8: on how many training pictures, and how much of its score it may lose.

    `max_drop` is in the unit of the score, 0.02 of macro mAP for example; `data` is the run's data set where
    that was moved.
    """

    max_drop: float = 0.02
    pictures: int = 300
    data: Path | str | None = None

    def __post_init__(self) -> None:
        if not self.max_drop >= 0:
            raise DataError(f"max_drop must be at least 0; got {self.max_drop}")
        if self.pictures < 1:
            raise DataError(f"pictures to calibrate on must be at least 1; got {self.pictures}")


def export(
    run: Path | str,
    out: Path | str,
    *,
    form: Form = "openvino",
    int8: bool | Int8 = False,
    batch: int | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write the network of a RUN as a MODEL, which `load` opens and which needs no torch.

    Args:
        run: A finished RUN of an image network, or the name of one on the hub.
        out: The MODEL folder.
        form: What runs it: `openvino`: OpenVINO alone; `onnx`: OpenVINO, ONNX Runtime and many others.
        int8: Compute in int8: faster in OpenVINO, which takes both forms, and less exact; True is `Int8()`.
        batch: How many pictures it takes at once; None: any number.
        overwrite: Replace an earlier MODEL.

    Returns:
        What `export.json` says of it. `scores` of int8, on the validation split: `val.<criterion>` in torch's
        float32 and `val.int8.<criterion>`, the criterion being what chose the run's best epoch; `drop`, the
        first less the second; and the two of `centred_cosines`, `cosine.same` and `cosine.different`.

    Raises:
        DataError: As `export_run`; for int8 also: the run's data set or its pictures cannot be read.
        TrainingError: Int8 lost more of the score than it may.
    """
    run, out = local_run(run), Path(out)
    if not int8:
        return export_run(run, out, form=form, batch=batch, overwrite=overwrite)
    require_batch(batch)
    refuse_existing(out, parts=PARTS, overwrite=overwrite)
    trial = open_trial(run, Int8() if int8 is True else int8)
    images = trial.calibration_images(batch or 1)
    with tempfile.TemporaryDirectory() as place, new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        plain = Path(place) / "model"
        exported = export_run(run, plain, form=form, batch=batch)
        exported = quantise(exported, plain, folder, images)
        write_description(folder, trial.model)
        copy_beside(run, folder)
        write_exported(folder, exported)
        exported = exported.model_copy(update={"scores": trial.scores(folder)})
        write_exported(folder, exported)
    return exported


def centred_cosines(features_NF: Array, others_NF: Array) -> tuple[float, float]:
    """How well features stay what they were, beside how alike those of different pictures are.

    Both are taken from the mean of the first, since all features of a network share much.

    Args:
        features_NF: Of at least two pictures.
        others_NF: Of the same pictures, computed in another way.

    Returns:
        The mean cosine between the two of the same picture, and that between the first of different
        pictures; -1 to 1.
    """
    mean_F = features_NF.mean(axis=0, dtype=np.float64)
    first_NF, second_NF = (unit_rows(one - mean_F) for one in (features_NF, others_NF))
    cosines_NN = first_NF @ first_NF.T
    count = len(cosines_NN)
    between = (cosines_NN.sum() - np.trace(cosines_NN)) / (count * (count - 1))
    return float((first_NF * second_NF).sum(axis=1).mean()), float(between)


def draw(split: Split, count: int, *, seed: int = SEED) -> list[PictureFile]:
    """Some pictures of a split, each once: one of each group, in an order by the seed, then a second."""
    taken: dict[str, int] = {}
    turns: dict[PictureFile, int] = {}
    for row in np.random.default_rng(seed).permutation(len(split.paths)):
        path, group = split.paths[row], split.groups[row]
        if path not in turns:
            turns[path] = taken[group] = taken.get(group, -1) + 1
    return sorted(turns, key=lambda path: turns[path])[:count]


@dataclass(frozen=True)
class Trial:
    """A run, and the data that tell what int8 costs it."""

    run: Path
    model: ImageModel
    dataset: Dataset
    criterion: str
    how: Int8

    def calibration_images(self, batch: int) -> list[Array]:
        """The network's input for pictures of the train split, in batches; float32, (batch, 3, S, S)."""
        paths = draw(read_split(self.dataset, "train", self.model.emotions), self.how.pictures)
        arrays: list[Array] = []
        faults: list[str] = []
        for path in track(paths, "calibration pictures"):
            try:
                arrays.append(evaluation_input(path, self.model.preprocessing))
            except DataError as error:
                faults += error.faults
        if not arrays:
            raise DataError(faults)
        for fault in faults:
            message(f"left out of the calibration: {fault}")
        message(f"{self.run}: the network becomes int8, its ranges are those of {len(arrays)} pictures")
        starts = range(0, len(arrays), batch)
        return [np.stack([arrays[(start + i) % len(arrays)] for i in range(batch)]) for start in starts]

    def scores(self, int8: Path) -> dict[str, float]:
        """Of the run and of its MODEL on the validation split, and what lies between them; see `export`.

        Raises:
            TrainingError: The MODEL lost too much.
        """
        split = read_split(self.dataset, "val", self.model.emotions)
        if self.criterion != "ccc":
            require_sides(self.dataset, split)
        if len(set(split.paths)) < 2:
            raise DataError(f"{self.dataset.root}: its validation split must have two pictures to compare")
        engine = ENGINES[read_exported(int8).form]
        backends = open_network(self.run, device="auto"), open_exported(int8, engine, hint="throughput")
        outputs = [self._outputs(backend, split) for backend in backends]
        before, after = (split_score(self.dataset, split, self.model, one, self.criterion) for one in outputs)
        same, different = centred_cosines(outputs[0].features, outputs[1].features)
        drop = before - after
        message(
            f"{self.criterion} on the validation split: {before:.4f} in float, {after:.4f} in int8, "
            f"a drop of {drop:.4f}"
        )
        if not drop <= self.how.max_drop:
            raise TrainingError(
                f"{self.run}: int8 must lose at most {self.how.max_drop} of {self.criterion} on the "
                f"validation split; it loses {drop:.4f}, and nothing is written: allow more (--max-drop), "
                "calibrate on more pictures (--pictures), or leave out --int8"
            )
        return {
            f"val.{self.criterion}": before,
            f"val.int8.{self.criterion}": after,
            "drop": drop,
            "cosine.same": same,
            "cosine.different": different,
        }

    def _outputs(self, backend: Backend, split: Split) -> Outputs:
        once, rows = each_once(split.paths)
        return run_images(backend, self.model.preprocessing, once, progress="validation pictures").take(rows)


def split_score(dataset: Dataset, split: Split, model: ImageModel, outputs: Outputs, criterion: str) -> float:
    """One score of a split, its units the groups, as `scoring.evaluate_run` gives it.

    Raises:
        DataError: The split does not tell it.
    """
    units = by_group(table_of(dataset, split, model, outputs), model)
    found = resample(units.told, units.truth, np.ones((len(units.ids), 1)), only=(criterion,))
    if criterion not in found:
        raise DataError(f"{dataset.root}: its validation split must tell {criterion}; it does not")
    return found[criterion].value


def open_trial(run: Path, how: Int8) -> Trial:
    """Open the data set of a run, to make its network int8.

    Raises:
        DataError: There is no such run, or its data set cannot be used.
    """
    require_run(run)
    config, model = training_config(run), read_description(run, ImageModel)
    own = config["data"].get("format", "auto")
    return Trial(run, model, open_run_data(run, config, how.data, format=own), _criterion(config), how)


def _criterion(config: Mapping[str, Any]) -> str:
    """The score that chose the run's best epoch; where that was the loss, the score of what it learned."""
    objective = config.get("objective")
    given = objective if isinstance(objective, dict) else {}
    if given.get("criterion") in CRITERIA:
        return str(given["criterion"])
    return "ccc" if given.get("classification") == "none" else "macro_map"
