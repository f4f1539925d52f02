import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from emotionnet.models.network import SHAPES, EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.records import DataError

FEATURES, EMOTIONS, EMBEDDING, AUX = 256, 5, 7, 8
HEADS = {
    "plain": {"fc": (EMOTIONS, FEATURES)},
    "2branch": {"fc": (EMOTIONS, FEATURES), "proj": (EMBEDDING, FEATURES)},
    "joint": {"proj": (EMBEDDING, FEATURES), "fc": (EMOTIONS, EMBEDDING)},
    "3branch": {"fc": (EMOTIONS, FEATURES), "proj": (EMBEDDING, FEATURES), "fc_aux": (AUX, FEATURES)},
}


def _network(shape: str, seed: int = 0) -> EmotionNet:
    trunk = create_trunk("test_efficientnet", "none")
    return EmotionNet(trunk, shape, EMOTIONS, embedding_size=EMBEDDING, n_aux=AUX, seed=seed).eval()


def _images() -> torch.Tensor:
    return torch.randn(3, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def test_every_shape_has_an_expected_set_of_heads() -> None:
    assert set(HEADS) == set(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_heads_have_the_documented_names_and_sizes(shape: str) -> None:
    state = _network(shape).state_dict()
    heads = {name: tensor for name, tensor in state.items() if not name.startswith("trunk.")}
    expected: dict[str, tuple[int, ...]] = {f"{head}.weight": size for head, size in HEADS[shape].items()}
    expected |= {f"{head}.bias": size[:1] for head, size in HEADS[shape].items()}
    assert {name: tuple(tensor.shape) for name, tensor in heads.items()} == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_are_the_linear_maps_that_the_paper_draws(shape: str) -> None:
    network, images = _network(shape), _images()
    with torch.no_grad():
        out = network(images)
        features = network.trunk(images)
        state = network.state_dict()

        def head(name: str, source: torch.Tensor) -> torch.Tensor:
            return linear(source, state[f"{name}.weight"], state[f"{name}.bias"])

        projection = head("proj", features) if "proj" in HEADS[shape] else None
        aux = head("fc_aux", features) if "fc_aux" in HEADS[shape] else None
        scores = head("fc", projection if shape == "joint" and projection is not None else features)
    assert features.shape == (3, FEATURES)
    assert network.n_features == FEATURES
    assert network.embedding_size == (EMBEDDING if projection is not None else None)
    torch.testing.assert_close(tuple(out), (features, scores, projection, aux, None), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_cached_features_give_the_same_outputs(shape: str) -> None:
    network, images = _network(shape), _images()
    with torch.no_grad():
        out, from_cache = network(images), network.forward_head(network.forward_features(images))
    torch.testing.assert_close(tuple(from_cache), tuple(out), rtol=0, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_parameter_learns(shape: str) -> None:
    network = _network(shape)
    sum(part.square().mean() for part in network(_images()) if part is not None).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_heads_come_from_the_seed_alone() -> None:
    trunk = create_trunk("test_efficientnet", "none")
    before = torch.get_rng_state()
    first, again, other = (EmotionNet(trunk, "3branch", 5, 7, 8, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    for name in ("fc.weight", "proj.bias", "fc_aux.weight"):
        assert torch.equal(first.state_dict()[name], again.state_dict()[name])
        assert not torch.equal(first.state_dict()[name], other.state_dict()[name])


@pytest.mark.parametrize(
    ("shape", "sizes", "text"),
    [
        ("4branch", (5, 7, 8), "shape must be one of plain, 2branch, joint, 3branch; got '4branch'"),
        ("plain", (0, 7, 8), "shape plain needs n_emotions, at least 1; got 0"),
        ("2branch", (5, None, 8), "shape 2branch needs embedding_size, at least 1; got None"),
        ("joint", (5, 0, 8), "shape joint needs embedding_size, at least 1; got 0"),
        ("3branch", (5, 7, None), "shape 3branch needs n_aux, at least 1; got None"),
    ],
)
def test_missing_sizes_are_refused(shape: str, sizes: tuple[int, int | None, int | None], text: str) -> None:
    trunk = nn.Module()
    trunk.num_features = 4  # type: ignore[assignment]
    with pytest.raises(DataError) as error:
        EmotionNet(trunk, shape, *sizes)
    assert str(error.value) == text
