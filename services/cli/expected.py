"""What can go wrong that users can mend: each failure says in a sentence what to do."""

from typing import Final

from contracts.ids import BadId
from contracts.journal import JournalUnavailable
from contracts.seal import Locked
from infra.archive.errors import ArchiveError
from infra.archive.lease import LeaseLost, OtherArchiver
from infra.children import ChildFailed
from infra.data_folder import AlreadyRunning, MadeForOtherNodes
from infra.master_key import BadMasterKey
from infra.nats import BusUnavailable
from infra.postgres import PostgresUnavailable
from projections.compiled import CannotCompile
from projections.costs.prices import BadPrices
from projections.reading import LogAway
from projections.rebuild import AlreadyRebuilding, Deviated, NothingKept, WorkerDied
from services.audio.errors import AudioError
from services.cli.agent_file import AgentFileError
from services.cli.caller import CallRefused
from services.cli.not_erased import NotErased
from services.cli.places import NothingRuns
from services.cli.recorded import NoSuchCall, NoSuchEvent
from services.cli.settings import BadSetting

EXPECTED: Final = (
    AgentFileError,
    AlreadyRebuilding,
    AlreadyRunning,
    ArchiveError,
    AudioError,
    BadId,
    BadMasterKey,
    BadPrices,
    BadSetting,
    BusUnavailable,
    CallRefused,
    CannotCompile,
    ChildFailed,
    Deviated,
    JournalUnavailable,
    LeaseLost,
    Locked,
    LogAway,
    MadeForOtherNodes,
    NoSuchCall,
    NoSuchEvent,
    NotErased,
    NothingKept,
    NothingRuns,
    OtherArchiver,
    PostgresUnavailable,
    WorkerDied,
)
