"""Who takes part. Each runs in a process of its own, in which KERAS_BACKEND and the class's framework are set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contestant:
    """One way to do the work.

    Args:
        label: in tables and plots.
        work: "module:class" of eval.bench, made from (workload folder, how).
        how: passed to it.
        backend: Keras's back end in that process.
        bf16: products in bf16: takes part on CPUs that multiply it natively.
    """

    label: str
    work: str
    how: str
    backend: str = "tensorflow"
    bf16: bool = False


STUDENTS = {
    "torch-eager": Contestant("PyTorch eager", "torch_student:TorchStudent", "eager", "torch"),
    "torch-compile": Contestant("PyTorch torch.compile", "torch_student:TorchStudent", "compile", "torch"),
    "torch-eager-bf16": Contestant("PyTorch eager, bf16", "torch_student:TorchStudent", "eager bf16", "torch", True),
    "torch-compile-bf16": Contestant(
        "PyTorch torch.compile, bf16", "torch_student:TorchStudent", "compile bf16", "torch", True
    ),
    "keras-tf-eager": Contestant("Keras on TF eager", "keras_student:KerasStudent", "eager"),
    "keras-tf-graph": Contestant("Keras on TF graph", "keras_student:KerasStudent", "graph"),
    "keras-tf-xla": Contestant("Keras on TF XLA", "keras_student:KerasStudent", "xla"),
    "keras-tf-bf16": Contestant("Keras on TF graph, bf16", "keras_student:KerasStudent", "bf16", bf16=True),
    "keras-torch": Contestant("Keras on PyTorch", "keras_student:KerasStudent", "eager", "torch"),
    "keras-jax": Contestant("Keras on JAX", "keras_student:KerasStudent", "xla", "jax"),
}
PIPELINES = {
    "dataloader-0": Contestant("DataLoader, no workers", "pipelines:LoaderPipeline", "0", "torch"),
    "dataloader-2": Contestant("DataLoader, 2 workers", "pipelines:LoaderPipeline", "2", "torch"),
    "tf-data": Contestant("tf.data, prefetch", "pipelines:TfDataPipeline", "prefetch"),
    "numpy-thread": Contestant("NumPy, one thread ahead", "pipelines:ThreadPipeline", "thread", "jax"),
}
MISTAKES = {
    "torch-eager": Contestant("PyTorch eager", "shape_errors:Mistake", "torch-eager", "torch"),
    "torch-compile": Contestant("PyTorch torch.compile", "shape_errors:Mistake", "torch-compile", "torch"),
    "keras-tf-eager": Contestant("TF eager", "shape_errors:Mistake", "tf-eager"),
    "keras-tf-graph": Contestant("TF tf.function", "shape_errors:Mistake", "tf-graph"),
    "keras-tf-xla": Contestant("TF XLA", "shape_errors:Mistake", "tf-xla"),
    "keras-jax": Contestant("JAX jit", "shape_errors:Mistake", "jax-jit", "jax"),
}
STUDENT_BASELINE, PIPELINE_BASELINE = "torch-eager", "dataloader-0"
