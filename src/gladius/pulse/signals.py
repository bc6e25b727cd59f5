"""Signal a process, or the group that it leads, and never a stranger. Upstream: identity. Downstream: whoever ends processes.

A number may be given to another process between a look and a signal. So a process is first held by a descriptor, then looked
at, and signalled through what is held. Where the kernel has no such descriptors the look comes right before the signal.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Iterator, Optional

from gladius.pulse.identity import Identity, start_time

_WHOLE_GROUP = 1 << 2
"""Linux's PIDFD_SIGNAL_PROCESS_GROUP, since 6.9."""


def send(identity: Identity, number: int) -> bool:
    """Signal this very process; False when it is gone, another's, or not here."""
    with _held(identity) as descriptor:
        if descriptor is None or not _is_known(identity):
            return False
        try:
            if descriptor >= 0:
                signal.pidfd_send_signal(descriptor, number)
            else:
                os.kill(identity.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
    return True


def send_group(leader: Identity, number: int) -> bool:
    """Signal the process group that this very process leads, or is in; False when it is gone."""
    with _held(leader) as descriptor:
        if descriptor is None or not _is_known(leader):
            return False
        try:
            group = os.getpgid(leader.pid)
            if descriptor < 0 or group != leader.pid or not _group_of(descriptor, number):
                os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return False
    return True


def exit_code(pid: int, wait: bool) -> Optional[int]:
    """The code of a child that has ended, negative for a signal; None while it runs.

    The child is not reaped: until somebody does, its number, and so its group's, is given to nobody else.
    """
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | (0 if wait else os.WNOHANG))
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def leaves_unreaped() -> bool:
    """Whether this platform tells how a child ended before its number is free again."""
    return hasattr(os, "waitid")


def _is_known(identity: Identity) -> bool:
    """Whether it lives; a record that names a pid alone, where the platform tells more, names nobody."""
    told = identity.start_time is not None or start_time(os.getpid()) is None
    return told and identity.alive() is True


@contextlib.contextmanager
def _held(identity: Identity) -> Iterator[Optional[int]]:
    """A descriptor of whoever has this pid now, -1 where there are none; None when nobody has it."""
    descriptor: Optional[int] = -1 if identity.pid > 0 else None
    if descriptor is not None and hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            descriptor = None
        except OSError:
            pass  # an old kernel, or one that forbids it
    try:
        yield descriptor
    finally:
        if descriptor is not None and descriptor >= 0:
            os.close(descriptor)


def _group_of(descriptor: int, number: int) -> bool:
    """Whether the kernel could signal the group of the leader that is held."""
    try:
        signal.pidfd_send_signal(descriptor, number, None, _WHOLE_GROUP)
    except ProcessLookupError:
        raise
    except OSError:
        return False
    return True
