"""Children of the project's modules: started anywhere, they find the project and not what only has its names."""

from __future__ import annotations

import subprocess
from pathlib import Path

from train.child import module_command, module_environment


def test_a_child_runs_in_the_callers_folder_beside_files_of_the_same_names(tmp_path: Path) -> None:
    """A user's own train.py is likely: it must not stand in the package's place."""
    (tmp_path / "train.py").write_text("raise SystemExit('the wrong train')")
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "__init__.py").write_text("raise SystemExit('the wrong eval')")
    environment = module_environment({"PATH": "/usr/bin:/bin"})
    command = module_command("eval.worker")
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, input="", capture_output=True, text=True, timeout=60, check=False
    )
    assert "the wrong" not in done.stdout + done.stderr
    assert (done.returncode, done.stderr) == (0, "")


def test_a_path_of_the_user_is_kept(tmp_path: Path) -> None:
    environment = module_environment({"PYTHONPATH": str(tmp_path)})
    assert environment["PYTHONPATH"].split(":")[1:] == [str(tmp_path)]
