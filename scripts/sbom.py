"""Write a CycloneDX 1.5 list of what is installed in this environment and what the page is made of. Standard library only.

python scripts/sbom.py FILE
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Write the list to the file that is named."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    target = Path(arguments[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bom(), indent=1) + "\n", encoding="utf-8")
    print(f"{target}: {len(bom()['components'])} components")
    return 0


def bom() -> dict[str, Any]:
    """The document."""
    own = {"type": "application", "name": "gladius-console", "version": metadata.version("gladius-console")}
    components = {one["purl"]: one for one in (*python_packages(), *npm_packages())}
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "metadata": {"timestamp": datetime.now(UTC).isoformat(timespec="seconds"), "component": own},
        "components": [components[purl] for purl in sorted(components)],
    }  # fmt: skip


def python_packages() -> Iterator[dict[str, Any]]:
    """What is installed where this runs."""
    for found in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
        if name != "gladius-console":
            version = found.version.partition("+")[0]
            yield {"type": "library", "name": name, "version": found.version, "purl": f"pkg:pypi/{name}@{version}"}


def npm_packages() -> Iterator[dict[str, Any]]:
    """What the lock of the page names, with its hashes; what only builds or tests it is optional."""
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text(encoding="utf-8"))
    for place, one in lock["packages"].items():
        if not place or "version" not in one:
            continue
        name = one.get("name") or place.rpartition("node_modules/")[2]
        algorithm, _, digest = str(one.get("integrity", "")).partition("-")
        hashes = [{"alg": "SHA-512", "content": _hex(digest)}] if algorithm == "sha512" else []
        scope = "optional" if one.get("dev") else "required"
        purl = f"pkg:npm/{name.replace('@', '%40')}@{one['version']}"
        yield {
            "type": "library",
            "name": name,
            "version": one["version"],
            "purl": purl,
            "scope": scope,
            "hashes": hashes,
        }


def _hex(digest: str) -> str:
    import base64

    return base64.b64decode(digest).hex()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
