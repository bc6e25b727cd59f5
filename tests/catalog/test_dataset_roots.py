"""Nothing outside of the folders of datasets is opened, by whatever way it is named; uploads are whole or not there."""

import json
import os
import time

import pytest

from gladius.catalog.dataset_adding import Upload, safe_name
from gladius.catalog.dataset_roots import Roots
from gladius.catalog.datasets import Datasets
from gladius.errors import ConfigError, DatasetExists, DatasetNotFound, DatasetTooLarge, DiskFull

LINE = b'{"instruction": "Say hi.", "output": "Hi."}\n'


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "outside" / "secret.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"instruction": "password", "output": "hunter2"}\n')
    return path


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def datasets(tmp_path, root):
    return Datasets(tmp_path / "state", [root])


def link_to_file(root, secret):
    (root / "way.jsonl").symlink_to(secret)


def link_to_folder(root, secret):
    (root / "way").symlink_to(secret.parent)


def link_in_a_folder(root, secret):
    (root / "way").mkdir()
    (root / "way" / "train.jsonl").symlink_to(secret)


def link_through_a_link(root, secret):
    (root / "hop").symlink_to(secret.parent)
    (root / "way.jsonl").symlink_to("hop/secret.jsonl")


def index_with_dots(root, secret):
    (root / "dataset_info.json").write_text('{"way": {"file_name": "../outside/secret.jsonl"}}')


def index_with_a_path(root, secret):
    (root / "dataset_info.json").write_text(json.dumps({"way": {"file_name": str(secret)}}))


def index_that_is_a_link(root, secret):
    index = secret.parent / "dataset_info.json"
    index.write_text('{"way": {"file_name": "secret.jsonl"}}')
    (root / "way").mkdir()
    (root / "way" / "dataset_info.json").symlink_to(index)


WAYS = [
    link_to_file, link_to_folder, link_in_a_folder, link_through_a_link, index_with_dots, index_with_a_path,
    index_that_is_a_link,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_way_leads_out_of_the_folders(datasets, root, secret, way):
    way(root, secret)
    (root / "own.jsonl").write_bytes(LINE)
    found = [one for one in datasets.all() if not one.builtin]
    assert {one.id: one.records for one in found}["own"] == 1
    others = [one for one in found if one.id != "own"]
    assert others and all("leads out" in one.problem and one.records is None for one in others)
    for one in others:
        with pytest.raises(ConfigError, match="leads out"):
            datasets.readable(one.id)
        assert "hunter2" not in datasets.report(one.id).model_dump_json()


def test_a_link_within_the_folders_is_followed(datasets, root):
    (root / "real.jsonl").write_bytes(LINE)
    (root / "alias.jsonl").symlink_to("real.jsonl")
    assert datasets.get("alias").records == datasets.get("real").records == 1


def test_a_link_to_nothing_says_so(datasets, root):
    (root / "dead.jsonl").symlink_to("gone.jsonl")
    assert "There is no" in datasets.get("dead").problem


@pytest.mark.parametrize("name", ["../outside/secret.jsonl", "/etc/passwd", "sub/../../outside/secret.jsonl", ".."])
def test_a_path_that_leads_out_is_not_added(datasets, root, secret, name):
    (root / "sub").mkdir()
    with pytest.raises(ConfigError, match="leads out") as refused:
        datasets.add_path(root / name)
    assert "gladius up --datasets" in refused.value.hint
    assert [one.id for one in datasets.all()] == ["stdlib-docs"]


def test_a_path_deep_within_a_folder_is_added_once_and_stays(tmp_path, datasets, root):
    deep = root / "a" / "b" / "mine.jsonl"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(LINE)
    assert (datasets.add_path(deep).id, datasets.add_path(deep).id) == ("mine", "mine")
    again = Datasets(tmp_path / "state", [root])
    assert [one.id for one in again.all()] == ["stdlib-docs", "mine"]
    deep.unlink()
    lost = again.get("mine")
    assert lost.lost and "is not there any more" in lost.problem
    assert Datasets(tmp_path / "state", [tmp_path / "other"]).get("mine").problem is not None


@pytest.mark.parametrize("name", ["gone.jsonl", "notes.md", "empty"])
def test_a_path_that_is_no_dataset_is_not_added(datasets, root, name):
    (root / "notes.md").write_text("x")
    (root / "empty").mkdir()
    with pytest.raises(ConfigError) as refused:
        datasets.add_path(root / name)
    assert refused.value.hint


def test_folders_are_told_by_the_environment_too(tmp_path, monkeypatch):
    monkeypatch.setenv("GLADIUS_DATASETS", os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")]))
    folders = Roots.of(tmp_path / "home", [tmp_path / "three", tmp_path / "one"]).folders
    assert [folder.name for folder in folders] == ["home", "one", "two", "three"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("mine.jsonl", "mine.jsonl"), ("../../etc/mine.JSONL", "mine.jsonl"), ("C:\\data\\my file.csv", "my-file.csv"),
        ("a\x00b\x1b[31m.txt", "a-b-31m.txt"), ("...hidden.json", "hidden.json"), ("данные.jsonl", "данные.jsonl"),
        ("é" * 300 + ".csv", "é" * 60 + ".csv"), ("<script>.json", "script.json"), ("---.json", "dataset.json"),
    ],
)  # fmt: skip
def test_a_name_is_made_harmless(given, kept):
    assert safe_name(given) == kept


@pytest.mark.parametrize("name", ["run.sh", "noending", ".jsonl", "a.jsonl/", "..", "pickle.pkl", "a.jsonl.exe"])
def test_a_name_of_another_kind_is_refused(name):
    try:
        assert safe_name(name) == "a.jsonl"
    except ConfigError as error:
        assert ".jsonl" in error.hint


def test_an_upload_is_seen_when_it_is_whole(root, datasets):
    upload = Upload(root, "mine.jsonl", None)
    upload.write(LINE)
    assert [one.id for one in datasets.all()] == ["stdlib-docs"]
    path = upload.finish()
    assert path.read_bytes() == LINE and datasets.at(path).records == 1
    assert [one.name for one in root.iterdir()] == ["mine.jsonl"]
    with pytest.raises(DatasetExists):
        Upload(root, "mine.jsonl", None)


def test_of_two_uploads_under_one_name_the_first_stays(root):
    first, second = Upload(root, "mine.jsonl", None), Upload(root, "mine.jsonl", None)
    first.write(LINE)
    second.write(b"other\n")
    first.finish()
    with pytest.raises(DatasetExists):
        second.finish()
    assert [(one.name, one.read_bytes()) for one in root.iterdir()] == [("mine.jsonl", LINE)]


def test_an_upload_beyond_the_limit_leaves_nothing(root):
    with pytest.raises(DatasetTooLarge):
        Upload(root, "mine.jsonl", 101, limit=100)
    upload = Upload(root, "mine.jsonl", None, limit=100)
    with pytest.raises(DatasetTooLarge):
        upload.write(b"x" * 101)
    upload.abort()
    assert not list(root.iterdir())


def test_an_upload_that_does_not_fit_is_refused_before_it_comes(root):
    with pytest.raises(DiskFull):
        Upload(root, "mine.jsonl", 2**60, limit=2**61)
    assert not list(root.iterdir())


def test_what_a_killed_server_left_is_swept_away(root):
    old, new = root / ".upload-old", root / ".upload-new"
    for part in (old, new):
        part.touch()
    os.utime(old, (time.time() - 1e6,) * 2)
    Upload(root, "mine.jsonl", None).abort()
    assert [one.name for one in root.iterdir()] == [".upload-new"]


def test_an_unknown_path_is_no_dataset(datasets, root):
    with pytest.raises(DatasetNotFound):
        datasets.at(root / "nothing.jsonl")
