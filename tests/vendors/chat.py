"""Chat completions as server-sent events: what OpenAI, Groq, Sarvam and their like share.

Sources of the rules: [1] platform.openai.com/docs/api-reference/chat/create,
[2] platform.openai.com/docs/guides/function-calling,
[3] platform.openai.com/docs/api-reference/chat-streaming.
"""

import json
import re
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from vendors.strict import Exchange


class Answer(Exchange):
    """One request, and the script's means to answer it."""

    content_type = "text/event-stream"

    async def text(self, text: str) -> None:
        await self.chunk({"content": text})

    async def think(self, text: str) -> None:
        """Thoughts in a field of their own, under each of the names that servers give it."""
        await self.chunk({"reasoning": text, "reasoning_content": text})

    async def tool(self, index: int, **function: str) -> None:
        """A piece of a tool call; the first of an index brings name and id. [2]"""
        call: dict[str, Any] = {"index": index, "function": function}
        if "name" in function:
            call |= {"id": f"call_{index}", "type": "function"}
        await self.chunk({"tool_calls": [call]})

    async def call(self, name: str, arguments: dict[str, Any]) -> None:
        """A whole tool call, in pieces that break amid a word."""
        text = json.dumps(arguments)
        await self.tool(0, name=name, arguments=text[:4])
        await self.tool(0, arguments=text[4:])

    async def finish(self, reason: str = "stop", *, tokens_in: int = 30, out: int = 7) -> None:
        """Why it ended [3], the usage in the vendor's own place, and the end of the stream."""
        usage = {"prompt_tokens": tokens_in, "completion_tokens": out, "total_tokens": 37}
        await self.last_chunks(reason, usage)
        await self.raw(b"data: [DONE]\n\n")

    async def last_chunks(self, reason: str, usage: dict[str, int]) -> None:
        """The usage only where it was asked for, and then in a chunk without choices. [3]"""
        await self.chunk({}, finish_reason=reason)
        if self.body.get("stream_options", {}).get("include_usage"):
            await self.event(self._frame(choices=[], usage=usage))

    async def nonsense(self, words: str) -> None:
        """An event that is no JSON."""
        await self.raw(f"data: {words}\n\n".encode())

    async def fail(self, words: str) -> None:
        """The vendor gives up amid its answer."""
        await self.event({"error": {"message": words, "type": "server_error"}}, "error")

    async def chunk(
        self, delta: dict[str, Any], *, finish_reason: str | None = None, **more: Any
    ) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        await self.event(self._frame(choices=[choice], **more))

    async def event(self, data: dict[str, Any], kind: str = "") -> None:
        name = f"event: {kind}\n" if kind else ""
        await self.raw(f"{name}data: {json.dumps(data)}\n\n".encode())

    def _frame(self, **fields: Any) -> dict[str, Any]:
        model = self.body["model"]
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
        return {**chunk, "model": model, **fields}


async def nothing_to_say(answer: Answer) -> None:
    """The script of a vendor that was given none."""
    await answer.finish()


def problem_of(body: dict[str, Any], parameters: set[str]) -> str:
    """What any of the vendors would refuse in the request; empty: nothing."""
    if unknown := set(body) - parameters:
        return f"unsupported parameters: {sorted(unknown)}"
    if body.get("stream") is not True:
        return "these tests are about streams"
    if not 0 <= body.get("temperature", 1) <= 2:  # [1]
        return "temperature"
    return _problem_of_tools(body.get("tools")) or _problem_of_messages(body.get("messages"))


def _problem_of_tools(tools: Any) -> str:
    if tools is None:
        return ""
    if not isinstance(tools, list) or not tools:
        return "tools must be a list, and not an empty one"
    return next((problem for tool in tools if (problem := _problem_of_tool(tool))), "")


def _problem_of_tool(tool: Any) -> str:
    function = tool.get("function", {})
    if tool.get("type") != "function" or not re.fullmatch(r"[\w-]{1,64}", function.get("name", "")):
        return "a tool is a function with a plain name"  # [2]
    try:
        Draft202012Validator.check_schema(function["parameters"])
    except (SchemaError, KeyError):
        return "a tool's parameters are a JSON Schema"  # [2]
    return "" if function["parameters"].get("type") == "object" else "parameters are an object"


def _problem_of_messages(messages: Any) -> str:
    if not isinstance(messages, list) or not messages:
        return "messages must not be empty"
    unanswered: set[str] = set()
    for message in messages:
        if unanswered and message.get("role") != "tool":
            return "a tool call must be followed by its result"  # [2]
        if problem := _problem_of_message(message, unanswered):
            return problem
        unanswered -= {message.get("tool_call_id")}
        unanswered |= {call["id"] for call in message.get("tool_calls", ())}
    return "a tool call must be followed by its result" if unanswered else ""


def _problem_of_message(message: dict[str, Any], unanswered: set[str]) -> str:
    role, content = message.get("role"), message.get("content")
    if role not in ("system", "user", "assistant", "tool"):
        return "an unknown role"
    if not isinstance(content, str) and not (role == "assistant" and message.get("tool_calls")):
        return "content must be text"
    if role == "tool" and message.get("tool_call_id") not in unanswered:
        return "a tool's result that the assistant's message before did not ask for"  # [2]
    for call in message.get("tool_calls", ()):
        if call["type"] != "function" or not isinstance(call["function"]["arguments"], str):
            return "a tool call's arguments are JSON as text"  # [2]
        json.loads(call["function"]["arguments"])
    return ""
