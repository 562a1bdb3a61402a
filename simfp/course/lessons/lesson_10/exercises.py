"""Lesson 10's exercises: which operation autocast runs in which format, and what its cache does."""

from __future__ import annotations

from simfp import as_format
from simfp.course.exercises import Exercise
from simfp.course.judges.formats import FormatCallJudge, FormatTableJudge
from simfp.course.lessons.lesson_10 import answers
from simfp.course.lessons.lesson_10.answers import inputs

__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "10.a",
        "x and w are fp32, h is fp16. Under autocast(dtype=fp16), in which format is each of the ten results?",
        FormatTableJudge(
            right=lambda: {text: as_format(fmt) for text, fmt in answers.expression_formats().items()},
            why=answers.why_of_expression,
            praise="All ten. The three questions, in this order: is it a product (fp16)? Is it in the fp32 list? Else: "
            "what do its inputs meet in?",
        ),
        (
            "Three kinds: products of matrices run in fp16, whatever comes in; exp, log, powers, norms, sums and "
            "losses in fp32; the rest follows its inputs, and fp16 with fp32 gives fp32.",
            "`sum` stands in a list and `mean` in none. `**` is pow, and `*` is mul.",
            "`from simfp.amp import autocast_rule`, then `autocast_rule('mul')` says which list. Or run it, and look.",
        ),
        untouched=dict.fromkeys(answers.EXPRESSIONS, ...),
    ),
    Exercise(
        "10.b",
        "Write `mended(x)`: the norm from above, without its overflow; the layer stays in fp16.",
        answers.MendedJudge(),
        (
            "`sf.Trace` finds the first infinity: `trace.first_infinite()`. Which operation is it, and which list does "
            "it stand in?",
            "`mul` follows its inputs. So its input has to be in fp32, before it is squared.",
            "`h = layer(x).float()`. Or `h ** 2` in place of `h * h`: pow is in the fp32 list.",
        ),
        trial=(inputs,),
    ),
    Exercise(
        "10.c",
        "Write `autocast_dtype(name, *formats)`: the format that an operation runs in under autocast(dtype=fp16), with "
        'inputs in these formats ("fp16", "bf16" or "fp32").',
        FormatCallJudge(
            name="autocast_dtype",
            cases=answers.DTYPE_CASES,
            right=answers.autocast_dtype,
            impostors=answers.DTYPE_IMPOSTORS,
            why=answers.rule_in_words,
            praise="Right in all {cases} cases. That is all of autocast, but for the cache: a table and a promotion.",
        ),
        (
            'Three branches: "lower_precision" gives fp16, the lists whose names begin with "float32" give fp32, and '
            "the rest looks at the formats.",
            "For the rest: if all formats are the same, it is that one. If they differ, it is fp32, for fp16 with bf16 "
            "too.",
            '`rule.startswith("float32")` and `len(set(formats)) == 1`.',
        ),
        trial=("add", "fp16"),
    ),
)
