"""The smallest mixture of experts in a real Trainer, and people who steer it while it trains."""

import threading

from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.pulse.events import EventReader

ROWS, BATCH, STEPS_PER_EPOCH = 12, 2, 6


def make_model(vocabulary=32, **options):
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.Qwen2MoeConfig(
        vocab_size=vocabulary, hidden_size=16, intermediate_size=16, moe_intermediate_size=8,
        shared_expert_intermediate_size=8, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        num_experts=4, num_experts_per_tok=2, max_position_embeddings=32, **options,
    )  # fmt: skip
    return transformers.Qwen2MoeForCausalLM(config)


def make_rows(count=ROWS):
    import torch

    torch.manual_seed(1)
    rows = [{"input_ids": (ids := torch.randint(0, 32, (8,))), "labels": ids} for _ in range(count)]
    for index, row in enumerate(rows):
        row["attention_mask"] = torch.ones(8, dtype=torch.long)
        row["attention_mask"][6 + index % 3 :] = 0
    return rows


def make_trainer(output_dir, *callbacks, model=None, rows=None, kind=None, tokenizer=None, collator=None, **options):
    """A Trainer for two epochs of six steps; nothing is saved or evaluated by its own plan."""
    import transformers

    rows = rows or make_rows()
    settings = {
        "num_train_epochs": 2, "per_device_train_batch_size": BATCH, "logging_steps": 1, "eval_strategy": "no",
        "save_strategy": "no", "report_to": [], "disable_tqdm": True, "use_cpu": True, "learning_rate": 1e-2,
        "lr_scheduler_type": "constant", "logging_nan_inf_filter": False,
    }  # fmt: skip
    return (kind or transformers.Trainer)(
        model=model or make_model(attention_dropout=0.1),
        args=transformers.TrainingArguments(output_dir=str(output_dir), **{**settings, **options}),
        train_dataset=rows,
        eval_dataset=rows[:2],
        processing_class=tokenizer,
        data_collator=collator,
        callbacks=list(callbacks),
    )


def make_uneven_rows(count=ROWS):
    """Rows of different lengths, and the function that pads them."""
    import torch

    rows = make_rows(count)
    rows = [{name: value[: 3 + index % 6] for name, value in row.items()} for index, row in enumerate(rows)]

    def pad(batch):
        fillers = {"input_ids": 0, "labels": -100, "attention_mask": 0}
        return {
            name: torch.nn.utils.rnn.pad_sequence([row[name] for row in batch], batch_first=True, padding_value=filler)
            for name, filler in fillers.items()
        }

    return rows, pad


def events(run, type_):
    return [event for event in EventReader(run.events).read_all() if event["type"] == type_]


def states(run):
    return [event["state"] for event in events(run, "state")]


def losses(run):
    return {event["step"]: event["values"]["train/loss"] for event in metrics_with(run, "train/loss")}


def metrics_with(run, name):
    return [event for event in events(run, "metrics") if name in event["values"]]


class Person:
    """A callback that at the end of step `at` lets somebody give commands, one after the other has been answered.

    The first one is accepted before the next step, so that it takes effect at its end. Afterwards `answers` holds the
    last ack of each. Placed behind GladiusCallback.
    """

    def __init__(self, run, until, at, *orders):
        self.run, self.until, self.at = run, until, at
        self.commands = [
            Command(new_command_id(), name, run.attempt, args, issued_by="a test") for name, args in map(_order, orders)
        ]
        self.thread = threading.Thread(target=self._speak, daemon=True)

    def acks(self, command):
        return [ack for ack in events(self.run.dir, "ack") if ack["command_id"] == command.id]

    @property
    def answers(self):
        self.thread.join(30)
        return [self.acks(command)[-1] for command in self.commands]

    def is_heard(self):
        """Whether the first command is refused, or obeyed at the next boundary."""
        acks = self.acks(self.commands[0])
        # The promise is on the disk a moment before the loop can see the command.
        return acks and (acks[-1]["state"] != "accepted" or self.run._heart.loop.accepted)

    def _speak(self):
        for command in self.commands:
            Mailbox(self.run.dir.control).post(command)
            self.until(lambda command=command: {"applied", "rejected"} & {ack["state"] for ack in self.acks(command)})

    def as_callback(self):
        import transformers

        person = self

        class Speaks(transformers.TrainerCallback):
            def on_step_end(self, args, state, control, **kwargs):
                if state.global_step == person.at:
                    person.thread.start()
                    person.until(person.is_heard)

        return Speaks()


def _order(order):
    return (order, {}) if isinstance(order, str) else order
