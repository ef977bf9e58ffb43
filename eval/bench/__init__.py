"""Frameworks side by side: the same student on the same batch, the same rows through each input pipeline.

workload.py      what is measured: student, batch, rows and logit cache, made once in a folder
contestants.py   who takes part
torch_student.py, keras_student.py, pipelines.py   the contestants' work
child.py, process.py   a contestant's process, and the parent's side of it
user_layer.py, shape_errors.py   a mistake in user code, and what each compiler says about it
rounds.py        contestants in turns, round by round
frameworks.py    the measurement; result.py its file; plot.py, answers.py what is made from it
ondevice/        the same for runtimes on a device: scripts/bench_ondevice
"""
