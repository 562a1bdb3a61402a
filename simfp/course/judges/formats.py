"""How answers that name formats are judged: a table of them, and a function that returns one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simfp.course.display import short
from simfp.course.judges.judgement import Judgement
from simfp.course.judges.mistakes import Impostor, ask, refusal
from simfp.figures.palette import look
from simfp.formats import Format, as_format

__all__ = [
    "FormatCallJudge",
    "FormatTableJudge",
]


def _read(value: Any) -> Format | None:
    try:
        return as_format(value)
    except (TypeError, ValueError):
        return None


def _label(fmt: Format) -> str:
    return look(fmt).label


@dataclass(frozen=True)
class FormatTableJudge:
    """Judges a dict from questions to formats; each wrong one is told why."""

    right: Callable[[], dict[str, Format]]
    why: Callable[[str], str]  # of a question: the rule behind it, without the answer
    praise: str

    def __call__(self, answer: Any) -> Judgement:
        """Whether every format of `answer` is right, and if not, which are not, and why."""
        right = self.right()
        if not isinstance(answer, dict):
            return Judgement(False, f"This wants the dict with its {len(right)} keys; got {short(answer)}.")
        strange = [key for key in answer if key not in right]
        if strange:
            return Judgement(False, f"{short(strange[0])} is none of the keys. Leave those as they are.")
        missing = [key for key in right if key not in answer]
        if missing:
            return Judgement(False, f"The key {missing[0]!r} is missing.")
        open_ = [key for key in right if answer[key] is ... or answer[key] is None]
        read = {key: _read(answer[key]) for key in right if key not in open_}
        for key, fmt in read.items():
            if fmt is None:
                told = short(answer[key])
                return Judgement(False, f'`{key}`: {told} names no format; expected "fp16" or "fp32", say.')
        wrong = [key for key, fmt in read.items() if fmt != right[key]]
        parts = [f"{len(read) - len(wrong)} of {len(right)} are right."]
        parts += [f"`{key}` is not {_label(read[key])}: {self.why(key)}" for key in wrong]  # type: ignore[arg-type]
        if open_:
            parts.append(f"Still open: {', '.join(f'`{key}`' for key in open_)}.")
        if wrong or open_:
            return Judgement(False, "\n\n".join(parts))
        return Judgement(True, self.praise)


@dataclass(frozen=True)
class FormatCallJudge:
    """Judges a function from a name and formats to a format."""

    name: str
    cases: tuple[tuple[str, ...], ...]
    right: Callable[..., Any]
    impostors: tuple[Impostor, ...]
    why: Callable[[str], str]  # of an operation: its rule
    praise: str  # may name {cases}

    def __call__(self, answer: Any) -> Judgement:
        """Whether the function `answer` is right in every case, and if not, why."""
        refused = refusal(answer, self.name)
        if refused:
            return Judgement(False, refused)
        said: list[Format] = []
        for case in self.cases:
            call = self._call(case)
            one, trouble = ask(answer, case, lambda call=call: f"`{call}`")  # type: ignore[misc]
            if trouble:
                return Judgement(False, trouble)
            fmt = _read(one)
            if fmt is None:
                return Judgement(False, f'`{call}` should return a format, "fp16" say; it returned {short(one)}.')
            said.append(fmt)
        right = [as_format(self.right(*case)) for case in self.cases]
        wrong = [place for place in range(len(said)) if said[place] != right[place]]
        if not wrong:
            return Judgement(True, self.praise.format(cases=len(said)))
        first = wrong[0]
        filling = {"call": self._call(self.cases[first]), "said": _label(said[first]), "right": _label(right[first])}
        for function, message in self.impostors:
            if [as_format(function(*case)) for case in self.cases] == said:
                return Judgement(False, message.format(**filling))
        general = "`{call}` returns {said}; it is {right}: ".format(**filling)
        return Judgement(False, general + self.why(self.cases[first][0]))

    def _call(self, case: tuple[str, ...]) -> str:
        return f"{self.name}({', '.join(map(repr, case))})"
