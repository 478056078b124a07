"""A WebSocket connection to where it was asked for, and nowhere else."""

from websockets.asyncio.client import connect


class direct(connect):
    """As `websockets.connect`, which follows a redirect to any host and takes the key there."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """A redirect is a refusal like others: InvalidStatus."""
        return exc
