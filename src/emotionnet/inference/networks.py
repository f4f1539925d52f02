"""The network of a RUN, as it was trained."""

from __future__ import annotations

from pathlib import Path

from emotionnet.models.description import ImageModel, read_description
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.models.weights import load_weights
from emotionnet.runs import WEIGHTS, require_run


def read_network(run: Path) -> tuple[EmotionNet, ImageModel]:
    """The network of a finished RUN, on the CPU in evaluation mode, and its description.

    Raises:
        DataError: The folder is no finished RUN of an image network, or a file in it is broken.
    """
    require_run(run)
    model = read_description(run, ImageModel)
    return network_of(model, run / WEIGHTS), model


def network_of(model: ImageModel, weights: Path) -> EmotionNet:
    """The network that a description tells of, with the weights of a file, in evaluation mode.

    Raises:
        DataError: The file is broken, or does not fit.
    """
    network = EmotionNet(
        create_trunk(model.trunk, "none"),
        model.shape,
        n_emotions=len(model.emotions),
        embedding_size=model.embedding_size,
        n_aux=len(model.aux_emotions) if model.aux_emotions is not None else None,
        n_dimensions=len(model.dimensions),
    )
    load_weights(network, weights)
    return network.eval()
