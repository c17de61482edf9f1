"""Check the sources again from the disk, digests and signatures; a verdict is left beside each."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tproxy_rpms.release.model import Source
from tproxy_rpms.store import digest_code, digest_value
from tproxy_rpms.tasks.cut import Cut
from tproxy_rpms.tasks.step import Step


def create(cut: Cut) -> Iterator[Step]:
    """Yield a step a source."""
    for source in cut.release.sources.values():
        policy = f", signature: {source.signature.policy}" if source.signature else ""
        yield Step(
            stage="verify",
            name=source.name,
            doc=f"{source.name}{policy}",
            inputs=partial(inputs, cut, source),
            run=partial(verify, cut, source),
            after=(f"fetch:{source.name}",),
        )


def inputs(cut: Cut, source: Source) -> dict[str, object]:
    """What shapes a verdict."""
    return {"source": digest_value(asdict(source)), "files": cut.recorded("fetch", source.name), "code": digest_code("sources")}


def verify(cut: Cut, source: Source) -> tuple[Path, ...]:
    """Verify one source; returns its verdict, and its signature if that was kept."""
    from tproxy_rpms.sources.fetched import read_fetched
    from tproxy_rpms.sources.signature import kept_signature
    from tproxy_rpms.sources.verify import verify_source

    fetched = read_fetched(cut.sources, source.name)
    verify_source(source, fetched, directory=cut.sources, keys=cut.cache / "keys", mirrors=cut.mirrors)
    signature = kept_signature(cut.sources / fetched.file)
    return (cut.sources / f"{source.name}.verdict.json", *([signature] if signature.is_file() else []))
