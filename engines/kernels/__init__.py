"""The per-frame array operations: one docstring, a CPU body, later a CUDA twin."""
