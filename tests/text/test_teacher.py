"""The reference is the literal network: padded ids, a stride-D convolution, a mean over all positions."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from emotionnet.text.teacher import TextTeacher, pack
from emotionnet.text.vectors import WordVectors

VOCABULARY, DIM, WIDTH, CLASSES, POSITIONS = 30, 6, 5, 4, 100
UNKNOWN, PADDING = VOCABULARY, VOCABULARY + 1


def _teacher(*, static: bool = False, dropout: float = 0.0, max_tags: int = POSITIONS) -> TextTeacher:
    teacher = TextTeacher(
        vocab_size=VOCABULARY,
        word_dim=DIM,
        n_classes=CLASSES,
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


def _literal(teacher: TextTeacher, bags: list[list[int]]) -> tuple[Tensor, Tensor]:
    """(scores, features), with all padding worked through."""
    width = teacher.max_tags
    ids = torch.tensor([(bag + [PADDING] * width)[:width] for bag in bags])
    joined = teacher.embedding(ids).reshape(len(bags), 1, width * DIM)
    per_tag = torch.relu(conv1d(joined, teacher.conv.weight, teacher.conv.bias, stride=DIM))
    features = teacher.bn(per_tag.mean(dim=2))
    return teacher.fc(teacher.dropout(features)), features


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("max_tags", [POSITIONS, 10, 1])
def test_outputs_are_those_of_the_padded_convolution(
    *, training: bool, dropout: float, max_tags: int
) -> None:
    ours = _teacher(dropout=dropout, max_tags=max_tags).train(training)
    literal = _teacher(dropout=dropout, max_tags=max_tags).train(training)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        out = ours(*pack(_bags()))
        torch.manual_seed(0)
        scores, features = _literal(literal, _bags())
    torch.testing.assert_close(out.scores, scores, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(out.features, features, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.state_dict(), literal.state_dict(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_those_of_the_padded_convolution(*, static: bool, training: bool) -> None:
    ours, literal = _teacher(static=static).double(), _teacher(static=static).double()
    losses = []
    for teacher in (ours, literal):
        teacher.train(training)
        is_ours = teacher is ours
        scores, features = teacher(*pack(_bags())) if is_ours else _literal(teacher, _bags())
        losses.append(scores.square().mean() + features.sin().mean())
        losses[-1].backward()
    torch.testing.assert_close(losses[0], losses[1])
    for (name, parameter), other in zip(ours.named_parameters(), literal.parameters(), strict=True):
        if static and name == "embedding.weight":
            assert parameter.grad is other.grad is None
        else:
            torch.testing.assert_close(parameter.grad, other.grad, msg=name)
            assert parameter.grad is not None
            assert parameter.grad.abs().sum() > 0
    if not static:
        assert ours.embedding.weight.grad is not None
        assert not ours.embedding.weight.grad[PADDING].any()


def test_padding_row_stays_zero_while_words_learn() -> None:
    teacher = _teacher()
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
        teacher.conv.weight[:, 0, 0] = torch.tensor([2.0, -1.0])
        teacher.conv.bias.copy_(torch.tensor([0.5, -1.0]))  # type: ignore[union-attr]
    # per tag after ReLU: 0 -> (2.5, 0), 1 -> (0, 1), padding -> (0.5, 0)
    expected = torch.tensor([[(2.5 + 0 + 0.5 + 0.5) / 4, 1 / 4], [0.5, 0.0]])
    features = teacher(*pack([[0, 1], []])).features
    torch.testing.assert_close(features, expected / (1 + 1e-5) ** 0.5)
    tags = teacher.tag_features(torch.tensor([0, 1]))
    assert tags.tolist() == [[2.5, 0], [0, 1]]


def test_only_the_first_tags_count_beyond_the_last_position() -> None:
    teacher = _teacher(max_tags=3).eval()
    short, long = (teacher(*pack([bag, [1]])).scores for bag in ([4, 5, 6], [4, 5, 6, 7, 8]))
    assert torch.equal(short, long)


def test_order_of_tags_carries_nothing() -> None:
    teacher = _teacher().eval()
    one, other = (teacher(*pack([bag])).scores for bag in ([4, 5, UNKNOWN], [UNKNOWN, 4, 5]))
    torch.testing.assert_close(one, other)


def test_state_dict_has_the_names_and_shapes_of_2020() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in _teacher().state_dict().items()}
    assert shapes == {
        "embedding.weight": (VOCABULARY + 2, DIM),
        "conv.weight": (WIDTH, 1, DIM),
        "conv.bias": (WIDTH,),
        "bn.weight": (WIDTH,),
        "bn.bias": (WIDTH,),
        "bn.running_mean": (WIDTH,),
        "bn.running_var": (WIDTH,),
        "bn.num_batches_tracked": (),
        "fc.weight": (CLASSES, WIDTH),
        "fc.bias": (CLASSES,),
    }


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
    assert (teacher.max_tags, teacher.conv.out_channels, teacher.dropout.p) == (100, 300, 0.5)


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


def test_modules_are_plain() -> None:
    assert [type(part) for part in _teacher().children()] == [
        nn.Embedding,
        nn.Conv1d,
        nn.BatchNorm1d,
        nn.Linear,
        nn.Dropout,
    ]
