"""Let a full disk end no training that prints. Upstream: the script's print. Downstream: console.log.

The trainer's output goes straight into console.log, so that nobody's death can stop it; then a disk that takes nothing would
raise out of any `print`. What cannot be written is left out instead, and the log says where and how much.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Any, Union

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE})
_NOTE = "\n[gladius: the disk took no output for a while; {} bytes are missing here]\n"


def keep_printing(console_log: Union[str, "os.PathLike[str]"]) -> None:
    """Make `sys.stdout` and `sys.stderr` patient where they lead into this file, and nothing has replaced them."""
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream: Any = getattr(sys, name)
        if stream is None or stream is not getattr(sys, f"__{name}__") or not _leads_to(fd, console_log):
            continue
        with contextlib.suppress(OSError):
            stream.flush()
        raw = Patient(fd, "wb", closefd=False)
        # Unbuffered (python -u) there is nothing between the text and the descriptor.
        layer: Any = raw if isinstance(stream.buffer, io.FileIO) else io.BufferedWriter(raw)
        patient = io.TextIOWrapper(
            layer, stream.encoding, stream.errors, line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )  # fmt: skip
        setattr(sys, name, patient)


class Patient(io.FileIO):
    """A file that takes everything; what the disk does not take is counted, and told of where it is missing."""

    _missing = 0

    def write(self, data: Any) -> int:
        """Write what can be written; never raises for a disk's reasons."""
        try:
            if self._missing:
                super().write(_NOTE.format(self._missing).encode())
                self._missing = 0
            return super().write(data)
        except OSError as error:
            if error.errno not in _DISK:
                raise
            size = memoryview(data).nbytes
            self._missing += size
            return size


def _leads_to(fd: int, path: Union[str, "os.PathLike[str]"]) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:
        return False
