"""What users read, on streams of any character set and of files of any name."""

import io

import pytest

from MedDDPMCore.base.errors import FEWER_LETTERS, MedDDPMError, shown


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("utf-8", "Kopf-Läsion 頭… a\ufffdb"),
        ("latin-1", "Kopf-Läsion ?... a?b"),
        ("cp1252", "Kopf-Läsion ?… a?b"),
        ("ascii", "Kopf-Lasion ?... a?b"),
    ],
)
def test_names_are_readable_on_every_stream(encoding, printed):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=FEWER_LETTERS)
    stream.write("Kopf-Läsion 頭… a\udce4b")
    stream.flush()
    assert raw.getvalue().decode(encoding) == printed


def test_a_name_that_is_no_utf8_is_readable_in_messages_and_what_would_move_the_cursor_is_escaped():
    assert str(MedDDPMError("no a\udce4b", "see a\udce4b")) == "no a\ufffdb see a\ufffdb"
    assert shown("a\udce4b\x1b[2J") == "a\ufffdb\\x1b[2J"
