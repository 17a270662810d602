//! Which web pages may use the rendezvous.
//!
//! A browser lets any page open a WebSocket to anywhere and only adds an `Origin` header, so whoever does not look at
//! it lends its service, and a foothold behind its user's firewall, to every page in the world. Allowed are:
//!
//! 1. pages of this machine (`localhost`, `127.0.0.0/8`, `[::1]`, any port), for development costs no flag;
//! 2. pages that this very server served: `Origin` equals `Host`, and the host is an address or a name that only a
//!    local network resolves. A public name must be listed even then, since its owner may point it at us and would
//!    become "us" (DNS rebinding);
//! 3. what `--allow-origin` lists: an origin, `null` (pages from files), or `*`.
//!
//! No `Origin` at all means no browser. Such a client could claim any origin, so the header would protect nothing; it
//! is let in from this machine only.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::Authority;

/// An origin as a browser writes it: lower case, no default port, no trailing slash; or `*`, or `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
        if text == "*" || text == "null" {
            return Ok(Origin(text));
        }
        Parts::of(&text).map(|_| Origin(without_default_port(&text).to_owned())).ok_or_else(|| {
            format!("{text:?} is not an origin; write one as https://example.org or http://192.0.2.1:8080")
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom to let in, beyond the pages of this machine and our own.
#[derive(Debug, Clone, Default)]
pub struct OriginPolicy {
    listed: Vec<Origin>,
}

/// Why a page, or a program, is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// A page of an origin that is not listed. Contains the origin if it can be one.
    Page(Option<Origin>),
    /// A program, not a browser, on another machine.
    Program,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Page(Some(origin)) => write!(
                f,
                "Pages of {origin} may not use this rendezvous. To let them, start it with --allow-origin {origin}"
            ),
            Denied::Page(None) => write!(f, "The Origin header is not an origin."),
            Denied::Program => write!(
                f,
                "A client without an Origin header may use this rendezvous from its own machine only. \
                 Send an Origin that is listed with --allow-origin."
            ),
        }
    }
}

impl std::error::Error for Denied {}

impl OriginPolicy {
    /// Let in these as well.
    pub fn new(listed: Vec<Origin>) -> Self {
        OriginPolicy { listed }
    }

    /// Whether a request with these headers from this address may use the rendezvous.
    pub fn check(&self, origin: Option<&str>, host: Option<&str>, remote: IpAddr) -> Result<(), Denied> {
        match origin {
            None if remote.to_canonical().is_loopback() => Ok(()),
            None => Err(Denied::Program),
            Some(origin) if self.allows_page(origin, host) => Ok(()),
            Some(origin) => Err(Denied::Page(origin.parse().ok())),
        }
    }

    /// Whether a page of this origin may use the rendezvous.
    pub fn allows_page(&self, origin: &str, host: Option<&str>) -> bool {
        let Ok(Origin(origin)) = origin.parse() else { return false };
        if self.listed.iter().any(|listed| listed.0 == "*" || listed.0 == origin) {
            return true;
        }
        let Some(page) = Parts::of(&origin) else { return false };
        page.is_this_machine() || (page.is_local_name() && host.is_some_and(|host| page.is_served_at(host)))
    }
}

/// Whether a `Host` header is a name that only this machine has for itself.
pub(crate) fn names_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    is_this_machine(authority.host().trim_start_matches('[').trim_end_matches(']'))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// An origin taken apart.
struct Parts {
    host: String,
    authority: String,
    scheme: String,
}

impl Parts {
    fn of(origin: &str) -> Option<Parts> {
        let uri: Uri = origin.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
        let is_bare = origin.len() == scheme.len() + "://".len() + authority.len() && !authority.contains('@');
        if !is_bare || uri.host()?.is_empty() {
            return None;
        }
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Parts { host, authority: authority.to_owned(), scheme: scheme.to_owned() })
    }

    fn is_this_machine(&self) -> bool {
        is_this_machine(&self.host)
    }

    /// An address, or a name that the public name system cannot hold.
    fn is_local_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok() || !self.host.contains('.') || self.host.ends_with(".local")
    }

    fn is_served_at(&self, host: &str) -> bool {
        let host = format!("{}://{}", self.scheme, host.to_ascii_lowercase());
        without_default_port(&host) == without_default_port(&format!("{}://{}", self.scheme, self.authority))
    }
}

fn without_default_port(origin: &str) -> &str {
    let port = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(port).unwrap_or(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn allows(policy: &OriginPolicy, origin: &str, host: &str) -> bool {
        policy.check(Some(origin), Some(host), THERE).is_ok()
    }

    #[test]
    fn pages_of_this_machine_are_let_in_at_any_port() {
        let policy = OriginPolicy::default();
        for origin in ["http://127.0.0.1:3000", "http://localhost", "https://localhost:1", "http://[::1]:8787"] {
            assert!(allows(&policy, origin, "127.0.0.1:8787"), "{origin}");
        }
    }

    #[test]
    fn pages_that_only_look_local_are_not() {
        let policy = OriginPolicy::default();
        for origin in [
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://127.0.0.1@evil.example",
            "http://evil.example/127.0.0.1",
            "http://evil.example#http://localhost",
            "null",
            "",
            "*",
            "localhost",
            "http://",
        ] {
            assert!(!allows(&policy, origin, "127.0.0.1:8787"), "{origin}");
        }
    }

    #[test]
    fn our_own_pages_are_let_in_but_not_under_a_public_name() {
        let policy = OriginPolicy::default();
        assert!(allows(&policy, "http://192.168.1.5:8787", "192.168.1.5:8787"));
        assert!(allows(&policy, "http://table.local", "table.local:80"));
        assert!(allows(&policy, "http://[2001:db8::1]:8787", "[2001:db8::1]:8787"));
        assert!(!allows(&policy, "http://192.168.1.5:9999", "192.168.1.5:8787"));
        assert!(!allows(&policy, "http://rebound.example:8787", "rebound.example:8787"));
    }

    #[test]
    fn listed_pages_are_let_in_however_they_are_written() {
        let policy = OriginPolicy::new(vec!["https://Example.org:443/".parse().unwrap()]);
        assert!(allows(&policy, "https://example.org", "elsewhere"));
        assert!(!allows(&policy, "http://example.org", "elsewhere"));
        assert!(allows(&OriginPolicy::new(vec!["*".parse().unwrap()]), "https://any.example", "x"));
        assert!(allows(&OriginPolicy::new(vec!["null".parse().unwrap()]), "null", "x"));
        assert!("example.org".parse::<Origin>().is_err());
        assert!("https://example.org/path".parse::<Origin>().is_err());
    }

    #[test]
    fn without_an_origin_only_this_machine_is_let_in() {
        let policy = OriginPolicy::default();
        assert_eq!(policy.check(None, None, HERE), Ok(()));
        assert_eq!(policy.check(None, None, "::ffff:127.0.0.1".parse().unwrap()), Ok(()));
        assert_eq!(policy.check(None, None, THERE), Err(Denied::Program));
    }

    #[test]
    fn a_refusal_names_the_flag_to_use() {
        let denied = OriginPolicy::default().check(Some("https://example.org"), None, HERE).unwrap_err();
        assert!(denied.to_string().ends_with("--allow-origin https://example.org"));
    }
}
