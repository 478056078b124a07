"""What goes wrong at a server of embeddings, and what each adapter says: cases x adapters."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import pytest
from vendors import ollama_embeddings as at_ollama
from vendors import openai_embeddings as at_openai
from vendors.embedding import EmbeddingVendor, Texts
from vendors.serving import Refusal, another_host

from services.rag.provider import Embedding, EmbeddingFailed
from services.rag.providers.ollama import OllamaEmbedding
from services.rag.providers.openai import OpenAIEmbedding

WORDS = "my number is four five six"
NOWHERE = "http://127.0.0.1:9"


class Adapter(NamedTuple):
    """An embedding and its server on loopback."""

    vendor: Callable[[], AbstractAsyncContextManager[EmbeddingVendor]]
    make: Callable[..., Embedding]  # of key, address and `wait_ms`
    error: Callable[[int], Refusal]


def openai(key: str, url: str, wait_ms: int = 5_000) -> Embedding:
    return OpenAIEmbedding(key, f"{url}/v1", wait_ms=wait_ms)


def ollama(key: str, url: str, wait_ms: int = 5_000) -> Embedding:
    return OllamaEmbedding(url, wait_ms=wait_ms)


ADAPTERS = {
    "openai": Adapter(
        at_openai.openai_embeddings, openai, lambda status: at_openai.error(status, "code")
    ),
    "ollama": Adapter(at_ollama.ollama_embeddings, ollama, at_ollama.error),
}


class Fault(NamedTuple):
    """What happens, and what the port says of it."""

    arrange: Callable[[EmbeddingVendor, Adapter], None]
    kind: str
    retryable: bool


def answers(status: int) -> Callable[[EmbeddingVendor, Adapter], None]:
    def arrange(vendor: EmbeddingVendor, adapter: Adapter) -> None:
        vendor.refusal = adapter.error(status)

    return arrange


def stalls(vendor: EmbeddingVendor, adapter: Adapter) -> None:
    vendor.stalls = True


def says_half(vendor: EmbeddingVendor, adapter: Adapter) -> None:
    async def script(asked: Texts) -> None:
        await asked.raw(b'{"input": "' + WORDS.encode())
        asked.break_off()
        await asked.never()

    vendor.script = script


def says_no_sense(vendor: EmbeddingVendor, adapter: Adapter) -> None:
    async def script(asked: Texts) -> None:
        await asked.raw(b"this is no JSON, " + WORDS.encode())

    vendor.script = script


def says_something_else(vendor: EmbeddingVendor, adapter: Adapter) -> None:
    async def script(asked: Texts) -> None:
        await asked.json({"data": WORDS, "embeddings": [WORDS]})

    vendor.script = script


def says_nothing_of_it(vendor: EmbeddingVendor, adapter: Adapter) -> None:
    async def script(asked: Texts) -> None:
        await asked.vectors([])

    vendor.script = script


FAULTS = {
    "the key is rejected": Fault(answers(401), "unauthorized", False),
    "the account is closed": Fault(answers(403), "unauthorized", False),
    "there is no such model": Fault(answers(404), "refused", False),
    "too many requests": Fault(answers(429), "rate_limited", True),
    "the server is in trouble": Fault(answers(500), "unavailable", True),
    "the server is overloaded": Fault(answers(503), "unavailable", True),
    "no answer comes": Fault(stalls, "timeout", True),
    "the answer breaks off": Fault(says_half, "disconnected", True),
    "the answer is no JSON": Fault(says_no_sense, "garbled", True),
    "the answer is something else": Fault(says_something_else, "garbled", True),
    "the answer holds no vectors": Fault(says_nothing_of_it, "garbled", True),
}


async def failure(embedding: Embedding) -> EmbeddingFailed:
    with pytest.raises(EmbeddingFailed) as failed:
        await embedding.passages([WORDS])
    await embedding.close()
    return failed.value


def expect(failed: EmbeddingFailed, name: str, kind: str, retryable: bool) -> None:
    assert (failed.provider, failed.kind, failed.retryable) == (name, kind, retryable)
    assert failed.__suppress_context__ or failed.__context__ is None
    assert WORDS not in str(failed)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("name", ADAPTERS)
async def test_what_goes_wrong_at_a_server_is_told_in_the_words_of_the_port(
    name: str, fault: Fault
) -> None:
    adapter = ADAPTERS[name]
    async with adapter.vendor() as vendor:
        fault.arrange(vendor, adapter)
        wait_ms = 50 if vendor.stalls else 5_000
        failed = await failure(adapter.make(vendor.key, vendor.url, wait_ms))
        expect(failed, name, fault.kind, fault.retryable)


@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_redirect_does_not_carry_words_or_key_elsewhere(name: str) -> None:
    adapter = ADAPTERS[name]
    async with adapter.vendor() as vendor, another_host() as (elsewhere, came):
        vendor.refusal = Refusal(307, {}, {"Location": f"http://{elsewhere}/"})
        expect(await failure(adapter.make(vendor.key, vendor.url)), name, "refused", False)
    assert not came


@pytest.mark.parametrize("name", ADAPTERS)
async def test_nobody_at_the_address_may_be_better_later(name: str) -> None:
    expect(await failure(ADAPTERS[name].make("sk-any", NOWHERE)), name, "unreachable", True)


async def test_a_wrong_key_is_not_worth_a_second_try_and_is_not_shown() -> None:
    async with at_openai.openai_embeddings() as vendor:
        failed = await failure(openai("sk-wrong", vendor.url))
        expect(failed, "openai", "unauthorized", False)
        assert "sk-wrong" not in str(failed)
        assert vendor.violations == ["authorization"]
        vendor.violations.clear()


async def test_a_vendor_says_when_to_come_back_and_when_the_account_is_empty() -> None:
    async with at_openai.openai_embeddings() as vendor:
        vendor.refusal = at_openai.error(429, "rate_limit_exceeded", **{"Retry-After": "7"})
        assert (await failure(openai(vendor.key, vendor.url))).retry_after_s == 7
        vendor.refusal = at_openai.error(429, "insufficient_quota", **{"Retry-After": "7"})
        expect(await failure(openai(vendor.key, vendor.url)), "openai", "quota", False)


@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_question_nobody_waits_for_any_more_leaves_the_server(name: str) -> None:
    adapter = ADAPTERS[name]
    async with adapter.vendor() as vendor:

        async def waits(asked: Texts) -> None:
            begun.set()
            await asked.never()

        begun, vendor.script = asyncio.Event(), waits
        embedding = adapter.make(vendor.key, vendor.url)
        asking = asyncio.create_task(embedding.question(WORDS))
        await begun.wait()
        asking.cancel()
        await vendor.answers[0].gone()
        await embedding.close()
