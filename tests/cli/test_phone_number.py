"""One telephone, however its number is written."""

import pytest

from services.cli.not_erased import BadNumber
from services.cli.phone_number import same_number, wanted_number

NUMBER = "+4930123456789"


@pytest.mark.parametrize(
    "written",
    [
        NUMBER,
        "0049 30 123456789",
        "+49 (30) 12345-6789",
        "tel:+49-30-123456789",
        " +49.30.123456789",
    ],
)
def test_people_write_a_number_in_many_ways(written: str) -> None:
    assert wanted_number(written) == NUMBER


@pytest.mark.parametrize(
    "written", [NUMBER, "4930123456789", "004930123456789", "tel:+4930123456789"]
)
def test_carriers_do_so_too(written: str) -> None:
    assert same_number(written, NUMBER)


@pytest.mark.parametrize(
    "written", ["030123456789", "+4930123456780", "", "anonymous", "[erased]", "sip:x@y", "49"]
)
def test_another_is_another(written: str) -> None:
    assert not same_number(written, NUMBER)


@pytest.mark.parametrize("written", ["030 123456789", "4930123456789", "", "+", "12"])
def test_a_number_without_its_country_could_be_anybodys(written: str) -> None:
    with pytest.raises(BadNumber, match="country code") as told:
        wanted_number(written)
    assert len(written) < 3 or written not in str(told.value)


def test_an_address_that_is_no_number_is_compared_as_it_is() -> None:
    assert same_number("SIP:Alice@Example.com", wanted_number("sip:alice@example.com"))
    assert not same_number("sip:bob@example.com", wanted_number("sip:alice@example.com"))
