"""What engines share that read one conversation at a time: a prompt, then token by token."""

from __future__ import annotations

from abc import abstractmethod

from eval.engines.engine import TokenEngine, now, timing_prompt


class StepEngine(TokenEngine):
    """An engine with one cache. Subclasses set `tokenizer` and `window` in `load`, and keep `batch_size` at 1."""

    window: int  # here always set: tokens the cache holds

    @abstractmethod
    def first(self, prompt: list[int]) -> int:
        """The first new token after the prompt, from an empty cache."""

    @abstractmethod
    def step(self, token: int) -> int:
        """Reads a token, gives the next."""

    def generate(self, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
        return [self._generate_one(prompt, max_new_tokens) for prompt in prompts]

    def _generate_one(self, prompt: list[int], max_new_tokens: int) -> list[int]:
        """Stops where the window is full, too: that is an answer that never ended, not a fault of the engine."""
        if len(prompt) > self.window:  # `answer` never asks it
            return []
        token = self.first(prompt)
        ids = [token]
        while token != self.tokenizer.stop_id and len(ids) < min(max_new_tokens, self.window - len(prompt) + 1):
            token = self.step(token)
            ids.append(token)
        return ids

    def time_prefill(self, n_prompt: int) -> float:
        return self.time_decode(n_prompt, 1)[0]

    def time_decode(self, n_prompt: int, n_new: int) -> tuple[float, list[float]]:
        prompt = timing_prompt(n_prompt, self.tokenizer.vocab_size)
        start = now()
        token = self.first(prompt)
        seconds = [now() - start]
        for _ in range(n_new - 1):
            start = now()
            token = self.step(token)
            seconds.append(now() - start)
        return seconds[0], seconds[1:]
