"""What a trainer that Gladius starts finds in its environment. Upstream: the attempt's facts. Downstream: supervisor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gladius.pulse.probe import VARIABLE as PROBE
from gladius.pulse.rundir import Home, RunDir
from gladius.supervise.probe import steps_of_probe

TRAINER_DEFAULTS = {
    "PYTHONUNBUFFERED": "1",
    "FORCE_COLOR": "1",
    "CLICOLOR_FORCE": "1",
    "TERM": "xterm-256color",
    "COLUMNS": "120",
    # The default spin-wait of OpenMP makes torch collapse on a machine that does anything else.
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""Environment of a trainer, unless the user set it otherwise."""


def trainer_env(directory: RunDir, home: Home, attempt: int, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return this process's environment, and what every trainer that Gladius starts is told."""
    # Where the Hugging Face Trainer writes its event files, when it is told to report to TensorBoard.
    env = {**TRAINER_DEFAULTS, "TENSORBOARD_LOGGING_DIR": str(directory.tensorboard), **os.environ}
    env.update(GLADIUS_RUN_DIR=str(directory.root), GLADIUS_HOME=str(home.root), GLADIUS_ATTEMPT=str(attempt))
    if (steps := steps_of_probe(facts)) is not None:
        env[PROBE] = str(steps)
    if facts.get("gpus") is not None:
        # Counted as nvidia-smi does, not fastest first as CUDA would.
        chosen = ",".join(str(index) for index in facts["gpus"])
        env.update(CUDA_DEVICE_ORDER="PCI_BUS_ID", CUDA_VISIBLE_DEVICES=chosen)
    if facts.get("pythonpath"):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [facts["pythonpath"], env.get("PYTHONPATH")]))
    return env
