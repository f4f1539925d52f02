"""A CLIP model at work, against open_clip called picture by picture and prompt by prompt."""

from __future__ import annotations

import logging
import pickle
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from emotionnet.data.images import evaluation_input
from emotionnet.evaluation.zeroshot_pictures import rank_files
from emotionnet.inference.clip import EMOTIONS, TEMPLATES, label_scores, load_clip
from emotionnet.inference.clip_models import clip_name
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.names import is_clip
from emotionnet.inference.words import clip_words
from emotionnet.records import DataError

Array = npt.NDArray[Any]
LABELS = {"joy": ("joy", "delight"), "grief": ("grief",), "awe": ("Awe",)}


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for number, size in enumerate([(40, 50), (20, 64), (32, 32)]):  # Pillow's two passes in one order
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 255, (*size, 3)).astype(np.uint8)).save(paths[-1])
    return paths


@pytest.fixture
def weights(tiny_clip: str, tmp_path: Path) -> Path:
    """Random weights of another seed than the predictor's own, in a file."""
    path = tmp_path / "weights.safetensors"
    save_file(open_clip_model(seed=9).state_dict(), path)
    return path


def open_clip_model(seed: int) -> Any:
    import open_clip

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return open_clip.create_model("tiny").eval()


@torch.no_grad()
def literal(pictures: list[Path]) -> tuple[Array, Array, Array]:
    """Features of pictures, cosines, and softmax of cosines times the model's scale, one at a time."""
    import open_clip

    model = open_clip_model(seed=9)
    transform = open_clip.image_transform(
        32,
        is_train=False,
        mean=open_clip.OPENAI_DATASET_MEAN,
        std=open_clip.OPENAI_DATASET_STD,
        interpolation="bicubic",
        resize_mode="shortest",
    )
    tokenize = open_clip.get_tokenizer("tiny")
    points = []
    for words in LABELS.values():
        rows = []
        for word in words:
            for template in TEMPLATES:
                row = model.encode_text(tokenize([template.replace("{}", word)]))[0].numpy().astype(float)
                rows.append(row / np.sqrt((row**2).sum()))
        mean = np.mean(rows, axis=0)
        points.append(mean / np.sqrt((mean**2).sum()))
    features, cosines, shares = [], [], []
    for path in pictures:
        row = model.encode_image(transform(Image.open(path))[None])[0].numpy().astype(float)
        features.append(row)
        cosines.append([float(row @ point) / np.sqrt((row**2).sum()) for point in points])
        powers = np.exp(model.logit_scale.exp().item() * np.array(cosines[-1]))
        shares.append(powers / powers.sum())
    return np.array(features), np.array(cosines), np.array(shares)


def test_scores_are_open_clips(weights: Path, pictures: list[Path]) -> None:
    clip = load_clip(f"open_clip:tiny@{weights}", device="cpu")
    features_ND, cosines_NK, shares_NK = literal(pictures)
    np.testing.assert_allclose(clip.embed(pictures), features_ND, rtol=1e-3, atol=1e-5)
    found_NK, found_shares_NK = label_scores(clip, pictures, LABELS)
    assert found_NK.dtype == found_shares_NK.dtype == np.float32
    np.testing.assert_allclose(found_NK, cosines_NK, atol=1e-5)
    np.testing.assert_allclose(found_shares_NK, shares_NK, atol=1e-5)


def test_labels_are_ranked_for_pictures_and_files(weights: Path, pictures: list[Path]) -> None:
    clip = load_clip(f"open_clip:tiny@{weights}", device="cpu")
    _, cosines_NK, _ = literal(pictures)
    one, many = clip.zero_shot(pictures[1], LABELS), clip.zero_shot(pictures, LABELS)
    assert [score.name for score in one.labels] == [list(LABELS)[k] for k in np.argsort(-cosines_NK[1])]
    assert [score.value for score in one.labels] == pytest.approx(sorted(cosines_NK[1])[::-1], abs=1e-5)
    assert one.image == str(pictures[1])
    ranked, faults = rank_files(
        f"open_clip:tiny@{weights}", [pictures[0], Path("none.png"), *pictures[1:]], LABELS
    )
    for first, second in zip(many, ranked, strict=True):
        assert first.image == second.image
        assert [s.value for s in first.labels] == pytest.approx([s.value for s in second.labels], abs=1e-6)
    assert faults == ["none.png: file not found"]
    assert clip.zero_shot([], LABELS) == []
    with pytest.raises(DataError, match=r"none\.png: file not found"):
        clip.zero_shot(["none.png"], LABELS)
    with pytest.raises(DataError, match="every label must have at least one word"):
        clip.zero_shot(pictures, {"joy": []})
    with pytest.raises(DataError, match="at least one image must be given"):
        clip.outputs([])


def test_a_checkpoint_of_a_training_is_read_without_running_it(weights: Path, tmp_path: Path) -> None:
    first = load_clip(f"open_clip:tiny@{weights}", device="cpu")
    state = {f"module.{name}": tensor for name, tensor in open_clip_model(seed=9).state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "epoch_3.pt")
    second = load_clip(f"open_clip:tiny@{tmp_path / 'epoch_3.pt'}", device="cpu")
    assert second.identity == first.identity
    torch.save({"state_dict": {**state, "module.more": torch.ones(1)}}, tmp_path / "more.pt")
    with pytest.raises(DataError, match=r"more\.pt: weights must fit: unexpected \(1\): more"):
        load_clip(f"open_clip:tiny@{tmp_path / 'more.pt'}")
    (tmp_path / "code.pt").write_bytes(pickle.dumps(sys.exit))
    with pytest.raises(DataError, match=r"code\.pt: must be a PyTorch file of plain values"):
        load_clip(f"open_clip:tiny@{tmp_path / 'code.pt'}")


def test_random_weights_come_from_a_seed_and_are_told(
    tiny_clip: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state, handlers = torch.get_rng_state(), list(logging.getLogger().handlers)
    hashes = [load_clip("open_clip:tiny@none", seed=seed).identity for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(state, torch.get_rng_state())
    assert logging.getLogger().handlers == handlers
    assert "open_clip:tiny@none: random weights, whose scores say nothing" in capsys.readouterr().err


def test_names(tiny_clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_clip("open_clip:tiny")
    assert not is_clip(Path("runs/open_clip"))
    assert str(clip_name("open_clip:tiny@/a/b@c.pt")) == "open_clip:tiny@/a/b@c.pt"
    assert clip_name("open_clip:RN50x4").weights == "openai"
    assert "open_clip:RN50x4: weights 'openai'" in capsys.readouterr().err
    for name, fault in {
        "open_clip:tinny": "must be open_clip:ARCH, one that open_clip knows; got 'tinny'; did you mean tiny",
        "open_clip:": "one that open_clip knows; got ''",
        "open_clip:tiny": "open_clip has no weights for it; name a file, open_clip:tiny@PATH",
        "open_clip:tiny@": "after '@' must stand a tag, a file or 'none'; got nothing",
    }.items():
        with pytest.raises(DataError, match=fault):
            clip_name(name)
    with pytest.raises(DataError, match=r"weights must be one of open_clip's \(none .*'none'; got 'v1'"):
        load_clip("open_clip:tiny@v1")


def test_weights_that_the_hub_does_not_give(tiny_clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    def refuse(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("no route\nto the hub")

    monkeypatch.setattr(open_clip, "create_model", refuse)
    expected = (
        r"^open_clip:RN50@openai: its weights must come from a model hub, which gave none "
        r"\(RuntimeError: no route\); give a file instead, open_clip:RN50@PATH$"
    )
    with pytest.raises(DataError, match=expected):
        load_clip("open_clip:RN50@openai")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(DataError, match=r"needs the package open_clip_torch.* 'emotionnet\[clip\]'"):
        load_clip("open_clip:tiny@none")


def test_a_clip_model_is_a_predictor_like_any_other(weights: Path, pictures: list[Path]) -> None:
    name = f"open_clip:tiny@{weights}"
    clip = load_predictor(name, device="cpu")
    out = clip.outputs(pictures)
    assert out.projection is not None
    np.testing.assert_array_equal(clip.embed(pictures), out.projection)
    assert (clip.emotions, clip.model.activation) == (EMOTIONS, "softmax")
    assert (clip.trained_on, clip.guard, dict(clip.thresholds), clip.network) == ("", None, {}, None)
    _, shares_NC = label_scores(clip, pictures, {word: (word,) for word in EMOTIONS})
    np.testing.assert_allclose(clip.probabilities(out), shares_NC, atol=1e-6)
    best = [EMOTIONS[index] for index in shares_NC.argmax(axis=1)]
    assert [prediction.emotions[0].name for prediction in clip.predict(pictures, top=1)] == best
    assert clip.predict(pictures[0]).tags == ()


def test_words_are_points_of_the_space_of_pictures(weights: Path, pictures: list[Path]) -> None:
    words = clip_words(f"open_clip:tiny@{weights}")
    _, cosines_NK, _ = literal(pictures)
    points_KD = words.points(["grief", "Awe", "grief"])
    assert (words.size, words.known, words.points([]).shape) == (16, (), (0, 16))
    features_ND = load_clip(f"open_clip:tiny@{weights}", device="cpu").embed(pictures)
    unit_ND = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
    np.testing.assert_allclose(unit_ND @ points_KD.T, cosines_NK[:, [1, 2, 1]], atol=1e-5)
    with pytest.raises(DataError, match=r"^a word must be a text of 1 to 1000 letters; got '\\udcff' of 1$"):
        words.points(["grief", "\udcff"])


def test_a_model_that_squashes_pictures(
    tiny_clip: str, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip

    build = open_clip.create_model

    def squashing(*arguments: Any, resize_mode: str = "squash", **options: Any) -> Any:
        model = build(*arguments, **options)
        model.visual.preprocess_cfg |= {"resize_mode": resize_mode, "interpolation": "bilinear"}
        return model

    monkeypatch.setattr(open_clip, "create_model", squashing)
    clip, how = load_clip("open_clip:tiny@none"), open_clip.transform.PreprocessCfg(size=32)
    how.resize_mode, how.interpolation = "squash", "bilinear"
    transform = open_clip.transform.image_transform_v2(how, is_train=False)
    for path in pictures:
        with Image.open(path) as image:
            expected = transform(image).numpy()
        np.testing.assert_allclose(evaluation_input(path, clip.model.preprocessing), expected, atol=1e-5)
    monkeypatch.setattr(open_clip, "create_model", partial(squashing, resize_mode="longest"))
    with pytest.raises(DataError, match=r"must take square pictures, cropped or squashed; .*longest"):
        load_clip("open_clip:tiny@none")


def test_only_torch_computes_it_and_it_reads_words_by_itself(tiny_clip: str, tmp_path: Path) -> None:
    for asked in ("openvino", "onnxruntime"):
        with pytest.raises(DataError, match=rf"is computed by torch only; got the back end {asked}$"):
            load_predictor("open_clip:tiny@none", backend=asked)
    with pytest.raises(DataError, match="reads words by itself; leave out the word vectors"):
        load_predictor("open_clip:tiny@none", vectors=tmp_path)
