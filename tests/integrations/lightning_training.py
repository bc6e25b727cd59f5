"""The smallest Lightning training that has everything: dropout, a schedule, validation, a shuffled loader."""

from __future__ import annotations

import warnings
from typing import Any

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what its dependencies say of each other when they are loaded
    import lightning.pytorch as pl
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from gladius.integrations.lightning import GladiusCallback, checkpoint_of

SAMPLES, BATCH, EPOCHS = 32, 4, 2
STEPS = EPOCHS * SAMPLES // BATCH


class Module(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
        )
        self.losses: dict[int, str] = {}
        self.rates: dict[int, float] = {}
        self.at: dict[int, Any] = {}
        self.poisoned: set[int] = set()
        self.fails_to_save_at: set[int] = set()

    def loss(self, batch: Any) -> torch.Tensor:
        inputs, labels = batch
        return torch.nn.functional.binary_cross_entropy_with_logits(self.layers(inputs), labels)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = self.loss(batch)
        step = self.trainer.global_step + 1
        if step in self.poisoned:
            loss = loss * float("nan")
        self.losses[step] = float(loss.detach()).hex()
        self.rates[step] = self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log("train_seen", float(step))
        if step in self.at:
            self.at[step]()
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        torch.rand(3)  # as an evaluation may
        self.log("val_loss", self.loss(batch))

    def on_save_checkpoint(self, checkpoint: Any) -> None:
        if self.trainer.global_step in self.fails_to_save_at:
            raise OSError("no space left on device")

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.05, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 5, 1.0))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train(
    folder: Any, run: Any = None, at: Any = None, stateful: bool = True, poisoned: Any = (), callback: Any = None,
    validated: bool = True, fails_to_save_at: Any = (), **options: Any,
) -> Module:  # fmt: skip
    """Train, under a run or alone; `at` maps a step to what happens in its body, the `poisoned` ones have no loss."""
    torch.manual_seed(0)
    inputs = torch.randn(SAMPLES, 6)
    data = TensorDataset(inputs, (inputs.sum(1, keepdim=True) > 0).float())
    module = Module()
    module.at, module.poisoned, module.fails_to_save_at = at or {}, set(poisoned), set(fails_to_save_at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchdata asks torch for what is deprecated; Lightning has advice on workers
        loader = (StatefulDataLoader if stateful else DataLoader)(data, batch_size=BATCH, shuffle=True)
        trainer = pl.Trainer(
            max_epochs=EPOCHS, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, default_root_dir=str(folder), num_sanity_val_steps=0,
            callbacks=[GladiusCallback(run, **callback or {})] if run is not None else [],
            **{"log_every_n_steps": 1, **options},
        )  # fmt: skip
        path = checkpoint_of(run) if run is not None else None
        trainer.fit(module, loader, DataLoader(data, batch_size=8) if validated else None, ckpt_path=path)
    return module
