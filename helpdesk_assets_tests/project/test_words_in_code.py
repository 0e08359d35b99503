"""What people read is plain professional English: phrases that must not come back into the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import helpdesk_assets

CODE = Path(helpdesk_assets.__file__).parent
PAGE = CODE / "reports" / "page.html"
# Regular expressions, whatever their case; white space matches line breaks, too.
BANNED = (
    # Of runs and checks: they succeed and fail.
    r"\b(run|job|sync|check)s? (is|are|turns?|goes|go|becomes?) (red|green)\b",
    r"\b(red|green) (run|job|sync|check)s?\b",
    # Of messages and reports.
    r"\b(a|one|each) sentence\b",
    r"\b(is|are|was) said\b",
    r"\bsaid (when|of|so)\b",
    r"\bsays? (so|no more)\b",
    r"\bby no way\b",
    r"\bfor none is\b",
    r"\bit was: ",
    r"\bknows? (of )?no(thing)?\b",
    r"\bknown are\b",
    # Of settings.
    r"\bwhen left out\b",
    r"\bto (one that (is|may)|such a)\b",
    r"\bthe ones? (it|they) (gave|are of)\b",
    r"\b(has|have) to be of\b",
    r"\bwhose settings these are\b",
    r"\bsmall letters\b",
    r"\bcalled after\b",
    r"\bis there twice\b",
    r"\b(is|are|be) no(ne)? (of|that|text|address|such)\b",
    # Of profiles and vendors.
    r"\bshipped\b",
    r"\bcalls? things\b",
    # Of tickets and what depends on them.
    r"\bmade of the tickets\b",
    r"\bwhat (is|was) (made|wanted|downstream|asked|left|gone)\b",
    r"\bwhat (becomes|has become|came|comes) of\b",
    r"\bwhat has (moved|changed)\b",
    r"\bwhat else\b",
    r"\b(rows|tickets|those) of a time\b",
    r"\bthe time to load\b",
    r"\b(is|are|be) gone\b",
    r"\bfound gone\b",
    r"\bstands? in\b",
    r"\bcounted from 1\b",
    r"\bwhich row of its load\b",
    r"\bwhere the ticket stands\b",
    # Of reading a list.
    r"\b(left|leaves?|leaving)( \w+){0,3} out\b",
    r"\b(asked|asks?) for again\b",
    r"\bthe( last)? walk (left|read|did|is)\b",
    r"\bpages? (that )?joins?\b",
    r"\bcannot be joined\b",
    r"\bcomes? past\b",
    r"\bfrom further up, the\b",
    r"\bstands? still\b",
    r"\bin a circle goes\b",
    r"\btells? (rows|them|it|one) apart\b",
    r"\btold apart\b",
    r"\bshow(s|n|ed)? that (nothing|no row|none)\b",
    r"\bnothing new\b",
    # Of requests and responses.
    r"\balso when its request was repeated\b",
    r"\balthough its request was repeated\b",
    r"\bbr(eaks?|oke) off\b",
    r"\b(is|are) not meant for\b",
    r"\bwhen it is well\b",
    r"\b(is|are) well\b",
    r"\ba (page|day|second), (whatever|now)\b",
    r"\bwhatever (limit|else|it is|comes)\b",
    # Of time and number.
    r"\bof late\b",
    r"\blately\b",
    r"\banew\b",
    r"\bfor ever\b",
    r"\bnow and then\b",
    r"\b(takes|of|in|left) some (\d|$)",
    r", some $",
    # Turns of phrase.
    r"\bmend(s|ed|ing)?\b",
    r"\bbe it\b",
    r"\bsome(body|one) else's\b",
    r"\bnobody\b",
    r"\bnot theirs to\b",
    r"\btakes? turns\b",
    r"\bfor whoever\b",
    r"\bfor it is\b",
    r"\bwhat apis do to people\b",
)
SEARCHED = tuple(re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE) for phrase in BANNED)


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each string constant of a module, docstrings included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def banned_in(path: Path, line: int, text: str) -> Iterator[str]:
    """Yield where banned phrases are in a text that begins on a line of a file."""
    for phrase in SEARCHED:
        if found := phrase.search(text):
            yield f"{path.relative_to(CODE.parent)}:{line}: {found[0]!r} ({phrase.pattern})"


@pytest.mark.parametrize(
    "phrase", ["When left out: 4.", "What is\n    downstream waits.", "takes some 29 requests"]
)
def test_a_banned_phrase_is_found(phrase: str) -> None:
    assert list(banned_in(PAGE, 1, phrase))


def test_no_banned_phrase_is_in_a_string_of_the_code() -> None:
    found = [
        place
        for path in sorted(CODE.rglob("*.py"))
        for line, text in strings(path)
        for place in banned_in(path, line, text)
    ]

    assert not found, "\n".join(found)


def test_no_banned_phrase_is_on_the_report_page() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = [
        place for number, line in enumerate(lines, 1) for place in banned_in(PAGE, number, line)
    ]

    assert not found, "\n".join(found)
