"""Config files of the 2020 system: every key and value, every fault, and what each becomes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from emotionnet.config import TrainConfig
from emotionnet.config_2020.keys import MEANINGLESS, Old, is_2020, read_2020
from emotionnet.config_2020.plan import RECIPES, Plan, plan_training
from emotionnet.config_files import keys
from emotionnet.records import ConfigError, DataError

# REFERENCE.md, section 6, as it stands there.
KEYS = [
    *("name", "arch", "paramname", "workers", "epochs", "start_epoch", "batch_size", "lr", "lr_schedule"),
    *("lr_patience", "momentum", "weight_decay", "print_freq", "resume", "evaluate", "pretrained"),
    *("num_classes", "freeze", "world_size", "dist_url", "dist_backend", "seed", "gpu", "ID", "device"),
    *(
        "save_directory",
        "save_best_only",
        "alpha",
        "beta",
        "sent_len",
        "max_length",
        "word_dim",
        "filter_dim",
    ),
    *("text_ckpt", "text_embed", "tag_embeddings", "tag2idx", "idx2tag", "trainloader", "valloader"),
    *("dataloader", "data_dir", "train_file", "val_file", "visual_model"),
]
ARCHS = [
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnet_2branch_50", "resnet_custom_50", "resnet_joint_50", "resnet_3branch_50"),
    *(f"resnet_{shape}_{depth}" for shape in ("2branch", "joint", "3branch") for depth in (18, 34, 101, 152)),
]
LOADERS = [
    *("multilabel_v2", "multilabel_idxcount_v2", "simple_multilabel", "singlelabel_v2"),
    *("image_text", "image_textembed", "image_cls_text_textembed"),
]
OLDEST = ["multilabel", "multilabel_BCE", "singlelabel"]
TEXT_SIDE = ["sent_len", "word_dim", "filter_dim", "text_ckpt", "tag_embeddings"]
FORMS = ["trainloader", "dataloader", "valloader"]
FULL: dict[str, Any] = {
    "name": "first",
    "arch": "resnet_3branch_50",
    "paramname": "p",
    "workers": 4,
    "epochs": 30,
    "start_epoch": 0,
    "batch_size": 64,
    "lr": 0.01,
    "lr_schedule": "10, 20, 30",
    "lr_patience": None,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "print_freq": 10,
    "resume": "",
    "evaluate": None,
    "pretrained": True,
    "num_classes": 690,
    "freeze": None,
    "world_size": 1,
    "dist_url": "tcp://224.66.41.62:23456",
    "dist_backend": "gloo",
    "seed": None,
    "gpu": None,
    "ID": 0,
    "device": "0,1",
    "save_directory": "../saved",
    "save_best_only": True,
    "alpha": 0.5,
    "beta": 2,
    "sent_len": 100,
    "max_length": None,
    "word_dim": 300,
    "filter_dim": 300,
    "text_ckpt": "text.pth.tar",
    "text_embed": None,
    "tag_embeddings": "words.bin",
    "tag2idx": None,
    "idx2tag": None,
    "trainloader": "image_text_train",
    "valloader": "image_text_val",
    "dataloader": None,
    "data_dir": "/images",
    "train_file": "train.pkl",
    "val_file": "val.pkl",
    "visual_model": None,
}


def plan(folder: Path, recipe: str | None = None, options: dict[str, Any] | None = None, **more: Any) -> Plan:
    """The plan of a file with all keys, some of them changed; `None` as a key's value is JSON's null."""
    return plan_of(folder, FULL | more, recipe, options)


def plan_of(
    folder: Path, values: dict[str, Any], recipe: str | None = None, options: dict[str, Any] | None = None
) -> Plan:
    file = folder / "conf" / "old.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(values))
    return plan_training(file, recipe, options)


def oldest(folder: Path, kind: str, **more: Any) -> dict[str, Any]:
    """The same in the oldest form: nested `dataset` in place of loaders, folder and files."""
    gone = ("trainloader", "valloader", "dataloader", "data_dir", "train_file", "val_file")
    kept = {key: value for key, value in FULL.items() if key not in gone}
    args = {"data_dir": "pictures", "annotation_file": "rows/CNNsplit_{}.pkl"}
    return {**kept, "dataset": {"name": kind, "args": args}, **more}


def faults(folder: Path, values: dict[str, Any], recipe: str | None = None) -> list[str]:
    """The faults, without the file's name in front."""
    with pytest.raises(DataError) as error:
        plan_of(folder, values, recipe)
    start = f"{folder / 'conf' / 'old.json'}: "
    assert all(fault.startswith(start) and "\n" not in fault for fault in error.value.faults)
    return [fault.removeprefix(start) for fault in error.value.faults]


def test_every_key_of_the_reference_is_one_of_ours() -> None:
    assert {*KEYS, "dataset"} == {*Old.model_fields}
    assert set(FULL) == set(KEYS)
    assert set(MEANINGLESS) < set(KEYS)


def test_only_the_2020_system_has_these_keys() -> None:
    ours = {name.partition(".")[0] for name, _, _ in keys(TrainConfig)}
    assert not is_2020(dict.fromkeys(ours))
    assert is_2020({"arch": None})
    assert is_2020({"dataset": {"name": "multilabel"}})
    assert not is_2020({"dataset": "dataset"})


def test_a_whole_file_by_hand(tmp_path: Path) -> None:
    made = plan(tmp_path)
    folder = tmp_path / "conf"
    assert made.values == {
        "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4},
        "schedule": {"name": "multistep", "milestones": [10, 20, 30], "gamma": 0.1},
        "epochs": 30,
        "keep_epochs": False,
        "precision": "float32",
        "memory_format": "channels_last",
        "compile": "off",
        "seed": 0,
        "data": {
            "root": str(tmp_path / "saved" / "dataset"),
            "image_size": 224,
            "crop_pct": 0.875,
            "crop_scale": [0.08, 1.0],
            "flip": True,
            "batch_size": 64,
            "workers": 4,
        },
        "text": {"vectors": str(folder / "words.bin"), "teacher": str(tmp_path / "saved" / "teacher")},
        "model": {
            "trunk": "resnet50.tv_in1k",
            "weights": "hub",
            "shape": "3branch",
            "freeze": [],
            "frozen_statistics": "kept",
            "start": None,
            "new_head": False,
        },
        "objective": {
            "classification": "soft_cross_entropy",
            "embedding": "teacher",
            "distillation": "head",
            "alpha": 0.5,
            "beta": 2.0,
            "train_transform": True,
            "criterion": "hit_rate",
        },
        "out": str(tmp_path / "saved"),
    }
    assert made.unused == (
        "paramname",
        "print_freq",
        "world_size",
        "dist_url",
        "dist_backend",
        "ID",
        "device",
    )
    assert made.old.annotation_files == {"train": folder / "train.pkl", "val": folder / "val.pkl"}
    assert made.old.images == Path("/images")


def expected_shape(arch: str) -> tuple[str, str]:
    shape, _, depth = arch.removeprefix("resnet").removeprefix("_").rpartition("_")
    return {"": "plain", "custom": "2branch"}.get(shape, shape), f"resnet{depth}"


def expected_objective(loader: str, shape: str) -> tuple[str, str, str]:
    """Section 6's table, written out once more."""
    classification = {
        "multilabel_BCE": "bce",
        "singlelabel": "cross_entropy",
        "singlelabel_v2": "cross_entropy",
    }
    embedding = {
        "image_text": "teacher",
        "image_textembed": "word_vectors",
        "image_cls_text_textembed": "word_vectors",
    }
    distillation = "none"
    if loader == "image_cls_text_textembed":
        distillation = "labels"
    elif loader in embedding and shape == "3branch":
        distillation = "head"
    target = "none" if shape == "plain" else embedding.get(loader, "none")
    return classification.get(loader, "soft_cross_entropy"), target, distillation


def test_every_arch_with_every_loader_in_every_form(tmp_path: Path) -> None:
    """21 archs x (7 loaders x 3 forms + 3 oldest) = 504 files."""
    count = 0
    new = [
        {
            **FULL,
            "trainloader": None,
            "valloader": None,
            form: loader + {"dataloader": ""}.get(form, "_" + form[:-6]),
        }
        for loader, form in itertools.product(LOADERS, FORMS)
    ]
    for arch, values in itertools.product(ARCHS, [*new, *(oldest(tmp_path, kind) for kind in OLDEST)]):
        made = plan_of(tmp_path, {**values, "arch": arch, "tag2idx": "tags.pkl"})
        shape, trunk = expected_shape(arch)
        assert (made.values["model"]["shape"], made.values["model"]["trunk"]) == (shape, f"{trunk}.tv_in1k")
        objective = made.values["objective"]
        found = (objective["classification"], objective["embedding"], objective["distillation"])
        assert found == expected_objective(made.old.loader, shape), (arch, made.old.loader)
        assert made.old.loader in (*LOADERS, *OLDEST)
        count += 1
    assert count == len(ARCHS) * (len(LOADERS) * len(FORMS) + len(OLDEST)) == 21 * 24


def test_both_loaders_may_be_given_and_the_training_one_counts(tmp_path: Path) -> None:
    made = plan(tmp_path, trainloader="multilabel_idxcount_v2_train", valloader="simple_multilabel_val")
    assert made.old.loader == "multilabel_idxcount_v2"
    assert plan(tmp_path, dataloader="image_text").old.loader == "image_text"


def test_the_oldest_form_names_its_files_by_a_pattern(tmp_path: Path) -> None:
    made = plan_of(tmp_path, oldest(tmp_path, "multilabel"))
    rows = tmp_path / "conf" / "rows"
    assert made.old.annotation_files == {
        split: rows / f"CNNsplit_{split}.pkl" for split in ("train", "val", "test")
    }
    assert made.old.images == tmp_path / "conf" / "pictures"


@pytest.mark.parametrize("key", [key for key in KEYS if key != "arch"])
def test_any_other_key_may_be_null_or_missing(tmp_path: Path, key: str) -> None:
    """As far as the file's kind allows: what a run cannot do without is told by its name."""
    needed = {"num_classes", "data_dir", "train_file", "val_file", "text_ckpt"}
    for values in (FULL | {key: None}, {name: value for name, value in FULL.items() if name != key}):
        if key in needed:
            found = faults(tmp_path, values)
            assert len(found) == 1
            assert found[0].startswith(f"{key}: must be given")
        else:
            plan_of(tmp_path, values)


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("pretrained", [None, False, True, "weights.pth", ""]),
        ("freeze", [None, False, True]),
        ("evaluate", [None, False, True]),
        ("save_best_only", [None, False, True]),
        ("lr", [1e-4, 1e-3, 1e-2, 0.1]),
        ("batch_size", [16, 32, 50, 64, 128, 256]),
        ("epochs", [30, 40]),
        ("alpha", [0.5, 1.0, 1]),
        ("num_classes", [2, 6, 8, 10, 30, 690, 694, 742]),
        ("lr_schedule", ["10, 20, 30", "10,20", "5", "", None]),
        ("resume", [None, "", "checkpoint.pth.tar"]),
        ("visual_model", [None, "", "model.pth.tar"]),
        ("seed", [None, 0, 42]),
        ("gpu", [None, 0, "0"]),
        ("dist_url", [None, "env://"]),
    ],
)
def test_every_value_that_was_seen_is_read(tmp_path: Path, key: str, seen: list[Any]) -> None:
    for value in seen:
        found = getattr(plan(tmp_path, **{key: value}).old, key)
        if key == "lr_schedule":
            assert found == (None if not value else tuple(int(part) for part in value.split(",")))
        elif value == "":
            assert found is None
        elif isinstance(value, str) and key not in MEANINGLESS:
            assert found == tmp_path / "conf" / value
        else:
            assert found == value


def test_every_pair_of_switches_and_every_schedule(tmp_path: Path) -> None:
    switches = (None, False, True)
    for pretrained, freeze, evaluate, best in itertools.product(switches, repeat=4):
        values = plan(
            tmp_path, pretrained=pretrained, freeze=freeze, evaluate=evaluate, save_best_only=best
        ).values
        assert values["model"]["weights"] == ("hub" if pretrained else "none")
        assert values["model"]["trunk"] == ("resnet50.tv_in1k" if pretrained else "resnet50")
        assert values["model"]["freeze"] == (["trunk", "proj", "fc_aux"] if freeze else [])
        assert values["epochs"] == (0 if evaluate else 30)
        assert values["keep_epochs"] is (best is False)


@pytest.mark.parametrize(
    ("schedule", "patience", "expected"),
    [
        ("10, 20, 30", None, {"name": "multistep", "milestones": [10, 20, 30], "gamma": 0.1}),
        ("10, 20, 30", 3, {"name": "multistep", "milestones": [10, 20, 30], "gamma": 0.1}),
        (None, 3, {"name": "plateau", "patience": 3, "gamma": 0.1}),
        ("", 0, {"name": "plateau", "patience": 0, "gamma": 0.1}),
        (None, None, {"name": "constant"}),
    ],
)
def test_schedule(
    tmp_path: Path, schedule: str | None, patience: int | None, expected: dict[str, Any]
) -> None:
    assert plan(tmp_path, lr_schedule=schedule, lr_patience=patience).values["schedule"] == expected


def test_what_a_file_leaves_out_is_as_in_the_paper(tmp_path: Path) -> None:
    few = {key: FULL[key] for key in ("arch", "num_classes", "data_dir", "train_file", "val_file")}
    made = plan_of(tmp_path, {**few, "arch": "resnet50", "dataloader": "multilabel_v2"})
    assert made.values["optimizer"] == {"name": "sgd", "lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-5}
    assert made.values["schedule"] == {"name": "multistep", "milestones": [10, 20], "gamma": 0.1}
    assert made.values["epochs"] == 30
    assert made.values["data"]["batch_size"] == 256
    assert (made.values["objective"]["alpha"], made.values["objective"]["beta"]) == (1.0, 1.0)


def test_start_epoch_shortens_the_run_and_milestones_count_from_its_begin(tmp_path: Path) -> None:
    values = plan(tmp_path, start_epoch=12).values
    assert values["epochs"] == 18
    assert values["schedule"]["milestones"] == [10, 20, 30]


@pytest.mark.parametrize(
    ("arch", "parts"),
    [
        ("resnet50", ["trunk"]),
        ("resnet_2branch_50", ["trunk", "proj"]),
        ("resnet_custom_50", ["trunk", "proj"]),
        ("resnet_joint_50", ["trunk", "proj"]),
        ("resnet_3branch_50", ["trunk", "proj", "fc_aux"]),
    ],
)
def test_freeze_leaves_fc_alone_to_train(tmp_path: Path, arch: str, parts: list[str]) -> None:
    made = plan(tmp_path, arch=arch, freeze=True)
    assert made.values["model"]["freeze"] == parts
    assert made.values["model"]["frozen_statistics"] == "kept"
    exact = plan(tmp_path, recipe="exact", arch=arch, freeze=True)
    assert exact.values["model"]["frozen_statistics"] == "moving"


@pytest.mark.parametrize(
    ("given", "start", "new_head"),
    [
        ({}, None, False),
        ({"resume": "a.pth"}, "a.pth", False),
        ({"resume": "a.pth", "freeze": True}, "a.pth", True),
        ({"resume": "a.pth", "trainloader": "singlelabel_v2_train"}, "a.pth", True),
        ({"resume": "a.pth", "trainloader": "singlelabel_v2_train", "evaluate": True}, "a.pth", False),
        ({"resume": "a.pth", "evaluate": True}, "a.pth", False),
        ({"visual_model": "b.pth"}, "b.pth", True),
        ({"visual_model": "b.pth", "resume": "b.pth"}, "b.pth", True),
        ({"visual_model": "b.pth", "evaluate": True}, "b.pth", False),
    ],
)
def test_fine_tuning_begins_a_new_head(
    tmp_path: Path, given: dict[str, Any], start: str | None, new_head: bool
) -> None:
    model = plan(tmp_path, **given).values["model"]
    assert model["start"] == (None if start is None else str(tmp_path / "conf" / start))
    assert model["new_head"] is new_head


def test_pretrained_takes_the_path_of_a_file(tmp_path: Path) -> None:
    model = plan(tmp_path, pretrained="../resnet.pth").values["model"]
    assert (model["trunk"], model["weights"]) == ("resnet50", str(tmp_path / "resnet.pth"))


def test_where_the_run_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert plan(tmp_path).run == tmp_path / "saved"
    assert plan(tmp_path, save_directory=None).run == tmp_path / "runs" / "first"
    assert plan(tmp_path, save_directory="", name=None).run == tmp_path / "runs" / "old"
    made = plan(tmp_path, options={"out": "here"})
    assert made.run == tmp_path / "here"
    assert made.values["data"]["root"] == str(tmp_path / "here" / "dataset")
    assert faults(tmp_path, FULL | {"name": "../x", "save_directory": None}) == [
        "name: must be a plain name where no save_directory is given; got '../x'"
    ]


def test_options_lie_over_the_file_and_recipes(tmp_path: Path) -> None:
    options = {"epochs": 2, "data.batch_size": 4, "objective.embedding": "none", "data.root": str(tmp_path)}
    made = plan(tmp_path, recipe="transform", options=options)
    assert (made.values["epochs"], made.values["data"]["batch_size"]) == (2, 4)
    assert made.values["objective"]["embedding"] == "none"
    assert not made.converts_data
    assert made.converts_teacher


def test_every_recipe_changes_keys_that_exist_and_says_what_it_does(tmp_path: Path) -> None:
    known = {name for name, _, _ in keys(TrainConfig)}
    for name, recipe in RECIPES.items():
        assert recipe.help
        assert {*recipe.values} <= known
        values = plan(tmp_path, recipe=name).values
        for key, value in recipe.values.items():
            section, _, inner = key.partition(".")
            assert values[section][inner] == value


def test_recipes_can_be_put_together(tmp_path: Path) -> None:
    objective = plan(tmp_path, recipe="transform, exact").values["objective"]
    assert (objective["embedding"], objective["train_transform"]) == ("transform", False)
    assert faults(tmp_path, FULL, recipe="transfrom") == [
        "--recipe: must be one of exact, softmax, embedding, transform, attention, mixed, head, bce, "
        "hardest; got 'transfrom'; did you mean transform?"
    ]


def test_a_teacher_folder_stands_in_for_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "conf" / "teacher").mkdir(parents=True)
    made = plan(tmp_path, text_ckpt="teacher")
    assert made.values["text"]["teacher"] == str(tmp_path / "conf" / "teacher")
    assert not made.converts_teacher


@pytest.mark.parametrize(
    ("more", "unused"),
    [
        ({"arch": "resnet50"}, {*TEXT_SIDE, "alpha", "beta"}),
        ({"arch": "resnet_2branch_50"}, {"beta"}),
        ({"text_embed": "other.bin"}, {"tag_embeddings"}),
        ({"max_length": 50}, {"max_length"}),
        ({"tag2idx": "tags.pkl"}, {"tag2idx"}),
    ],
)
def test_what_a_network_does_not_use_is_named(tmp_path: Path, more: dict[str, Any], unused: set[str]) -> None:
    always = {"paramname", "print_freq", "world_size", "dist_url", "dist_backend", "ID", "device"}
    assert set(plan(tmp_path, **more).unused) == always | unused


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            {"arch": "resnet_3brnch_50"},
            "arch: must be one of 21 names; got 'resnet_3brnch_50'; did you mean resnet_3branch_50?",
        ),
        ({"arch": None}, "arch: input should be a valid string; got null"),
        (
            {"trainloader": "image_text"},
            "trainloader: must be one of 14 names; got 'image_text'; did you mean image_text_val?",
        ),
        ({"dataloader": "image_text_train"}, "did you mean image_text?"),
        ({"lr_shedule": None}, "lr_shedule: unknown key; did you mean lr_schedule?"),
        ({"lr": 0}, "lr: input should be greater than 0; got 0"),
        ({"lr": "0.1"}, 'lr: input should be a valid number; got "0.1"'),
        (
            {"lr_schedule": "ten"},
            "lr_schedule: must be null or epochs from 1 such as \"10, 20, 30\"; got 'ten'",
        ),
        ({"lr_schedule": "0, 10"}, "lr_schedule: must be null or epochs from 1"),
        ({"lr_schedule": [10, 20]}, "lr_schedule: must be null or epochs from 1"),
        ({"batch_size": 1}, "batch_size: input should be greater than or equal to 2; got 1"),
        ({"momentum": 1.0}, "momentum: input should be less than 1; got 1.0"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0; got -1"),
        ({"freeze": "yes"}, 'freeze: input should be a valid boolean; got "yes"'),
        ({"pretrained": 1}, "pretrained: must be true, false, null or a path; got 1"),
        ({"resume": False}, "resume: must be a path or null; got False"),
        ({"num_classes": 1}, "num_classes: input should be greater than or equal to 2; got 1"),
        ({"name": "a\ud800"}, "must be JSON of whole characters, not nested deeply; unexpected end of hex"),
        ({"gpu": json.loads("[" * 300 + "]" * 300)}, "not nested deeply; recursion limit exceeded"),
        ({"num_classes": 10**9}, "num_classes: input should be less than or equal to 65536; got 1000000000"),
        ({"batch_size": 10**9}, "batch_size: input should be less than or equal to 1048576"),
        ({"workers": 10**9}, "workers: input should be less than or equal to 1024"),
        ({"epochs": 10**9}, "epochs: input should be less than or equal to 1000000"),
        ({"resume": "a", "visual_model": "b"}, "resume: must be null where visual_model is given"),
        ({"start_epoch": 30}, "start_epoch: must be below epochs; got 30 and 30"),
        ({"dataloader": "image_textembed"}, "dataloader: must name the loader that trainloader names"),
        ({"trainloader": None, "valloader": None}, "trainloader: must be given, or dataloader or dataset"),
        ({"text_ckpt": None}, "text_ckpt: must be given"),
        ({"text_ckpt": "~nobody-of-that-name/x"}, "text_ckpt: ~nobody-of-that-name/x: could not"),
        (
            {"save_directory": "a\0b"},
            "save_directory: a path must be made of characters that a file's name can",
        ),
        ({"trainloader": "image_cls_text_textembed_train"}, "tag2idx: must be given, or idx2tag"),
    ],
)
def test_each_fault_is_one_line(tmp_path: Path, more: dict[str, Any], text: str) -> None:
    found = faults(tmp_path, FULL | more)
    assert len(found) == 1
    assert text in found[0]


def test_word_vectors_must_be_given_where_the_projection_learns_from_them(tmp_path: Path) -> None:
    values = FULL | {"trainloader": "image_textembed_train", "tag_embeddings": None, "tag2idx": "t.pkl"}
    assert faults(tmp_path, values) == [
        "tag_embeddings: must be given, or text_embed; the projection learns from word vectors"
    ]


def test_faults_of_the_oldest_form(tmp_path: Path) -> None:
    values = oldest(tmp_path, "multilabel", train_file="a.pkl")
    assert faults(tmp_path, values) == ["dataset: must stand in place of train_file; both are given"]
    values = oldest(tmp_path, "multilable")
    assert faults(tmp_path, values) == [
        "dataset.name: input should be 'multilabel', 'multilabel_BCE' or 'singlelabel'; got \"multilable\""
    ]
    values = oldest(tmp_path, "multilabel")
    values["dataset"]["args"]["annotation_file"] = "rows.pkl"
    assert "annotation_file: must have {} in place of the split" in faults(tmp_path, values)[0]
    del values["dataset"]["args"]["data_dir"]
    assert faults(tmp_path, values) == ["dataset.args.data_dir: must be given"]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    values = FULL | {"lr": -1, "arch": "vgg", "rersume": 1, "freeze": 2, "text_ckpt": "~nobody-of-that-name"}
    assert len(faults(tmp_path, values)) == 5


def test_files_that_are_no_configs_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    for content in ("", "[]", "{", '{"arch": NaN}', "[" * 100_000):
        file.write_text(content)
        with pytest.raises(DataError, match=r"old\.json: "):
            plan_training(file)
    with pytest.raises(ConfigError, match="arch"):
        read_2020({"dataset": {}}, tmp_path, "x")
