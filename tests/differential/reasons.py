"""Why servers differ: each reason names the cases, the peers and the verdicts that it
explains (see scripts/diff-http), and nothing more."""

import re

REASONS = []


def find(name, kind, peer, ours, theirs):
    """The first that fits; None: nothing explains it."""
    for reason in REASONS:
        if (re.fullmatch(reason["cases"], name) and kind in reason.get("kinds", ("server", "proxy"))
                and peer in reason.get("peers", ("nginx", "haproxy", "go"))
                and re.fullmatch(reason["ours"], ours) and re.fullmatch(reason["theirs"], theirs)):
            return reason
    return None
