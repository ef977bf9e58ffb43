"""The student as a TensorFlow SavedModel with serving signatures: what TF Serving loads.

A server keeps no state between requests, so the whole greedy loop is inside the graph: prompt ids in, new ids out.
Signature `serving_default`: token_ids [B,P] int32, rows filled up on the right with the pad id → new_ids [B,N].
Signature `generate`: the same with `stop_id` and `max_new_tokens` as inputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train.keras_track.backend import tf
from train.quiet import quiet_stderr


class Served(tf.Module):  # type: ignore[misc]
    """KerasHub's own generation over its cache, with static names for a server."""

    def __init__(self, backbone: Any, pad_id: int, stop_id: int, max_new_tokens: int) -> None:
        super().__init__()
        from keras_hub.models import LlamaCausalLM

        causal_lm: Any = LlamaCausalLM
        self._lm = causal_lm(backbone=backbone, preprocessor=None)
        self._lm.compile(sampler="greedy", jit_compile=False)
        self._backbone = backbone  # so that tf.Module finds the variables
        self._pad_id, self._stop_id, self._max_new_tokens = pad_id, stop_id, max_new_tokens

    def new_ids(self, token_ids: Any, stop_id: Any, max_new_tokens: Any) -> dict[str, Any]:
        """New ids [B,N] of prompts [B,P]; what follows a row's stop id has no meaning."""
        prompt = tf.pad(token_ids, [[0, 0], [0, max_new_tokens]], constant_values=self._pad_id)
        mask = tf.not_equal(prompt, self._pad_id)
        inputs = {"token_ids": prompt, "padding_mask": mask}
        ids = self._lm.generate_step(inputs, stop_token_ids=(stop_id,))["token_ids"]
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), 1)
        places = lengths[:, None] + tf.range(max_new_tokens)[None]
        return {"new_ids": tf.gather(ids, places, batch_dims=1)}

    def signatures(self) -> dict[str, Any]:
        ids, number = tf.TensorSpec([None, None], tf.int32, "token_ids"), tf.TensorSpec([], tf.int32)

        @tf.function(input_signature=[ids])  # type: ignore[untyped-decorator]
        def serving_default(token_ids: Any) -> dict[str, Any]:
            return self.new_ids(token_ids, self._stop_id, self._max_new_tokens)

        @tf.function(input_signature=[ids, number, number])  # type: ignore[untyped-decorator]
        def generate(token_ids: Any, stop_id: Any, max_new_tokens: Any) -> dict[str, Any]:
            return self.new_ids(token_ids, stop_id, max_new_tokens)

        return {"serving_default": serving_default, "generate": generate}


def write_savedmodel(backbone: Any, folder: Path, pad_id: int, stop_id: int, max_new_tokens: int) -> None:
    """Writes the SavedModel of a KerasHub LlamaBackbone; `folder` is what a server's version folder holds."""
    served = Served(backbone, pad_id, stop_id, max_new_tokens)
    with quiet_stderr():
        tf.saved_model.save(served, str(folder), signatures=served.signatures())
