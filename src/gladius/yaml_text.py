"""Read YAML that anybody wrote, bounded in size, depth, aliases; write it. Upstream: files, requests. Downstream: catalog, store, launch.

Who needs it imports it there: a server starts without its 30 modules.
"""

from __future__ import annotations

import io
import re
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

__all__ = ["MarkedYAMLError", "ReaderError", "TooMuch", "YAMLError", "dump", "load"]

LARGEST = 256 * 1024
MOST_VALUES = 20_000
DEEPEST = 32

_BRACKETS = re.compile(r"[\[\]{}]")
_INDENTS = re.compile(r"(?m)^ *(?=[^ \n])")
_TOO_MUCH = "it is nested too deeply, or holds too many values"


class TooMuch(YAMLError):
    """More than a person writes to be read."""

    def __str__(self) -> str:
        return _TOO_MUCH


def load(text: str, kind: Literal["safe", "rt"] = "safe", of_any_size: bool = False) -> Any:
    """Return what the text says, YAML 1.2; raises YAMLError.

    A kilobyte of aliases may stand for a billion values. So the text is composed first, which costs no more than it has
    characters, weighed, and only then made into objects. `of_any_size`: Gladius wrote it; it may hold as many values as
    it has characters, and brackets in its texts.
    """
    most = max(2 * MOST_VALUES, len(text)) if of_any_size else 2 * MOST_VALUES
    if not of_any_size and (_is_deep(text) or _is_large(text)):
        raise TooMuch
    constructor, parser = YAML(typ=kind, pure=True).get_constructor_parser(text)
    try:
        node = constructor.composer.get_single_node()
        if node is None:
            return None
        _weigh(node, most)
        return constructor.construct_document(node)
    except RecursionError as error:
        raise TooMuch from error
    except (LookupError, AttributeError, TypeError, AssertionError) as error:
        # The reader itself fails so on some texts that are no YAML: a plain scalar that ends in a colon, a tag of nothing.
        raise YAMLError(f"the reader fails on it ({type(error).__name__})") from error
    finally:
        parser.dispose()


def dump(data: Any) -> str:
    """Return what says `data`, in blocks; what `load` gave as "rt" keeps its comments."""
    text = io.StringIO()
    YAML().dump(data, text)
    return text.getvalue()


def _is_large(text: str) -> bool:
    return len(text) > LARGEST or text.count("\n") + text.count(",") + text.count("- ") > 2 * MOST_VALUES


def _is_deep(text: str) -> bool:
    """Whether it looks nested far deeper than it may be: the reader takes seconds to find out. Text in quotes counts too."""
    depth = 0
    for mark in _BRACKETS.finditer(text):
        depth = depth + 1 if mark[0] in "[{" else max(0, depth - 1)
        if depth > 8 * DEEPEST:
            return True
    indents: list[int] = []
    for line in _INDENTS.finditer(text):
        indent = len(line[0])
        while indents and indents[-1] >= indent:
            indents.pop()
        indents.append(indent)
        if len(indents) > 4 * DEEPEST:
            return True
    return False


def _weigh(root: Node, most: int) -> None:
    """Count what the aliases stand for, each node once; raises TooMuch, also for a value that holds itself."""
    weights: dict[int, tuple[int, int]] = {}
    """Values and depth by node; of one whose inner nodes are still weighed, (0, 0)."""
    waiting: list[tuple[Node, bool]] = [(root, False)]
    while waiting:
        node, known = waiting.pop()
        inner = _inner(node)
        if known:
            of = [weights[id(one)] for one in inner]
            count, depth = 1 + sum(one for one, _ in of), 1 + max((one for _, one in of), default=0)
            if count > most or depth > DEEPEST + 1:
                raise TooMuch
            weights[id(node)] = count, depth
        elif id(node) not in weights:
            weights[id(node)] = (0, 0)
            waiting.append((node, True))
            waiting += [(one, False) for one in inner]
        elif weights[id(node)] == (0, 0) and not isinstance(node, ScalarNode):
            raise TooMuch


def _inner(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []
