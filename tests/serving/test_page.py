"""The page in a real browser: a file chosen, dropped, recorded; what is refused; nothing that it complains of."""

import io
import os

import numpy as np
import pytest
import soundfile

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("TRANSFER_SLOW"), reason="a browser; set TRANSFER_SLOW=1"),
]


def sound(seconds=3.0):
    file = io.BytesIO()
    samples = 0.1 * np.random.default_rng(0).standard_normal(int(16000 * seconds))
    soundfile.write(file, samples, 16000, format="WAV")
    return file.getvalue()


@pytest.fixture
def page(browser, serving):
    """Return the page of a server that takes 5 s and 1 MB; whatever the browser complains of fails the test."""
    complaints = []
    with serving(seconds=5, megabytes=1) as port:
        context = browser.new_context(permissions=["microphone"], viewport={"width": 390, "height": 800})
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator("#limits", has_text="5 s").wait_for()
        yield page
        context.close()
    assert [text for text in complaints if "422" not in text] == [], "a refusal is a 422, which Chromium logs"


def choose(page, data, name="a.wav"):
    page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": data})


def shown(page):
    """Return class -> probability as the table shows them."""
    page.locator("#result:visible").wait_for(timeout=15000)
    names, values = page.locator("#rows th").all_inner_texts(), page.locator("#rows td.number").all_inner_texts()
    return dict(zip(names, map(float, values), strict=True))


def test_a_file_is_chosen_and_its_probabilities_are_seen_with_the_notice(page):
    answers = []
    page.on("response", lambda answer: answers.append(answer) if answer.url.endswith("/predict") else None)
    choose(page, sound())
    said = shown(page)
    (told,) = answers[0].json()["predictions"]
    assert said == {name: round(p, 3) for name, p in told["probabilities"].items()}
    assert page.locator("#decision").inner_text() == told["decision"]
    assert "no diagnosis" in page.locator("#notice").inner_text()
    assert page.locator("#notice").is_visible()
    assert "3.0 s heard" in page.locator("#status").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_file_is_dropped(page):
    drop = """data => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(data)], "a.wav"));
        document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
    }"""
    page.evaluate(drop, list(sound(1.0)))
    assert set(shown(page)) == {"calm", "not calm"}


def test_a_recording_is_made_and_judged(page):
    page.locator("#record").click()
    page.locator("#record", has_text="stop").wait_for()
    page.wait_for_timeout(1500)
    page.locator("#record").click()
    assert sum(shown(page).values()) == pytest.approx(1, abs=0.002)
    assert page.locator("#record").inner_text() == "record"


def test_what_is_refused_is_told_and_another_file_can_follow(page):
    choose(page, b"RIFF\x10\x00\x00\x00WAVEdata")
    page.locator("#error:not(:empty)").wait_for()
    assert "not readable" in page.locator("#error").inner_text()
    assert page.locator("#result").is_hidden()
    choose(page, sound(6.0))
    page.locator("#error", has_text="longer than the 5 s").wait_for()
    choose(page, bytes(1_200_000))
    page.locator("#error", has_text="larger than 1 MB").wait_for()
    choose(page, sound())
    assert shown(page)
    assert page.locator("#error").inner_text() == ""
