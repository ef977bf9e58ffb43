"""One exported .tflite file behind a few calls: prefill, decode, generate, score."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .drafter import Drafter
from .errors import ContextFullError, ModelError, PromptError
from .plan import Chunk, plan_prefill
from .runner import Logits, RunnerKind, open_runner

PATIENCE, WORTH = 6, 0.5  # an answer goes on without drafts after so many calls that accepted fewer than this each
MASKED = np.float32(-45824.0)  # added to scores; finite, so that a row of padding stays a number, and fits float16


class Model:
    """A decoder with a KV cache of `window` tokens. One conversation at a time; not thread-safe.

    Args:
        path: the .tflite file.
        threads: CPU threads.
        runner: "interpreter" (the default: what every runtime has, and what the export's gates compare with),
            "compiled" (LiteRT's CompiledModel, faster with large windows), or "auto" (compiled where it is there).

    Raises ModelError where the file is missing, damaged, or has other signatures than the export writes.

    Example:
        model = Model(Path("mobile/student-int8.tflite"))
        ids = list(model.generate(prompt_ids, max_new_tokens=64, stop_ids={2}, sampler=Sampler()))
    """

    def __init__(self, path: Path | str, threads: int = 1, runner: RunnerKind = "interpreter") -> None:
        self.path = Path(path)
        self._runner = open_runner(self.path, threads, runner)
        self.window, self.vocab_size, self.buckets = (
            self._runner.window,
            self._runner.vocab_size,
            self._runner.buckets,
        )
        self.verify_size = self._runner.verify_size
        self.reset()

    @property
    def position(self) -> int:
        """How many tokens are in the cache."""
        return len(self.ids)

    def reset(self) -> None:
        """Forgets everything read so far."""
        self.ids: list[int] = []
        self.calls = 0  # of decode and verify since then
        self._mask = np.full((1, 1, 1, self.window), MASKED, dtype=np.float32)
        self._runner.clear()

    def rewind(self, ids: Sequence[int]) -> int:
        """Keeps the tokens in the cache that `ids` begins with, and forgets the rest; returns how many.

        At least the last of `ids` is left to be read, because its logits are not kept. What follows may differ in
        the last digits from a fresh start: the prompt is then cut into other prefill calls.
        """
        kept = 0
        for old, new in zip(self.ids, ids[:-1], strict=False):
            if old != new:
                break
            kept += 1
        self.ids = self.ids[:kept]
        self._mask[..., kept:] = MASKED
        return kept

    def prefill(self, ids: Sequence[int]) -> None:
        """Reads ids into the cache. ContextFullError, before anything is written, where they do not fit."""
        self._check_ids(ids)
        for chunk in plan_prefill(len(ids), self.position, self.buckets, self.window):
            part = ids[chunk.start : chunk.start + chunk.count]
            if chunk.bucket in self.buckets:
                self._prefill_chunk(part, chunk)
            else:
                self.decode(part[0])

    def decode(self, token: int) -> Logits:
        """Reads one id; logits [V] for the next."""
        self._check_ids([token])
        self._check_room_for_one()
        logits = self._read(token)
        self._keep(token)
        return logits

    def verify(self, ids: Sequence[int]) -> Logits:
        """Logits [len(ids), V] after each of ids, by one call; none of them counts as read.

        Not while an answer of this model is under way: it overwrites the rows of its draft tokens.

        Args:
            ids: at most `verify_size`, and as many have to fit into the window.
        """
        self._check_ids(ids)
        if not self.verify_size:
            raise ModelError(f"{self.path} has no signature verify_N. Export it again with export.verify=8.")
        if not 0 < len(ids) <= self.verify_size or self.position + self.verify_size > self.window:
            raise ContextFullError(
                f"{len(ids)} tokens cannot be verified at position {self.position}: a call takes 1 to "
                f"{self.verify_size}, and the window holds {self.window}. Give fewer, or read them by decode()."
            )
        self.calls += 1
        return self._runner.verify(*self._padded(ids, self.verify_size, self.position))[: len(ids)]

    def generate(
        self,
        ids: Sequence[int],
        max_new_tokens: int,
        stop_ids: Collection[int],
        sampler: Callable[[Logits], int],
        drafter: Drafter | None = None,
    ) -> Iterator[int]:
        """Reads `ids` after what is in the cache, then yields new ids as they come, without the stop id.

        With `drafter`, whose answer has begun, draft tokens are read along where the file has a signature for it.

        Raises PromptError for an empty prompt and ContextFullError where the prompt does not fit
        or the window is full before a stop id came; ModelError where the cache was used in between.
        """
        if not ids:
            raise PromptError("The prompt is empty: at least one token is needed.")
        self._check_ids(ids)
        if self.position + len(ids) > self.window:
            raise ContextFullError(
                f"The prompt has {len(ids)} tokens, but only {self.window - self.position} of the window's "
                f"{self.window} are free. Shorten it, or export with a larger window."
            )
        self.prefill(ids[:-1])
        cache, chosen, left = self.ids, ids[-1], max_new_tokens
        verified = accepted = 0  # calls with draft tokens, and draft tokens that were accepted
        while left > 0:
            pays = verified < PATIENCE or accepted >= WORTH * verified
            drafts = drafter.draft(self._draftable(left)) if drafter is not None and pays else []
            verified += bool(drafts)
            for number, (token, logits) in enumerate(self._after_each(chosen, drafts)):
                if token != chosen:
                    break  # rejected
                accepted += number > 0
                self._keep(token)
                read = self.position
                chosen = sampler(logits)
                if drafter is not None:
                    drafter.add(chosen)
                if chosen in stop_ids:
                    return
                yield chosen
                left -= 1
                if left == 0:
                    return
                if self.ids is not cache or self.position != read:
                    raise ModelError(
                        f"The cache of {self.path} was used for something else before this answer was over, so that it "
                        "cannot go on. Read one answer to its end first, or load the folder once for each."
                    )

    def score(self, prompt: Sequence[int], answer: Sequence[int]) -> npt.NDArray[np.float64]:
        """Natural log-probability of each id of `answer` after `prompt` and the ids before it, [len(answer)].

        Starts from an empty cache. exp(-mean) of the result is the perplexity.
        """
        if not prompt:
            raise PromptError("The prompt is empty: the first id of the answer needs one before it.")
        self._check_ids([*prompt, *answer])
        self._check_room(len(prompt) + max(0, len(answer) - 1))
        self.reset()
        self.prefill(prompt[:-1])
        scores = np.zeros(len(answer))
        before = prompt[-1]
        for index, token in enumerate(answer):
            logits = self.decode(before).astype(np.float64)
            scores[index] = logits[token] - logits.max() - np.log(np.exp(logits - logits.max()).sum())
            before = token
        return scores

    def signatures(self) -> dict[str, dict[str, dict[str, int]]]:
        """Signature to tensor indices in its subgraph, for bindings that know no signatures."""
        return self._runner.signatures()

    def _draftable(self, left: int) -> int:
        """How many draft tokens a call can take when `left` tokens are wanted; 0: one token per call."""
        fits = self.position + self.verify_size <= self.window
        return max(0, min(self.verify_size, left) - 1) if fits else 0

    def _after_each(self, token: int, drafts: Sequence[int]) -> Iterator[tuple[int, Logits]]:
        """A token and the draft tokens behind it, each with the logits after it, by one call."""
        if not drafts:
            self._check_room_for_one()
            return iter([(token, self._read(token))])
        read = [token, *drafts]
        return iter(zip(read, self.verify(read), strict=True))

    def _read(self, token: int) -> Logits:
        """One call of decode at the present position."""
        self._mask[..., self.position] = 0.0  # a token sees itself
        self.calls += 1
        return self._runner.decode(token, self.position, self._mask)

    def _keep(self, token: int) -> None:
        """Counts a token as read, whose row is in the cache."""
        self._mask[..., self.position] = 0.0
        self.ids.append(token)

    def _prefill_chunk(self, ids: Sequence[int], chunk: Chunk) -> None:
        self._runner.prefill(chunk.bucket, *self._padded(ids, chunk.bucket, chunk.position))
        self.ids += ids
        self._mask[..., : self.position] = 0.0

    def _padded(
        self, ids: Sequence[int], size: int, position: int
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Logits]:
        """Tokens, positions and mask of a call of `size` tokens from `position` on."""
        tokens = np.zeros((1, size), dtype=np.int32)
        tokens[0, : len(ids)] = ids
        positions = np.arange(position, position + size, dtype=np.int32)
        allowed = np.arange(self.window) <= positions[:, None]
        return tokens, positions, np.where(allowed, np.float32(0.0), MASKED)[None, None]

    def _check_room_for_one(self) -> None:
        if self.position >= self.window:
            raise ContextFullError(
                f"The window of {self.window} tokens is full. Start over with reset(), or export with a larger window."
            )

    def _check_room(self, count: int) -> None:
        if count > self.window:
            raise ContextFullError(
                f"The prompt has {count} tokens with what is to be scored, and the window holds {self.window}. "
                "Shorten it, or export with a larger window."
            )

    def _check_ids(self, ids: Sequence[int]) -> None:
        wrong = [token for token in ids if not 0 <= token < self.vocab_size]
        if wrong:
            raise PromptError(
                f"Token id {wrong[0]} is outside the model's vocabulary of {self.vocab_size}: "
                "the tokenizer is of another model."
            )
