"""The registry that finds the actions, and how one is made of its section."""

from typing import Protocol, cast

from monitor.action import Action
from monitor.clock import Clock
from monitor.config import Plugin, options_of
from monitor.egress import OPEN, Egress
from monitor.plugins import Options, Registry


class Opening(Protocol):
    """How an action is made of its options."""

    def __call__(
        self, name: str, options: Options, *, clock: Clock, egress: Egress
    ) -> Action:
        """Return the action of that name in the user's config."""
        ...


ACTIONS: Registry[Action] = Registry("action", "monitor.actions")
"""All actions, by the `type` of their section."""


def open_action(
    name: str, section: Plugin, *, clock: Clock, egress: Egress = OPEN
) -> Action:
    """Return the action of a config's section; PluginError when it cannot be used."""
    options = options_of(section, ACTIONS)
    opening = cast("Opening", ACTIONS.get(section.type))
    return opening(name, options, clock=clock, egress=egress)
