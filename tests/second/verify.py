#!/usr/bin/env python3
"""A second reader of a log of rules version 1, written from the documents and sharing no code.

    verify.py LOG CHECKPOINT        exit 0: accepted; 1: refused, and why; 2: cannot run

It checks the canonical form of every byte, targets, genesis, DSSE signatures, who must sign and how
many of them, the chain of versions of every counter, holders of keys, the RFC 6962 root and the
checkpoint. It does not check the content of fields beyond their form.
"""
import base64
import hashlib
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
except ImportError:
    print("the Python package 'cryptography' is missing: ./test installs what the tests need")
    sys.exit(2)


class Refused(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Refused(why)


# Fields by number. u: number, b: bytes, s: text, a capital: a message; [: repeated; -: no field.
STATEMENT = "targets:[Target issued_at:u"
RECORD = f"{STATEMENT} contact:s expires:u levels:[u purposes:[u names:[Text"
SCHEMA = {
    "Entry": "statement:b admitted_at:u", "Signature": "sig:b key_id:b",
    "Dsse": "payload:b payload_type:s signatures:[Signature",
    "PublicKey": "algorithm:u key:b", "Text": "language:s text:s",
    "Target": "name:s genesis:b version:u",
    "Facet": "name:s visibility:u members:[s hash:b",
    "Note": "reference:s date:u sha256:b",
    "Person": "id:s name:s sign:PublicKey tls:PublicKey", "Witness": "name:s key:PublicKey",
    "Policy": "stale_after:u metadata_kept:u priority_within:u immediate_within:u flash_within:u",
    "Seat": "name:s sign:PublicKey seal:PublicKey tls:PublicKey", "Ladder": "level:u contacts:[s",
    "charter": f"{STATEMENT} rules:u registrars:[Person threshold:u operators:[Person"
               " auditors:[Person log:[PublicKey relay:[PublicKey service_ca:[b"
               " witnesses:[Witness quorum:u policy:Policy",
    "admission": f"{STATEMENT} member:s kind:u names:[Text authority:[PublicKey threshold:u note:Note",
    "attested-record": f"{RECORD} - - - facets:[Facet note:Note",
    "record": f"{RECORD} keeper:PublicKey custody:u ladders:[Ladder facets:[Facet note:Note",
    "roster": f"{STATEMENT} contact:s seats:[Seat facets:[Facet",
    "withdrawal": f"{STATEMENT} contact:s",
    "revocation": f"{STATEMENT} seat:s key_ids:[b reason:u suspected_from:u",
}
SCHEMA = {message: {number: field.split(":") for number, field in enumerate(fields.split(), 1)
                    if field != "-"} for message, fields in SCHEMA.items()}
WORDS = ("charter", "admission", "attested-record", "record", "roster", "withdrawal", "revocation")
KINDS = {f"application/vnd.liaison.{word}.v1+protobuf": word for word in WORDS}


def varint(data, at):
    value = shift = 0
    while True:
        need(at < len(data) and shift < 64, "canonical: a number is cut or too long")
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            need(data[at - 1] or shift == 7, "canonical: a number with superfluous bytes")
            need(value < 1 << 64, "canonical: a number above 64 bits")
            return value, at


def parse(message, data):
    """The one message of which `data` is the canonical encoding."""
    read = {name: [] if kind[0] == "[" else 0 if kind == "u" else "" if kind == "s" else
            b"" if kind == "b" else None for name, kind in SCHEMA[message].values()}
    at = last = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        need(number in SCHEMA[message], f"canonical: unknown field {number} of {message}")
        name, kind = SCHEMA[message][number]
        many, base = kind[0] == "[", kind.lstrip("[")
        packed = kind == "[u"
        need(number > last - (many and not packed), f"canonical: {message}.{name} is out of order")
        need(wire == (0 if kind == "u" else 2), f"canonical: wire type of {message}.{name}")
        last = number
        value, at = varint(data, at)
        if wire == 2:
            need(at + value <= len(data), f"canonical: {message}.{name} is cut")
            value, at = data[at:at + value], at + value
        if packed:
            need(value, f"canonical: {message}.{name} is written empty")
            while value:
                item, end = varint(value, 0)
                read[name], value = read[name] + [item], value[end:]
            continue
        need(value or many or base[0].isupper(), f"canonical: {message}.{name} is a default, written")
        value = str(value, "utf-8") if base == "s" else parse(base, value) if base[0].isupper() else value
        if many:
            read[name].append(value)
        else:
            read[name] = value
    return read


def key_id(public):
    return hashlib.sha256(public["key"]).digest()


def signature_holds(spki, signature, signed):
    try:
        key = serialization.load_der_public_key(spki)
        how = () if isinstance(key, ed25519.Ed25519PublicKey) else (
            ec.ECDSA(hashes.SHA256() if key.curve.key_size == 256 else hashes.SHA384()),)
        key.verify(signature, signed, *how)
        return True
    except (InvalidSignature, ValueError):
        return False


class Directory:
    """Just enough of the fold: keys with their holders, who decides, versions."""

    def __init__(self):
        self.name = self.genesis = self.charter = None
        self.admitted_at = 0
        self.keys = {}  # id -> (holder and purpose, key)
        self.gone = set()  # ids dropped or revoked
        self.versions = {}  # counter -> version
        self.members, self.records, self.rosters = {}, {}, {}

    def take(self, entry):
        need(len(entry) < 65_536, "an entry is too long")
        entry = parse("Entry", entry)
        need(entry["admitted_at"] >= self.admitted_at, "admitted_at goes back")
        self.admitted_at = entry["admitted_at"]
        dsse = parse("Dsse", entry["statement"])
        kind = KINDS.get(dsse["payload_type"])
        need(kind, f"unknown kind {dsse['payload_type']!r}")
        says = parse(kind, dsse["payload"])
        if self.charter is None:
            need(kind == "charter", "entry 0 is no charter")
            self.name = says["targets"][0]["name"] if says["targets"] else ""
        version = self.version(says)
        signers = self.signers(kind, says, dsse)
        counter = self.counter(kind, says)
        before = -1 if kind == "revocation" else self.versions.get(counter, 0)
        need(version == before + 1, f"version {version} of {counter} after {before}")
        need(-300 <= self.admitted_at - says["issued_at"], "issued_at is in the future")
        need(kind == "revocation" or self.admitted_at - says["issued_at"] <= 30 * 86_400, "too old")
        self.decide(kind, says, signers)
        self.versions[counter] = version
        self.genesis = self.genesis or hashlib.sha256(dsse["payload"]).digest()
        return kind

    def version(self, says):
        names = [target["name"] for target in says["targets"]]
        need(1 <= len(names) <= 16 and names == sorted(set(names)), "targets are no sorted set")
        need(self.name in names, "for another directory")
        target = says["targets"][names.index(self.name)]
        need(target["genesis"] == (self.genesis or b""), "another genesis")
        return target["version"]

    def signers(self, kind, says, dsse):
        signed = b"DSSEv1 %d %s %d %s" % (
            len(dsse["payload_type"]), dsse["payload_type"].encode(), len(dsse["payload"]),
            dsse["payload"])
        ids = [signature["key_id"] for signature in dsse["signatures"]]
        need(ids == sorted(set(ids)), "signatures are no sorted set")
        listed = {key_id(person["sign"]): person["sign"]["key"] for person in says["registrars"]} \
            if kind == "charter" else {}
        for signature in dsse["signatures"]:
            known = self.keys.get(signature["key_id"])
            spki = known[1] if known else listed.get(signature["key_id"])
            need(spki, "signature of an unknown key")
            need(signature_holds(spki, signature["sig"], signed), f"a signature of the {kind} is bad")
        return set(ids)

    @staticmethod
    def counter(kind, says):
        group = {"attested-record": "record", "withdrawal": "record"}.get(kind, kind)
        return group, says.get("contact") or says.get("member") or ""

    def decide(self, kind, says, signers):
        registrars = quorum(self.charter) if self.charter else None
        contact = says.get("contact", "")
        authority = self.members.get(contact.split("/")[0])
        if kind == "charter":
            signed_by(signers, [quorum(says)] + ([registrars] if registrars else []))
            before = self.charter_keys(self.charter) if self.charter else {}
            self.relist(before, self.charter_keys(says))
            self.charter = says
        elif kind == "admission":
            signed_by(signers, [registrars])
            self.relist({}, {("authority", says["member"]): says["authority"]})
            self.members[says["member"]] = set(map(key_id, says["authority"])), says["threshold"]
        elif kind == "attested-record":
            signed_by(signers, [registrars])
            self.records[contact] = None
        elif kind == "record":
            signed_by(signers, [authority])
            self.relist(self.keeper(contact), {("keeper", contact): [says["keeper"]]})
            self.records[contact] = says["keeper"]
        elif kind == "roster":
            keeper = self.records[contact]
            signed_by(signers, [({key_id(keeper)}, 1) if keeper else authority])
            keys = {(purpose, f"{contact}/{seat['name']}"): [seat[purpose]]
                    for seat in says["seats"] for purpose in ("sign", "seal", "tls")}
            self.relist(self.rosters.get(contact, {}), keys)
            self.rosters[contact] = keys
        elif kind == "withdrawal":
            need(contact in self.records, "nothing to withdraw")
            signed_by(signers, [authority if authority[0] else registrars])
            self.relist(self.rosters.pop(contact, {}) | self.keeper(contact), {})
            del self.records[contact]
        else:
            self.revoke(says, signers)

    def keeper(self, contact):
        return {("keeper", contact): [self.records.get(contact)]}

    def revoke(self, says, signers):
        contact = says["seat"].rsplit("/", 1)[0]
        one = {key_id(key) for (purpose, *_), keys in self.rosters.get(contact, {}).items()
               for key in keys if key and purpose == "sign"} - self.gone
        if self.records.get(contact):
            one.add(key_id(self.records[contact]))
        authority = self.members[contact.split("/")[0]]
        need(signers & one or len(signers & authority[0]) >= authority[1] > 0, "threshold")
        need(signers <= one | authority[0], "a superfluous signature")
        mine = {id for id in says["key_ids"] if id in self.keys and self.keys[id][0][1:] ==
                (says["seat"],)} - self.gone
        need(mine, "nothing to revoke")
        self.gone |= mine

    def charter_keys(self, charter):
        keys = {("log", "service"): charter["log"], ("relay", "service"): charter["relay"]}
        for role in ("registrars", "operators", "auditors"):
            for person in charter[role]:
                keys["person sign", role, person["id"]] = [person["sign"]]
                keys["person tls", role, person["id"]] = [person["tls"]]
        return keys | {("witness", w["name"]): [w["key"]] for w in charter["witnesses"]}

    def relist(self, before, now):
        """One holder and purpose for ever; what is listed no longer never returns."""
        listed = [(holder, key) for holder, keys in now.items() for key in keys if key]
        need(len({key_id(key) for _, key in listed}) == len(listed), "a key is listed twice")
        for holder, key in listed:
            known = self.keys.setdefault(key_id(key), (holder, key["key"]))
            need(known[0] == holder, f"a key of {known[0]} is listed for {holder}")
            need(key_id(key) not in self.gone, "a key that was dropped or revoked returns")
        dropped = {key_id(key) for keys in before.values() for key in keys if key}
        self.gone |= dropped - {key_id(key) for _, key in listed}


def quorum(charter):
    return {key_id(person["sign"]) for person in charter["registrars"]}, charter["threshold"]


def signed_by(signers, quorums):
    for ids, threshold in quorums:
        need(len(signers & ids) >= threshold > 0, "fewer signatures than the threshold")
    need(signers <= set().union(*(ids for ids, _ in quorums)), "a superfluous signature")


def root_of(entries):
    """RFC 6962 section 2.1, as it stands there."""
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return hashlib.sha256(b"\1" + root_of(entries[:split]) + root_of(entries[split:])).digest()


def check_checkpoint(note, directory, size, root):
    text, _, signatures = note.partition("\n\n")
    expected = f"{directory.name}\n{size}\n{base64.b64encode(root).decode()}"
    need(text == expected, "the checkpoint is of another log, size or root")
    raw = directory.charter["log"][-1]["key"][-32:]
    name = directory.name.encode()
    hint = hashlib.sha256(name + b"\n\x01" + raw).digest()[:4]
    for line in signatures.splitlines():
        dash, signer, encoded = line.split(" ")
        signature = base64.b64decode(encoded, validate=True)
        if (dash, signer, signature[:4]) == ("\u2014", directory.name, hint):
            spki = directory.charter["log"][-1]["key"]
            need(signature_holds(spki, signature[4:], (text + "\n").encode()), "checkpoint signature")
            return
    raise Refused("the checkpoint is not signed by the newest log key")


def main(log, checkpoint):
    with open(log, encoding="ascii") as lines:
        lines = [line.split() for line in lines if not line.startswith("#")]
    directory, entries = Directory(), []
    for index, (name, value) in enumerate(lines[:-1]):
        entries.append(bytes.fromhex(value))
        try:
            need(directory.take(entries[-1]) == name, f"not of the kind {name}")
        except Refused as why:
            raise Refused(f"entry {index}: {why}") from None
    need(lines[-1] == ["root", root_of(entries).hex()], "the root is another")
    with open(checkpoint, encoding="utf-8") as note:
        check_checkpoint(note.read(), directory, len(entries), root_of(entries))
    print(f"accepted: {directory.name}, {len(entries)} entries, root {root_of(entries).hex()}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (Refused, UnicodeDecodeError) as why:
        print(f"refused: {why}")
        sys.exit(1)
