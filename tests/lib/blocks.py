"""The command blocks of a page.

blocks.py find PAGE TEXT: prints the first block that has this text. blocks.py run PAGE: prints those that are run, in their order, as one script. blocks.py lines PAGE LANGUAGE: prints the lines of all blocks in a language, also of those that only a test of their own runs. blocks.py check PAGE...: prints each block that is neither run by a test
nor marked with the reason why not.

A block that cannot be run here has `<!-- not run: REASON -->` on the line before it; a page of which none can,
`<!-- commands are not run: REASON -->` somewhere above the first. `<!-- not on SUITE: REASON -->` leaves a block out on one Debian release. Blocks without a language are text, not commands.
"""

import platform
import re
import sys

COMMANDS = {"sh", "bash", "bat", "powershell", "console"}
# tests/clients/pages.sh runs these parts of a client's page; what "Install" names is what the tests install.
RUN_BY_PAGES = {"Install", "Configure", "Sign", "Verify"}


def blocks(path):
    """(line number, language, heading, reason why it is not run or None, text)"""
    heading, reason, whole, start = "", None, None, None
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        if start is None and line.startswith("```"):
            start, language, text = number, line.strip().strip("`"), []
        elif start is not None and line.startswith("```"):
            yield start, language, heading, reason or whole, "".join(text)
            start, reason = None, None
        elif start is not None:
            text.append(line)
        elif line.startswith("## "):
            heading = line[3:].strip()
        elif match := re.fullmatch(r"<!-- not on ([a-z]+): (.{10,}) -->\s*", line):
            if match.group(1) == platform.freedesktop_os_release().get("VERSION_CODENAME"):
                reason = match.group(2)
        elif match := re.fullmatch(r"<!-- (not run|commands are not run): (.{10,}) -->\s*", line):
            if match.group(1) == "not run":
                reason = match.group(2)
            else:
                whole = match.group(2)
        elif line.strip():
            reason = None


def main():
    what, *pages = sys.argv[1:]
    if what == "find":
        page, words = pages
        print(next((text for _, language, _, _, text in blocks(page) if language in COMMANDS and words in text), ""), end="")
        return
    if what == "lines":
        page, wanted = pages
        print("".join(text for _, language, _, _, text in blocks(page) if language == wanted), end="")
        return
    if what == "run":
        for number, language, _, reason, text in blocks(pages[0]):
            if language in COMMANDS and not reason:
                print(f"echo '== {pages[0]} line {number}' >&2")
                print(text, end="")
        return
    for page in pages:
        client = re.search(r"docs/clients/(?!README)", page)
        for number, language, heading, reason, _ in blocks(page):
            if language not in COMMANDS or reason:
                continue
            if language not in ("sh", "bash"):
                print(f"{page} line {number}: {language} cannot be run here, and has no marker")
            elif client and heading not in RUN_BY_PAGES:
                print(f"{page} line {number}: nothing runs the part '{heading}', and the block has no marker")


main()
