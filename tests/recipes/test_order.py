"""The order of training follows from seed and epoch alone."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from gladius.recipes.order import EpochOrder  # noqa: E402

pytestmark = pytest.mark.training

LENGTHS = [3, 9, 4, 7, 7, 2, 8, 5, 6, 1, 9, 3] * 4


def order(epoch, seed=1):
    made = EpochOrder(LENGTHS, 4, seed)
    made.set_epoch(epoch)
    return list(made)


def test_every_record_comes_once_and_each_epoch_has_its_own_order():
    assert sorted(order(0)) == list(range(len(LENGTHS))) == sorted(order(1))
    assert len(EpochOrder(LENGTHS, 4, 1)) == len(LENGTHS)
    assert len({tuple(order(epoch, seed)) for epoch in (0, 1) for seed in (1, 2)}) == 4


def test_the_global_random_state_neither_decides_nor_is_touched():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = order(2)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert order(2) == first


def test_records_of_similar_length_are_side_by_side():
    lengths = [LENGTHS[index] for index in order(0)]
    spread = sum(max(part) - min(part) for part in (lengths[at : at + 4] for at in range(0, len(lengths), 4)))
    assert spread < sum(max(LENGTHS[at : at + 4]) - min(LENGTHS[at : at + 4]) for at in range(0, len(LENGTHS), 4)) / 2
