"""How long a user waits for the program itself: its help, and one picture."""

from __future__ import annotations

from pathlib import Path

from emotionnet.apps.bench.fresh_run import fresh_run
from emotionnet.apps.bench.photographs import photographs
from emotionnet.apps.bench.rounds import Contender, race
from emotionnet.inference.export import export_run
from emotionnet.models.trunks import EMBEDDED_TRUNK


def start(work: Path) -> dict[str, float]:
    """Cold processes: `--help`, and `predict` of one picture by an exported network and by torch.

    Args:
        work: An empty folder.
    """
    run = fresh_run(work / "fresh", trunk=EMBEDDED_TRUNK, weights="embedded")
    export_run(run, work / "model", form="openvino")
    picture = str(photographs(work / "pictures", 1, width=340, height=256)[0])
    commands = {
        "help": ["--help"],
        "exported": ["predict", str(work / "model"), picture],
        "torch": ["predict", str(run), picture, "--backend", "torch"],
    }
    make = "emotionnet.apps.bench.processes:make_command"
    rates = race(
        [
            Contender(name, make, {"arguments": arguments, "cache": work / "cache"})
            for name, arguments in commands.items()
        ]
    )
    return {
        "start.help_seconds": 1 / rates.median("help"),
        "start.predict.seconds": 1 / rates.median("exported"),
        "start.predict.torch_seconds": 1 / rates.median("torch"),
        "start.predict.speedup_vs_torch": rates.ratio("exported", "torch"),
        **rates.flat("start"),
    }
