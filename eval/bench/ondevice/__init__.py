"""On-device runtimes side by side: the same weights, the same prompt, the same number of new tokens.

model.py, workload.py   what is run: a model's folder or random weights of a named shape, and the sizes of a request
files.py         the files of every runtime, written in child processes
contestants.py   who takes part
request.py       the timed request that all answer; tflite.py, litertlm.py, gguf_runner.py, onnx_runner.py,
                 kerashub.py answer it
bandwidth.py     how fast one thread reads memory: a contestant like the others
app.py, app_process.py   the process that an app would be: text in, call out
measure.py       the measurement, round by round; figures.py, targets.py its figures; result.py its file; tables.py
"""
