"""Options of the commands that take a config: any key of it, dotted, with its value."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from emotionnet.config_files import keys, text_keys
from emotionnet.records import ConfigError

_HEADING = """Keys of the config file, each also an option; a list is given as JSON, such as '["a", "b"]':"""
OWN = ("--help", "-h", "--resume", "--overwrite", "--recipe")  # options of the commands themselves


def split_options(tokens: Iterable[str], model: type[BaseModel]) -> tuple[list[str], dict[str, Any]]:
    """Separate `--some.key value` from what the command itself understands.

    A key without a value means true; values are read as JSON where they can be, but those of
    keys that are texts or paths stay as they are.

    Args:
        tokens: What stands behind the command's name.
        model: The command's config class.

    Returns:
        The command's own tokens, and the options by dotted key.

    Raises:
        ConfigError: A key is given twice.

    Example:
        >>> from emotionnet.config import TrainConfig
        >>> split_options(["config.json", "--optimizer.lr", "0.1", "--resume"], TrainConfig)
        (['config.json', '--resume'], {'optimizer.lr': 0.1})
    """
    texts = text_keys(model)
    rest: list[str] = []
    options: dict[str, Any] = {}
    key = None
    for token in tokens:
        own = token.partition("=")[0] in OWN
        if own or not token.startswith("--"):
            if key is not None and not own:
                options[key] = _value(token, is_text=key in texts)
            else:
                rest.append(token)
            key = None
            continue
        name, given, value = token.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if name in options:
            raise ConfigError(
                f'options: --{name} must be given once (a list as JSON: \'["a", "b"]\'); it is given twice'
            )
        options[name] = _value(value, is_text=name in texts) if given else True
        key = None if given else name
    return rest, options


def describe_keys(model: type[BaseModel]) -> str:
    """The keys of a config class, each an option of its command too, as lines of help."""
    return _described(model, _HEADING, "--")


def describe_file(model: type[BaseModel], heading: str) -> str:
    """The keys of a config class that are given by a file alone, as lines of help."""
    return _described(model, heading, "")


def _described(model: type[BaseModel], heading: str, dashes: str) -> str:
    lines = [f"{dashes}{name}  {text} [{default}]" for name, default, text in keys(model)]
    return "\n\n".join([heading, *lines])


def _value(text: str, *, is_text: bool) -> Any:
    if is_text and text != "null":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
