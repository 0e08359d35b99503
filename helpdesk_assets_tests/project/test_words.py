"""The documentation is plain professional English: phrases to avoid."""

import re
from pathlib import Path

import pytest

from helpdesk_assets_tests.conftest import PROJECT

# Regular expressions, case-insensitive. A space matches any white space.
AVOIDED = (
    r"(?:in|as) a sentence",
    r"a sentence (?:that|which|says)",
    r"with a sentence",
    r"(?:red|green) runs?",
    r"runs? (?:is|are|was|were|stays|turns) (?:red|green)",
    r"(?:is|are) (?:red|green)",
    r"red:",
    r"(?:red|green), and",
    r"what becomes of",
    r"(?:ticket|row|list|parent)s? (?:that )?(?:is|are|was|were) gone",
    r"gone from the",
    r"shown that nothing",
    r"nothing is missing",
    r"of late",
    r"says? no more",
    r"by no way",
    r"(?:is|are) shipped",
    r"shipped profiles?",
    r"(?:is|are) said when",
    r"a missing one",
    r"when left out",
    r"left out, they are",
    r"what (?:is|are) made of",
    r"what is downstream",
    r"what has moved",
    r"what has changed only",
    r"of a time",
    r"(?:the|a) walk",
    r"what the vendor calls",
    r"takes some \d+",
    r"stand in more than one",
    r"has to do anything",
    r"people do to",
    r"does what it says",
    r"it is well",
    r"whoever",
    r"meanwhile",
    r"for it is",
    r"how (?:they are|it is) called",
    r"(?:is|are) called after",
    r"as many as",
    r"where (?:it|they) (?:says?|is otherwise)",
    r"goes on with",
    r"and it is done",
    r"nobody can see",
    r"cannot be seen",
    r"what it means to",
    r"steps_back",
    r"paging_is_shown",
)
# Measured results quote messages of the code, which test_words_in_code.py tests.
QUOTED = re.compile(r"^\| [\w-]+ \| .*$", re.M)
NOT_WORDS = re.compile(r"https?://\S+|`[^`\n]*`")

PAGES = [
    *(PROJECT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
]


def avoided_in(text: str) -> list[str]:
    """Return the phrases to avoid that a text contains."""
    words = " ".join(text.split())
    return [
        found.group()
        for phrase in AVOIDED
        for found in re.finditer(rf"(?<![\w-]){phrase}(?![\w-])", words, re.I)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_page_is_in_plain_english(page: Path) -> None:
    text = page.read_text()
    if page.name == "faults.md":
        text = QUOTED.sub("", text)

    assert avoided_in(NOT_WORDS.sub("", text)) == []


def test_phrases_to_avoid_are_found() -> None:
    assert avoided_in("The red\nrun, and what becomes  of it.") == ["red run", "what becomes of"]
    assert avoided_in("A run fails; infrared runs and a walker do not.") == []
