"""Where the daemon's own calls may go."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator

from monitor.config.node import Node
from monitor.egress import Egress
from monitor.problems import mistake


def _network(written: str) -> str:
    try:
        ipaddress.ip_network(written)
    except ValueError:
        message = f"{written!r} is no network"
        raise mistake(message, "write one such as 10.1.0.0/16.") from None
    return written


class EgressSection(Node):
    """Whether calls may go to private addresses, and to which all the same."""

    private: bool = True
    allow: tuple[Annotated[str, AfterValidator(_network)], ...] = ()

    @property
    def rule(self) -> Egress:
        """The rule that calls keep to."""
        networks = tuple(map(ipaddress.ip_network, self.allow))
        return Egress(private=self.private, allow=networks)
