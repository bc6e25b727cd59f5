"""The live batch sampler: every sample once, whatever the size, the workers or the interruptions."""

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from gladius.errors import ConfigError  # noqa: E402
from gladius.integrations.live_batches import LiveBatches  # noqa: E402

pytestmark = pytest.mark.training


class Numbers(torch.utils.data.Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return index


def train(batches, loader, limit=None):
    """Train up to `limit` batches: the samples of each."""
    seen = []
    for batch in loader:
        seen.append(batch.tolist())
        batches.trained()
        if len(seen) == limit:
            break
    return seen


def flat(rows):
    return [one for row in rows for one in row]


def test_an_epoch_holds_each_sample_once_in_an_order_of_its_own():
    batches = LiveBatches(23, 4, seed=5)
    orders = []
    for epoch in range(3):
        batches.set_epoch(epoch)
        drawn = list(batches)
        assert [len(one) for one in drawn] == [4, 4, 4, 4, 4, 3]
        orders.append(flat(drawn))
    assert all(sorted(order) == list(range(23)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    again = LiveBatches(23, 4, seed=5)
    assert flat(again) == orders[0]
    assert flat(LiveBatches(23, 4, seed=6)) != orders[0]
    neighbour = LiveBatches(23, 4, seed=4)
    neighbour.set_epoch(1)
    assert flat(neighbour) != orders[0]


def test_without_shuffling_the_order_is_the_datas_own():
    assert list(LiveBatches(Numbers(5), 2, shuffle=False)) == [[0, 1], [2, 3], [4]]


def test_a_new_size_holds_from_the_very_next_batch_without_workers():
    batches = LiveBatches(20, 2, shuffle=False)
    sizes = []
    for batch in DataLoader(Numbers(20), batch_sampler=batches):
        sizes.append(len(batch))
        batches.trained()
        if len(sizes) == 2:
            batches.batch_size = 5
    assert sizes == [2, 2, 5, 5, 5, 1]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_two_workers_run_ahead_and_the_position_counts_only_what_was_trained():
    batches = LiveBatches(40, 2, shuffle=False)
    loader = DataLoader(Numbers(40), batch_sampler=batches, num_workers=2, prefetch_factor=2)
    sizes, seen = [], []
    for batch in loader:
        seen += batch.tolist()
        sizes.append(len(batch))
        batches.trained()
        assert batches.position == len(seen)
        if len(sizes) == 3:
            batches.batch_size = 8
        if len(sizes) == 9:
            break
    # Four batches were in flight when the size changed; they keep theirs, the new size comes right after them.
    assert sizes == [2, 2, 2, 2, 2, 2, 2, 8, 8]
    state = batches.state_dict()
    assert state["position"] == 30
    resumed = LiveBatches(40, 3, shuffle=False)
    resumed.load_state_dict(state)
    rest = train(resumed, DataLoader(Numbers(40), batch_sampler=resumed, num_workers=2))
    assert seen + flat(rest) == list(range(40))


@given(
    samples=st.integers(1, 60),
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 8), max_size=6),
    seed=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_however_often_it_is_interrupted_each_sample_is_trained_once(samples, sizes, cuts, seed):
    seen, state = [], None
    for turn, cut in enumerate([*cuts, None]):
        batches = LiveBatches(samples, min(sizes[turn % len(sizes)], samples), seed=seed)
        if state is not None:
            batches.load_state_dict(state)
        seen += flat(train(batches, DataLoader(Numbers(samples), batch_sampler=batches), cut))
        state = batches.state_dict()
    assert sorted(seen) == list(range(samples))
    assert seen == flat(LiveBatches(samples, 1, seed=seed))


@given(
    samples=st.integers(4, 60),
    processes=st.integers(2, 4),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 6), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_several_processes_train_each_sample_between_them_and_equally_many(samples, processes, sizes, cuts):
    steps = []
    state = None
    for turn, cut in enumerate([*cuts, None]):
        parts = []
        for rank in range(processes):
            batches = LiveBatches(samples, 1, seed=2)
            batches.share(rank, processes)
            batches.batch_size = min(sizes[turn % len(sizes)], batches.largest)
            if state is not None:
                batches.load_state_dict(state)
            parts.append(train(batches, DataLoader(Numbers(samples), batch_sampler=batches), cut))
        state = batches.state_dict()
        steps += zip(*parts, strict=True)
    assert all(len(part) == len(step[0]) for step in steps for part in step)
    trained = [one for step in steps for part in step for one in part]
    assert set(trained) == set(range(samples)) and len(trained) - samples < processes


def test_the_length_is_the_batches_that_are_left():
    batches = LiveBatches(20, 4)
    loader = DataLoader(Numbers(20), batch_sampler=batches)
    left = [len(loader)]
    for _ in loader:
        batches.trained()
        left.append(len(loader))
        if len(left) == 3:
            batches.batch_size = 5
            left[-1] = len(loader)
    assert left == [5, 4, 3, 2, 1, 0]
    assert batches.batches_per_epoch == 4
    batches.set_epoch(1)
    assert len(loader) == 4


def test_what_was_drawn_and_not_trained_comes_again():
    batches = LiveBatches(6, 2, shuffle=False)
    drawing = iter(batches)
    next(drawing), next(drawing)
    batches.trained()
    assert list(batches) == [[2, 3], [4, 5]]
    assert list(drawing) == [[4, 5]]  # an abandoned iteration goes on by itself and disturbs nothing
    assert [batches.trained(), batches.trained(), batches.position] == [2, 2, 6]


def test_the_last_incomplete_batch_can_be_dropped():
    batches = LiveBatches(7, 3, drop_last=True)
    assert len(batches) == 2
    assert [len(one) for one in batches] == [3, 3]


def test_a_batch_that_was_never_drawn_cannot_be_confirmed():
    with pytest.raises(RuntimeError, match="once for each batch"):
        LiveBatches(4, 2).trained()


@pytest.mark.parametrize("size", [0, -1, 2.5, True, 5])
def test_a_size_that_cannot_be_is_refused_and_the_old_one_stays(size):
    batches = LiveBatches(4, 2)
    with pytest.raises(ValueError, match="whole number from 1 to 4"):
        batches.batch_size = size
    assert batches.batch_size == 2


def test_a_state_of_other_data_is_refused():
    state = LiveBatches(10, 2).state_dict()
    with pytest.raises(ConfigError, match="had 10 samples, these have 11"):
        LiveBatches(11, 2).load_state_dict(state)
    state["order_begins"] = [0] * 8
    with pytest.raises(ConfigError, match="shuffles seed 0 otherwise"):
        LiveBatches(10, 2).load_state_dict(state)
