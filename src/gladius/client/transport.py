"""Where the server is, and one request to it. Upstream: server.json, environment. Downstream: client, run, stream."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from gladius import __version__
from gladius.errors import RequestRejected, ServerElsewhere, ServerUnreachable
from gladius.pulse.identity import this_host
from gladius.pulse.rundir import Home
from pulse_wrapper import safe_read_json

# httpx is loaded with the first client: the server knows this room and seldom asks anybody.
if TYPE_CHECKING:
    import httpx

PYTHON = "gladius-python"
"""What this client calls itself, so that the audit can tell people apart from programs."""
DEFAULT_URL = "http://127.0.0.1:8642"
_TIMEOUT = (5.0, 30.0, 30.0, 30.0)
"""Seconds for connecting, reading, writing, and for a free connection."""
# A run is answered when its supervisor runs, which on a busy machine takes a while.
_START_TIMEOUT = (5.0, 120.0, 120.0, 120.0)
# The first byte of a long run's export comes when its files were looked over once.
_STREAM_TIMEOUT = (5.0, 300.0, 300.0, 300.0)
_PIECE = 2**20


def discover(url: str | None, token: str | None, home: Home | None) -> tuple[str, str | None]:
    """Return the server's URL and token: as given, else GLADIUS_URL and GLADIUS_TOKEN, else the home's server.json.

    The token of server.json goes to no other server than its own. Raises ServerElsewhere where that is another machine's.
    """
    token = token or os.environ.get("GLADIUS_TOKEN") or None
    wanted = url or (os.environ.get("GLADIUS_URL") if home is None else None) or None
    known = safe_read_json((home or Home()).server_json) or {}
    known_url = known.get("url") if isinstance(known.get("url"), str) else None
    if wanted is None and known_url is not None and known.get("host", this_host()) != this_host():
        raise ServerElsewhere(str(known["host"]), known_url)
    found = (wanted or known_url or DEFAULT_URL).rstrip("/")
    if token is None and known_url is not None and found == known_url.rstrip("/"):
        token = str(known.get("token") or "") or None
    return found, token


def pinned(home: Home | None) -> tuple[str, str] | None:
    """The URL of the home's own server, and the certificate that it shows; None where it is not encrypted."""
    known = safe_read_json((home or Home()).server_json) or {}
    url, cert = known.get("url"), known.get("tls_cert")
    return (url.rstrip("/"), cert) if isinstance(url, str) and isinstance(cert, str) else None


class Transport:
    """One HTTP connection pool to one server. Errors: ServerUnreachable, RequestRejected.

    `pinned`: a server of this machine and its certificate, which is trusted there whoever signed it, and under any name.
    """

    def __init__(self, url: str, token: str | None, agent: str = PYTHON, pinned: tuple[str, str] | None = None) -> None:
        import httpx

        self.url = url
        self.trust = _trust(url, pinned)
        self.token = token
        self.agent = f"{agent}/{__version__}"
        headers = {"user-agent": self.agent, **({"authorization": f"Bearer {token}"} if token else {})}
        # No proxy of the environment stands between a client and its own machine.
        try:
            self._http = httpx.Client(
                base_url=f"{url}/api/v1", headers=headers, timeout=_TIMEOUT, trust_env=False, verify=self.trust or True
            )
        except httpx.InvalidURL as error:
            raise ServerUnreachable(url, str(error)) from error

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The parsed JSON at a path; parameters that are None are left out."""
        return self.request("GET", path, params=_known(params)).json()

    def get_bytes(self, path: str, params: Mapping[str, Any] | None = None) -> httpx.Response:
        """The raw answer at a path."""
        return self.request("GET", path, params=_known(params))

    def post(self, path: str, body: Mapping[str, Any], params: Mapping[str, Any] | None = None) -> Any:
        """The parsed JSON answer to a JSON body."""
        return self.request("POST", path, json=dict(body), params=_known(params), timeout=_START_TIMEOUT).json()

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """The parsed JSON answer to a JSON body that replaces what is there."""
        return self.request("PUT", path, json=dict(body)).json()

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """The parsed JSON answer to a JSON body that changes what it names."""
        return self.request("PATCH", path, json=dict(body)).json()

    def count(self, path: str, params: Mapping[str, Any]) -> Any:
        """The parsed JSON at a path where the answer has to be worked out first."""
        return self.request("GET", path, params=_known(params), timeout=_STREAM_TIMEOUT).json()

    def send(self, path: str, body: BinaryIO, params: Mapping[str, Any]) -> Any:
        """The parsed JSON answer to a file's bytes, sent piece by piece."""
        size = os.fstat(body.fileno()).st_size
        pieces = iter(lambda: body.read(_PIECE), b"")
        headers = {"content-type": "application/octet-stream", "content-length": str(size)}
        options = {"headers": headers, "params": _known(params), "timeout": _STREAM_TIMEOUT}
        return self.request("POST", path, content=pieces, **options).json()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request; anything but success is raised."""
        import httpx

        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ServerUnreachable(self.url, str(error).rstrip(".")) from error
        if response.is_success:
            return response
        raise _rejected(response)

    @contextlib.contextmanager
    def stream(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[httpx.Response]:
        """The raw answer at a path, its body still to be read piece by piece; what breaks off is raised."""
        import httpx

        try:
            with self._http.stream("GET", path, params=_known(params), timeout=_STREAM_TIMEOUT) as response:
                if not response.is_success:
                    response.read()
                    raise _rejected(response)
                yield response
        except httpx.HTTPError as error:
            raise ServerUnreachable(self.url, str(error).rstrip(".")) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _trust(url: str, pinned: tuple[str, str] | None) -> ssl.SSLContext | None:
    """What to trust at a URL; None is what the machine trusts."""
    if pinned is None or pinned[0] != url:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # The certificate itself is what is trusted, not who signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with contextlib.suppress(OSError):  # then nothing is trusted, and the handshake says so
        context.load_verify_locations(pinned[1])
    return context


def _rejected(response: httpx.Response) -> RequestRejected:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail = str(problem.get("detail") or f"The server answered {response.status_code}.")
    wrong = [f"{error.get('field')}: {error.get('message')}" for error in problem.get("errors") or []]
    if wrong:
        detail = "; ".join(one.rstrip(".") for one in wrong) + "."
    return RequestRejected(
        response.status_code, str(problem.get("code") or "http_error"), detail, str(problem.get("hint") or "")
    )


def _known(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}
