"""RPMs and SRPMs as a Koji builder leaves and takes them."""

from pathlib import Path

from .handmade import STRINGS, Made, Tag, text, write_rpm


def make_rpm(path: Path, *, arch: str, source: str, content: bytes = b"one\n", build_arches: tuple[str, ...] = ()) -> Path:
    """Write an RPM by the name NAME-VERSION-RELEASE.ARCH.rpm; `source` is the SRPM that its header names, empty for an SRPM."""
    name, version, release = path.name.removesuffix(".src.rpm").removesuffix(f".{arch}.rpm").rsplit("-", 2)
    said: dict[int, Tag | None] = {1000: text(name), 1001: text(version), 1002: text(release), 1022: text(arch)}
    said |= {1044: text(source) if source else None}
    said |= {1089: text(*build_arches, kind=STRINGS)} if build_arches else {}
    return write_rpm(path, Made(tags=said, files={"/usr/a": content}))


def make_srpm(folder: Path, nvr: str = "hello-1-1", content: bytes = b"source\n", build_arches: tuple[str, ...] = ()) -> Path:
    """Write an SRPM; `build_arches` are its BuildArch."""
    folder.mkdir(exist_ok=True, parents=True)
    return make_rpm(folder / f"{nvr}.src.rpm", arch="x86_64", source="", content=content, build_arches=build_arches)


def nvr_of(source: str) -> str:
    """The name that a build of an upload gets."""
    return source.rpartition("/")[2].removesuffix(".src.rpm")
