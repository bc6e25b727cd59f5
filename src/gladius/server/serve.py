"""Run the server: lock, port, token, server.json, uvicorn. Upstream: compose, cli. Downstream: the app.

Bind first, then tell: whoever reads server.json or the printed line finds a server that answers.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from gladius.errors import PortTaken, ServerElsewhere, ServerError
from gladius.pulse.identity import this_host
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home
from gladius.server.app import create_app
from gladius.server.credentials import Credentials
from gladius.server.door import Tls, base_of, check_door, what_lacks
from gladius.server.rooms import Rooms
from gladius.users.keys import Keys
from pulse_wrapper import atomic_write_json, safe_read_json

_log = logging.getLogger("gladius.server")

DEFAULT_PORT = 8642
_BACKLOG = 512
_GRACE_S = 2
_UNSENT = 1 << 17
_MAX_FRAME = 1 << 20


@dataclass(frozen=True)
class Address:
    """Where a server is found."""

    url: str
    token: str
    new_link: Callable[[], str] = field(repr=False, compare=False)
    """A URL that signs one browser in, once; each call makes another. Raises ServerUnreachable, RequestRejected."""


def serve(
    rooms: Rooms,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    base_path: str = "",
    public_url: str | None = None,
    on_ready: Callable[[Address], None] | None = None,
    tls: Tls | None = None,
    insecure_listen: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM. `on_ready` is called once it answers; port 0 takes a free one.

    The path of `public_url` is the base path, where none is given.
    `insecure_listen`: also where others can reach it without a password or encryption.

    Raises:
        LockHeld: another server has this home; `living_address` tells where it is.
        PortTaken: another program has the port.
        ConfigError: the base path or the public URL cannot be used, or they name two paths.
        DoorOpen: others could reach it, without a password or unencrypted.
        ServerError: the address cannot be bound.

    """
    base = base_of(base_path, public_url)
    home = rooms.home
    home.create()
    lock = FileLock(home.server_lock)
    lock.acquire()
    try:
        keys = Keys(home)
        lacks = what_lacks(host, keys.book.has_users, tls is not None, public_url)
        if warning := check_door(host, lacks, insecure_listen):
            print(warning, file=sys.stderr, flush=True)  # noqa: T201
        with _bound(host, port) as listener:
            bound_port = listener.getsockname()[1]
            url = f"{'http' if tls is None else 'https'}://{_in_url(host)}:{bound_port}{base}"
            credentials = Credentials(keys, host, bound_port, public_url, tls is not None)
            shown = credentials.public_root(base) or url
            address = Address(url, keys.token, lambda: f"{shown}/?token={keys.new_link()}")
            app = create_app(rooms, credentials, base)
            config = _config(app, tls, proxied=public_url is not None)
            _Server(config, home, address, on_ready, tls).run(sockets=[listener])
    finally:
        lock.release()


def living_address(home: Home) -> Address | None:
    """Where the server of this home is, by its server.json; None when there is no such file.

    Raises ServerElsewhere where that is another machine.
    """
    known = safe_read_json(home.server_json) or {}
    url, token = known.get("url"), known.get("token")
    if isinstance(url, str) and known.get("host", this_host()) != this_host():
        raise ServerElsewhere(str(known["host"]), url)

    def new_link() -> str:
        from gladius.client import Client

        with Client(home=home) as client:
            return client.sign_in_link().url

    return Address(url, token, new_link) if isinstance(url, str) and isinstance(token, str) else None


class _Server(uvicorn.Server):
    """uvicorn's server, which also says when it is ready and leaves no server.json behind."""

    def __init__(
        self,
        config: uvicorn.Config,
        home: Home,
        address: Address,
        on_ready: Callable[[Address], None] | None,
        tls: Tls | None,
    ) -> None:
        super().__init__(config)
        self._tls = tls
        self._home = home
        self._address = address
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        facts = {
            "url": self._address.url,
            "pid": os.getpid(),
            "host": this_host(),
            "start_time": time.time(),
            "token": self._address.token,
        }
        if self._tls is not None:
            # What our own clients on this machine trust at that address, whoever signed it.
            facts["tls_cert"] = str(self._tls.cert)
        # What a server is made of stays: no collection of garbage need look through it, the first answers' least of all.
        gc.freeze()
        atomic_write_json(self._home.server_json, facts)
        if self._on_ready is not None:
            self._on_ready(self._address)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Here and not after `run`: uvicorn raises the signal anew when it is done, which ends the process.
        with contextlib.suppress(OSError):
            self._home.server_json.unlink()
        await super().shutdown(sockets)


def _config(app: ASGIApp, tls: Tls | None, proxied: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ssl_certfile=None if tls is None else tls.cert,
        ssl_keyfile=None if tls is None else tls.key,
        # Without a proxy, X-Forwarded-For is anybody's word, and would slip past the limits of an address.
        proxy_headers=proxied,
        loop=_loop(),
        http="httptools",
        ws="gladius.server.gathering:GatheringProtocol",
        ws_per_message_deflate=False,
        ws_max_size=_MAX_FRAME,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _loop() -> str:
    """uvloop where there is one: it halves the time from file to socket."""
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return "asyncio"
    return "uvloop"


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    with contextlib.closing(listener):
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Of what a client does not take, the kernel keeps this much instead of megabytes; what is under way is not limited.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        try:
            listener.bind((host.strip("[]"), port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"Port {port} on {host} is taken.", "Choose another with --port; 0 takes a free one."
                ) from error
            raise ServerError(
                f"Cannot listen on {host}: {error.strerror}.", "Give --host an address of this machine, as 127.0.0.1."
            ) from error
        listener.setblocking(False)
        yield listener


def _in_url(host: str) -> str:
    """A host as a browser on this machine writes it."""
    name = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host.strip("[]"))
    return f"[{name}]" if ":" in name else name
