"""metrics.csv and TensorBoard events, read back with independent readers."""

import csv
import struct

import pytest

from aeden.training.metrics_log import MetricsLog


def read_csv(folder):
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def read_events(folder):
    """(tag, step, value) of every scalar: records of a length, its checksum, the event and its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    scalars = []
    for path in sorted((folder / "tensorboard").iterdir()):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            event = Event.FromString(content[at + 12 : at + 12 + length])
            scalars += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            at += length + 16
    return scalars


def test_rows_may_bring_new_columns(tmp_path):
    with MetricsLog(tmp_path) as logbook:
        logbook.write({"step": 1, "loss": 0.5})
        logbook.write({"step": 2, "loss": 0.25, "psnr": 20.0})
        logbook.write({"step": 3, "loss": 0.125})
    assert [row["loss"] for row in read_csv(tmp_path)] == ["0.5", "0.25", "0.125"]
    assert [row["psnr"] for row in read_csv(tmp_path)] == ["", "20.0", ""]
    assert read_events(tmp_path) == [("loss", 1, 0.5), ("loss", 2, 0.25), ("psnr", 2, 20.0), ("loss", 3, 0.125)]


def test_a_resumed_run_writes_the_same_file(tmp_path):
    rows = [{"step": step, "loss": 1 / (step + 1), **({"psnr": 0.1 * step} if step % 2 else {})} for step in range(6)]
    for folder, stops in (("whole", [6]), ("resumed", [5, 6])):
        start = 0
        (tmp_path / folder).mkdir()
        for stop in stops:
            with MetricsLog(tmp_path / folder, start - 1) as logbook:
                for row in rows[start:stop]:
                    logbook.write(row)
            start = 3
    resumed, whole = ((tmp_path / folder / "metrics.csv").read_bytes() for folder in ("resumed", "whole"))
    assert resumed == whole


def test_a_row_that_a_kill_cut_short_is_dropped(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,loss,psnr\n1,0.5,9\n2,0.2")
    with MetricsLog(tmp_path, 5) as logbook:
        assert logbook.rows == [{"step": 1.0, "loss": 0.5, "psnr": 9.0}]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"step,loss\n1,0.5\n2,0x4\n3,0.2\n4,0.1\n", [1, 3, 4]),
        (b"step,loss\n1,0.5\n2,\xff\xfe\n3,0.2\n4,0.1\n", [1, 3, 4]),
        (b"step,loss\n1,0.5\n2,0.3,7\n3,0.2\n4,0.1\n", [1, 3, 4]),
        (b"stfp,loss\n1,0.5\n2,0.3\n", []),
    ],
)
def test_a_damaged_file_is_named_and_kept(tmp_path, capsys, content, kept):
    (tmp_path / "metrics.csv").write_bytes(content)
    with MetricsLog(tmp_path, 9) as logbook:
        assert [row["step"] for row in logbook.rows] == kept
    assert f"metrics.csv is damaged: {len(kept)} of its" in capsys.readouterr().err
    assert (tmp_path / "metrics.csv.damaged").read_bytes() == content
