"""The doctor says whether the chosen detector is there, and what to install where it is not."""

import importlib.util
import sys
from pathlib import Path

import pytest

from services.cli.doctor import examine
from services.cli.finding import Finding
from services.cli.settings import Settings, from_environment


async def detector(settings: Settings) -> Finding:
    return await anext(f async for f in examine(settings) if f.what == "voice activity")


async def test_energy_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad", None)  # as Python has what is not there
    finding = await detector(Settings(data=tmp_path))
    assert (finding.verdict, finding.says) == ("ok", "by energy")


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("silero_vad", "onnxruntime"))),
    reason="onnxruntime or silero-vad has no wheel for this Python",
)
async def test_silero_is_found_where_it_is_installed(tmp_path: Path) -> None:
    finding = await detector(Settings(data=tmp_path, detector="silero"))
    assert (finding.verdict, finding.says) == ("ok", "by energy and Silero")


@pytest.mark.parametrize("package", ["silero_vad", "onnxruntime"])
async def test_what_silero_lacks_is_named_with_what_to_install(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    told = from_environment({"data": tmp_path}, {"PARTYLINE_DETECTOR": "silero"})
    finding = await detector(told)
    assert finding.verdict == "fails"
    assert package.replace("_", "-") in finding.says
    assert finding.remedy.startswith("pip install onnxruntime")
