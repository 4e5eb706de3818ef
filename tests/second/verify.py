#!/usr/bin/env python3
"""A second implementation of docs/protocol.md, written from that page alone and sharing no code.

    verify.py LOG CHECKPOINT    exit 0: accepted; 1: refused, and why; 2: cannot run
    verify.py --golden DIR      exit 0: this program agrees with every file of DIR (section 17)
    verify.py --mailbox DIR CONTACT AFTER CHAIN
                                exit 0: what the relay showed after this number and chain value ("-"
                                for 0) is what it signed (13). `entries` and `answers` of DIR hold
                                what GetEntries and Collect answered, each in hexadecimal in a line

    verify.py --audit DIR       exit 0: the audit trail in the copy of an auditor, DIR of its home, is the
                                one whose head the relay signed (5.6)

It folds whole logs (sections 1 to 9), computes roots, verifies checkpoints (11), and computes the
chains of mailboxes (13) and audits (5.6). It judges headers, threads, acknowledgements, receipts and
heads as a reader does, and envelopes as the relay does (10, 12 to 14, 16), in a directory that is not
behind newer rules. It opens nothing that is sealed. Numbers in parentheses are sections of the page.
"""
import base64
import copy
import functools
import hashlib
import pathlib
import re
import sys
from typing import NamedTuple

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, x25519
except ImportError:
    print("the Python package 'cryptography' is missing: ./test installs what the tests need")
    sys.exit(2)

HIGHEST_RULES = 1
DAY = 86_400
# Own cases that were judged otherwise by the page of version 0.2.
SINCE = {"submit-a-receipt-of-what-is-not-kept": "RECEIPT_NOT_DUE"}


class Refused(Exception):
    pass


def need(condition, reason):
    if not condition:
        raise Refused(reason)


def field(condition, name):
    need(condition, f"INVALID_FIELD:{name}")


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def ascending(items):
    return all(one < next for one, next in zip(items, items[1:]))


# --- Form (1, 5) ---------------------------------------------------------------------------------

# Fields by number. u, w, e: uint64, uint32, enum; b: bytes; k: a key id; l: the leaf, a oneof of
# bytes; s: string; a capital: a message; [: repeated; -: no field.
STATEMENT = "targets:[Target issued_at:u"
RECORD = f"{STATEMENT} contact:s expires:u levels:[e purposes:[e names:[Text"
WITNESSED = "at:u view:View"
SCHEMA = {
    "Dsse": "payload:b payload_type:s signatures:[Signature", "Signature": "sig:b key_id:k",
    "Entry": "statement:l admitted_at:u", "PublicKey": "algorithm:e key:b proof:b",
    "Directory": "name:s genesis:b", "Target": "name:s genesis:b version:u",
    "View": "size:u root:b", "Text": "language:s text:s",
    "Facet": "name:s visibility:e members:[s hash:b", "Note": "reference:s date:u sha256:b",
    "Person": "id:s name:s sign:PublicKey tls:PublicKey", "Witness": "name:s key:PublicKey",
    "Setting": "name:s value:u", "Ladder": "level:e contacts:[s",
    "Seat": "name:s sign:PublicKey seal:PublicKey tls:PublicKey",
    "charter": f"{STATEMENT} rules:w registrars:[Person threshold:w operators:[Person"
               " auditors:[Person log:[PublicKey relay:[PublicKey service_ca:[b"
               " witnesses:[Witness quorum:w policy:[Setting previous:b",
    "admission": f"{STATEMENT} member:s kind:e names:[Text authority:[PublicKey threshold:w note:Note",
    "attested-record": f"{RECORD} - - - facets:[Facet note:Note",
    "record": f"{RECORD} keeper:PublicKey custody:e ladders:[Ladder facets:[Facet note:Note",
    "roster": f"{STATEMENT} contact:s seats:[Seat facets:[Facet",
    "withdrawal": f"{STATEMENT} contact:s",
    "revocation": f"{STATEMENT} seat:s key_ids:[k reason:e suspected_from:u",
    "Addressing": "directory:Directory id:b thread:b in_reply_to:b sender:s sender_key:k"
                  " recipients:[Recipient class:e urgency:e drill:Drill created:u expires:u"
                  " acknowledge_within:w view:View flags:[e extras:[Extra",
    "Extra": "name:s value:b", "Drill": "kind:e name:s", "Blob": "digest:b size:u",
    "Recipient": "contact:s level:e step:w stands_in_for:s after:w",
    "Letter": "seat:s seal_key:k age:b", "Place": "contact:s epoch:u number:u chain:b",
    "header": "addressing:b body_digest:b body_size:u letters:w letters_root:b blobs:[Blob",
    "message": "addressing:b content:b",
    "accepted": f"directory:Directory header_digest:b {WITNESSED} places:[Place",
    "mailbox-head": f"directory:Directory place:Place {WITNESSED}",
    "acknowledgement": "directory:Directory header_digest:b seat:s level:e drill:Drill"
                       f" {WITNESSED}",
    "possession": "holder:s use:e key_id:k",
    "approval": "directory:Directory nonce:b base:u expires:u action:s parameters:b",
    "audit-head": f"directory:Directory count:u chain:b {WITNESSED}",
    "AuditRecord": "number:u at:u who:s key_id:b network:s call:s subject:b says:s outcome:s unrecorded:u",
    "GetEntriesResponse": "entries:[b checkpoint:b",
    "CollectResponse": "message:Item head:b beginning:Beginning",
    "Beginning": "number:u chain:b epoch:u",
    "Item": "number:u kind:w header:b body:b letter:b letter_index:w letter_path:[b acknowledgement:b gone:b",
}
SCHEMA = {message: {number: (name.split(":")[0], ":[" in name, name.split(":")[1].lstrip("["))
                    for number, name in enumerate(fields.split(), 1) if name != "-"}
          for message, fields in SCHEMA.items()}
LARGEST = {"u": 2**53 - 1, "w": 2**32 - 1, "e": 2**31 - 1}
ABSENT = {"u": 0, "w": 0, "e": 0, "s": "", "b": b"", "k": b""}
STATEMENTS = ("charter", "admission", "attested-record", "record", "roster", "withdrawal", "revocation")
MESSAGES = ("header", "message", "accepted", "mailbox-head", "acknowledgement")


def payload_type(kind):
    return f"application/vnd.liaison.{kind}.v1+protobuf"


class Malformed(Exception):
    pass


def well(condition, why):
    if not condition:
        raise Malformed(why)


def varint(data, at):
    value = shift = 0
    while True:
        well(at < len(data) and shift < 70, "a number is cut or too long")
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            well(data[at - 1] or shift == 7, "a number is not minimal")
            return value, at


def parse(message, data):
    """The value of which `data` is the canonical encoding (1.1); Malformed if there is none."""
    value = {name: [] if many else ABSENT.get(base) for name, many, base in SCHEMA[message].values()}
    at = last = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        well(number in SCHEMA[message], f"unknown field {number} of {message}")
        name, many, base = SCHEMA[message][number]
        packed = many and base in LARGEST
        well(number > last or number == last and many and not packed, f"{message}.{name}: order")
        well(wire == (0 if base in LARGEST and not many else 2), f"{message}.{name}: wire type")
        last = number
        item, at = varint(data, at)
        if wire == 2:
            well(item <= len(data) - at, f"{message}.{name} is cut")
            item, at = data[at:at + item], at + item
        if packed:
            well(item, f"{message}.{name} is packed and empty")
            while item:
                element, end = varint(item, 0)
                well(element <= LARGEST[base], f"{message}.{name} is too large")
                value[name], item = value[name] + [element], item[end:]
            continue
        well(item or many or base not in ABSENT, f"{message}.{name} is a default, written")
        if base in LARGEST:
            well(item <= LARGEST[base], f"{message}.{name} is too large")
        elif base == "s":
            try:
                item = str(item, "utf-8")
            except UnicodeDecodeError:
                raise Malformed(f"{message}.{name} is not UTF-8") from None
        elif base in SCHEMA:
            item = parse(base, item)
        if many:
            value[name].append(item)
        else:
            value[name] = item
    for name, many, base in SCHEMA[message].values():
        well(base != "k" or all(len(id) == 32 for id in (value[name] if many else [value[name]])),
             f"{message}.{name} has not 32 bytes")
    return value


def form(message, data, reason="NOT_CANONICAL"):
    try:
        return parse(message, data)
    except Malformed:
        raise Refused(reason) from None


# --- Text and ids (2) ----------------------------------------------------------------------------

FORBIDDEN = (
    (0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x200B, 0x200B), (0x200E, 0x200F),
    (0x2028, 0x202E), (0x2060, 0x206F), (0xFFF0, 0xFFFB), (0xE000, 0xF8FF), (0xFDD0, 0xFDEF),
    (0x1D173, 0x1D17A), (0xE0000, 0xE00FF), (0xE01F0, 0xE0FFF), (0xF0000, 0x10FFFF),
    (0xFEFF, 0xFEFF))
PART = "[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?"
RESERVED = ("registrar", "operator", "auditor", "log", "relay")
MEMBER, CONTACT, SEAT = 1, 2, 3  # parts of an id


def is_text(text):
    return 1 <= len(text.encode()) <= 400 and not any(
        code & 0xFFFE == 0xFFFE or any(first <= code <= last for first, last in FORBIDDEN)
        for code in map(ord, text))


def is_language(tag):
    return len(tag) <= 35 and re.fullmatch("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", tag)


def is_part(id):
    return re.fullmatch(PART, id)


def is_id(id, parts):
    return len(id.split("/")) == parts and all(map(is_part, id.split("/"))) \
        and id.split("/")[0] not in RESERVED


def is_directory(name):
    return len(name) <= 64 and all(map(is_part, name.split(".")))


def is_name(name):
    return re.fullmatch("[a-z0-9-]{1,32}", name)


def contact_of(seat):
    return seat.rsplit("/", 1)[0]


def member_of(id):
    return id.split("/")[0]


# --- Keys and signatures (3) ---------------------------------------------------------------------

ED25519, P256, P384, XWING = 1, 2, 3, 4
ALGORITHMS = {
    ED25519: (bytes.fromhex("302a300506032b6570032100"), 32),
    P256: (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 64),
    P384: (bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), 96),
    XWING: (b"", 1216)}
ANY = (ED25519, P256, P384)
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SMALL = [bytes.fromhex(encoding) for encoding in (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")]
CURVES = {  # prime, b, order, hash
    P256: (2**256 - 2**224 + 2**192 + 2**96 - 1,
           0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
           0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551, hashes.SHA256()),
    P384: (2**384 - 2**128 - 2**96 + 2**32 - 1,
           0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
           0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
           hashes.SHA384())}
SIGN, TLS, AUTHORITY, KEEPER, LOG, RELAY = range(1, 7)


def y_of(raw):
    return int.from_bytes(raw, "little") & (1 << 255) - 1


SMALL_Y = set(map(y_of, SMALL))


@functools.lru_cache(None)
def can_be_read(algorithm, key):
    prefix, length = ALGORITHMS.get(algorithm, (b"", -1))
    raw = key[len(prefix):]
    if not key.startswith(prefix) or len(raw) != length:
        return False
    if algorithm == ED25519:
        return y_of(raw) < P and y_of(raw) not in SMALL_Y
    if algorithm == XWING:
        numbers = int.from_bytes(raw[:1152], "little")
        return all(numbers >> 12 * i & 0xFFF < 3329 for i in range(768)) and moves(raw[1184:])
    return True


def moves(point):
    """One trial: OpenSSL refuses the product of X25519 that is zero."""
    try:
        scalar = x25519.X25519PrivateKey.from_private_bytes(sha256(b"any"))
        return any(scalar.exchange(x25519.X25519PublicKey.from_public_bytes(point)))
    except ValueError:
        return False


def readable(public, algorithms):
    return public is not None and public["algorithm"] in algorithms \
        and can_be_read(public["algorithm"], public["key"])


def key_id(public):
    return sha256(public["key"])


def is_point(algorithm, raw):
    """Is it on its curve? Ed25519: has its y an x. (One that can be read has an x that is not 0.)"""
    if algorithm == ED25519:
        square = y_of(raw) ** 2 % P
        square = (square - 1) * pow(D * square + 1, -1, P) % P
        return pow(square, (P - 1) // 2, P) == 1
    prime, b, _, _ = CURVES[algorithm]
    x, y = (int.from_bytes(half) for half in (raw[:len(raw) // 2], raw[len(raw) // 2:]))
    return x < prime and y < prime and (y * y - x ** 3 + 3 * x - b) % prime == 0


def is_strict_der(signature, order):
    """SEQUENCE { r, s }, minimal, with both from 1 to order - 1 (3.3). All lengths are below 128."""
    if len(signature) < 2 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return False
    at = 2
    for _ in "rs":
        tag, size = signature[at:at + 1], sum(signature[at + 1:at + 2])
        number = signature[at + 2:at + 2 + size]
        at += 2 + size
        if tag != b"\x02" or at > len(signature) or not 1 <= int.from_bytes(number) < order or \
                number != int.from_bytes(number).to_bytes(int.from_bytes(number).bit_length() // 8 + 1):
            return False
    return at == len(signature)


@functools.lru_cache(None)
def holds(key, signature, signed):
    """Does the signature of this key, which can be read, hold?"""
    algorithm = next(a for a, (prefix, length) in ALGORITHMS.items()
                     if key.startswith(prefix) and len(key) == len(prefix) + length)
    if algorithm == XWING or not is_point(algorithm, key[len(ALGORITHMS[algorithm][0]):]):
        return False
    if algorithm == ED25519:  # the library: no cofactor, R compared as bytes; it lacks the check of R
        if len(signature) != 64 or signature[:32] in SMALL or int.from_bytes(signature[32:], "little") >= L:
            return False
        how = ()
    else:
        if not is_strict_der(signature, CURVES[algorithm][2]):
            return False
        how = (ec.ECDSA(CURVES[algorithm][3]),)
    try:
        serialization.load_der_public_key(key).verify(signature, signed, *how)
        return True
    except (InvalidSignature, ValueError):
        return False


def check_order(ids):
    need(ids == sorted(ids), "SIGNATURES_UNSORTED")
    need(len(ids) == len(set(ids)), "DUPLICATE_SIGNATURE")


def pae(kind_type, payload):
    return b"DSSEv1 %d %s %d %s" % (
        len(kind_type.encode()), kind_type.encode(), len(payload), payload)


def possession(holder, use, id):
    holder = holder.encode()
    return pae(payload_type("possession"),
               b"\x0a%c%s\x10%c\x1a\x20%s" % (len(holder), holder, use, id))


# --- The fold (6) --------------------------------------------------------------------------------

SUBJECTS = {"admission": ("member", MEMBER), "attested-record": ("contact", CONTACT),
            "record": ("contact", CONTACT), "roster": ("contact", CONTACT),
            "withdrawal": ("contact", CONTACT), "revocation": ("seat", SEAT)}
SIGNERS = {"charter": ["registrar"], "admission": ["registrar"], "attested-record": ["registrar"],
           "record": ["authority"], "roster": ["keeper", "authority"],
           "withdrawal": ["authority", "registrar"], "revocation": ["seat", "keeper", "authority"]}
KNOWN = {"level": 5, "purpose": 6, "visibility": 4, "member kind": 6, "custody": 3, "reason": 5,
         "use": 6}
NAMED_MEMBERS = 3


class Key(NamedTuple):
    key: bytes
    holder: str
    use: int
    begin: int
    until: int | None = None

    def role(self):
        """What it may sign. A seat's holder has three parts, and none that is reserved."""
        if self.use == SIGN:
            first = member_of(self.holder)
            return first if first in RESERVED else "seat"
        return {TLS: "tls", AUTHORITY: "authority", KEEPER: "keeper", LOG: "log", RELAY: "relay"}[self.use]

    def stood_at(self, size):
        return self.begin < size and (self.until is None or size <= self.until)


class Member(NamedTuple):
    version: int
    authority: frozenset
    threshold: int
    signed: bool


class Contact(NamedTuple):
    record_version: int = 0
    record: str | None = None  # its kind
    levels: list = []
    keeper: bytes | None = None
    roster_version: int = 0
    roster: dict = {}  # seat -> use -> key id


def known(enum, value):
    return 1 <= value <= KNOWN[enum]


def check_names(names):
    field(1 <= len(names) <= 32 and ascending([text["language"] for text in names]) and all(
        is_language(text["language"]) and is_text(text["text"]) for text in names), "names")


def check_note(note, required=False):
    field(not required if note is None else
          is_text(note["reference"]) and note["date"] and len(note["sha256"]) == 32, "note")


def check_expiry(s, at):
    need(s["expires"] > at, "ALREADY_EXPIRED")
    need(s["expires"] <= s["issued_at"] + 731 * DAY, "HOLDS_TOO_LONG")


def check_facets(kind, facets):
    field(len(facets) <= 16 and ascending([facet["name"] for facet in facets]), "facets")
    for facet in facets:
        name, members = facet["name"], facet["members"]
        allowed = {"roster": name in ("hours", "holidays", "wake"), "attested-record": name != "wake",
                   "record": name not in ("hours", "holidays", "wake")}[kind]
        field(is_name(name) and allowed and len(facet["hash"]) == 32, "facets")
        field(known("visibility", facet["visibility"]), "facets")
        if facet["visibility"] == NAMED_MEMBERS:
            field(1 <= len(members) <= 256 and ascending(members)
                  and all(is_id(member, MEMBER) for member in members), "facets")
        else:
            field(not members, "facets")


class Directory:
    def __init__(self, name):
        self.name, self.genesis, self.size, self.clock = name, None, 0, 0
        self.newest = None  # the newest charter, with its version and identity
        self.members, self.contacts = {}, {}
        self.keys, self.seals = {}, {}  # key id -> Key; (contact, key id) -> Key
        self.behind, self.closed = False, None  # closed: the leaf of the first charter not taken

    def copy(self):
        other = copy.copy(self)
        for name in ("members", "contacts", "keys", "seals"):
            setattr(other, name, dict(getattr(self, name)))
        return other

    def take(self, entry):
        """Folds, and returns the kind; or, behind a charter of newer rules, follows (9)."""
        if self.behind:
            self.follow(entry)
            kind = None
        else:
            kind = self.fold(entry)
            if self.newest["rules"] > HIGHEST_RULES:
                self.stop()
        self.size += 1
        return kind

    def fold(self, entry):
        need(len(entry) < 65_536, "TOO_LARGE")
        entry = form("Entry", entry, "UNKNOWN_LEAF")
        need(entry["statement"] is not None, "UNKNOWN_LEAF")
        at = entry["admitted_at"]
        need(len(entry["statement"]) <= 65_000, "TOO_LARGE")
        dsse = form("Dsse", entry["statement"])
        kind = next((k for k in STATEMENTS if payload_type(k) == dsse["payload_type"]), None)
        need(kind, "UNKNOWN_KIND")
        s = form(kind, dsse["payload"])
        version = self.check_targets(kind, s["targets"])
        self.check_subject(kind, s)
        self.check_signatures(kind, s, dsse)
        self.check_version(kind, s, version)
        if kind != "revocation":
            self.check_time(kind, s, at)
        s |= {"identity": sha256(dsse["payload"]), "version": version}
        getattr(self, kind.replace("-", "_"))(s, at)
        if kind != "revocation":
            self.clock = at
        return kind

    # Stages

    def check_targets(self, kind, targets):
        names = [target["name"] for target in targets]
        single = kind in ("charter", "admission", "attested-record")
        genesis, first = 32 if self.size else 0, self.size == 0
        need(1 <= len(names) <= (1 if single else 16) and ascending(names)
             and all(map(is_directory, names))
             and all(len(target["genesis"]) == genesis for target in targets)
             and all((target["version"] > 0) == (kind != "revocation") for target in targets),
             "INVALID_TARGETS")
        need(not first or kind == "charter", "NOT_A_CHARTER")
        need(self.name in names, "OTHER_DIRECTORY")
        target = targets[names.index(self.name)]
        need(first or target["genesis"] == self.genesis, "OTHER_GENESIS")
        return target["version"]

    def check_subject(self, kind, s):
        if kind == "charter":
            return
        name, parts = SUBJECTS[kind]
        field(is_id(s[name], parts), name)
        if kind != "admission":
            need(member_of(s[name]) in self.members, "UNKNOWN_MEMBER")
        if kind in ("roster", "withdrawal", "revocation"):
            contact = contact_of(s[name]) if kind == "revocation" else s[name]
            need(self.contact(contact).record, "UNKNOWN_CONTACT")

    def check_signatures(self, kind, s, dsse):
        ids = [signature["key_id"] for signature in dsse["signatures"]]
        check_order(ids)
        candidates = self.candidates(s["registrars"][:64]) if kind == "charter" else {}
        for id in ids:
            need(id in candidates or id in self.keys, "UNKNOWN_KEY")
            need(id in candidates or self.keys[id].until is None, "KEY_NOT_IN_FORCE")
        for id in ids:
            role = self.keys[id].role() if id in self.keys else "registrar"
            need(role in SIGNERS[kind], "WRONG_PURPOSE")
        for signature in dsse["signatures"]:
            id = signature["key_id"]
            key = self.keys[id].key if id in self.keys else candidates[id]
            need(holds(key, signature["sig"], pae(dsse["payload_type"], dsse["payload"])), "BAD_SIGNATURE")
        quorums = self.quorums(kind, s, candidates)
        met = [len(keys & set(ids)) >= threshold > 0 for keys, threshold in quorums]
        need((all if kind == "charter" else any)(met), "BELOW_THRESHOLD")
        need(set(ids) <= set().union(*(keys for keys, _ in quorums)), "SUPERFLUOUS_SIGNATURE")

    @staticmethod
    def candidates(persons):
        return {key_id(person["sign"]): person["sign"]["key"] for person in persons
                if readable(person["sign"], ALGORITHMS)}

    def quorums(self, kind, s, candidates):
        """(keys, threshold): a charter needs each of them, everything else any."""
        registrars = (set(self.candidates(self.newest["registrars"])), self.newest["threshold"]) \
            if self.newest else None
        if kind == "charter":
            own = set(candidates), max(1, s["threshold"])
            return [registrars, own] if registrars else [own]
        if kind in ("admission", "attested-record"):
            return [registrars]
        contact = contact_of(s["seat"]) if kind == "revocation" else s["contact"]
        member, state = self.members[member_of(contact)], self.contact(contact)
        authority, keeper = (member.authority, member.threshold), ({state.keeper} - {None}, 1)
        if kind == "revocation":
            seats = {seat["sign"] for seat in state.roster.values() if "sign" in seat}
            return [({id for id in seats if self.keys[id].until is None}, 1), keeper, authority]
        if kind == "roster" and state.keeper:
            return [keeper]
        if kind == "withdrawal" and state.record == "attested-record":
            return [registrars, authority]
        return [authority]

    def check_version(self, kind, s, version):
        if kind == "charter":
            newest = self.newest["version"] if self.newest else 0
        elif kind == "admission":
            newest = self.members[s["member"]].version if s["member"] in self.members else 0
        elif kind == "roster":
            newest = self.contact(s["contact"]).roster_version
        elif kind == "revocation":
            return
        else:
            newest = self.contact(s["contact"]).record_version
        need(version == newest + 1, "WRONG_VERSION")

    def check_time(self, kind, s, at):
        need(kind == "charter" or at >= self.clock, "BEFORE_CLOCK")
        need(s["issued_at"] <= at + 300, "ISSUED_IN_FUTURE")
        need(at <= s["issued_at"] + 30 * DAY, "ISSUED_TOO_EARLY")

    # Keys (6.7)

    def check_keys(self, keys):
        """`list`, before it is applied. keys: (public key, holder, use)."""
        listed = {}
        for public, holder, use in keys:
            id = key_id(public)
            need(holds(public["key"], public["proof"], possession(holder, use, id)), "NO_POSSESSION")
            need(id not in listed, "KEY_REUSED")
            old = self.keys.get(id)
            need(old is None or (old.holder, old.use, old.until) == (holder, use, None), "KEY_REUSED")
            listed[id] = Key(public["key"], holder, use, self.size)
        return listed

    def list_keys(self, listed, before):
        for id, key in listed.items():
            self.keys.setdefault(id, key)
        for id in set(before) - set(listed):
            self.end(self.keys, id)

    def end(self, table, id):
        if table[id].until is None:
            table[id] = table[id]._replace(until=self.size)

    def contact(self, id):
        return self.contacts.get(id, Contact())

    # Content (6.8 to 6.13): checks everything, then applies

    def charter_keys(self, s, people=("registrar", "operator", "auditor")):
        """(key, holder, use) of every key with a proof; a person's may be absent in one not checked."""
        for role in people:
            for person in s[f"{role}s"]:
                yield person["sign"], f"{role}/{person['id']}", SIGN
                yield person["tls"], f"{role}/{person['id']}", TLS
        for key in s["log"]:
            yield key, f"log/{self.name}", LOG
        for key in s["relay"]:
            yield key, f"relay/{self.name}", RELAY

    def charter(self, s, at):
        before = self.newest
        need(s["rules"] - before["rules"] in (0, 1) if before else s["rules"] == 1, "WRONG_RULES")
        need(s["previous"] == (before["identity"] if before else b""), "WRONG_PREVIOUS")
        for name, least in (("registrars", 1), ("operators", 0), ("auditors", 0)):
            field(least <= len(s[name]) <= 64 and ascending([person["id"] for person in s[name]]), name)
            field(all(is_part(person["id"]) and is_text(person["name"]) and readable(person["sign"], ANY)
                      and readable(person["tls"], ANY) for person in s[name]), name)
        field(1 <= s["threshold"] <= len(s["registrars"]), "threshold")
        for name in ("log", "relay"):
            field(1 <= len(s[name]) <= 64 and all(readable(key, [ED25519]) for key in s[name]), name)
        field(1 <= len(s["service_ca"]) <= 64 and ascending(s["service_ca"]) and all(s["service_ca"]),
              "service_ca")
        witnesses = s["witnesses"]
        field(len(witnesses) <= 64 and ascending([witness["name"] for witness in witnesses]), "witnesses")
        for witness in witnesses:
            field(re.fullmatch("[!-*,-~]{1,200}", witness["name"]) and readable(witness["key"], [ED25519])
                  and is_point(ED25519, witness["key"]["key"][-32:]), "witnesses")
            need(not witness["key"]["proof"], "NO_POSSESSION")
        keys = {witness["key"]["key"] for witness in witnesses} - {public["key"] for public in s["log"]}
        field(len(keys) == len(witnesses), "witnesses")
        field(len(witnesses) < 2 * s["quorum"] <= 2 * len(witnesses) if witnesses else s["quorum"] == 0,
              "quorum")
        field(len(s["policy"]) <= 64 and ascending([setting["name"] for setting in s["policy"]]) and all(
            is_name(setting["name"]) and setting["value"] for setting in s["policy"]), "policy")
        listed = self.check_keys(self.charter_keys(s))
        self.list_keys(listed, [key_id(key) for key, _, _ in self.charter_keys(before)] if before else ())
        self.newest = s
        self.genesis = self.genesis or s["identity"]

    def admission(self, s, at):
        field(known("member kind", s["kind"]), "kind")
        check_names(s["names"])
        check_note(s["note"])
        ids = [key_id(key) for key in s["authority"]]
        field(len(ids) <= 64 and ascending(ids) and all(readable(key, ANY) for key in s["authority"]),
              "authority")
        field(min(1, len(ids)) <= s["threshold"] <= len(ids), "threshold")
        old = self.members.get(s["member"], Member(0, frozenset(), 0, False))
        need(not old.authority or (old.authority, old.threshold) == (set(ids), s["threshold"]),
             "AUTHORITY_STANDS")
        listed = self.check_keys((key, s["member"], AUTHORITY) for key in s["authority"])
        self.list_keys(listed, ())
        self.members[s["member"]] = Member(s["version"], frozenset(ids), s["threshold"], old.signed)

    def check_record(self, kind, s, at):
        check_expiry(s, at)
        field(s["levels"] and ascending(s["levels"]) and all(known("level", x) for x in s["levels"]),
              "levels")
        field(ascending(s["purposes"]) and all(known("purpose", x) for x in s["purposes"]), "purposes")
        check_names(s["names"])
        check_facets(kind, s["facets"])
        check_note(s["note"], required=kind == "attested-record")
        standing = {id for id, contact in self.contacts.items()
                    if contact.record and member_of(id) == member_of(s["contact"])}
        need(len(standing | {s["contact"]}) <= 64, "TOO_MANY_CONTACTS")

    def attested_record(self, s, at):
        self.check_record("attested-record", s, at)
        need(not self.members[member_of(s["contact"])].signed, "ATTESTED_AFTER_SIGNED")
        self.contacts[s["contact"]] = self.contact(s["contact"])._replace(
            record="attested-record", record_version=s["version"], levels=s["levels"])

    def record(self, s, at):
        id, keeper = s["contact"], s["keeper"]
        self.check_record("record", s, at)
        field(keeper is None or readable(keeper, ANY), "keeper")
        field(known("custody", s["custody"]), "custody")
        field(ascending([ladder["level"] for ladder in s["ladders"]]), "ladders")
        for ladder in s["ladders"]:
            contacts = ladder["contacts"]
            field(known("level", ladder["level"]) and 1 <= len(contacts) <= 8
                  and len(set(contacts)) == len(contacts) and id not in contacts
                  and all(is_id(x, CONTACT) and member_of(x) == member_of(id) for x in contacts), "ladders")
        listed = self.check_keys([(keeper, id, KEEPER)] if keeper else [])
        old = self.contact(id)
        self.list_keys(listed, {old.keeper} - {None})
        self.contacts[id] = old._replace(
            record="record", record_version=s["version"], levels=s["levels"],
            keeper=key_id(keeper) if keeper else None)
        self.members[member_of(id)] = self.members[member_of(id)]._replace(signed=True)

    def roster(self, s, at):
        id, seats = s["contact"], s["seats"]
        old = self.contact(id)
        need(old.record != "attested-record", "ATTESTED")
        field(len(seats) <= 16 and ascending([seat["name"] for seat in seats]), "seats")
        for seat in seats:
            field(is_part(seat["name"]) and readable(seat["seal"], [XWING])
                  and (seat["sign"] is None) == (seat["tls"] is None), "seats")
            field(not seat["sign"] or readable(seat["sign"], [ED25519]) and readable(seat["tls"], ANY),
                  "seats")
            need(not seat["seal"]["proof"], "NO_POSSESSION")
        check_facets("roster", s["facets"])
        listed = self.check_keys((seat[name], f"{id}/{seat['name']}", use) for seat in seats
                                 for name, use in (("sign", SIGN), ("tls", TLS)) if seat[name])
        seals = [key_id(seat["seal"]) for seat in seats]
        need(len(set(seals)) == len(seals), "KEY_REUSED")
        need(all(self.seals[id, x].until is None for x in seals if (id, x) in self.seals), "KEY_REUSED")
        signs, sealed = self.roster_keys(old)
        self.list_keys(listed, signs)
        for seat, seal in zip(seats, seals):
            self.seals.setdefault((id, seal), Key(seat["seal"]["key"], id, 0, self.size))
        for seal in sealed - set(seals):
            self.end(self.seals, (id, seal))
        self.contacts[id] = old._replace(roster_version=s["version"], roster={
            seat["name"]: {name: key_id(seat[name]) for name in ("sign", "seal", "tls") if seat[name]}
            for seat in seats})

    @staticmethod
    def roster_keys(contact):
        """The ids of its sign and TLS keys, and of its seal keys."""
        keys = [item for seat in contact.roster.values() for item in seat.items()]
        return {id for use, id in keys if use != "seal"}, {id for use, id in keys if use == "seal"}

    def withdrawal(self, s, at):
        id = s["contact"]
        old = self.contact(id)
        signs, seals = self.roster_keys(old)
        self.list_keys({}, signs | {old.keeper} - {None})
        for seal in seals:
            self.end(self.seals, (id, seal))
        self.contacts[id] = Contact(record_version=s["version"], roster_version=old.roster_version)

    def revocation(self, s, at):
        field(1 <= len(s["key_ids"]) <= 16 and ascending(s["key_ids"]), "key_ids")
        field(known("reason", s["reason"]), "reason")
        need(self.end_of_seat(s), "NOTHING_TO_REVOKE")

    def end_of_seat(self, s):
        """Ends those keys named that stand for the seat; returns whether there was one."""
        contact, name = s["seat"].rsplit("/", 1)
        seal = self.contact(contact).roster.get(name, {}).get("seal")
        standing = [(table, place) for table, place in
                    [(self.keys, id) for id in s["key_ids"]
                     if id in self.keys and self.keys[id].holder == s["seat"]]
                    + [(self.seals, (contact, id)) for id in s["key_ids"] if id == seal]
                    if table[place].until is None]
        for table, place in standing:
            self.end(table, place)
        return bool(standing)

    # Behind a charter of newer rules (9)

    def stop(self):
        self.behind, self.stopped = True, self.size + 1
        self.standing = dict(self.standing_keys(self.newest))

    def follow(self, entry):
        try:
            statement = parse("Entry", entry)["statement"] or b""
        except Malformed:
            return
        if is_charter(statement):
            if self.closed is None and not self.follow_charter(statement):
                self.closed = self.size
        else:
            self.follow_revocation(statement)

    @staticmethod
    def readable(kind, statement):
        well(len(statement) <= 65_000, "too large")
        dsse = parse("Dsse", statement)
        well(dsse["payload_type"] == payload_type(kind), "another kind, or form")
        return dsse, parse(kind, dsse["payload"])

    def standing_keys(self, charter):
        """(key id, Key) of those that stand by it; the first holder and use of a key are its own."""
        mine = {}
        for listed, holder, use in self.charter_keys(charter, people=("registrar",)):
            if not readable(listed, ANY) or use == TLS:
                continue
            id = key_id(listed)
            known = self.keys.get(id) or mine.get(id)
            if known is None or (known.holder, known.use, known.until) == (holder, use, None):
                mine.setdefault(id, known or Key(listed["key"], holder, use, self.size))
        return mine.items()

    def follow_charter(self, statement):
        before = self.newest
        try:
            dsse, s = self.readable("charter", statement)
        except Malformed:
            return False
        here = {"name": self.name, "genesis": self.genesis, "version": before["version"] + 1}
        if here not in s["targets"] or s["previous"] != before["identity"] \
                or s["rules"] - before["rules"] not in (0, 1):
            return False
        standing = dict(self.standing_keys(s))
        for keys, charter in ((self.standing, before), (standing, s)):
            keys = {id: key.key for id, key in keys.items() if key.role() == "registrar"}
            if len(self.signers(dsse, keys)) < max(1, charter["threshold"]):
                return False
        for id, key in standing.items():
            self.keys.setdefault(id, key)
        for id in set(self.standing) - set(standing):
            self.end(self.keys, id)
        self.standing = standing
        self.newest = s | {"identity": sha256(dsse["payload"]), "version": here["version"]}
        return True

    def follow_revocation(self, statement):
        try:
            dsse, s = self.readable("revocation", statement)
        except Malformed:
            return
        here = [target for target in s["targets"]
                if (target["name"], target["genesis"]) == (self.name, self.genesis)]
        if not here or not is_id(s["seat"], SEAT) or member_of(s["seat"]) not in self.members:
            return
        signers = self.signers(dsse, {id: key.key for id, key in self.keys.items() if key.until is None})
        if any(len(signers & keys) >= threshold > 0
               for keys, threshold in self.quorums("revocation", s, {})):
            self.end_of_seat(s)

    def what_was_taken(self):
        """As a line of log/behind.txt says it."""
        def of(role):
            return listing(id.hex() for id, key in self.standing.items() if key.role() == role)
        changed = [(id.hex(), key) for id, key in self.keys.items() if key.role() in ("seat", "relay")
                   or key.use == TLS and is_id(key.holder, SEAT)]
        changed += [(id.hex(), key) for (_, id), key in self.seals.items()]
        changed = [f"{id}:{key.begin}:{'-' if key.until is None else key.until}" for id, key in changed
                   if key.begin >= self.stopped or (key.until or 0) >= self.stopped]
        closed = "-" if self.closed is None else str(self.closed)
        return [str(self.newest["version"]), closed, of("registrar"), of("log"), of("relay"), listing(changed)]

    @staticmethod
    def signers(dsse, keys):
        """Those of the keys that signed validly."""
        signed = pae(dsse["payload_type"], dsse["payload"])
        return {signature["key_id"] for signature in dsse["signatures"] if signature["key_id"] in keys
                and holds(keys[signature["key_id"]], signature["sig"], signed)}


# --- Log (11) and chains (13, 5.6) ---------------------------------------------------------------

def root_of(entries):
    """RFC 6962, 2.1, as it stands there."""
    if len(entries) < 2:
        return sha256(b"\0", *entries) if entries else sha256()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\1", root_of(entries[:split]), root_of(entries[split:]))


def check_checkpoint(note, directory, root):
    need(len(note) <= 65_536, "checkpoint: too long")
    try:
        text, gap, rest = str(note, "utf-8").partition("\n\n")
    except UnicodeDecodeError:
        raise Refused("checkpoint: not UTF-8") from None
    need(text == f"{directory.name}\n{directory.size}\n{base64.b64encode(root).decode()}",
         "checkpoint: another log, size or root")
    lines = rest.split("\n")
    need(gap and lines.pop() == "" and 1 <= len(lines) <= 128, "checkpoint: its signature lines")
    log = {}
    for key in directory.keys.values():
        if key.use == LOG and key.stood_at(directory.size):
            log[sha256(directory.name.encode(), b"\n\x01", key.key[-32:])[:4]] = key.key
    signed = 0
    for line in lines:
        match = re.fullmatch("\u2014 ([^ ]+) ([A-Za-z0-9+/]+=*)", line)
        need(match and len(match[2]) % 4 == 0, "checkpoint: not a signature line")
        signature = base64.b64decode(match[2])
        need(base64.b64encode(signature).decode() == match[2], "checkpoint: base64")
        if match[1] == directory.name and signature[:4] in log:
            need(holds(log[signature[:4]], signature[4:], f"{text}\n".encode()),
                 "checkpoint: a bad signature of a log key")
            signed += 1
    need(signed, "checkpoint: no log key that stands signed it" if directory.closed is None else
         "checkpoint: not checkable, the log's keys changed in a charter that cannot be followed")


def is_charter(statement):
    """By its payload type alone, read as protobuf of whatever fields (9)."""
    at, found = 0, b""
    try:
        while at < len(statement):
            tag, at = varint(statement, at)
            size = {0: 0, 1: 8, 5: 4}.get(tag & 7)
            if tag & 7 in (0, 2):
                size, at = varint(statement, at)
                size = size if tag & 7 == 2 else 0
            well(size is not None and at + size <= len(statement), "no protobuf")
            found = statement[at:at + size] if tag == 2 << 3 | 2 else found
            at += size
    except Malformed:
        return False
    return found.startswith(b"application/vnd.liaison.charter.")


def listing(words):
    return ",".join(sorted(words)) or "-"


def mailbox_start(genesis, contact, epoch):
    return sha256(b"liaison/mailbox/v1\0", genesis, contact.encode(), b"\0", epoch.to_bytes(8))


def mailbox_next(chain, number, kind, digest):
    need(1 <= kind <= 255, "a kind that cannot be chained")
    return sha256(chain, number.to_bytes(8), bytes([kind]), digest)


def audit_start(genesis):
    return sha256(b"liaison/audit/v1\0", genesis)


def audit_next(chain, number, record):
    return sha256(chain, number.to_bytes(8), sha256(record))


# --- Messages (12 to 14): what needs no directory ------------------------------------------------

CORRECTION, WITHDRAWAL, ALL_CLEAR, RECEIPT, ACKNOWLEDGEMENT = 3, 5, 6, 8, 9
QUESTION, EXERCISE = 2, 3
BODY_SIZES = [4**n for n in range(6, 13)]
MOST_BYTES = dict.fromkeys(STATEMENTS, 65_000) | {"acknowledgement": 1024, "message": BODY_SIZES[-1]}


def opened(kind, data):
    """Size, form and kind: the DSSE and what it carries."""
    need(len(data) <= MOST_BYTES.get(kind, 16_384), "TOO_LARGE")
    dsse = form("Dsse", data)
    need(dsse["payload_type"] == payload_type(kind), "UNKNOWN_KIND")
    return dsse, form(kind, dsse["payload"])


def is_digest(*digests):
    return all(len(digest) == 32 for digest in digests)


def check_directory(directory):
    field(directory and is_directory(directory["name"]) and is_digest(directory["genesis"]), "directory")


def check_view(view):
    field(view and view["size"] and is_digest(view["root"]), "view")


def check_drill(drill):
    field(not drill or drill["kind"] and (is_text(drill["name"]) if drill["name"] else
                                          drill["kind"] not in (QUESTION, EXERCISE)), "drill")


def check_place(place, name):
    field(place and is_id(place["contact"], CONTACT) and place["epoch"] and is_digest(place["chain"]), name)


def check_recipient(recipient):
    ladder, substituted = recipient["step"], recipient["stands_in_for"]
    field(is_id(recipient["contact"], CONTACT) and known("level", recipient["level"]) and ladder <= 8
          and (not substituted or ladder and is_id(substituted, CONTACT)), "recipients")


def check_addressing(a):
    check_directory(a["directory"])
    for name in ("id", "thread"):
        field(len(a[name]) == 16 and a[name][6] >> 4 == 7 and a[name][8] >> 6 == 2, name)
    field(len(a["in_reply_to"]) in (0, 32), "in_reply_to")
    field(is_id(a["sender"], SEAT), "sender")
    recipients = a["recipients"]
    contacts = [recipient["contact"] for recipient in recipients]
    field(1 <= len(recipients) <= 32 and len(set(contacts)) == len(contacts)
          and ascending([(recipient["step"], recipient["contact"]) for recipient in recipients]), "recipients")
    for recipient in recipients:
        check_recipient(recipient)
    field(a["class"], "class")
    field(a["urgency"], "urgency")
    check_drill(a["drill"])
    field(a["created"] < a["expires"] <= a["created"] + 30 * DAY, "expires")
    check_view(a["view"])
    field(ascending(a["flags"]) and all(a["flags"]), "flags")
    names = [extra["name"] for extra in a["extras"]]
    field(ascending(names) and all(map(is_name, names)), "extras")


def check_signers(kind, s, signers):
    """signers: key id -> holder; each of them signed."""
    if kind in ("header", "message"):
        a = s["addressing"]
        need(signers.get(a["sender_key"]) == a["sender"], "NOT_THE_SENDER")
        need(set(map(contact_of, signers.values())) == {contact_of(a["sender"])}, "SUPERFLUOUS_SIGNATURE")
    elif kind == "acknowledgement":
        need(list(signers.values()) == [s["seat"]], "NOT_THE_SENDER")
    elif kind == "possession":
        need(list(signers) == [s["key_id"]], "not signed by the key that it names, alone")
    elif kind == "approval":
        need({member_of(holder) for holder in signers.values()} <= {"operator", "registrar"},
             "not signed by operators or registrars")
    else:
        need(list(signers.values()) == [f"relay/{s['directory']['name']}"], "RECEIPT_NOT_VERIFIED")


def check_fields(kind, s):
    if kind == "possession":
        return field(s["holder"] and known("use", s["use"]), "use")
    if kind in ("header", "message"):
        check_addressing(s["addressing"])
    else:
        check_directory(s["directory"])
    if "view" in s:
        check_view(s["view"])
    if "header_digest" in s:
        field(is_digest(s["header_digest"]), "header_digest")
    if kind == "header":
        field(is_digest(s["body_digest"]), "body_digest")
        need(s["body_size"] in BODY_SIZES, "BODY_SIZE")
        need(1 <= s["letters"] <= 128, "WRONG_LETTERS")
        field(is_digest(s["letters_root"]), "letters_root")
        field(ascending([blob["digest"] for blob in s["blobs"]]) and all(
            is_digest(blob["digest"]) and blob["size"] in BODY_SIZES for blob in s["blobs"]), "blobs")
    elif kind == "accepted":
        for place in s["places"]:
            check_place(place, "places")
    elif kind == "mailbox-head":
        check_place(s["place"], "place")
    elif kind == "acknowledgement":
        field(known("level", s["level"]), "level")
        check_drill(s["drill"])
    elif kind == "audit-head":
        field(is_digest(s["chain"]), "chain")
    elif kind == "approval":
        field(is_digest(s["nonce"]), "nonce")
        field(s["base"] and s["expires"], "base")
        field(is_name(s["action"]), "action")


def is_age(data):
    """As far as that is seen without a key (12.5). All sizes here make whole chunks, once there is one."""
    match = re.match(rb"age-encryption\.org/v1\n-> mlkem768x25519 ([A-Za-z0-9+/]{1494})\n"
                     rb"([A-Za-z0-9+/]{43})\n--- ([A-Za-z0-9+/]{43})\n", data)
    if not match or len(data) < 1627 + 16 + 16:
        return False
    values = [base64.b64decode(text + b"=" * (-len(text) % 4)) for text in match.groups()]
    return match.groups() == tuple(base64.b64encode(value).rstrip(b"=") for value in values)


# --- Messages: readers and the relay (10, 12.6, 12.7, 14, 16) ------------------------------------

class Message(NamedTuple):
    digest: bytes
    header: dict
    addressing: dict
    signers: dict

    def contact(self):
        return contact_of(self.addressing["sender"])

    def class_(self):
        return self.addressing["class"]

    def recipients(self):
        return {recipient["contact"] for recipient in self.addressing["recipients"]}

    def readers(self):
        return self.recipients() | {self.contact()}

    def is_supported(self):
        """By the relay of today (7.3)."""
        a = self.addressing
        return all(recipient["step"] == recipient["after"] == 0 for recipient in a["recipients"]) \
            and a["class"] <= 9 and a["urgency"] <= 4 and all(flag <= 2 for flag in a["flags"]) \
            and (not a["drill"] or a["drill"]["kind"] <= 3) and not self.header["blobs"] \
            and len(self.signers) == 1 and self.header["body_size"] <= 2**20


class Judge:
    """Knows the first entries of a log, and the directory that they make."""

    def __init__(self, entries, directory):
        self.entries, self.directory, self.kept, self.addressed = entries, directory, {}, {}

    def check_here(self, directory):
        need(directory and directory["name"] == self.directory.name, "OTHER_DIRECTORY")
        need(directory["genesis"] == self.directory.genesis, "OTHER_GENESIS")

    def is_ahead(self, view):
        return view and view["size"] > len(self.entries)

    def check_root(self, view):
        need(root_of(self.entries[:view["size"]]) == view["root"], "FOREIGN_VIEW")

    def signers(self, dsse, role, most=1):
        """key id -> Key of those that signed (6.5), each of this role."""
        ids = [signature["key_id"] for signature in dsse["signatures"]]
        keys = {id: self.directory.keys[id] for id in ids if id in self.directory.keys}
        roles = [keys[id].role() if id in keys else None for id in ids]
        need(role != "relay" or roles == ["relay"], "RECEIPT_NOT_VERIFIED")
        check_order(ids)
        need(None not in roles, "UNKNOWN_KEY")
        need(set(roles) <= {role}, "WRONG_PURPOSE")
        need(Directory.signers(dsse, {id: key.key for id, key in keys.items()}) == set(ids), "BAD_SIGNATURE")
        need(ids, "BELOW_THRESHOLD")
        need(len(ids) <= most, "SUPERFLUOUS_SIGNATURE")
        return keys

    # A reader

    def header(self, held, data, by_relay=False):
        """Point 9 of section 16, to the body. The relay asks the same, but of keys that stand now."""
        dsse, s = opened("header", data)
        a = s["addressing"] = form("Addressing", s["addressing"])
        need(by_relay or not self.is_ahead(a["view"]), "SYNC_FIRST")
        self.check_here(a["directory"])
        signers = self.signers(dsse, "seat", most=4)
        check_fields("header", s)
        check_signers("header", s, {id: key.holder for id, key in signers.items()})
        need(all(key.until is None if by_relay else key.stood_at(a["view"]["size"])
                 for key in signers.values()), "KEY_NOT_IN_FORCE")
        if not by_relay:
            self.check_backdated(held, signers)
            self.check_root(a["view"])
        return Message(sha256(dsse["payload"]), s, a, signers)

    @staticmethod
    def check_backdated(held, signers):
        need(all(key.until is None or held <= key.until for key in signers.values()), "BACKDATED")

    def answer(self, kind, role, data):
        """Section 14: an acknowledgement, accepted receipt or mailbox head, by itself."""
        dsse, s = opened(kind, data)
        need(not self.is_ahead(s["view"]), "SYNC_FIRST")
        self.check_here(s["directory"])
        signers = self.signers(dsse, role)
        check_signers(kind, s, {id: key.holder for id, key in signers.items()})
        check_fields(kind, s)
        self.check_root(s["view"])
        need(all(key.stood_at(s["view"]["size"]) for key in signers.values()), "KEY_NOT_IN_FORCE")
        return s, signers

    @staticmethod
    def check_beside(s, message):
        need(s["view"]["size"] >= message.addressing["view"]["size"], "VIEW_BEFORE")
        need(s["header_digest"] == message.digest, "RECEIPT_NOT_VERIFIED")

    def acknowledgement(self, held, header, acknowledgement):
        message = self.header(0, header)
        s, signers = self.answer("acknowledgement", "seat", acknowledgement)
        self.check_beside(s, message)
        self.check_backdated(held, signers)
        need(contact_of(s["seat"]) in message.recipients()
             and s["drill"] == message.addressing["drill"], "RECEIPT_NOT_VERIFIED")

    def accepted(self, header, receipt):
        message = self.header(0, header)
        s, _ = self.answer("accepted", "relay", receipt)
        self.check_beside(s, message)
        contacts = [place["contact"] for place in s["places"]]
        need(contacts and ascending(contacts) and set(contacts) <= message.recipients()
             and all(place["number"] for place in s["places"]), "RECEIPT_NOT_VERIFIED")

    def mailbox_head(self, contact, head):
        s, _ = self.answer("mailbox-head", "relay", head)
        need(s["place"]["contact"] == contact, "RECEIPT_NOT_VERIFIED")
        return s["place"]

    def mailbox(self, contact, number, chain, answers):
        """Section 13: what Collect answered is what its head signs. How many entries came, are gone,
        and are forgotten."""
        *answers, last = (form("CollectResponse", answer) for answer in answers)
        place, came, gone, forgotten = self.mailbox_head(contact, last["head"]), 0, 0, 0
        chain = chain or mailbox_start(self.directory.genesis, contact, place["epoch"])
        for answer in answers:
            if begins := answer["beginning"]:
                need(begins["number"] > number and begins["epoch"] == place["epoch"], "MAILBOX_HISTORY")
                forgotten += begins["number"] - number
                number, chain = begins["number"], begins["chain"]
                continue
            item = answer["message"]
            need(item and item["number"] == number + 1, "MAILBOX_HISTORY")
            signed = item["header"] if item["kind"] in (1, 2, 4) else item["acknowledgement"]
            need(not (item["gone"] and (signed or item["body"])), "MAILBOX_HISTORY")
            came, gone = came + (not item["gone"]), gone + bool(item["gone"])
            digest = item["gone"] or sha256(form("Dsse", signed)["payload"])
            number, chain = number + 1, mailbox_next(chain, number + 1, item["kind"], digest)
        need((number, chain) == (place["number"], place["chain"]), "MAILBOX_HISTORY")
        return came, gone, forgotten

    def thread(self, header, *others):
        message = self.header(0, header)
        others = [self.header(0, other) for other in others]
        a = message.addressing
        check_alone(message)
        answered = [other for other in others if other.digest == a["in_reply_to"]]
        for other in answered:
            check_answer(message, other)
        if a["id"] != a["thread"] and not (answered and a["class"] in (RECEIPT, ACKNOWLEDGEMENT)):
            check_first(message, [other for other in others if message.contact() in other.readers() and
                                  other.addressing["id"] == other.addressing["thread"] == a["thread"]])

    # The relay (12.6)

    def submit(self, time, caller, header, body, *letters):
        message = self.header(0, header, by_relay=True)
        s, a = message.header, message.addressing
        need(message.is_supported(), "NOT_YET_SUPPORTED")
        need(len(body) == s["body_size"], "BODY_SIZE")
        need(sha256(body) == s["body_digest"], "BODY_DIGEST")
        need(is_age(body), "NOT_SEALED")
        need(len(letters) == s["letters"], "WRONG_LETTERS")
        need(all(len(letter) <= 2500 for letter in letters), "TOO_LARGE")
        sealed = [form("Letter", letter) for letter in letters]
        field(all(is_id(letter["seat"], SEAT) for letter in sealed), "letter")
        need(root_of(letters) == s["letters_root"], "WRONG_LETTERS")
        need(all(is_age(letter["age"]) for letter in sealed), "NOT_SEALED")
        need(caller == message.contact(), "NOT_THE_SENDER")
        before = self.kept.get((caller, a["id"]))
        if before and time <= before.addressing["expires"] + DAY:
            return need(before.digest == message.digest, "ID_USED_TWICE")
        need(a["created"] <= time + 300, "ISSUED_IN_FUTURE")
        field(a["expires"] > time, "expires")
        need(not self.is_ahead(a["view"]), "VIEW_AHEAD")
        self.check_root(a["view"])
        changed = map(subject_of, self.entries[a["view"]["size"]:])
        need(not any(subject in (contact, member_of(contact)) for subject in changed
                     for contact in message.readers()), "STALE_DIRECTORY")
        for recipient in a["recipients"]:
            self.check_can_read(recipient)
        wanted = sorted(pair for contact in message.readers() for pair in self.seals(contact))
        need(wanted == [(letter["seat"], letter["seal_key"]) for letter in sealed], "WRONG_LETTERS")
        check_alone(message)
        check_first(message, [self.kept[contact, a["thread"]] for contact in message.readers()
                              if (contact, a["thread"]) in self.kept and a["id"] != a["thread"]])
        if a["class"] == RECEIPT:
            self.check_due(time, message, len(header) + len(body) + sum(map(len, letters)), len(letters))
        self.kept[caller, a["id"]] = message
        self.addressed[message.digest] = [letter["seat"] for letter in sealed
                                          if contact_of(letter["seat"]) in message.recipients()]

    def seals(self, contact):
        """The seats of a contact whose seal key stands, with its id."""
        for name, keys in self.directory.contact(contact).roster.items():
            if self.directory.seals[contact, keys["seal"]].until is None:
                yield f"{contact}/{name}", keys["seal"]

    def check_can_read(self, recipient):
        contact = self.directory.contact(recipient["contact"])
        need(contact.record, "UNKNOWN_CONTACT")
        need(contact.record == "record", "RECIPIENT_LISTED")
        need(recipient["level"] in contact.levels, "NOT_A_LEVEL")
        need(any(self.seals(recipient["contact"])), "RECIPIENT_WITHOUT_SEATS")

    def check_due(self, time, receipt, size, letters):
        """A delivered receipt that the message answered pays (14)."""
        seat, to = receipt.addressing["sender"], receipt.recipients()
        kept = [message for message in self.kept.values() if message.class_() != RECEIPT]
        answered = [message for message in kept if message.digest == receipt.addressing["in_reply_to"]
                    and time < message.addressing["expires"] + DAY]
        need(answered, "RECEIPT_NOT_DUE")
        check_thread(to == {answered[0].contact()})
        need(seat in self.addressed[answered[0].digest], "RECEIPT_NOT_DUE")
        need(receipt.header["body_size"] == 4096 and size <= 6144 + 2048 * letters, "RECEIPT_NOT_DUE")
        need(all(other.class_() != RECEIPT or other.addressing["sender"] != seat
                 or other.addressing["in_reply_to"] != answered[0].digest for other in self.kept.values()),
             "RECEIPT_NOT_DUE")


def subject_of(entry):
    """The contact, or for an admission the member, that an entry is about; None for a charter."""
    dsse = parse("Dsse", parse("Entry", entry)["statement"])
    kind = next(kind for kind in STATEMENTS if payload_type(kind) == dsse["payload_type"])
    if kind != "charter":
        subject = parse(kind, dsse["payload"])[SUBJECTS[kind][0]]
        return contact_of(subject) if kind == "revocation" else subject


# Threads (12.7)

def check_thread(condition):
    need(condition, "WRONG_THREAD")


def check_alone(message):
    a = message.addressing
    check_thread((a["id"] == a["thread"]) == (not a["in_reply_to"]))
    check_thread(a["in_reply_to"] or a["class"] not in (CORRECTION, WITHDRAWAL, RECEIPT, ACKNOWLEDGEMENT))
    check_thread(a["class"] not in (RECEIPT, ACKNOWLEDGEMENT)
                 or [recipient["step"] for recipient in a["recipients"]] == [0])


def check_answer(message, other):
    """Beside the message that it answers."""
    a, b = message.addressing, other.addressing
    check_thread(a["thread"] == b["thread"] and a["drill"] == b["drill"])
    check_thread(message.contact() in other.readers())
    check_thread(a["class"] not in (RECEIPT, ACKNOWLEDGEMENT) or message.recipients() == {other.contact()})
    check_thread(a["class"] not in (CORRECTION, WITHDRAWAL) or message.contact() == other.contact())
    need(a["view"]["size"] >= b["view"]["size"], "VIEW_BEFORE")


def check_first(message, firsts):
    """Beside those that may have begun its thread: one that fits is enough."""
    a, reasons = message.addressing, []
    for first in firsts:
        try:
            if a["in_reply_to"] == first.digest:
                check_answer(message, first)
            check_thread(a["drill"] == first.addressing["drill"])
            return check_thread(a["class"] != ALL_CLEAR or message.contact() == first.contact())
        except Refused as why:
            reasons.append(why)
    if reasons:
        raise reasons[0]


# --- Golden files (17) ---------------------------------------------------------------------------

def rows(path):
    lines = path.read_text("utf-8").split("\n")
    return [line.split(" ") for line in lines if line and not line.startswith("#")]


def fold_rows(name, lines):
    """The entries, and the states before the first and after each."""
    states = [Directory(name)]
    entries = [bytes.fromhex(value) for _, value in lines]
    for index, (label, _) in enumerate(lines):
        states.append(states[-1].copy())
        try:
            kind = states[-1].take(entries[index])
        except Refused as why:
            raise Refused(f"entry {index} ({label}): {why}") from None
        need(kind in (label, None), f"entry {index}: not of the kind {label}")
    return entries, states


def check_log(log, checkpoint):
    note = checkpoint.read_bytes()
    name = str(note.partition(b"\n")[0], "utf-8")
    lines = rows(log)
    entries, states = fold_rows(name, lines[:-1])
    root = root_of(entries)
    need(lines[-1] == ["root", root.hex()], "the root is another")
    check_checkpoint(note, states[-1], root)
    return entries, states[-1], root


def cases_admitted(path, states):
    for name, n, *entries in rows(path):
        try:
            state = states[int(n)].copy()
            for entry in entries:
                state.take(bytes.fromhex(entry))
            yield name, None
        except Refused as why:
            yield name, f"refused here, {why}"


def cases_refused(path, states):
    for name, reason, n, *entries in rows(path):
        state = states[int(n)].copy()
        found = "none, it is admitted"
        for index, entry in enumerate(entries):
            try:
                state.take(bytes.fromhex(entry))
            except Refused as why:
                found = str(why) if index == len(entries) - 1 else f"{why}, of entry {index} of the case"
                break
        yield name, None if found == reason else f"the file says {reason}, here it is {found}"


def cases_behind(path, state):
    for name, *row in rows(path):
        expected, entries = row[:6], row[6:]
        directory = state.copy()
        try:
            for entry in entries:
                directory.take(bytes.fromhex(entry))
        except Refused as why:
            yield name, f"refused here, {why}"
            continue
        found = directory.what_was_taken()
        yield name, None if found == expected else f"the file says {' '.join(expected)}, here it is {' '.join(found)}"


def judge_of(log, sealed, judge, n, *arguments):
    """Runs one judge of section 17 on the arguments of a case."""
    entries, states = log
    here, hexed = Judge(entries[:int(n)], states[int(n)]), bytes.fromhex
    if judge == "submit":
        envelopes = " ".join(arguments).split(" then ")
        for index, envelope in enumerate(envelopes):
            time, caller, header, *names = envelope.split(" ")
            try:
                here.submit(int(time), caller, hexed(header), *(sealed[name] for name in names))
            except Refused as why:
                raise why if index == len(envelopes) - 1 else Refused(f"{why}, of envelope {index}") from None
        return
    first = {"header": int, "acknowledgement": int, "mailbox-head": str}.get(judge, hexed)
    getattr(here, judge.replace("-", "_"))(first(arguments[0]), *map(hexed, arguments[1:]))


def cases_judged(path, log, refused):
    sealed = {name: bytes.fromhex(value) for name, value in (
        row for folder in path.parents[:2] for file in folder.glob("sealed.txt") for row in rows(file))}
    for name, judge, *case in rows(path):
        expected, found = case.pop(0) if refused else "none", "none"
        expected = SINCE.get(name, expected)
        try:
            judge_of(log, sealed, judge, *case)
        except Refused as why:
            found = str(why)
        yield name, None if found == expected else f"the file says {expected}, here it is {found}"


def cases_of_chains(path):
    chain = number = None
    for word, *values in rows(path):
        case = f"{word} {' '.join(values)}"[:60]
        if word == "mailbox":
            contact, epoch, genesis = values
            chain, number = mailbox_start(bytes.fromhex(genesis), contact, int(epoch)), 0
            yield case, None
            continue
        if word == "entry":
            number += 1
            kind, form_, data = int(values[1]), values[2], bytes.fromhex(values[3])
            digest = data if form_ == "digest" else sha256(form("Dsse", data)["payload"])
            chain = mailbox_next(chain, number, kind, digest)
        here = [str(number), chain.hex()]
        yield case, None if [values[0], values[-1]] == here else f"here it is {' '.join(here)}"


def cases_of_kind(path, kind, keys):
    """payload and dsse: form, envelope, signatures by keys of the golden logs, fields of messages."""
    values = {}
    for name, value in rows(path):
        values[name] = bytes.fromhex(value)
    try:
        dsse, payload = opened(kind, values["dsse"])
        need(dsse["payload"] == values["payload"], "dsse holds another payload")
        ids = [signature["key_id"] for signature in dsse["signatures"]]
        need(ids and set(ids) <= set(keys), "UNKNOWN_KEY")
        check_order(ids)
        need(Directory.signers(dsse, {id: keys[id].key for id in ids}) == set(ids), "BAD_SIGNATURE")
        if kind in STATEMENTS:
            need(all(keys[id].role() in SIGNERS[kind] for id in ids), "WRONG_PURPOSE")
        else:
            if "addressing" in payload:
                payload["addressing"] = form("Addressing", payload["addressing"])
            check_signers(kind, payload, {id: keys[id].holder for id in ids})
            check_fields(kind, payload)
        yield kind, None
    except (Malformed, Refused, KeyError) as why:
        yield kind, f"{type(why).__name__}: {why}"


def golden(top):
    disagreements, states, keys, messages = 0, [], {}, []

    def report(name, cases):
        nonlocal disagreements
        found = []
        try:
            for case in cases():
                found.append(case)
        except (OSError, ValueError, LookupError, TypeError, Refused) as why:
            found.append(("the file", f"{type(why).__name__}: {why}"))
        wrong = [(case, why) for case, why in found if why]
        disagreements += len(wrong)
        print(f"{name}: {len(found) - len(wrong)} of {len(found)} agree")
        for case, why in wrong:
            print(f"    {case}: {why}")

    def rules_1():
        _, state, _ = check_log(top / "log/rules-1.txt", top / "log/rules-1.checkpoint")
        keys.update(state.keys)
        yield from ((f"entry {index}", None) for index in range(state.size))
        yield from (("root", None), ("checkpoint", None))

    def base():
        states.extend(fold_rows("un.example", rows(top / "log/base.txt"))[1])
        keys.update(states[-1].keys)
        yield from ((f"entry {index}", None) for index in range(states[-1].size))

    def judged_base():
        messages.extend(fold_rows("un.example", rows(top / "messages/judged/base.txt")))
        yield from ((f"entry {index}", None) for index in range(len(messages[0])))

    report("log/rules-1.txt, log/rules-1.checkpoint", rules_1)
    report("log/base.txt", base)
    report("log/admissions.txt", lambda: cases_admitted(top / "log/admissions.txt", states))
    report("log/refusals.txt", lambda: cases_refused(top / "log/refusals.txt", states))
    report("log/behind.txt", lambda: cases_behind(top / "log/behind.txt", states[-1]))
    report("messages/chains.txt", lambda: cases_of_chains(top / "messages/chains.txt"))
    report("messages/judged/base.txt", judged_base)
    for name in ("admissions", "refusals", "second/admissions", "second/refusals"):
        path = top / f"messages/judged/{name}.txt"
        report(f"messages/judged/{name}.txt", lambda: cases_judged(path, messages, "refusals" in name))
    for folder, kinds in (("statements", STATEMENTS), ("messages", MESSAGES)):
        there = {path.stem for path in (top / folder).glob("*.txt")} - {"chains"}
        for kind in sorted(there | set(kinds)):
            path = top / folder / f"{kind}.txt"
            report(f"{folder}/{kind}.txt", lambda: cases_of_kind(path, kind, keys))
    return disagreements


def check_mailbox(folder, contact, after, chain):
    answers = {name: [bytes.fromhex(line) for line in (folder / name).read_text().split()]
               for name in ("entries", "answers")}
    pages = [form("GetEntriesResponse", page) for page in answers["entries"]]
    entries, note = [entry for page in pages for entry in page["entries"]], pages[-1]["checkpoint"]
    directory = Directory(str(note.partition(b"\n")[0], "utf-8"))
    for entry in entries:
        directory.take(entry)
    check_checkpoint(note, directory, root_of(entries))
    chain = None if chain == "-" else bytes.fromhex(chain)
    judge = Judge(entries, directory)
    came, gone, forgotten = judge.mailbox(contact, int(after), chain, answers["answers"])
    print(f"accepted: {came} entries, {gone} gone, {forgotten} forgotten")


def tape(path):
    """Records, each behind its length."""
    data, records = path.read_bytes(), []
    while data:
        length = int.from_bytes(data[:4])
        records.append(data[4:4 + length])
        data = data[4 + length:]
    return records


def check_audit(folder):
    entries, records = tape(folder / "entries"), tape(folder / "audit")
    directory = Directory(folder.name)
    for entry in entries:
        directory.take(entry)
    chain = audit_start(directory.genesis)
    for number, record in enumerate(records, 1):
        need(form("AuditRecord", record)["number"] == number, f"record {number}: another number")
        chain = audit_next(chain, number, record)
    dsse, head = opened("audit-head", (folder / "audit-head").read_bytes())
    check_fields("audit-head", head)
    need(head["directory"]["genesis"] == directory.genesis, "the head is of another directory")
    need((head["count"], head["chain"]) == (len(records), chain), "the head is of other records")
    need(len(dsse["signatures"]) == 1, "one key signs the head")
    signature = dsse["signatures"][0]
    key = directory.keys.get(signature["key_id"])
    need(key and key.use == RELAY and key.stood_at(head["view"]["size"]), "the key is not the relay's")
    need(holds(key.key, signature["sig"], pae(dsse["payload_type"], dsse["payload"])),
         "the signature of the head does not hold")
    print(f"accepted: {len(records)} records")


def main(arguments):
    if arguments[:1] in (["--mailbox"], ["--audit"]):
        check = {"--mailbox": check_mailbox, "--audit": check_audit}[arguments[0]]
        try:
            check(pathlib.Path(arguments[1]), *arguments[2:])
        except (Malformed, Refused) as why:
            print(f"refused: {why}")
            return 1
        return 0
    if len(arguments) != 2:
        print(__doc__)
        return 2
    if arguments[0] == "--golden":
        return 1 if golden(pathlib.Path(arguments[1])) else 0
    try:
        entries, directory, root = check_log(*map(pathlib.Path, arguments))
    except (Refused, ValueError) as why:
        print(f"refused: {why}")
        return 1
    except OSError as why:
        print(why)
        return 2
    frozen = ", frozen behind a charter of newer rules" if directory.behind else ""
    print(f"accepted: {directory.name}, {len(entries)} entries, root {root.hex()}{frozen}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
