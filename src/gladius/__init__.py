"""Start, watch and steer model training. Upstream: a training script. Downstream: pulse, which the first call loads.

Importing it costs nothing.

import gladius

with gladius.start(total_epochs=3, steps_per_epoch=800) as run:
    for step, batch in run.steps(loader):
        run.log({"train/loss": loss})
"""

__version__ = "0.1.0"

__all__ = ["Run", "__version__", "finish", "init", "log", "start"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gladius.pulse.reporter import Run
    from gladius.pulse.start import finish, init, log, start


def __getattr__(name: str) -> object:
    if name == "Run":
        from gladius.pulse.reporter import Run

        return Run
    if name in __all__:
        from gladius.pulse import start

        return getattr(start, name)
    raise AttributeError(f"module 'gladius' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
