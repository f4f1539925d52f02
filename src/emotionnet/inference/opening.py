"""A model by name: opened when it is needed, and known by its files without that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from emotionnet.files import sha256
from emotionnet.inference.backends import Hint
from emotionnet.inference.choice import BackendName
from emotionnet.inference.exported import BESIDE, EXPORT, FILES, is_exported, network_identity
from emotionnet.inference.hub import local_run
from emotionnet.inference.loading import load_predictor
from emotionnet.inference.names import is_clip
from emotionnet.inference.predictor import Predictor
from emotionnet.inference.ray_engine import RayPredictor
from emotionnet.inference.ray_session import import_ray
from emotionnet.runs import MODEL, WEIGHTS, require_run

EngineName = Literal["local", "ray"]

_STAMPED = (WEIGHTS, EXPORT, MODEL, *BESIDE, *FILES["onnx"], *FILES["openvino"])


@dataclass
class Opening:
    """How a model is opened: its name, `backend` and `hint` as `load_predictor` takes them.

    `engine` is where many pictures are computed: here, or in all processes of Ray (`RayPredictor`).
    """

    name: str
    backend: BackendName | None = None
    engine: EngineName = "local"
    hint: Hint = "throughput"

    @property
    def is_clip(self) -> bool:
        return is_clip(self.name)

    @cached_property
    def predictor(self) -> Predictor:
        """Opens it; see `load_predictor` for what can be wrong."""
        if self.engine == "ray":
            import_ray()  # before what takes longer
        here = load_predictor(self.name, backend=self.backend, hint=self.hint)
        return here if self.engine == "local" else RayPredictor(here, self.name, self.hint)

    @cached_property
    def stamp(self) -> str:
        """What stands for its files: another one as soon as one of them is replaced or touched."""
        files = (
            [Path(self.name.partition("@")[2])] if self.is_clip else [self.folder / part for part in _STAMPED]
        )
        states = [
            (str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()
        ]
        return hashlib.sha256(repr((self.name, states)).encode(errors="backslashreplace")).hexdigest()

    @cached_property
    def identity(self) -> str:
        """As `Predictor.identity`; only a CLIP model has to be opened for it."""
        if self.is_clip:
            return self.predictor.identity
        if not is_exported(self.folder):
            require_run(self.folder)
        return network_identity(self.folder)

    @cached_property
    def content(self) -> str:
        """A hash of all that what it says hangs on, wherever its files lie: words and guard, too."""
        beside = [] if self.is_clip else [self.folder / part for part in (MODEL, *BESIDE)]
        told = [(file.name, sha256(file)) for file in beside if file.is_file()]
        return hashlib.sha256(repr((self.identity, told)).encode()).hexdigest()

    @cached_property
    def folder(self) -> Path:
        """Of a RUN or a MODEL."""
        return local_run(self.name)
