"""What a user would write by hand for the text model of 2020: few lines of plain code, padding and all.

Shape letters: N = sentences of the batch, P = positions, V = tags, D = word vector size, C = emotions.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, log_softmax, relu
from torch.utils.data import DataLoader, Dataset

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
POSITIONS, BATCH, DROPPED = 100, 50, 0.2


class Sentences(Dataset[tuple[Tensor, Tensor]]):
    """Tag ids without every fifth, padded to 100; and ones where a class is a label."""

    def __init__(
        self, tags: Sequence[Sequence[int]], labels: Sequence[Sequence[int]], sizes: tuple[int, int]
    ):
        self.tags, self.labels, (self.padding, self.classes) = tags, labels, sizes

    def __len__(self) -> int:
        return len(self.tags)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        kept = [tag for tag in self.tags[index] if random.random() >= DROPPED]
        target_C = torch.zeros(self.classes)
        target_C[self.labels[index]] = 1
        return torch.tensor(kept + [self.padding] * (POSITIONS - len(kept))), target_C


class Teacher(nn.Module):
    """NLT-DAN: a linear map per tag as a convolution over joined vectors, mean, BatchNorm, two layers."""

    def __init__(self, vectors_VD: Tensor, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        size = vectors_VD.shape[1]
        self.embedding = nn.Embedding(len(vectors_VD), size, padding_idx=len(vectors_VD) - 1)
        self.embedding.weight = nn.Parameter(vectors_VD, requires_grad=False)
        self.conv = nn.Conv1d(1, size, kernel_size=size, stride=size)
        self.bn = nn.BatchNorm1d(size)
        self.fc_m, self.fc = nn.Linear(size, size), nn.Linear(size, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tags_NP: Tensor) -> Tensor:
        joined_N1L = self.embedding(tags_NP).flatten(1).unsqueeze(1)
        features_ND = avg_pool1d(relu(self.conv(joined_N1L)), tags_NP.shape[1]).squeeze(2)
        features_ND = self.fc_m(self.dropout(self.bn(features_ND)))
        scores_NC: Tensor = self.fc(self.dropout(features_ND))
        return scores_NC


def soft_cross_entropy(scores_NC: Tensor, targets_NC: Tensor) -> Tensor:
    """A scalar; nats."""
    return -(targets_NC * log_softmax(scores_NC, dim=1)).sum(dim=1).mean()


def make_2020_teacher(file: Path, *, classes: int) -> Callable[[], float]:
    """The loop of 2020 over the sentences of a file; a round is an epoch, its rate sentences a second.

    Args:
        file: Arrays of NumPy: `vectors` (V + 2, D), the last two for unknown tags and for padding; `tags` and
            `labels`, a row for each sentence.
        classes: C.
    """
    data = np.load(file)
    vectors_VD = torch.from_numpy(data["vectors"])
    sizes = len(vectors_VD) - 1, classes
    loader = DataLoader(Sentences(data["tags"].tolist(), data["labels"].tolist(), sizes), BATCH, shuffle=True)
    teacher = Teacher(vectors_VD, classes).to(DEVICE).train()
    optimizer = torch.optim.Adadelta([p for p in teacher.parameters() if p.requires_grad], lr=1.0)

    def one_round() -> float:
        started = time.perf_counter()
        for tags_NP, targets_NC in loader:
            loss = soft_cross_entropy(teacher(tags_NP.to(DEVICE)), targets_NC.to(DEVICE))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            print(f"loss {loss.item():.4f}")  # noqa: T201
        return len(data["tags"]) / (time.perf_counter() - started)

    return one_round
