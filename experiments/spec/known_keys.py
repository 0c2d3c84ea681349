"""The key that was meant, where an experiment's file has one that does not exist.

Every key that a block takes is known from the models themselves, so that a misspelt key is answered
with the nearest one, and a key in the wrong block with its place.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel


def advice(model: type[BaseModel], location: Sequence[str | int]) -> str:
    """What to do about an unknown key. `location`: of the key, as pydantic gives it."""
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
    """The models that may stand at a place. Names of arms and tags of unions are passed over."""
    found = [model]
    for key in location:
        inner = [kind for each in found for kind in _kinds(_fields(each).get(str(key)))]
        found = inner or [each for each in found if _is_tag(each, key)] or found
    return found


def _is_tag(model: type, key: str | int) -> bool:
    """Whether a union's tag, which pydantic puts into the place, chooses this model."""
    field = getattr(model, "model_fields", {})
    names = [field[name].default for name in ("name", "source") if name in field]
    if dataclasses.is_dataclass(model):
        names += [each.default for each in dataclasses.fields(model) if each.name == "name"]
    return key in names


def _walk(model: type, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type]]:
    yield path, model
    for name, annotation in _fields(model).items():
        for kind in _kinds(annotation):
            if len(path) < 4:
                many = get_origin(_plain(annotation)) in (dict, Mapping)
                yield from _walk(kind, (*path, name, *(["<name>"] if many else [])))


def _fields(model: type) -> dict[str, Any]:
    """Name → annotation of a model's or dataclass's fields."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        return {name: field.annotation for name, field in model.model_fields.items()}
    if dataclasses.is_dataclass(model):
        return {field.name: field.type for field in dataclasses.fields(model)}
    return {}


def _kinds(annotation: Any) -> list[type]:
    """The models within an annotation: of a union, of a dictionary's values."""
    plain = _plain(annotation)
    if isinstance(plain, type) and _fields(plain):
        return [plain]
    return [kind for inner in get_args(plain) for kind in _kinds(inner)]


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
