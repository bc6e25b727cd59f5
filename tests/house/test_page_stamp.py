"""A page that was built from other sources is noticed, by Python and by Node alike."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checkout(folder: Path, hook: ModuleType) -> Path:
    web = folder / "web"
    (web / "src").mkdir(parents=True)
    (web / "package.json").write_text("{}")
    for name in ("index.html", "package-lock.json", "vite.config.ts", "src/main.ts", "src/main.test.ts"):
        (web / name).write_text(name)
    assets = folder / "src/gladius/server/assets"
    assets.mkdir(parents=True)
    (assets / "index.html").write_text("page")
    (assets / ".stamp").write_text(hook.source_stamp(web) + "\n")
    return folder


def test_a_page_built_from_these_sources_is_fresh(tmp_path: Path, hook: ModuleType) -> None:
    assert hook.is_fresh(checkout(tmp_path, hook))


@pytest.mark.parametrize("name", ["src/main.ts", "src/new.ts", "package-lock.json"])
def test_a_changed_source_makes_the_page_stale(tmp_path: Path, hook: ModuleType, name: str) -> None:
    root = checkout(tmp_path, hook)
    (root / "web" / name).write_text("changed")
    assert not hook.is_fresh(root)


def test_a_changed_test_does_not(tmp_path: Path, hook: ModuleType) -> None:
    root = checkout(tmp_path, hook)
    (root / "web/src/main.test.ts").write_text("changed")
    assert hook.is_fresh(root)


def test_a_page_without_stamp_or_index_is_not_fresh(tmp_path: Path, hook: ModuleType) -> None:
    root = checkout(tmp_path, hook)
    (root / "src/gladius/server/assets/.stamp").unlink()
    assert not hook.is_fresh(root)
    shutil.rmtree(root / "web")
    assert hook.is_fresh(root), "without sources there is nothing to build from"
    (root / "src/gladius/server/assets/index.html").unlink()
    assert not hook.is_fresh(root)


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here")
def test_node_computes_the_same_stamp(hook: ModuleType) -> None:
    told = subprocess.run(["node", "web/scripts/stamp.js"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == hook.source_stamp(ROOT / "web")
