"""The claims that the course tests, each with its experiment."""
