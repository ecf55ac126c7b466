"""What the pages for users quote: every message and every button is one that the program has."""

import ast
import functools
import re
import xml.etree.ElementTree as ElementTree

import project
import pytest

DOCUMENTATION = project.ROOT / "Documentation"
ANYTHING = "…"  # stands for what differs from case to case, on both sides


def bold(page):
    """The texts in bold type of a page, one line each."""
    text = (DOCUMENTATION / page).read_text(encoding="utf-8")
    return [" ".join(found.split()) for found in re.findall(r"\*\*(.+?)\*\*", text, re.DOTALL)]


@functools.cache
def texts():
    """Every text in the module's and the core's source and in the boxes' files; what is filled in later is ANYTHING."""
    found = set()
    for folder in ("MedDDPMSlicer", "MedDDPMCore"):
        for path in (project.ROOT / folder).glob("**/*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    found.add(
                        "".join(part.value if isinstance(part, ast.Constant) else ANYTHING for part in node.values)
                    )
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(re.sub(r"\{[^{}]*\}", ANYTHING, node.value))
    for path in (project.MODULE.parent / "Resources" / "UI").glob("*.ui"):
        found |= {node.text for node in ElementTree.parse(path).iter("string") if node.text}
    return {" ".join(text.split()) for text in found}


def is_said(message):
    """Whether a text of the program holds the message, ANYTHING in the message standing for a few words."""
    pattern = ".{0,80}".join(map(re.escape, message.rstrip(".").split(ANYTHING)))
    return any(re.search(pattern, text, re.DOTALL) for text in texts())


@pytest.mark.parametrize(
    "message",
    sorted({part for key in bold("troubleshooting.md") for part in key.split(" / ")}),
    ids=lambda key: key[:40],
)
def test_every_message_of_the_troubleshooting_page_is_one_of_the_programs(message):
    assert is_said(message)


@pytest.mark.parametrize("label", sorted(set(bold("tutorial.md"))))
def test_every_button_and_box_that_the_tutorial_names_is_there(label):
    key, in_the_segment_editor = len(label) == 1, label in ("Paint",)
    assert key or in_the_segment_editor or any(label in (text, text.rstrip(":")) for text in texts())


def test_a_message_that_nobody_says_would_be_found():
    assert not is_said("The moon is made of green cheese.") and not is_said("The model … cannot eat an image.")
