"""A network that trains in fp16 while its loss scale is dragged, or while a GradScaler looks for one."""
