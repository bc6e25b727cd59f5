"""Load much at once. Upstream: main, up. Downstream: the interpreter's collector of garbage, pydantic."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Import without looking for garbage: what is loaded stays, and looking through it takes a quarter of the time.

    Afterwards it is left out of every later look, too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def loading_the_server() -> Iterator[None]:
    """Import FastAPI without what it seldom needs, a tenth of a server's start.

    The models of its API description are built when somebody asks for that, also those that it asks pydantic for at once.
    Whether a type is one of pydantic 1 it asks for each parameter, which would load all of that: it takes a module that
    is not there for a no.
    """
    from pydantic import BaseModel, ConfigDict

    usual, rebuild = BaseModel.model_config, vars(BaseModel)["model_rebuild"]
    BaseModel.model_config = ConfigDict(defer_build=True)
    # FastAPI asks without arguments; who meets a model that is not built yet asks with some, and that goes on.
    later = classmethod(lambda cls, **how: rebuild.__func__(cls, **how) if how else None)
    BaseModel.model_rebuild = later  # type: ignore[assignment, method-assign]
    sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]  # the import system's word for "not here"
    try:
        with loading():
            yield
    finally:
        BaseModel.model_config, BaseModel.model_rebuild = usual, rebuild  # type: ignore[method-assign]
