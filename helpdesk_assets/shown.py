"""How what strangers wrote is shown to people: the one function for it.

A help desk takes mail from anybody, and its API's answers may be somebody else's. Field names,
statuses, headers, error messages and addresses from there can hold what a terminal obeys, what
looks like a line of a log, or a million letters.
"""

import unicodedata

# Letters of one text that are shown.
MOST = 80
# Categories of Unicode that are no text: controls, formats (direction marks, joiners), surrogates,
# what is private or not assigned, and the two separators of lines and paragraphs.
_NO_TEXT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(said: object, most: int = MOST) -> str:
    """Return what somebody else wrote, made safe to show: one line, short, and visible.

    White space becomes one space. What cannot be seen, or acts on what surrounds it, is spelled
    as in Python: ``\\x1b``.

    Args:
        said: as it came.
        most: letters to show; of a longer one the beginning, and "...".
    """
    # A little more is looked at than is shown, for the white space that goes.
    text = " ".join(str(said)[: 4 * most].split())
    visible = "".join(
        ascii(letter)[1:-1] if unicodedata.category(letter) in _NO_TEXT else letter
        for letter in text[: most + 1]
    )
    cut = len(visible) > most or len(str(said)) > 4 * most
    return f"{visible[:most]}..." if cut else visible
