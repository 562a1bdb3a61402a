"""A dashboard of training: one or two runs go on while their losses, what they lose and where is shown."""
