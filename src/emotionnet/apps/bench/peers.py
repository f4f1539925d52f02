"""What a user would write by hand to load pictures and to train on them: few lines of plain code each.

Each `make_...` gets ready and returns a round of work that tells how many pictures a second it did.
Shape letters: N = images in the batch, M = images of the data set, C = emotions, D = embedding size,
S = side of the network's input in pixels.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, log_softmax, softmax
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SIDE = 224
ENDING = [transforms.ToTensor(), transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
TRAINING = [transforms.RandomResizedCrop(SIDE), transforms.RandomHorizontalFlip(), *ENDING]
EVALUATION = [transforms.Resize(256), transforms.CenterCrop(SIDE), *ENDING]
N_EMOTIONS, N_DIMENSIONS = 690, 300


class Pictures(Dataset[tuple[Tensor, int]]):
    """Files by Pillow and torchvision's first transforms; each comes with its number."""

    def __init__(self, files: Sequence[Path], steps: Sequence[Any]) -> None:
        self.files, self.steps = files, transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self.files[index]) as image:
            return self.steps(image.convert("RGB")), index


class Network(nn.Module):
    """A trunk of timm and three heads: emotions, a point among the words, and the text model's emotions."""

    def __init__(self, trunk: str) -> None:
        super().__init__()
        self.trunk: Any = timm.create_model(trunk, num_classes=0)
        size = self.trunk.num_features
        self.fc, self.fc_aux = nn.Linear(size, N_EMOTIONS), nn.Linear(size, N_EMOTIONS)
        self.proj = nn.Linear(size, N_DIMENSIONS)

    def forward(self, images_N3SS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.trunk(images_N3SS)
        return self.fc(features), self.proj(features), self.fc_aux(features)


class Targets(NamedTuple):
    """What the heads are to tell of each picture: shapes (M, C), (M, D) and (M, C)."""

    labels_MC: Tensor
    words_MD: Tensor
    teacher_MC: Tensor

    def loss(self, outputs: tuple[Tensor, Tensor, Tensor], rows: Tensor) -> Tensor:
        """Soft cross-entropy, distance to the mean of the words, and distillation."""
        scores, projection, aux = outputs
        labels, words, teacher = (part[rows].to(DEVICE) for part in self)
        classification = -(labels * log_softmax(scores, dim=1)).sum(dim=1).mean()
        embedding = (1 - cosine_similarity(projection, words)).mean()
        distillation = -(softmax(teacher, dim=1) * log_softmax(aux, dim=1)).sum(dim=1).mean()
        return classification + embedding + distillation


def random_targets(count: int) -> Targets:
    """Of `count` pictures."""
    labels_MC = softmax(5 * torch.randn(count, N_EMOTIONS), dim=1)
    return Targets(labels_MC, torch.randn(count, N_DIMENSIONS), torch.randn(count, N_EMOTIONS))


def make_2020_loading(files: Sequence[Path], *, training: bool, batch: int) -> Callable[[], float]:
    """Batches for training or evaluation, on one core; seconds are the core's."""
    torch.set_num_threads(1)
    pictures = Pictures(files, TRAINING if training else EVALUATION)

    def one_round() -> float:
        started = time.process_time()
        for start in range(0, len(files), batch):
            torch.stack([pictures[index][0] for index in range(start, min(start + batch, len(files)))])
        return len(files) / (time.process_time() - started)

    return one_round


def make_2020_training(
    files: Sequence[Path], *, steps: int, batch: int, trunk: str = "resnet50"
) -> Callable[[], float]:
    """The loop of 2020: float32, contiguous, the loss printed at each step."""
    network, targets = Network(trunk).to(DEVICE).train(), random_targets(len(files))
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-5)
    batches = _batches(files, batch, workers=2)

    def step() -> None:
        images, rows = next(batches)
        loss = targets.loss(network(images.to(DEVICE)), rows)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        print(f"loss {loss.item():.4f}")  # noqa: T201

    return lambda: _rate(step, steps, batch)


def make_timm_training(
    files: Sequence[Path], *, steps: int, batch: int, trunk: str = "resnet50"
) -> Callable[[], float]:
    """What one would write today: bfloat16 by autocast, channels_last, all cores load."""
    network, targets = Network(trunk), random_targets(len(files))
    network = network.to(DEVICE, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-5)
    batches = _batches(files, batch, workers=os.cpu_count() or 1)

    def step() -> None:
        images, rows = next(batches)
        images = images.to(DEVICE, non_blocking=True, memory_format=torch.channels_last)
        with torch.autocast(DEVICE, torch.bfloat16):
            loss = targets.loss(network(images), rows)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return lambda: _rate(step, steps, batch)


def _batches(files: Sequence[Path], batch: int, *, workers: int) -> Iterator[Any]:
    """Batches without end, in random order: workers start once, however long a round is."""

    def order() -> Iterator[int]:
        while True:
            yield from torch.randperm(len(files)).tolist()

    pinned = DEVICE == "cuda"
    pictures = Pictures(files, TRAINING)
    return iter(DataLoader(pictures, batch, sampler=order(), num_workers=workers, pin_memory=pinned))


def _rate(step: Callable[[], None], steps: int, batch: int) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        step()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return steps * batch / (time.perf_counter() - started)
