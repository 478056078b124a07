"""Documents an agent may answer from.

subject  knowledge.<tenant>.<agent>.<document>    stream  KNOWLEDGE
written  services/cli                             read    services/rag
"""

from typing import Literal

from contracts.event import Event
from contracts.ids import DocumentId


class DocumentAdded(Event, frozen=True, kw_only=True, tag="document.added/1"):
    """A document is there, or a new version of it. The same content again changes nothing."""

    document: DocumentId  # id of the document, unique for its agent
    title: str  # what it is called
    media_type: Literal["text/markdown", "text/plain"]  # how the text is to be read
    text: str  # the whole document
    sha256: str  # of the text, hexadecimal


class DocumentWithdrawn(Event, frozen=True, kw_only=True, tag="document.withdrawn/1"):
    """The document must not be answered from any more."""

    document: DocumentId


KnowledgeEvent = DocumentAdded | DocumentWithdrawn
