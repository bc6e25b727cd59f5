"""Who asked for a run, as its run.json says it. Upstream: server, flows. Downstream: start."""

from __future__ import annotations

import re
from typing import Any

_OF_A_FLOW = re.compile(r"flow:(?P<id>[^/]+)/(?P<step>[^/]+)/(?P<number>\d+)\Z")


def origin(source: str) -> dict[str, Any]:
    """`source`, and for `flow:RUN/STEP/NUMBER` also which try of which step asked: by these a flow finds its run again."""
    found = _OF_A_FLOW.match(source)
    if found is None:
        return {"source": source}
    return {
        "source": f"flow:{found['id']}", "flow_run_id": found["id"], "flow_step": found["step"],
        "flow_try": int(found["number"]),
    }  # fmt: skip
