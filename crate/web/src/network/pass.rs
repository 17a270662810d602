//! What an invite says: one side of a connection, in so few bytes that it fits a QR code.
//!
//! Of a whole description only the fragment and password of ICE, the certificate's fingerprint and a few addresses
//! matter (PLATFORM); the rest is the same for all of us and is written anew by [`Pass::description`]. What is read
//! here comes from a stranger, so nothing of it but numbers and letters that ICE allows can reach a description. All of
//! it is in the room's seal and then in base64url, which a URL and a QR code take as it is. Before the seal stand a
//! version, the kind and a checksum, so that a letter that was lost in copying is told from a text of another room.
//!
//! A pass is not signed: the seal shows that it comes from the room, and the connection's own handshake proves who is
//! at the other end of it, before anything else is said. It is good for as long as who made it says, once.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64URL_NOPAD;
use roundtable_core::id::{PublicKey, Room};
use roundtable_core::time::WallTime;
use roundtable_core::wire::handshake::{Fingerprint, Nonce};
use roundtable_core::wire::seal;
use serde::{Deserialize, Serialize};

use super::signal::Candidate;

/// The longest text of an invite or an answer, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 300;
const VERSION: u8 = 1;
/// The version, the kind, and two bytes of checksum.
const HEAD_BYTES: usize = 4;
const ADDRESSES_MAX: usize = 8;

/// Whether it invites or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Invite,
    Answer,
}

impl Kind {
    const fn letter(self) -> u8 {
        match self {
            Kind::Invite => 0,
            Kind::Answer => 1,
        }
    }

    fn domain(self) -> &'static str {
        match self {
            Kind::Invite => "invite",
            Kind::Answer => "answer to an invite",
        }
    }
}

/// One side of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    session: [u8; 8],
    /// When it was made, in minutes since 1970, by the clock of who made it.
    minute: u32,
    pub(crate) key: PublicKey,
    pub(crate) nonce: Nonce,
    fingerprint: [u8; 32],
    fragment: String,
    password: String,
    addresses: Vec<Address>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Address {
    port: u16,
    host: Host,
    /// A public address that a STUN server saw, not one of the machine itself.
    reflexive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Host {
    V4([u8; 4]),
    V6([u8; 16]),
    /// A multicast DNS name under which browsers hide an address: a UUID.
    Hidden([u8; 16]),
}

/// Why a text is no invite, or no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassError {
    /// Not what we write: garbage, or cut off.
    Garbled,
    /// Of a version that this build does not speak.
    Version,
    /// An answer where an invite is asked for, or the reverse.
    Kind,
    /// Of another room.
    Foreign,
}

/// Who a pass is from, beside its connection.
pub(crate) struct Maker {
    pub(crate) session: u64,
    pub(crate) key: PublicKey,
    pub(crate) nonce: Nonce,
    pub(crate) at: WallTime,
}

impl Pass {
    /// The pass of a connection whose own description, with these candidates, is at hand. `None` if that is not one
    /// that a browser would write.
    pub(crate) fn of(maker: &Maker, sdp: &str, candidates: &[Candidate]) -> Option<Pass> {
        let line = |name: &str| sdp.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::to_owned);
        let mut addresses: Vec<Address> =
            candidates.iter().filter_map(|found| Address::of_candidate(&found.candidate)).collect();
        // What reaches furthest comes first, since not everything may fit.
        addresses.sort_by_key(|address| (matches!(address.host, Host::V6(_)), address.reflexive));
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        let pass = Pass {
            session: maker.session.to_le_bytes(),
            minute: minute(maker.at),
            key: maker.key,
            nonce: maker.nonce,
            fingerprint: *Fingerprint::of_description(sdp)?.as_bytes(),
            fragment: line("a=ice-ufrag:")?,
            password: line("a=ice-pwd:")?,
            addresses,
        };
        pass.is_sound().then_some(pass)
    }

    /// As text, with as many addresses as fit. `None` if there are none, or not even one fits.
    pub(crate) fn write(mut self, room: &Room, kind: Kind) -> Option<String> {
        while !self.addresses.is_empty() {
            let text = postcard::to_allocvec(&self).expect("a pass always serialises to a Vec");
            let sealed = seal::seal(room, kind.domain(), &text);
            let [high, low] = checksum(&sealed);
            let text = BASE64URL_NOPAD.encode(&[&[VERSION, kind.letter(), high, low][..], &sealed].concat());
            if text.len() <= TEXT_BYTES_MAX {
                return Some(text);
            }
            self.addresses.pop();
        }
        None
    }

    /// Read a text back. White space, as copying adds it, is passed over.
    pub(crate) fn read(room: &Room, kind: Kind, text: &str) -> Result<Pass, PassError> {
        if text.len() > 4 * TEXT_BYTES_MAX {
            return Err(PassError::Garbled);
        }
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| PassError::Garbled)?;
        let (head, sealed) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(PassError::Garbled)?;
        let [version, letter, sum @ ..] = head;
        if sealed.len() < seal::SEAL_BYTES || checksum(sealed) != *sum {
            return Err(PassError::Garbled);
        }
        // After the checksum, which all versions have in the same place: noise is of no version.
        if *version != VERSION {
            return Err(PassError::Version);
        }
        if *letter != kind.letter() {
            return Err(PassError::Kind);
        }
        let bytes = seal::open(room, kind.domain(), sealed).ok_or(PassError::Foreign)?;
        match postcard::take_from_bytes::<Pass>(&bytes) {
            Ok((pass, [])) if pass.is_sound() => Ok(pass),
            _ => Err(PassError::Garbled),
        }
    }

    /// The random number by which both sides know the connection.
    pub(crate) fn session(&self) -> u64 {
        u64::from_le_bytes(self.session)
    }

    /// How many minutes ago it was made, by our clock; nothing if that is in the future.
    pub(crate) fn age_minutes(&self, now: WallTime) -> u32 {
        minute(now).saturating_sub(self.minute)
    }

    /// What is said is what ICE allows (RFC 8839), so that no line can be smuggled into a description.
    fn is_sound(&self) -> bool {
        let letters = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
        (4..=32).contains(&self.fragment.len())
            && (22..=40).contains(&self.password.len())
            && letters(&self.fragment)
            && letters(&self.password)
            && self.addresses.len() <= ADDRESSES_MAX
    }

    /// The description that it stands for.
    pub(crate) fn description(&self, kind: Kind) -> String {
        let setup = match kind {
            Kind::Invite => "actpass",
            Kind::Answer => "active",
        };
        let digits: Vec<String> = self.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        let session = self.session() >> 1;
        format!(
            "v=0\r\no=- {session} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
             a=ice-options:trickle\r\na=fingerprint:sha-256 {}\r\na=setup:{setup}\r\na=mid:0\r\na=sctp-port:5000\r\n\
             a=max-message-size:262144\r\n",
            self.fragment,
            self.password,
            digits.join(":")
        )
    }

    /// The candidates that it stands for.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        let lines = self.addresses.iter().enumerate().map(|(place, address)| address.candidate(place));
        lines.map(|candidate| Candidate { candidate, mid: Some("0".into()), line: Some(0) }).collect()
    }
}

/// Fletcher's: it notices letters that are missing, wrong or swapped. Nobody is kept out by it, that is the seal's.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let sums = bytes.iter().fold((1u16, 0u16), |(sum, sums), byte| {
        let sum = (sum + u16::from(*byte)) % 255;
        (sum, (sums + sum) % 255)
    });
    [sums.0 as u8, sums.1 as u8]
}

fn minute(at: WallTime) -> u32 {
    u32::try_from(at.0 / 60_000).unwrap_or(u32::MAX)
}

impl Address {
    /// The address of a candidate; `None` if it is not UDP, is relayed, or is of no known form.
    fn of_candidate(text: &str) -> Option<Address> {
        let words: Vec<&str> = text.split(' ').take(8).collect();
        let [_, _, protocol, _, host, port, "typ", kind] = words[..] else { return None };
        if !protocol.eq_ignore_ascii_case("udp") || !(kind == "host" || kind == "srflx") {
            return None;
        }
        let port = port.parse().ok().filter(|port| *port > 0)?;
        Some(Address { port, host: Host::of(host)?, reflexive: kind == "srflx" })
    }

    fn candidate(&self, place: usize) -> String {
        let (preference, kind, related) =
            if self.reflexive { (100u64, "srflx", " raddr 0.0.0.0 rport 0") } else { (126, "host", "") };
        let priority = (preference << 24) + ((65_535 - place as u64) << 8) + 255;
        format!("candidate:{} 1 udp {priority} {} {} typ {kind}{related}", place + 1, self.host.text(), self.port)
    }
}

impl Host {
    fn of(text: &str) -> Option<Host> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Host::V4(address.octets()));
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Host::V6(address.octets()));
        }
        let digits = text.strip_suffix(".local")?.replace('-', "");
        Some(Host::Hidden(data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?.try_into().ok()?))
    }

    fn text(&self) -> String {
        match self {
            Host::V4(bytes) => Ipv4Addr::from(*bytes).to_string(),
            Host::V6(bytes) => Ipv6Addr::from(*bytes).to_string(),
            Host::Hidden(bytes) => {
                let mut text = String::new();
                for (index, byte) in bytes.iter().enumerate() {
                    let dash = if [4, 6, 8, 10].contains(&index) { "-" } else { "" };
                    // A `String` takes whatever is written.
                    let _ = write!(text, "{dash}{byte:02x}");
                }
                text + ".local"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roundtable_core::id::KeyPair;

    fn room() -> Room {
        Room::with_secret("kitchen", &[7; 16]).unwrap()
    }

    fn sdp(fragment: &str, password: &str) -> String {
        let digits = ["AB"; 32].join(":");
        format!("v=0\r\na=ice-ufrag:{fragment}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 {digits}\r\n")
    }

    fn candidate(text: &str) -> Candidate {
        Candidate { candidate: text.into(), mid: None, line: None }
    }

    fn pass(candidates: &[&str]) -> Pass {
        let maker = Maker {
            session: u64::MAX,
            key: KeyPair::from_seed([1; 32]).public(),
            nonce: [9; 16],
            at: WallTime(1_790_000_000_000),
        };
        let candidates: Vec<Candidate> = candidates.iter().map(|text| candidate(text)).collect();
        Pass::of(&maker, &sdp("ntj4", "sIoPCcWirXQnLLMuyh+k/ViQ"), &candidates).unwrap()
    }

    const HIDDEN: &str = "candidate:1 1 udp 2113937151 01234567-89ab-cdef-0123-456789abcdef.local 57240 typ host x y";
    const V4: &str = "candidate:1 1 UDP 2113937151 192.0.2.2 57240 typ host generation 0";
    const V6: &str = "candidate:1 1 udp 2113942271 fd00::2 33176 typ host generation 0 network-cost 999";
    const PUBLIC: &str = "candidate:1 1 udp 2113942271 203.0.113.9 1 typ srflx raddr 0.0.0.0 rport 0";

    #[test]
    fn an_invite_is_read_back_and_says_the_same_connection() {
        let pass = pass(&[V6, V4, HIDDEN, PUBLIC]);
        let text = pass.clone().write(&room(), Kind::Invite).unwrap();
        let read = Pass::read(&room(), Kind::Invite, &format!(" {}\n{} ", &text[..50], &text[50..])).unwrap();
        assert_eq!(read, pass);
        let description = read.description(Kind::Invite);
        assert_eq!(Fingerprint::of_description(&description), Some(Fingerprint::from_bytes([0xab; 32])));
        assert!(description.contains("a=ice-ufrag:ntj4\r\n") && description.contains("a=setup:actpass\r\n"));
        let candidates = read.candidates();
        let hosts = ["192.0.2.2 57240 typ host", "89ab-cdef-0123-456789abcdef.local 57240", "203.0.113.9 1 typ srflx"];
        assert!(hosts.iter().all(|host| candidates.iter().any(|found| found.candidate.contains(host))));
        for (found, address) in candidates.iter().zip(&read.addresses) {
            assert_eq!(Address::of_candidate(&found.candidate), Some(*address));
        }
    }

    #[test]
    fn an_invite_has_at_most_300_bytes_however_many_addresses_there_are() {
        let longest = pass(&[V6, HIDDEN, V4, PUBLIC, &V6.replace("::2", "::3"), &HIDDEN.replace("0123", "4567")]);
        let text = longest.write(&room(), Kind::Invite).unwrap();
        assert!(text.len() <= TEXT_BYTES_MAX && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert!(Pass::read(&room(), Kind::Invite, &text).unwrap().addresses.len() >= 3);
        assert_eq!(pass(&[]).write(&room(), Kind::Invite), None, "an invite to nowhere is none");
    }

    #[test]
    fn what_is_no_invite_of_this_room_is_told_apart() {
        let text = pass(&[V4]).write(&room(), Kind::Invite).unwrap();
        let read = |text: &str| Pass::read(&room(), Kind::Invite, text);
        assert_eq!(read(""), Err(PassError::Garbled));
        assert_eq!(read("hello, come in!"), Err(PassError::Garbled));
        assert_eq!(read(&"A".repeat(5_000)), Err(PassError::Garbled));
        assert_eq!(Pass::read(&room(), Kind::Answer, &text), Err(PassError::Kind));
        assert_eq!(Pass::read(&Room::open("kitchen").unwrap(), Kind::Invite, &text), Err(PassError::Foreign));
        assert_eq!(read(&format!("B{}", &text[1..])), Err(PassError::Version));
        for length in 0..text.len() {
            assert_eq!(read(&text[..length]), Err(PassError::Garbled), "{length}");
        }
        for place in 6..text.len() {
            let other = if text.as_bytes()[place] == b'x' { "y" } else { "x" };
            let altered = format!("{}{other}{}", &text[..place], &text[place + 1..]);
            assert!(matches!(read(&altered), Err(PassError::Garbled)), "{place}");
        }
    }

    #[test]
    fn a_description_that_would_smuggle_a_line_in_makes_no_pass() {
        let maker = Maker { session: 1, key: KeyPair::from_seed([1; 32]).public(), nonce: [0; 16], at: WallTime(0) };
        let good = "sIoPCcWirXQnLLMuyh+k/ViQ";
        let spaced = "x y sIoPCcWirXQnLLMuyh+k";
        for (fragment, password) in [("a b c d", good), ("abc", good), ("abcd", "short"), ("abcd", spaced)] {
            assert_eq!(Pass::of(&maker, &sdp(fragment, password), &[candidate(V4)]), None);
        }
    }

    fn read_sealed(text: &[u8]) -> Result<Pass, PassError> {
        let sealed = seal::seal(&room(), Kind::Invite.domain(), text);
        let [high, low] = checksum(&sealed);
        let text = BASE64URL_NOPAD.encode(&[&[VERSION, 0, high, low][..], &sealed].concat());
        Pass::read(&room(), Kind::Invite, &text)
    }

    /// Whoever knows the room can seal anything: what it says is still held to what ICE allows.
    #[test]
    fn a_sealed_pass_that_would_smuggle_a_line_in_is_refused() {
        let mut bad = pass(&[V4]);
        bad.password = "sIoPCcWirXQnLLMuyh+k\r\na=x".into();
        let text = bad.write(&room(), Kind::Invite).unwrap();
        assert_eq!(Pass::read(&room(), Kind::Invite, &text), Err(PassError::Garbled));
        let mut bad = pass(&[V4]);
        bad.addresses = vec![bad.addresses[0]; ADDRESSES_MAX + 1];
        assert_eq!(read_sealed(&postcard::to_allocvec(&bad).unwrap()), Err(PassError::Garbled));
    }

    #[test]
    fn noise_sealed_or_not_never_panics_and_is_no_pass() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..5_000 {
            let noise: Vec<u8> = (0..random.usize(..260)).map(|_| random.u8(..)).collect();
            assert!(Pass::read(&room(), Kind::Invite, &BASE64URL_NOPAD.encode(&noise)).is_err());
            if let Ok(pass) = read_sealed(&noise) {
                assert!(pass.is_sound());
                let _ = (pass.description(Kind::Invite), pass.candidates());
            }
        }
    }

    #[test]
    fn candidates_of_any_kind_make_a_text_that_fits_and_reads_back() {
        let mut random = fastrand::Rng::with_seed(9);
        for _ in 0..500 {
            let lines = [HIDDEN, V4, V6, PUBLIC];
            let count = random.usize(1..12);
            let some: Vec<String> = (0..count)
                .map(|_| random.choice(lines).unwrap().replace("57240", &random.u16(1..).to_string()))
                .collect();
            let some: Vec<Candidate> = some.iter().map(|line| candidate(line)).collect();
            let maker = Maker {
                session: random.u64(..),
                key: KeyPair::from_seed([1; 32]).public(),
                nonce: [random.u8(..); 16],
                at: WallTime(u64::MAX),
            };
            // Chromium writes 4 and 24 letters, Firefox 8 and 32.
            let (fragment, password) = (random.usize(4..=8), random.usize(22..=32));
            let sdp = sdp(&"f".repeat(fragment), &"P".repeat(password));
            let pass = Pass::of(&maker, &sdp, &some).unwrap();
            let text = pass.write(&room(), Kind::Answer).unwrap();
            assert!(text.len() <= TEXT_BYTES_MAX);
            let read = Pass::read(&room(), Kind::Answer, &text).unwrap();
            assert!(!read.candidates().is_empty());
        }
    }

    #[test]
    fn a_pass_of_the_future_has_no_age() {
        let pass = pass(&[V4]);
        assert_eq!(pass.age_minutes(WallTime(0)), 0);
        assert_eq!(pass.age_minutes(WallTime(1_790_000_000_000 + 3 * 60_000)), 3);
    }
}
