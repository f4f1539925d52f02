"""The reference is the literal model: padded ids, one tag at a time, a mean over all positions.

Once in NumPy, written as the formulas read; once in PyTorch, for the gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from emotionnet.data.seeding import torch_seed
from emotionnet.text.teacher import ARCHITECTURES, TextTeacher, pack
from emotionnet.text.vectors import WordVectors

VOCABULARY, DIM, WIDTH, CLASSES, POSITIONS = 30, 6, 5, 4, 100
UNKNOWN, PADDING = VOCABULARY, VOCABULARY + 1
Floats = npt.NDArray[np.float64]


def _teacher(
    architecture: str = "nlt", *, static: bool = False, dropout: float = 0.0, max_tags: int = POSITIONS
) -> TextTeacher:
    teacher = TextTeacher(
        vocab_size=VOCABULARY,
        word_dim=DIM,
        n_classes=CLASSES,
        architecture=architecture,
        width=WIDTH,
        max_tags=max_tags,
        dropout=dropout,
        static=static,
    )
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in teacher.named_parameters():
            if name != "embedding.weight":
                parameter.normal_(generator=generator)
        rows = torch.randn(VOCABULARY + 1, DIM, generator=generator)
        teacher.embedding.weight[: VOCABULARY + 1] = rows
        teacher.bn.running_mean.normal_(generator=generator)  # type: ignore[union-attr]
        teacher.bn.running_var.uniform_(0.5, 2, generator=generator)  # type: ignore[union-attr]
    return teacher


def _bags() -> list[list[int]]:
    rng = np.random.default_rng(0)
    lengths = [3, 0, 1, 100, 99, 130, 12, 0]
    return [[int(tag) for tag in rng.integers(0, VOCABULARY + 1, size=length)] for length in lengths]


class Literal(NamedTuple):
    """What the formulas give; `mean` and `var` are the batch's, over all 2020 positions."""

    scores: Floats
    features: Floats
    mean: Floats
    var: Floats


def _literal(
    teacher: TextTeacher, bags: list[list[int]], *, training: bool, masks: tuple[Floats, ...] = ()
) -> Literal:
    """NumPy: no convolution, no packing; `masks` (0, or 1 / (1 - p)) stand for each dropout in turn."""
    w = {name: tensor.double().numpy() for name, tensor in teacher.state_dict().items()}
    drops = list(masks)
    means = []
    for bag in bags:
        ids = [*bag, *[PADDING] * teacher.max_tags][: teacher.max_tags]
        total: Floats = np.zeros(teacher.feature_size)
        for tag in ids:
            vector = w["embedding.weight"][tag]
            if "conv.weight" in w:
                vector = np.maximum(w["conv.weight"][:, 0, :] @ vector + w["conv.bias"], 0)
            total = total + vector
        means.append(total / teacher.max_tags)
    sentences = np.array(means)
    mean, var = w["bn.running_mean"], w["bn.running_var"]
    if training:
        mean, var = sentences.mean(axis=0), ((sentences - sentences.mean(axis=0)) ** 2).mean(axis=0)
    features = (sentences - mean) / np.sqrt(var + 1e-5) * w["bn.weight"] + w["bn.bias"]
    if "fc_m.weight" in w:
        dropped = features * drops.pop(0) if drops else features
        features = dropped @ w["fc_m.weight"].T + w["fc_m.bias"]
    dropped = features * drops.pop(0) if drops else features
    return Literal(dropped @ w["fc.weight"].T + w["fc.bias"], features, mean, var)


def _literal_torch(teacher: TextTeacher, bags: list[list[int]]) -> tuple[Tensor, Tensor]:
    """(scores, features) with all padding worked through, for autograd; no dropout."""
    means = []
    for bag in bags:
        ids = [*bag, *[PADDING] * teacher.max_tags][: teacher.max_tags]
        per_tag = [teacher.embedding(torch.tensor(tag)) for tag in ids]
        if teacher.conv is not None:
            assert teacher.conv.bias is not None
            per_tag = [torch.relu(teacher.conv.weight[:, 0] @ one + teacher.conv.bias) for one in per_tag]
        means.append(torch.stack(per_tag).mean(dim=0))
    features = teacher.bn(torch.stack(means))
    if teacher.fc_m is not None:
        features = teacher.fc_m(features)
    return teacher.fc(features), features


def _close(found: Tensor, expected: Floats) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("max_tags", [POSITIONS, 10, 1])
def test_outputs_are_the_literal_ones(architecture: str, *, training: bool, max_tags: int) -> None:
    teacher = _teacher(architecture, max_tags=max_tags).double().train(training)
    before = {name: tensor.clone() for name, tensor in teacher.bn.state_dict().items()}
    expected = _literal(teacher, _bags(), training=training)
    out = teacher(*pack(_bags()))
    _close(out.scores, expected.scores)
    _close(out.features, expected.features)
    assert out.features.shape == (len(_bags()), teacher.feature_size)
    if training:  # running statistics take a tenth of the batch's, the variance over N - 1
        unbiased = expected.var * len(_bags()) / (len(_bags()) - 1)
        _close(
            teacher.bn.state_dict()["running_mean"],
            0.9 * before["running_mean"].numpy() + 0.1 * expected.mean,
        )
        _close(teacher.bn.state_dict()["running_var"], 0.9 * before["running_var"].numpy() + 0.1 * unbiased)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_float32_is_as_close_as_float32_can_be(architecture: str) -> None:
    teacher = _teacher(architecture).eval()
    out, expected = teacher(*pack(_bags())), _literal(teacher, _bags(), training=False)
    for found, wanted in ((out.scores, expected.scores), (out.features, expected.features)):
        assert np.abs(found.detach().numpy() - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_dropout_stands_behind_each_layer_of_the_sentence(architecture: str) -> None:
    teacher, drawn = _teacher(architecture, dropout=0.5).double().train(), []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        drawn.append((output / inputs[0]).detach().numpy())

    teacher.dropout.register_forward_hook(keep)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        out = teacher(*pack(_bags()))
    assert len(drawn) == 1 + ARCHITECTURES[architecture].deep
    assert all(set(mask.round(9).flatten().tolist()) == {0.0, 2.0} for mask in drawn)
    expected = _literal(teacher, _bags(), training=True, masks=tuple(drawn))
    _close(out.scores, expected.scores)
    _close(out.features, expected.features)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_the_literal_ones(architecture: str, *, static: bool, training: bool) -> None:
    ours, literal = (_teacher(architecture, static=static).double().train(training) for _ in range(2))
    losses = []
    for scores, features in (ours(*pack(_bags())), _literal_torch(literal, _bags())):
        losses.append(scores.square().mean() + features.sin().mean())
        losses[-1].backward()
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-9, atol=1e-12)
    for (name, parameter), other in zip(ours.named_parameters(), literal.parameters(), strict=True):
        if static and name == "embedding.weight":
            assert parameter.grad is other.grad is None
        else:
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-6, atol=1e-12, msg=name)
            assert parameter.grad.abs().sum() > 0
    if not static:
        assert ours.embedding.weight.grad is not None
        assert not ours.embedding.weight.grad[PADDING].any()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_row_stays_zero_while_words_learn(architecture: str) -> None:
    teacher = _teacher(architecture)
    before = teacher.embedding.weight.detach().clone()
    optimizer = torch.optim.SGD(teacher.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        teacher(*pack(_bags())).scores.square().mean().backward()
        optimizer.step()
    assert not teacher.embedding.weight[PADDING].any()
    assert (teacher.embedding.weight[:PADDING] != before[:PADDING]).all()


def test_mean_by_hand() -> None:
    teacher = TextTeacher(vocab_size=2, word_dim=1, n_classes=1, width=2, max_tags=4).eval()
    with torch.no_grad():
        teacher.embedding.weight[:, 0] = torch.tensor([1.0, -2.0, 0.5, 0.0])
        conv = teacher.conv
        assert conv is not None
        assert conv.bias is not None
        conv.weight[:, 0, 0] = torch.tensor([2.0, -1.0])
        conv.bias.copy_(torch.tensor([0.5, -1.0]))
    # per tag after ReLU: 0 -> (2.5, 0), 1 -> (0, 1), padding -> (0.5, 0)
    expected = torch.tensor([[(2.5 + 0 + 0.5 + 0.5) / 4, 1 / 4], [0.5, 0.0]])
    features = teacher(*pack([[0, 1], []])).features
    torch.testing.assert_close(features, expected / (1 + 1e-5) ** 0.5)
    tags = teacher.tag_features(torch.tensor([0, 1]))
    assert tags.tolist() == [[2.5, 0], [0, 1]]
    assert teacher.padding_feature().tolist() == [0.5, 0]


def test_mean_of_word_vectors_by_hand() -> None:
    teacher = TextTeacher(vocab_size=2, word_dim=2, n_classes=1, architecture="avg", width=7, max_tags=4)
    with torch.no_grad():
        teacher.embedding.weight[:3] = torch.tensor([[1.0, -2.0], [3.0, 4.0], [9.0, 9.0]])
    features = teacher.eval()(*pack([[0, 1], []])).features
    torch.testing.assert_close(features, torch.tensor([[1.0, 0.5], [0.0, 0.0]]) / (1 + 1e-5) ** 0.5)
    assert teacher.tag_features(torch.tensor([1, 0])).tolist() == [[3, 4], [1, -2]]
    assert teacher.padding_feature().tolist() == [0, 0]
    assert teacher.feature_size == 2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tag_features_add_up_to_the_sentence(architecture: str) -> None:
    """What attention over tags rests on: tags and padding, each by itself, make the mean."""
    teacher = _teacher(architecture).double().eval()
    bag = [3, 3, UNKNOWN, 7]
    total = teacher.tag_features(torch.tensor(bag)).sum(dim=0) + 96 * teacher.padding_feature()
    features = teacher.bn(total[None] / 100)
    if teacher.fc_m is not None:
        features = teacher.fc_m(features)
    torch.testing.assert_close(teacher(*pack([bag])).features, features)


def test_only_the_first_tags_count_beyond_the_last_position() -> None:
    teacher = _teacher(max_tags=3).eval()
    short, long = (teacher(*pack([bag, [1]])).scores for bag in ([4, 5, 6], [4, 5, 6, 7, 8]))
    assert torch.equal(short, long)


def test_order_of_tags_carries_nothing() -> None:
    teacher = _teacher().eval()
    one, other = (teacher(*pack([bag])).scores for bag in ([4, 5, UNKNOWN], [UNKNOWN, 4, 5]))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_state_dict_has_the_names_and_shapes_of_2020(architecture: str) -> None:
    width = DIM if architecture == "avg" else WIDTH
    expected: dict[str, tuple[int, ...]] = {"embedding.weight": (VOCABULARY + 2, DIM)}
    if architecture != "avg":
        expected |= {"conv.weight": (WIDTH, 1, DIM), "conv.bias": (WIDTH,)}
    for name in ("weight", "bias", "running_mean", "running_var"):
        expected[f"bn.{name}"] = (width,)
    expected["bn.num_batches_tracked"] = ()
    if architecture == "nlt-dan":
        expected |= {"fc_m.weight": (WIDTH, WIDTH), "fc_m.bias": (WIDTH,)}
    expected |= {"fc.weight": (CLASSES, width), "fc.bias": (CLASSES,)}
    state = _teacher(architecture).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == expected


def test_an_unknown_architecture_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="must be one of nlt, nlt-dan, avg; got 'cnn'"):
        _teacher("cnn")


def test_a_seed_gives_nlt_the_weights_that_it_always_gave() -> None:
    """Numbers of the demo and of earlier runs hang on the order of the draws: embedding, map, classes."""
    teacher = _from_vectors(seed=7)
    with torch_seed(7):
        embedding = torch.empty(5, 2).uniform_(-0.01, 0.01)
        conv, fc = nn.Conv1d(1, 300, 2, stride=2), nn.Linear(300, 2)
    state = teacher.state_dict()
    assert torch.equal(state["embedding.weight"][0], embedding[0])
    assert torch.equal(state["conv.weight"], conv.weight)
    assert conv.bias is not None
    assert torch.equal(state["conv.bias"], conv.bias)
    assert torch.equal(state["fc.weight"], fc.weight)
    assert torch.equal(state["fc.bias"], fc.bias)


def _from_vectors(seed: int) -> TextTeacher:
    vectors = WordVectors(("joy", "new_york"), np.array([[1, 2], [3, 4]], dtype=np.float32))
    return TextTeacher.from_vectors(vectors, ["what", "new york", "joy"], n_classes=2, seed=seed)


def test_known_tags_start_with_their_vector_others_near_zero() -> None:
    weight = _from_vectors(seed=0).embedding.weight
    assert weight.shape == (5, 2)
    assert weight[1:3].tolist() == [[3, 4], [1, 2]]
    assert weight[4].tolist() == [0, 0]
    assert (weight[[0, 3]].abs() <= 0.01).all()
    assert weight[[0, 3]].all()
    assert not weight.requires_grad


def test_start_comes_from_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (_from_vectors(seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for name in ("embedding.weight", "conv.weight", "conv.bias", "fc.weight", "fc.bias"):
        assert torch.equal(first[name], again[name])
        assert not torch.equal(first[name], other[name])


def test_defaults_are_the_papers() -> None:
    teacher = _from_vectors(seed=0)
    assert (teacher.max_tags, teacher.feature_size, teacher.dropout.p) == (100, 300, 0.5)
    assert (teacher.conv is not None, teacher.fc_m) == (True, None)


def test_pack_lays_bags_end_to_end() -> None:
    ids, offsets = pack([[3, 4], [], [5], []])
    assert (ids.tolist(), offsets.tolist()) == ([3, 4, 5], [0, 2, 2, 3])
    assert ids.dtype == offsets.dtype == torch.int64
    ids, offsets = pack([[], []])
    assert (ids.tolist(), offsets.tolist(), ids.dtype) == ([], [0, 0], torch.int64)


def test_unknown_word_has_a_row_of_its_own() -> None:
    teacher = _teacher().eval()
    unknown, known = (teacher(*pack([[tag]])).scores for tag in (UNKNOWN, 0))
    assert not torch.equal(unknown, known)
    with pytest.raises(IndexError):
        teacher(*pack([[PADDING + 1]]))


@pytest.mark.parametrize(
    ("ids", "offsets"), [((2, 3), (2,)), ((3,), (2, 1)), ((3,), (0,))], ids=["ids", "offsets", "empty"]
)
def test_shape_error_shows_both_shapes(ids: tuple[int, ...], offsets: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must have the shapes") as error:
        _teacher()(torch.zeros(ids, dtype=torch.int64), torch.zeros(offsets, dtype=torch.int64))
    assert str(error.value).endswith(f"(M,) and (N,), N > 0; got {ids} and {offsets}")
