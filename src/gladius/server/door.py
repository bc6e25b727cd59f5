"""Where to listen, under which path, and whether that is safe. Upstream: serve. Downstream: uvicorn."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gladius.errors import ConfigError, DoorOpen

WARNING = (
    "WARNING: --insecure-listen. This console listens on {host}, and there is no {lacks}: whoever can reach it may read or "
    "guess what opens it, and whoever is in may run programs here as you."
)


@dataclass(frozen=True)
class Tls:
    """A certificate with its chain, and its key, as PEM files."""

    cert: Path
    key: Path

    def check(self) -> Tls:
        """Read both, so that a mistake is told before anything starts. Raises ConfigError."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, self.key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            message = f"{self.cert} and {self.key} are no certificate and its key: {error}."
            raise ConfigError(message, "Two PEM files are needed, the key without a password.", "tls_cert") from error
        return Tls(self.cert.resolve(), self.key.resolve())


def tls_of(cert: Path | None, key: Path | None) -> Tls | None:
    """Both, or neither; raises ConfigError for one alone, or for files that cannot be used."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise ConfigError(
            "A certificate needs its key, and a key its certificate.", "Give --tls-cert and --tls-key.", "tls_cert"
        )
    return Tls(Path(cert), Path(key)).check()


def what_lacks(host: str, has_users: bool, tls: bool, public_url: str | None) -> list[str]:
    """What an address that others reach has to have and does not; nothing for loopback."""
    if is_loopback(host):
        return []
    encrypted = tls or (public_url is not None and urlsplit(public_url).scheme == "https")
    return [name for name, there in (("password", has_users), ("encryption", encrypted)) if not there]


def check_door(host: str, lacks: list[str], insecure: bool) -> str | None:
    """Refuse an open door, or return the warning for one that was asked for. Raises DoorOpen."""
    if not lacks:
        return None
    if not insecure:
        raise DoorOpen(host, lacks)
    return WARNING.format(host=host or "every address", lacks=" and no ".join(lacks))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. A name may lead anywhere, but for the one."""
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def base_of(base_path: str, public_url: str | None) -> str:
    """The path under which a browser finds the page: as given, else that of the public URL. Raises ConfigError."""
    base = _clean_base(base_path)
    if public_url is None:
        return base
    parts = urlsplit(public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        hint = "It looks like https://console.example/gladius."
        raise ConfigError(f"'{public_url}' is no public URL.", hint, "public_url")
    public = _clean_base(parts.path)
    if base and public and base != public:
        message = f"The base path is {base}, and the public URL has the path {public}."
        raise ConfigError(message, "Give one of them: the path that a browser shows.", "base_path")
    return base or public


def _clean_base(base_path: str) -> str:
    base = "/" + base_path.strip("/") if base_path.strip("/") else ""
    if any(part in (".", "..", "") for part in base.split("/")[1:]) or any(char in base for char in "?#\\\"'<> "):
        raise ConfigError(f"'{base_path}' is no base path.", "A base path looks like /gladius.", "base_path")
    return base


def _no_password() -> str:
    """Never ask at a terminal."""
    return ""
