"""A page in a headless Chromium, for tests that skip where there is none."""

import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")


def run_in(page, script, folder, width=1280):
    """The document of a page after a script has run in it.

    Args:
      page: path of the HTML file.
      script: JavaScript that is run once the page is loaded.
      folder: for the changed page and the browser's profile.
      width: of the window in pixels.
    """
    probe = f"<script>addEventListener('load', () => {{ {script} }});</script></body>"
    (folder / "probe.html").write_text(page.read_text().replace("</body>", probe))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--window-size={width},900"]
    command = [BROWSER, *options, f"--user-data-dir={folder / 'profile'}", (folder / "probe.html").as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
