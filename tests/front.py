"""What stands between a browser and the server: a tunnel to another port, or a reverse proxy with a path of its own."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Front:
    """Listens on a free port of loopback and passes on to `target`, a port, once that is known.

    Without a prefix it passes bytes on as they come, as `ssh -L` does. With one it reads each request's head, as nginx does:
    what is not below the prefix is none of its business, and the server learns nothing of the public address by itself.
    """

    def __init__(self, prefix: str | None = None, strips: bool = True, keeps_host: bool = False) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}{prefix or ''}"
        self.target = 0
        self.strips, self.keeps_host = strips, keeps_host
        self._prefix = prefix
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more; what is open goes on until its ends close."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b"" if self._prefix is None else self._passed_on(_head_of(client))
            if head is None:
                client.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                server.sendall(head)
                back = threading.Thread(target=_pour, args=(server, client), daemon=True)
                back.start()
                _pour(client, server)
                back.join()

    def _passed_on(self, head: bytes) -> bytes | None:
        """The head as the server gets it; None for what is not ours. Each request has a connection, so one head is all."""
        method, path, rest = head.split(b" ", 2)
        prefix = str(self._prefix).encode()
        if path != prefix and not path.startswith((prefix + b"/", prefix + b"?")):
            return None
        if self.strips:
            path = path[len(prefix) :]
            path = path if path.startswith(b"/") else b"/" + path
        if not self.keeps_host:
            rest = re.sub(rb"(?im)^host:.*$", b"Host: 127.0.0.1:%d\r" % self.target, rest, count=1)
        if b"upgrade: websocket" not in rest.lower():
            rest = re.sub(rb"(?im)^connection:.*\r\n", b"", rest)
            rest = rest.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        return b" ".join((method, path, rest))


@contextmanager
def tunnel(target: int) -> Iterator[Front]:
    """`ssh -L`, as far as a server can tell."""
    front = Front()
    front.target = target
    try:
        yield front
    finally:
        front.close()


def _head_of(client: socket.socket) -> bytes:
    """The request's head, and what came of its body with it."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(1 << 16)
        if not piece:
            raise ConnectionError("the client went away")
        head += piece
    return head


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
