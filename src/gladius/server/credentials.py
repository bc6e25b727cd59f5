"""Who may ask, from where. Upstream: settings of the server. Downstream: guard, login, socket."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from gladius.users.asker import Asker
from gladius.users.keys import Keys

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Credentials:
    """The keys, and the hosts under which this server may be addressed.

    Loopback names are allowed with any port, for SSH tunnels end at one of the user's choice. Other names are allowed
    only when the server was told of them: else a foreign page could reach it by a name that it resolves to 127.0.0.1.
    """

    def __init__(self, keys: Keys, host: str, port: int, public_url: str | None = None, tls: bool = False) -> None:
        self.keys = keys
        self.tls = tls
        self.port = port
        self._names = {"localhost"}
        self._public = urlsplit(public_url) if public_url else None
        self._any_address = host in ("0.0.0.0", "::", "")
        if self._any_address:
            self._names.add(socket.gethostname().lower())
        else:
            self._names.add(host.lower().strip("[]"))

    def public_root(self, base: str) -> str | None:
        """Where people find the page, without a slash at its end; None where nobody said."""
        return None if self._public is None else f"{self._public.scheme}://{self._public.netloc}{base}"

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

    def is_encrypted(self, host: str) -> bool:
        """Whether a browser that asks for this host came encrypted, as far as is known: by us, or by the proxy before us."""
        public = self._public
        proxied = public is not None and public.scheme == "https" and _same_host(host, public.netloc, "https")
        return self.tls or proxied

    def cookie_name(self, host: str) -> str:
        """Cookies do not know ports, so the name does: two servers on one machine stay apart, also through tunnels."""
        return f"gladius_{split_host(host)[1] or self.port}"

    def who(self, headers: Mapping[str, str]) -> Asker | None:
        """Who asks, by a token as Bearer or by this host's cookie; a wrong token is not mended by a cookie beside it."""
        if "authorization" in headers:
            scheme, _, given = headers["authorization"].partition(" ")
            return self.keys.bearer(given.strip()) if scheme.lower() == "bearer" else None
        return self.keys.cookie(_cookie(headers.get("cookie", ""), self.cookie_name(headers.get("host", ""))))


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
