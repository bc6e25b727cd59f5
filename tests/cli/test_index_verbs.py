"""`gladius index PATH, ls, show, search`."""

from __future__ import annotations

from documents import write
from terminal import gladius

from gladius.pulse.rundir import Home


def test_a_folder_is_indexed_followed_listed_shown_and_searched(server_home: Home) -> None:
    folder = write(
        server_home.documents / "papers",
        {"a.txt": "A whale is no fish, whatever [bold]people[/x] say.", "b.exe": "x", "c.txt": "too short"},
    )
    made = gladius("index", folder, "--follow", "--name", "Papers", "--min-chars", "15")
    assert made.code == 0, made.err
    assert "papers: done" in made.out and "3 files: 2 read" in made.out and "1 records" in made.out
    assert [one["id"] for one in gladius("index", "ls", "--json").json] == ["papers"]
    shown = gladius("index", "show", "papers")
    assert "b.exe" in shown.out and "kind" in shown.out and "short" in shown.out
    found = gladius("index", "search", "papers", "whale", "is no fish")
    assert found.code == 0 and "a.txt" in found.out and "[bold]people[/x]" in found.out
    outside = gladius("index", "/etc")
    assert outside.code == 2 and outside.complains("leads out", "--datasets")
