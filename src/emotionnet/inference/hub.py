"""Runs on the Hugging Face hub: push one, fetch one. The hub is $HF_ENDPOINT's, the token the hub's own.

What goes along is what a stranger needs: model, word vectors, config, scores and the model card. Nothing of
it is code, and what is fetched is checked like any other file from outside when it is opened.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from emotionnet import runs
from emotionnet.config_files import HUB
from emotionnet.records import DataError, first_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

FILES = (
    *(runs.CONFIG, runs.MANIFEST, runs.METRICS, runs.MODEL, runs.WEIGHTS, runs.CARD),
    *("vectors.safetensors", "vectors.json", "words.json", runs.GUARD),
)
_NAME = re.compile(r"hf:[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_hub(name: Path | str) -> bool:
    """Whether a name is one of the hub, such as `hf:user/model`."""
    return str(name).startswith(HUB)


def local_run(run: Path | str) -> Path:
    """The folder of a RUN, which is fetched where its name is one of the hub.

    Raises:
        DataError: The hub does not give it, or it is no path.
    """
    try:
        return fetch_run(str(run)) if is_hub(run) else Path(run).expanduser()
    except RuntimeError as error:
        raise DataError(f"{run}: must be a RUN folder; {first_line(error)}") from None


def fetch_run(name: str) -> Path:
    """Fetch a RUN, or what changed of it, into the hub's own cache.

    Args:
        name: As `hf:user/model`.

    Returns:
        The folder that holds it.

    Raises:
        DataError: The name is none of the hub's, or the hub does not give the run; says why.
    """
    repository, hub = _repository(name), _hub()
    try:
        return Path(hub.snapshot_download(repository, allow_patterns=list(FILES)))
    except Exception as error:  # hub, network and cache each have errors of their own
        _refuse(name, "cannot be fetched", error)


def push_run(run: Path, name: str, *, private: bool = False) -> str:
    """Put a RUN and its model card into a repository of the hub, which is made where there is none.

    Args:
        run: A finished RUN with its model card, which `emotionnet report` writes.
        name: As `hf:user/model`.
        private: Whether a repository that is made is closed to others.

    Returns:
        The address of the commit.

    Raises:
        DataError: The run is not finished or has no card, the name is none of the hub's, or the hub
            refuses; says why.
    """
    repository = _repository(name)
    runs.require_run(run)
    if not (run / runs.CARD).is_file():
        raise DataError(
            f"{run / runs.CARD}: the model card must go along; 'emotionnet report {run}' writes it"
        )
    hub = _hub()
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=repository,
            folder_path=run,
            allow_patterns=list(FILES),
            commit_message="An emotionnet run and its model card",
        )
    except Exception as error:  # as above
        _refuse(name, "cannot be pushed to", error)
    return str(commit.commit_url)


def _repository(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DataError(f"a repository of the hub must be named hf:USER/NAME; got {name!r:.80}")
    return name.removeprefix(HUB)


def _hub() -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"))


def _refuse(name: str, what: str, error: Exception) -> NoReturn:
    status: Any = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # it says which file, this says why
    hints = {
        401: "log in with 'hf auth login'",
        403: "the token may not do this",
        404: "there is no such repository",
    }
    hint = f"; {hints[status]}" if status in hints else ""
    raise DataError(f"{name}: {what} ({type(error).__name__}: {first_line(error)}){hint}") from None
