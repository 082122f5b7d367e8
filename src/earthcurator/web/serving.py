"""Where a server listens, and by which names it may be addressed."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The address of a server."""

    host: str = "127.0.0.1"
    """What it listens on."""
    port: int = 8000
    names: frozenset[str] = field(default_factory=frozenset)
    """Further names by which it may be addressed, e.g. that of a proxy before it."""
    origins: frozenset[str] = field(default_factory=frozenset)
    """Further origins whose pages may change things: exact, e.g. `https://portal.example`. Extensions are paired."""
    upload_bytes: int = 8_000_000_000
    """Most that one upload of pictures or scenes to import may have."""

    @property
    def loopback(self) -> bool:
        """True when only programs on this machine can reach it."""
        if self.host == "localhost":
            return True
        address = _address(self.host)
        return address is not None and address.is_loopback

    @property
    def url(self) -> str:
        """Where a browser finds it; from other machines too, unless it is on loopback."""
        address = _address(self.host)
        everywhere = address is not None and address.is_unspecified
        host = socket.gethostname() if everywhere else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def knows(self, host: str) -> bool:
        """Whether `host` (without a port) is a name of this server.

        A page elsewhere can make its own name point here (DNS rebinding), but it cannot make a numeric address its
        own: where the server listens to others, every address is fine, and names are those we know.
        """
        host = host.lower().strip("[]")
        if host in LOCAL or host in {name.lower() for name in (self.host, *self.names)}:
            return True
        if self.loopback:
            return False
        return _address(host) is not None or host in {socket.gethostname().lower(), socket.getfqdn().lower()}


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
