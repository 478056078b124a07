"""How a command reads and writes what callers said: with the master key its log is sealed by."""

from pathlib import Path

from contracts.codec import Codec
from infra.journal import NatsJournal
from infra.master_key import read_master_key
from infra.nats import Bus
from infra.vault import Vault
from services.cli.places import Places


def vault_of(bus: Bus, places: Places) -> Vault:
    """Raises BadMasterKey."""
    master = read_master_key(Path(places.master_key)) if places.master_key else None
    return Vault(bus, master, new_calls=places.seal)


def journal_of(bus: Bus, places: Places) -> NatsJournal:
    """The log, opened where it is sealed. Raises BadMasterKey."""
    return NatsJournal(bus, Codec(vault_of(bus, places)))
