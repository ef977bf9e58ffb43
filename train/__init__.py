"""Everything that makes a model: config, data, fine-tuning (PyTorch), capture, distillation (Keras)."""
