"""Numbers out of printed lines: the console's own format, Hugging Face, tqdm, pairs; and nothing out of prose."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from gladius.supervise.printed import GO_ON_FROM, READINGS_AT_ONCE, Printed
from gladius.supervise.scrape import Reading, Scraper, metric_name


def readings(text: str) -> list[Reading]:
    scraper = Scraper()
    return scraper.feed(text.encode()) + scraper.finish()


def values(text: str) -> list[dict[str, float]]:
    return [reading.values for reading in readings(text)]


def places(text: str) -> list[tuple[int | None, float | None]]:
    return [(reading.step, reading.epoch) for reading in readings(text)]


BLUEPRINT = """\
Starting training: Epoch 47/100, Batch 8450/12000
Epoch 47 | Batch 8450 | Loss: 0.0234 | Expert-0: 0.021 | Expert-1: 0.025
Throughput: 2,847 tokens/sec | Memory: 21.4/24GB | Temp: 67°C/83°C
[WARN] Expert-4 load imbalance detected (8% utilization)
Epoch 47 | Batch 8451 | Loss: 0.0231 | Expert-0: 0.020 | Expert-1: 0.024
"""


def test_the_consoles_own_format() -> None:
    assert values(BLUEPRINT) == [
        {"train/loss": 0.0234, "moe/loss/0": 0.021, "moe/loss/1": 0.025},
        {"train/tokens_per_second": 2847.0},
        {"train/loss": 0.0231, "moe/loss/0": 0.020, "moe/loss/1": 0.024},
    ]
    assert places(BLUEPRINT) == [(8450, 46 + 8450 / 12000), (8450, 46 + 8450 / 12000), (8451, 46 + 8451 / 12000)]


def test_a_batch_that_falls_while_the_epoch_rises_goes_on_counting_steps() -> None:
    text = "".join(f"Epoch {e} | Batch {b} | Loss: 1.0\n" for e in (1, 2, 3) for b in (1, 2, 3, 4))
    assert [step for step, _ in places(text)] == list(range(1, 13))


HUGGING_FACE = [
    ("{'loss': 2.345, 'grad_norm': 1.25, 'learning_rate': 5e-05, 'epoch': 0.5}",
     {"train/loss": 2.345, "train/grad_norm": 1.25, "train/learning_rate": 5e-05}),
    ("{'loss': '2.345', 'grad_norm': '1.25', 'learning_rate': '5e-05', 'epoch': '0.5'}",
     {"train/loss": 2.345, "train/grad_norm": 1.25, "train/learning_rate": 5e-05}),
    ("{'eval_loss': 0.9, 'eval_accuracy': 0.75, 'epoch': 0.5}", {"eval/loss": 0.9, "eval/accuracy": 0.75}),
    ("{'eval_loss': '0.9', 'eval_runtime': '1.2', 'epoch': '0.5'}", {"eval/loss": 0.9, "eval/runtime": 1.2}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), HUGGING_FACE)
def test_dicts_as_hugging_face_prints_them(line: str, expected: dict[str, float]) -> None:
    (reading,) = readings(line + "\n")
    assert (reading.values, reading.epoch) == (expected, 0.5)


def test_a_dict_with_a_loss_that_is_no_number() -> None:
    for spelled in ("nan", "'nan'"):
        (line,) = values(f"{{'loss': {spelled}, 'grad_norm': inf, 'epoch': 1.0}}\n")
        assert line["train/loss"] != line["train/loss"]
        assert line["train/grad_norm"] == float("inf")


def test_the_mean_loss_in_hugging_faces_last_line_is_no_loss_of_a_step() -> None:
    text = "{'loss': 1.5, 'epoch': 3.0}\n{'train_runtime': 9.1, 'train_samples_per_second': 12.0, 'train_loss': 2.5, 'epoch': 3.0}\n"
    first, last = values(text)
    assert first["train/loss"] == 1.5
    assert "train/loss" not in last
    assert last["train/mean_loss"] == 2.5


def test_a_bar_and_dicts_between_its_updates() -> None:
    text = (
        "\r  0%|          | 0/200 [00:00<?, ?it/s]\r  5%|▌         | 10/200 [00:01<00:19, 10.0it/s]\n"
        "{'loss': 2.0, 'epoch': 0.05}\n\r 10%|█         | 20/200 [00:02<00:18, 10.0it/s]\n{'loss': 1.5, 'epoch': 0.1}\n"
    )
    assert [(r.step, r.epoch, r.values) for r in readings(text)] == [
        (10, 0.05, {"train/loss": 2.0}),
        (20, 0.1, {"train/loss": 1.5}),
    ]


def test_tqdm_bars_with_a_loss() -> None:
    text = (
        "\rEpoch 1/3:   0%|          | 0/100 [00:00<?, ?it/s]"
        "\rEpoch 1/3:  50%|█████     | 50/100 [00:05<00:05, 10.0it/s, loss=0.75, lr=1e-4]"
        "\rEpoch 2/3:  10%|█         | 10/100 [00:01<00:09, 10.0it/s, loss=0.5]\n"
    )
    assert [(r.step, r.epoch, r.values) for r in readings(text)] == [
        (50, 0.5, {"train/loss": 0.75, "train/learning_rate": 1e-4}),
        (60, 1.1, {"train/loss": 0.5}),
    ]


def test_a_bar_with_another_label_is_not_the_trainings() -> None:
    text = "Map: 50%|█████ | 500/1000 [00:01<00:01, loss=1.0]\nDownloading: 10%|█ | 1/10 [00:01<00:09, 1.0it/s]\nloss: 2.0\n"
    assert [(r.step, r.values) for r in readings(text)] == [(0, {"train/loss": 2.0})]


PAIRS: list[tuple[str, dict[str, float]]] = [
    ("loss: 2.5", {"train/loss": 2.5}),
    ("Loss = 2.5", {"train/loss": 2.5}),
    ("loss=2.5", {"train/loss": 2.5}),
    ("loss=2,acc=3", {"train/loss": 2.0, "train/accuracy": 3.0}),
    ("step=5 loss=1e-3 lr=3e-4", {"train/loss": 1e-3, "train/learning_rate": 3e-4}),
    ("train_loss: 0.5, val_loss: 0.6, acc: 0.9", {"train/loss": 0.5, "eval/loss": 0.6, "train/accuracy": 0.9}),
    ("Training loss: 0.5 | Validation loss: 0.6", {"train/loss": 0.5, "eval/loss": 0.6}),
    ("eval/loss: 0.25", {"eval/loss": 0.25}),
    ("test_accuracy=0.75 loss=1", {"test/accuracy": 0.75, "train/loss": 1.0}),
    ("[INFO] loss: .5", {"train/loss": 0.5}),
    ("2026-11-21 12:00:01,250 - root - INFO - loss: 2.5", {"train/loss": 2.5}),
    ("2026-11-21 12:00:01 INFO loss: 2.5", {"train/loss": 2.5}),
    ("INFO:root:loss: 2.5", {"train/loss": 2.5}),
    ("WARNING train loss: 2.5", {"train/loss": 2.5}),
    ("\x1b[32mloss\x1b[0m: \x1b[1;31m2.5\x1b[0m", {"train/loss": 2.5}),
    ("\x1b]0;title\x07loss: 2.5\x1b[K", {"train/loss": 2.5}),
    ("loss: 12,345.5", {"train/loss": 12345.5}),
    ("loss: -0.5 reward: +1.5", {"train/loss": -0.5, "train/reward": 1.5}),
    ("Epoch 3 loss: 0.5", {"train/loss": 0.5}),
    ("Throughput: 2,847 samples/sec", {"train/samples_per_second": 2847.0}),
    ("Throughput: 5 it/s", {"train/throughput": 5.0}),
    ("grad norm: 1.5 | learning rate: 1e-5", {"train/grad_norm": 1.5, "train/learning_rate": 1e-5}),
    ("iter 100: loss 2.3456, time 120.33ms", {"train/loss": 2.3456}),
    ("loss: nan", {"train/loss": float("nan")}),
]


@pytest.mark.parametrize(("line", "expected"), PAIRS, ids=[line for line, _ in PAIRS])
def test_pairs_of_a_name_and_a_number(line: str, expected: dict[str, float]) -> None:
    (found,) = values(line + "\n")
    assert repr(found) == repr(expected)


PROSE = [
    "", "Hello world", "Loading checkpoint shards: 100%", "The loss of data was avoided in 3 of 5 cases.",
    "Some weights were not used: 5", "Time: 12:30:45", "http://localhost:8080/loss", "version: 1.2.3", "batch size: 8",
    "{'hidden_size': 128, 'layers': 4}", "{not a dict}", "Downloading: 5.0MB", "port=8080", "seed: 42", "Memory: 12GB/24GB",
    "File \"train.py\", line 12, in <module>", "RuntimeError: size mismatch: 3 vs 4", "loss: 2.5.1", "loss: 12:30", "loss",
    "loss:", "loss: high", "no loss at 3 pm", "[WARN] Expert-4 load imbalance detected (8% utilization)",
    "a loss 2.5 times larger", "Epoch 3/10", "Num Epochs = 3",
]  # fmt: skip


@pytest.mark.parametrize("line", PROSE)
def test_prose_yields_nothing(line: str) -> None:
    assert values(line + "\n") == []


def test_announcements_of_totals_are_no_counters() -> None:
    text = "***** Running training *****\n  Num examples = 800\n  Num Epochs = 3\n  Total optimization steps = 1,000\nloss: 1.0\nloss: 0.9\n"
    assert places(text) == [(0, None), (1, None)]


PLACES: list[tuple[str, tuple[int | None, float | None]]] = [
    ("loss: 1", (0, None)),
    ("step 7: loss: 1", (7, None)),
    ("global step: 7, loss: 1", (7, None)),
    ("Step [100/600], loss: 1", (100, None)),
    ("Epoch [2/5], Step [100/600], Loss: 1", (100, 1 + 100 / 600)),
    ("Epoch 3/10 loss: 1", (0, 2.0)),
    ("Epoch 0 loss: 1", (0, 0.0)),
    ("epoch 2.5 loss: 1", (0, 2.5)),
    ("iter 100: loss 2.0", (100, None)),
]


@pytest.mark.parametrize(("line", "place"), PLACES, ids=[line for line, _ in PLACES])
def test_where_a_line_says_it_is(line: str, place: tuple[int | None, float | None]) -> None:
    assert places(line + "\n") == [place]


def test_epochs_counted_from_zero_stay_counted_from_zero() -> None:
    assert [epoch for _, epoch in places("Epoch 0 loss: 1\nEpoch 1 loss: 1\nEpoch 2 loss: 1\n")] == [0.0, 1.0, 2.0]


def test_the_total_of_the_epochs_is_learnt() -> None:
    scraper = Scraper()
    scraper.feed(b"Epoch 1/12 | Loss: 2\n")
    assert scraper.total_epochs == 12


MIXED = (
    BLUEPRINT + "\x1b[1mloss\x1b[0m: 0.5\r\n" + "".join(line + "\n" for line, _ in HUGGING_FACE)
    + "\rEpoch 1/3:  50%|█████     | 50/100 [00:05<00:05, 10.0it/s, loss=0.75]\r100%|██| 5/5\nlast loss: 0.125"
)  # fmt: skip


def test_output_cut_at_any_byte_says_the_same() -> None:
    data = MIXED.encode()
    whole = readings(MIXED)
    for cut in range(len(data) + 1):
        scraper = Scraper()
        assert scraper.feed(data[:cut]) + scraper.feed(data[cut:]) + scraper.finish() == whole
    scraper = Scraper()
    one_by_one: list[Any] = []
    for index in range(len(data)):
        one_by_one += scraper.feed(data[index : index + 1])
        assert scraper.offset == index + 1
    assert one_by_one + scraper.finish() == whole


def test_offsets_are_where_the_line_began() -> None:
    data = MIXED.encode()
    for reading in readings(MIXED)[:-1]:
        assert reading.offset == 0 or data[reading.offset - 1 : reading.offset] in (b"\n", b"\r")
    assert Scraper(100).feed(b"loss: 1\n")[0].offset == 100


def test_bytes_that_are_no_text_and_endless_lines_are_survived() -> None:
    scraper = Scraper()
    assert scraper.feed(b"\xff\xfe\x00loss: 1\n")[0].values == {"train/loss": 1.0}
    assert scraper.feed(b"x" * 1_000_000) == []
    assert scraper.feed(b"\nloss: 2\n")[0].values == {"train/loss": 2.0}


@pytest.mark.parametrize(
    "line",
    [
        "step " + "9" * 400, "batch " + "9" * 400 + "/3 loss: 1", "12%|#| " + "9" * 5000 + "/9 [loss=1]",
        "{'loss': " + "9" * 400 + "}", "{'loss': 1, []: 2}", "{'0'}", "{'loss': " + "-" * 9000 + "1}",
    ],
)  # fmt: skip
def test_a_line_that_only_looks_like_numbers_stops_nobody(line: str) -> None:
    scraper = Scraper()
    scraper.feed(f"{line}\n".encode())
    assert [one.values for one in scraper.feed(b"Step 7 loss: 0.5\n")] == [{"train/loss": 0.5}]


@pytest.mark.parametrize(
    "line",
    ["a" * 16_000, "a-" * 8000, "1a" * 8000, " " * 16_000, "epoch" + " " * 16_000 + "1 x", "1" * 16_000 + "x", "1," * 8000, "a " * 8000],
)  # fmt: skip
def test_the_time_for_a_line_does_not_grow_with_its_square(line: str) -> None:
    data = f"loss 1{line}b1\n".encode()
    began = time.process_time()
    Scraper().feed(data)
    # Milliseconds each; before the patterns were bounded it was half a minute.
    assert time.process_time() - began < 2


def test_what_is_printed_faster_than_it_is_read_is_passed_over_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes(b"early loss: 1\n" + b"x loss: 3\n" * 2_000_000 + b"late loss: 2\n")
    printed = Printed(log)
    first = list(printed.read())
    assert READINGS_AT_ONCE <= len(first) < 10 * READINGS_AT_ONCE
    assert printed.passed_over == log.stat().st_size - GO_ON_FROM
    rest = list(printed.rest())
    assert rest[-1].values == {"train/late_loss": 2.0}
    assert rest[-1].offset == log.stat().st_size - len(b"late loss: 2\n")


def test_names_are_mapped_to_the_consoles() -> None:
    names = {"Loss": "train/loss", "Expert-3": "moe/loss/3", "expert_12": "moe/loss/12", "eval_x": "eval/x", "val loss": "eval/loss", "lr": "train/learning_rate", "grad_norm": "train/grad_norm", "a/B": "a/b"}  # fmt: skip
    assert {name: metric_name(name) for name in names} == names
