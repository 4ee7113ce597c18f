"""Decoding held to a schema: at every step only tokens that can still lead to a valid text are open.

The grammar engine is llguidance. What a JSON schema does not allow gets a logit of minus infinity, so that not even a model that was
talked into something else can say it.

Letters: b texts of a batch, V tokens of the vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from penchant.core.errors import InputError
from penchant.llm.extra import needed
from penchant.llm.model import Ask


class Guides:
    """Makes what holds a text to a schema, for one tokenizer.

    Args:
        tokenizer: A fast tokenizer of transformers.
        size: V, which may be more than the tokenizer knows.
    """

    def __init__(self, tokenizer: Any, size: int) -> None:
        self._tokenizer = needed("llguidance.hf").from_tokenizer(tokenizer, n_vocab=size)
        self._made: dict[str, Any] = {}

    def of(self, schema: Mapping[str, Any]) -> Any:
        """A matcher at the start of a text.

        Raises:
            InputError: It is no JSON schema, or uses what cannot be decoded.
        """
        matchers = needed("llguidance").LLMatcher
        text = json.dumps(schema)
        if text not in self._made:
            try:  # compact JSON: free white space is where small models lose themselves
                grammar = matchers.grammar_from_json_schema(text, overrides={"whitespace_flexible": False})
                matcher = matchers(self._tokenizer, grammar)
                wrong = matcher.get_error()
            except (TypeError, ValueError) as error:
                wrong, matcher = str(error), None
            if wrong:
                raise InputError(f"schema={text[:200]}", f"no text can be held to it ({wrong.splitlines()[0]})", "pass a JSON schema")
            self._made[text] = matcher
        return self._made[text].deep_copy()

    def whole(self, schema: Mapping[str, Any], tokens: Sequence[int]) -> bool:
        """Whether tokens are a valid text, and not only the beginning of one."""
        matcher = self.of(schema)
        return bool(matcher.consume_tokens(list(tokens)) and matcher.is_accepting())


class Guidance:
    """Changes the logits of a batch while texts are written: closed tokens, the end at ``max_tokens``, and chance.

    A temperature is chance added to the logits (Gumbel noise of each text's own seed), after which the largest one is drawn from the
    softmax: so a text does not depend on what else is in its batch.

    Args:
        asks: b of them.
        matchers: Of each; None leaves it free.
        prompt: Tokens before the texts.
        end: The token that ends a text.
    """

    def __init__(self, asks: Sequence[Ask], matchers: Sequence[Any | None], prompt: int, end: int) -> None:
        self.asks, self.matchers, self.prompt, self.end = asks, matchers, prompt, end
        self._dice = [np.random.default_rng(ask.seed) if ask.temperature else None for ask in asks]

    def __call__(self, tokens: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """float[b, V] for the next token after int64[b, T]."""
        masks = needed("llguidance.torch")
        written = tokens.shape[1] - self.prompt
        mask = masks.allocate_token_bitmask(1, logits.shape[1])
        for row, (ask, matcher, dice) in enumerate(zip(self.asks, self.matchers, self._dice, strict=True)):
            ended = written > 0 and int(tokens[row, -1]) == self.end
            if matcher is not None and written and not ended and not matcher.is_stopped():
                matcher.consume_token(int(tokens[row, -1]))
            if ended or written >= ask.max_tokens or (matcher is not None and matcher.is_stopped()):
                logits[row] = -torch.inf
                logits[row, self.end] = 0.0
                continue
            if matcher is not None:
                masks.fill_next_token_bitmask(matcher, mask, 0)
                masks.apply_token_bitmask_inplace(logits[row : row + 1], mask)
            if dice is not None:
                logits[row] = logits[row] / ask.temperature + torch.from_numpy(dice.gumbel(size=logits.shape[1]).astype(np.float32))
        return logits
