"""Code, comments, docstrings and test names are plain professional English: phrases to avoid."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

import helpdesk_assets
from helpdesk_assets_tests.conftest import PROJECT

CODE = Path(helpdesk_assets.__file__).parent
TESTS = PROJECT / "helpdesk_assets_tests"
PAGE = CODE / "reports" / "page.html"
# Regular expressions, case-insensitive. A space matches any white space, also line breaks.
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
    # Of runs, files and tests.
    r"\bwhile inside\b",
    r"\bat length\b",
    r"\bof a make\b",
    r"\b(is|are) let in\b",
    r"\bother hands\b",
    r"\b(be|is|are) told (when|with|what|that|by)\b",
    r"\b(is|are) told until\b",
    r"\bthat (will not do|cannot be is)\b",
    r"\bthat (is|are) none\b",
    r"\bthat (is|are) well\b",
    r"\bat home\b",
    r"\bin turns\b",
    r"\bso many (seconds|times)\b",
    r"\bof chance\b",
    # Turns of phrase.
    r"\bmend(s|ed|ing)?\b",
    r"\bbe it\b",
    r"\bsome(body|one) elses\b",
    r"\bsome(body|one) else's\b",
    r"\bnobody(s)?\b",
    r"\bno ones\b",
    r"\banybody\b",
    r"\bwhoever\b",
    r"\bwhat becomes\b",
    r"\bnot theirs to\b",
    r"\btakes? turns\b",
    r"\bfor whoever\b",
    r"\bfor it is\b",
    r"\bwhat apis do to people\b",
)
# Test names say what is expected, so that a failed one says what is broken.
BANNED_IN_NAMES = (
    r"^test (what|it|they|nobody|whoever)\b",
    r"\bsaid\b",
    r"\btold\b",
    r"\bsentences?\b",
    r"\bthat is no\b",
    r"\bof (its|their) own$",
    r"\b(made|left) (of|alone|out)\b",
    r"\bgone\b",
    r"\bat home\b",
    r"\bgoes on\b",
    r"\b(red|green)\b",
    r"\bmakes? (no|none)\b",
    r"\bso$",
)
# Reads texts from a file, with the line where each begins.
Read = Callable[[Path], Iterable[tuple[int, str]]]
SEARCHED = tuple(re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE) for phrase in BANNED)


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each string constant of a module, docstrings included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and (text := ast.get_docstring(node)):
                yield first.lineno, text


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment of a module; comments of several lines as one."""
    begin, last, texts = 0, 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if line != last + 1:
            if texts:
                yield begin, " ".join(texts)
            begin, texts = line, []
        last = line
        texts.append(token.string.lstrip("# "))
    if texts:
        yield begin, " ".join(texts)


def names_of_tests(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each test of a module, with spaces instead of underscores."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.replace("_", " ")


def banned_in(path: Path, line: int, text: str) -> Iterator[str]:
    """Yield where banned phrases are in a text that begins on a line of a file."""
    for phrase in SEARCHED:
        if found := phrase.search(text):
            yield f"{path.relative_to(PROJECT)}:{line}: {found[0]!r} ({phrase.pattern})"


def banned_by(read: Read, paths: Iterable[Path]) -> list[str]:
    """Return where banned phrases are in the texts that a function reads from files."""
    return [
        place
        for path in paths
        for line, text in read(path)
        for place in banned_in(path, line, text)
    ]


@pytest.mark.parametrize(
    "phrase", ["When left out: 4.", "What is\n    downstream waits.", "takes some 29 requests"]
)
def test_banned_phrase_is_found(phrase: str) -> None:
    assert list(banned_in(PAGE, 1, phrase))


def test_texts_of_a_module_are_found(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""Of the module."""\n\n# A comment\n# of two lines.\n\n\n'
        'def test_one_thing():\n    """Of the test."""\n    x = 1  # At the end.\n'
    )

    assert list(docstrings(file)) == [(1, "Of the module."), (8, "Of the test.")]
    assert list(comments(file)) == [(3, "A comment of two lines."), (9, "At the end.")]
    assert list(names_of_tests(file)) == [(7, "test one thing")]


def test_strings_of_the_package_contain_no_banned_phrase() -> None:
    found = banned_by(strings, python_files(CODE))

    assert not found, "\n".join(found)


def test_comments_of_the_package_contain_no_banned_phrase() -> None:
    found = banned_by(comments, python_files(CODE))

    assert not found, "\n".join(found)


@pytest.mark.parametrize("read", [docstrings, comments, names_of_tests])
def test_tests_contain_no_banned_phrase(read: Read) -> None:
    found = banned_by(read, python_files(TESTS))

    assert not found, "\n".join(found)


def test_test_names_contain_no_phrase_banned_in_names() -> None:
    phrases = [re.compile(phrase) for phrase in BANNED_IN_NAMES]
    found = [
        f"{path.relative_to(PROJECT)}:{line}: {name}"
        for path in python_files(TESTS)
        for line, name in names_of_tests(path)
        if any(phrase.search(name) for phrase in phrases)
    ]

    assert not found, "\n".join(found)


def test_report_page_contains_no_banned_phrase() -> None:
    found = banned_by(lambda page: enumerate(page.read_text("utf-8").splitlines(), 1), [PAGE])

    assert not found, "\n".join(found)
