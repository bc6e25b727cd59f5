"""The protocol, inside the trainer: standard library only. Upstream: errors. Downstream: all who read or write runs."""

__all__ = [
    "TrainingStatus",
    "atomic_write_json",
    "read_training_status",
    "safe_read_json",
    "write_done_status",
    "write_error_status",
    "write_idle_status",
    "write_running_status",
    "write_training_status",
]

# By this name a type checker takes the branch; `typing` itself would be most of what importing this costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pulse_wrapper import (
        TrainingStatus,
        atomic_write_json,
        read_training_status,
        safe_read_json,
        write_done_status,
        write_error_status,
        write_idle_status,
        write_running_status,
        write_training_status,
    )


def __getattr__(name: str) -> object:
    if name in __all__:
        import pulse_wrapper

        return getattr(pulse_wrapper, name)
    raise AttributeError(f"module 'gladius.pulse' has no attribute '{name}'")
