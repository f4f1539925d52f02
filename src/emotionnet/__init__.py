"""Visual emotion representations from web-tagged images.

`load` opens a trained run; `train`, `evaluate` and `export` do what the commands of the same
names do; `LinearProbe` is a scikit-learn classifier for the features of any trunk. Importing the
package is quick: torch is imported when one of them is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotionnet.evaluation.exporting import export
    from emotionnet.evaluation.probe_estimator import LinearProbe
    from emotionnet.evaluation.scoring import evaluate_run as evaluate
    from emotionnet.inference.loading import load_predictor as load
    from emotionnet.training.run import train

__version__ = "0.1.0"
__all__ = ["LinearProbe", "__version__", "evaluate", "export", "load", "train"]

_PLACES = {
    "LinearProbe": ("emotionnet.evaluation.probe_estimator", "LinearProbe"),
    "evaluate": ("emotionnet.evaluation.scoring", "evaluate_run"),
    "export": ("emotionnet.evaluation.exporting", "export"),
    "load": ("emotionnet.inference.loading", "load_predictor"),
    "train": ("emotionnet.training.run", "train"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'emotionnet' has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
