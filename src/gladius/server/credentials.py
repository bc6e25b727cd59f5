"""Who may ask, from where. Upstream: settings of the server. Downstream: guard, login, socket."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

from gladius.pulse.files import write_text

_TOKEN_BYTES = 32
_DEFAULT_PORTS = {"http": 80, "https": 443}


def load_token(path: Path) -> str:
    """Return the home's token, made at first use and kept, readable by its owner alone."""
    try:
        token = path.read_text(encoding="ascii").strip()
        if len(token) >= 20:
            return token
    except (OSError, UnicodeDecodeError):
        pass
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    write_text(path, token)
    return token


class Credentials:
    """The token, and the hosts under which this server may be addressed.

    Loopback names are allowed with any port, for SSH tunnels end at one of the user's choice. Other names are allowed
    only when the server was told of them: else a foreign page could reach it by a name that it resolves to 127.0.0.1.
    """

    def __init__(self, token: str, host: str, port: int, public_url: str | None = None) -> None:
        self.token = token
        self.port = port
        self._names = {"localhost"}
        self._public = urlsplit(public_url) if public_url else None
        self._any_address = host in ("0.0.0.0", "::", "")
        if self._any_address:
            self._names.add(socket.gethostname().lower())
        else:
            self._names.add(host.lower().strip("[]"))

    def host_allowed(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name, _ = split_host(host)
        if self._public is not None and _same_host(host, self._public.netloc, self._public.scheme):
            return True
        if name in self._names or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._any_address

    def origin_allowed(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may change something: it must come from the very host that it asks."""
        parts = urlsplit(origin)
        if parts.scheme not in _DEFAULT_PORTS or not parts.netloc:
            return False
        if _same_host(host, parts.netloc, parts.scheme):
            return True
        public = self._public
        return public is not None and (parts.scheme, parts.netloc.lower()) == (public.scheme, public.netloc.lower())

    def token_right(self, token: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def cookie_name(self, host: str) -> str:
        """Cookies do not know ports, so the name does: two servers on one machine stay apart, also through tunnels."""
        return f"gladius_{split_host(host)[1] or self.port}"

    def recognised(self, headers: Mapping[str, str]) -> bool:
        """Whether a request carries the token, as Bearer or as this host's cookie."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.token_right(given.strip())
        return self.token_right(_cookie(headers.get("cookie", ""), self.cookie_name(headers.get("host", ""))))


def split_host(host: str) -> tuple[str, int | None]:
    """A Host header's name (lower case, without brackets) and port."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "", None


def _same_host(host: str, netloc: str, scheme: str) -> bool:
    default = _DEFAULT_PORTS.get(scheme)
    (name, port), (other, other_port) = split_host(host), split_host(netloc)
    return bool(name) and (name, port or default) == (other, other_port or default)


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """ASGI headers as a mapping; repeated cookies are one, of other repeated headers the first counts."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "cookie" and name in found:
            found[name] += "; " + value
        else:
            found.setdefault(name, value)
    return found
