"""What the values of a config must agree on, beyond what each may be alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from train.config.schema import Config


class Conflict(NamedTuple):
    """Values that don't go together: their dotted keys, and what is wrong with them."""

    keys: tuple[str, ...]
    message: str


def conflicts(config: Config) -> list[Conflict]:
    """All conflicts of a config whose values are valid one by one."""
    return [conflict for check in CHECKS for conflict in check(config)]


def _base_model(config: Config) -> Iterator[Conflict]:
    model, adapter = config.model, config.finetune.adapter
    if model.source == "random" and model.shape is None:
        yield Conflict(("model.source",), "model.source is 'random', so model.shape must give the shape of the model")
    if model.prune is None:
        return
    if model.source == "random":
        yield Conflict(
            ("model.source", "model.prune"),
            "model.prune keeps a part of a trained base, but model.source is 'random': leave prune out, or name a "
            "base in model.source",
        )
    if adapter is not None and adapter.type == "qlora":
        yield Conflict(
            ("model.prune", "finetune.adapter.type"),
            "model.prune needs the weights themselves, and finetune.adapter.type 'qlora' packs them into four bits: "
            "use lora, or leave prune out",
        )


def _start_of_finetuning(config: Config) -> Iterator[Conflict]:
    initial, teacher = config.finetune.initial, config.finetune.teacher
    if initial is not None and teacher is not None:
        yield Conflict(
            ("finetune.initial", "finetune.teacher"),
            f"finetune.initial {initial!r} says what training starts from, finetune.teacher {teacher!r} that none is "
            "trained. Leave one of them out",
        )
    if initial is not None and config.finetune.adapter is not None:
        yield Conflict(
            ("finetune.initial", "finetune.adapter"),
            f"finetune.initial is {initial!r} and finetune.adapter is set: an adapter belongs to the base that others "
            "have, too. Leave one of them out",
        )
    for key, named in (("finetune.initial", initial), ("finetune.teacher", teacher)):
        if named == f"run:{config.name}":
            yield Conflict(
                (key, "name"),
                f"{key} is {named!r}, which is this run itself: it would start from its own result. Name another run, "
                "or give this one another name",
            )


def _lengths_and_batches(config: Config) -> Iterator[Conflict]:
    finetune, distill, longest = config.finetune, config.distill, config.data.max_length
    if finetune.batch_size % finetune.micro_batch_size:
        yield Conflict(
            ("finetune.batch_size", "finetune.micro_batch_size"),
            f"finetune.batch_size {finetune.batch_size} is not a multiple of finetune.micro_batch_size "
            f"{finetune.micro_batch_size}",
        )
    if finetune.sequence_length < longest:
        yield Conflict(
            ("finetune.sequence_length", "data.max_length"),
            f"finetune.sequence_length {finetune.sequence_length} is shorter than data.max_length {longest}: a row "
            "would not fit into a pack",
        )
    if max(distill.buckets) < longest:
        yield Conflict(
            ("distill.buckets", "data.max_length"),
            f"the largest of distill.buckets, {max(distill.buckets)}, is shorter than data.max_length {longest}: a "
            "row would have no bucket",
        )


def _compiled_attention(config: Config) -> Iterator[Conflict]:
    if config.finetune.attention == "flex" and config.finetune.compile == "off":
        yield Conflict(
            ("finetune.attention", "finetune.compile"),
            "finetune.attention is 'flex', which only compiled layers have, but finetune.compile is 'off'. Set "
            "finetune.attention to 'auto', or finetune.compile to 'auto' or 'on'",
        )


def _distillation(config: Config) -> Iterator[Conflict]:
    distill, backend = config.distill, config.student.backend
    if distill.control and (distill.alpha == 0 or distill.rows == 0):
        yield Conflict(
            ("distill.control", "distill.alpha", "distill.rows"),
            f"distill.control trains the student once more without the teacher, but distill.alpha is "
            f"{distill.alpha:g} and distill.rows {distill.rows}: it has none as it is. Set distill.control to false",
        )
    if distill.batch_size % distill.devices:
        yield Conflict(
            ("distill.batch_size", "distill.devices"),
            f"distill.batch_size {distill.batch_size} is not a multiple of distill.devices {distill.devices}: the "
            "devices share each batch evenly",
        )
    if distill.devices > 1 and backend == "torch":
        yield Conflict(
            ("distill.devices", "student.backend"),
            f"distill.devices is {distill.devices}, but Keras trains on one device on student.backend torch: use "
            "tensorflow or jax, or one device",
        )
    if distill.precision == "bf16" and (backend != "tensorflow" or distill.devices > 1):
        yield Conflict(
            ("distill.precision", "student.backend", "distill.devices"),
            "distill.precision is 'bf16', which TensorFlow on one device alone can do (student.backend is "
            f"{backend!r}, distill.devices {distill.devices})",
        )


def _exported_window(config: Config) -> Iterator[Conflict]:
    window, longest, verify = config.export.window, max(config.export.prefill), config.export.verify
    if window < longest:
        yield Conflict(
            ("export.window", "export.prefill"), f"export.window {window} is shorter than the prompt bucket {longest}"
        )
    if verify is not None and window < verify:
        yield Conflict(
            ("export.window", "export.verify"), f"export.window {window} is shorter than export.verify {verify}"
        )


CHECKS: tuple[Callable[[Config], Iterator[Conflict]], ...] = (
    _base_model,
    _start_of_finetuning,
    _lengths_and_batches,
    _compiled_attention,
    _distillation,
    _exported_window,
)
