"""A 2020 config, its pickles and its text checkpoint, from the files as they are to a RUN."""

from __future__ import annotations

import json
import os
import pickle
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from emotionnet import runs
from emotionnet.config_2020.plan import plan_training
from emotionnet.data.store import read_dataset
from emotionnet.models.description import ImageModel, TextModel, read_description
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.models.weights import save_weights
from emotionnet.records import ConfigError, DataError, TrainingError
from emotionnet.text.vectors import WordVectors, write_vectors
from emotionnet.training import loop
from emotionnet.training.old_config import read_tag_names, train_2020

TAGS = ("beach", "child", "dark", "gloom", "smile", "storm")
SMALL = {"data.image_size": 32, "data.batch_size": 4, "data.workers": 0}
COLOURS = ((230, 200, 60), (40, 60, 150), (120, 120, 120))


def write_rows(folder: Path, split: str, count: int) -> None:
    """Pictures whose colour tells their label, and rows with labels and tag ids."""
    rng = np.random.default_rng(len(split))
    rows = []
    for number in range(count):
        label = number % 3
        pixels = np.clip(rng.normal(COLOURS[label], 9, size=(40, 48, 3)), 0, 255).astype(np.uint8)
        path = f"{number:04d}/{number}_{split}.png"
        (folder / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / path)
        rows.append([path, [label], [label, 3 + label]])
    (folder / f"{split}.pkl").write_bytes(pickle.dumps(rows, protocol=2))


def write_text_checkpoint(path: Path, *, size: int = 6, classes: int = 2) -> None:
    """NLT, as the 2020 code saved it: names with `module.`, and two Namespaces."""
    draw = torch.Generator().manual_seed(4)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw)

    words = normal(len(TAGS) + 2, size)
    words[-1] = 0
    state = OrderedDict(
        {
            "embedding.weight": words,
            "conv.weight": normal(5, 1, size),
            "conv.bias": normal(5),
            "bn.weight": normal(5),
            "bn.bias": normal(5),
            "bn.running_mean": normal(5),
            "bn.running_var": normal(5).abs() + 0.5,
            "bn.num_batches_tracked": torch.tensor(7),
            "fc.weight": normal(classes, 5),
            "fc.bias": normal(classes),
        }
    )
    ids = {tag: index for index, tag in enumerate(TAGS)}
    content = {
        "state_dict": OrderedDict((f"module.{name}", one) for name, one in state.items()),
        "args_data": Namespace(
            vocab=list(TAGS),
            tag2idx=ids,
            idx2tag={index: tag for tag, index in ids.items()},
            classes=["joy", "fear"][:classes],
        ),
        "args_model": Namespace(
            max_len=100,
            word_dim=size,
            filter_num=5,
            vocab_size=len(TAGS),
            num_classes=classes,
            dropout_prob=0.5,
            static=True,
            in_channel=1,
        ),
    }
    torch.save(content, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Everything that a config needs: `old.json` is for `write`."""
    write_rows(tmp_path, "train", 9)
    write_rows(tmp_path, "val", 6)
    write_text_checkpoint(tmp_path / "text.pth.tar")
    rng = np.random.default_rng(0)
    (tmp_path / "vectors").mkdir()
    vectors = WordVectors(TAGS, rng.normal(size=(len(TAGS), 6)).astype(np.float32))
    write_vectors(vectors, tmp_path / "vectors", info={"method": "drawn"})
    return tmp_path


def write(folder: Path, **more: Any) -> Path:
    values = {
        "name": "first",
        "arch": "resnet_3branch_18",
        "workers": 0,
        "epochs": 2,
        "start_epoch": 0,
        "batch_size": 4,
        "lr": 0.01,
        "lr_schedule": "1",
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "print_freq": 10,
        "resume": "",
        "evaluate": False,
        "pretrained": False,
        "num_classes": 3,
        "freeze": None,
        "dist_url": "tcp://127.0.0.1:23456",
        "gpu": None,
        "save_directory": "run",
        "save_best_only": True,
        "alpha": 0.5,
        "sent_len": 10,
        "word_dim": 6,
        "filter_dim": 5,
        "text_ckpt": "text.pth.tar",
        "trainloader": "image_text_train",
        "valloader": "image_text_val",
        "data_dir": "images",
        "train_file": "train.pkl",
        "val_file": "val.pkl",
    }
    file = folder / "old.json"
    file.write_text(json.dumps(values | more))
    return file


def plain(folder: Path, **more: Any) -> Path:
    """A file without a text side."""
    return write(
        folder, **({"arch": "resnet18", "trainloader": "multilabel_v2_train", "valloader": None} | more)
    )


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file by its place, with what tells it from another; names in `tensorboard` hold the time."""
    found = [Path(root) / name for root, _, names in os.walk(folder) for name in names]
    found = [path for path in found if path.parent.name != runs.TENSORBOARD]
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_a_3branch_file_trains_for_two_epochs_and_leaves_a_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(folder)
    run = train_2020(file, SMALL)
    assert run == folder / "run"
    assert f"{file}: given, but without meaning for this run: print_freq, dist_url" in capsys.readouterr().err
    history = runs.read_history(run)
    assert [entry["epoch"] for entry in history] == [0, 1]
    for entry in history:
        terms = {name: entry[f"train.{name}"] for name in ("classification", "embedding", "distillation")}
        total = terms["classification"] + 0.5 * terms["embedding"] + terms["distillation"]
        assert entry["train.loss"] == pytest.approx(total, rel=1e-5)
    model = read_description(run, ImageModel)
    assert (model.shape, model.trunk, model.embedding_size) == ("3branch", "resnet18", 5)
    assert model.emotions == ("class_0", "class_1", "class_2")
    assert model.aux_emotions is not None
    assert len(model.aux_emotions) == 2
    teacher = read_description(run / "teacher", TextModel)
    assert (teacher.tags, teacher.max_tags) == (TAGS, 10)
    dataset = read_dataset(run / "dataset")
    assert dataset.tag_names == TAGS
    assert [record.tags for record in dataset.records("train")][:3] == [(0, 3), (1, 4), (2, 5)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["images", "old.json", "run", "text.pth.tar", "train.pkl", "val.pkl", "vectors"]
    )


def test_it_trains_on_tags_and_is_validated_on_labels_alone(folder: Path) -> None:
    """As the paper does: labels of training are tags, those of testing are the keywords searched for."""
    rows = pickle.loads((folder / "val.pkl").read_bytes())
    (folder / "labels.pkl").write_bytes(
        pickle.dumps([[path, labels] for path, labels, _ in rows], protocol=2)
    )
    old = write(folder, val_file="labels.pkl", valloader="multilabel_v2_val", epochs=1)
    (entry,) = runs.read_history(train_2020(old, SMALL))
    assert entry["val.loss"] == entry["val.classification"]
    assert {"train.embedding", "train.distillation"} <= set(entry)
    assert "val.embedding" not in entry


def test_evaluate_validates_only(folder: Path) -> None:
    started = train_2020(write(folder), SMALL)
    file = write(folder, evaluate=True, resume=str(started / runs.WEIGHTS), save_directory="checked")
    run = train_2020(file, SMALL)
    before, after = load_file(started / runs.WEIGHTS), load_file(run / runs.WEIGHTS)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    first, again = runs.read_metrics(started), runs.read_metrics(run)
    assert again["val.loss"] == pytest.approx(first["val.loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("loader", "arch", "terms"),
    [
        ("image_textembed", "resnet_2branch_18", {"classification", "embedding"}),
        ("image_cls_text_textembed", "resnet_joint_18", {"classification", "embedding"}),
    ],
)
def test_word_vectors_are_found_by_the_names_of_tags(
    folder: Path, loader: str, arch: str, terms: set[str]
) -> None:
    write_text_checkpoint(folder / "three.pth.tar", classes=3)
    (folder / "tags.pkl").write_bytes(pickle.dumps(dict(zip(TAGS, range(len(TAGS)), strict=True))))
    file = write(
        folder,
        arch=arch,
        trainloader=f"{loader}_train",
        valloader=f"{loader}_val",
        tag_embeddings="vectors",
        tag2idx="tags.pkl",
        text_ckpt="three.pth.tar",
        epochs=1,
    )
    run = train_2020(file, SMALL)
    entry = runs.read_history(run)[0]
    assert {name.removeprefix("train.") for name in entry if name.startswith("train.")} >= terms
    assert read_dataset(run / "dataset").tag_names == TAGS
    assert (run / "teacher").is_dir() is (loader == "image_cls_text_textembed")


def test_the_oldest_form_with_single_labels_leaves_out_minus_one(folder: Path) -> None:
    (folder / "rows").mkdir()
    for split in ("train", "val"):
        rows = pickle.loads((folder / f"{split}.pkl").read_bytes())
        single = [[path, -1 if number == 2 else labels[0]] for number, (path, labels, _) in enumerate(rows)]
        (folder / "rows" / f"CNNsplit_{split}.pkl").write_bytes(pickle.dumps(single, protocol=2))
    args = {"data_dir": "images", "annotation_file": "rows/CNNsplit_{}.pkl"}
    values = {"arch": "resnet18", "epochs": 1, "lr_schedule": None, "num_classes": 3, "save_directory": "run"}
    file = folder / "old.json"
    file.write_text(json.dumps({**values, "dataset": {"name": "singlelabel", "args": args}}))
    run = train_2020(file, SMALL)
    records = read_dataset(run / "dataset").records("train")
    assert [record.labels for record in records][:4] == [(0,), (1,), (), (0,)]
    assert "val.hit_rate" in runs.read_metrics(run)


def test_a_linear_probe_of_a_2branch_checkpoint_needs_no_text_side(folder: Path) -> None:
    """All layers fixed but `fc`, which begins anew; the checkpoint tells the projection's size."""
    network = EmotionNet(create_trunk("resnet18", "none", seed=5), "2branch", 7, 300, seed=5)
    state = {f"module.{name.removeprefix('trunk.')}": one for name, one in network.state_dict().items()}
    torch.save({"epoch": 3, "arch": "resnet_2branch_18", "state_dict": state}, folder / "model.pth.tar")
    file = plain(folder, arch="resnet_2branch_18", visual_model="model.pth.tar", freeze=True, epochs=1)
    after = load_file(train_2020(file, SMALL) / runs.WEIGHTS)
    assert after["fc.weight"].shape == (3, 512)
    assert after["proj.weight"].shape == (300, 512)
    before = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in after if not name.startswith("fc."))


def test_a_run_is_replaced_or_gone_on_with_as_any_other(folder: Path) -> None:
    file = plain(folder, epochs=1)
    run = train_2020(file, SMALL)
    before = tree(folder)
    with pytest.raises(DataError, match="holds a run already"):
        train_2020(file, SMALL)
    assert train_2020(file, SMALL, resume=True) == run
    assert tree(folder) == before
    train_2020(file, SMALL, overwrite=True)
    after = tree(folder)
    assert after.keys() == before.keys()
    assert after["run/dataset/train.parquet"] != before["run/dataset/train.parquet"]
    assert after["run/model.safetensors"] != before["run/model.safetensors"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_fault_after_the_conversion_leaves_everything_as_it_was(folder: Path, overwrite: bool) -> None:
    if overwrite:
        train_2020(plain(folder, epochs=1), SMALL)
    torch.save({"x": torch.zeros(3)}, folder / "other.pth")
    file = plain(folder, resume="other.pth", save_directory="run" if overwrite else "deep/er/run")
    before = tree(folder)
    with pytest.raises(DataError, match=r"other\.pth"):
        train_2020(file, SMALL, overwrite=overwrite)
    assert tree(folder) == before
    assert not (folder / "deep").exists()


def test_a_training_that_breaks_down_at_once_leaves_nothing(folder: Path) -> None:
    file = plain(folder)
    before = tree(folder)
    with pytest.raises(TrainingError):
        train_2020(file, SMALL | {"optimizer.lr": 1e30, "optimizer.momentum": 0.0})
    assert tree(folder) == before


def test_a_training_that_is_stopped_keeps_what_it_needs_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after its first epoch, then gone on with: its data set is there and is not made anew."""
    file = plain(folder)
    whole = train_2020(file, SMALL | {"out": str(folder / "whole")})
    original, calls = loop._Run._train_epoch, 0

    def stops(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return original(self, *arguments)

    monkeypatch.setattr(loop._Run, "_train_epoch", stops)
    with pytest.raises(KeyboardInterrupt):
        train_2020(file, SMALL)
    monkeypatch.undo()
    made = tree(folder / "run" / "dataset")
    run = train_2020(file, SMALL, resume=True)
    assert tree(folder / "run" / "dataset") == made
    assert (run / runs.WEIGHTS).read_bytes() == (whole / runs.WEIGHTS).read_bytes()


def test_a_data_set_of_ours_takes_the_place_of_the_pickles(folder: Path) -> None:
    first = train_2020(plain(folder, epochs=1), SMALL)
    options = SMALL | {"data.root": str(first / "dataset"), "out": str(folder / "second")}
    run = train_2020(plain(folder, epochs=1, train_file=None, data_dir=None), options)
    assert not (run / "dataset").exists()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"train_file": "none.pkl"}, r"none\.pkl: file not found"),
        ({"data_dir": "none"}, "none: must be the folder of the pictures"),
        ({"num_classes": 2}, r"train\.pkl: row 2: a label must be a whole number in 0..1; got 2"),
        ({"sent_len": 2**16 + 1}, "sent_len: input should be less than or equal to 65536"),
        ({"text_ckpt": "none.pth"}, r"none\.pth"),
        ({"word_dim": 300}, "word_dim: must be that of the text model, 6; got 300"),
        ({"filter_dim": 300}, "filter_dim: must be that of the text model, 5; got 300"),
        ({"tag_embeddings": "none.bin"}, "text.vectors: must exist"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_nothing_is_written(
    folder: Path, more: dict[str, Any], text: str
) -> None:
    file = write(folder, **more)
    before = tree(folder)
    with pytest.raises(DataError, match=text):
        train_2020(file, SMALL)
    assert tree(folder) == before
    assert not (folder / "run").exists()


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


def test_several_processes_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "RUN_ID": "a",
        "RANK": 1,
        "WORLD_SIZE": 2,
        "LOCAL_RANK": 1,
        "LOCAL_WORLD_SIZE": 2,
    }.items():
        monkeypatch.setenv("TORCHELASTIC_RUN_ID" if name == "RUN_ID" else name, str(value))
    before = tree(folder)
    file = write(folder)
    with pytest.raises(
        ConfigError, match=r"a 2020 config must have one process; several take its RUN's config.json"
    ):
        train_2020(file)
    assert set(tree(folder)) - {file.name} == set(before) - {file.name}


def test_files_that_would_run_code_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "evil.pkl").write_bytes(pickle.dumps(_Runs()))
    torch.save({"state_dict": _Runs()}, folder / "evil.pth")
    for more in ({"train_file": "evil.pkl"}, {"text_ckpt": "evil.pth"}, {"resume": "evil.pth"}):
        file = write(folder, **more)
        before = tree(folder)
        with pytest.raises(DataError, match=r"evil\.(pkl|pth): .*system") as error:
            train_2020(file, SMALL)
        assert len(error.value.faults) == 1
        assert tree(folder) == before


def test_an_image_network_is_no_text_model(folder: Path) -> None:
    network = EmotionNet(create_trunk("resnet18", "none"), "plain", 3)
    save_weights(network, folder / "image.safetensors")
    file = write(folder, text_ckpt="image.safetensors")
    before = tree(folder)
    with pytest.raises(DataError, match=r"image\.safetensors: must be a text model; it is an image network"):
        train_2020(file, SMALL)
    assert tree(folder) == before


def test_sizes_are_held_against_word_vectors_of_either_form(folder: Path) -> None:
    file = write(folder, word_dim=6, tag_embeddings="words.txt")
    (folder / "words.txt").write_text("1 2\nbeach 0.5 0.5\n")
    with pytest.raises(ConfigError, match=r"word_dim: must be that of .*words\.txt, 2; got 6"):
        train_2020(file, SMALL)


def test_names_of_tags_are_read_in_every_form(folder: Path) -> None:
    ids = {tag: index for index, tag in enumerate(TAGS)}
    back = {index: tag for tag, index in ids.items()}
    forms: list[tuple[str, Any]] = [
        ("tag2idx", {"tag2idx": ids, "idx2tag": back}),
        ("idx2tag", {"tag2idx": ids, "idx2tag": back}),
        ("tag2idx", ids),
        ("idx2tag", back),
    ]
    for key, content in forms:
        (folder / "tags.pkl").write_bytes(pickle.dumps(content, protocol=2))
        old = plan_training(write(folder, **{key: "tags.pkl"})).old
        assert read_tag_names(old) == TAGS
    (folder / "tags.txt").write_text("\n".join(TAGS))
    assert read_tag_names(plan_training(write(folder, tag2idx="tags.txt")).old) == TAGS


@pytest.mark.parametrize(
    "content",
    [
        {"beach": 1},
        {"beach": 0, "child": 0},
        {"beach": "0"},
        {},
        {"tag2idx": {"beach": 0, "child": 2}, "idx2tag": {0: "beach", 2: "child"}},
        ["beach"],
    ],
)
def test_ids_with_gaps_are_refused(folder: Path, content: Any) -> None:
    (folder / "tags.pkl").write_bytes(pickle.dumps(content, protocol=2))
    old = plan_training(write(folder, tag2idx="tags.pkl")).old
    with pytest.raises(DataError, match=r"tags\.pkl: "):
        read_tag_names(old)


def test_pretrained_without_a_hub_names_the_option(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    def unreachable(*arguments: Any, **options: Any) -> Any:
        raise FileNotFoundError("no hub")

    monkeypatch.setattr(timm, "create_model", unreachable)
    before = tree(folder)
    with pytest.raises(DataError, match=r"trunk resnet18\.tv_in1k: .* \(--model\.weights PATH\)"):
        train_2020(plain(folder, pretrained=True), SMALL)
    assert {*tree(folder)} == {*before, "old.json"}
