"""Parses the Link header of a response (RFC 8288)."""

import re

# <address>; parameter=token; parameter="text", ...
LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,]*(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)')
PARAMETER = re.compile(r';\s*([^\s=;,]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')


def linked(header: str, relation: str) -> str | None:
    """Return the URL in a header for a relation; None if there is none.

    Parameter and relation names are case-insensitive. ``rel`` may list several relations; only the
    first ``rel`` of a link counts. Links with an ``anchor`` do not refer to the response.

    Args:
        header: the value of the Link header, or several values separated by commas.
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
