"""What a vendor's refusal means, by its status and the code in its body."""

import pytest

from infra.refusals import codes_of, kind_of


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (400, {"error": {"code": "blocked_api_access"}}, "quota", False),
        (400, {"error": {"code": "invalid_request"}}, "refused", False),
        (401, {"detail": {"status": "quota_exceeded"}}, "quota", False),
        (401, {"detail": "no"}, "unauthorized", False),
        (402, None, "quota", False),
        (403, {"error": {"code": "invalid_api_key_error"}}, "unauthorized", False),
        (408, "", "timeout", True),
        (429, {"code": None, "type": "insufficient_quota"}, "quota", False),
        (429, ["insufficient_quota"], "rate_limited", True),
        (498, {}, "rate_limited", True),
        (503, {"error": "overloaded"}, "unavailable", True),
    ],
)
def test_a_refusal_is_one_of_a_few_kinds(
    status: int, body: object, kind: str, retryable: bool
) -> None:
    assert kind_of(status, codes_of(body)) == (kind, retryable)
