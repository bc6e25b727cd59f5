"""Generate texts from fixed prompts while a model trains. Upstream: transformers. Downstream: `samples` events.

Greedy, so that the same weights give the same text, and two evaluations differ by what was learned in between.
"""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from gladius.pulse.randomness import preserved

Turns = Sequence[Mapping[str, Any]]
"""A conversation: `role` and `content` of each turn."""

Given = Union[str, Turns, Mapping[str, Any]]
"""A prompt, text or conversation; or a mapping with `prompt` or `input_ids`, and `reference` (or `completion`) where the
right answer is known; or one with `messages`, whose last turn, if it is the assistant's, is the right answer."""


class Prompt(NamedTuple):
    """What the model is given (token ids), how people read it, and what it might have said."""

    ids: List[int]
    text: str
    reference: Optional[str]


class Samples:
    """A fixed batch of prompts for a causal language model.

    Args:
        given: the prompts.
        tokenizer: turns text into ids and back.
        tokens: the most tokens of an answer.

    Raises ValueError for a prompt without a token.

    """

    def __init__(self, given: Sequence[Given], tokenizer: Any, tokens: int) -> None:
        self._tokenizer = tokenizer
        self._tokens = tokens
        self._prompts = [self._prompt(one) for one in given]

    def generate(self, model: Any) -> List[Dict[str, str]]:
        """Return a row of prompt, output and, where known, reference for each. Model and random states stay as they were."""
        import torch

        device = next(model.parameters()).device
        longest = max(len(prompt.ids) for prompt in self._prompts)
        filler = self._filler()
        # On the left, so that every answer begins right behind its prompt.
        ids = [[filler] * (longest - len(prompt.ids)) + prompt.ids for prompt in self._prompts]
        mask = [[0] * (longest - len(prompt.ids)) + [1] * len(prompt.ids) for prompt in self._prompts]
        with preserved(), _ready(model), torch.no_grad():
            answers = model.generate(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                generation_config=self._settings(model),
            )
        rows = zip(self._prompts, answers.tolist())  # noqa: B905 (Python 3.9)
        return [self._row(prompt, answer[longest:]) for prompt, answer in rows]

    def _prompt(self, given: Given) -> Prompt:
        fields: Mapping[str, Any] = given if isinstance(given, Mapping) else {"prompt": given}
        asked, reference = _asked(fields)
        ids = fields.get("input_ids")
        ids = [int(one) for one in (self._ids(asked) if ids is None else ids)]
        if not ids:
            raise ValueError("a prompt needs at least one token: {!r}".format(given))
        return Prompt(ids, as_text(asked) if asked else self._text(ids), reference)

    def _ids(self, asked: Union[str, Turns]) -> Any:
        if isinstance(asked, str):
            return self._tokenizer(asked)["input_ids"]
        text = self._tokenizer.apply_chat_template(list(asked), add_generation_prompt=True, tokenize=False)
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _settings(self, model: Any) -> Any:
        """Settings of our own: those of the model may ask for sampling."""
        from transformers import GenerationConfig

        end = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        return GenerationConfig(
            max_new_tokens=self._tokens,
            do_sample=False,
            use_cache=True,
            pad_token_id=self._filler(),
            eos_token_id=end if end is not None else self._tokenizer.eos_token_id,
        )

    def _filler(self) -> int:
        for token in (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        return 0  # masked, so that any token will do

    def _row(self, prompt: Prompt, answer: List[int]) -> Dict[str, str]:
        row = {"prompt": prompt.text, "output": self._text(answer)}
        return row if prompt.reference is None else {**row, "reference": prompt.reference}

    def _text(self, ids: List[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True)).strip()


def as_text(given: Any) -> str:
    """A text as it is; a conversation as its turns, without the role where there is but one."""
    if isinstance(given, str):
        return given
    turns = [turn for turn in given or () if isinstance(turn, Mapping)]
    if len(turns) == 1:
        return _content(turns[0])
    return "\n".join("{}: {}".format(turn.get("role", ""), _content(turn)) for turn in turns)


def _content(turn: Mapping[str, Any]) -> str:
    content = turn.get("content")
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or () if isinstance(part, Mapping))


def _asked(fields: Mapping[str, Any]) -> Tuple[Any, Optional[str]]:
    """What the model is asked, and the right answer where it is known."""
    answer = fields.get("reference", fields.get("completion"))
    turns = fields.get("messages")
    if not turns:
        return fields.get("prompt"), None if answer is None else as_text(answer)
    if turns[-1].get("role") == "assistant":
        return turns[:-1], as_text(turns[-1:]) if answer is None else as_text(answer)
    return turns, None if answer is None else as_text(answer)


@contextlib.contextmanager
def _ready(model: Any) -> Iterator[None]:
    """Evaluation mode, and a cache also where training wants none; every part is put back as it was."""
    modes = [(module, module.training) for module in model.modules()]
    config: Any = getattr(model, "config", None)
    cached = getattr(config, "use_cache", None)
    model.eval()
    if cached is False:
        config.use_cache = True
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        if cached is False:
            config.use_cache = False
