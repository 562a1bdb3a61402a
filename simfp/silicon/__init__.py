"""What real chips answered, and what simfp makes of the same: cases, checks, recordings, verdicts. Without torch."""
