"""Linter for .tflite and .litertlm files: why a runtime refuses one or silently runs it wrong, and what to do.

    tandem check runs/demo/mobile/student-int8.tflite

What the rules know comes from runs of the runtimes (operator_versions.py, dynamic_quantization.py) and from
LiteRT-LM's sources. Heavy libraries are imported by the functions that need them.
"""
