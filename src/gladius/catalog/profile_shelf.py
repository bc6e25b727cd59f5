"""People's own profiles as files: written, copied, thrown away, put back. Upstream: server. Downstream: profiles, the home."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

from gladius.catalog import files
from gladius.catalog.profiles import Profile, Profiles
from gladius.errors import ConfigChanged, FieldErrors, ProfileBuiltin, ProfileExists, ProfileNotFound, TrashNotFound
from gladius.pulse.files import write_text
from gladius.pulse.rundir import slug
from gladius.wire.catalog import ProfileFile, ProfileInfo, ProfileNew, TrashedProfile

_NAME = re.compile(r"^name:[ \t]*[^|>&*!\s].*$", re.M)
_ENTRY = re.compile(r"(?P<id>.+)~(?P<ms>\d{1,15})")


class ProfileShelf:
    """Every change looks at the file first, so that nobody's edit is lost; what is deleted goes to the trash."""

    def __init__(self, profiles: Profiles, trash: Path) -> None:
        self._profiles = profiles
        self._trash = trash
        self._one_at_a_time = threading.Lock()

    def file(self, profile_id: str) -> ProfileFile:
        """The file's text and its version, of a broken one too. Raises ProfileNotFound, ConfigError."""
        profile = self._profiles.get(profile_id)
        raw = files.read_bytes(_file(profile))
        return ProfileFile(
            id=profile.id, text=raw.decode("utf-8", "replace"), version=files.version_of(raw),
            builtin=profile.builtin, file=profile.info().file,
        )  # fmt: skip

    def check(self, profile_id: str, text: str) -> ProfileInfo:
        """What the text would be as that file, everything wrong with it included; nothing is kept.

        Raises FieldErrors for what can be no file's name.
        """
        if self._place(profile_id).stem != profile_id:
            raise _misnamed(profile_id)
        return self._profiles.check(profile_id, text).info()

    def add(self, new: ProfileNew) -> ProfileInfo:
        """Keep a new one. Raises ProfileExists, ProfileNotFound (of the one to copy), FieldErrors."""
        if (new.text is None) == (new.copy_of is None):
            raise FieldErrors([{"field": "text", "message": "Give either text or copy_of."}])
        text = new.text if new.text is not None else self._copied(str(new.copy_of), new.name or new.id)
        return self.put(new.id, text, None)

    def put(self, profile_id: str, text: str, version: str | None) -> ProfileInfo:
        """Keep the text as that profile's file, a built-in one's beside it.

        `version` is that of the text which was edited; None is for a new one only. Raises ProfileExists, ConfigChanged,
        FieldErrors that name each mistake with its line, OSError.
        """
        with self._one_at_a_time:
            found = self._found(profile_id)
            if found is None and profile_id != slug(profile_id):
                raise _misnamed(profile_id)
            if found is not None and version is None:
                raise ProfileExists(profile_id)
            if version is not None and (found is None or found.version != version):
                raise ConfigChanged(_file(found) if found is not None else self._place(profile_id))
            self._must_be_right(profile_id, text)
            own = found is not None and not found.builtin
            place = _file(found) if found is not None and own else self._place(profile_id)
            # A link within the folder stays one; one that leads out of it is replaced and never written through.
            place = inner if (inner := place.resolve()).is_relative_to(place.parent.resolve()) else place
            write_text(place, text)
            return self._profiles.get(profile_id).info()

    def remove(self, profile_id: str, version: str | None = None) -> TrashedProfile:
        """Put the user's file into the trash; a built-in one of that id shows again.

        Raises ProfileNotFound, ProfileBuiltin, ConfigChanged when it is not that `version` any more.
        """
        with self._one_at_a_time:
            profile = self._profiles.get(profile_id)
            if profile.builtin:
                raise ProfileBuiltin(profile_id)
            if version is not None and profile.version != version:
                raise ConfigChanged(_file(profile))
            self._trash.mkdir(mode=0o700, parents=True, exist_ok=True)
            moment = int(time.time() * 1000)
            while (place := self._trash / f"{profile_id}~{moment}.yaml").exists():
                moment += 1
            _file(profile).rename(place)
            return TrashedProfile(entry=place.stem, id=profile_id, deleted_at=moment / 1000)

    def trash(self) -> list[TrashedProfile]:
        """What was deleted, newest first."""
        found = [(path.stem, _ENTRY.fullmatch(path.stem)) for path in files.files_in(self._trash)]
        entries = [
            TrashedProfile(entry=stem, id=entry["id"], deleted_at=int(entry["ms"]) / 1000)
            for stem, entry in found
            if entry is not None
        ]
        return sorted(entries, key=lambda one: one.deleted_at, reverse=True)

    def restore(self, entry: str) -> ProfileInfo:
        """Put one back under its id. Raises TrashNotFound, ProfileExists where one's own has taken its place."""
        with self._one_at_a_time:
            thrown = next((one for one in self.trash() if one.entry == entry), None)
            if thrown is None:
                raise TrashNotFound(entry)
            found = self._found(thrown.id)
            if found is not None and not found.builtin:
                raise ProfileExists(thrown.id)
            place = self._place(thrown.id)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._trash / f"{entry}.yaml").rename(place)
            return self._profiles.get(thrown.id).info()

    def _copied(self, profile_id: str, name: str) -> str:
        """Its file's text under another name; one that extends what it hides goes on extending that."""
        text = self.file(profile_id).text
        line = f"name: {json.dumps(name, ensure_ascii=False)}"
        return _NAME.sub(lambda _: line, text, count=1) if _NAME.search(text) else text

    def _must_be_right(self, profile_id: str, text: str) -> None:
        checked = self._profiles.check(profile_id, text)
        if checked.engine != "unknown":
            return  # what the machine still lacks is no mistake of the file
        errors: list[dict[str, Any]] = [
            {"field": one.field or "text", "message": one.message, "line": one.line} for one in checked.problems
        ]
        raise FieldErrors(errors)

    def _found(self, profile_id: str) -> Profile | None:
        try:
            return self._profiles.get(profile_id)
        except ProfileNotFound:
            return None

    def _place(self, profile_id: str) -> Path:
        return self._profiles.folder / f"{profile_id}.yaml"


def _misnamed(profile_id: str) -> FieldErrors:
    return FieldErrors([{"field": "id", "message": f"Write it as '{slug(profile_id)}'."}])


def _file(profile: Profile) -> Path:
    assert profile.file is not None
    return profile.file
