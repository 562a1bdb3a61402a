"""The lessons: a folder for each, loaded when it is asked for."""
