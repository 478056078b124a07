"""A webhook of Twilio as it comes in: signed, and its fields within bounds."""

from typing import Final, Literal

from aiohttp import web
from multidict import MultiMapping
from yarl import URL

from contracts.ids import BadId, CallId, checked
from services.gateway.gateway import Gateway

_ADDRESS_LIMIT: Final = 256
_VARIABLES_LIMIT: Final = 20
_VALUE_LIMIT: Final = 500
ATTEMPTS: Final = 3


async def signed_form(gateway: Gateway, request: web.Request) -> "MultiMapping[str]":
    """The form's fields. Raises HTTPForbidden; HTTPBadRequest when it is no plain form."""
    try:
        fields = await request.post()
    except (ValueError, LookupError):
        raise web.HTTPBadRequest(text="the form cannot be read") from None
    if not all(isinstance(value, str) for value in fields.values()):
        raise web.HTTPBadRequest(text="a form with files is not taken")
    form: MultiMapping[str] = fields  # type: ignore[assignment]  # checked the line before
    gateway.signatures.check_form(request, form)
    return form


def carrier_call(form: "MultiMapping[str]") -> str:
    """The carrier's id of the call, fit for an id. Raises HTTPBadRequest."""
    return _id("CallSid", form.get("CallSid", ""))


def address(form: "MultiMapping[str]", field: str) -> str:
    """A telephone number or SIP address; empty when it is withheld. Raises HTTPBadRequest."""
    value = form.get(field, "")
    if len(value) > _ADDRESS_LIMIT or not value.isprintable():
        raise web.HTTPBadRequest(text=f"{field} is not an address")
    return value


def direction(form: "MultiMapping[str]") -> Literal["inbound", "outbound"]:
    """Who called whom: Twilio has inbound, outbound-api, outbound-dial."""
    return "outbound" if form.get("Direction", "").startswith("outbound") else "inbound"


def named_call(request: web.Request) -> CallId | None:
    """The call our own address names in `?call=`; None without one. Raises HTTPBadRequest."""
    named = request.query.get("call")
    return None if named is None else CallId(_id("call", named))


def named_agent(gateway: Gateway, request: web.Request) -> str:
    """The agent that `?agent=` names, or the gateway's own. Raises HTTPBadRequest."""
    return _id("agent", request.query.get("agent", gateway.settings.agent))


def variables(request: web.Request) -> dict[str, str]:
    """Dynamic variables: `?var_<name>=value`. Raises HTTPBadRequest when they are too many."""
    found = {
        _id("variable", key.removeprefix("var_")): value
        for key, value in request.query.items()
        if key.startswith("var_")
    }
    if len(found) > _VARIABLES_LIMIT or any(len(v) > _VALUE_LIMIT for v in found.values()):
        raise web.HTTPBadRequest(
            text=f"at most {_VARIABLES_LIMIT} variables of {_VALUE_LIMIT} characters are taken"
        )
    return found


def next_attempt(gateway: Gateway, request: web.Request) -> str | None:
    """The address at which the same is asked once more; None when it was asked often enough."""
    attempt = request.query.get("attempt", "1")
    number = int(attempt) if attempt in ("1", "2", "3") else ATTEMPTS
    if number >= ATTEMPTS:
        return None
    again = URL(request.raw_path, encoded=True).update_query(attempt=str(number + 1))
    return gateway.origin + str(again)


def _id(kind: str, value: str) -> str:
    try:
        return checked(kind, value)
    except BadId as bad:
        raise web.HTTPBadRequest(text=str(bad)) from None
