"""A device's answers beside simfp's, one element at a time: choose an operation, drag through its elements."""
