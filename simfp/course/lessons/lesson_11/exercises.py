"""Lesson 11's exercises: fp16 or bf16, and what each of the six recipes is good for."""

from __future__ import annotations

from simfp.course.exercises import Exercise
from simfp.course.lessons.lesson_11 import answers

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "11.a",
        f"Choose a recipe for each. {' '.join(f'{job}: {what}' for job, what in answers.JOBS.items())}",
        answers.judge_choice,
        (
            "A: which format do Volta's tensor cores take? Try `list(sf.VOLTA.cores)`.",
            "B: `sf.round_to(80_000, 'fp16')`.",
            "C: lesson 02 had a rounding that loses nothing on average. The dashboard has a recipe with it.",
        ),
        untouched=dict.fromkeys(answers.JOBS, ...),
    ),
    Exercise(
        "11.b",
        f"What went wrong in this run: {', '.join(answers.FAILURES)}?",
        answers.judge_failure,
        (
            "Go through the table by phase. Did any gradient become zero, or infinite?",
            "Gradients are there, and finite, and yet the network hardly learns. What comes after the gradients?",
            "The last column of the line *update* says it.",
        ),
    ),
    Exercise(
        "11.c",
        "For each number: which of the two has one nearer to it, fp16 or bf16?",
        answers.judge_nearer,
        (
            "bf16 has 8 bits of precision everywhere, fp16 11 from 2⁻¹⁴ to 65,504.",
            "Below 2⁻¹⁴ fp16 loses a bit with every halving. When has it fewer than 8?",
            "From 2⁻¹⁷ to 2⁻¹⁶ both have 8; below 2⁻¹⁷ bf16 has more.",
        ),
        untouched=dict.fromkeys(answers.NUMBERS, ...),
    ),
)
