//! How many connections there may be, in all and from one place.
//!
//! A place is an IPv4 address, or an IPv6 network of 64 bits, since whoever has one address of it has all. This machine
//! itself is one place with a limit of its own: tests and developers open dozens of tabs. Behind a reverse proxy all
//! the world comes from one place; the limits must then be set there.
//!
//! A [`Permit`] is held for as long as the connection is open and gives its seat back when it is dropped, however the
//! connection ended.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// A count of what is open, with its limits. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct Admission {
    per_address_max: usize,
    from_loopback_max: usize,
    total_max: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_place: HashMap<IpAddr, usize>,
}

/// Why nobody more is let in. Nothing was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// There are as many as there may be; try again later, or elsewhere.
    Total,
    /// There are as many as there may be from this address; close some.
    Address,
}

impl Admission {
    /// With nobody in.
    pub fn new(total_max: usize, per_address_max: usize, from_loopback_max: usize) -> Self {
        Admission { per_address_max, from_loopback_max, total_max, open: Arc::default() }
    }

    /// Let one more in from this address, unless it is full.
    pub fn admit(&self, from: IpAddr) -> Result<Permit, Full> {
        let place = place_of(from);
        let place_max = if place.is_loopback() { self.from_loopback_max } else { self.per_address_max };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total_max {
            return Err(Full::Total);
        }
        if open.by_place.get(&place).is_some_and(|n| *n >= place_max) {
            return Err(Full::Address);
        }
        open.total += 1;
        *open.by_place.entry(place).or_default() += 1;
        Ok(Permit { place, open: self.open.clone() })
    }

    /// How many are in.
    pub fn total(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

/// One seat, given back on drop.
#[derive(Debug)]
pub struct Permit {
    place: IpAddr,
    open: Arc<Mutex<Open>>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        if let Some(n) = open.by_place.get_mut(&self.place) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                open.by_place.remove(&self.place);
            }
        }
    }
}

/// What counts as one place.
fn place_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4_or_loopback => v4_or_loopback,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_all_seats() {
        let admission = Admission::new(4, 2, 3);
        let _first = admission.admit(ip("192.0.2.1")).unwrap();
        let _second = admission.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(admission.admit(ip("192.0.2.1")).err(), Some(Full::Address));
        let _other = admission.admit(ip("192.0.2.2")).unwrap();
        let _another = admission.admit(ip("192.0.2.3")).unwrap();
        assert_eq!(admission.admit(ip("192.0.2.4")).err(), Some(Full::Total));
    }

    #[test]
    fn a_seat_is_given_back_when_its_permit_is_dropped() {
        let admission = Admission::new(10, 1, 1);
        let permit = admission.admit(ip("192.0.2.1")).unwrap();
        assert!(admission.admit(ip("192.0.2.1")).is_err());
        drop(permit);
        assert_eq!(admission.total(), 0);
        assert!(admission.open.lock().unwrap().by_place.is_empty());
        assert!(admission.admit(ip("192.0.2.1")).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_place() {
        let admission = Admission::new(10, 1, 1);
        let _held = admission.admit(ip("2001:db8::1")).unwrap();
        assert_eq!(admission.admit(ip("2001:db8::ffff:1")).err(), Some(Full::Address));
        assert!(admission.admit(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn this_machine_has_a_limit_of_its_own() {
        let admission = Admission::new(10, 1, 3);
        let held: Vec<_> = (0..3).map(|_| admission.admit(ip("127.0.0.1")).unwrap()).collect();
        assert_eq!(admission.admit(ip("127.0.0.1")).err(), Some(Full::Address));
        drop(held);
    }
}
