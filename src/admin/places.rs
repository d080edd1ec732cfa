//! How many connections may one caller hold?
//!
//! So many in all, and fewer for each: nobody keeps the others out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Places that are taken and given back.
#[derive(Debug, Clone)]
pub(super) struct Places {
    all: usize,
    each: usize,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place; given back when this goes.
#[derive(Debug)]
pub(super) struct Place {
    of: Places,
    who: String,
}

impl Places {
    /// So many in all, and for each.
    pub(super) fn new(all: usize, each: usize) -> Self {
        Self {
            all,
            each,
            taken: Arc::default(),
        }
    }

    /// A place, if there is one left for `who`.
    pub(super) fn take(&self, who: &str) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all = taken
            .values()
            .fold(0_usize, |sum, one| sum.saturating_add(*one));
        let mine = taken.get(who).copied().unwrap_or(0);
        if all >= self.all || mine >= self.each {
            return None;
        }
        taken.insert(who.to_owned(), mine.saturating_add(1));
        Some(Place {
            of: self.clone(),
            who: who.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.of.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        let left = taken.get(&self.who).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            taken.remove(&self.who);
        } else {
            taken.insert(self.who.clone(), left);
        }
    }
}

/// An address as one caller: whoever has one IPv6 address has its /64.
pub(super) fn address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_what_is_given_back_can_be_taken() {
        let places = Places::new(3, 2);
        let one = places.take("a").unwrap();
        let _two = places.take("a").unwrap();
        assert!(places.take("a").is_none());
        let three = places.take("b").unwrap();
        assert!(places.take("c").is_none());
        drop(three);
        drop(one);
        let _four = places.take("a").unwrap();
        let five = places.take("c");
        assert!(five.is_some());
        assert!(places.take("b").is_none());
    }

    #[test]
    fn one_ipv6_network_is_one_caller() {
        let of = |text: &str| address(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.2"), of("10.0.0.1"));
    }
}
