"""Datasets taken away and put back, and words for people."""

import json

import pytest

from gladius.catalog.dataset_shelf import DatasetShelf
from gladius.catalog.datasets import Datasets
from gladius.errors import DatasetExists, DatasetFixed, DatasetNotFound, TrashNotFound

GOOD = json.dumps({"instruction": "Say hi.", "output": "Hi."}) + "\n"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "datasets"
    folder.mkdir()
    return folder


@pytest.fixture
def other(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    return folder


@pytest.fixture
def datasets(tmp_path, home, other):
    return Datasets(tmp_path / "state", [home, other])


@pytest.fixture
def shelf(tmp_path, datasets):
    return DatasetShelf(datasets, tmp_path / "trash")


def test_a_deleted_file_lies_in_the_trash_and_comes_back_with_its_words(datasets, shelf, home):
    (home / "mine.jsonl").write_text(GOOD)
    datasets.describe("mine", "Our chats", "From the desk.")
    removed = shelf.remove("mine")
    assert not (home / "mine.jsonl").exists() and [one.id for one in datasets.all()] == ["stdlib-docs"]
    assert shelf.trash() == [removed]
    found = shelf.restore(removed.entry)
    assert (found.id, found.name, found.description) == ("mine", "Our chats", "From the desk.")
    assert (home / "mine.jsonl").read_text() == GOOD and shelf.trash() == []
    with pytest.raises(TrashNotFound):
        shelf.restore(removed.entry)


def test_a_folder_goes_as_a_whole_and_nothing_is_written_over_by_what_comes_back(datasets, shelf, home):
    (home / "many").mkdir()
    (home / "many" / "train.jsonl").write_text(GOOD)
    removed = shelf.remove("many")
    (home / "many").mkdir()
    with pytest.raises(DatasetExists):
        shelf.restore(removed.entry)
    (home / "many").rmdir()
    assert shelf.restore(removed.entry).records == 1


def test_a_link_in_the_homes_folder_is_deleted_and_never_what_it_leads_to(shelf, home, other):
    (other / "far").mkdir()
    (other / "far" / "kept.jsonl").write_text(GOOD)
    (home / "way.jsonl").symlink_to(other / "far" / "kept.jsonl")
    removed = shelf.remove("way")
    assert (other / "far" / "kept.jsonl").read_text() == GOOD and not (home / "way.jsonl").is_symlink()
    assert shelf.restore(removed.entry).records == 1


def test_an_added_path_is_forgotten_and_stays_where_it_lies(datasets, shelf, other):
    deep = other / "a" / "b" / "mine.jsonl"
    deep.parent.mkdir(parents=True)
    deep.write_text(GOOD)
    assert datasets.add_path(deep).origin == "added"
    assert shelf.remove("mine").entry is None
    assert deep.exists() and shelf.trash() == []
    with pytest.raises(DatasetNotFound):
        datasets.get("mine")
    datasets.add_path(deep)
    deep.unlink()
    assert datasets.get("mine").lost
    shelf.remove("mine")
    assert [one.id for one in datasets.all()] == ["stdlib-docs"]


def test_what_is_not_ours_to_delete_says_where_it_lies(datasets, shelf, home, other):
    (other / "theirs.jsonl").write_text(GOOD)
    (home / "named.jsonl").write_text(GOOD)
    (home / "dataset_info.json").write_text('{"entry": {"file_name": "named.jsonl"}}')
    for id_, word in (("theirs", str(other)), ("entry", "entry"), ("stdlib-docs", "room")):
        with pytest.raises(DatasetFixed) as refused:
            shelf.remove(id_)
        assert word in refused.value.hint
    assert (other / "theirs.jsonl").exists() and (home / "named.jsonl").exists()


def test_words_are_taken_back_by_empty_ones(datasets, home):
    (home / "mine.jsonl").write_text(GOOD)
    assert datasets.describe("mine", "Ours", "Of us.").name == "Ours"
    assert datasets.describe("mine", "", None).name == "mine"
    assert datasets.get("mine").description == "Of us."
