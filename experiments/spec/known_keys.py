"""Suggests the right key for an unknown key of an experiment's file.

The keys of each block come from the classes of the schema. For a misspelt key the nearest key of
the block is suggested, for a key of another block its place.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel


def advice(model: type[BaseModel], location: Sequence[str | int]) -> str:
    """What to do about an unknown key. `location`: path of the key, as pydantic gives it."""
    *parents, key = location
    key = str(key)
    here = {name for each in _models_at(model, parents) for name in _fields(each)}
    if close := difflib.get_close_matches(key, sorted(here), n=1, cutoff=0.6):
        return f"did you mean {close[0]!r}?"
    places = [".".join(path) for path, found in _walk(model) if key in _fields(found)]
    elsewhere = [f"{place}.{key}" if place else key for place in dict.fromkeys(places)]
    if key in elsewhere:
        return "it belongs to the top of the file, not into a block"
    if elsewhere:
        return f"it belongs to {' or '.join(elsewhere[:3])}"
    return f"the keys here are {', '.join(sorted(here))}" if here else "remove it"


def _models_at(model: type, location: Sequence[str | int]) -> list[type]:
    """The classes that a place of the file can have. Names of arms and tags of unions in the path
    are skipped.
    """
    found = [model]
    for key in location:
        inner = [kind for each in found for kind in _kinds(_fields(each).get(str(key)))]
        found = inner or [each for each in found if _is_tag(each, key)] or found
    return found


def _is_tag(model: type, key: str | int) -> bool:
    """Whether `key` is the tag by which a union chooses this class. Pydantic adds tags to paths."""
    field = getattr(model, "model_fields", {})
    names = [field[name].default for name in ("name", "source") if name in field]
    if dataclasses.is_dataclass(model):
        names += [each.default for each in dataclasses.fields(model) if each.name == "name"]
    return key in names


def _walk(model: type, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type]]:
    """(path, class) of every block below a class, down to a depth of four."""
    yield path, model
    for name, annotation in _fields(model).items():
        for kind in _kinds(annotation):
            if len(path) < 4:
                many = get_origin(_plain(annotation)) in (dict, Mapping)
                yield from _walk(kind, (*path, name, *(["<name>"] if many else [])))


def _fields(model: type) -> dict[str, Any]:
    """{name: annotation} of the fields of a model or dataclass; empty for other types."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        return {name: field.annotation for name, field in model.model_fields.items()}
    if dataclasses.is_dataclass(model):
        return {field.name: field.type for field in dataclasses.fields(model)}
    return {}


def _kinds(annotation: Any) -> list[type]:
    """The classes in an annotation: members of a union, values of a dictionary."""
    plain = _plain(annotation)
    if isinstance(plain, type) and _fields(plain):
        return [plain]
    return [kind for inner in get_args(plain) for kind in _kinds(inner)]


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
