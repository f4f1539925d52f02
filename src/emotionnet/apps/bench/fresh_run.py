"""RUNs to time networks with: heads of the sizes of 2020, hardly trained or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from emotionnet.apps.bench.tagged import tagged
from emotionnet.config import ImageDataConfig, ModelConfig, OptimizerConfig, TextConfig, TrainConfig
from emotionnet.training.run import train

BATCH = 16


def fresh_run(
    folder: Path,
    *,
    trunk: str,
    weights: Literal["embedded", "none"],
    pictures: int = 2,
    epochs: int = 0,
) -> Path:
    """A finished RUN in the shape 3branch, with word vectors; its data set and teacher lie beside it.

    Args:
        folder: Where all of it goes; new.
        trunk: Name of a timm trunk.
        weights: Where those of the trunk come from.
        pictures: How many photographs the data set has to train on; at least 2.
        epochs: 0 keeps the weights as they are; some random trunks begin with layers of zeros, which training
            ends at once.
    """
    data = tagged(folder, pictures=pictures, files=pictures, width=340, height=256)
    config = TrainConfig(
        data=ImageDataConfig(root=data.dataset, batch_size=BATCH, workers=0),
        text=TextConfig(vectors=data.vectors, teacher=data.teacher),
        model=ModelConfig(trunk=trunk, weights=weights),
        optimizer=OptimizerConfig(lr=0.01),
        epochs=epochs,
        precision="float32",
        compile="off",
        memory_format="channels_last",
        out=folder / "run",
    )
    return train(config)
