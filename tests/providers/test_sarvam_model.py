"""Sarvam's models: OpenAI's SDK at an address of Sarvam's own."""

from contextlib import aclosing

from prompts_of_models import prompt
from vendors.chat import Answer
from vendors.sarvam_chat import sarvam_chat_server

from services.dialog.provider import Delta, Usage
from services.dialog.providers.sarvam import Sarvam


async def test_sarvam_is_asked_with_its_own_header_and_its_conversational_model() -> None:
    async def script(answer: Answer) -> None:
        await answer.text("नमस्ते। ")
        await answer.finish(tokens_in=12, out=3)

    async with sarvam_chat_server() as server:
        server.script = script
        model = Sarvam(server.key, server.url)
        async with aclosing(model.write(prompt())) as reply:
            pieces = [piece async for piece in reply]
        await model.close()
    assert pieces == [Delta("नमस्ते। "), Usage(tokens_in=12, tokens_out=3)]
    (asked,) = server.answers
    assert asked.body["model"] == "sarvam-105b-conversations"
    assert asked.headers["api-subscription-key"] == server.key
    assert "stream_options" not in asked.body
