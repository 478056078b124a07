"""What a running nats-server says of itself, asked through its system account."""

import msgspec
import nats.errors
from nats.aio.client import Client

from infra.audio_client import AudioClient
from infra.children import NotReady


class JetStreamConfig(msgspec.Struct):
    """How the server stores."""

    sync_always: bool = False


class Peer(msgspec.Struct):
    """Another server, as seen by this one."""

    name: str
    current: bool = False  # it has all the leader has
    offline: bool = False


class MetaGroup(msgspec.Struct):
    """The servers that agree on which streams there are. `leader`: empty while they have none."""

    leader: str = ""
    cluster_size: int = 0
    replicas: tuple[Peer, ...] = ()


class JetStreamState(msgspec.Struct):
    """The answer. Source: https://pkg.go.dev/github.com/nats-io/nats-server/v2/server#JSInfo."""

    config: JetStreamConfig | None = None
    meta_cluster: MetaGroup | None = None  # None: a server alone


class _Server(msgspec.Struct):
    name: str


class _Answer(msgspec.Struct):
    server: _Server
    data: JetStreamState = msgspec.field(default_factory=JetStreamState)


class Health(msgspec.Struct):
    """The answer. Source: https://pkg.go.dev/github.com/nats-io/nats-server/v2/server#HealthStatus."""

    error: str = ""


class _HealthAnswer(msgspec.Struct):
    data: Health


class Traffic(msgspec.Struct, frozen=True):
    """What a server has done since it started. Source:
    https://pkg.go.dev/github.com/nats-io/nats-server/v2/server#Varz."""

    in_msgs: int = 0
    out_msgs: int = 0
    in_bytes: int = 0
    out_bytes: int = 0
    slow_consumers: int = 0
    connections: int = 0  # now
    subscriptions: int = 0  # now


class _TrafficAnswer(msgspec.Struct):
    data: Traffic


async def ask_jetstream(system_url: str) -> JetStreamState:
    """How JetStream fares on this very server. Raises NotReady while it does not answer."""
    return (await _jetstream(system_url)).data


async def leads(system_url: str) -> MetaGroup | None:
    """The whole group, when this server leads it; else None. Raises NotReady."""
    answer = await _jetstream(system_url)
    group = answer.data.meta_cluster
    return group if group is not None and group.leader == answer.server.name else None


async def ask_health(system_url: str) -> Health:
    """What is wrong with this very server. Raises NotReady while it does not answer."""
    return msgspec.json.decode(await _ask(system_url, "HEALTHZ", b"{}"), type=_HealthAnswer).data


async def ask_traffic(system_url: str) -> Traffic:
    """How much went through this very server. Raises NotReady while it does not answer."""
    return msgspec.json.decode(await _ask(system_url, "VARZ", b"{}"), type=_TrafficAnswer).data


async def _jetstream(system_url: str) -> _Answer:
    return msgspec.json.decode(await _ask(system_url, "JSZ", b'{"config":true}'), type=_Answer)


async def _ask(system_url: str, about: str, question: bytes) -> bytes:
    system = AudioClient()  # leaves no socket open when a server stands still
    try:
        await system.connect(
            system_url,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=2,
            error_cb=_expected,
        )
    except (OSError, nats.errors.Error) as absent:
        raise NotReady from absent
    try:
        subject = f"$SYS.REQ.SERVER.{_id(system)}.{about}"  # of a cluster, PING would ask any
        return (await system.request(subject, question, timeout=2)).data
    except nats.errors.Error as silent:
        raise NotReady from silent
    finally:
        await system.close()


def _id(client: Client) -> str:
    return str(client._server_info["server_id"])


async def _expected(_: Exception) -> None:
    """A server that does not answer yet is what we are waiting for, not news."""
