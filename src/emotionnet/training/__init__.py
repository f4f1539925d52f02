"""What changes weights."""

import os

if "TORCHELASTIC_RUN_ID" in os.environ:  # else each process remarks that no parameter went without a gradient
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch reads it when it is imported
