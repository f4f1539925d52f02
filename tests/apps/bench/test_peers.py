from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from emotionnet.apps.bench import peers
from emotionnet.apps.bench.peers import EVALUATION, TRAINING, Network, Pictures, Targets, random_targets
from emotionnet.apps.bench.photographs import photographs
from emotionnet.data.images import evaluation_input
from emotionnet.losses import distillation_loss, embedding_distance, soft_cross_entropy
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk, preprocessing

TINY = "test_resnet"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return photographs(tmp_path / "photographs", 3, width=68, height=51)


def test_no_peer_knows_the_product() -> None:
    assert "emotionnet" not in Path(peers.__file__).read_text()


def test_the_losses_are_ours() -> None:
    torch.manual_seed(0)
    targets, rows = random_targets(5), torch.tensor([4, 1])
    scores, projection, aux = torch.randn(2, 690), torch.randn(2, 300), torch.randn(2, 690)
    ours = (
        soft_cross_entropy(scores, targets.labels_MC[rows])
        + embedding_distance(projection, targets.words_MD[rows])
        + distillation_loss(aux, targets.teacher_MC[rows])
    )
    torch.testing.assert_close(targets.loss((scores, projection, aux), rows), ours)


def test_a_loss_worked_out_by_hand() -> None:
    targets = Targets(torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))
    outputs = torch.zeros(1, 2), torch.tensor([[0.0, 3.0]]), torch.zeros(1, 2)
    assert targets.loss(outputs, torch.tensor([0])).item() == pytest.approx(2 * math.log(2) + 1)


def test_the_network_is_as_large_as_ours() -> None:
    trunk = create_trunk(TINY, "none")
    ours = EmotionNet(trunk, "3branch", n_emotions=690, embedding_size=300, n_aux=690)
    sizes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    assert {name: tensor.shape for name, tensor in Network(TINY).state_dict().items()} == sizes


def test_pictures_are_of_one_size_and_normalised(files: list[Path]) -> None:
    for steps in (TRAINING, EVALUATION):
        image_3SS, index = Pictures(files, steps)[2]
        assert (tuple(image_3SS.shape), index) == ((3, 224, 224), 2)
    ours_3SS = evaluation_input(files[2], preprocessing("resnet50", "none", 224, 0.875))
    assert (image_3SS - torch.from_numpy(ours_3SS)).abs().mean() < 0.05


def test_batches_do_not_end_and_hold_each_picture_alike(files: list[Path]) -> None:
    torch.manual_seed(0)
    batches = peers._batches(files, 2, workers=0)
    seen = [index for _ in range(6) for index in next(batches)[1].tolist()]
    assert sorted(seen) == sorted([0, 1, 2] * 4)


@pytest.mark.parametrize("training", [True, False])
def test_loading_tells_a_rate(files: list[Path], *, training: bool) -> None:
    assert peers.make_2020_loading(files, training=training, batch=2)() > 0


@pytest.mark.usefixtures("no_workers")
@pytest.mark.parametrize("make", [peers.make_2020_training, peers.make_timm_training])
def test_a_round_of_training_tells_a_rate(
    make: Callable[..., Callable[[], float]], files: list[Path]
) -> None:
    one_round = make(files, steps=2, batch=2, trunk=TINY)
    assert one_round() > 0


def test_a_rate_is_pictures_by_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 14.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    done: list[int] = []
    assert peers._rate(lambda: done.append(1), 3, 8) == 3 * 8 / 4
    assert len(done) == 3
