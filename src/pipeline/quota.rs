//! Is there quota left for this principal, client and vehicle?
//!
//! Pure half: which charges a request makes (GCRA cells under hashed keys), and what the answer's
//! `RateLimit` fields say (draft-ietf-httpapi-ratelimit-headers). The counts live in a ledger.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue};
use ring::hmac;

use crate::config::file::QuotaKey;
use crate::denial::{Denial, Dependency, QuotaRefusal};
use crate::digest;
use crate::pipeline::Principal;
use crate::pipeline::ports::Exhausted;
use crate::pipeline::vehicle::Vin;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The largest integer of a structured field (RFC 9651, 3.3.1).
const LARGEST_INTEGER: u64 = 999_999_999_999_999;

/// A quota policy as a decision uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaPolicy {
    /// Name in the configuration; public in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// Units a window, and the most at once.
    pub quota: u32,
    /// Length of the window.
    pub window: Duration,
    /// What is counted apart.
    pub key: BTreeSet<QuotaKey>,
}

/// One unit of one policy for one partition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The policy.
    pub policy: Arc<QuotaPolicy>,
    /// Keyed hash of policy name and key parts: no VIN or subject in a ledger.
    pub partition_key: u64,
}

/// What is left after a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaStanding {
    /// The policy.
    pub policy: Arc<QuotaPolicy>,
    /// Units left.
    pub remaining: u32,
    /// Until all units are there again.
    pub reset: Duration,
}

/// Whose units are taken.
#[derive(Debug, Clone, Copy)]
pub struct Charged<'a> {
    /// The principal, if verified.
    pub principal: Option<&'a Principal>,
    /// The vehicle, if named.
    pub vin: Option<&'a Vin>,
    /// The client's address.
    pub address: IpAddr,
}

/// The network that an address counts as: one IPv4 address, or an IPv6 /64, which is what one
/// household gets. An IPv4-mapped IPv6 address is the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// An IPv4 address.
    V4(u32),
    /// The first 64 bits of an IPv6 address.
    V6(u64),
}

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                Self::V6(u64::try_from(address.to_bits() >> 64).unwrap_or_default())
            }
        }
    }
}

/// The charges of a request. A policy whose key has a part that the request lacks is refused at
/// load for vehicle and principal; a missing client counts as one client of its own.
pub fn charges(policies: &[Arc<QuotaPolicy>], charged: Charged<'_>, key: &[u8; 32]) -> Vec<Charge> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    policies
        .iter()
        .map(|policy| Charge {
            policy: Arc::clone(policy),
            partition_key: partition_key(policy, charged, &key),
        })
        .collect()
}

/// First 64 bits of the HMAC over name and parts. Each is written with its length, so that no two
/// lists of parts read alike; a part that is missing has a mark that no present one has.
fn partition_key(policy: &QuotaPolicy, charged: Charged<'_>, key: &hmac::Key) -> u64 {
    let mut hash = hmac::Context::with_key(key);
    add(&mut hash, Some(policy.name.as_bytes()));
    for part in &policy.key {
        match part {
            QuotaKey::Principal => {
                hash.update(b"p");
                add(
                    &mut hash,
                    charged.principal.map(|who| who.issuer.as_bytes()),
                );
                add(
                    &mut hash,
                    charged.principal.map(|who| who.subject.as_bytes()),
                );
            }
            QuotaKey::Client => {
                hash.update(b"c");
                let client = charged.principal.and_then(|who| who.client.as_deref());
                add(&mut hash, client.map(str::as_bytes));
            }
            QuotaKey::Vehicle => {
                hash.update(b"v");
                add(&mut hash, charged.vin.map(|vin| vin.as_str().as_bytes()));
            }
            QuotaKey::Address => {
                hash.update(b"a");
                match Network::of(charged.address) {
                    Network::V4(bits) => add(&mut hash, Some(&bits.to_be_bytes())),
                    Network::V6(bits) => add(&mut hash, Some(&bits.to_be_bytes())),
                }
            }
        }
    }
    digest::short(&digest::whole(hash.sign().as_ref()))
}

fn add(hash: &mut hmac::Context, part: Option<&[u8]>) {
    let Some(part) = part else {
        hash.update(&[0]);
        return;
    };
    hash.update(&[1]);
    let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
    hash.update(&length.to_be_bytes());
    hash.update(part);
}

/// The refusal for a charge that could not be made. A ledger that names no charge of the request
/// can't be understood, so nothing is known of its counts.
pub fn refuse(charges: &[Charge], exhausted: Exhausted) -> Denial {
    let Some(charge) = charges.get(exhausted.index) else {
        return Denial::DependencyUnavailable(Dependency::Ledger);
    };
    Denial::QuotaExceeded(QuotaRefusal {
        policy: Arc::clone(&charge.policy.name),
        quota: Some(u64::from(charge.policy.quota)),
        window: charge.policy.window,
        retry_after: exhausted.retry_after,
    })
}

/// The refusal of an address that floods.
pub fn flooding(retry_after: Duration) -> Denial {
    Denial::QuotaExceeded(QuotaRefusal {
        policy: Arc::from("door"),
        quota: None,
        window: Duration::from_secs(1),
        retry_after,
    })
}

/// `RateLimit` and `RateLimit-Policy` of an answer that was let through
/// (draft-ietf-httpapi-ratelimit-headers-10, 3 and 4).
pub fn headers(standing: &QuotaStanding) -> Vec<(HeaderName, HeaderValue)> {
    let QuotaStanding {
        policy,
        remaining,
        reset,
    } = standing;
    let name = quoted(&policy.name);
    fields([
        (RATE_LIMIT, limit(&name, u64::from(*remaining), *reset)),
        (
            RATE_LIMIT_POLICY,
            stated(&name, u64::from(policy.quota), policy.window),
        ),
    ])
}

/// `Retry-After` of a refusal, and its `RateLimit` fields where the limit is stated.
pub fn refusal_headers(refusal: &QuotaRefusal) -> Vec<(HeaderName, HeaderValue)> {
    let wait = seconds(refusal.retry_after).max(1);
    let retry = (RETRY_AFTER, wait.to_string());
    let Some(quota) = refusal.quota else {
        return fields([retry]);
    };
    let name = quoted(&refusal.policy);
    fields([
        (RATE_LIMIT, limit(&name, 0, Duration::from_secs(wait))),
        (RATE_LIMIT_POLICY, stated(&name, quota, refusal.window)),
        retry,
    ])
}

fn limit(name: &str, remaining: u64, reset: Duration) -> String {
    format!("{name};r={remaining};t={}", seconds(reset))
}

/// A window of less than a second counts as one: the field has whole seconds.
fn stated(name: &str, quota: u64, window: Duration) -> String {
    let quota = quota.min(LARGEST_INTEGER);
    format!("{name};q={quota};w={}", seconds(window).max(1))
}

/// Whole seconds, rounded up: who waits that long has waited enough.
pub(crate) fn seconds(time: Duration) -> u64 {
    let part = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(part).min(LARGEST_INTEGER)
}

/// A structured-field string (RFC 9651, 3.3.3): printable ASCII, `"` and `\` escaped. What it can't
/// hold becomes `?`.
fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len().saturating_add(2));
    text.push('"');
    for character in name.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            _ => text.push('?'),
        }
    }
    text.push('"');
    text
}

fn fields<const N: usize>(written: [(HeaderName, String); N]) -> Vec<(HeaderName, HeaderValue)> {
    // Printable ASCII is always a field value; what is not one is left out, never half written.
    written
        .into_iter()
        .filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests;
