"""The page captions a microphone and files."""

from __future__ import annotations

import json
import re
import wave
from importlib.resources import files
from pathlib import Path

import numpy as np
from playwright.sync_api import BrowserContext, expect

from tests.support.captions_page import OpenPage, Spoken
from tests.support.captions_server import StartServer
from tests.support.pulled_models import model_directory
from voxtide.types import SAMPLE_RATE_HZ


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))


def milliseconds(timestamp: str) -> int:
    hours, minutes, seconds, millis = map(int, re.split("[:,]", timestamp))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis


def test_a_microphone_is_captioned(context: BrowserContext, open_page: OpenPage, start_server: StartServer) -> None:
    for name in ("moonshine-tiny-en", "silero-vad"):
        model_directory(name)  # skips if it is missing
    page = open_page(start_server("moonshine").address)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.set_option("Show latencies", is_on=True)
    page.press("Start")
    page.wait_for("Transcribing")
    expect(page.page.locator(".interim")).to_have_text(re.compile(r"\w"), timeout=10_000)
    expect(page.latency("Start of speech to first text")).to_have_text(re.compile(r"\d+ ms"))
    page.wait_for_text("failed")
    page.press("Finish the text now")
    expect(page.latency("Finish request to final text")).to_have_text(re.compile(r"\d+ ms"))
    expect(page.page.get_by_role("meter")).not_to_have_attribute("aria-valuenow", "0")
    page.wait_for_text("matter.")
    expect(page.latency("End of speech to final text")).to_have_text(re.compile(r"\d+ ms"))
    page.press("Stop")
    page.wait_for("Ready")
    text = words(page.text)
    assert text.startswith("ever tried ever failed no matter")
    assert words(" ".join(page.page.get_by_role("log").all_inner_texts())) == text  # once to screen readers
    page.press("Copy")
    expect(page.button("Copied")).to_be_visible()
    assert words(page.page.evaluate("navigator.clipboard.readText()")) == text


def test_a_file_is_captioned_to_its_end(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> None:
    page = open_page(scripted_address)
    page.open_recording(spoken("No matter. Try again."))
    page.wait_for("Transcribing")
    expect(page.page.get_by_role("timer")).to_have_text(re.compile(r"^0:0\d / 0:0[12]$"))
    page.wait_for("Ready")
    assert page.text == "No matter. Try again."
    assert page.saved("Text (.txt)") == ("captions.txt", "No matter. Try again.\n")
    name, srt = page.saved("Subtitles (.srt)")
    assert name == "captions.srt"
    assert re.fullmatch(r"1\n00:00:00,\d{3} --> 00:00:0[12],\d{3}\nNo matter\. Try again\.\n", srt)
    name, vtt = page.saved("Subtitles (.vtt)")
    assert name == "captions.vtt"
    assert vtt == "WEBVTT\n\n" + srt.removeprefix("1\n").replace(",", ".")
    name, data = page.saved("Data (.json)")
    assert name == "captions.json"
    assert json.loads(data)["segments"][0]["text"] == "No matter. Try again."
    page.press("Clear")
    expect(page.captions).to_have_text("")
    expect(page.button("Copy")).to_be_disabled()


def test_a_flush_by_keyboard_makes_text_final_and_captions_continue(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.set_option("Finish the text at pauses", is_on=False)
    page.open_recording(spoken("One two three four five six"))
    page.wait_for_text("two")
    assert page.page.get_by_role("log").inner_text() == ""  # nothing is final yet
    page.page.keyboard.press("Control+Enter")
    expect(page.page.get_by_role("log")).to_contain_text("One two")
    page.wait_for("Ready")
    assert page.text.replace(" ", "") == "Onetwothreefourfivesix"  # a flush within a word splits it
    page.page.reload()
    expect(page.page.get_by_label("Finish the text at pauses")).not_to_be_checked()  # settings are stored


def test_subtitles_of_a_segment_in_progress_have_its_times(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.set_option("Finish the text at pauses", is_on=False)
    page.open_recording(spoken(" ".join(["One two three four five six seven"] * 4)))
    page.wait_for_text("seven")
    _, srt = page.saved("Subtitles (.srt)")
    times_ms = list(map(milliseconds, re.findall(r"[\d:]+,\d{3}", srt)))
    assert times_ms[-1] > 1500, srt
    assert all(end_ms - start_ms >= 833 for start_ms, end_ms in zip(times_ms[::2], times_ms[1::2], strict=True)), srt


def test_latencies_are_shown_on_request_and_the_choice_is_stored(open_page: OpenPage, scripted_address: str) -> None:
    page = open_page(scripted_address)
    latencies = page.page.locator("#latencies")
    expect(latencies).to_be_hidden()
    page.set_option("Show latencies", is_on=True)
    expect(latencies).to_be_visible()
    page.page.reload()
    expect(latencies).to_be_visible()
    page.set_option("Show latencies", is_on=False)
    expect(latencies).to_be_hidden()


def test_words_to_expect_are_sent(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> None:
    page = open_page(scripted_address)
    page.press("Settings")
    page.page.get_by_label("Words to expect").fill("Beckett, MATTER.")
    page.press("Done")
    page.page.reload()  # they are stored
    page.open_recording(spoken("No matter."))
    page.wait_for_text("No MATTER.")
    page.wait_for("Ready")
    assert page.text == "No MATTER."
    expect(page.problem).to_be_hidden()


def test_words_to_expect_are_disabled_if_the_model_cannot_use_them(
    context: BrowserContext, open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.press("Settings")
    page.page.get_by_label("Words to expect").fill("MATTER.")
    page.press("Done")
    models = {"data": [{"id": "plain", "capabilities": {"context_bias": False}}]}
    context.route("**/v1/models", lambda route: route.fulfill(json=models))
    with page.page.expect_response("**/v1/models"):
        page.page.reload()
    page.press("Settings")
    expect(page.page.get_by_label("Words to expect")).to_be_disabled()
    expect(page.page.get_by_label("Words to expect")).to_have_accessible_description(
        "This server's model cannot use them."
    )
    page.press("Done")
    page.transcribe(spoken, "No matter.")
    assert page.text == "No matter."


def test_a_file_without_audio_is_refused(open_page: OpenPage, scripted_address: str, tmp_path: Path) -> None:
    page = open_page(scripted_address)
    text = tmp_path / "notes.txt"
    text.write_text("no audio")
    page.open_recording(text)
    expect(page.problem).to_contain_text("The browser cannot play this file.")
    page.wait_for("Ready")
    page.press("Dismiss")
    expect(page.problem).to_be_hidden()


def test_a_recording_without_speech_is_reported(
    open_page: OpenPage, scripted_address: str, spoken: Spoken, tmp_path: Path
) -> None:
    silent = tmp_path / "silent.wav"
    with silent.open("wb") as file, wave.open(file) as wav:
        wav.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        wav.writeframes(bytes(2 * SAMPLE_RATE_HZ))
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.open_recording(silent)
    expect(page.problem).to_contain_text("No speech found in silent.wav (level -96 dBFS). It is very quiet")
    assert page.text == "No matter."
    page.open_recording(spoken("Try again."))
    expect(page.problem).to_be_hidden()


def test_speech_in_another_language_is_reported(open_page: OpenPage, start_server: StartServer, tmp_path: Path) -> None:
    """Reversed, real speech is in no language; to the model it sounds like much English."""
    for name in ("moonshine-tiny-en", "silero-vad"):
        model_directory(name)  # skips if it is missing
    reversed_speech = tmp_path / "reversed.wav"
    with (
        wave.open(str(files("voxtide.data") / "two_cities.wav")) as speech,
        reversed_speech.open("wb") as file,
        wave.open(file) as wav,
    ):
        assert speech.getparams()[:3] == (1, 2, SAMPLE_RATE_HZ)
        wav.setparams(speech.getparams())
        wav.writeframes(np.frombuffer(speech.readframes(25 * SAMPLE_RATE_HZ), "<i2")[::-1].tobytes())
    page = open_page(start_server("moonshine").address)
    page.open_recording(reversed_speech)
    expect(page.problem).to_contain_text("The speech in the audio may not be English", timeout=40_000)
    page.press("Stop")
    page.wait_for("Ready")
    expect(page.problem).to_contain_text("The text may be nonsense.")  # until it is dismissed


def test_a_denied_microphone_is_explained(context: BrowserContext, open_page: OpenPage, scripted_address: str) -> None:
    denied = "Promise.reject(new DOMException('', 'NotAllowedError'))"
    context.add_init_script(f"MediaDevices.prototype.getUserMedia = () => {denied}")
    page = open_page(scripted_address)
    page.press("Start")
    expect(page.problem).to_contain_text("The microphone is not allowed. Allow it for this page")
    page.wait_for("Ready")
