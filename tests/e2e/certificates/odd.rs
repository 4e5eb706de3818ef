//! What may be odd about the certificate of one and the same key, and what follows from it.

use super::Follows::{self, Certificate as Fault, FromKey, NoHandshake};
use super::der::*;

/// A name, what follows, and what is done to a good certificate.
type Odd = (&'static str, Follows, fn(&mut Certificate));

const EMAIL_NAME: u8 = 0x81;
const DNS: u8 = 0x82;
const DIRECTORY: u8 = 0xa4;
const URI: u8 = 0x86;
const IP: u8 = 0x87;
const REGISTERED: u8 = 0x88;
const OTHER: u8 = 0xa0;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const TELETEX: u8 = 0x14;
const BMP: u8 = 0x1e;

/// No name is read, and none gives or takes a right.
pub(super) const NAMES: &[Odd] = &[
    ("names: none at all", FromKey, |_| ()),
    ("names: an empty list", FromKey, |of| of.named(&[])),
    ("names: a DNS name", FromKey, |of| of.named(&[(DNS, b"seat.fr.example")])),
    ("names: two DNS names", FromKey, |of| of.named(&[(DNS, b"a.example"), (DNS, b"b.example")])),
    ("names: the same DNS name twice", FromKey, |of| {
        of.named(&[(DNS, b"a.example"), (DNS, b"a.example")]);
    }),
    ("names: NUL in a DNS name", FromKey, |of| of.named(&[(DNS, b"fr.example\0.jp.example")])),
    ("names: a wildcard", FromKey, |of| of.named(&[(DNS, b"*.example")])),
    ("names: nothing but a wildcard", FromKey, |of| of.named(&[(DNS, b"*")])),
    ("names: IDN as A-labels", FromKey, |of| of.named(&[(DNS, b"xn--bcher-kva.example")])),
    ("names: IDN as UTF-8", FromKey, |of| of.named(&[(DNS, "b\u{fc}cher.example".as_bytes())])),
    ("names: IDN that looks like another", FromKey, |of| {
        of.named(&[(DNS, "un.ex\u{430}mple".as_bytes())]);
    }),
    ("names: IDN that is no Punycode", FromKey, |of| of.named(&[(DNS, b"xn--\x7f.example")])),
    ("names: an empty DNS name", FromKey, |of| of.named(&[(DNS, b"")])),
    ("names: a space", FromKey, |of| of.named(&[(DNS, b" ")])),
    ("names: a line feed", FromKey, |of| of.named(&[(DNS, b"a.example\nb.example")])),
    ("names: a dot at the end", FromKey, |of| of.named(&[(DNS, b"a.example.")])),
    ("names: a DNS name of 300 letters", FromKey, |of| of.named(&[(DNS, &[b'a'; 300])])),
    ("names: 500 DNS names", FromKey, |of| of.named(&[(DNS, b"a.example" as &[u8]); 500])),
    ("names: the service's own", FromKey, |of| {
        of.named(&[(URI, b"liaison://un.example/service/a")]);
    }),
    ("names: another seat's", FromKey, |of| {
        of.named(&[(URI, b"liaison://un.example/jp/cert/duty-1")]);
    }),
    ("names: two URIs", FromKey, |of| {
        of.named(&[(URI, b"liaison://un.example/service/a"), (URI, b"https://a.example")]);
    }),
    ("names: NUL in a URI", FromKey, |of| of.named(&[(URI, b"https://a.example\0/")])),
    ("names: a URI that is none", FromKey, |of| of.named(&[(URI, b"://[")])),
    ("names: the address of this machine", FromKey, |of| of.named(&[(IP, &[127, 0, 0, 1])])),
    ("names: an address of five bytes", FromKey, |of| of.named(&[(IP, &[127, 0, 0, 0, 1])])),
    ("names: an e-mail address", FromKey, |of| of.named(&[(EMAIL_NAME, b"alice@un.example")])),
    ("names: a registrar's in a directory name", FromKey, |of| {
        of.named(&[(DIRECTORY, &common_name(UTF8, b"alice"))]);
    }),
    ("names: one of a kind of its own", FromKey, |of| {
        let upn =
            [oid("2b060104018237140203"), der(0xa0, &der(UTF8, b"alice@un.example"))].concat();
        of.named(&[(OTHER, &upn)]);
    }),
    ("names: a registered number", FromKey, |of| of.named(&[(REGISTERED, &[0x2a, 3, 4])])),
    ("names: a kind that does not exist", FromKey, |of| of.named(&[(0x8f, b"a")])),
    ("names: no list of names", FromKey, |of| of.extend(ALTERNATIVE_NAMES, b"a.example")),
    ("names: twice the extension", NoHandshake, |of| {
        of.named(&[(DNS, b"a.example")]);
        of.named(&[(DNS, b"b.example")]);
    }),
    ("names: critical", FromKey, |of| {
        of.extend_critically(ALTERNATIVE_NAMES, &sequence(&[&der(DNS, b"a.example")]));
    }),
    ("subject: empty", FromKey, |of| of.subject = name(&[])),
    ("subject: a registrar", FromKey, |of| of.subject = common_name(UTF8, b"alice")),
    ("subject: NUL", FromKey, |of| of.subject = common_name(UTF8, b"alice\0bob")),
    ("subject: two common names", FromKey, |of| {
        of.subject = name(&[(COMMON_NAME, UTF8, b"alice"), (COMMON_NAME, UTF8, b"bob")]);
    }),
    ("subject: 1000 letters", FromKey, |of| of.subject = common_name(UTF8, &[b'a'; 1000])),
    ("subject: letters that are not printable", FromKey, |of| {
        of.subject = common_name(PRINTABLE, b"a*b@c\x07");
    }),
    ("subject: UTF-8 that is none", FromKey, |of| of.subject = common_name(UTF8, b"\xff\xfe")),
    ("subject: of Teletex letters", FromKey, |of| of.subject = common_name(TELETEX, b"b\xfccher")),
    ("subject: of two-byte letters", FromKey, |of| of.subject = common_name(BMP, b"\0a\0b")),
    ("subject: an operating instruction", FromKey, |of| {
        of.subject = common_name(UTF8, b"\x1b[2J'; DROP TABLE seats; --");
    }),
    ("issuer: empty", FromKey, |of| of.issuer = name(&[])),
    ("issuer: the service's authority", FromKey, |of| {
        of.issuer = common_name(UTF8, b"un.example service authority");
    }),
];

/// It is for clients, or says nothing of what it is for. What its key may sign is the directory's to say.
pub(super) const USES: &[Odd] = &[
    ("use: client", FromKey, |of| of.used_for(&[CLIENT_AUTH])),
    ("use: client, critical", FromKey, |of| {
        of.extend_critically(EXTENDED_USAGE, &usages(&[CLIENT_AUTH]));
    }),
    ("use: server", Fault, |of| of.used_for(&[SERVER_AUTH])),
    ("use: server, critical", Fault, |of| {
        of.extend_critically(EXTENDED_USAGE, &usages(&[SERVER_AUTH]));
    }),
    ("use: server and client", FromKey, |of| of.used_for(&[SERVER_AUTH, CLIENT_AUTH])),
    ("use: any", FromKey, |of| of.used_for(&[ANY_USAGE])),
    ("use: any and server", FromKey, |of| of.used_for(&[SERVER_AUTH, ANY_USAGE])),
    ("use: code signing", Fault, |of| of.used_for(&[CODE_SIGNING])),
    ("use: code signing and e-mail", Fault, |of| of.used_for(&[CODE_SIGNING, EMAIL])),
    ("use: code signing and client", FromKey, |of| of.used_for(&[CODE_SIGNING, CLIENT_AUTH])),
    ("use: one that nobody knows", Fault, |of| of.used_for(&["2a0304"])),
    ("use: one that nobody knows, and client", FromKey, |of| of.used_for(&["2a0304", CLIENT_AUTH])),
    ("use: a smart card's, and client", FromKey, |of| {
        of.used_for(&["2b060104018237140202", CLIENT_AUTH]);
    }),
    ("use: client twice", FromKey, |of| of.used_for(&[CLIENT_AUTH, CLIENT_AUTH])),
    ("use: an empty list", Fault, |of| of.used_for(&[])),
    ("use: no list of usages", NoHandshake, |of| of.extend(EXTENDED_USAGE, b"client")),
    ("use: bytes behind the list", NoHandshake, |of| {
        of.extend(EXTENDED_USAGE, &[usages(&[CLIENT_AUTH]), vec![5, 0]].concat());
    }),
    ("use: two lists", NoHandshake, |of| {
        of.used_for(&[SERVER_AUTH]);
        of.used_for(&[CLIENT_AUTH]);
    }),
    ("key usage: signatures", FromKey, |of| of.extend_critically(KEY_USAGE, &[3, 2, 7, 0x80])),
    ("key usage: certificates", FromKey, |of| of.extend_critically(KEY_USAGE, &[3, 2, 2, 0x04])),
    ("key usage: key agreement", FromKey, |of| of.extend(KEY_USAGE, &[3, 2, 3, 0x08])),
    ("key usage: none", FromKey, |of| of.extend(KEY_USAGE, &[3, 1, 0])),
    ("authority: yes", FromKey, |of| {
        of.extend_critically(BASIC_CONSTRAINTS, &sequence(&[&[1, 1, 0xff]]));
    }),
    ("authority: yes, and for servers", Fault, |of| {
        of.extend_critically(BASIC_CONSTRAINTS, &sequence(&[&[1, 1, 0xff]]));
        of.used_for(&[SERVER_AUTH]);
    }),
    ("authority: with a path length of 0", FromKey, |of| {
        of.extend_critically(BASIC_CONSTRAINTS, &sequence(&[&[1, 1, 0xff], &integer(&[0])]));
    }),
    ("authority: no, with a path length", FromKey, |of| {
        of.extend_critically(BASIC_CONSTRAINTS, &sequence(&[&integer(&[3])]));
    }),
    ("authority: with a path length of -1", FromKey, |of| {
        of.extend(BASIC_CONSTRAINTS, &sequence(&[&[1, 1, 0xff], &integer(&[0xff])]));
    }),
];

/// By the clock of the service, which stands at 2027-01-15 08:00:00.
pub(super) const DATES: &[Odd] = &[
    ("dates: its last second", FromKey, |of| of.not_after = utc("270115080000Z")),
    ("dates: expired a second ago", Fault, |of| of.not_after = utc("270115075959Z")),
    ("dates: expired years ago", Fault, |of| of.not_after = utc("210101000000Z")),
    ("dates: its first second", FromKey, |of| of.not_before = utc("270115080000Z")),
    ("dates: begins in a second", Fault, |of| of.not_before = utc("270115080001Z")),
    ("dates: begins in years", Fault, |of| of.not_before = utc("300101000000Z")),
    ("dates: 398 days", FromKey, |of| {
        of.not_before = utc("270101000000Z");
        of.not_after = utc("280203000000Z");
    }),
    ("dates: 100 years", FromKey, |of| of.not_after = generalized("21200101000000Z")),
    ("dates: to the end of time", FromKey, |of| of.not_after = generalized("99991231235959Z")),
    ("dates: from before 1970", FromKey, |of| of.not_before = utc("500101000000Z")),
    ("dates: one instant", FromKey, |of| {
        of.not_before = utc("270115080000Z");
        of.not_after = utc("270115080000Z");
    }),
    ("dates: the last before the first", Fault, |of| {
        of.not_before = utc("280101000000Z");
        of.not_after = utc("260101000000Z");
    }),
    ("dates: four digits where two are due", FromKey, |of| {
        of.not_before = generalized("20200101000000Z");
    }),
    ("dates: no seconds", FromKey, |of| of.not_after = utc("4901010000Z")),
    ("dates: a zone", FromKey, |of| of.not_after = utc("490101000000+0100")),
    ("dates: parts of a second", FromKey, |of| of.not_after = generalized("20800101000000.5Z")),
    ("dates: the 30th of February", NoHandshake, |of| of.not_after = utc("490230000000Z")),
    ("dates: no date", NoHandshake, |of| of.not_after = utc("when it ends")),
    ("dates: expired, and for servers", Fault, |of| {
        of.not_after = utc("210101000000Z");
        of.used_for(&[SERVER_AUTH]);
    }),
];

/// What else can be said in a certificate changes nothing, unless it cannot be read.
pub(super) const FORMS: &[Odd] = &[
    ("serial: 0", FromKey, |of| of.serial = integer(&[0])),
    ("serial: below 0", FromKey, |of| of.serial = integer(&[0x80])),
    ("serial: 20 bytes", FromKey, |of| of.serial = integer(&[0x7f; 20])),
    ("serial: 21 bytes", FromKey, |of| of.serial = integer(&[0x7f; 21])),
    ("version: 1", NoHandshake, |of| of.version = Vec::new()),
    ("version: 1, with extensions", NoHandshake, |of| {
        of.version = Vec::new();
        of.used_for(&[CLIENT_AUTH]);
    }),
    ("version: 2", NoHandshake, |of| of.version = version(1)),
    ("version: 4", NoHandshake, |of| of.version = version(3)),
    ("extension: unknown", FromKey, |of| of.extend("2a0304", b"x")),
    ("extension: unknown and critical", FromKey, |of| of.extend_critically("2a0304", b"x")),
    ("extension: unknown, twice", NoHandshake, |of| {
        of.extend("2a0304", b"x");
        of.extend("2a0304", b"x");
    }),
    ("extension: a list of revocations", FromKey, |of| {
        let list = der(0xa0, &der(0xa0, &der(URI, b"http://127.0.0.1:1/crl")));
        of.extend("551d1f", &sequence(&[&sequence(&[&list])]));
    }),
    ("extension: whom to ask by OCSP", FromKey, |of| {
        let access = sequence(&[&oid("2b06010505073001"), &der(URI, b"http://127.0.0.1:1/ocsp")]);
        of.extend("2b06010505070101", &sequence(&[&access]));
    }),
    ("extension: OCSP must be stapled", FromKey, |of| {
        of.extend("2b06010505070118", &sequence(&[&integer(&[5])]));
    }),
    ("extension: a poisoned precertificate", FromKey, |of| {
        of.extend_critically("2b06010401d679020403", &[5, 0]);
    }),
    ("extension: limits to names", FromKey, |of| {
        let permitted = sequence(&[&der(DNS, b"jp.example")]);
        of.extend_critically("551d1e", &sequence(&[&der(0xa0, &permitted)]));
    }),
    ("extension: an attested policy", FromKey, |of| {
        of.extend("551d20", &sequence(&[&sequence(&[&oid("2a0304")])]));
    }),
    ("extension: a key identifier of another key", FromKey, |of| {
        of.extend("551d0e", &der(0x04, &[7; 20]));
    }),
    ("signature: of nobody", FromKey, |of| of.signature = |signature| vec![7; signature.len()]),
    ("signature: empty", FromKey, |of| of.signature = |_| Vec::new()),
    ("signature: said to be of MD5", FromKey, |of| {
        let md5 = || Some(sequence(&[&oid("2a864886f70d010104"), &[5, 0]]));
        of.algorithms = [md5(), md5()];
    }),
    ("signature: said to be of SHA-1", FromKey, |of| {
        let sha1 = || Some(sequence(&[&oid("2a864886f70d010105"), &[5, 0]]));
        of.algorithms = [sha1(), sha1()];
    }),
    ("signature: said to be two things", FromKey, |of| {
        of.algorithms[0] = Some(sequence(&[&oid("2a8648ce3d040302")]));
    }),
    ("bytes: one behind it", NoHandshake, |of| of.whole = |whole| [whole, vec![0]].concat()),
    ("bytes: the last is missing", NoHandshake, |of| {
        of.whole = |whole| whole[..whole.len() - 1].to_vec();
    }),
    ("bytes: one", NoHandshake, |of| of.whole = |_| vec![0x30]),
    ("bytes: no certificate", NoHandshake, |of| of.whole = |_| b"not a certificate".to_vec()),
    ("bytes: of indefinite length", NoHandshake, |of| {
        of.whole = |whole| [&[0x30, 0x80], &whole[4..], &[0, 0]].concat();
    }),
    ("bytes: two certificates in one", NoHandshake, |of| of.whole = |whole| whole.repeat(2)),
    ("bytes: 16 KiB", FromKey, |of| of.grow(16 * 1024)),
    ("bytes: 16 KiB and one", NoHandshake, |of| of.grow(16 * 1024 + 1)),
];
