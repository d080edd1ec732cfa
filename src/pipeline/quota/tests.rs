//! Do charges count apart what they should, and say so in their fields?

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::config::file::PrincipalKind;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;

const KEY: [u8; 32] = [7; 32];

fn policy(name: &str, parts: &[QuotaKey]) -> Arc<QuotaPolicy> {
    Arc::new(QuotaPolicy {
        name: Arc::from(name),
        quota: 30,
        window: Duration::from_secs(86_400),
        key: parts.iter().copied().collect(),
    })
}

fn principal(issuer: &str, subject: &str, client: Option<&str>) -> Principal {
    Principal {
        kind: PrincipalKind::User,
        issuer: Arc::from(issuer),
        subject: subject.to_owned(),
        client: client.map(str::to_owned),
        scopes: Vec::new(),
        fleet: None,
        tenant: None,
        roles: Vec::new(),
        sign_in: SignIn::default(),
        credential: Credential {
            expires_at: Duration::MAX,
            ..Credential::default()
        },
        pseudonym: String::new(),
    }
}

fn key_of(policy: &Arc<QuotaPolicy>, who: Option<&Principal>, vin: Option<&Vin>, ip: &str) -> u64 {
    let charged = Charged {
        principal: who,
        vin,
        address: ip.parse().unwrap(),
    };
    charges(std::slice::from_ref(policy), charged, &KEY)[0].partition_key
}

#[test]
fn each_part_counts_apart_and_no_other() {
    use QuotaKey::{Address, Client, Principal as Person, Vehicle};
    let vins = [
        Vin::read("SJNFAAZE0U6012345").unwrap(),
        Vin::read("SJNFAAZE0U6012346").unwrap(),
    ];
    let alice = principal("owners", "alice", Some("app"));
    let bob = principal("owners", "bob", Some("app"));
    let dealer_alice = principal("dealers", "alice", Some("app"));
    let web_alice = principal("owners", "alice", Some("web"));
    let no_client = principal("owners", "alice", None);
    let base = (&alice, 0, "192.0.2.1");
    // What differs from the base, and which part of a key sees it.
    let table = [
        ((&bob, 0, "192.0.2.1"), Some(Person)),
        ((&dealer_alice, 0, "192.0.2.1"), Some(Person)),
        ((&web_alice, 0, "192.0.2.1"), Some(Client)),
        ((&no_client, 0, "192.0.2.1"), Some(Client)),
        ((&alice, 1, "192.0.2.1"), Some(Vehicle)),
        ((&alice, 0, "192.0.2.2"), Some(Address)),
        ((&alice, 0, "::ffff:192.0.2.1"), None),
    ];
    for part in [Person, Client, Vehicle, Address] {
        let policy = policy("p", &[part]);
        let of = |(who, vin, ip): (&Principal, usize, &str)| {
            key_of(&policy, Some(who), Some(&vins[vin]), ip)
        };
        for (other, seen_by) in table {
            let case = format!("{part:?} and {seen_by:?}");
            assert_eq!(of(base) != of(other), seen_by == Some(part), "{case}");
        }
    }
}

#[test]
fn an_ipv6_network_is_one_address() {
    let policy = policy("p", &[QuotaKey::Address]);
    let of = |ip| key_of(&policy, None, None, ip);
    assert_eq!(
        of("2001:db8:1:2::1"),
        of("2001:db8:1:2:ffff:ffff:ffff:ffff")
    );
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_ne!(of("::1"), of("0.0.0.0"));
}

#[test]
fn the_key_and_the_name_of_the_policy_decide_too() {
    let alice = principal("owners", "alice", None);
    let charged = Charged {
        principal: Some(&alice),
        vin: None,
        address: "192.0.2.1".parse().unwrap(),
    };
    let policies = [
        policy("a", &[QuotaKey::Principal]),
        policy("b", &[QuotaKey::Principal]),
    ];
    let under = |key: [u8; 32]| charges(&policies, charged, &key);
    let [one, two] = [under(KEY), under([8; 32])];
    let keys: HashSet<u64> = one.iter().chain(&two).map(|c| c.partition_key).collect();
    assert_eq!(keys.len(), 4);
    assert_eq!(under(KEY), one, "the same request charges the same cells");
    assert_eq!(
        &*one[1].policy.name, "b",
        "charges are in the policies' order"
    );
}

#[test]
fn a_missing_part_is_not_an_empty_one() {
    let policy = policy("p", &[QuotaKey::Client]);
    let none = principal("owners", "alice", None);
    let empty = principal("owners", "alice", Some(""));
    let of = |who| key_of(&policy, Some(who), None, "192.0.2.1");
    assert_ne!(of(&none), of(&empty));
}

proptest! {
    #[test]
    fn parts_do_not_run_into_each_other(a in "[a\x01]{0,4}", b in "[a\x01]{0,4}", c in "[a\x01]{0,4}", d in "[a\x01]{0,4}") {
        let policy = policy("p", &[QuotaKey::Principal]);
        let of = |issuer: &str, subject: &str| {
            key_of(&policy, Some(&principal(issuer, subject, None)), None, "192.0.2.1")
        };
        prop_assert_eq!(of(&a, &b) == of(&c, &d), (a, b) == (c, d));
    }

    #[test]
    fn any_name_gives_whole_fields(name in any::<String>(), remaining: u32, reset: u64) {
        let policy = QuotaPolicy {
            name: Arc::from(name.as_str()),
            quota: u32::MAX,
            window: Duration::MAX,
            key: BTreeSet::new(),
        };
        let reset = Duration::from_nanos(reset);
        let standing = QuotaStanding { policy: Arc::new(policy), remaining, reset };
        prop_assert_eq!(headers(&standing).len(), 2);
    }
}

fn text(fields: &[(HeaderName, HeaderValue)]) -> Vec<String> {
    fields
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect()
}

#[test]
fn a_standing_is_told_in_the_drafts_form() {
    let standing = QuotaStanding {
        policy: policy("commands-per-vehicle", &[]),
        remaining: 29,
        reset: Duration::from_millis(119_001),
    };
    let expected = [
        "ratelimit: \"commands-per-vehicle\";r=29;t=120",
        "ratelimit-policy: \"commands-per-vehicle\";q=30;w=86400",
    ];
    assert_eq!(text(&headers(&standing)), expected);
}

#[test]
fn names_are_escaped() {
    assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
    assert_eq!(quoted("tägl\u{7f}ich\r\n"), "\"t?gl?ich??\"");
}

#[test]
fn a_refusal_says_when_to_come_back() {
    let charge = Charge {
        policy: policy("a", &[]),
        partition_key: 1,
    };
    let refusal = |index, retry_after| {
        let exhausted = Exhausted { index, retry_after };
        refuse(std::slice::from_ref(&charge), exhausted)
    };
    let Denial::QuotaExceeded(refused) = refusal(0, Duration::from_millis(1_500)) else {
        panic!("wanted a quota refusal");
    };
    let expected = [
        "ratelimit: \"a\";r=0;t=2",
        "ratelimit-policy: \"a\";q=30;w=86400",
        "retry-after: 2",
    ];
    assert_eq!(text(&refusal_headers(&refused)), expected);
    assert_eq!(
        refusal(1, Duration::ZERO),
        Denial::DependencyUnavailable(Dependency::Ledger)
    );
}

#[test]
fn a_wait_is_never_zero_rounds_up_and_fits_its_field() {
    let table = [
        (Duration::ZERO, 1),
        (Duration::from_nanos(1), 1),
        (Duration::from_secs(1), 1),
        (Duration::from_millis(1_001), 2),
        (Duration::from_millis(59_999), 60),
        (Duration::MAX, LARGEST_INTEGER),
    ];
    for (retry_after, expected) in table {
        let refusal = QuotaRefusal {
            policy: Arc::from("door"),
            quota: None, // the door keeps its limit to itself
            window: Duration::from_secs(1),
            retry_after,
        };
        let expected = format!("retry-after: {expected}");
        assert_eq!(text(&refusal_headers(&refusal)), [expected]);
    }
}
