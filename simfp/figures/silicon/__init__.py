"""Pictures of what real chips answered, beside simfp's answers."""
