"""The stage as a whole on a student of a few thousand weights."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file

from train.chat import ChatTokenizer
from train.config.schema import Config, EarlyStopping
from train.distill.logit_cache import LogitCache, cache_key
from train.distill.supervised import read_supervised
from train.errors import TandemError, UserError
from train.hardware import cpu_has_bf16
from train.keras_track import distill
from train.keras_track.backend import keras, share_gpu_memory
from train.keras_track.batch_shapes import check_cache, check_rows
from train.keras_track.checkpoint import Checkpoint, TrainState
from train.keras_track.hf_folder import write_hf_folder
from train.keras_track.student import build_student, load_student
from train.keras_track.train_step import TrainStep, train_step
from train.runs import RunFolder, StageContext
from train.tracking import Tracker

CHECKPOINTS = "checkpoints"


def stage(run: RunFolder, config: Config, fingerprint: str = "f") -> dict[str, object]:
    with Tracker(run.path, "distill") as tracker:
        return distill.run(StageContext(config, run, fingerprint, tracker, run.path / CHECKPOINTS))


def with_distill(config: Config, **values: object) -> Config:
    return config.model_copy(update={"distill": config.distill.model_copy(update=values)})


def weights(run: RunFolder) -> dict[str, np.ndarray]:
    return load_file(run.student / "hf" / "model.safetensors")


def logged(run: RunFolder, name: str) -> list[float]:
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


def test_learns_and_writes_and_goes_on_bit_for_bit(
    run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_distill(config, buckets=[64])
    headline = stage(run, config)
    assert headline["steps"] == 16  # 2 epochs of 8 batches: see conftest
    assert headline["params"] == load_student(run.student / "student.keras").count_params()
    evaluations = logged(run, "eval/loss")
    assert evaluations[0] > evaluations[-1] == pytest.approx(headline["val_loss"], abs=1e-4)
    assert len(evaluations) == 3  # steps 6, 12 and the last
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    figures = {"train/loss", "train/lr", "train/grad_norm", "train/tok_per_s", "train/step", "train/tokens"}
    assert any(figures <= set(line) for line in lines)
    assert all("train/tokens" in line for line in lines if "eval/loss" in line)
    asked = [line["sample"]["prompt"] for line in lines if "sample" in line]
    assert len(asked) == 4 * len(evaluations), "the same four prompts at every evaluation"
    assert asked[:4] == asked[4:8] == asked[8:]
    uninterrupted = weights(run)

    shutil.rmtree(run.path / CHECKPOINTS)  # as the stage's runner does
    shutil.rmtree(run.student)
    call, calls = TrainStep.__call__, []

    def killed(self: TrainStep, *args: object, **kwargs: object) -> tuple[float, float, float]:
        if len(calls) == 12:
            raise KeyboardInterrupt
        calls.append(1)
        return call(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainStep, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        stage(run, config)
    assert not run.student.exists()
    assert json.loads((run.path / CHECKPOINTS / "last" / "state.json").read_text())["step"] == 10
    monkeypatch.setattr(TrainStep, "__call__", call)
    stage(run, config)
    assert weights(run).keys() == uninterrupted.keys()
    for name, value in weights(run).items():
        assert np.array_equal(value, uninterrupted[name]), name


def test_the_control_is_the_student_of_alpha_0_for_the_same_steps(run: RunFolder, config: Config) -> None:
    config = with_distill(config, epochs=0.5, buckets=[64])
    headline = stage(run, with_distill(config, control=True))
    assert headline["steps"] == headline["control_steps"] == 4
    both = [load_file(run.student / part / "hf" / "model.safetensors") for part in ("", "control")]
    assert any(np.abs(value - both[1][name]).max() > 1e-4 for name, value in both[0].items())
    assert len(logged(run, "control/train/loss")) == len(logged(run, "train/loss"))
    assert not list(run.student.rglob("headline.json"))
    shutil.rmtree(run.path / CHECKPOINTS)
    stage(run, with_distill(config, alpha=0.0), "other")
    for name, value in weights(run).items():
        np.testing.assert_array_equal(value, both[1][name])


def started(run: RunFolder, config: Config, folder: Path, **shape: object) -> Config:
    """The config with first weights that lie in `folder`."""
    keras.utils.set_random_seed(7)
    start = build_student(
        config.student.model_copy(update=shape), ChatTokenizer.load(run.data / "tokenizer").vocab_size
    )
    write_hf_folder(start, folder, run.data / "tokenizer")
    return config.model_copy(update={"student": config.student.model_copy(update={"initial": str(folder)})})


def test_a_share_of_the_first_weights_stays(
    run: RunFolder, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean of both ends, by hand, the control's too; the figures are those of the mean."""
    config = with_distill(started(run, config, tmp_path / "start"), epochs=0.5, buckets=[64], control=True)
    plain = stage(run, config)
    ends = {part: load_file(run.student / part / "hf" / "model.safetensors") for part in ("", "control")}
    shutil.rmtree(run.path / CHECKPOINTS)
    save = distill.write_hf_folder

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(distill, "write_hf_folder", killed)  # between the end of training and the writing
    with pytest.raises(KeyboardInterrupt):
        stage(run, with_distill(config, initial_share=0.25), "mixed")
    monkeypatch.setattr(distill, "write_hf_folder", save)
    mixed = stage(run, with_distill(config, initial_share=0.25), "mixed")
    first = load_file(tmp_path / "start" / "model.safetensors")
    for part, end in ends.items():
        for name, value in load_file(run.student / part / "hf" / "model.safetensors").items():
            np.testing.assert_allclose(value, 0.25 * first[name] + 0.75 * end[name], atol=1e-6, err_msg=part + name)
    for name in ("val_loss", "control_val_loss"):
        assert mixed[name] != plain[name]
    assert logged(run, "control/eval/mixed_loss")[-1] == mixed["control_val_loss"]
    student = config.student.model_copy(update={"initial": str(run.student / "hf")})
    still = with_distill(config.model_copy(update={"student": student}), learning_rate=1e-12, weight_decay=0.0)
    shutil.rmtree(run.path / CHECKPOINTS)
    assert stage(run, still, "again")["val_loss"] == pytest.approx(mixed["val_loss"], abs=1e-5)


@pytest.mark.parametrize("initial", ["random", "of another kind"])
def test_a_share_of_what_was_not_copied_has_no_effect(
    run: RunFolder, config: Config, tmp_path: Path, initial: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = with_distill(config, epochs=0.25, buckets=[64])
    if initial != "random":
        config = started(run, config, tmp_path / "start", rope_theta=500.0)
    stage(run, config)
    expected = weights(run)
    shutil.rmtree(run.path / CHECKPOINTS)
    stage(run, with_distill(config, initial_share=0.5), "shared")
    for name, value in weights(run).items():
        np.testing.assert_array_equal(value, expected[name])
    assert "initial_share 0.5 has no effect" in capsys.readouterr().err


def test_the_control_has_the_student_s_rates_where_that_stopped_early(run: RunFolder, config: Config) -> None:
    """A schedule of its own, annealed at the student's last step, would be another training."""
    stopping = EarlyStopping(patience=2, min_delta=100.0)
    changes = {"buckets": [64], "eval_every": 2, "early_stopping": stopping, "control": True}
    headline = stage(run, with_distill(config, **changes))
    assert headline["steps"] == headline["control_steps"] == 6
    assert int(str(headline["schedule_steps"])) > 6
    assert logged(run, "control/train/lr") == logged(run, "train/lr") != []


def test_a_finished_student_is_not_trained_again_when_the_control_was_killed(
    run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_distill(config, epochs=0.5, buckets=[64], control=True)
    train, parts = distill.Trainer.train, []

    def killed(self: distill.Trainer) -> dict[str, object]:
        parts.append(self)
        if len(parts) == 2:
            raise KeyboardInterrupt
        return train(self)

    monkeypatch.setattr(distill.Trainer, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        stage(run, config)
    assert not run.student.exists()
    stage(run, config)
    assert len(parts) == 3  # student, control (killed), control
    assert (run.student / "student.keras").exists()
    assert (run.student / "control" / "student.keras").exists()


def test_no_rows_for_the_teacher_is_cross_entropy_alone(run: RunFolder, config: Config) -> None:
    shutil.rmtree(run.logits)
    assert stage(run, with_distill(config, rows=0, epochs=0.3, buckets=[64]))["steps"] == 3


@pytest.mark.parametrize("count", [20, 55])  # fewer than the teacher labelled, and more
def test_the_student_sees_the_first_train_rows_and_no_others(run: RunFolder, config: Config, count: int) -> None:
    chosen, tokenizer = with_distill(config, train_rows=count), ChatTokenizer.load(run.data / "tokenizer")
    with Tracker(run.path, "distill") as tracker:
        training, _ = distill.load_batches(StageContext(chosen, run, "f", tracker, run.path), tokenizer, chosen.distill)
    assert sorted(row for batch in training.epoch(0) for row in batch.rows) == list(range(count))


def test_control_needs_no_cache(run: RunFolder, config: Config) -> None:
    shutil.rmtree(run.logits)
    headline = stage(run, with_distill(config, alpha=0.0, epochs=0.3, buckets=[64]))
    assert headline["steps"] == 3  # .3 of 8 batches, rounded up


def test_time_budget_cuts_the_steps_once(run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of its own, which moves by 10 ms each time it is looked at: on the step, and twice a validation."""
    ticks = itertools.count()
    monkeypatch.setattr("train.keras_track.trainer.time", SimpleNamespace(monotonic=lambda: next(ticks) * 0.01))
    headline = stage(run, with_distill(config, epochs=1000.0, max_minutes=0.05, buckets=[64]))
    assert 150 <= int(str(headline["steps"])) <= 285  # of 8,000: 3 s · .95 hold 285 steps without validations
    assert logged(run, "train/lr")[-1] < 0.2 * config.distill.learning_rate  # the cosine came to its end


def trainer_step(config: Config, run: RunFolder) -> tuple[TrainStep, distill.Batches]:
    tokenizer = ChatTokenizer.load(run.data / "tokenizer")
    with Tracker(run.path, "distill") as tracker:
        training, _ = distill.load_batches(StageContext(config, run, "f", tracker, run.path), tokenizer, config.distill)
    keras.utils.set_random_seed(0)
    return train_step(build_student(config.student, tokenizer.vocab_size), config.distill), training


def test_step_is_xla_and_decays_matrices_only(run: RunFolder, config: Config) -> None:
    step, training = trainer_step(with_distill(config, weight_decay=0.5, clip_norm=1e-9), run)
    batch = next(iter(training.dataset()))
    before = {v.path: v.numpy() for v in step.student.trainable_variables}
    for variable in step.student.trainable_variables:
        if "scale" in variable.path:
            variable.assign(2 * np.ones(variable.shape))
    step(batch, 1e-6)
    assert step.uses_xla(batch)
    for variable in step.student.trainable_variables:
        # A clipped gradient moves nothing by more than the learning rate; what is left is the decay.
        kept = 2.0 if "scale" in variable.path else before[variable.path] * (1 - 0.5e-6)
        assert np.abs(variable.numpy() - kept).max() <= 1.1e-6, variable.path


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no native bf16")
def test_bf16_products_follow_fp32(run: RunFolder, config: Config) -> None:
    curves = {}
    for precision in ("fp32", "bf16"):
        step, training = trainer_step(with_distill(config, precision=precision), run)
        curves[precision] = [step(batch, 3e-3)[0] for batch in training.dataset(batches=12)]
        assert (precision == "fp32") == step.XLA
        assert all(v.dtype == "float32" for v in step.student.trainable_variables)
    assert curves["bf16"] != curves["fp32"]  # else the graph was not rewritten
    np.testing.assert_allclose(curves["bf16"], curves["fp32"], rtol=0.02)
    assert curves["fp32"][-1] < 0.95 * curves["fp32"][0]


def test_bf16_is_refused_where_the_cpu_emulates_it(
    run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.keras_track.tensorflow_step.cpu_has_bf16", lambda: False)
    with pytest.raises(UserError, match=r"distill\.precision is 'bf16'.*fp32"):
        trainer_step(with_distill(config, precision="bf16"), run)
    step, _ = trainer_step(with_distill(config, precision="auto"), run)
    assert step.XLA


def test_clipping_and_norm(run: RunFolder, config: Config) -> None:
    """The logged norm is that before clipping: it does not depend on the limit."""
    norms = []
    for limit in (1e-3, 1e3):
        step, training = trainer_step(with_distill(config, clip_norm=limit), run)
        norms.append(step(next(iter(training.dataset())), 1e-3)[2])
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)
    assert norms[0] > 1e-3


def test_not_a_number_stops_the_training(run: RunFolder, config: Config) -> None:
    step, training = trainer_step(config, run)
    step.student.trainable_variables[0].assign(np.nan * np.ones(step.student.trainable_variables[0].shape))
    with pytest.raises(TandemError, match=r"Lower distill\.learning_rate"):
        step(next(iter(training.dataset())), 1e-3)


def test_checkpoint_of_another_config_or_damaged_is_not_used(tmp_path: Path) -> None:
    state = TrainState(step=4, total_steps=9, cut=False, spent_s=1.5)
    variable = keras.Variable(np.arange(3.0))
    Checkpoint(tmp_path / "last", "f").save(state, {"student": [variable]})
    variable.assign(np.zeros(3))
    assert Checkpoint(tmp_path / "last", "other").state() is None
    assert Checkpoint(tmp_path / "last", "f").state() == state
    Checkpoint(tmp_path / "last", "f").load({"student": [variable]})
    assert np.array_equal(variable.numpy(), np.arange(3.0))
    file = tmp_path / "last" / "variables.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert Checkpoint(tmp_path / "last", "f").state() is None
    with pytest.raises(TandemError, match="is damaged"):
        Checkpoint(tmp_path / "last", "f").load({"student": [variable]})


def test_a_kill_between_the_renames_of_a_save_loses_nothing(tmp_path: Path) -> None:
    variable, checkpoint = keras.Variable(np.arange(3.0)), Checkpoint(tmp_path / "last", "f")
    states = [TrainState(step=n, total_steps=9, cut=False, spent_s=1.5) for n in (4, 5)]
    checkpoint.save(states[0], {"student": [variable]})
    (tmp_path / "last").rename(tmp_path / ".last.old.partial")  # what a save does first
    (tmp_path / ".last.abcdefgh.partial").mkdir()  # what it was about to put there
    assert checkpoint.state() == states[0]
    checkpoint.save(states[1], {"student": [variable]})
    assert [path.name for path in tmp_path.iterdir()] == ["last"]
    assert checkpoint.state() == states[1]


def test_damaged_best_weights_are_no_result(
    run: RunFolder, config: Config, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Those of the last step would carry the best one's figure."""
    save = Checkpoint.save

    def damaged(self: Checkpoint, state: TrainState, variables: dict[str, list[object]]) -> None:
        save(self, state, variables)
        if "optimizer" not in variables and state.step == 2:
            file = self._folder / "variables.safetensors"
            file.write_bytes(file.read_bytes()[:-1] + b"\x01")

    monkeypatch.setattr(Checkpoint, "save", damaged)
    stopping = EarlyStopping(patience=2, min_delta=100.0)
    settings = with_distill(
        config, buckets=[64], eval_every=2, save_every=1, early_stopping=stopping, learning_rate=0.3
    )
    with pytest.raises(TandemError, match=r"checkpoints.*best is damaged\. Delete"):
        stage(run, settings)
    capfd.readouterr()
    with pytest.raises(TandemError, match="best is damaged"):  # the next start: from the beginning
        stage(run, settings)
    assert (
        "the best weights so far, of step 2: their checkpoint is damaged; training starts anew"
        in capfd.readouterr().err
    )


def test_early_stopping_keeps_the_best_weights(run: RunFolder, config: Config) -> None:
    """Nothing but the first validation counts as an improvement (min_delta 100): the second one ends the training."""
    stopping = EarlyStopping(patience=2, min_delta=100.0)
    headline = stage(run, with_distill(config, buckets=[64], eval_every=2, early_stopping=stopping, learning_rate=0.3))
    losses = logged(run, "eval/loss")
    assert headline["stopped_early"]
    assert headline["steps"] == 6
    assert len(losses) == 3
    assert headline["val_loss"] == pytest.approx(min(losses), abs=1e-5)
    assert headline["best_step"] == 2 * (1 + losses.index(min(losses)))
    kept = train_step(load_student(run.student / "student.keras"), config.distill)
    tokenizer = ChatTokenizer.load(run.data / "tokenizer")
    with Tracker(run.path, "distill") as tracker:
        _, held_out = distill.load_batches(StageContext(config, run, "f", tracker, run.path), tokenizer, config.distill)
    assert kept.evaluate(held_out.dataset(batches=len(held_out))) == pytest.approx(min(losses), abs=1e-5)


def test_gpu_memory_grows_on_every_card() -> None:
    grown: list[tuple[str, bool]] = []
    fake = SimpleNamespace(
        config=SimpleNamespace(
            list_physical_devices=lambda kind: ["GPU:0", "GPU:1"] if kind == "GPU" else [],
            experimental=SimpleNamespace(set_memory_growth=lambda gpu, on: grown.append((gpu, on))),
        )
    )
    assert share_gpu_memory(fake) == 2
    assert grown == [("GPU:0", True), ("GPU:1", True)]


def test_rows_and_cache_that_do_not_fit(run: RunFolder, config: Config) -> None:
    tokenizer = ChatTokenizer.load(run.data / "tokenizer")
    rows = read_supervised(run.data / "train.jsonl", tokenizer)
    cache = LogitCache(run.logits, cache_key(run, tokenizer, config.distill))
    check_rows(rows, tokenizer.vocab_size, run.data / "train.jsonl")
    check_cache(cache, rows, tokenizer.vocab_size, 2.0)
    with pytest.raises(UserError, match=r"train.jsonl:1 has token \d+, the vocabulary has 100\."):
        check_rows(rows, 100, run.data / "train.jsonl")
    with pytest.raises(UserError, match="holds the top 4 of a vocabulary of 3"):
        check_cache(cache, rows, 3, 2.0)
    with pytest.raises(UserError, match=r"The logit cache has token \d+ in row 0, the vocabulary has 20"):
        check_cache(cache, rows, 20, 2.0)
    with pytest.raises(UserError, match=r"distill\.temperature is 3"):
        check_cache(cache, rows, tokenizer.vocab_size, 3.0)
    with pytest.raises(UserError, match=r"has \d+ positions for row 0, which has \d+ supervised"):
        check_cache(cache, rows[1:], tokenizer.vocab_size, 2.0)
