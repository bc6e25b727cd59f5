"""`gladius run -- COMMAND` names a run after what is run, not after what runs it."""

from __future__ import annotations

import pytest

from gladius.launch.start import start_command
from gladius.pulse.rundir import Home, RunDir


class Nobody:
    """A launcher that leaves the command alone."""

    name = "nobody"

    def start(self, run: RunDir, attempt: int) -> None: ...


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python train.py --lr 1e-3", "train"),
        ("python -u examples/sft/train_lora.py", "train_lora"),
        ("torchrun --nproc-per-node 2 pretrain.py", "pretrain"),
        ("accelerate launch -m trl.scripts.sft", "trl.scripts.sft"),
        ("sh run.sh", "run"),
        ("./train.py", "train"),
        ("python -c pass x.py", "python"),
        ("/usr/bin/env true", "env"),
    ],
)
def test_a_run_is_named_after_its_script_or_module_else_its_program(home: Home, command: str, name: str) -> None:
    assert start_command(home, Nobody(), command.split(), None, None).read_run()["name"] == name
    assert start_command(home, Nobody(), command.split(), "mine", None).read_run()["name"] == "mine"
