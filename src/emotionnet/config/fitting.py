"""What the one training loop needs, whatever it trains."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from emotionnet.config.base import Fraction, Section, Seed


class OptimizerConfig(Section):
    name: Literal["sgd", "adamw", "adadelta"] = Field("sgd", description="which optimizer")
    lr: PositiveFloat = Field(
        1e-3, description="learning rate of the heads, per optimizer step, whatever the number of processes"
    )
    trunk_lr: PositiveFloat | None = Field(None, description="learning rate of the trunk; null: lr")
    layer_decay: Fraction = Field(
        1.0, description="factor of the rate from each layer of the trunk to the one before it; 1: all alike"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of sgd, beta1 of adamw")
    weight_decay: NonNegativeFloat = Field(1e-5, description="weight decay")
    clip_norm: PositiveFloat | None = Field(
        None, description="largest norm of all gradients; null: not clipped"
    )
    accumulate: PositiveInt = Field(
        1, description="batches, of all processes together, whose gradients one step sums up"
    )


class ScheduleConfig(Section):
    name: Literal["multistep", "plateau", "cosine", "constant"] = Field(
        "multistep", description="how the rate changes"
    )
    milestones: tuple[PositiveInt, ...] = Field(
        (10, 20),
        description="multistep: 0-based epochs from which the lower rate holds; may lie past the end",
    )
    gamma: Fraction = Field(0.1, description="multistep and plateau: factor at each fall of the rate")
    patience: NonNegativeInt = Field(
        10, description="plateau: epochs that may pass without a lower validation loss before the rate falls"
    )
    warmup_epochs: NonNegativeInt = Field(0, description="epochs over which the rate rises linearly from 0")


class DistributedConfig(Section):
    """Training by several processes, which torchrun or srun starts; one alone asks for none of it.

    They are one training: PyTorch's DistributedDataParallel averages gradients. Each holds the whole network
    and its optimizer; strategies that split these up (FSDP) write other checkpoints, and are not offered.
    """

    sync_batchnorm: bool = Field(
        False,
        description="BatchNorm over the batch of all processes, on GPUs; false: of each process, and the "
        "statistics that validation uses are means over processes",
    )
    timeout_seconds: PositiveFloat = Field(
        60.0,
        description="a process that stands still so long while others wait for it hangs, and one that tells "
        "nothing for half as long; all are ended then",
    )


class FitConfig(Section):
    """What the one training loop needs, whatever it trains."""

    about: str = Field("", description="what this run is: command, machine, wall time, expected score")
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    epochs: NonNegativeInt = Field(
        30, description="passes over the training split; 0: only validate the weights that it begins with"
    )
    checkpoint_steps: PositiveInt | None = Field(
        None,
        description="optimizer steps of an epoch between two checkpoints; null: one at the end of each epoch",
    )
    keep_epochs: bool = Field(False, description="keep the weights of every epoch beside the best")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="arithmetic; auto: the fastest where an image run is long enough, else float32"
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto", description="torch.compile; auto: tried where a run takes an hour, kept where it saves time"
    )
    distributed: DistributedConfig = DistributedConfig()
    seed: Seed = Field(0, description="seed of weights, order, augmentation and dropout")
