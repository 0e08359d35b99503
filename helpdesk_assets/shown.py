"""Makes untrusted text safe to show: the only function for that purpose.

A help desk accepts mail from anyone, and its API's responses may come from elsewhere. Field names,
statuses, headers, error messages and URLs can contain terminal escapes, fake log lines, or a
million characters.
"""

import unicodedata

# Maximum number of characters shown of one text.
MOST = 80
# Unicode categories that are not text: controls, formats (direction marks, joiners), surrogates,
# private or unassigned characters, and the line and paragraph separators.
_NO_TEXT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(value: object, most: int = MOST) -> str:
    """Return untrusted text, made safe to show: one short line of visible characters.

    Runs of white space become one space. Invisible and control characters are escaped as in
    Python: ``\\x1b``.

    Args:
        value: the text as received.
        most: maximum number of characters; longer texts are cut and end with "...".
    """
    # More is read than is shown, because white space is collapsed.
    text = " ".join(str(value)[: 4 * most].split())
    visible = "".join(
        ascii(letter)[1:-1] if unicodedata.category(letter) in _NO_TEXT else letter
        for letter in text[: most + 1]
    )
    cut = len(visible) > most or len(str(value)) > 4 * most
    return f"{visible[:most]}..." if cut else visible
