"""What a fine-tuning works with: accelerator, model, optimizer, packed rows, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import LlamaForCausalLM

from train.chat import ChatTokenizer
from train.config.schema import FinetuneConfig
from train.errors import UserError
from train.hardware import compute_threads, cpu_has_bf16, gpu_has_bf16
from train.progress import say
from train.runs import StageContext, require_disk
from train.torch_track import checkpoint, initial_folder
from train.torch_track.adapter import attach, four_bit_config
from train.torch_track.checkpoint import Progress
from train.torch_track.compile_audit import LayerBreak
from train.torch_track.loss import Road, SummedLoss
from train.torch_track.model import load_trainable
from train.torch_track.packing import MicroBatch, Packs, pack_rows
from train.torch_track.sharding import is_sharded, shard, shards_wanted
from train.torch_track.token_cache import encoded_rows
from train.tracking.sample_prompts import SamplePrompts, sample_prompts

if TYPE_CHECKING:
    from peft import PeftModel


@dataclass
class Job:
    """All that the loop works with."""

    context: StageContext
    accelerator: Accelerator
    model: LlamaForCausalLM
    adapter: PeftModel | None  # peft's hold on the adapters that are in `model`
    summed_loss: Any  # SummedLoss, wrapped by accelerate
    optimizer: Any  # AdamW, wrapped by accelerate
    packs: Packs
    validation: Packs
    state: Progress
    prompts: SamplePrompts | None = None  # asked at every validation
    breaks: tuple[LayerBreak, ...] = ()  # layers that torch.compile left eager
    recorded: Callable[[MicroBatch, torch.Tensor], torch.Tensor] | None = None  # a micro-batch's work: cuda_graph.py

    @property
    def settings(self) -> FinetuneConfig:
        return self.context.config.finetune

    @property
    def tokens(self) -> int:
        """Positions trained on so far."""
        return self.state.step * self.settings.batch_size * self.settings.sequence_length

    @property
    def trainable(self) -> list[torch.nn.Parameter]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def save_checkpoint(self) -> None:
        """Writes a checkpoint of the state as it is; one process does, or each its part of a sharded model."""
        context, keep = self.context, self.settings.keep_checkpoints
        what = (context.checkpoints, self.model, self.optimizer, self.state, context.fingerprint, keep)
        if is_sharded(self.model):
            checkpoint.save_sharded(*what, self.accelerator)
        elif self.accelerator.is_main_process:
            checkpoint.save(*what)

    def on_all(self, fact: bool) -> bool:
        """Whether it is so on every process."""
        if self.accelerator.num_processes == 1:
            return fact
        found = torch.tensor(int(fact), device=self.accelerator.device)
        torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MIN)
        return bool(found)

    def of_process_0(self, *values: float) -> list[float]:
        """Process 0's figures, on every process: decisions taken by the clock must be the same everywhere."""
        if self.accelerator.num_processes == 1:
            return list(values)
        figures = torch.tensor(values, dtype=torch.float64, device=self.accelerator.device)
        torch.distributed.broadcast(figures, src=0)
        agreed: list[float] = figures.tolist()
        return agreed


def prepare(context: StageContext) -> Job:
    """Model, optimizer and packed rows, resumed from the newest checkpoint where there is one."""
    config, settings = context.config, context.config.finetune
    accelerator = start_accelerator(settings)
    set_seed(config.seed)
    tokenizer = ChatTokenizer.load(context.run.data / "tokenizer")
    packs = load_packs(context.run.data, "train.jsonl", tokenizer, settings, settings.rows)
    validation = load_packs(context.run.data, "val.jsonl", tokenizer, settings, settings.eval_rows)
    four_bit = None
    if settings.adapter is not None and settings.adapter.type == "qlora":
        four_bit = four_bit_config(accelerator.device)
    model = load_trainable(config.model, context.run.data / "tokenizer", config.seed, four_bit, initial_folder(config))
    sharded = shards_wanted(settings, accelerator)
    if not sharded:
        model.to(accelerator.device)
    adapter = None if settings.adapter is None else attach(model, settings.adapter, config.seed)
    _require_disk(context, model)
    bf16 = accelerator.mixed_precision == "bf16"
    road = Road.of(model, accelerator.device, bf16, packs, validation, attention=settings.attention)
    summed_loss = SummedLoss(model, road)
    if sharded:
        shard(summed_loss, accelerator.device)
    optimizer = make_optimizer(model, settings)
    state = checkpoint.restore(context.checkpoints, model, optimizer, context.fingerprint)
    if state is None:
        state = Progress(total_steps=planned_steps(packs, settings))
    # What is sharded is no more wrapped in DDP: autocast alone.
    wrapped = accelerator.prepare_model(summed_loss, evaluation_mode=sharded)
    optimizer = accelerator.prepare_optimizer(optimizer)
    prompts = sample_prompts(context.run.data / "val.jsonl", tokenizer, settings.sample_rows)
    return Job(context, accelerator, model, adapter, wrapped, optimizer, packs, validation, state, prompts)


def _require_disk(context: StageContext, model: LlamaForCausalLM) -> None:
    """Weights and two moments in fp32 for each kept checkpoint, the best and the one being written; the teacher.

    Checkpoints that lie there already give way to new ones, the first of them beside it.
    """
    settings = context.config.finetune
    one = 12 * sum(p.numel() for p in model.parameters() if p.requires_grad)
    teacher = 4 * sum(p.numel() for p in model.parameters())
    more = (settings.keep_checkpoints + settings.keep_best) * one - checkpoint.held_bytes(context.checkpoints)
    require_disk(context.run.path, (max(more, 0) + one + teacher) / 1e6, "fine-tuning")


def start_accelerator(settings: FinetuneConfig) -> Accelerator:
    """Device and precision. 'auto' takes bf16 only where the hardware multiplies it natively."""
    on_cpu = settings.device == "cpu" or (settings.device == "auto" and not torch.cuda.is_available())
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UserError("finetune.device is 'cuda', but PyTorch sees no CUDA device here. Use 'auto' or 'cpu'.")
    native = cpu_has_bf16() if on_cpu else gpu_has_bf16()
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and native)
    if bf16 and not native:
        say("finetune: this hardware emulates bf16: expect it to be many times slower than fp32")
    accelerator = Accelerator(cpu=on_cpu, mixed_precision="bf16" if bf16 else "no")
    if on_cpu:
        torch.set_num_threads(compute_threads())
    per_pass = settings.micro_batch_size * accelerator.num_processes
    if settings.batch_size % per_pass:
        raise UserError(
            f"finetune.batch_size {settings.batch_size} is not a multiple of finetune.micro_batch_size "
            f"{settings.micro_batch_size} × {accelerator.num_processes} processes."
        )
    return accelerator


def make_optimizer(model: LlamaForCausalLM, settings: FinetuneConfig) -> torch.optim.AdamW:
    """AdamW over the weights that are trained; norms are not decayed."""
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim >= 2]
    vectors = [p for p in trained if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95), fused=True)


def load_packs(data: Path, name: str, tokenizer: ChatTokenizer, settings: FinetuneConfig, rows: int | None) -> Packs:
    """The first `rows` rows of a file of the run's data/ as packs. Raises UserError where one is longer than a pack."""
    encoded = encoded_rows(data / name, data / "tokenizer", rows)
    longest = max((len(ids) for ids, _ in encoded), default=0)
    if longest > settings.sequence_length:
        raise UserError(
            f"{data / name} has a row of {longest} tokens, finetune.sequence_length is {settings.sequence_length}: the "
            "data was made with a larger data.max_length. Make it again (tandem data CONFIG), or raise sequence_length."
        )
    return pack_rows(encoded, settings.sequence_length, tokenizer.pad_id, settings.packing)


def planned_steps(packs: Packs, settings: FinetuneConfig) -> int:
    """Optimizer steps of all epochs, at least one."""
    return max(1, round(settings.epochs * len(packs) / settings.batch_size))
