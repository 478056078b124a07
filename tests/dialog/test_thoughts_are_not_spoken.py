"""What a model thinks aloud stays unspoken, however the text is cut."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from prompts import prompt_for
from vendors.models import SERVED

from contracts.agent import Agent
from services.dialog.providers.thinking import Thoughts

ALOUD = "<think>The caller asks when we open.</think>We open at nine."


@pytest.mark.parametrize("size", range(1, len(ALOUD) + 1))
def test_thoughts_between_tags_are_left_out_wherever_the_text_is_cut(size: int) -> None:
    thoughts = Thoughts()
    pieces = [ALOUD[at : at + size] for at in range(0, len(ALOUD), size)]
    spoken = "".join(thoughts.strip(piece) for piece in pieces)
    assert spoken + thoughts.rest() == "We open at nine."


@pytest.mark.parametrize("text", ["It is < 5 euros.", "a <b> c", "less: <", "<thin", ""])
def test_what_only_looks_like_a_tag_is_said(text: str) -> None:
    thoughts = Thoughts()
    assert "".join(map(thoughts.strip, text)) + thoughts.rest() == text


@pytest.mark.parametrize("text", ["<think>never done", "<think>half a tag</thi"])
def test_thoughts_that_never_end_are_never_said(text: str) -> None:
    thoughts = Thoughts()
    assert "".join(map(thoughts.strip, text)) + thoughts.rest() == ""


@pytest.mark.parametrize("name", sorted(SERVED))
async def test_no_vendors_thoughts_become_words(name: str) -> None:
    served = SERVED[name]

    async def think_aloud(answer: Any) -> None:
        await answer.think("The caller asks ")
        await answer.think("when we open.")
        await answer.text("<think>Nine, I ")
        await answer.text("believe.</think>We open ")
        await answer.text("at nine.")
        await answer.finish()

    async with served.serve() as vendor:
        vendor.script = think_aloud
        model = served.model(vendor.key, vendor.url)
        reply: Any = model.write(prompt_for("When do you open?", Agent(name="clinic")))
        async with asyncio.timeout(5), aclosing(reply) as pieces:
            spoken = [piece.text async for piece in pieces if hasattr(piece, "text")]
        await model.close()
    assert "".join(spoken) == "We open at nine."
    assert all(spoken), "an empty piece is none"
