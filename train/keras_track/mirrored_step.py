"""The train step on several devices of one machine: tf.distribute.MirroredStrategy.

Each replica's forward and backward pass is an XLA program, as on one device. The sum over the replicas and the update
are plain graph operations: an update of mirrored variables leaves the replicas (merge_call), which XLA can't compile.
"""

from __future__ import annotations

from typing import Any

from train.config.schema import DistillConfig
from train.keras_track.backend import keras, tf
from train.keras_track.student import StudentModel
from train.keras_track.student_loss import clipped
from train.keras_track.tensorflow_step import TensorFlowStep
from train.keras_track.train_step import Batch, Tensor


class MirroredStep(TensorFlowStep):
    """Splits a batch evenly, in the order of its rows; figures are those of the whole batch."""

    def __init__(self, student: StudentModel, config: DistillConfig) -> None:
        self.strategy = tf.distribute.get_strategy()
        super().__init__(student, config)
        self._local = tf.function(self._raw_gradients, jit_compile=True, autograph=False)
        self._both = tf.function(self._gradients_of_all, autograph=False)
        self._step = tf.function(self._update_all, autograph=False)

    def shards(self, batch: Batch) -> Any:
        """A batch as one dictionary a replica: rows 0 … B/n − 1 go to the first."""
        rows = next(iter(batch.values())).shape[0] // self.strategy.num_replicas_in_sync

        def share(context: Any) -> dict[str, Tensor]:
            replica = context.replica_id_in_sync_group
            part = slice(replica * rows, (replica + 1) * rows)
            with tf.device(self.strategy.extended.worker_devices[replica]):
                return {name: tf.identity(array[part]) for name, array in batch.items()}

        return self.strategy.experimental_distribute_values_from_function(share)

    def gradients(self, batch: Batch) -> Any:
        gradients, *figures = self._both(self.shards(batch))
        return gradients, *(self.strategy.experimental_local_results(figure)[0] for figure in figures)

    def update(self, gradients: Any) -> None:
        self._step(gradients)

    def uses_xla(self, batch: Batch) -> bool:
        """Whether each replica's forward and backward pass is one XLA program in the graph of all."""
        graph = self._both.get_concrete_function(self.shards(batch)).graph
        programs = [op for op in graph.get_operations() if op.node_def.attr["_XlaMustCompile"].b]
        return bool(len(programs) == self.strategy.num_replicas_in_sync)

    def _gradients_of_all(self, shards: Any) -> Any:
        return self.strategy.run(self._replica, (shards,))

    def _replica(self, batch: Batch) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """Means over a replica's tokens, weighted by its share of all tokens: the mean over the whole batch."""
        context = tf.distribute.get_replica_context()
        tokens = tf.reduce_sum(batch["weights"])
        share = tokens / tf.maximum(context.all_reduce("SUM", tokens), 1.0)
        loss, ce, raw = self._local(batch)
        loss, ce, *raw = context.all_reduce("SUM", [share * value for value in (loss, ce, *raw)])
        gradients, norm = clipped(raw, self._config.clip_norm)
        return gradients, loss, ce, norm

    def _update_all(self, gradients: Any) -> None:
        self.strategy.run(self._replica_update, (gradients,))

    def _replica_update(self, gradients: list[Tensor]) -> None:
        # Keras's optimizer adds up the replicas' gradients itself; these are the sum already, the same everywhere.
        n = self.strategy.num_replicas_in_sync
        parts = [keras.ops.divide(gradient, n) for gradient in gradients]
        self.optimizer.apply(parts, self.student.trainable_variables)
