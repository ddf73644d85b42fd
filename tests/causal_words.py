"""Words that say why something happened, found in text that a machine wrote.

A machine records that one thing came after another. That one made the other is a person's sentence, with a name under
it. So no word of causing stands in what gatedog writes of itself; what somebody else said stands in quotation marks or
behind "rule said:", as theirs.

Invariant: a list of words, not an understanding of sentences: it finds these, and nothing else.
"""

import re
from typing import Final

_WORDS: Final = re.compile(
    r"\b(?:because|caus(?:ed|es|ing|al(?:ly)?)|due to|led to|leads? to|leading to|as a (?:result|consequence)"
    r"|result(?:s|ed|ing)? (?:in|from)|therefore|thus|hence|consequently|owing to|thanks to|on account of|root cause"
    r"|trigger(?:s|ed|ing)|provok(?:es|ed|ing)|brought about|gave rise to|is why|was why|the reason (?:is|was|for|why)"
    r"|to blame|at fault|responsible for|made it (?:fail|crash|die|end)|stems? from|stemmed from|induc(?:es|ed))\b",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r'"[^"\n]*"|`[^`\n]*`')


def causal_words(machine_text: str) -> tuple[str, ...]:
    """Return the words of causing in a text, in their order; what stands in quotation marks is somebody else's."""
    return tuple(found.group().lower() for found in _WORDS.finditer(_QUOTED.sub("", machine_text)))
