"""The padded model of 2020 and ours: one loss, one gradient."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from emotionnet.apps.bench import peers_text
from emotionnet.apps.bench.peers_text import DROPPED, POSITIONS, Sentences, Teacher, make_2020_teacher
from emotionnet.losses import soft_cross_entropy
from emotionnet.text.teacher import TextTeacher, pack

V, D, C = 40, 8, 5
PADDING = V + 1


def _bags() -> list[list[int]]:
    rng = np.random.default_rng(0)
    return [rng.integers(V, size=size).tolist() for size in (3, 12, 1, 30, 100, 7)]


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
def test_losses_and_gradients_are_ours(dtype: torch.dtype, near: float) -> None:
    bags, generator = _bags(), torch.Generator().manual_seed(1)
    ours = TextTeacher(vocab_size=V, word_dim=D, n_classes=C, architecture="nlt-dan", width=D, dropout=0.0)
    with torch.no_grad():
        ours.embedding.weight[:PADDING].normal_(generator=generator)
    peer = Teacher(ours.embedding.weight.detach().clone(), C, dropout=0.0)
    peer.load_state_dict(ours.state_dict())
    ours, peer = ours.to(dtype).train(), peer.to(dtype).train()
    targets_NC = (torch.rand(len(bags), C, generator=generator) < 0.4).to(dtype)
    padded = torch.tensor([bag + [PADDING] * (POSITIONS - len(bag)) for bag in bags])
    theirs = peers_text.soft_cross_entropy(peer(padded), targets_NC)
    own = soft_cross_entropy(ours(*pack(bags)).scores, targets_NC)
    assert theirs.item() == pytest.approx(own.item(), rel=near)
    for loss in (theirs, own):
        torch.autograd.backward(loss)
    named = dict(peer.named_parameters())
    for name, parameter in ours.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(named[name].grad, parameter.grad, rtol=10 * near, atol=near, msg=name)
        else:
            assert named[name].grad is None


def test_sentences_lose_tags_and_are_padded() -> None:
    bags, labels = [list(range(30))] * 200, [[1, 3]] * 200
    items = [Sentences(bags, labels, (PADDING, C))[index] for index in range(200)]
    kept = [[tag for tag in tags.tolist() if tag != PADDING] for tags, _ in items]
    assert all(tags.shape == (POSITIONS,) for tags, _ in items)
    assert all(tags == sorted(set(tags)) for tags in kept)
    assert np.mean([len(tags) for tags in kept]) == pytest.approx(30 * (1 - DROPPED), abs=1)
    assert all(target.tolist() == [0, 1, 0, 1, 0] for _, target in items)


def test_a_round_learns_and_tells_its_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the sentences have low tags and one label, the others high tags and another."""
    file, rng, state = tmp_path / "sentences.npz", np.random.default_rng(0), random.getstate()
    labels = np.arange(60)[:, None] % 2
    tags = rng.integers(V // 2, size=(60, 6)) + labels * (V // 2)
    np.savez(file, vectors=rng.normal(size=(V + 2, D)).astype(np.float32), tags=tags, labels=labels)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        random.seed(0)
        one_round = make_2020_teacher(file, classes=C)
        rates = [one_round() for _ in range(40)]
    random.setstate(state)
    losses = [float(line.removeprefix("loss ")) for line in capsys.readouterr().out.splitlines()]
    assert min(rates) > 0
    assert len(losses) == 2 * 40
    assert np.mean(losses[-6:]) < 0.85 * np.mean(losses[:6])
