"""The text teacher's training measured, at the sizes of 2020: 690 emotions told from 36,534 tags."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from emotionnet.apps.bench.rounds import Contender, race
from emotionnet.apps.memory import keep_freed_memory
from emotionnet.config import FitConfig, OptimizerConfig
from emotionnet.data.epoch_order import EpochOrder
from emotionnet.data.tag_batches import TagBatches
from emotionnet.evaluation.units import Split
from emotionnet.text.teacher import TextTeacher
from emotionnet.training.loop import fit
from emotionnet.training.parts import Part
from emotionnet.training.teacher_objective import TeacherObjective

KEY = "text.teacher"
N_TAGS, N_DIMENSIONS, N_EMOTIONS = 36_534, 300, 690
TAGS, USUAL = (12, 30), 30  # of a sentence
LABELS, DROPPED, BATCH = 3, 0.2, 50
SENTENCES, TO_VALIDATE = 12_000, 50


def text(work: Path) -> dict[str, float]:
    """Sentences a second of our loop and of that of 2020, which works through padding; same losses.

    Args:
        work: An empty folder.
    """
    found: dict[str, float] = {}
    for tags in TAGS:
        file = work / f"{tags}_tags.npz"
        _write_sentences(file, tags)
        peer = "emotionnet.apps.bench.peers_text:make_2020_teacher"
        rates = race(
            [
                Contender("ours", f"{__name__}:make_ours", {"file": file, "classes": N_EMOTIONS}),
                Contender("2020", peer, {"file": file, "classes": N_EMOTIONS}),
            ]
        )
        key = f"{KEY}.{tags}_tags"
        found |= {f"{key}.speedup_vs_2020": rates.ratio("ours", "2020"), **rates.flat(key)}
    return {f"{KEY}.speedup_vs_2020": found[f"{KEY}.{USUAL}_tags.speedup_vs_2020"], **found}


def make_ours(file: Path, *, classes: int) -> Callable[[], float]:
    """Our own loop over the file that the peer takes; a round is an epoch, its rate the loop's own."""
    keep_freed_memory()
    data = np.load(file)
    vectors_VD = data["vectors"]
    module = TextTeacher(
        vocab_size=len(vectors_VD) - 2,
        word_dim=vectors_VD.shape[1],
        n_classes=classes,
        architecture="nlt-dan",
        width=vectors_VD.shape[1],
    )
    with torch.no_grad():
        module.embedding.weight.copy_(torch.from_numpy(vectors_VD))
    tags, labels = data["tags"].tolist(), data["labels"].tolist()
    train = _part(tags, labels, classes, learns=True)
    val = _part(tags[:TO_VALIDATE], labels[:TO_VALIDATE], classes, learns=False)
    optimizer = OptimizerConfig(name="adadelta", lr=1.0, weight_decay=0.0)
    config = FitConfig(epochs=1, optimizer=optimizer, precision="float32", compile="off")

    def one_round() -> float:
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            rate: float = fit(module, train, val, config, Path(folder)).history[-1]["images_per_second"]
        return rate

    return one_round


def _part(tags: list[list[int]], labels: list[list[int]], classes: int, *, learns: bool) -> Part:
    targets_MC = torch.zeros(len(labels), classes)
    targets_MC[torch.arange(len(labels))[:, None], torch.tensor(labels)] = 1
    groups = tuple(map(str, range(len(labels))))
    split = Split(records=(), paths=(), labels=targets_MC.numpy() > 0, groups=groups)
    order = EpochOrder(len(tags), batch_size=BATCH, seed=0, shuffle=learns)
    batches = TagBatches(tags, order, dropout=DROPPED if learns else 0.0)
    return Part(batches, order, TeacherObjective(split, targets_MC))


def _write_sentences(file: Path, tags: int) -> None:
    """Random word vectors, one for unknown tags too, zeros for padding; random sentences with labels."""
    rng = np.random.default_rng(0)
    vectors_VD = rng.normal(size=(N_TAGS + 2, N_DIMENSIONS)).astype(np.float32)
    vectors_VD[-1] = 0
    labels = rng.permuted(np.tile(np.arange(N_EMOTIONS), (SENTENCES, 1)), axis=1)[:, :LABELS]
    np.savez(file, vectors=vectors_VD, tags=rng.integers(N_TAGS, size=(SENTENCES, tags)), labels=labels)
