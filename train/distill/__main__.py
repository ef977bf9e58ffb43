"""Capture in several processes, each labelling its blocks of rows; one cache, the same as one process makes:

torchrun --nproc-per-node 8 -m train.distill configs/demo.yaml
"""

from __future__ import annotations

import sys

from train.command import stage_main
from train.distill import CAPTURE

if __name__ == "__main__":
    sys.exit(stage_main(CAPTURE, sys.argv[1:]))
