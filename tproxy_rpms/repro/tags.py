"""Tags of RPM headers as a comparison sees them: which may differ, which are told per file, which follow from others.

`EXCUSED` is the published list: an RPM that differs in nothing else is equivalent. Numbers are those of rpm's
include/rpm/rpmtag.h; the numbers from 1000 on mean other things in the signature header than in the header.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tproxy_rpms.librpm import load_rpm

Where = Literal["signature header", "header"]
Check = Literal["", "counted", "zeros", "links", "region", "signature"]

# Types of values (rpm's docs/manual/format_header.md).
INT32, INT64, STRING, BINARY, STRINGS = 4, 5, 6, 7, 8


@dataclass(frozen=True, kw_only=True)
class Excuse:
    """A tag that may differ in equivalent RPMs.

    Fields:
        where: the header it lies in. One in the signature header may be missing on one side.
        kind: the type that its value has to have; with another it is no such tag, whatever its number.
        cause: a key of verdict.CAUSES. reason: why this difference does not matter.
        check: what must hold on both sides, or there is no excuse: "counted": the value is what the file's bytes give when we
            count again; "zeros": nothing is in it but zeros; "links": both sides have the same hard links;
            "region": it ends the index as rpm's regions do; "signature": it is an OpenPGP signature.
    """

    number: int
    name: str
    where: Where
    kind: int
    cause: str
    reason: str
    check: Check = ""


def excuse_header(number: int, name: str, kind: int, cause: str, reason: str) -> Excuse:
    """Return an excuse for a tag of the header."""
    return Excuse(number=number, name=name, where="header", kind=kind, cause=cause, reason=reason)


def excuse_inode(number: int, name: str, reason: str) -> Excuse:
    """Return an excuse for a number of the building host's file system, which says nothing but what is one file."""
    return Excuse(number=number, name=name, where="header", kind=INT32, cause="inode", reason=reason, check="links")


def excuse_signature(number: int, name: str, reason: str, kind: int = BINARY, check: Check = "signature") -> Excuse:
    """Return an excuse for a signature."""
    return Excuse(number=number, name=name, where="signature header", kind=kind, cause="signature", reason=reason, check=check)


def excuse_consequence(number: int, name: str, kind: int, reason: str, check: Check) -> Excuse:
    """Return an excuse for what follows from other excused tags, as long as it is true."""
    cause = "consequence"
    return Excuse(number=number, name=name, where="signature header", kind=kind, cause=cause, reason=reason, check=check)


EXCUSED: tuple[Excuse, ...] = (
    excuse_header(1006, "BUILDTIME", INT32, "build time", "the time of the build; nothing in the payload may come from it"),
    excuse_header(1007, "BUILDHOST", STRING, "host name", "the host of the build; nothing in the payload may come from it"),
    excuse_header(1094, "COOKIE", STRING, "consequence", "BUILDHOST and BUILDTIME once more, which nobody reads"),
    excuse_inode(1096, "FILEINODES", "the inodes of the files where they were built: rpm before 4.10 does not renumber them"),
    excuse_inode(1095, "FILEDEVICES", "the device of the files where they were built: rpm before 4.10 keeps it"),
    excuse_signature(267, "DSAHEADER", "a DSA or EdDSA signature of the header"),
    excuse_signature(268, "RSAHEADER", "an RSA signature of the header"),
    excuse_signature(1002, "SIGPGP", "an RSA signature of header and payload"),
    excuse_signature(1005, "SIGGPG", "a DSA signature of header and payload"),
    excuse_signature(1006, "SIGPGP5", "a signature of header and payload by PGP 5"),
    excuse_signature(278, "OPENPGP", "signatures of the header as rpm 6 keeps them", STRINGS),
    excuse_signature(274, "FILESIGNATURES", "IMA signatures of the files, which are compared", STRINGS, ""),
    excuse_signature(275, "FILESIGNATURELENGTH", "the length of the IMA signatures", INT32, ""),
    excuse_signature(276, "VERITYSIGNATURES", "fs-verity signatures of the files, which are compared", STRINGS, ""),
    excuse_signature(277, "VERITYSIGNATUREALGO", "the digest of the fs-verity signatures", INT32, ""),
    excuse_consequence(1000, "SIGSIZE", INT32, "the size of header and payload: the host's name has a length", "counted"),
    excuse_consequence(270, "LONGSIGSIZE", INT64, "SIGSIZE for RPMs above 4 GiB", "counted"),
    excuse_consequence(1004, "SIGMD5", BINARY, "a digest of header and payload: the host and time are in it", "counted"),
    excuse_consequence(269, "SHA1HEADER", STRING, "a digest of the header, which has the build's host and time", "counted"),
    excuse_consequence(273, "SHA256HEADER", STRING, "a digest of the header, which has the build's host and time", "counted"),
    excuse_consequence(279, "SHA3_256HEADER", STRING, "a digest of the header, which has the build's host and time", "counted"),
    excuse_consequence(999, "RESERVED", BINARY, "room that is left for signatures (rpm 6): signing takes from it", "zeros"),
    excuse_consequence(1008, "RESERVEDSPACE", BINARY, "room that is left for signatures: signing takes from it", "zeros"),
    excuse_consequence(62, "HEADERSIGNATURES", BINARY, "how many tags the signature header has: signing changes it", "region"),
)  # fmt: skip

# What one may look for in that list, and why it is not there. No digest of the payload may ever be excused.
NOT_EXCUSED: Mapping[str, str] = {
    "PAYLOADDIGEST": "equal payloads have equal digests",
    "PAYLOADDIGESTALT": "equal archives have equal digests",
    "HEADERIMMUTABLE": "it says which tags the signatures cover, and that does not change with the host or the time",
    "SOURCEPKGID": "it names the SRPM that the RPM was built from: another one is another source until that is compared too",
    "RPMVERSION": "another rpm is another build root",
    "the lead": "signing keeps it",
}

# Arrays with one value a file → the cause of a difference. "" is content: it is looked at.
PER_FILE: Mapping[int, tuple[str, str]] = {
    1028: ("FILESIZES", ""), 5008: ("LONGFILESIZES", ""), 1035: ("FILEDIGESTS", ""), 1141: ("FILECLASS", "tag"),
    1034: ("FILEMTIMES", "mtime"), 1030: ("FILEMODES", "mode"), 1036: ("FILELINKTOS", "content"),
    1039: ("FILEUSERNAME", "user"), 1040: ("FILEGROUPNAME", "user"), 1031: ("FILEUIDS", "user"), 1032: ("FILEGIDS", "user"),
    1033: ("FILERDEVS", "tag"), 1037: ("FILEFLAGS", "tag"),
    1045: ("FILEVERIFYFLAGS", "tag"), 1097: ("FILELANGS", "tag"), 1140: ("FILECOLORS", "tag"), 5010: ("FILECAPS", "tag"),
    5115: ("FILEMIMEINDEX", "tag"), 1143: ("FILEDEPENDSX", "tag"), 1144: ("FILEDEPENDSN", "tag"),
}  # fmt: skip
# The arrays that make up the paths: what differs there is told as missing files, or as another order.
PATHS = frozenset({1027, 1116, 1117, 1118})  # OLDFILENAMES DIRINDEXES BASENAMES DIRNAMES
# What changes when a file's content, attributes or place do, in the header …
FOLLOWS_FILES = frozenset({
    1009,  # SIZE
    5009,  # LONGSIZE
    1046,  # ARCHIVESIZE
    271,  # LONGARCHIVESIZE
    1142,  # CLASSDICT
    1145,  # DEPENDSDICT
    5092,  # PAYLOADDIGEST
    5097,  # PAYLOADDIGESTALT
    5112, 5113,  # rpm 6: PAYLOADSIZE PAYLOADSIZEALT
    5116,  # MIMEDICT
    5121, 5122, 5123, 5124,  # PAYLOADSHA512 PAYLOADSHA512ALT PAYLOADSHA3_256 PAYLOADSHA3_256ALT
}) | PATHS  # fmt: skip
# … and in the signature header.
SIGNATURE_FOLLOWS_FILES = frozenset({1007, 271})  # PAYLOADSIZE LONGARCHIVESIZE
COMPRESSION = frozenset({1125, 1126})  # PAYLOADCOMPRESSOR PAYLOADFLAGS
FOLLOWS_TAGS = frozenset({63})  # HEADERIMMUTABLE: how many tags there are
DIGEST_ALGORITHM = 5011  # FILEDIGESTALGO
FILEDIGESTS = 1035
FILEDEVICES, FILEINODES = 1095, 1096
TIMES = frozenset({1006, 1034, 1080})  # BUILDTIME FILEMTIMES CHANGELOGTIME

SIGNATURE_NAMES: Mapping[int, str] = {excuse.number: excuse.name for excuse in EXCUSED if excuse.where != "header"} | {
    264: "BADSHA1_1", 265: "BADSHA1_2", 271: "LONGARCHIVESIZE", 1001: "LEMD5_1", 1003: "LEMD5_2", 1007: "PAYLOADSIZE",
}  # fmt: skip


def find_excuse(number: int, where: Where) -> Excuse | None:
    """Return the excuse that a tag has, if any."""
    return next((excuse for excuse in EXCUSED if excuse.number == number and excuse.where == where), None)


def name_tag(number: int, where: Where) -> str:
    """Return a tag's name, as rpm has it, or its number."""
    if where == "signature header":
        return SIGNATURE_NAMES.get(number, f"signature tag {number}")
    rpm = load_rpm()

    name = PER_FILE[number][0] if number in PER_FILE else rpm.tagnames.get(number, f"tag {number}")
    return str(name).upper() if number in rpm.tagnames else str(name)
