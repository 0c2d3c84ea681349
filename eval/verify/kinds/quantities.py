"""Numbers with units and percentages, compared exactly."""

from eval.verify.kinds.numbers import Number, read_number, same_number
from eval.verify.kinds.units import Quantity, conflict, has_variables, separate
from eval.verify.outcome import WRONG, Outcome, Same


def separated(gold: str, answer: str) -> tuple[Quantity, Quantity]:
    """Value and unit of both. A bare letter in a gold is a variable, and so it is in its answer."""
    return separate(gold, True), separate(answer, has_variables(gold))


def read_quantity(quantity: Quantity) -> Number | None:
    """Its number, 5 million in full; None if the value is anything but a number."""
    number = read_number(quantity.value)
    return None if number is None else number._replace(value=number.value * quantity.scale)


def is_number(text: str) -> bool:
    """Whether a cleaned answer is a number, with or without a unit."""
    return read_number(separate(text).value) is not None


def compare_quantities(gold: str, answer: str, _: Same) -> Outcome | None:
    ours, theirs = separated(gold, answer)
    one, other = read_quantity(ours), read_quantity(theirs)
    if one is None or other is None:
        return None
    if (one.is_percent and theirs.unit) or (other.is_percent and ours.unit):
        return WRONG  # 20% is not 20 degrees
    return Outcome(same_number(one, other) and not conflict(ours.unit, theirs.unit), "ok")
