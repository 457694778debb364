"""The log (nhật ký) as far as facts tell of it: which key signs its checkpoints, since when."""
