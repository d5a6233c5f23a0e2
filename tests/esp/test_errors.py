import pickle

import pytest

from console.esp import errors


@pytest.mark.parametrize(
    "name", ["ProtocolError", "InvalidRequest", "InvalidAddress", "NotConnected"]
)
def test_one_except_clause_catches_them_all(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.EspError)


def test_an_invalid_request_has_a_word_for_programs_and_a_text_for_people() -> None:
    error = errors.InvalidRequest("empty_text", "Write one.")
    assert (error.code, str(error)) == ("empty_text", "Write one.")
    assert isinstance(error, ValueError)


def test_an_invalid_request_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(errors.InvalidRequest("empty_text", "Write one.")))
    assert (error.code, str(error)) == ("empty_text", "Write one.")
