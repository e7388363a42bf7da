"""The page and its server; the only file that needs Gradio.

Nothing leaves the machine: the server listens on 127.0.0.1, Gradio's analytics are off, and the browser is told to load
nothing from any other host, since Gradio's pages name some.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

# Before Gradio is imported, which reads them then.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from starlette.middleware import Middleware

from aeden.demo.cards import STYLE, error_html, to_html
from aeden.demo.comparison import LONGEST, NONE, compare, first_noise
from aeden.demo.sources import DRAWING, FILE, SOURCES, UPLOAD, get_image
from aeden.inference.restorer import Restorer
from aeden.transforms.noise import KINDS

HOST = "127.0.0.1"
KIND_NAMES = {kind: kind.replace("_", " ") for kind in KINDS} | {NONE: "none: restore it as it is"}
SIZES = [(f"as it is, up to {LONGEST}", 0), *((f"{side}", side) for side in (28, 64, 128, 256))]
INTRODUCTION = """# aeden: restore an image
Choose an image and the noise to add; each run restores it. The level is the standard deviation of the noise (poisson:
at white), or the share of pixels that are replaced or left out (salt and pepper, masking, blocks, strokes)."""


class OwnHostOnly:
    """Tells the browser to load nothing from other hosts: a layer around a web server."""

    policy = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self'"

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", self.policy)]
            await send(message)

        await self.app(scope, receive, send_with_policy)


def build_page(restorers: Mapping[str, Restorer]) -> gr.Blocks:
    """The page.

    Args:
      restorers: name -> run; at least one.
    """
    kind, level = first_noise(restorers)
    with gr.Blocks(title="aeden demo", analytics_enabled=False, fill_width=True, delete_cache=(600, 3600)) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row(), gr.Column():
            source = gr.Radio(SOURCES, value=SOURCES[0], label="Image")
            file = gr.File(label="Image file", file_types=["image"], type="filepath", visible=False, height=160)
            drawing = gr.Sketchpad(
                label="Drawing board",
                visible=False,
                canvas_size=(280, 280),
                fixed_canvas=True,
                height=420,
                layers=False,
                brush=gr.Brush(default_size=24, colors=["#000000", "#888888", "#ffffff"], color_mode="fixed"),
            )
            with gr.Row():
                longest = gr.Dropdown(SIZES, value=0, label="Longest side in pixels", min_width=200)
                invert = gr.Checkbox(label="Swap black and white", min_width=200)
            with gr.Row():
                kinds = [(name, one) for one, name in KIND_NAMES.items()]
                noise = gr.Dropdown(kinds, value=kind, label="Noise to add", min_width=200)
                amount = gr.Slider(0, 1, value=level, step=0.01, label="Noise level", min_width=200)
                seed = gr.Number(0, label="Noise seed", precision=0, minimum=0, maximum=2**31 - 1, min_width=120)
            button = gr.Button("Restore", variant="primary")
        result = gr.HTML(label="Results", show_label=False, padding=False)

        def answer(chosen: dict[Any, Any]) -> str:
            try:
                image = get_image(
                    chosen[source], chosen[file], chosen[drawing], int(chosen[longest]), bool(chosen[invert])
                )
                return to_html(compare(restorers, image, chosen[noise], float(chosen[amount]), int(chosen[seed] or 0)))
            except ValueError as error:
                return error_html(str(error))

        def show_source(name: str) -> tuple[Any, Any]:
            return gr.update(visible=name == FILE), gr.update(visible=name == DRAWING)

        source.change(show_source, source, [file, drawing], show_progress="hidden", api_visibility="private")
        values = {source, file, drawing, longest, invert, noise, amount, seed}
        for event in (button.click, page.load):
            event(answer, values, result, api_visibility="private")
    return page


def _theme() -> gr.themes.Base:
    """Fonts of the system, and darker colours than Gradio's for text to be read easily."""
    theme = gr.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    return theme.set(button_primary_background_fill="*primary_700", block_title_text_color="*neutral_700")


def start(restorers: Mapping[str, Restorer], port: int) -> gr.Blocks:
    """Starts the server and returns the page, whose `close()` ends it.

    Raises:
      OSError: the port is in use, or is not allowed to this user.
    """
    # Gradio asks its own server whether it runs, which a proxy cannot answer.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), HOST)))
    page = build_page(restorers)
    try:
        page.launch(
            server_name=HOST,
            server_port=port,
            share=False,
            prevent_thread_lock=True,
            quiet=True,
            inbrowser=False,
            ssr_mode=False,
            footer_links=[],
            run_history=False,
            max_file_size=UPLOAD.file_bytes,
            css=STYLE,
            theme=_theme(),
            app_kwargs={"middleware": [Middleware(OwnHostOnly)]},
        )
    except OSError as error:
        page.close()
        raise OSError(f"port {port} of {HOST} is in use, or not allowed: choose another with --port") from error
    return page


def serve(restorers: Mapping[str, Restorer], port: int) -> None:
    """Serves the page until Ctrl-C; see `start`."""
    page = start(restorers, port)
    print(f"http://{HOST}:{port} (Ctrl-C ends it)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("ended")
    finally:
        page.close()
