"""The header Link, by which an answer names others (RFC 8288)."""

import re

# <address>; parameter=token; parameter="text", ...
LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,]*(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)')
PARAMETER = re.compile(r';\s*([^\s=;,]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')


def linked(header: str, relation: str) -> str | None:
    """Return the address that a header names for a relation; None when it names none.

    Names of parameters and relations are of any case; a parameter ``rel`` may list several
    relations, and only the first of a link counts. A link with an ``anchor`` is one of something
    else than the answer.

    Args:
        header: the value of one header Link, or of several with commas between them.
        relation: such as next.
    """
    for address, rest in LINK.findall(header):
        parameters: dict[str, str] = {}
        for name, value in PARAMETER.findall(rest):
            text = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
            parameters.setdefault(name.lower(), text)
        relations = parameters.get("rel", "").lower().split()
        if relation.lower() in relations and "anchor" not in parameters:
            return str(address)
    return None
