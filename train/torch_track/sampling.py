"""Greedy answers to a few fixed prompts at every validation, for the samples table of the tracker."""

from __future__ import annotations

from typing import Any

import torch

from train.torch_track.job import Job
from train.torch_track.sharding import callable_in_parts, is_sharded

ENGINE = "teacher-eager"  # what will answer with these weights in the evaluation


def log_samples(job: Job) -> None:
    """Asks the prompts of `job.prompts` and logs the answers; process 0 does, with the others' help where the model is
    sharded."""
    sharded = is_sharded(job.model)
    if job.prompts is None or not (sharded or job.accelerator.is_main_process):
        return
    stop = job.prompts.tokenizer.stop_id
    with callable_in_parts(job.accelerator.unwrap_model(job.summed_loss)):
        answers = greedy(job.model, job.prompts.prompts, job.prompts.max_new_tokens, stop, in_step=sharded)
    job.context.tracker.samples(job.prompts.samples(job.state.step, ENGINE, answers))


def greedy(
    model: Any, prompts: list[list[int]], max_new_tokens: int, stop_id: int, in_step: bool = False
) -> list[list[int]]:
    """New ids of each prompt, the stop id and what fills the row after it included. The model stays in its mode.

    Args:
        in_step: all processes make the same number of passes, whatever their answers: none stops early.
    """
    width, was_training = max(map(len, prompts)), model.training
    ids = torch.tensor([[stop_id] * (width - len(prompt)) + prompt for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    model.eval()
    # Layers run as they are here, as in validation: other shapes would be compiled anew.
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        found = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            eos_token_id=None if in_step else stop_id,
            pad_token_id=stop_id,
        )
    model.train(was_training)
    answers: list[list[int]] = found[:, width:].tolist()
    return answers
