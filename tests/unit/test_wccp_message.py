"""Messages of WCCPv2: rendered and read back, as Squid sends them, and what is none."""

import hashlib
import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tproxy_rpms.acceptance.wccp.assignment import (
    AssignmentKey,
    Fields,
    HashAssignment,
    MaskAssignment,
    MaskSet,
    RouterAssignment,
)
from tproxy_rpms.acceptance.wccp.component import (
    AlternateAssignment,
    AssignmentMap,
    CacheIdentity,
    CacheView,
    Capabilities,
    RouterId,
    RouterIdentity,
    RouterQuery,
    RouterView,
    Security,
)
from tproxy_rpms.acceptance.wccp.engine import Engine
from tproxy_rpms.acceptance.wccp.message import Kind, Message, Opaque, check_security, parse_message, render_message
from tproxy_rpms.acceptance.wccp.reader import MessageError
from tproxy_rpms.acceptance.wccp.service import Flow, Service, ServiceKey

from .wccpmessages import PROXY, ROUTER, SERVICE_80, assign, assign_masks, here_i_am

BYTES, SHORTS, WORDS = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
ADDRESSES = st.builds(IPv4Address, WORDS)
KEYS = st.builds(AssignmentKey, address=ADDRESSES, change=WORDS)
ROUTERS = st.builds(RouterAssignment, router=ADDRESSES, receive_id=WORDS, change=WORDS)
IDS = st.builds(RouterId, router=ADDRESSES, receive_id=WORDS)
FIELDS = st.builds(Fields, source=WORDS, destination=WORDS, source_port=SHORTS, destination_port=SHORTS)
SETS = st.lists(
    st.builds(MaskSet, mask=FIELDS, values=st.lists(st.tuples(FIELDS, ADDRESSES), max_size=3).map(tuple)), max_size=3
).map(tuple)


def several(strategy: st.SearchStrategy, most: int = 3) -> st.SearchStrategy:
    return st.lists(strategy, max_size=most).map(tuple)


@st.composite
def hash_assignments(draw: st.DrawFn) -> HashAssignment:
    caches = draw(several(ADDRESSES, 32))
    indexes = st.sampled_from([*range(len(caches)), 255])
    buckets = bytes(draw(st.lists(indexes, min_size=256, max_size=256)))
    return HashAssignment(key=draw(KEYS), routers=draw(several(ROUTERS)), caches=caches, buckets=buckets)


MASK_ASSIGNMENTS = st.builds(MaskAssignment, key=KEYS, routers=several(ROUTERS), sets=SETS)
IDENTITIES = st.builds(
    CacheIdentity,
    address=ADDRESSES,
    revision=SHORTS,
    flags=st.sampled_from([0, 1]),
    buckets=st.binary(min_size=32, max_size=32),
    weight=SHORTS,
    status=SHORTS,
) | st.builds(
    CacheIdentity,
    address=ADDRESSES,
    flags=st.sampled_from([2, 3]),
    buckets=st.just(b""),
    sets=SETS,
    weight=SHORTS,
    status=SHORTS,
)
COMPONENTS = {
    Service: st.builds(
        Service,
        key=st.builds(ServiceKey, dynamic=st.booleans(), number=BYTES),
        priority=BYTES,
        protocol=BYTES,
        flags=WORDS,
        ports=several(st.integers(1, 0xFFFF), 8),
    ),
    RouterIdentity: st.builds(RouterIdentity, identity=IDS, sent_to=ADDRESSES, received_from=several(ADDRESSES)),
    CacheIdentity: IDENTITIES,
    RouterView: st.builds(RouterView, change=WORDS, key=KEYS, routers=several(ADDRESSES), caches=several(IDENTITIES)),
    CacheView: st.builds(CacheView, change=WORDS, routers=several(IDS), caches=several(ADDRESSES)),
    HashAssignment: hash_assignments(),
    RouterQuery: st.builds(RouterQuery, identity=IDS, sent_to=ADDRESSES, target=ADDRESSES),
    Capabilities: st.builds(Capabilities, elements=several(st.tuples(SHORTS, st.binary(min_size=4, max_size=4)))),
    AlternateAssignment: st.builds(AlternateAssignment, assignment=hash_assignments() | MASK_ASSIGNMENTS),
    AssignmentMap: st.builds(AssignmentMap, sets=SETS),
    Opaque: st.builds(Opaque, type=st.integers(15, 0xFFFF), body=st.sampled_from([b"", b"1234", b"12345678"])),
}
MESSAGES = st.builds(
    Message,
    kind=st.sampled_from(Kind),
    components=st.lists(st.sampled_from(sorted(COMPONENTS, key=str)), unique=True, max_size=4)
    .flatmap(lambda kinds: st.tuples(*(COMPONENTS[kind] for kind in kinds)))
    .map(lambda components: (Security(), *components)),
)


@given(MESSAGES)
def test_what_is_rendered_is_read_back(message: Message) -> None:
    assert parse_message(render_message(message)) == message


@given(MESSAGES, st.text("abcXYZ 12", min_size=1, max_size=12))
def test_a_signed_message_is_that_of_its_password(message: Message, password: str) -> None:
    data = render_message(message, password=password)
    signed = parse_message(data)
    check_security(signed, data, password=password)
    assert signed.components[1:] == message.components[1:]
    # The draft's rule by other means: the digest of the padded password and the message without a digest.
    zeroed = data[:16] + bytes(16) + data[32:]
    assert data[16:32] == hashlib.md5((password[:8] + "\0" * 8)[:8].encode() + zeroed).digest()
    changed = data[:7] + bytes([data[7] ^ 1]) + data[8:]
    with pytest.raises(MessageError, match="another password"):
        check_security(signed, changed, password=password)


@given(st.binary(max_size=600))
@example(b"")
def test_noise_is_an_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(MessageError):
        parse_message(data)


@given(MESSAGES, st.data())
def test_a_message_with_wrong_bytes_is_refused_or_read(message: Message, data: st.DataObject) -> None:
    """Never another exception, and the engine answers what it refuses by nothing."""
    whole = bytearray(render_message(message))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(BYTES)
    try:
        parse_message(bytes(whole))
    except MessageError:
        engine = Engine(address=ROUTER)
        assert engine.receive(PROXY, bytes(whole), 0, sent_to=ROUTER) == []
        assert engine.refused == 1


@given(st.sampled_from([here_i_am(), assign(receive_id=1, change=1)]), st.data())
def test_a_truncated_message_is_refused(whole: bytes, data: st.DataObject) -> None:
    """Cut anywhere, with a header that owns up to the shorter length."""
    length = data.draw(st.integers(8, len(whole) - 1))
    cut = whole[:6] + struct.pack("!H", length - 8) + whole[8:length]
    engine = Engine(address=ROUTER)
    engine.receive(PROXY, cut, 0, sent_to=ROUTER)
    # Between two components the message is whole, but without one that is needed, except for capabilities, the last.
    capabilities = len(here_i_am()) - 28
    assert engine.refused == (0 if length == capabilities and whole == here_i_am() else 1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (struct.pack("!IHH", 14, 0x200, 0), "message of type 14"),
        (struct.pack("!IHH", 10, 0x201, 0), "HERE_I_AM: version 0x201, not 0x200"),
        (struct.pack("!IHH", 10, 0x200, 4), "HERE_I_AM: says that 4 bytes follow, 0 do"),
        (struct.pack("!IHH", 10, 0x200, 0), "HERE_I_AM: does not begin with security"),
        (struct.pack("!IHHHHI", 10, 0x200, 8, 0, 4, 7), "HERE_I_AM, Security: security option 7"),
        (struct.pack("!IHHHHI", 10, 0x200, 8, 0, 8, 0), "HERE_I_AM: truncated, 8 bytes wanted, 4 left"),
        (struct.pack("!IHHHHI4x", 10, 0x200, 12, 0, 8, 0), "HERE_I_AM, Security: 4 bytes too many"),
        (struct.pack("!IHHHHIHH", 10, 0x200, 12, 0, 4, 0, 99, 3), "HERE_I_AM: component 99 has 3 bytes, not a multiple of four"),
        (struct.pack("!IHH8x8x", 10, 0x200, 16)[:10] + b"\0\4" + bytes(4) + b"\0\0\0\4" + bytes(4), "has a component twice"),
    ],
)
def test_errors_say_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(data)
    assert said in str(caught.value)


def test_a_count_beyond_the_message_is_refused_before_anything_is_made_of_it() -> None:
    body = struct.pack("!II", 1, 0xFFFFFFFF) + bytes(8)
    data = struct.pack("!IHHHHIHH", 10, 0x200, 12 + len(body), 0, 4, 0, 5, len(body)) + body
    with pytest.raises(MessageError, match="CacheView: truncated, 4294967295 times 8 bytes wanted, 8 left"):
        parse_message(data)


# Squid 5.7's, recorded on its way to the router of tests/integration/test_wccp.py.
SQUID_HERE_I_AM = bytes.fromhex(
    "0000000a02000088000000040000000000010018015af00600000032005000000000000000000000000000000003002c0a4d020200000000"
    "0000000000000000000000000000000000000000000000000000000000000000271000000005001400000001000000010a4d020100000000"
    "0000000000080018000100040000000100020004000000010003000400000001"
)
SQUID_HERE_I_AM_MASK = bytes.fromhex(
    "0000000a0200007c000000040000000000010018015af0060000003200500000000000000000000000000000000300200a4d020200000002"
    "0000000100000000000017410000000000000000000000000005001400000001000000010a4d020100000000000000000008001800010004"
    "0000000100020004000000020003000400000001"
)
SQUID_ASSIGN = bytes.fromhex(
    "0000000c02000148000000040000000000010018015af0060000003200500000000000000000000000000000000601200a4d020200000001"
    "000000010a4d02010000000300000002000000010a4d0202"
) + bytes(256)


def test_squids_here_i_am() -> None:
    message = parse_message(SQUID_HERE_I_AM)
    assert message.kind == Kind.HERE_I_AM
    assert [type(one) for one in message.components] == [Security, Service, CacheIdentity, CacheView, Capabilities]
    service = message.demand(Service)
    assert (service.key.name, service.priority, service.protocol, service.flags, service.ports) == ("90", 240, 6, 0x32, (80,))
    assert message.demand(CacheIdentity) == CacheIdentity(address=PROXY, weight=10_000)
    assert message.demand(CacheView).routers == (RouterId(router=ROUTER, receive_id=0),)
    assert message.demand(Capabilities).elements == ((1, b"\0\0\0\1"), (2, b"\0\0\0\1"), (3, b"\0\0\0\1"))
    assert render_message(message) == SQUID_HERE_I_AM


def test_squids_here_i_am_with_masks() -> None:
    message = parse_message(SQUID_HERE_I_AM_MASK)
    identity = message.demand(CacheIdentity)
    assert identity.by_mask
    assert identity.sets == (MaskSet(mask=Fields(destination=0x1741)),)
    assert render_message(message) == SQUID_HERE_I_AM_MASK


def test_squids_redirect_assign() -> None:
    message = parse_message(SQUID_ASSIGN)
    assignment = message.demand(HashAssignment)
    assert message.kind == Kind.REDIRECT_ASSIGN
    assert assignment.key == AssignmentKey(address=PROXY, change=1)
    assert assignment.routers == (RouterAssignment(router=ROUTER, receive_id=3, change=2),)
    assert assignment.shares() == {PROXY: 256}
    assert render_message(message) == SQUID_ASSIGN


@given(st.builds(Flow, protocol=st.just(6), source=WORDS, destination=WORDS, source_port=SHORTS, destination_port=SHORTS), WORDS)
def test_the_hash_is_the_xor_of_all_octets_that_the_flags_choose(flow: Flow, flags: int) -> None:
    octets = b""
    for flag, value in ((1, struct.pack("!I", flow.source)), (2, struct.pack("!I", flow.destination))):
        octets += value if flags & flag else b""
    for flag, value in ((4, struct.pack("!H", flow.source_port)), (8, struct.pack("!H", flow.destination_port))):
        octets += value if flags & flag else b""
    expected = 0
    for octet in octets:
        expected ^= octet
    assert Service(key=SERVICE_80.key, flags=flags).bucket(flow) == expected


@given(hash_assignments(), ADDRESSES)
def test_buckets_without_a_cache_are_nobodys(assignment: HashAssignment, other: IPv4Address) -> None:
    for cache in (*assignment.caches, other):
        rest = assignment.without(cache)
        assert cache not in rest.shares()
        assert sum(rest.shares().values()) == sum(assignment.shares().values()) - assignment.shares().get(cache, 0)
        assert sum(octet.bit_count() for octet in assignment.vector(cache)) == assignment.shares().get(cache, 0)


def test_a_mask_assignment_as_squid_makes_it_fits_in_a_datagram() -> None:
    values = [value for value in range(0x1742) if value & 0x1741 == value]
    sets = (MaskSet(mask=Fields(source=0x1741), values=tuple((Fields(source=value), PROXY) for value in values)),)
    data = assign_masks(SERVICE_80, sets, receive_id=1, change=1)
    assert len(values) == 64
    assert len(data) == 8 + 8 + 28 + 4 + 4 + 8 + 4 + 12 + 4 + 16 + 64 * 16
    assert parse_message(data).demand(AlternateAssignment).assignment.shares() == {PROXY: 64}
