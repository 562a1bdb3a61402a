"""For those who write lessons: a new one laid down, pictures and recordings made anew."""
