"""Plain data becomes typed data, or an error that names file and entry and says what it must be."""

import contextlib
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MedDDPMCore.base.errors import ModelError, TrainingError
from MedDDPMCore.base.typed_json import (
    above,
    at_least,
    below,
    count_within,
    from_json,
    given_entries,
    one_of,
    read_json,
    to_json,
    within,
)


@dataclass(frozen=True)
class Inner:
    share: Annotated[float, within(0, 1)] = 0.5
    sizes: tuple[Annotated[int, above(0)], ...] = ()


@dataclass(frozen=True)
class Outer:
    name: Annotated[str, one_of(("red", "green"))]
    steps: Annotated[int, at_least(1)] = 3
    decay: Annotated[float, below(1)] = 0.0
    patch: Annotated[tuple[int, int, int] | None, count_within(3, 3)] = None
    on: bool = False
    labels: dict[str, Annotated[int, within(1, 255)]] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    parts: Annotated[tuple[Inner, ...], count_within(0, 2)] = ()
    anything: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.labels.get("a") == 13:
            raise ModelError("13 is no label.", "Take 14.")


def test_what_is_written_is_read_back():
    whole = Outer("red", 7, 0.25, (1, 2, 3), True, {"a": 1}, Inner(1.0, (4,)), (Inner(), Inner()), {"x": [1]})
    plain = to_json(whole)
    assert plain["patch"] == [1, 2, 3] and plain["parts"][1] == {"share": 0.5, "sizes": []}
    assert from_json(Outer, plain, "file") == whole


def test_defaults_stand_for_what_is_left_out_and_whole_numbers_for_real_ones():
    assert from_json(Outer, {"name": "red"}, "file") == Outer("red")
    share = from_json(Inner, {"share": 1}, "file").share
    assert share == 1.0 and isinstance(share, float)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "file lacks the entry name"),
        ([], "file: it must be an object with named entries, not []"),
        ({"name": "blue"}, "file: name must be one of red, green, not 'blue'"),
        ({"name": "red", "nome": 1, "steqs": 2}, "file has unknown entries: nome, steqs"),
        ({"name": "red", "steps": 0}, "file: steps must be 1 or more, not 0"),
        ({"name": "red", "steps": "3"}, "file: steps must be a whole number, not '3'"),
        ({"name": "red", "steps": True}, "file: steps must be a whole number, not True"),
        ({"name": "red", "steps": 3.0}, "file: steps must be a whole number, not 3.0"),
        ({"name": "red", "steps": None}, "file: steps must be a whole number, not None"),
        ({"name": "red", "decay": 1}, "file: decay must be at least 0 and below 1, not 1"),
        ({"name": "red", "decay": float("nan")}, "file: decay must be a finite number, not nan"),
        ({"name": "red", "decay": 10**4000}, "file: decay must be a finite number, not 1000"),
        ({"name": "red", "on": 1}, "file: on must be true or false, not 1"),
        ({"name": 3}, "file: name must be text, not 3"),
        ({"name": "red", "patch": [1, 2]}, "file: patch must be a list of 3, not [1, 2]"),
        ({"name": "red", "patch": [1, 2, "3"]}, "file: patch[2] must be a whole number, not '3'"),
        ({"name": "red", "patch": 3}, "file: patch must be a list of 3, not 3"),
        ({"name": "red", "labels": {"a": 256}}, "file: labels.a must be from 1 to 255, not 256"),
        ({"name": "red", "labels": [1]}, "file: labels must be an object with named entries, not [1]"),
        ({"name": "red", "inner": {"share": 2}}, "file: inner.share must be from 0 to 1, not 2"),
        ({"name": "red", "inner": {"sizes": [1, 0]}}, "file: inner.sizes[1] must be above 0, not 0"),
        ({"name": "red", "inner": {"sizes": 1}}, "file: inner.sizes must be a list, not 1"),
        ({"name": "red", "parts": [{}, {"shore": 1}]}, "file has unknown entries: parts[1].shore"),
        ({"name": "red", "parts": [{}, {}, {}]}, "file: parts must be a list of 0 to 2, not [{}, {}, {}]"),
        ({"name": "red", "anything": []}, "file: anything must be an object, not []"),
        ({"name": "red", "labels": {"a": 13}}, "file: 13 is no label. Take 14."),
    ],
)
def test_an_error_names_file_and_entry_and_says_what_it_must_be(values, said):
    with pytest.raises(TrainingError) as caught:
        from_json(Outer, values, "file", TrainingError)
    assert str(caught.value).startswith(said)


def test_an_error_stays_readable_whatever_the_value_is():
    with pytest.raises(ModelError) as caught:
        from_json(Outer, {"name": "x" * 10**6, **{str(n) * 50: n for n in range(99)}}, "file", ModelError)
    assert len(str(caught.value)) < 1000


def test_the_known_entries_are_told_where_one_is_unknown():
    with pytest.raises(TrainingError) as caught:
        from_json(Inner, {"sizs": []}, "file", TrainingError)
    assert caught.value.hint == "Known are share, sizes."


def test_entries_that_are_given_are_checked_and_the_others_left_out():
    assert given_entries(Outer, {"steps": 2, "patch": [1, 2, 3]}, "file") == {"steps": 2, "patch": (1, 2, 3)}
    with pytest.raises(ModelError, match="steps must be 1 or more"):
        given_entries(Outer, {"steps": 0}, "file", ModelError)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '{"a": ' + "9" * 5000 + "}", "[" * 100000, '{"a": "\udcff"'])
def test_a_file_that_holds_no_object_is_an_error_that_names_it(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match="a.json"):
        read_json(path, ModelError)


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=30))
def test_no_file_does_worse_than_be_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    with contextlib.suppress(ModelError):
        assert isinstance(read_json(path, ModelError), dict)


def test_a_missing_file_and_a_folder_are_errors_that_name_them(tmp_path):
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(ModelError, match=path.name):
            read_json(path, ModelError)
