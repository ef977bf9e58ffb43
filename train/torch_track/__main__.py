"""Fine-tuning on several processes:

accelerate launch -m train.torch_track configs/demo.yaml finetune.epochs=2
torchrun --nproc-per-node 2 -m train.torch_track configs/demo.yaml
"""

from __future__ import annotations

import sys

from train.command import stage_main
from train.torch_track import STAGE, finetune_stage

if __name__ == "__main__":
    sys.exit(stage_main(STAGE, sys.argv[1:], finetune_stage))
