"""When a vendor that refuses for now says to come back."""

import email.utils
import time

import pytest

from infra.retry_after import retry_after_s


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 01 Jan 2000 00:00:00 GMT"}, 0.0),
    ],
)
def test_the_wait_is_what_the_header_says(headers: dict[str, str], wait_s: float | None) -> None:
    assert retry_after_s(headers) == wait_s


def test_a_date_is_the_wait_until_then() -> None:
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    wait_s = retry_after_s({"retry-after": date})
    assert wait_s is not None
    assert 0 < wait_s <= 60
