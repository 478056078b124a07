"""An SDK whose sockets may follow redirects is not used."""

from types import ModuleType

from infra.direct_socket import make_direct
from infra.outside import Closable, Keys, Offer, Offered


def test_an_sdk_that_opens_its_sockets_in_another_way_is_not_on_offer() -> None:
    def make(keys: Keys) -> Closable:
        make_direct(ModuleType("vendor.client"))
        raise AssertionError("it was taken")

    offered = Offered({"vendor": Offer(make=make)}, {})
    assert offered.get("vendor") is None
    lacking = "a version of vendor.client that Partyline knows is not installed"
    assert offered.lacking == {"vendor": lacking}
