"""The page of `aeden demo` in a real Chromium, driven by selenium."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from urllib.parse import urlparse

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from aeden.demo.sources import UPLOAD

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = [name for name in ("gradio", "selenium") if importlib.util.find_spec(name) is None]
MISSING += [name for name, path in (("chromium", CHROMIUM), ("chromedriver", DRIVER)) if path is None]

# Gradio and selenium are not part of the suite's environment, and bring warnings of their own.
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)}: the page is not tried in a browser"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def url(finished_run):
    """The address of a page with one run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "aeden.cli.main", "demo", str(finished_run), "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith(f"http://127.0.0.1:{port} "), line
            yield line.split()[0]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A Chromium without a window, as wide as a phone, that keeps a record of what it asks for."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    profile = tmp_path_factory.mktemp("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    with pytest.MonkeyPatch.context() as patch:
        # Selenium talks to the driver by HTTP, which the proxy of these tests would refuse.
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER, env=environment))
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield driver
        driver.quit()


def wait_for(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 120).until(lambda _: condition())


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def titles(browser):
    return [heading.text for heading in find(browser, ".cards h3")]


def test_an_image_is_restored_in_the_browser(url, browser, finished_run, tmp_path):
    browser.get(url)
    wait_for(browser, lambda: titles(browser) == ["Clean", "Noisy", str(finished_run)])
    images = find(browser, ".cards img")
    assert len(images) == 2 + 3 + 3
    assert all(image.get_attribute("alt") for image in images)
    assert "PSNR" in find(browser, ".cards section:last-child p")[0].text
    # No part of the page is wider than a phone, and every control has a name.
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    names = browser.execute_script(
        "return [...document.querySelectorAll('input, button, textarea')].filter(e => e.offsetParent)"
        ".map(e => [e.outerHTML, (e.labels && e.labels.length) || e.ariaLabel || e.innerText.trim() || e.title])"
    )
    assert [html for html, name in names if not name] == []

    # An upload, with the keyboard alone but for the choice of the file, which is the browser's own window.
    pixels = np.random.default_rng(0).integers(0, 255, (24, 40, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    find(browser, "input[type=radio][value='my file']")[0].send_keys(" ")
    wait_for(browser, lambda: find(browser, "input[type=file]"))[0].send_keys(str(tmp_path / "mine.png"))
    wait_for(browser, lambda: "mine" in find(browser, "body")[0].text)
    restore(browser)
    wait_for(browser, lambda: "40 x 24 pixels" in find(browser, ".cards")[0].text)
    assert "each colour channel by itself" in find(browser, ".cards section:last-child p")[0].text

    draw(browser)
    restore(browser)
    wait_for(browser, lambda: "280 x 280 pixels" in find(browser, ".cards")[0].text)
    assert asked_hosts(browser) == {"127.0.0.1"}


def test_a_port_in_use_is_named(url, finished_run):
    port = url.rpartition(":")[2]
    command = [sys.executable, "-m", "aeden.cli.main", "demo", str(finished_run), "--port", port]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 1
    assert f"error: port {port} of 127.0.0.1 is in use, or not allowed: choose another with --port" in result.stderr


def test_a_large_upload_is_refused(url):
    boundary = b"--x\r\nContent-Disposition: form-data; name=files; filename=a.png\r\n\r\n"
    content = boundary + bytes(UPLOAD.file_bytes + 1) + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as error:
        direct.open(urllib.request.Request(f"{url}/gradio_api/upload", content, headers), timeout=60)
    error.value.close()
    assert error.value.code == 413


def restore(browser):
    """Presses the button by the keyboard."""
    next(one for one in find(browser, "button.primary") if one.text == "Restore").send_keys("\n")


def draw(browser):
    """Draws a line on the drawing board."""
    from selenium.webdriver import ActionChains

    find(browser, "input[type=radio][value='my drawing']")[0].send_keys(" ")
    wait_for(browser, lambda: find(browser, "button[aria-label='Brush']"))[0].click()
    board = wait_for(browser, lambda: find(browser, "canvas"))[0]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", board)
    line = ActionChains(browser).move_to_element(board).click_and_hold().move_by_offset(40, 30)
    line.release().perform()


def asked_hosts(browser):
    """The hosts that the page asked for anything."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    return {urlparse(one).hostname for one in urls if one.startswith(("http", "ws"))}
