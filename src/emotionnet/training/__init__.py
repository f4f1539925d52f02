"""What changes weights."""

import os

if {"TORCHELASTIC_RUN_ID", "SLURM_STEP_NUM_TASKS"} & os.environ.keys():  # one of several processes
    # Else each remarks that no parameter went without a gradient.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch reads it when it is imported
