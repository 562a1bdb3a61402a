"""Who judges an answer: numbers, functions, formats; by tables of typical mistakes."""
