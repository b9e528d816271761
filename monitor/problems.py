"""What is wrong with what a user wrote: where it stands, what it is, how to fix it."""

import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: the path to it, what it is, and what to do."""

    path: Path
    message: str
    fix: str = ""

    def under(self, *above: str | int) -> "Problem":
        """Return the same mistake, seen from farther up."""
        return Problem(path=(*above, *self.path), message=self.message, fix=self.fix)


def dotted(path: Path) -> str:
    """Write a path as it is told to people.

    >>> dotted(("models", "churn", "reference", "path", 0))
    'models.churn.reference.path[0]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def mistake(message: str, fix: str = "") -> PydanticCustomError:
    """Return the error that a validator raises to say its own words."""
    return PydanticCustomError("mistake", "{message}", {"message": message, "fix": fix})


def nearest(name: str, known: Iterable[str], *, noun: str = "keys here") -> str:
    """Say which known name was probably meant, and which names there are.

    >>> nearest("widow", ["window", "every"])
    'did you mean `window`? The keys here are: every, window.'
    """
    names = sorted(known)
    if not names:
        return f"there are no {noun}; take it out."
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    meant = f"did you mean `{close[0]}`? " if close else ""
    the = "The" if meant else "the"
    return f"{meant}{the} {noun} are: {', '.join(names)}."


def translate(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Tell pydantic's errors in our words, never quoting a secret."""
    return [
        _translated(detail, model)
        for detail in error.errors(include_url=False)
        # A default that waits for another key says nothing that this key does not.
        if detail["type"] != "default_factory_not_called"
    ]


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys that a user may write for a model."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _translated(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    loc: Path = detail["loc"]
    kind = detail["type"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "mistake":
        return Problem(path=loc, message=context["message"], fix=context["fix"])
    if kind == "extra_forbidden":
        owner = _model_at(model, loc[:-1])
        fix = nearest(str(loc[-1]), keys_of(owner)) if owner else "take it out."
        return Problem(path=loc, message=f"there is no key `{loc[-1]}`", fix=fix)
    if kind == "missing":
        fix = f"add `{loc[-1]}:`."
        return Problem(path=loc, message="this key is required", fix=fix)
    shown = _shown(detail["input"], secret=_is_secret(model, loc))
    expected = _EXPECTED.get(kind) or context.get("expected")
    if expected:
        listed = str(expected).replace("'", "")
        return Problem(path=loc, message=f"{shown} is not {listed}")
    said = detail["msg"].replace("Input should be", "it should be")
    return Problem(path=loc, message=f"{shown} does not fit: {said}")


_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping of keys to values",
    "string_type": "a text",
    "tuple_type": "a list",
}


def _shown(value: object, *, secret: bool) -> str:
    """Quote a short plain value; name what must not or cannot be quoted."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    text = repr(value)
    if secret or len(text) > 80:  # noqa: PLR2004 - about a line
        return "the value"
    return text


def _is_secret(model: type[BaseModel], path: Path) -> bool:
    return any(
        isinstance(t, type) and issubclass(t, SecretStr | SecretBytes)
        for t in _leaves(_annotation_at(model, path))
    )


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    for leaf in _leaves(_annotation_at(model, path)):
        if isinstance(leaf, type) and issubclass(leaf, BaseModel):
            return leaf
    return None


def _annotation_at(model: type[BaseModel], path: Path) -> object:
    """Follow a path through the annotations; None where it leads nowhere."""
    here: object = model
    for part in path:
        here = next((f for a in _members(here) if (f := _step(a, part))), None)
    return here


def _step(annotation: object, part: str | int) -> object:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if issubclass(annotation, RootModel):
            return _step(annotation.model_fields["root"].annotation, part)
        for name, field in annotation.model_fields.items():
            if part in (name, field.alias):
                return field.annotation
        return None
    args = get_args(annotation)
    if get_origin(annotation) in (tuple, list, frozenset, set):
        return args[0]
    return args[-1] if args else None


def _members(annotation: object) -> tuple[object, ...]:
    """Take `Annotated` and unions apart."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(m for arg in get_args(annotation) for m in _members(arg))
    return (annotation,)


def _leaves(annotation: object) -> Iterable[object]:
    """Walk over the types an annotation is made of, containers taken apart too."""
    for member in _members(annotation):
        args = get_args(member)
        if args:
            for arg in args:
                yield from _leaves(arg)
        else:
            yield member
