"""Sources, engines and actions, found by looking into the packages that hold them.

A plugin is one file with one class that has a frozen pydantic `Options` and is
decorated with its registry's `register`. Adding one edits no list.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from monitor.errors import PluginError
from monitor.problems import Problem, nearest, translate

P = TypeVar("P")
C = TypeVar("C", bound=type)


class Options(BaseModel):
    """What a user may set on a plugin; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True
    )


class Registry(Generic[P]):
    """The plugins of one kind, by name."""

    def __init__(self, noun: str, package: str) -> None:
        """Look for plugins in the modules of a package when first asked."""
        self.noun = noun
        self._package = package
        self._plugins: dict[str, type[P]] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[C], C]:
        """Decorate a class as the plugin of that name.

        Raises ValueError when the name is taken by another class, TypeError when the
        class has no `Options`.
        """

        def keep(plugin: C) -> C:
            taken = self._plugins.get(name)
            if taken is not None and _origin(taken) != _origin(plugin):
                msg = f"{self.noun} {name!r} is registered twice"
                raise ValueError(msg)
            options = getattr(plugin, "Options", None)
            if not (isinstance(options, type) and issubclass(options, Options)):
                msg = f"{self.noun} {name!r} has no Options"
                raise TypeError(msg)
            self._plugins[name] = plugin
            return plugin

        return keep

    def names(self) -> tuple[str, ...]:
        """Return the names there are, sorted."""
        self._discover()
        return tuple(sorted(self._plugins))

    def get(self, name: str) -> type[P]:
        """Return the class of that name.

        Raises PluginError, with the names there are, when there is none.
        """
        self._look_for(name)
        if name not in self._plugins:
            known = nearest(name, self.names(), noun=f"{self.noun}s")
            msg = f"there is no {self.noun} {name!r}; {known}"
            raise PluginError(msg)
        return self._plugins[name]

    def options_type(self, name: str) -> type[Options]:
        """Return the model of a plugin's options; PluginError when there is none."""
        return cast("type[Options]", self.get(name).Options)  # type: ignore[attr-defined]

    def _look_for(self, name: str) -> None:
        """Import the module that has a plugin's name, or all where that is not it."""
        module = f"{self._package}.{name}"
        if name not in self._plugins and name.isidentifier() and find_spec(module):
            importlib.import_module(module)
        if name not in self._plugins:
            self._discover()

    def _discover(self) -> None:
        if self._discovered:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        self._discovered = True


def checked(
    model: type[Options], written: Mapping[str, Any]
) -> tuple[Options | None, list[Problem]]:
    """Return a plugin's options, or None and everything that is wrong with them."""
    try:
        return model.model_validate(dict(written)), []
    except ValidationError as error:
        return None, translate(error, model)


def secret_keys(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys of a model that hold secrets.

    >>> class Hook(Options):
    ...     url: str
    ...     token: SecretStr | None = None
    >>> sorted(secret_keys(Hook))
    ['token']
    """
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if SecretStr.__name__ in repr(field.annotation)
    )


def _origin(plugin: type) -> tuple[str, str]:
    """Tell a class from another, though its module be loaded twice."""
    return plugin.__module__, plugin.__qualname__
