"""Tables of runs that are read again."""

import pytest

from experiments.ablate import run_table

COLUMNS = {"contender": str, "steps": run_table.count, "psnr": run_table.figure}


def read(path, content):
    path.write_bytes(content)
    return run_table.read(path, COLUMNS, "use the results.csv of a grid")


def test_columns_are_read_as_what_they_are(tmp_path):
    first, second = read(tmp_path / "runs.csv", b"seed,contender,steps,psnr\n0,k3,10,20.5\n1,k3,10,\n")
    assert first == {"contender": "k3", "steps": 10, "psnr": 20.5}
    assert second["psnr"] != second["psnr"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no row: use the results.csv"),
        (b"contender,steps,psnr\n", "has no row"),
        (b"contender,psnr\nk3,1\n", "has no column steps: use the results.csv"),
        (b"contender,steps,psnr\nk3,10,20\nk3,10\n", r"runs\.csv, line 3: the row is cut short, psnr is missing"),
        (b"contender,steps,psnr\nk3,10,high\n", r"runs\.csv, line 2: psnr='high' is no value"),
        (b"contender,steps,psnr\nk3,0,20\n", "line 2: steps='0' is no value"),
        (b"contender,steps,psnr\nk3,1.5,20\n", "line 2: steps='1.5' is no value"),
        (bytes(range(256)), "is no CSV table: use the results.csv"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, said):
    with pytest.raises(ValueError, match=said):
        read(tmp_path / "runs.csv", content)
