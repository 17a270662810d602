//! What is printed at the start: where to look, and how others get in.
//!
//! Short, since it is read by somebody who wants to click. If other devices may connect, each address under which they
//! find us is printed with a code to scan, together with what plain http costs them: a browser gives a page no Web
//! Locks without a secure context, so that their nodes run in memory, under a passing identity. That must not be found
//! out by losing data.

use std::net::{IpAddr, SocketAddr};

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::server::is_open_to_others;

/// At most this many codes are drawn; other addresses are printed only.
const CODES_MAX: usize = 3;

/// What the banner speaks of.
#[derive(Debug, Clone)]
pub struct Banner {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The addresses of this machine's interfaces, with their names.
    pub interfaces: Vec<(String, IpAddr)>,
    /// Whether a site is served.
    pub has_site: bool,
    /// Whether colours may be used.
    pub is_terminal: bool,
}

impl Banner {
    /// The text, ending in a newline.
    pub fn render(&self) -> String {
        let mut text = format!("\n  {}\n\n", self.bold("Roundtable"));
        let here = if self.address.ip().is_unspecified() { self.loopback() } else { self.address };
        if self.has_site {
            text += &format!("  {}\n", self.bold(&url(here)));
        } else {
            text += &format!("  rendezvous  {}\n", self.bold(&format!("ws://{here}/rendezvous")));
        }
        let others = self.addresses_for_others();
        if is_open_to_others(self.address.ip()) {
            text += &self.invitation(&others);
        }
        text += "\n  Ctrl-C stops it.\n\n";
        text
    }

    fn invitation(&self, others: &[SocketAddr]) -> String {
        if others.is_empty() {
            return "\n  Other devices may connect, but this machine has no network address now.\n".to_owned();
        }
        let mut text = "\n  On other devices of this network:\n".to_owned();
        for (place, address) in others.iter().enumerate() {
            let url = url(*address);
            text += &format!("\n  {}\n", self.bold(&url));
            if place < CODES_MAX {
                text += &self.code(&url);
            }
        }
        text + "\n  Over plain http their nodes keep nothing after the tab closes: a browser gives such a page no\n  \
                Web Locks, so the node runs in memory, under a passing identity. Put https in front to keep data.\n"
    }

    /// Addresses under which other devices find us, likely ones first: networks of this machine's own making
    /// (containers, virtual machines) come last.
    fn addresses_for_others(&self) -> Vec<SocketAddr> {
        let bound = self.address.ip();
        if !bound.is_unspecified() {
            return vec![self.address];
        }
        let mut found: Vec<_> = self.interfaces.iter().filter(|(_, ip)| is_reachable(*ip, bound.is_ipv6())).collect();
        found.sort_by_key(|(name, ip)| (is_made_here(name), ip.is_ipv6()));
        found.into_iter().map(|(_, ip)| SocketAddr::new(*ip, self.address.port())).collect()
    }

    fn loopback(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::from([127, 0, 0, 1]), self.address.port())
    }

    /// Black on white whatever the terminal's colours, or nothing may read it.
    fn code(&self, url: &str) -> String {
        let Ok(code) = QrCode::with_error_correction_level(url, EcLevel::L) else { return String::new() };
        let (dark, light) =
            if self.is_terminal { (Dense1x2::Dark, Dense1x2::Light) } else { (Dense1x2::Light, Dense1x2::Dark) };
        let drawn = code.render::<Dense1x2>().dark_color(dark).light_color(light).build();
        let (on, off) = if self.is_terminal { ("\x1b[38;5;16;48;5;231m", "\x1b[0m") } else { ("", "") };
        drawn.lines().map(|line| format!("  {on}{line}{off}\n")).collect()
    }

    fn bold(&self, text: &str) -> String {
        if self.is_terminal { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The addresses of this machine; none if the system does not say.
pub fn interfaces() -> Vec<(String, IpAddr)> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    found.into_iter().map(|interface| (interface.name.clone(), interface.ip())).collect()
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/")
}

fn is_reachable(ip: IpAddr, with_ipv6: bool) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => with_ipv6 && !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
    }
}

fn is_made_here(interface: &str) -> bool {
    ["docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "podman", "cni"].iter().any(|p| interface.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banner(address: &str) -> Banner {
        let interfaces =
            [("lo", "127.0.0.1"), ("docker0", "172.17.0.1"), ("wlan0", "192.168.1.5"), ("wlan0", "fe80::1")];
        Banner {
            address: address.parse().unwrap(),
            interfaces: interfaces.map(|(name, ip)| (name.to_owned(), ip.parse().unwrap())).to_vec(),
            has_site: true,
            is_terminal: false,
        }
    }

    #[test]
    fn on_this_machine_alone_it_is_one_address() {
        let text = banner("127.0.0.1:8787").render();
        assert!(text.contains("http://127.0.0.1:8787/"), "{text}");
        assert!(!text.contains("plain http") && !text.contains('▀'), "{text}");
        assert!(text.lines().count() < 8, "{text}");
    }

    #[test]
    fn if_others_may_come_it_shows_them_how_and_what_it_costs() {
        let text = banner("0.0.0.0:8787").render();
        assert!(text.contains("http://127.0.0.1:8787/"), "{text}");
        let (lan, container) = (text.find("http://192.168.1.5:8787/"), text.find("http://172.17.0.1:8787/"));
        assert!(lan.is_some() && lan < container, "{text}");
        assert!(text.contains("keep nothing after the tab closes") && text.contains('▀'), "{text}");
        assert!(!text.contains("fe80"), "{text}");
    }

    #[test]
    fn a_code_has_light_around_it_on_any_terminal() {
        let plain = banner("192.168.1.5:80").render();
        assert!(plain.contains(&format!("\n  {}\n", "█".repeat(33))), "drawn in light on dark: {plain}");
        let coloured = Banner { is_terminal: true, ..banner("192.168.1.5:80") }.render();
        let black_on_white = format!("\x1b[38;5;16;48;5;231m{}\x1b[0m\n", " ".repeat(33));
        assert!(coloured.contains(&black_on_white), "{coloured:?}");
    }

    #[test]
    fn a_named_address_is_the_only_one_shown() {
        let text = banner("192.168.1.5:80").render();
        assert!(text.contains("http://192.168.1.5:80/") && !text.contains("172.17"), "{text}");
    }

    #[test]
    fn without_a_site_it_says_where_the_rendezvous_is() {
        let text = Banner { has_site: false, ..banner("127.0.0.1:9000") }.render();
        assert!(text.contains("ws://127.0.0.1:9000/rendezvous"), "{text}");
    }
}
