"""The launchers: right syntax, flags that torchrun knows, and a command line that reaches the fine-tuning."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

from train.config.load import load_config

ROOT = Path(__file__).parents[2]
LAUNCHERS = ("train-one-gpu", "train-eight-gpus", "train-slurm.sbatch")
STUB = '#!/usr/bin/env bash\nprintf "%s\\n" "$(basename "$0")" "$@" "--end--" >> "$CALLS"\n'


def calls(name: str, folder: Path) -> list[list[str]]:
    """What a launcher calls: `tandem`, `torchrun` and Slurm's commands are stubs that write down their arguments."""
    for tool in ("tandem", "torchrun"):
        (folder / tool).write_text(STUB)
    (folder / "srun").write_text('#!/usr/bin/env bash\n[ "$SRUN_CPUS_PER_TASK" = 32 ] && exec "$@"\n')
    (folder / "scontrol").write_text("#!/usr/bin/env bash\nprintf 'node-a\\nnode-b\\n'\n")
    for tool in folder.iterdir():
        tool.chmod(0o755)
    slurm = {"SLURM_NNODES": "2", "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "node-[a-b]", "SLURM_GPUS_ON_NODE": "8"}
    slurm["SLURM_CPUS_PER_TASK"] = "32"  # srun takes its own variable alone
    environment = os.environ | slurm | {
        "TANDEM_BIN": str(folder), "CALLS": str(folder / "calls.txt"), "GPUS": "4", "SLURM_SUBMIT_DIR": str(ROOT),
        "PATH": f"{folder}:{os.environ['PATH']}",
    }  # fmt: skip
    subprocess.run([ROOT / "scripts" / name, "c.yaml", "seed=2"], env=environment, check=True)
    return [call.splitlines() for call in (folder / "calls.txt").read_text().split("--end--\n") if call]


@pytest.mark.parametrize("name", LAUNCHERS)
def test_data_comes_first_and_arguments_arrive(tmp_path: Path, name: str) -> None:
    data, training = calls(name, tmp_path)
    assert data == ["tandem", "data", "c.yaml", "seed=2"]
    if name == "train-one-gpu":
        assert training == ["tandem", "finetune", "c.yaml", "seed=2"]
        return
    assert training[0] == "torchrun"
    parsed = get_args_parser().parse_args(training[1:])  # refuses a flag it does not know
    assert (parsed.module, parsed.training_script) == (True, "train.torch_track")
    assert parsed.training_script_args == ["c.yaml", "seed=2"]
    if name == "train-eight-gpus":
        assert (parsed.standalone, parsed.nproc_per_node) == (True, "4")
    else:
        assert (parsed.nnodes, parsed.nproc_per_node, parsed.rdzv_endpoint) == ("2", "8", "node-a:29500")


EXAMPLE = re.compile(r"^#   (?:GPUS=(\d+) )?(?:\./|sbatch --nodes=(\d+) )scripts/\S+ (\S+\.yaml) ?(.*)$", re.MULTILINE)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_examples_fit_their_configs(name: str) -> None:
    examples = EXAMPLE.findall((ROOT / "scripts" / name).read_text())
    assert examples
    for gpus, nodes, config, overrides in examples:
        settings = load_config(ROOT / config, overrides.split()).config.finetune
        processes = 1 if name == "train-one-gpu" else int(gpus or 8) * int(nodes or 1)
        assert settings.batch_size % (settings.micro_batch_size * processes) == 0, (config, overrides)
