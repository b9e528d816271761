"""Where outgoing calls may go: never to this machine or its network, where so wished.

A name is resolved, every address it has is judged, and the connection is made to the
address that was judged: a name server that answers differently a moment later decides
nothing. What an address embeds (IPv4 in IPv6, translated, tunnelled) is judged itself.

Sources: RFC 6890 (special-purpose addresses), RFC 6052 (NAT64), RFC 3056 (6to4),
RFC 4380 (Teredo).
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from monitor.errors import ActionError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Iterable[str]]

_DENIED = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, where clouds tell of the machine
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/128",
            "::1/128",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",  # site-local, which some hosts still know
            "ff00::/8",
        ),
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TEREDO = ipaddress.ip_network("2001::/32")
_COMPATIBLE = ipaddress.ip_network("::/96")


def embedded(address: Address) -> Iterator[Address]:
    """Walk over an address and the IPv4 addresses that it stands for.

    >>> [str(a) for a in embedded(ipaddress.ip_address("64:ff9b::7f00:1"))]
    ['64:ff9b::7f00:1', '127.0.0.1']
    """
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield last
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address in _TEREDO and address.teredo is not None:
        yield from address.teredo


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """Where calls may go: anywhere, or to public addresses and what is allowed."""

    private: bool = True
    allow: tuple[Network, ...] = ()

    def permits(self, address: Address) -> bool:
        """Tell whether a call may go to an address."""
        if self.private or any(_inside(address, network) for network in self.allow):
            return True
        return not any(
            _inside(one, network) for one in embedded(address) for network in _DENIED
        )

    def addresses(self, host: str, port: int, resolve: Resolve) -> list[str]:
        """Return the addresses of a host, all of which must be permitted.

        Raises ActionError otherwise: a name with one address inside is not to be used.
        """
        try:
            found = list(resolve(host, port))
        except OSError as error:
            msg = f"{host} has no address ({type(error).__name__})"
            raise ActionError(msg, permanent=False) from None
        for one in found:
            if not self.permits(ipaddress.ip_address(one.partition("%")[0])):
                msg = (
                    f"{host} lies inside this network, where no call may go. "
                    "Fix: allow its network in `egress: {allow: […]}`"
                )
                raise ActionError(msg, permanent=True)
        return found


OPEN = Egress()
"""Calls may go anywhere: receivers often stand in the same cluster."""


def _inside(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


def resolved(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host; raises OSError."""
    known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in known))
