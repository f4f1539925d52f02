"""From a JSON file and options to a checked config, and back.

Every fault of a config is found in one look; each is one line with the key, what
must hold and what was found.
"""

from __future__ import annotations

import difflib
import json
import os
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from emotionnet.config import HubName, Section, Url
from emotionnet.files import read_object
from emotionnet.records import ConfigError, DataError

Stage = TypeVar("Stage", bound=Section)
HUB = "hf:"


def load_config(model: type[Stage], file: Path | None, options: Mapping[str, Any]) -> Stage:
    """Read a JSON config, put options over it, and validate the whole.

    Relative paths are taken from the config file's folder; those among the options
    from the current folder.

    Args:
        model: The stage's config class.
        file: A JSON file, or None when the options say everything.
        options: Dotted keys and their values, such as `{"optimizer.lr": 0.01}`.

    Raises:
        ConfigError: One line for each fault.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values = _placed(model, read_object(file), file.parent, str(file))
    where = str(file) if file is not None else "options"
    return checked(model, with_options(model, values, options), where)


def with_options(
    model: type[BaseModel], values: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Raw values of a config with options over them, their relative paths taken from the current folder.

    Raises:
        ConfigError: A key is given both as a value and as a section, or a path is empty.
    """
    nested: dict[str, Any] = {}
    for key, value in options.items():
        _put(nested, key.split("."), value)
    return _merged(values, _placed(model, nested, Path.cwd(), "options"))


def checked(model: type[Stage], values: Mapping[str, Any], where: str) -> Stage:
    """Validate raw values of a config, whose paths are absolute.

    Raises:
        ConfigError: One line for each fault; each begins with `where`.
    """
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        faults = [line for fault in _distinct(error) for line in _describe(model, fault)]
        raise ConfigError(f"{where}: {line}" for line in faults) from None


def description_error(path: Path | str, error: ValidationError) -> DataError:
    """What is wrong with a description such as `model.json`: a line for each fault, with its key."""
    faults = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors()]
    return DataError(f"{path}: {key}: {message}" for key, message in faults)


def portable(config: Section, folder: Path) -> dict[str, Any]:
    """A config as JSON values, its paths relative to `folder`, so that both can move together."""
    values: dict[str, Any] = json.loads(config.model_dump_json())
    return _map_paths(type(config), values, lambda text: os.path.relpath(text, folder))


def absolute_paths(model: type[BaseModel], values: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The same raw values with every relative path made absolute against `base`.

    Raises:
        ConfigError: As `absolute_path`.
    """
    return _map_paths(model, values, lambda text: absolute_path(text, base))


def absolute_path(text: str, base: Path) -> str:
    """A path that may start from `base` or from a user's home.

    Raises:
        ConfigError: It is empty, which would be the current folder, in an unknown user's home, or has
            characters that no file's name can have.
    """
    if not text:
        raise ConfigError("a path must be given; it is empty")
    try:
        if b"\0" in os.fsencode(text):
            raise ValueError
        return os.path.normpath(base.absolute() / Path(text).expanduser())
    except ValueError:  # the null character, or half of one
        raise ConfigError(
            f"a path must be made of characters that a file's name can have; got {text!a:.60}"
        ) from None
    except RuntimeError as error:
        raise ConfigError(f"{text}: {str(error).lower().rstrip('.')}") from None


def _placed(model: type[BaseModel], values: Mapping[str, Any], base: Path, where: str) -> dict[str, Any]:
    try:
        return absolute_paths(model, values, base)
    except ConfigError as error:
        raise ConfigError(f"{where}: {fault}" for fault in error.faults) from None


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Dotted name, default and description of every key of a config class."""
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section is not None:
            yield from keys(section, f"{prefix}{name}.")
            continue
        default = "required" if field.is_required() else json.dumps(field.default, default=str)
        yield prefix + name, default, field.description or ""


def text_keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Dotted names of the keys whose value is a text or a path, however much it looks like a number."""
    found = set()
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section is not None:
            found |= text_keys(section, f"{prefix}{name}.")
        elif field.annotation is str or _holds_path(field.annotation):
            found.add(prefix + name)
    return found


def _section(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _section_of_each(annotation: Any) -> type[BaseModel] | None:
    """The section that a list is made of."""
    if typing.get_origin(annotation) is Annotated:
        return _section_of_each(typing.get_args(annotation)[0])
    return _section(typing.get_args(annotation)[0]) if typing.get_origin(annotation) is tuple else None


def _literals(annotation: Any) -> set[Any]:
    found = set(typing.get_args(annotation)) if typing.get_origin(annotation) is Literal else set()
    return found.union(*(_literals(part) for part in typing.get_args(annotation)))


def _names_no_file(value: str, annotation: Any) -> bool:
    """Whether a key that may be a path holds one of its words, a repository of the hub, or a URL."""
    of_hub = value.startswith(HUB) and _holds(annotation, HubName)
    return value in _literals(annotation) or of_hub or ("://" in value and _holds(annotation, Url))


def _holds(annotation: Any, kind: Any) -> bool:
    return annotation is kind or any(_holds(part, kind) for part in typing.get_args(annotation))


def _holds_path(annotation: Any) -> bool:
    return annotation is Path or any(_holds_path(part) for part in typing.get_args(annotation))


def _map_paths(
    model: type[BaseModel], values: Mapping[str, Any], change: Callable[[str], str]
) -> dict[str, Any]:
    result = dict(values)
    for name, field in model.model_fields.items():
        value, section = result.get(name), _section(field.annotation)
        is_path = _holds_path(field.annotation)
        try:
            if section is not None and isinstance(value, Mapping):
                result[name] = _map_paths(section, value, change)
            elif (of_each := _section_of_each(field.annotation)) is not None and isinstance(value, list):
                result[name] = [
                    _map_paths(of_each, one, change) if isinstance(one, Mapping) else one for one in value
                ]
            elif isinstance(value, str) and is_path and not _names_no_file(value, field.annotation):
                result[name] = change(value)
        except ConfigError as error:
            separator = ": " if section is None else "."
            raise ConfigError(f"{name}{separator}{fault}" for fault in error.faults) from None
    return result


def _put(nested: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    for part in parts[:-1]:
        inner = nested.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"options: {part} is given both as a value and as a section")
        nested = inner
    nested[parts[-1]] = value


def _merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in over.items():
        before = values.get(key)
        sections = isinstance(value, dict) and isinstance(before, dict)
        merged[key] = _merged(before or {}, value) if sections else value
    return merged


def _distinct(error: ValidationError) -> list[ErrorDetails]:
    """One fault for each key: a union reports one for each member."""
    seen: dict[str, ErrorDetails] = {}
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"] if not _is_union_tag(part))
        if key not in seen or fault["type"] == "value_error":
            seen[key] = fault
    return list(seen.values())


def _is_union_tag(part: int | str) -> bool:
    return isinstance(part, str) and not part.isidentifier()


def _describe(model: type[BaseModel], fault: ErrorDetails) -> Iterator[str]:
    """One line, or for a section that is missing one line for each of its required keys."""
    key = ".".join(str(part) for part in fault["loc"] if not _is_union_tag(part))
    known = list(keys(model))
    if fault["type"] == "extra_forbidden":
        names = [*model.model_fields, *(name for name, _, _ in known)]
        near = difflib.get_close_matches(key, names, n=1, cutoff=0.7)
        yield f"{key}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    elif fault["type"] == "json_invalid":  # Python read it, but is not as strict
        reason = fault["msg"].removeprefix("Invalid JSON: ")
        yield f"must be JSON of whole characters, not nested deeply; {reason}"
    elif fault["type"] == "missing":
        inside = [n for n, default, _ in known if n.startswith(f"{key}.") and default == "required"]
        yield from (f"{name}: must be given" for name in inside or [key])
    elif fault["type"] == "value_error":
        yield f"{key}: {fault['msg'].removeprefix('Value error, ')}"
    elif fault["type"] == "tuple_type":
        found = json.dumps(fault["input"], default=str)
        yield f"{key}: must be a JSON list, such as [{found}]; got {found}"
    else:
        message = fault["msg"]
        yield f"{key}: {message[0].lower()}{message[1:]}; got {json.dumps(fault['input'], default=str)}"
