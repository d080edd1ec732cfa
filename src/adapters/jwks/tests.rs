//! Are the keys of issuers fetched, each for itself, and shown?

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::adapters::http::tests::certificates::Authority;
use crate::adapters::http::tests::service::{Act, Service};
use crate::config::duration::Span;
use crate::config::file::Algorithm;
use crate::pipeline::identity::minting::Pair;
use crate::pipeline::identity::published::Source;

/// Where the set is.
pub(super) const PATH: &str = "/keys";

pub(super) fn set(keys: &[&Pair]) -> String {
    let keys: Vec<&Value> = keys.iter().map(|pair| &pair.jwk).collect();
    json!({ "keys": keys }).to_string()
}

/// An identity provider with a certificate of a private authority.
pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) authority: Authority,
    pub(super) service: Service,
}

impl House {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let tls = authority.issue("id.test").server();
        Self {
            service: Service::start(Some(tls)).await,
            folder,
            authority,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.service.address)
    }

    /// A source at a URL below the server; the issuer's own metadata where there is none.
    pub(super) fn source(&self, name: &str, path: Option<&str>) -> Source {
        let fetch = KeyFetch {
            ca_file: Some(self.authority.file.clone()),
            file: self.folder.path().join(format!("state/{name}.json")),
            max_age: Span::from_secs(3_600),
            timeout: Span::from_secs(5), // two cores run all tests at once
            cooldown: Span::from_millis(10),
        };
        Source {
            name: Arc::from(name),
            issuer: self.url(),
            url: path.map(|path| format!("{}{path}", self.url())),
            algorithms: BTreeSet::from([Algorithm::ES256]),
            fetch,
        }
    }
}

pub(super) fn ids(published: &Published) -> Vec<String> {
    let keys = published.keys(clock::unix_time());
    let ids = |keys: Arc<crate::pipeline::identity::keys::KeySet>| {
        keys.iter().filter_map(|key| key.id.clone()).collect()
    };
    keys.map_or_else(|flaw| vec![format!("{flaw:?}")], ids)
}

fn key_sets() -> (KeySets, Arc<AtomicUsize>) {
    let gone = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&gone);
    let withdrew = move || {
        counted.fetch_add(1, Ordering::SeqCst);
    };
    (KeySets::new(&[7; 32], Handle::current(), withdrew), gone)
}

/// Waits until it holds, bounded: some seconds more than a slow machine needs.
async fn until(holds: impl Fn() -> bool) {
    for _ in 0..4_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_down_takes_no_other_with_it() {
    let (up, down) = (House::new().await, House::new().await);
    let (a, b) = (Pair::es256("a"), Pair::es256("b"));
    up.service.put(PATH, &set(&[&a]));
    down.service.says("503 Service Unavailable", "", "");
    let up_keys = Arc::new(Published::new(up.source("up", Some(PATH))));
    let down_keys = Arc::new(Published::new(down.source("down", Some(PATH))));
    let (all, _) = key_sets();
    let both = || vec![Arc::clone(&up_keys), Arc::clone(&down_keys)];
    all.follow(both()).await;
    assert_eq!(ids(&up_keys), ["a"]);
    assert_eq!(ids(&down_keys), ["KeysMissing"]);
    let told = all.told();
    let told: Vec<_> = told
        .iter()
        .map(|one| (&*one.issuer, one.is_usable, one.is_answering))
        .collect();
    assert_eq!(told, [("down", false, false), ("up", true, true)]);
    let says = all.told().remove(0).says;
    assert!(
        says.contains("tokens are refused; can't be asked: its status is 503"),
        "{says}"
    );
    // it is back, and nobody has to do anything
    down.service.put(PATH, &set(&[&b]));
    down.service.act(&[Act::Honest]);
    until(|| ids(&down_keys) == ["b"]).await;
    let told = all.told().remove(0);
    assert!(
        told.is_usable && told.is_answering && told.failures > 0,
        "{told:?}"
    );
    assert!(
        told.says.starts_with("1 keys, confirmed 0 s ago"),
        "{told:?}"
    );
    // what stays is not asked anew, what goes is not asked any more
    let asked = up.service.heads().len();
    all.follow(both()).await;
    assert_eq!(up.service.heads().len(), asked);
    all.follow(Vec::new()).await;
    assert!(all.told().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_fetches_a_new_key_and_a_gone_one_is_told() {
    let house = House::new().await;
    let (a, b) = (Pair::es256("a"), Pair::es256("b"));
    house.service.put(PATH, &set(&[&a]));
    let published = Arc::new(Published::new(house.source("owners", Some(PATH))));
    let (all, gone) = key_sets();
    all.follow(vec![Arc::clone(&published)]).await;
    let begun = clock::monotonic();
    house.service.put(PATH, &set(&[&a, &b]));
    published.want();
    until(|| ids(&published) == ["a", "b"]).await;
    assert_eq!(gone.load(Ordering::SeqCst), 0);
    assert!(!published.withdrew_since(begun));
    house.service.put(PATH, &set(&[&b]));
    published.want();
    until(|| gone.load(Ordering::SeqCst) == 1).await;
    assert_eq!(ids(&published), ["b"]);
    assert!(published.withdrew_since(begun));
}
