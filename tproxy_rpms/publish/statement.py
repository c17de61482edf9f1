"""The form of a record: an in-toto Statement v1 that holds an SLSA provenance v1.

Fields as in https://github.com/in-toto/attestation/tree/main/spec/v1 and https://slsa.dev/spec/v1.0/provenance. What our own
fields mean (`buildType`, parameters, annotations) is told in docs/record.md.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tproxy_rpms.errors import TproxyError

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
HOME = "https://tproxy-rpms.example.org"
BUILD_TYPE = f"{HOME}/cut/v1"

CREDENTIALS = re.compile(r"(?<=://)[^/\s\"']+@")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A ResourceDescriptor: one file, package or tree; empty fields are left away.

    Fields:
        name: the file's name in the place that its role tells of. digest: algorithm → hex.
        location: where it was downloaded from. content: the file itself, where nobody else would have it.
        annotations: our own; `role` tells what the resource is to the cut.
    """

    name: str
    digest: Mapping[str, str]
    uri: str = ""
    location: str = ""
    media: str = ""
    content: bytes = b""
    annotations: Mapping[str, Any] = field(default_factory=dict)

    def render(self) -> dict[str, Any]:
        """Return the resource as the statement has it."""
        fields = {
            "name": self.name,
            "uri": strip_credentials(self.uri),
            "digest": dict(self.digest),
            "content": base64.b64encode(self.content).decode(),
            "downloadLocation": strip_credentials(self.location),
            "mediaType": self.media,
            "annotations": {key: value for key, value in self.annotations.items() if value not in ("", None)},
        }
        return {key: value for key, value in fields.items() if value}


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a statement says of how its subjects were made; times are ISO 8601 in UTC, empty where not known."""

    builder: str
    external: Mapping[str, Any]
    internal: Mapping[str, Any]
    dependencies: tuple[Resource, ...]
    byproducts: tuple[Resource, ...]
    versions: Mapping[str, str]
    invocation: str
    started: str = ""
    finished: str = ""

    def render(self) -> dict[str, Any]:
        """Return the predicate."""
        times = {"invocationId": self.invocation, "startedOn": self.started, "finishedOn": self.finished}
        return {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": dict(self.external),
                "internalParameters": dict(self.internal),
                "resolvedDependencies": render_all(self.dependencies),
            },
            "runDetails": {
                "builder": {"id": f"{HOME}/builder/{self.builder}/v1", "version": dict(self.versions)},
                "metadata": {key: value for key, value in times.items() if value},
                "byproducts": render_all(self.byproducts),
            },
        }


def render_all(resources: Iterable[Resource]) -> list[dict[str, Any]]:
    """Return resources in the order of their roles and names, which is the same for every run."""
    return [one.render() for one in sorted(resources, key=lambda one: (str(one.annotations.get("role", "")), one.name))]


def render_statement(subjects: Iterable[Resource], provenance: Provenance) -> dict[str, Any]:
    """Return the whole statement."""
    return {
        "_type": STATEMENT,
        "subject": render_all(subjects),
        "predicateType": PREDICATE,
        "predicate": provenance.render(),
    }


def strip_credentials(text: str) -> str:
    """Return a text without the user and password of each URL in it."""
    return CREDENTIALS.sub("", text)


@contextmanager
def hide_credentials() -> Iterator[None]:
    """Let no failure in here name the user and password of a URL."""
    try:
        yield
    except TproxyError as error:
        error.message, error.hint = strip_credentials(error.message), strip_credentials(error.hint)
        raise
