"""Archives are read where they lie; nothing in them is trusted."""

from __future__ import annotations

import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from earthcurator.ingest import archives, arrivals, count_files
from earthcurator.models import Arrival, Quarantined


def picture(shade: int = 0, size: int = 16) -> bytes:
    out = BytesIO()
    noise = np.random.default_rng(shade).integers(0, 255, (size, size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "png")
    return out.getvalue()


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, files: dict[str, bytes]) -> Path:
    suffix = path.suffix[1:]
    with tarfile.open(path, f"w:{suffix if suffix != 'tar' else ''}") as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, BytesIO(data))
    return path


def import_all(path: Path) -> tuple[list[Arrival], list[Quarantined]]:
    items = list(arrivals([path], threads=2))
    return [i for i in items if isinstance(i, Arrival)], [i for i in items if isinstance(i, Quarantined)]


FILES = {
    "top.png": picture(1),
    "set/forest/a.png": picture(2),
    "set/wüste/b c.png": picture(3),
    "set/forest/labels.csv": b"a,b",
    "__MACOSX/set/._a.png": b"junk",
}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_archives_keep_class_folders(tmp_path: Path, name: str) -> None:
    make = make_zip if name.endswith("zip") else make_tar
    path = make(tmp_path / name, FILES)
    arrived, refused = import_all(path)
    assert [item.chip.folder for item in arrived] == [None, "forest", "wüste"]
    assert [item.chip.origin for item in arrived] == [f"{path}!{member}" for member in list(FILES)[:3]]
    assert [item.picture for item in arrived] == list(FILES.values())[:3]
    assert not refused
    assert count_files([path]) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:\\evil.png", "a\\..\\evil.png"]
)
def test_path_out_of_a_zip_is_quarantined(tmp_path: Path, name: str) -> None:
    arrived, (refused,) = import_all(make_zip(tmp_path / "a.zip", {name: picture(), "good.png": picture(1)}))
    assert refused.kind == "unsafe path"
    assert len(arrived) == 1


def test_path_out_of_a_tar_is_quarantined(tmp_path: Path) -> None:
    arrived, (refused,) = import_all(make_tar(tmp_path / "a.tar", {"../evil.png": picture(), "good.png": picture(1)}))
    assert refused.kind == "unsafe path"
    assert len(arrived) == 1


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_tar_with_symlink_or_device_is_quarantined(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        header = tarfile.TarInfo("link.png")
        header.type, header.linkname = kind, "/etc/passwd"
        archive.addfile(header)
    _, (refused,) = import_all(tmp_path / "a.tar")
    assert refused.kind == "unsafe path"


def test_zip_with_symlink_is_quarantined(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("link.png")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    _, (refused,) = import_all(tmp_path / "a.zip")
    assert refused.kind == "unsafe path"


def test_encrypted_zip_member_is_quarantined(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.png": picture()})
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    _, (refused,) = import_all(path)
    assert (refused.kind, "encrypted" in refused.reason) == ("unreadable", True)


def test_damaged_zip_member_does_not_spoil_the_others(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.png": picture(1), "b.png": picture(2)})
    data = bytearray(path.read_bytes())
    data[100:120] = bytes(20)
    path.write_bytes(data)
    arrived, (refused,) = import_all(path)
    assert [item.picture for item in arrived] == [picture(2)]
    assert refused.origin.endswith("!a.png")


def test_archive_in_an_archive_is_quarantined(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"a.png": picture()}).read_bytes()
    _, (refused,) = import_all(make_tar(tmp_path / "a.tar", {"inner.zip": inner}))
    assert "archive inside an archive" in refused.reason


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_member_that_unpacks_to_too_much_is_quarantined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 5000)
    make = make_zip if name == "a.zip" else make_tar
    arrived, (refused,) = import_all(make(tmp_path / name, {"big.png": bytes(6000), "good.png": picture()}))
    assert refused.kind == "too large"
    assert len(arrived) == 1


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.xz"])
def test_truncated_archive_keeps_what_came_before(tmp_path: Path, name: str) -> None:
    path = make_tar(tmp_path / name, {f"{number}.png": picture(number, 100) for number in range(6)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    arrived, (refused,) = import_all(path)
    assert 1 <= len(arrived) <= 4
    assert (refused.origin, refused.kind) == (str(path), "truncated")


def test_zip_of_a_version_to_come_is_quarantined(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "new.zip", {"a.png": picture()})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 6] = 99  # "version needed to extract"
    path.write_bytes(data)
    (refused,) = arrivals([path])
    assert isinstance(refused, Quarantined)
    assert count_files([path]) == 1
