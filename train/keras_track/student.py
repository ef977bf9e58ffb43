"""The student: KerasHub's LlamaBackbone with tied embeddings, as one model from token ids to logits.

LlamaBackbone.get_config (keras-hub 0.32) forgets `tie_word_embeddings`, so a saved backbone comes back untied and its
weights don't fit. StudentModel keeps the shape itself and builds the backbone from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train.config.schema import LlamaShape, StudentConfig
from train.errors import UserError
from train.keras_track.backend import keras, keras_hub

Tensor = Any


@keras.saving.register_keras_serializable(package="tandem")
class StudentModel(keras.Model):
    """Llama-style decoder, tied embeddings, fp32.

    Args:
        vocab_size: tokens of the vocabulary.
        shape: fields of LlamaShape (names of Hugging Face's config.json).

    Example:
        student = build_student(StudentConfig(), vocab_size=2000)
        logits = student({"token_ids": ids, "padding_mask": mask})  # [B,L] int32 each → [B,L,V]
    """

    def __init__(self, vocab_size: int, shape: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.shape = LlamaShape(**shape)
        self.backbone = keras_hub.models.LlamaBackbone(
            vocabulary_size=vocab_size,
            num_layers=self.shape.num_hidden_layers,
            num_query_heads=self.shape.num_attention_heads,
            num_key_value_heads=self.shape.num_key_value_heads,
            hidden_dim=self.shape.hidden_size,
            intermediate_dim=self.shape.intermediate_size,
            rope_max_wavelength=self.shape.rope_theta,
            layer_norm_epsilon=self.shape.rms_norm_eps,
            tie_word_embeddings=True,
            name="backbone",
        )
        self.built = True  # the backbone is functional: its variables exist

    def hidden(self, token_ids: Tensor, padding_mask: Tensor) -> Tensor:
        """States after the last norm: [B,L] ids and mask (1 = token) → [B,L,D]."""
        return self.backbone({"token_ids": token_ids, "padding_mask": padding_mask})

    def logits(self, hidden: Tensor) -> Tensor:
        """States [...,D] → logits [...,V], through the embedding table."""
        return self.backbone.token_embedding(hidden, reverse=True)

    def call(self, inputs: dict[str, Tensor]) -> Tensor:
        """{"token_ids": [B,L], "padding_mask": [B,L]} → logits [B,L,V]."""
        return self.logits(self.hidden(inputs["token_ids"], inputs["padding_mask"]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocab_size": self.vocab_size, "shape": self.shape.model_dump()}


def build_student(shape: StudentConfig, vocab_size: int) -> StudentModel:
    """A student with random weights; seed them with keras.utils.set_random_seed."""
    return StudentModel(vocab_size, {name: getattr(shape, name) for name in LlamaShape.model_fields}, name="student")


def load_student(path: Path) -> StudentModel:
    """Reads a student.keras. Raises UserError where there is none."""
    if not path.exists():
        raise UserError(f"No student at {path}. Run the stage 'distill' first: tandem distill CONFIG")
    model: StudentModel = keras.models.load_model(path, compile=False)
    return model
