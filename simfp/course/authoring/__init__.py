"""For those who write lessons: pictures and recordings, made anew."""
