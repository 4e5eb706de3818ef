//! Certificates put together by hand (X.690, RFC 5280), to say what no library would.

use liaison::crypto::sign::{Algorithm, SigningKey};

use crate::support::{clock, key};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

pub(super) const COMMON_NAME: &str = "550403";
pub(super) const KEY_USAGE: &str = "551d0f";
pub(super) const ALTERNATIVE_NAMES: &str = "551d11";
pub(super) const BASIC_CONSTRAINTS: &str = "551d13";
pub(super) const EXTENDED_USAGE: &str = "551d25";

pub(super) const ANY_USAGE: &str = "551d2500";
pub(super) const SERVER_AUTH: &str = "2b06010505070301";
pub(super) const CLIENT_AUTH: &str = "2b06010505070302";
pub(super) const CODE_SIGNING: &str = "2b06010505070303";
pub(super) const EMAIL: &str = "2b06010505070304";

const ED25519: &str = "2b6570";
const ECDSA_SHA256: &str = "2a8648ce3d040302";
const ECDSA_SHA384: &str = "2a8648ce3d040303";

/// Tag, length and content.
pub(super) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    let length = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let short = content.len() < 0x80;
    let form = 0x80 | u8::try_from(length.len()).unwrap();
    let head = if short { vec![bytes[bytes.len() - 1]] } else { [&[form], length].concat() };
    [&[tag], &head[..], content].concat()
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(SEQUENCE, &parts.concat())
}

/// Of an object identifier's content in hexadecimal.
pub(super) fn oid(hex: &str) -> Vec<u8> {
    der(OID, &hex::decode(hex).unwrap())
}

pub(super) fn integer(content: &[u8]) -> Vec<u8> {
    der(INTEGER, content)
}

/// As the text says, two digits a year.
pub(super) fn utc(text: &str) -> Vec<u8> {
    der(UTC_TIME, text.as_bytes())
}

/// As the text says, four digits a year.
pub(super) fn generalized(text: &str) -> Vec<u8> {
    der(GENERALIZED_TIME, text.as_bytes())
}

/// A name of one common name, whose string has this tag.
pub(super) fn common_name(tag: u8, text: &[u8]) -> Vec<u8> {
    name(&[(COMMON_NAME, tag, text)])
}

/// A name of these attributes: identifier, tag, text.
pub(super) fn name(attributes: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let each = attributes.iter().map(|(id, tag, text)| {
        let attribute = sequence(&[&oid(id), &der(*tag, text)]);
        der(SET, &attribute)
    });
    der(SEQUENCE, &each.collect::<Vec<_>>().concat())
}

/// An X.509 certificate: each part as DER, whatever it says.
#[derive(Clone)]
pub(super) struct Certificate {
    pub(super) version: Vec<u8>,
    pub(super) serial: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    pub(super) not_before: Vec<u8>,
    pub(super) not_after: Vec<u8>,
    pub(super) subject: Vec<u8>,
    pub(super) public_key: Vec<u8>,
    pub(super) extensions: Vec<Vec<u8>>,
    /// What is said of the signature, inside and outside; that of the signer's key unless changed.
    pub(super) algorithms: [Option<Vec<u8>>; 2],
    /// Done to the signature, and to the whole.
    pub(super) signature: fn(Vec<u8>) -> Vec<u8>,
    pub(super) whole: fn(Vec<u8>) -> Vec<u8>,
}

impl Certificate {
    /// Nothing about it is odd.
    pub(super) fn of(public_key: &[u8]) -> Self {
        Self {
            version: version(2),
            serial: integer(&[1; 16]),
            issuer: common_name(UTF8_STRING, b"liaison client"),
            not_before: utc("200101000000Z"),
            not_after: generalized("20800101000000Z"),
            subject: common_name(UTF8_STRING, b"liaison client"),
            public_key: public_key.to_vec(),
            extensions: Vec::new(),
            algorithms: [None, None],
            signature: |signature| signature,
            whole: |whole| whole,
        }
    }

    pub(super) fn signed(&self, signer: &SigningKey) -> Vec<u8> {
        let [inside, outside] =
            self.algorithms.clone().map(|said| said.unwrap_or_else(|| algorithm(signer)));
        let extensions = der(0xa3, &der(SEQUENCE, &self.extensions.concat()));
        let signed = sequence(&[
            &self.version,
            &self.serial,
            &inside,
            &self.issuer,
            &sequence(&[&self.not_before, &self.not_after]),
            &self.subject,
            &self.public_key,
            if self.extensions.is_empty() { &[] } else { &extensions },
        ]);
        let signature = (self.signature)(signer.sign(&signed, clock().1.random()).unwrap());
        let signature = der(BIT_STRING, &[&[0], &signature[..]].concat());
        (self.whole)(sequence(&[&signed, &outside, &signature]))
    }

    /// Adds an extension with such a value.
    pub(super) fn extend(&mut self, id: &str, value: &[u8]) {
        self.extensions.push(sequence(&[&oid(id), &der(OCTET_STRING, value)]));
    }

    /// Adds one that whoever does not know it must refuse.
    pub(super) fn extend_critically(&mut self, id: &str, value: &[u8]) {
        let value = der(OCTET_STRING, value);
        self.extensions.push(sequence(&[&oid(id), &[1, 1, 0xff], &value]));
    }

    /// Adds what fills it up to so many bytes, once an Ed25519 key has signed it.
    pub(super) fn grow(&mut self, bytes: usize) {
        let with = |filler: usize| {
            let mut grown = self.clone();
            grown.extend("2a0304", &vec![0; filler]);
            grown
        };
        let above = with(bytes).signed(&key("any")).len() - bytes;
        *self = with(bytes - above);
    }

    /// Subject alternative names: tag and content of each.
    pub(super) fn named(&mut self, names: &[(u8, &[u8])]) {
        let names: Vec<_> = names.iter().map(|(tag, content)| der(*tag, content)).collect();
        self.extend(ALTERNATIVE_NAMES, &der(SEQUENCE, &names.concat()));
    }

    /// Extended usages.
    pub(super) fn used_for(&mut self, usages: &[&str]) {
        self.extend(EXTENDED_USAGE, &self::usages(usages));
    }
}

pub(super) fn usages(usages: &[&str]) -> Vec<u8> {
    der(SEQUENCE, &usages.iter().map(|usage| oid(usage)).collect::<Vec<_>>().concat())
}

/// Counted from 0.
pub(super) fn version(number: u8) -> Vec<u8> {
    der(0xa0, &integer(&[number]))
}

fn algorithm(signer: &SigningKey) -> Vec<u8> {
    sequence(&[&oid(match signer.public().algorithm() {
        Algorithm::Ed25519 => ED25519,
        Algorithm::P256 => ECDSA_SHA256,
        Algorithm::P384 => ECDSA_SHA384,
    })])
}
